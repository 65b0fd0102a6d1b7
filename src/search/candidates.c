#include "search/candidates.h"

#include <math.h>
#include <stdbool.h>

/* Insertion from behind: a candidate goes after all that score at least as well. */
static void insert(rd_candidate *best, int32_t *n, int32_t k, rd_candidate candidate) {
    int32_t at = *n < k ? (*n)++ : k - 1;
    for (; at > 0 && best[at - 1].score < candidate.score; at--) best[at] = best[at - 1];
    best[at] = candidate;
}

enum { BLOCK = 64, LANES = 16 };

/* Largest of x[0..n), n <= BLOCK; *bad becomes true if one is NaN. Whole blocks go in lanes, which
 * compilers vectorise without being allowed to reorder anything. */
static float block_max(const float *x, int32_t n, bool *bad) {
    float lane[LANES], largest = -INFINITY;
    int32_t nan[LANES] = {0}, i = 0;
    for (int32_t j = 0; j < LANES; j++) lane[j] = -INFINITY;
    for (; i + LANES <= n; i += LANES)
        for (int32_t j = 0; j < LANES; j++) {
            lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
            nan[j] |= x[i + j] != x[i + j];
        }
    for (; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
        nan[0] |= x[i] != x[i];
    }
    for (int32_t j = 0; j < LANES; j++) {
        largest = lane[j] > largest ? lane[j] : largest;
        *bad |= nan[j] != 0;
    }
    return largest;
}

/* Nearly all blocks lie below the k-th best so far: one maximum per block settles them. */
rd_status rd_candidates_select(const float *log_probs, int32_t vocab_size, float base, int32_t row,
                               int32_t k, rd_candidate *best, int32_t *n) {
    *n = 0;
    bool bad = false;
    float threshold = -INFINITY; /* a candidate must be above it */
    for (int32_t start = 0; start < vocab_size; start += BLOCK) {
        int32_t end = vocab_size - start < BLOCK ? vocab_size : start + BLOCK;
        float largest = block_max(log_probs + start, end - start, &bad);
        bad |= largest == INFINITY;
        if (!(largest + base > threshold)) continue;
        for (int32_t token = start; token < end; token++) {
            float score = log_probs[token] + base;
            if (!(score > threshold)) continue;
            insert(best, n, k, (rd_candidate){score, row, token});
            if (*n == k) threshold = best[k - 1].score;
        }
    }
    if (bad)
        return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not numbers; "
                                        "its weights are damaged or its training diverged");
    return RD_OK;
}

void rd_candidates_merge(rd_candidate *best, int32_t *n, int32_t k, const rd_candidate *more,
                         int32_t n_more) {
    for (int32_t i = 0; i < n_more; i++) {
        if (*n == k && !(more[i].score > best[k - 1].score)) return; /* nor are those behind it */
        insert(best, n, k, more[i]);
    }
}
