/* Classes: label-smoothed cross-entropy and R-Drop's KL of one output a sequence. */
#include "criterion/sequence.h"

static rd_status of_pair(const rd_criterion *self, const rd_batch *batch, float alpha,
                         const rd_pass_pair *pair, rd_criterion_sums *sums) {
    bool mixed = batch->shares.length > 0;
    const rd_class_config config = {.label_smoothing = self->label_smoothing,
                                    .reg_alpha = alpha,
                                    .kl_reduction = self->kl_reduction,
                                    .class_weights = self->class_weights,
                                    .other_labels = mixed ? batch->other_labels.data : NULL,
                                    .shares = mixed ? batch->shares.data : NULL};
    return rd_criterion_classes(&config, pair->n, pair->n_out, pair->first, pair->second,
                                batch->labels.data, pair->d_first, pair->d_second, sums);
}

rd_status rd_class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    return rd_sequence_criterion(self, step, head, batch, out, batch->labels.length, of_pair, sums);
}
