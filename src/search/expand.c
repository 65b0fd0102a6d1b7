#include "search/state.h"

#include <math.h>
#include <stddef.h>

#include "layers/layer.h"

enum { FAILED = -1 }; /* in candidate_counts */

/* Whether the tokens at a and b end the same `n` tokens. */
static bool same_ending(const rd_search *s, int32_t a, int32_t b, int32_t n) {
    for (; n > 0; n--) {
        if (b < 0 || s->nodes[a].token != s->nodes[b].token) return false;
        a = s->nodes[a].parent;
        b = s->nodes[b].parent;
    }
    return true;
}

/* Gives the probability that the token had. */
static float forbid(float *log_probs, int32_t token) {
    float p = expf(log_probs[token]);
    log_probs[token] = -INFINITY;
    return p;
}

/* Walks back from the last token: where the last n - 1 tokens occurred before, the token that
 * followed them must not follow again. Gives the probability that is gone. */
static float block_repeats(const rd_search *s, int64_t r, float *log_probs) {
    int32_t n = s->config->no_repeat_ngram, last = s->rows[r].node;
    float gone = 0.0f;
    if (s->rows[r].length + 1 < n) return gone;
    for (int32_t node = last; node >= 0; node = s->nodes[node].parent)
        if (same_ending(s, last, s->nodes[node].parent, n - 1) &&
            !rd_constraints_want(s, r, s->nodes[node].token))
            gone += forbid(log_probs, s->nodes[node].token);
    return gone;
}

/* The one token that may follow a row, or -1 when it may choose. */
static int32_t forced_token(const rd_search *s, const rd_search_row *row) {
    if (row->length >= s->max_lens[row->sentence]) return s->eos;
    int32_t at = row->length - (s->config->forced_bos ? 1 : 0); /* in the prefix */
    if (at < 0) return s->bos;
    const rd_search_request *request = s->requests ? &s->requests[row->sentence] : NULL;
    return request && at < request->prefix_length ? request->prefix[at] : -1;
}

/* Whether a forced token costs nothing. */
static bool is_free(const rd_search *s, const rd_search_row *row) {
    bool ends = row->length >= s->max_lens[row->sentence];
    bool begins = s->config->forced_bos && row->length == 0;
    return s->config->forced_tokens_free ? ends || begins : ends && s->config->renormalize;
}

/* Sharper (below 1) or flatter (above 1). */
static void temper(const rd_search *s, float *log_probs) {
    float temperature = s->config->temperature;
    if (temperature == 0.0f || temperature == 1.0f) return;
    for (int32_t i = 0; i < s->scorer->vocab_size; i++) log_probs[i] /= temperature;
    s->ops->log_softmax(log_probs, s->scorer->vocab_size);
}

/* The best continuations of one row under the configured rules. */
static rd_status expand_row(rd_search *s, int thread, int64_t r, float *log_probs) {
    const rd_search_row *row = &s->rows[r];
    rd_candidate *best = s->candidates + r * s->candidate_stride;
    int32_t forced = forced_token(s, row);
    temper(s, log_probs);
    s->eos_log_probs[r] = log_probs[s->eos];
    if (s->unk >= 0) log_probs[s->unk] -= s->config->unk_penalty;
    if (forced >= 0 && is_free(s, row) && !isnan(log_probs[forced])) log_probs[forced] = 0.0f;
    if (forced >= 0) { /* a selection of one still checks that it is a number */
        RD_TRY(rd_candidates_select(s->ops, log_probs + forced, 1, row->score, (int32_t)r, 1, best,
                                    &s->candidate_counts[r]));
        best[0].token = forced;
        return RD_OK;
    }
    float gone = 0.0f;
    if (s->pad >= 0) gone += forbid(log_probs, s->pad);
    if (s->config->no_repeat_ngram > 0) gone += block_repeats(s, r, log_probs);
    if (row->length < s->config->min_len || rd_constraints_unmet(s, r) > 0)
        gone += forbid(log_probs, s->eos);
    gone += rd_constraints_close(s, r, log_probs);
    /* What is left adds up to 1 - gone; hardly anything may be left. */
    float base = row->score - (s->config->renormalize ? log1pf(-fminf(gone, 0.9999999f)) : 0.0f);
    if (s->config->sampling) return rd_search_sample(s, thread, r, log_probs, base);
    RD_TRY(rd_candidates_select(s->ops, log_probs, s->scorer->vocab_size, base, (int32_t)r,
                                s->n_candidates, best, &s->candidate_counts[r]));
    rd_constraints_add_wanted(s, r, log_probs, base);
    return RD_OK;
}

typedef struct {
    rd_search *search;
    int64_t first; /* row of log_probs[0] */
} expand_work;

static void expand_rows(const void *self, int thread, int64_t begin, int64_t end) {
    const expand_work *w = self;
    rd_search *s = w->search;
    for (int64_t i = begin; i < end; i++)
        if (expand_row(s, thread, w->first + i, s->log_probs + i * s->scorer->vocab_size) != RD_OK)
            s->candidate_counts[w->first + i] = FAILED;
}

rd_status rd_search_expand(rd_search *s) {
    for (int64_t first = 0; first < s->n_rows; first += RD_SCORER_ROWS) {
        int64_t left = s->n_rows - first, n = left < RD_SCORER_ROWS ? left : RD_SCORER_ROWS;
        RD_TRY(s->scorer->log_probs(s->scorer->self, first, n, s->log_probs));
        rd_over_rows(n, expand_rows, &(expand_work){s, first});
    }
    for (int64_t r = 0; r < s->n_rows; r++)
        if (s->candidate_counts[r] == FAILED) /* messages belong to the thread that failed */
            return rd_candidates_damaged();
    return RD_OK;
}
