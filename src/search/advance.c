#include "search/state.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Copies a live hypothesis, now ended by eos with `score`, to its sentence's finished ones. */
static rd_status finish_hypothesis(rd_search *s, const rd_search_row *row, float score) {
    rd_search_sentence *sentence = &s->sentences[row->sentence];
    int32_t *tokens = rd_malloc((size_t)s->step, sizeof *tokens);
    if (!tokens) return RD_ERR_MEMORY;
    float log_prob = score;
    int32_t node = row->node;
    for (int32_t i = s->step - 1; i >= 0; i--, node = s->nodes[node].parent) {
        tokens[i] = s->nodes[node].token;
        if (tokens[i] == s->unk) log_prob += s->config->unk_penalty;
    }
    float length = (float)(s->step + 1);
    s->finished[row->sentence * (int64_t)s->config->beam + sentence->n_finished++] =
        (rd_hypothesis){.tokens = tokens,
                        .length = s->step,
                        .score = score / powf(length, s->config->lenpen),
                        .log_prob = log_prob};
    return RD_OK;
}

/* Adds the row that continues `candidate` to those of the next step. */
static rd_status continue_hypothesis(rd_search *s, const rd_candidate *candidate, int64_t *n_next) {
    RD_TRY(rd_reserve(&s->nodes, &s->node_capacity, s->n_nodes + 1, sizeof *s->nodes));
    const rd_search_row *row = &s->rows[candidate->row];
    s->nodes[s->n_nodes] = (rd_search_node){.token = candidate->token, .parent = row->node};
    s->next_rows[*n_next] = (rd_search_row){
        .sentence = row->sentence, .node = (int32_t)s->n_nodes++, .score = candidate->score};
    s->parents[*n_next] = candidate->row;
    s->row_sents[*n_next] = row->sentence;
    s->tokens[*n_next] = candidate->token;
    (*n_next)++;
    return RD_OK;
}

/* Finishes and continues hypotheses of the sentence whose rows are first .. end - 1. */
static rd_status advance_sentence(rd_search *s, int64_t first, int64_t end, int64_t *n_next) {
    int32_t beam = s->config->beam, n = 0;
    for (int64_t r = first; r < end; r++)
        rd_candidates_merge(s->merged, &n, s->n_candidates, s->candidates + r * s->n_candidates,
                            s->candidate_counts[r]);
    rd_search_sentence *sentence = &s->sentences[s->rows[first].sentence];
    for (int32_t i = 0; i < n && i < beam && sentence->n_finished < beam; i++)
        if (s->merged[i].token == s->eos)
            RD_TRY(finish_hypothesis(s, &s->rows[s->merged[i].row], s->merged[i].score));
    if (sentence->n_finished == beam || s->step >= sentence->max_len) n = 0; /* done */
    int64_t start = *n_next;
    for (int32_t i = 0; i < n && *n_next - start < beam; i++)
        if (s->merged[i].token != s->eos) RD_TRY(continue_hypothesis(s, &s->merged[i], n_next));
    /* Nothing to go on with and nothing found: the constraints give way. */
    for (int64_t r = first; r < end && *n_next == start && sentence->n_finished == 0; r++)
        RD_TRY(finish_hypothesis(s, &s->rows[r], s->rows[r].score + s->eos_log_probs[r]));
    return RD_OK;
}

rd_status rd_search_advance(rd_search *s) {
    int64_t n_next = 0;
    for (int64_t first = 0, end; first < s->n_rows; first = end) {
        for (end = first + 1; end < s->n_rows; end++)
            if (s->rows[end].sentence != s->rows[first].sentence) break;
        RD_TRY(advance_sentence(s, first, end, &n_next));
    }
    rd_search_row *swap = s->rows;
    s->rows = s->next_rows;
    s->next_rows = swap;
    s->n_rows = n_next;
    s->step++;
    return RD_OK;
}
