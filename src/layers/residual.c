#include "layers/residual.h"

rd_status rd_norm_statistics(const rd_step *step, rd_residual_saved *saved, int64_t rows) {
    saved->stats.mean = rd_arena_f32(step->arena, rows);
    saved->stats.rstd = rd_arena_f32(step->arena, rows);
    return saved->stats.mean && saved->stats.rstd ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_norm_forward(const rd_step *step, const rd_norm *norm, rd_residual_saved *saved,
                          int64_t rows, int64_t width, const float *x, rd_activations *y) {
    RD_TRY(rd_norm_statistics(step, saved, rows));
    *y = rd_step_activations(step, rows, width);
    if (!rd_activations_exists(*y)) return RD_ERR_MEMORY;
    const rd_layer_norm values = rd_norm_values(norm);
    rd_op_residual_norm(NULL, *y, saved->stats, x, (rd_activations){0}, NULL, &values, rows, width,
                        &(rd_dropout){0});
    saved->sum = x;
    return RD_OK;
}

rd_status rd_norm_backward(const rd_step *step, const rd_norm *norm, const rd_residual_saved *saved,
                           int64_t rows, int64_t width, float *dx, bool accumulate,
                           const float *dy) {
    return rd_op_norm_backward(step->arena, dx, accumulate, dy, saved->sum, saved->stats,
                               norm->weight.value, norm->weight.grad, norm->bias.grad, rows, width);
}

rd_status rd_residual_draw_paths(const rd_step *step, const rd_residual *residual,
                                 rd_residual_saved *saved, const rd_sequences *sequences) {
    int64_t n = sequences->n_seqs;
    const rd_dropout dropout = rd_step_dropout(step, residual->drop_path, residual->path_site, n);
    saved->paths = NULL;
    if (dropout.rate <= 0.0f) return RD_OK;
    float *paths = rd_arena_f32(step->arena, sequences->rows);
    float *drawn = rd_arena_f32(step->arena, n);
    if (!paths || !drawn) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) drawn[i] = 1.0f;
    rd_op_dropout((rd_activations){.f32 = drawn}, n, 1, &dropout);
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = sequences->offsets[i]; r < sequences->offsets[i + 1]; r++)
            paths[r] = drawn[i];
    saved->paths = paths;
    return RD_OK;
}

rd_status rd_residual_begin(const rd_step *step, const rd_residual *residual,
                            rd_residual_saved *saved, int64_t rows, int64_t width, rd_activations x,
                            rd_activations *input) {
    if (residual->pre_norm)
        return rd_norm_forward(step, &residual->norm, saved, rows, width, x.f32, input);
    *input = x;
    return RD_OK;
}

rd_status rd_residual_end(const rd_step *step, const rd_residual *residual,
                          rd_residual_saved *saved, int64_t rows, int64_t width, rd_activations x,
                          rd_activations h, rd_activations *y) {
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    float *sum = rd_step_rows(step, rows, width);
    if (!sum) return RD_ERR_MEMORY;
    if (residual->pre_norm) {
        rd_op_residual_norm(sum, (rd_activations){0}, (rd_norm_stats){0}, x.f32, h,
                            residual->bias.value, NULL, rows, width, &dropout);
        if (saved->paths) rd_op_mix_rows(sum, x.f32, saved->paths, rows, width);
        *y = (rd_activations){.f32 = sum};
        return RD_OK;
    }
    RD_TRY(rd_norm_statistics(step, saved, rows));
    saved->sum = sum;
    *y = h.bf16 ? (rd_activations){x.f32, h.bf16} : h;
    const rd_layer_norm norm = rd_norm_values(&residual->norm);
    rd_op_residual_norm(sum, *y, saved->stats, x.f32, h, residual->bias.value, &norm, rows, width,
                        &dropout);
    return RD_OK;
}

rd_status rd_residual_end_backward(const rd_step *step, const rd_residual *residual,
                                   const rd_residual_saved *saved, int64_t rows, int64_t width,
                                   float *dx, rd_activations *dh, float **dinput, float *beta) {
    if (!residual->pre_norm) /* in place: each row is read before it is written */
        RD_TRY(rd_norm_backward(step, &residual->norm, saved, rows, width, dx, false, dx));
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    *dh = rd_step_activations(step, rows, width);
    *dinput = residual->pre_norm ? rd_step_rows(step, rows, width) : dx;
    *beta = residual->pre_norm ? 0.0f : 1.0f;
    const float *dsum = dx;
    if (saved->paths) {
        float *scaled = rd_step_rows(step, rows, width);
        if (!scaled) return RD_ERR_MEMORY;
        rd_op_scale_rows(scaled, dx, saved->paths, rows, width);
        dsum = scaled;
    }
    if (!rd_activations_exists(*dh) || !*dinput) return RD_ERR_MEMORY;
    return rd_op_residual_backward(step->arena, *dh, dsum, residual->bias.grad, rows, width,
                                   &dropout);
}

rd_status rd_residual_begin_backward(const rd_step *step, const rd_residual *residual,
                                     const rd_residual_saved *saved, int64_t rows, int64_t width,
                                     float *dx, const float *dinput) {
    if (!residual->pre_norm) return RD_OK; /* f's backward has added to dx itself */
    return rd_norm_backward(step, &residual->norm, saved, rows, width, dx, true, dinput);
}
