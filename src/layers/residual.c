#include "layers/residual.h"

#include <omp.h>

/* sum = x + dropout(h + bias), y = norm(sum); h or norm may be absent (see backend.h). */
typedef struct {
    const rd_step *step;
    const rd_dropout *dropout;
    const rd_norm *norm;
    const rd_tensor *bias;
    const rd_residual_saved *saved;
    float *sum;
    rd_mixed y;
    int64_t width;
    const float *x;
    rd_mixed h;
} norm_work;

static void norm_rows(const void *self, int thread, int64_t begin, int64_t end) {
    (void)thread;
    const norm_work *w = self;
    int64_t at = begin * w->width;
    w->step->ops->residual_norm(
        w->sum ? w->sum + at : NULL, rd_mixed_at(w->y, at), w->saved->mean + begin,
        w->saved->rstd + begin, w->x + at, rd_mixed_at(w->h, at), w->bias ? w->bias->value : NULL,
        w->norm ? w->norm->gain.value : NULL, w->norm ? w->norm->shift.value : NULL, begin,
        end - begin, w->width, w->dropout);
}

rd_status rd_norm_statistics(const rd_step *step, rd_residual_saved *saved, int64_t rows) {
    saved->mean = rd_arena_f32(step->arena, rows);
    saved->rstd = rd_arena_f32(step->arena, rows);
    return saved->mean && saved->rstd ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_norm_forward(const rd_step *step, const rd_norm *norm, rd_residual_saved *saved,
                          int64_t rows, int64_t width, const float *x, rd_mixed *y) {
    RD_TRY(rd_norm_statistics(step, saved, rows));
    *y = rd_step_activations(step, rows, width);
    if (!rd_mixed_exists(*y)) return RD_ERR_MEMORY;
    rd_dropout none = {0};
    rd_over_rows(rows, norm_rows,
                 &(norm_work){.step = step,
                              .dropout = &none,
                              .norm = norm,
                              .saved = saved,
                              .y = *y,
                              .width = width,
                              .x = x});
    saved->sum = x;
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
                            rd_residual_saved *saved, int64_t rows, int64_t width, rd_mixed x,
                            rd_mixed *input) {
    if (residual->pre_norm)
        return rd_norm_forward(step, &residual->norm, saved, rows, width, x.f32, input);
    *input = x;
    return RD_OK;
}

rd_status rd_residual_end(const rd_step *step, const rd_residual *residual,
                          rd_residual_saved *saved, int64_t rows, int64_t width, rd_mixed x,
                          rd_mixed h, rd_mixed *y) {
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    float *sum = rd_step_rows(step, rows, width);
    if (!sum) return RD_ERR_MEMORY;
    norm_work work = {.step = step,
                      .dropout = &dropout,
                      .bias = &residual->bias,
                      .saved = saved,
                      .sum = sum,
                      .width = width,
                      .x = x.f32,
                      .h = h};
    if (!residual->pre_norm) {
        RD_TRY(rd_norm_statistics(step, saved, rows));
        work.norm = &residual->norm;
        work.y = h.bf16 ? (rd_mixed){x.f32, h.bf16} : h;
        saved->sum = sum;
    }
    rd_over_rows(rows, norm_rows, &work);
    *y = work.y;
    if (residual->pre_norm) y->f32 = sum;
    return RD_OK;
}

rd_status rd_residual_end_backward(const rd_step *step, const rd_residual *residual,
                                   const rd_residual_saved *saved, int64_t rows, int64_t width,
                                   float *dx, rd_mixed *dh, float **dinput, float *beta) {
    if (!residual->pre_norm) /* in place: each row is read before it is written */
        RD_TRY(rd_norm_backward(step, &residual->norm, saved, rows, width, dx, false, dx));
    rd_dropout dropout = rd_step_dropout(step, residual->dropout, residual->site, rows);
    *dh = rd_step_activations(step, rows, width);
    float *dbias = rd_partials_new(step, width);
    *dinput = residual->pre_norm ? rd_step_rows(step, rows, width) : dx;
    *beta = residual->pre_norm ? 0.0f : 1.0f;
    if (!rd_mixed_exists(*dh) || !dbias || !*dinput) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->residual_backward(rd_mixed_at(*dh, begin * width), dx + begin * width,
                                     dbias + omp_get_thread_num() * width, begin, end - begin,
                                     width, &dropout);
    }
    rd_partials_add(dbias, width, residual->bias.grad);
    return RD_OK;
}

rd_status rd_residual_begin_backward(const rd_step *step, const rd_residual *residual,
                                     const rd_residual_saved *saved, int64_t rows, int64_t width,
                                     float *dx, const float *dinput) {
    if (!residual->pre_norm) return RD_OK; /* f's backward has added to dx itself */
    return rd_norm_backward(step, &residual->norm, saved, rows, width, dx, true, dinput);
}
