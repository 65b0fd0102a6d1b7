#include "search/state.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* What log P is divided by. */
static float length_norm(const rd_beam_config *c, int32_t length) {
    float base = c->lenpen_form == RD_LENPEN_GNMT ? (5.0f + (float)length) / 6.0f : (float)length;
    return powf(base, c->lenpen);
}

static rd_hypothesis *worst_finished(const rd_search *s, int32_t sentence) {
    rd_hypothesis *found = s->finished + sentence * (int64_t)s->config->beam, *worst = found;
    for (int32_t i = 1; i < s->sentences[sentence].n_finished; i++)
        if (found[i].score < worst->score) worst = found + i;
    return worst;
}

/* Where a hypothesis of that score goes; NULL: there are as many better ones as are kept. */
static rd_hypothesis *finished_place(rd_search *s, int32_t sentence, float score) {
    int32_t *n = &s->sentences[sentence].n_finished;
    s->sentences[sentence].n_found++;
    if (*n < s->config->beam) return s->finished + sentence * (int64_t)s->config->beam + (*n)++;
    rd_hypothesis *worst = worst_finished(s, sentence);
    if (!(score > worst->score)) return NULL;
    free(worst->tokens);
    return worst;
}

/* Copies a live hypothesis, now ended by eos with log P `score`, to its sentence's finished ones.
 */
static rd_status finish_hypothesis(rd_search *s, const rd_search_row *row, float score) {
    int32_t *tokens = rd_malloc((size_t)s->step, sizeof *tokens);
    if (!tokens) return RD_ERR_MEMORY;
    float log_prob = score;
    int32_t node = row->node;
    for (int32_t i = s->step - 1; i >= 0; i--, node = s->nodes[node].parent) {
        tokens[i] = s->nodes[node].token;
        if (tokens[i] == s->unk) log_prob += s->config->unk_penalty;
    }
    score /= length_norm(s->config, s->step + 1);
    rd_hypothesis *place = finished_place(s, row->sentence, score);
    if (place)
        *place = (rd_hypothesis){tokens, s->step, score, log_prob};
    else
        free(tokens);
    return RD_OK;
}

/* Whether to look no further; `best` is the log P of the best hypothesis that goes on. */
static bool is_done(const rd_search *s, int32_t index, float best) {
    const rd_search_sentence *sentence = &s->sentences[index];
    const rd_beam_config *c = s->config;
    if (s->step >= sentence->max_len) return true;
    if (sentence->n_found < s->enough) return false;
    if (c->early_stopping == RD_STOP_FULL) return true;
    bool longest = c->early_stopping == RD_STOP_NEVER && c->lenpen > 0;
    int32_t length = (longest ? sentence->max_len : s->step) + 1;
    return !(best / length_norm(c, length) > worst_finished(s, index)->score);
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
    int32_t index = s->rows[first].sentence;
    const rd_search_sentence *sentence = &s->sentences[index];
    bool keep_best = s->config->early_stopping != RD_STOP_FULL;
    float best = -INFINITY;
    for (int32_t i = 0; i < n && i < beam && (keep_best || sentence->n_found < s->enough); i++)
        if (s->merged[i].token == s->eos)
            RD_TRY(finish_hypothesis(s, &s->rows[s->merged[i].row], s->merged[i].score));
    for (int32_t i = 0; i < n && best == -INFINITY; i++)
        if (s->merged[i].token != s->eos) best = s->merged[i].score;
    if (is_done(s, index, best)) n = 0;
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
