/* One number a sequence: squared errors, and R-Drop's squared distance between the passes. */
#include "criterion/sequence.h"

static rd_status value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                            const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    float alpha = step->n_passes == 2 ? self->reg_alpha : 0.0f;
    rd_sequence_outputs o;
    rd_criterion_sums of_both;
    RD_TRY(rd_sequence_forward(step, head, out, batch->values.length, &o));
    RD_TRY(rd_criterion_values(alpha, o.n, o.first, o.second, batch->values.data, o.d_first,
                               o.d_second, &of_both));
    return rd_sequence_backward(step, head, out, &o, &of_both, sums);
}

rd_status rd_value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(value_loss(self, step, head, batch, out, sums));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
