#include "layers/feed_forward.h"

#include <omp.h>

rd_status rd_feed_forward_forward(const rd_step *step, const rd_feed_forward *ffn,
                                  rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                  const float *x, float **y) {
    int64_t ffn_dim = ffn->ffn_dim;
    saved->h = rd_step_rows(step, rows, ffn_dim);
    float *a = rd_step_rows(step, rows, ffn_dim);
    *y = rd_step_rows(step, rows, width);
    if (!saved->h || !a || !*y) return RD_ERR_MEMORY;
    RD_TRY(rd_step_operand(step, x, rows, width, &saved->x));
    rd_gemm_forward(rows, ffn_dim, width, saved->x, rd_step_weights(step, &ffn->weight1, 0), 0.0f,
                    saved->h);
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->activation(a + begin * ffn_dim, saved->h + begin * ffn_dim, ffn->bias1.value,
                              begin, end - begin, ffn_dim, ffn->activation, &dropout);
    }
    RD_TRY(rd_step_operand(step, a, rows, ffn_dim, &saved->a));
    rd_gemm_forward(rows, width, ffn_dim, saved->a, rd_step_weights(step, &ffn->weight2, 0), 0.0f,
                    *y);
    return RD_OK;
}

rd_status rd_feed_forward_backward(const rd_step *step, const rd_feed_forward *ffn,
                                   const rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                   const float *dy, float *dx, float beta) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t ffn_dim = ffn->ffn_dim;
    float *dh = rd_step_rows(step, rows, ffn_dim);
    float *dbias = rd_partials_new(step, ffn_dim);
    if (!dh || !dbias) return RD_ERR_MEMORY;
    rd_operand dy_operand, dh_operand;
    RD_TRY(rd_step_operand(step, dy, rows, width, &dy_operand));
    rd_gemm_backward_data(rows, width, ffn_dim, dy_operand, rd_step_weights(step, &ffn->weight2, 0),
                          0.0f, dh);
    rd_gemm_backward_weights(rows, width, ffn_dim, dy_operand, saved->a, 1.0f, ffn->weight2.grad);
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
    RD_TRY(rd_step_operand(step, dh, rows, ffn_dim, &dh_operand));
    rd_gemm_backward_weights(rows, ffn_dim, width, dh_operand, saved->x, 1.0f, ffn->weight1.grad);
    rd_gemm_backward_data(rows, ffn_dim, width, dh_operand, rd_step_weights(step, &ffn->weight1, 0),
                          beta, dx);
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
