#include "layers/feed_forward.h"

#include <omp.h>

#include "kernels/gemm.h"

rd_status rd_feed_forward_forward(const rd_step *step, const rd_feed_forward *ffn,
                                  rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                  const float *x, float **y) {
    int64_t ffn_dim = ffn->ffn_dim;
    saved->x = x;
    saved->h = rd_arena_f32(step->arena, rows * ffn_dim);
    saved->a = rd_arena_f32(step->arena, rows * ffn_dim);
    *y = rd_arena_f32(step->arena, rows * width);
    if (!saved->h || !saved->a || !*y) return RD_ERR_MEMORY;
    rd_gemm_forward(rows, ffn_dim, width, x, ffn->weight1.value, 0.0f, saved->h);
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->activation(saved->a + begin * ffn_dim, saved->h + begin * ffn_dim,
                              ffn->bias1.value, begin, end - begin, ffn_dim, ffn->activation,
                              &dropout);
    }
    rd_gemm_forward(rows, width, ffn_dim, saved->a, ffn->weight2.value, 0.0f, *y);
    return RD_OK;
}

rd_status rd_feed_forward_backward(const rd_step *step, const rd_feed_forward *ffn,
                                   const rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                   const float *dy, float *dx, float beta) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t ffn_dim = ffn->ffn_dim;
    float *dh = rd_arena_f32(step->arena, rows * ffn_dim);
    float *dbias = rd_partials_new(step, ffn_dim);
    if (!dh || !dbias) return RD_ERR_MEMORY;
    rd_gemm_backward_data(rows, width, ffn_dim, dy, ffn->weight2.value, 0.0f, dh);
    rd_gemm_backward_weights(rows, width, ffn_dim, dy, saved->a, 1.0f, ffn->weight2.grad);
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->activation_backward(dh + begin * ffn_dim, dh + begin * ffn_dim,
                                       saved->h + begin * ffn_dim, ffn->bias1.value,
                                       dbias + omp_get_thread_num() * ffn_dim, begin, end - begin,
                                       ffn_dim, ffn->activation, &dropout);
    }
    rd_partials_add(dbias, ffn_dim, ffn->bias1.grad);
    rd_gemm_backward_weights(rows, ffn_dim, width, dh, saved->x, 1.0f, ffn->weight1.grad);
    rd_gemm_backward_data(rows, ffn_dim, width, dh, ffn->weight1.value, beta, dx);
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
