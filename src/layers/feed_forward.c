#include "layers/feed_forward.h"

#include <omp.h>

typedef struct {
    const rd_step *step;
    const rd_feed_forward *ffn;
    rd_mixed a, h; /* [rows, ffn_dim] behind and before bias, activation and dropout */
    const rd_dropout *dropout;
} activation_work;

static void activate_rows(const void *self, int thread, int64_t begin, int64_t end) {
    (void)thread;
    const activation_work *w = self;
    int64_t width = w->ffn->ffn_dim;
    w->step->ops->activation(rd_mixed_at(w->a, begin * width), rd_mixed_at(w->h, begin * width),
                             w->ffn->bias1.value, begin, end - begin, width, w->ffn->activation,
                             w->dropout);
}

rd_status rd_feed_forward_forward(const rd_step *step, const rd_feed_forward *ffn,
                                  rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                  rd_mixed x, rd_mixed *y) {
    int64_t ffn_dim = ffn->ffn_dim;
    *saved = (rd_feed_forward_saved){.x = x, .h = rd_step_activations(step, rows, ffn_dim)};
    *y = rd_step_activations(step, rows, width);
    rd_arena_mark mark = rd_arena_save(step->arena);
    rd_mixed a = rd_step_activations(step, rows, ffn_dim);
    if (!rd_mixed_exists(saved->h) || !rd_mixed_exists(a) || !rd_mixed_exists(*y))
        return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, ffn_dim, width, x, &ffn->weight1, 0, ffn->packed1, NULL,
                           saved->h));
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
    rd_over_rows(rows, activate_rows, &(activation_work){step, ffn, a, saved->h, &dropout});
    RD_TRY(
        rd_step_product(step, rows, width, ffn_dim, a, &ffn->weight2, 0, ffn->packed2, NULL, *y));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_feed_forward_backward(const rd_step *step, const rd_feed_forward *ffn,
                                   const rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                   rd_mixed dy, float *dx, float beta) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t ffn_dim = ffn->ffn_dim;
    rd_mixed dh = rd_step_activations(step, rows, ffn_dim);
    float *dbias = rd_partials_new(step, ffn_dim);
    if (!rd_mixed_exists(dh) || !dbias) return RD_ERR_MEMORY;
    rd_gemm_backward_data(rows, width, ffn_dim, dy, rd_step_weights(step, &ffn->weight2, 0), 0.0f,
                          dh);
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        rd_mixed my_dh = rd_mixed_at(dh, begin * ffn_dim);
        rd_mixed my_h = rd_mixed_at(saved->h, begin * ffn_dim);
        step->ops->activation_backward(my_dh, my_h, my_dh, my_h, ffn->bias1.value,
                                       dbias + omp_get_thread_num() * ffn_dim, begin, end - begin,
                                       ffn_dim, ffn->activation, &dropout);
    }
    rd_mixed a = saved->h; /* which now holds it */
    rd_partials_add(dbias, ffn_dim, ffn->bias1.grad);
    rd_gemm_backward_weights(rows, width, ffn_dim, dy, a, 1.0f, ffn->weight2.grad);
    rd_gemm_backward_weights(rows, ffn_dim, width, dh, saved->x, 1.0f, ffn->weight1.grad);
    rd_gemm_backward_data(rows, ffn_dim, width, dh, rd_step_weights(step, &ffn->weight1, 0), beta,
                          (rd_mixed){.f32 = dx});
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
