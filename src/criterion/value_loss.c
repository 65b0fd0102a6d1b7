/* One number a sequence: squared errors, and R-Drop's squared distance between the passes. */
#include "criterion/sequence.h"

static rd_status of_pair(const rd_criterion *self, const rd_batch *batch, float alpha,
                         const rd_pass_pair *pair, rd_criterion_sums *sums) {
    (void)self;
    return rd_criterion_values(alpha, pair->n, pair->first, pair->second, batch->values.data,
                               pair->d_first, pair->d_second, sums);
}

rd_status rd_value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    return rd_sequence_criterion(self, step, head, batch, out, batch->values.length, of_pair, sums);
}
