#include "layers/layer.h"

rd_dropout rd_step_dropout(const rd_step *step, float rate, int32_t site, int64_t rows) {
    return (rd_dropout){.rate = step->training ? rate : 0.0f,
                        .seed = step->seed,
                        .update = step->update,
                        .micro_batch = step->micro_batch,
                        .site = site,
                        .rows_per_pass = step->n_passes > 1 ? rows / step->n_passes : 0};
}

rd_cutoff rd_step_cutoff(const rd_step *step, rd_cutoff_kind kind, float ratio, int32_t site) {
    return (rd_cutoff){.kind = step->training ? kind : RD_CUTOFF_NONE,
                       .ratio = ratio,
                       .seed = step->seed,
                       .update = step->update,
                       .micro_batch = step->micro_batch,
                       .site = site,
                       .passes = step->n_passes};
}

float *rd_step_rows(const rd_step *step, int64_t rows, int64_t width) {
    return rd_arena_f32(step->arena, rd_gemm_rows(rows) * width);
}

/* rd_gemm_rows adds at most 15 rows, or a sixteenth. */
float *rd_step_rows_in_parts(const rd_step *step, int64_t rows, int64_t width) {
    return rd_arena_f32(step->arena, (rows + rows / 16 + 16) * width);
}

static uint16_t *bf16_rows(const rd_step *step, int64_t rows, int64_t width) {
    int64_t padded = rd_gemm_rows(rows);
    uint16_t *x = rd_arena_alloc(step->arena, (size_t)(padded * width), sizeof *x);
    if (x) rd_op_zero((rd_activations){.bf16 = x + rows * width}, (padded - rows) * width);
    return x;
}

rd_activations rd_step_activations(const rd_step *step, int64_t rows, int64_t width) {
    if (step->bf16) return (rd_activations){.bf16 = bf16_rows(step, rows, width)};
    return (rd_activations){.f32 = rd_step_rows(step, rows, width)};
}

rd_activations rd_step_stream(const rd_step *step, int64_t rows, int64_t width) {
    rd_activations x = {.f32 = rd_step_rows(step, rows, width)};
    if (x.f32 && step->bf16) {
        x.bf16 = bf16_rows(step, rows, width);
        if (!x.bf16) x.f32 = NULL;
    }
    return x;
}

rd_status rd_step_operand(const rd_step *step, float *x, int64_t rows, int64_t width,
                          rd_activations *operand) {
    *operand = (rd_activations){.f32 = x};
    if (!step->bf16) return RD_OK;
    *operand = rd_step_activations(step, rows, width);
    if (!rd_activations_exists(*operand)) return RD_ERR_MEMORY;
    rd_op_to_bf16(operand->bf16, x, rows * width);
    return RD_OK;
}

rd_activations rd_step_weights(const rd_step *step, const rd_weight *weights, int64_t offset) {
    return rd_activations_at((rd_activations){weights->value, step->bf16 ? weights->bf16 : NULL},
                             offset);
}

rd_status rd_step_product(const rd_step *step, int64_t rows, int64_t n_out, int64_t n_in,
                          rd_activations x, const rd_weight *weights, int64_t offset,
                          const rd_packed *packed, const float *bias, rd_activations y) {
    if (packed) return rd_packed_multiply(packed, step->arena, rows, x.f32, bias, y.f32);
    rd_gemm_forward(rows, n_out, n_in, x, rd_step_weights(step, weights, offset), 0.0f, y);
    if (bias) rd_op_add_bias(y.f32, bias, rows, n_out);
    return RD_OK;
}
