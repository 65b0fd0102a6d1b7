#include "search/state.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* What log P is divided by. */
static float length_norm(const rd_beam_config *c, int32_t length) {
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

rd_status rd_search_finish(rd_search *s, rd_search_group *group, int64_t r, float score) {
    const rd_search_row *row = &s->rows[r];
    int32_t length = row->length;
    int32_t *tokens = rd_malloc((size_t)length, 2 * sizeof *tokens);
    if (!tokens) return RD_ERR_MEMORY;
    int32_t *aligned = tokens + length; /* one block */
    float log_prob = score + row->penalty;
    int32_t node = row->node;
    for (int32_t i = length - 1; i >= 0; i--, node = s->nodes[node].parent) {
        tokens[i] = s->nodes[node].token;
        aligned[i] = s->nodes[node].aligned;
        if (tokens[i] == s->unk) log_prob += s->config->unk_penalty;
    }
    score = score / length_norm(s->config, length + 1) + rd_coverage_score(s, r);
    int32_t n_unmet = rd_constraints_unmet(s, r);
    rd_hypothesis *place = finished_place(s, group, n_unmet, score);
    if (place)
        *place = (rd_hypothesis){.tokens = tokens,
                                 .aligned = s->config->align ? aligned : NULL,
                                 .length = length,
                                 .n_unmet = n_unmet,
                                 .score = score,
                                 .log_prob = log_prob};
    else
        free(tokens);
    return RD_OK;
}

bool rd_search_is_done(const rd_search *s, const rd_search_group *group, int32_t length,
                       int32_t max_len, float best) {
    const rd_beam_config *c = s->config;
    if (length >= max_len) return true;
    if (group->n_found < s->enough) return false;
    if (c->early_stopping == RD_STOP_FULL) return true;
    bool longest = c->early_stopping == RD_STOP_NEVER && c->lenpen > 0;
    return !(best / length_norm(c, (longest ? max_len : length) + 1) >
             worst_finished(group)->score);
}
