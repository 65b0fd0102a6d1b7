/* From the continuations of this step's rows to the rows of the next step. */
#include "search/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { NO_ROWS = -1 }; /* a sentence's first row */

/* The divisor of log P. */
static float length_norm(const rd_search_options *c, int32_t length) {
    float base = c->lenpen_form == RD_LENPEN_GNMT ? (5.0f + (float)length) / 6.0f : (float)length;
    return powf(base, c->lenpen);
}

/* Whether a hypothesis that lacks n_unmet phrases and has that score is better than `other`. */
static bool is_better(int32_t n_unmet, float score, const rd_hypothesis *other) {
    if (n_unmet != other->n_unmet) return n_unmet < other->n_unmet;
    return score > other->score;
}

static rd_hypothesis *worst_finished(const rd_search_group *group) {
    rd_hypothesis *worst = group->finished;
    for (int32_t i = 1; i < group->n_finished; i++)
        if (is_better(worst->n_unmet, worst->score, group->finished + i))
            worst = group->finished + i;
    return worst;
}

/* Where such a hypothesis goes; NULL: there are as many better ones as are kept. */
static rd_hypothesis *finished_place(const rd_search *s, rd_search_group *group, int32_t n_unmet,
                                     float score) {
    group->n_found++;
    if (group->n_finished < s->width) return &group->finished[group->n_finished++];
    rd_hypothesis *worst = worst_finished(group);
    if (!is_better(n_unmet, score, worst)) return NULL;
    free(worst->tokens);
    return worst;
}

/* The coverage penalty's part of the score of a hypothesis that ends in row r. */
static float coverage_score(const rd_search *s, int64_t r) {
    const rd_sentence *sentence = s->rows[r].sentence;
    int32_t n = sentence->request.source.length;
    if (!sentence->coverage) return 0.0f;
    const float *coverage = sentence->coverage + (r - sentence->first) * n;
    float sum = 0.0f;
    for (int32_t j = 0; j < n; j++)
        sum += logf(fminf(fmaxf(coverage[j], 1e-9f), 1.0f)); /* never -inf: it must rank */
    return s->config.coverage_penalty * sum;
}

/* Copies a live hypothesis, ended by `last` with log P `score`, to its group's finished ones; eos
 * is not kept. */
static rd_status finish(rd_search *s, rd_search_group *group, int64_t r, int32_t last,
                        float score) {
    const rd_search_row *row = &s->rows[r];
    bool kept = last != s->scorer.eos;
    int32_t length = row->length + (kept ? 1 : 0);
    int32_t *tokens = rd_malloc((size_t)length, 2 * sizeof *tokens);
    if (!tokens) return RD_ERR_MEMORY;
    int32_t *aligned = tokens + length; /* one block */
    float log_prob = score + row->penalty;
    const rd_search_node *nodes = row->sentence->nodes;
    int32_t node = row->node;
    for (int32_t i = row->length - 1; i >= 0; i--, node = nodes[node].parent) {
        tokens[i] = nodes[node].token;
        aligned[i] = nodes[node].aligned;
    }
    if (kept) {
        tokens[length - 1] = last;
        aligned[length - 1] = rd_search_needs_attention(&s->config) ? s->aligned[r] : -1;
    }
    for (int32_t i = length - 1; i >= 0; i--)
        if (tokens[i] == s->scorer.unk) log_prob += s->config.unk_penalty;
    score = score / length_norm(&s->config, row->length + 1) + coverage_score(s, r);
    int32_t n_unmet = rd_constraints_unmet(s, r);
    rd_hypothesis *place = finished_place(s, group, n_unmet, score);
    if (place)
        *place = (rd_hypothesis){.tokens = tokens,
                                 .aligned = s->config.align ? aligned : NULL,
                                 .length = length,
                                 .n_unmet = n_unmet,
                                 .score = score,
                                 .log_prob = log_prob};
    else
        free(tokens);
    return RD_OK;
}

/* Whether a group whose hypotheses have `length` tokens is finished; `best` is the log P of its
 * best live one. */
static bool is_done(const rd_search *s, const rd_search_group *group, int32_t length,
                    int32_t max_length, float best) {
    const rd_search_options *c = &s->config;
    if (length >= max_length) return true;
    if (group->n_found < s->enough) return false;
    bool when_full = c->early_stopping == RD_STOP_FULL || c->early_stopping == RD_STOP_STEP;
    if (when_full || (c->beam == 1 && s->enough == 1)) return true;
    bool longest = c->early_stopping == RD_STOP_NEVER && c->lenpen > 0;
    return !(best / length_norm(c, (longest ? max_length : length) + 1) >
             worst_finished(group)->score);
}

/* Diverse beams (Vijayakumar et al. 2018) with the Hamming distance: groups choose in turn; a token
 * costs diverse_strength for each hypothesis of earlier groups that chose it at this step. */
