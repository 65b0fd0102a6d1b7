#include "layers/feed_forward.h"

rd_status rd_feed_forward_forward(const rd_step *step, const rd_feed_forward *ffn,
                                  rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                  rd_activations x, rd_activations *y) {
    int64_t ffn_dim = ffn->ffn_dim;
    *saved = (rd_feed_forward_saved){.x = x, .h = rd_step_activations(step, rows, ffn_dim)};
    *y = rd_step_activations(step, rows, width);
    rd_arena_mark mark = rd_arena_save(step->arena);
    rd_activations a = rd_step_activations(step, rows, ffn_dim);
    if (!rd_activations_exists(saved->h) || !rd_activations_exists(a) || !rd_activations_exists(*y))
        return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, ffn_dim, width, x, &ffn->weight1, 0, ffn->packed1, NULL,
                           saved->h));
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
    rd_op_activation(a, saved->h, ffn->bias1.value, rows, ffn_dim, ffn->activation, &dropout);
    RD_TRY(
        rd_step_product(step, rows, width, ffn_dim, a, &ffn->weight2, 0, ffn->packed2, NULL, *y));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_feed_forward_backward(const rd_step *step, const rd_feed_forward *ffn,
                                   const rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                   rd_activations dy, float *dx, float beta) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t ffn_dim = ffn->ffn_dim;
    rd_activations dh = rd_step_activations(step, rows, ffn_dim);
    if (!rd_activations_exists(dh)) return RD_ERR_MEMORY;
    rd_gemm_backward_data(rows, width, ffn_dim, dy, rd_step_weights(step, &ffn->weight2, 0), 0.0f,
                          dh);
    rd_dropout dropout = rd_step_dropout(step, ffn->dropout, ffn->site, rows);
    rd_activations a = saved->h; /* its contents afterwards */
    RD_TRY(rd_op_activation_backward(step->arena, dh, a, dh, saved->h, ffn->bias1.value,
                                     ffn->bias1.grad, rows, ffn_dim, ffn->activation, &dropout));
    rd_gemm_backward_weights(rows, width, ffn_dim, dy, a, 1.0f, ffn->weight2.grad);
    rd_gemm_backward_weights(rows, ffn_dim, width, dh, saved->x, 1.0f, ffn->weight1.grad);
    rd_gemm_backward_data(rows, ffn_dim, width, dh, rd_step_weights(step, &ffn->weight1, 0), beta,
                          (rd_activations){.f32 = dx});
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
