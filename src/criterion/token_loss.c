/* Output projection, log-softmax, label smoothing, R-Drop's KL and all their gradients as one
 * operation over chunks of rows, so that memory is chunk x vocabulary, not tokens x vocabulary. */
#include <math.h>

#include "criterion/criterion.h"

/* Logits of a chunk: 16 MiB, well inside a server's last-level cache. */
enum { CHUNK_FLOATS = 4 << 20 };

int64_t rd_token_loss_chunk(int64_t passes, int64_t n_tokens, int64_t vocab) {
    int64_t chunk = CHUNK_FLOATS / (passes * vocab);
    if (chunk < 16) chunk = 16;
    return chunk < n_tokens ? chunk : n_tokens;
}

/* Rows first .. first + n of each pass of whole: [passes * total, width] to or from those of part:
 * [passes * n, width]. */
static void gather(rd_activations part, rd_activations whole, int64_t passes, int64_t total,
                   int64_t first, int64_t n, int64_t width) {
    for (int64_t pass = 0; pass < passes; pass++)
        rd_op_copy(rd_activations_at(part, pass * n * width),
                   rd_activations_at(whole, (pass * total + first) * width), n * width);
}

static void scatter(rd_activations whole, rd_activations part, int64_t passes, int64_t total,
                    int64_t first, int64_t n, int64_t width) {
    for (int64_t pass = 0; pass < passes; pass++)
        rd_op_copy(rd_activations_at(whole, (pass * total + first) * width),
                   rd_activations_at(part, pass * n * width), n * width);
}

rd_status rd_token_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, int64_t n_tokens, int64_t width, rd_activations x,
                        float *dx, rd_criterion_sums *sums) {
    if (rd_tokens_total(&batch->target) != n_tokens)
        return rd_error(RD_ERR_ARGUMENT, "the loss of tokens: %lld targets for %lld outputs",
                        (long long)rd_tokens_total(&batch->target), (long long)n_tokens);
    int64_t vocab = head->n_out;
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t passes = step->n_passes, chunk = rd_token_loss_chunk(passes, n_tokens, vocab);
    float *logits = rd_step_rows(step, passes * chunk, vocab);
    rd_activations drows = {.f32 = rd_step_rows(step, passes * chunk, width)};
    rd_activations w = rd_step_weights(step, &head->weight, 0);
    if (!logits || !drows.f32) return RD_ERR_MEMORY;
    for (int64_t first = 0; first < n_tokens; first += chunk) {
        int64_t n = n_tokens - first < chunk ? n_tokens - first : chunk, rows = passes * n;
        rd_arena_mark chunk_mark = rd_arena_save(step->arena);
        rd_activations chunk_x = rd_step_activations(step, rows, width);
        rd_activations dlogits =
            step->bf16 ? rd_step_activations(step, rows, vocab) : (rd_activations){.f32 = logits};
        if (!rd_activations_exists(chunk_x) || !rd_activations_exists(dlogits))
            return RD_ERR_MEMORY;
        gather(chunk_x, x, passes, n_tokens, first, n, width);
        rd_gemm_forward(rows, vocab, width, chunk_x, w, 0.0f, (rd_activations){.f32 = logits});
        RD_TRY(rd_op_token_criterion(step->arena, logits, head->bias.value, dlogits, passes, n,
                                     vocab, batch->target.ids + first, self->label_smoothing,
                                     self->reg_alpha, sums));
        if (dx) {
            rd_gemm_backward_weights(rows, vocab, width, dlogits, chunk_x, 1.0f, head->weight.grad);
            if (head->bias.value)
                RD_TRY(rd_op_column_sums(step->arena, head->bias.grad, dlogits, rows, vocab));
            rd_gemm_backward_data(rows, vocab, width, dlogits, w, 0.0f, drows);
            scatter((rd_activations){.f32 = dx}, drows, passes, n_tokens, first, n, width);
        }
        rd_arena_restore(step->arena, chunk_mark);
    }
    rd_arena_restore(step->arena, mark);
    if (!isfinite(sums->loss))
        return rd_error(RD_ERR_NUMERIC, "the loss of this batch is not finite (%f)", sums->loss);
    return RD_OK;
}
