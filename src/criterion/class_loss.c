/* Classes: label-smoothed cross-entropy and R-Drop's KL of one output a sequence. */
#include "criterion/sequence.h"

static rd_status class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                            const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    bool mixed = batch->shares.length > 0;
    rd_class_config config = {.label_smoothing = self->label_smoothing,
                              .reg_alpha = step->n_passes == 2 ? self->reg_alpha : 0.0f,
                              .kl_reduction = self->kl_reduction,
                              .class_weights = self->class_weights,
                              .other_labels = mixed ? batch->other_labels.data : NULL,
                              .shares = mixed ? batch->shares.data : NULL};
    rd_sequence_outputs o;
    rd_criterion_sums of_both;
    RD_TRY(rd_sequence_forward(step, head, out, batch->labels.length, &o));
    RD_TRY(rd_criterion_classes(&config, o.n, o.n_out, o.first, o.second, batch->labels.data,
                                o.d_first, o.d_second, &of_both));
    return rd_sequence_backward(step, head, out, &o, &of_both, sums);
}

rd_status rd_class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(class_loss(self, step, head, batch, out, sums));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
