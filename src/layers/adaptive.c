#include "layers/adaptive.h"

int64_t rd_adaptive_vocab(const rd_adaptive_softmax *softmax) {
    if (softmax->n_tails == 0) return softmax->n_head;
    const rd_adaptive_tail *last = &softmax->tails[softmax->n_tails - 1];
    return last->first + last->n_words;
}

int rd_adaptive_band_of(const rd_adaptive_softmax *softmax, int32_t word) {
    int i = softmax->n_tails - 1;
    while (i >= 0 && word < softmax->tails[i].first) i--;
    return i;
}

void rd_adaptive_project(const rd_step *step, const rd_adaptive_tail *tail, int64_t rows,
                         int64_t width, rd_activations x, rd_activations y) {
    rd_activations w = rd_step_weights(step, &tail->projection, 0);
    if (tail->transposed)
        rd_gemm_backward_data(rows, width, tail->dim, x, w, 0.0f, y);
    else
        rd_gemm_forward(rows, tail->dim, width, x, w, 0.0f, y);
}

void rd_adaptive_project_backward(const rd_step *step, const rd_adaptive_tail *tail, int64_t rows,
                                  int64_t width, rd_activations x, rd_activations dy, float beta,
                                  float *dx) {
    rd_activations w = rd_step_weights(step, &tail->projection, 0), d = {.f32 = dx};
    if (tail->transposed) {
        rd_gemm_backward_weights(rows, width, tail->dim, x, dy, 1.0f, tail->projection.grad);
        rd_gemm_forward(rows, width, tail->dim, dy, w, beta, d);
    } else {
        rd_gemm_backward_weights(rows, tail->dim, width, dy, x, 1.0f, tail->projection.grad);
        rd_gemm_backward_data(rows, tail->dim, width, dy, w, beta, d);
    }
}

/* Columns `first` .. of log_probs: [rows, vocab] = tail i's log-probabilities, under its class's in
 * head: [rows, n_head + n_tails]. */
static rd_status tail_log_probs(const rd_adaptive_softmax *softmax, const rd_step *step, int i,
                                int64_t rows, int64_t width, rd_activations x, const float *head,
                                float *log_probs) {
    const rd_adaptive_tail *tail = &softmax->tails[i];
    int64_t n = tail->n_words;
    rd_activations y = rd_step_activations(step, rows, tail->dim);
    float *logits = rd_step_rows(step, rows, n);
    if (!rd_activations_exists(y) || !logits) return RD_ERR_MEMORY;
    rd_adaptive_project(step, tail, rows, width, x, y);
    rd_gemm_forward(rows, n, tail->dim, y, rd_step_weights(step, &tail->words, 0), 0.0f,
                    (rd_activations){.f32 = logits});
    rd_op_log_softmax(logits, rows, n);
    rd_op_copy_shifted(log_probs + tail->first, rd_adaptive_vocab(softmax), logits, n,
                       head + softmax->n_head + i, softmax->n_head + softmax->n_tails, rows, n);
    return RD_OK;
}

rd_status rd_adaptive_log_probs(const rd_adaptive_softmax *softmax, const rd_step *step,
                                int64_t rows, int64_t width, rd_activations x, float *log_probs) {
    int64_t n = softmax->n_head + softmax->n_tails;
    rd_arena_mark mark = rd_arena_save(step->arena);
    float *head = rd_step_rows(step, rows, n);
    if (!head) return RD_ERR_MEMORY;
    rd_gemm_forward(rows, n, width, x, rd_step_weights(step, &softmax->head, 0), 0.0f,
                    (rd_activations){.f32 = head});
    rd_op_log_softmax(head, rows, n);
    rd_op_copy_shifted(log_probs, rd_adaptive_vocab(softmax), head, n, NULL, 0, rows,
                       softmax->n_head);
    for (int i = 0; i < softmax->n_tails; i++) {
        rd_arena_mark tail_mark = rd_arena_save(step->arena);
        RD_TRY(tail_log_probs(softmax, step, i, rows, width, x, head, log_probs));
        rd_arena_restore(step->arena, tail_mark);
    }
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
