/* Classes: label-smoothed cross-entropy and R-Drop's KL of one output a sequence. */
#include "criterion/sequence.h"

typedef struct {
    const rd_criterion *criterion;
    const rd_batch *batch;
} labelled;

static rd_status of_pair(const void *self, float alpha, const rd_sequence_outputs *o,
                         const float *first, const float *second, float *d_first, float *d_second,
                         rd_criterion_sums *sums) {
    const rd_criterion *criterion = ((const labelled *)self)->criterion;
    const rd_batch *batch = ((const labelled *)self)->batch;
    bool mixed = batch->shares.length > 0;
    const rd_class_config config = {.label_smoothing = criterion->label_smoothing,
                                    .reg_alpha = alpha,
                                    .kl_reduction = criterion->kl_reduction,
                                    .class_weights = criterion->class_weights,
                                    .other_labels = mixed ? batch->other_labels.data : NULL,
                                    .shares = mixed ? batch->shares.data : NULL};
    return rd_criterion_classes(&config, o->n, o->n_out, first, second, batch->labels.data, d_first,
                                d_second, sums);
}

rd_status rd_class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    const labelled labels = {self, batch};
    rd_arena_mark mark = rd_arena_save(step->arena);
    rd_sequence_outputs o;
    RD_TRY(rd_sequence_forward(step, head, out, batch->labels.length, &o));
    RD_TRY(rd_sequence_loss(step, &o, of_pair, &labels, self->reg_alpha, sums));
    RD_TRY(rd_sequence_backward(step, head, out, &o));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
