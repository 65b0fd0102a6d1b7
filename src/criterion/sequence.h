/* What the criteria of whole sequences share: the head's forward and backward passes. */
#ifndef RD_CRITERION_SEQUENCE_H
#define RD_CRITERION_SEQUENCE_H

#include "criterion/criterion.h"

/* logits: [passes, n, n_out], the second pass under the first. first, second: those of the two
 * passes, which are the same when there is one; d_first, d_second: room for the gradients, NULL
 * when none is wanted. With one pass the second gradient is the first one again, and not used. */
typedef struct {
    int64_t n, n_out; /* sequences of one pass; head outputs */
    float *first, *second, *d_first, *d_second;
    rd_head_saved saved;
} rd_sequence_outputs;

/* RD_ERR_ARGUMENT unless the batch has `given` things to predict, one a sequence. */
rd_status rd_sequence_forward(const rd_step *step, const rd_head *head, const rd_output *out,
                              int64_t given, rd_sequence_outputs *o);

/* Adds the sums, which count a single pass twice, to *sums; and from the gradients makes out->dx
 * and adds to those of the head. */
rd_status rd_sequence_backward(const rd_step *step, const rd_head *head, const rd_output *out,
                               rd_sequence_outputs *o, const rd_criterion_sums *of_both,
                               rd_criterion_sums *sums);

#endif
