#include "search/candidates.h"

#include <math.h>
#include <stdbool.h>

#include "ops/ops.h"

rd_status rd_candidates_damaged(void) {
    return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not numbers; its "
                                    "weights are damaged or its training diverged");
}

/* Insertion from behind, in front of all that are worse: those with a lower score, and with
 * `by_token` those with the same score and a larger token. */
static void insert(rd_candidate *best, int32_t *n, int32_t k, rd_candidate candidate,
                   bool by_token) {
    int32_t at = *n < k ? (*n)++ : k - 1;
    for (; at > 0; at--) {
        const rd_candidate *other = &best[at - 1];
        bool equal = candidate.score == other->score;
        if (!(candidate.score > other->score ||
              (by_token && equal && candidate.token < other->token)))
            break;
        best[at] = *other;
    }
    best[at] = candidate;
}

enum { STRIDE = 256 };

/* The k-th largest of n <= STRIDE; -inf with fewer. */
static float kth_largest(const float *x, int32_t n, int32_t k) {
    float top[STRIDE];
    if (k < 1 || k > n || k > STRIDE) return -INFINITY;
    for (int32_t i = 0; i < k; i++) top[i] = -INFINITY;
    for (int32_t i = 0; i < n; i++) {
        if (!(x[i] > top[k - 1])) continue;
        int32_t at = k - 1;
        for (; at > 0 && top[at - 1] < x[i]; at--) top[at] = top[at - 1];
        top[at] = x[i];
    }
    return top[k - 1];
}

/* Tokens are looked at in sets: token i, i + STRIDE, i + 2 STRIDE, ... The k-th largest of the
 * sets' maxima is a bound: there are k tokens as good, so only few sets have tokens that count. */
rd_status rd_candidates_select(const float *log_probs, int32_t vocab_size, float base, int32_t row,
                               int32_t k, rd_candidate *best, int32_t *n) {
    float maxima[STRIDE];
    int32_t stride = vocab_size < STRIDE ? vocab_size : STRIDE;
    *n = 0;
    if (!rd_op_strided_maxima(maxima, log_probs, vocab_size, stride))
        return rd_candidates_damaged();
    float least = kth_largest(maxima, stride, k);
    for (int32_t i = 0; i < stride; i++) {
        if (maxima[i] == INFINITY) return rd_candidates_damaged();
        if (maxima[i] == -INFINITY || maxima[i] < least) continue;
        for (int32_t token = i; token < vocab_size; token += stride) {
            if (log_probs[token] < least || log_probs[token] == -INFINITY) continue;
            rd_candidate candidate = {log_probs[token] + base, row, token}, *last = best + k - 1;
            if (*n < k || candidate.score > last->score ||
                (candidate.score == last->score && token < last->token))
                insert(best, n, k, candidate, true);
        }
    }
    return RD_OK;
}

void rd_candidates_merge(rd_candidate *best, int32_t *n, int32_t k, const rd_candidate *more,
                         int32_t n_more) {
    for (int32_t i = 0; i < n_more; i++) {
        if (*n == k && !(more[i].score > best[k - 1].score)) return; /* nor are those behind it */
        insert(best, n, k, more[i], false);
    }
}
