/* What the criteria of whole sequences share: the head's forward and backward passes, and pairs of
 * passes. */
#ifndef RD_CRITERION_SEQUENCE_H
#define RD_CRITERION_SEQUENCE_H

#include "criterion/criterion.h"

/* logits: [passes, n, n_out], each pass under the one before; dlogits: room for their gradient,
 * NULL when none is wanted. */
typedef struct {
    int64_t passes, n, n_out; /* n: sequences of one pass; n_out: head outputs */
    float *logits, *dlogits;
    rd_head_saved saved;
} rd_sequence_outputs;

/* The loss of two passes (rdrop/criterion.h) with R-Drop's term times alpha; of one pass: of that
 * pass twice. first, second and their gradients (NULL: none): [n, n_out]. */
typedef rd_status (*rd_pair_loss)(const void *self, float alpha, const rd_sequence_outputs *o,
                                  const float *first, const float *second, float *d_first,
                                  float *d_second, rd_criterion_sums *sums);

/* RD_ERR_ARGUMENT unless the batch has `given` things to predict, one a sequence. */
rd_status rd_sequence_forward(const rd_step *step, const rd_head *head, const rd_output *out,
                              int64_t given, rd_sequence_outputs *o);

/* The losses of all passes and the mean of R-Drop's term over their pairs: adds to *sums, and
 * fills o->dlogits. */
rd_status rd_sequence_loss(const rd_step *step, const rd_sequence_outputs *o, rd_pair_loss loss,
                           const void *self, float alpha, rd_criterion_sums *sums);

/* From o->dlogits makes out->dx, if wanted, and adds to the gradients of the head. */
rd_status rd_sequence_backward(const rd_step *step, const rd_head *head, const rd_output *out,
                               rd_sequence_outputs *o);

#endif