float rd_search_penalty(const rd_search *s, const rd_candidate *candidate, int64_t others) {
    if (s->config.diverse_groups < 2) return 0.0f;
    int32_t chosen = 0;
    for (int64_t r = s->rows[candidate->row].sentence->next_first; r < others; r++)
        chosen += s->tokens[r] == candidate->token;
    return s->config.diverse_strength * (float)chosen;
}

/* Whether a continuation is a whole output: with a token that ends it, or, where eos is not forced,
 * as long as can be. */
static bool finishes(const rd_search *s, const rd_candidate *candidate) {
    const rd_search_row *row = &s->rows[candidate->row];
    return rd_search_ends(s, candidate->token) || row->length >= row->sentence->max_length;
}

/* Whether the paths from the first token to a and b have the same tokens. */
static bool same_path(const rd_search_node *nodes, int32_t a, int32_t b) {
    while (a != b) {
        if (a < 0 || b < 0 || nodes[a].token != nodes[b].token) return false;
        a = nodes[a].parent;
        b = nodes[b].parent;
    }
    return true;
}

/* Whether a finished hypothesis is the one that ends in `row` and then, eos apart, in `last`. */
static bool is_hypothesis(const rd_search *s, const rd_hypothesis *h, const rd_search_row *row,
                          int32_t last) {
    const rd_search_node *nodes = row->sentence->nodes;
    int32_t kept = last != s->scorer.eos ? 1 : 0;
    int32_t i = h->length - 1 - kept, node = row->node;
    if (h->length != row->length + kept || (kept && h->tokens[h->length - 1] != last)) return false;
    for (; i >= 0 && h->tokens[i] == nodes[node].token; i--) node = nodes[node].parent;
    return i < 0;
}

/* Groups of a diverse beam begin with the same row, and would keep what they have in common up to
 * the end, so a list would have it twice: a hypothesis is that of the first group to choose it. */
bool rd_search_is_taken(const rd_search *s, const rd_candidate *candidate, int32_t group,
                        int64_t others) {
    const rd_search_row *row = &s->rows[candidate->row];
    const rd_sentence *sentence = row->sentence;
    if (s->config.sampling) return false; /* samples may be alike */
    if (finishes(s, candidate)) {
        for (int32_t g = 0; g < group; g++)
            for (int32_t i = 0; i < sentence->groups[g].n_finished; i++)
                if (is_hypothesis(s, &sentence->groups[g].finished[i], row, candidate->token))
                    return true;
        return false;
    }
    if (rd_search_forced_token(s, row) >= 0) return false;
    for (int64_t r = sentence->next_first; r < others; r++)
        if (s->tokens[r] == candidate->token &&
            same_path(sentence->nodes, s->rows[s->parents[r]].node, row->node))
            return true;
    return false;
}

/* The best candidates of the rows of one group, first .. end - 1, best first, in s->merged; others:
 * the end of the rows that earlier groups of the sentence have in the next step. */
static int32_t merge(rd_search *s, int32_t group, int64_t first, int64_t end, int64_t others) {
    int32_t n = 0;
    for (int64_t r = first; r < end; r++) {
        const rd_candidate *candidates = s->candidates + r * s->candidate_stride;
        int32_t count = s->candidate_counts[r];
        if (s->config.sampling) { /* the first row has drawn a token for each sample */
            if (count > 0) s->merged[n++] = candidates[count > 1 ? group : 0];
        } else if (group == 0) {
            rd_candidates_merge(s->merged, &n, s->n_per_beam * s->width, candidates, count);
        } else {
            for (int32_t i = 0; i < count; i++) {
                rd_candidate candidate = candidates[i];
                if (rd_search_is_taken(s, &candidate, group, others)) continue;
                candidate.score -= rd_search_penalty(s, &candidate, others);
                rd_candidates_merge(s->merged, &n, s->n_per_beam * s->width, &candidate, 1);
            }
        }
    }
    return n;
}

static rd_status add_node(rd_sentence *sentence, rd_search_node node) {
    if (sentence->n_nodes == INT32_MAX)
        return rd_error(RD_ERR_MEMORY, "a search of too many tokens");
    RD_TRY(rd_reserve(&sentence->nodes, &sentence->node_capacity, sentence->n_nodes + 1,
                      sizeof *sentence->nodes));
    sentence->nodes[sentence->n_nodes++] = node;
    return RD_OK;
}

static void continue_coverage(const rd_sentence *sentence, int64_t row, int64_t next_row) {
    int64_t n = sentence->request.source.length;
    if (!sentence->coverage) return;
    memcpy(sentence->next_coverage + (next_row - sentence->next_first) * n,
           sentence->coverage + (row - sentence->first) * n,
           (size_t)n * sizeof *sentence->coverage);
}

