/* Shared code of the criteria of whole sequences: the head's forward and backward passes, and pairs
 * of passes. */
#ifndef RD_CRITERION_SEQUENCE_H
#define RD_CRITERION_SEQUENCE_H

#include "criterion/criterion.h"

/* Two passes' logits, and room for their gradients (both NULL: none is wanted). */
typedef struct {
    int64_t n, n_out;            /* sequences, and outputs of the head */
    const float *first, *second; /* [n, n_out] */
    float *d_first, *d_second;   /* [n, n_out] */
} rd_pass_pair;

/* The loss of two passes (rdrop/criterion.h) with R-Drop's term times alpha, whose sums and
 * gradients it overwrites. */
typedef rd_status (*rd_pair_loss)(const rd_criterion *self, const rd_batch *batch, float alpha,
                                  const rd_pass_pair *pair, rd_criterion_sums *sums);

/* As rd_criterion's `loss`: the losses of all passes, and the mean of R-Drop's term over their
 * pairs; for one pass, half of the loss of the pass with itself. RD_ERR_ARGUMENT unless the batch
 * has `given` things to predict, one a sequence. */
rd_status rd_sequence_criterion(const rd_criterion *self, const rd_step *step, const rd_head *head,
                                const rd_batch *batch, const rd_output *out, int64_t given,
                                rd_pair_loss of_pair, rd_criterion_sums *sums);

#endif
