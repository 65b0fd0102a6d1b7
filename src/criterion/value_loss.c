/* One number a sequence: squared errors, and R-Drop's squared distance between the passes. */
#include "criterion/sequence.h"

/* self: the values, [n]. */
static rd_status of_pair(const void *self, float alpha, const rd_sequence_outputs *o,
                         const float *first, const float *second, float *d_first, float *d_second,
                         rd_criterion_sums *sums) {
    return rd_criterion_values(alpha, o->n, first, second, self, d_first, d_second, sums);
}

rd_status rd_value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    rd_sequence_outputs o;
    RD_TRY(rd_sequence_forward(step, head, out, batch->values.length, &o));
    RD_TRY(rd_sequence_loss(step, &o, of_pair, batch->values.data, self->reg_alpha, sums));
    RD_TRY(rd_sequence_backward(step, head, out, &o));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
