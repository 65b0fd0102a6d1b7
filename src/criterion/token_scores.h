/* The log-probabilities that a criterion of tokens would sum, without their gradients. */
#ifndef RD_CRITERION_TOKEN_SCORES_H
#define RD_CRITERION_TOKEN_SCORES_H

#include "criterion/criterion.h"

/* log_probs: [out->rows], of one pass; 0 where the batch's labels say that a row does not count. */
rd_status rd_token_log_probs(const rd_step *step, const rd_head *head, const rd_batch *batch,
                             const rd_output *out, float *log_probs);

#endif
