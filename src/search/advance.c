#include "search/state.h"

#include <math.h>

/* Of the rows of one group, first .. end - 1, the best candidates, best first, in s->merged;
 * `start`: the first row that this sentence has in the next step. */
static int32_t merge(rd_search *s, int32_t group, int64_t first, int64_t end, int64_t start,
                     int64_t n_next) {
    int32_t n = 0;
    for (int64_t r = first; r < end; r++) {
        const rd_candidate *candidates = s->candidates + r * s->candidate_stride;
        int32_t count = s->candidate_counts[r];
        if (s->config->sampling) { /* the first row has drawn a token for each sample */
            if (count > 0) s->merged[n++] = candidates[count > 1 ? group : 0];
        } else if (n_next == start || s->config->diverse_strength == 0) {
            rd_candidates_merge(s->merged, &n, 2 * s->width, candidates, count);
        } else {
            for (int32_t i = 0; i < count; i++) {
                rd_candidate candidate = candidates[i];
                candidate.score -= rd_diverse_penalty(s, start, n_next, candidate.token);
                rd_candidates_merge(s->merged, &n, 2 * s->width, &candidate, 1);
            }
        }
    }
    return n;
}

/* Adds the row that continues `candidate` to those of the next step. */
static rd_status continue_hypothesis(rd_search *s, const rd_candidate *candidate, int32_t group,
                                     float penalty, int64_t *n_next) {
    const rd_search_row *row = &s->rows[candidate->row];
    int32_t node;
    RD_TRY(rd_nodes_add(s,
                        (rd_search_node){.token = candidate->token,
                                         .parent = row->node,
                                         .aligned = s->aligned ? s->aligned[candidate->row] : -1},
                        &node));
    rd_coverage_continue(s, candidate->row, *n_next);
    rd_constraints_continue(s, candidate, *n_next);
    s->next_rows[*n_next] = (rd_search_row){.sentence = row->sentence,
                                            .group = group,
                                            .node = node,
                                            .length = row->length + 1,
                                            .score = candidate->score,
                                            .penalty = row->penalty + penalty};
    s->parents[*n_next] = candidate->row;
    s->row_sents[*n_next] = row->sentence;
    s->tokens[*n_next] = candidate->token;
    (*n_next)++;
    return RD_OK;
}

/* Finishes and continues hypotheses of the group whose rows are first .. end - 1. */
static rd_status advance_group(rd_search *s, int32_t index, int64_t first, int64_t end,
                               int64_t start, int64_t *n_next) {
    int32_t sentence = s->rows[first].sentence;
    int32_t n = rd_constraints_bind(s, sentence)
                    ? rd_constraints_merge(s, first, end, start, *n_next)
                    : merge(s, index, first, end, start, *n_next);
    rd_search_group *group = &s->groups[(int64_t)sentence * s->n_groups + index];
    bool keep_best = s->config->early_stopping != RD_STOP_FULL;
    float best = -INFINITY;
    for (int32_t i = 0; i < n && i < s->width && (keep_best || group->n_found < s->enough); i++)
        if (s->merged[i].token == s->eos)
            RD_TRY(rd_search_finish(s, group, s->merged[i].row, s->merged[i].score));
    for (int32_t i = 0; i < n; i++)
        if (s->merged[i].token != s->eos) best = fmaxf(best, s->merged[i].score);
    if (rd_search_is_done(s, group, s->rows[first].length, s->max_lens[sentence], best)) n = 0;
    int64_t others = *n_next; /* penalties are for tokens of the groups before this one */
    for (int32_t i = 0; i < n && *n_next - others < s->width; i++)
        if (s->merged[i].token != s->eos)
            RD_TRY(continue_hypothesis(s, &s->merged[i], index,
                                       rd_diverse_penalty(s, start, others, s->merged[i].token),
                                       n_next));
    /* Nothing to go on with and nothing found: the rules give way. */
    for (int64_t r = first; r < end && *n_next == others && group->n_found == 0; r++)
        RD_TRY(rd_search_finish(s, group, r, s->rows[r].score + s->eos_log_probs[r]));
    return RD_OK;
}

/* The rows of one sentence, first .. end - 1: its groups, one behind another. All begin with the
 * one row of its first step. */
static rd_status advance_sentence(rd_search *s, int64_t first, int64_t end, int64_t *n_next) {
    int64_t start = *n_next;
    if (s->rows[first].length == 0) {
        for (int32_t g = 0; g < s->n_groups; g++)
            RD_TRY(advance_group(s, g, first, end, start, n_next));
        return RD_OK;
    }
    for (int64_t r = first, next; r < end; r = next) {
        int32_t group = s->rows[r].group;
        for (next = r + 1; next < end; next++)
            if (s->rows[next].group != group) break;
        RD_TRY(advance_group(s, group, r, next, start, n_next));
    }
    return RD_OK;
}

rd_status rd_search_advance(rd_search *s) {
    int64_t n_next = 0;
    for (int64_t first = 0, end; first < s->n_rows; first = end) {
        for (end = first + 1; end < s->n_rows; end++)
            if (s->rows[end].sentence != s->rows[first].sentence) break;
        int64_t start = n_next;
        RD_TRY(advance_sentence(s, first, end, &n_next));
        if (n_next == start) s->tokens_under_way -= s->src_lengths[s->rows[first].sentence];
    }
    rd_search_row *swap = s->rows;
    s->rows = s->next_rows;
    s->next_rows = swap;
    float *covered = s->coverage;
    s->coverage = s->next_coverage;
    s->next_coverage = covered;
    rd_constraints_advance(s);
    s->n_rows = n_next;
    return RD_OK;
}
