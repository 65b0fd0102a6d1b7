/* What a search needs to know of a model: next-token log-probabilities. The indirection lets one
 * search run over a model, an ensemble, or a toy distribution in a test. */
#ifndef RD_SEARCH_SCORER_H
#define RD_SEARCH_SCORER_H

#include <stdint.h>

#include "base/error.h"

enum { RD_SCORER_ROWS = 32 };

typedef struct {
    void *self;
    int32_t vocab_size;
    int32_t max_length; /* longest output without eos that `step` can score; 0: no limit */
    /* Arguments as rd_decoding_step (model/decode.h): parents are -1 for rows that begin. */
    rd_status (*step)(void *self, int64_t n_rows, const int32_t *parents, const int32_t *sentences,
                      const int32_t *tokens);
    /* log_probs: [n, vocab_size] = log-probabilities, normalised, of the next token of rows
     * first .. first + n - 1 of the latest step; n <= RD_SCORER_ROWS, so that they stay in cache.
     */
    rd_status (*log_probs)(void *self, int64_t first, int64_t n, float *log_probs);
    /* The attention with which row `row` of the latest step looked at the n_src tokens of its
     * source, eos included: out: [n_src], of sum 1. NULL: not to be had. */
    void (*attention)(void *self, int64_t row, int32_t n_src, float *out);
} rd_scorer;

#endif
