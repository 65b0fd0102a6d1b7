/* Selection of the best next tokens. */
#ifndef RD_SEARCH_CANDIDATES_H
#define RD_SEARCH_CANDIDATES_H

#include <stdint.h>

#include "base/error.h"

/* One way to go on: `token` behind the hypothesis of row `row`. */
typedef struct {
    float score; /* log-probability of the whole hypothesis */
    int32_t row, token;
} rd_candidate;

/* The k best continuations of one row, best first, in best[0..*n): base + log_probs[token], equal
 * scores by smaller token. Tokens of probability zero (-inf) are never chosen, so *n may be below
 * k. log_probs: [vocab_size]. NaN or +inf among them: RD_ERR_NUMERIC. */
rd_status rd_candidates_select(const float *log_probs, int32_t vocab_size, float base, int32_t row,
                               int32_t k, rd_candidate *best, int32_t *n);

/* Puts the k best of `more` (sorted) and best[0..*n) (sorted) into best; equal scores keep those
 * already there in front. best has room for k. */
void rd_candidates_merge(rd_candidate *best, int32_t *n, int32_t k, const rd_candidate *more,
                         int32_t n_more);

/* RD_ERR_NUMERIC with a message that says what that means. */
rd_status rd_candidates_damaged(void);

#endif
