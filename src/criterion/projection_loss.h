/* Output projection, log-softmax, label smoothing, R-Drop KL and all their gradients as one
 * operation over chunks of rows, so that memory is chunk x vocabulary and not tokens x vocabulary.
 */
#ifndef RD_CRITERION_PROJECTION_LOSS_H
#define RD_CRITERION_PROJECTION_LOSS_H

#include "layers/layer.h"
#include "rdrop/criterion.h"

/* x: [step->n_passes * n_tokens, width], the second pass under the first; targets: [n_tokens];
 * weight: [vocab, width]; bias: [vocab], its value NULL for none. Adds to *sums (reg_alpha counts
 * only with two passes). With dx: [as x] not NULL it is overwritten with dloss/dx and the grads of
 * weight and bias accumulate theirs. With one pass, sums are those of that pass alone. */
rd_status rd_projection_loss(const rd_step *step, float label_smoothing, float reg_alpha,
                             int64_t n_tokens, int64_t width, int64_t vocab, rd_mixed x,
                             const int32_t *targets, const rd_tensor *weight, const rd_tensor *bias,
                             float *dx, rd_criterion_sums *sums);

/* Tokens of a chunk. */
int64_t rd_projection_chunk(int64_t passes, int64_t n_tokens, int64_t vocab);

#endif