/* Adds the row that continues `candidate` to those of the next step. */
static rd_status continue_hypothesis(rd_search *s, const rd_candidate *candidate, int32_t group,
                                     float penalty, int64_t *n_next) {
    const rd_search_row *row = &s->rows[candidate->row];
    bool align = rd_search_needs_attention(&s->config);
    rd_search_node node = {.token = candidate->token,
                           .parent = row->node,
                           .aligned = align ? s->aligned[candidate->row] : -1};
    RD_TRY(add_node(row->sentence, node));
    continue_coverage(row->sentence, candidate->row, *n_next);
    rd_constraints_continue(s, candidate, *n_next);
    s->next_rows[*n_next] = (rd_search_row){.sentence = row->sentence,
                                            .group = group,
                                            .node = (int32_t)(row->sentence->n_nodes - 1),
                                            .length = row->length + 1,
                                            .score = candidate->score,
                                            .penalty = row->penalty + penalty};
    s->parents[*n_next] = candidate->row;
    s->slots[*n_next] = row->sentence->slot;
    s->tokens[*n_next] = candidate->token;
    (*n_next)++;
    return RD_OK;
}

/* Finishes and continues hypotheses of the group whose rows are first .. end - 1. */
static rd_status advance_group(rd_search *s, int32_t index, int64_t first, int64_t end,
                               int64_t *n_next) {
    rd_sentence *sentence = s->rows[first].sentence;
    rd_search_group *group = &sentence->groups[index];
    int32_t length = s->rows[first].length;
    int64_t others = *n_next; /* the rows of earlier groups end there */
    int32_t n = sentence->constraints ? rd_constraints_merge(s, index, first, end, others)
                                      : merge(s, index, first, end, others);
    bool keep_best = s->config.early_stopping != RD_STOP_FULL;
    float best = -INFINITY;
    for (int32_t i = 0; i < n && i < s->width && (keep_best || group->n_found < s->enough); i++)
        if (finishes(s, &s->merged[i]))
            RD_TRY(finish(s, group, s->merged[i].row, s->merged[i].token, s->merged[i].score));
    for (int32_t i = 0; i < n; i++)
        if (!finishes(s, &s->merged[i])) best = fmaxf(best, s->merged[i].score);
    if (is_done(s, group, length, sentence->max_length, best)) n = 0;
    for (int32_t i = 0; i < n && *n_next - others < s->width; i++)
        if (!finishes(s, &s->merged[i]))
            RD_TRY(continue_hypothesis(s, &s->merged[i], index,
                                       rd_search_penalty(s, &s->merged[i], others), n_next));
    /* No continuation and nothing finished: finish every live row, whatever the constraints. */
    for (int64_t r = first; r < end && *n_next == others && group->n_found == 0; r++)
        if (!rd_search_is_taken(s, &(rd_candidate){.row = (int32_t)r, .token = s->scorer.eos},
                                index, others))
            RD_TRY(finish(s, group, r, s->scorer.eos, s->rows[r].score + s->eos_log_probs[r]));
    return RD_OK;
}

/* The groups of a sentence, whose rows are sentence->first .. end - 1, in turn. All begin with the
 * one row of its first step. */
static rd_status advance_groups(rd_search *s, const rd_sentence *sentence, int64_t end,
                                int64_t *n_next) {
    int64_t first = sentence->first;
    if (s->rows[first].length == 0) {
        for (int32_t g = 0; g < s->n_groups; g++) RD_TRY(advance_group(s, g, first, end, n_next));
        return RD_OK;
    }
    for (int64_t r = first, next; r < end; r = next) {
        int32_t group = s->rows[r].group;
        for (next = r + 1; next < end; next++)
            if (s->rows[next].group != group) break;
        RD_TRY(advance_group(s, group, r, next, n_next));
    }
    return RD_OK;
}

static rd_status advance_sentence(rd_search *s, rd_sentence *sentence, int64_t end,
                                  int64_t *n_next) {
    sentence->next_first = *n_next;
    RD_TRY(advance_groups(s, sentence, end, n_next));
    sentence->first = *n_next > sentence->next_first ? sentence->next_first : NO_ROWS;
    float *covered = sentence->coverage;
    sentence->coverage = sentence->next_coverage;
    sentence->next_coverage = covered;
    rd_constraints_advance(sentence);
    return RD_OK;
}

rd_status rd_search_advance(rd_search *s) {
    int64_t n_next = 0;
    for (int64_t first = 0, end; first < s->n_rows; first = end) {
        rd_sentence *sentence = s->rows[first].sentence;
        for (end = first + 1; end < s->n_rows; end++)
            if (s->rows[end].sentence != sentence) break;
        RD_TRY(advance_sentence(s, sentence, end, &n_next));
    }
    rd_search_row *swap = s->rows;
    s->rows = s->next_rows;
    s->next_rows = swap;
    s->n_rows = n_next;
    return RD_OK;
}
