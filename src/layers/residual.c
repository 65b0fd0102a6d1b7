#include "layers/residual.h"

#include <omp.h>

/* sum = x + dropout(h + bias), y = norm(sum); h or norm may be absent (see backend.h). */
static void residual_norm(const rd_step *step, const rd_dropout *dropout, const rd_norm *norm,
                          const rd_tensor *bias, rd_residual_saved *saved, float *sum, float *y,
                          int64_t rows, int64_t width, const float *x, const float *h) {
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        int64_t at = begin * width;
        step->ops->residual_norm(
            sum ? sum + at : NULL, y ? y + at : NULL, saved->mean + begin, saved->rstd + begin,
            x + at, h ? h + at : NULL, bias ? bias->value : NULL, norm ? norm->gain.value : NULL,
            norm ? norm->shift.value : NULL, begin, end - begin, width, dropout);
    }
}

rd_status rd_norm_statistics(const rd_step *step, rd_residual_saved *saved, int64_t rows) {
    saved->mean = rd_arena_f32(step->arena, rows);
    saved->rstd = rd_arena_f32(step->arena, rows);
    return saved->mean && saved->rstd ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_norm_forward(const rd_step *step, const rd_norm *norm, rd_residual_saved *saved,
                          int64_t rows, int64_t width, const float *x, const float **y) {
    RD_TRY(rd_norm_statistics(step, saved, rows));
    float *out = rd_step_rows(step, rows, width);
    if (!out) return RD_ERR_MEMORY;
    rd_dropout none = {0};
    residual_norm(step, &none, norm, NULL, saved, NULL, out, rows, width, x, NULL);
    saved->sum = x;
    *y = out;
    return RD_OK;
}

rd_status rd_norm_backward(const rd_step *step, const rd_norm *norm, const rd_residual_saved *saved,
                           int64_t rows, int64_t width, float *dx, bool accumulate,
                           const float *dy) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    float *dgain = rd_partials_new(step, width), *dshift = rd_partials_new(step, width);
    if (!dgain || !dshift) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        int64_t begin, end, mine = omp_get_thread_num() * width;
        rd_thread_rows(rows, &begin, &end);
        int64_t at = begin * width;
        step->ops->norm_backward(dx + at, accumulate, dy + at, saved->sum + at, saved->mean + begin,
                                 saved->rstd + begin, norm->gain.value, dgain + mine, dshift + mine,
                                 end - begin, width);
    }
    rd_partials_add(dgain, width, norm->gain.grad);
    rd_partials_add(dshift, width, norm->shift.grad);
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_residual_begin(const rd_step *step, const rd_residual *residual,
                            rd_residual_saved *saved, int64_t rows, int64_t width, const float *x,
                            const float **input) {
    if (residual->pre_norm)
        return rd_norm_forward(step, &residual->norm, saved, rows, width, x, input);
    *input = x;
    return RD_OK;
}

rd_status rd_residual_end(const rd_step *step, const rd_residual *residual,
                          rd_residual_saved *saved, int64_t rows, int64_t width, const float *x,
                          const float *h, const float **y) {
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    float *sum = rd_step_rows(step, rows, width);
    if (!sum) return RD_ERR_MEMORY;
    if (residual->pre_norm) {
        residual_norm(step, &dropout, NULL, &residual->bias, saved, sum, NULL, rows, width, x, h);
        *y = sum;
        return RD_OK;
    }
    RD_TRY(rd_norm_statistics(step, saved, rows));
    float *out = rd_step_rows(step, rows, width);
    if (!out) return RD_ERR_MEMORY;
    residual_norm(step, &dropout, &residual->norm, &residual->bias, saved, sum, out, rows, width, x,
                  h);
    saved->sum = sum;
    *y = out;
    return RD_OK;
}

rd_status rd_residual_end_backward(const rd_step *step, const rd_residual *residual,
                                   const rd_residual_saved *saved, int64_t rows, int64_t width,
                                   float *dx, float **dh, float **dinput, float *beta) {
    if (!residual->pre_norm) /* in place: each row is read before it is written */
        RD_TRY(rd_norm_backward(step, &residual->norm, saved, rows, width, dx, false, dx));
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    float *d = rd_step_rows(step, rows, width);
    float *dbias = rd_partials_new(step, width);
    float *normed = residual->pre_norm ? rd_step_rows(step, rows, width) : dx;
    if (!d || !dbias || !normed) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->residual_backward(d + begin * width, dx + begin * width,
                                     dbias + omp_get_thread_num() * width, begin, end - begin,
                                     width, &dropout);
    }
    rd_partials_add(dbias, width, residual->bias.grad);
    *dh = d;
    *dinput = normed;
    *beta = residual->pre_norm ? 0.0f : 1.0f;
    return RD_OK;
}

rd_status rd_residual_begin_backward(const rd_step *step, const rd_residual *residual,
                                     const rd_residual_saved *saved, int64_t rows, int64_t width,
                                     float *dx, const float *dinput) {
    if (!residual->pre_norm) return RD_OK; /* f's backward has added to dx itself */
    return rd_norm_backward(step, &residual->norm, saved, rows, width, dx, true, dinput);
}
