/* Output projection, log-softmax, label smoothing, R-Drop's KL and all their gradients as one
 * operation over chunks of rows, so that memory is chunk x vocabulary, not tokens x vocabulary. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "criterion/criterion.h"

/* Logits of a chunk: 16 MiB, well inside a server's last-level cache. */
enum { CHUNK_FLOATS = 4 << 20 };

static void add_bias(float *restrict logits, const float *restrict bias, int64_t vocab) {
    for (int64_t i = 0; i < vocab; i++) logits[i] += bias[i];
}

/* Of a chunk's logits, [n_passes * n, vocab], still without bias: their gradients, which may take
 * their place, and sums. */
static rd_status chunk_loss(const rd_criterion *self, const rd_step *step, int64_t n, int64_t vocab,
                            float *logits, const float *bias, const int32_t *targets,
                            rd_mixed dlogits, float *scratch, rd_criterion_sums *sums) {
    rd_criterion_partial *partials =
        rd_arena_alloc(step->arena, (size_t)omp_get_max_threads(), sizeof *partials);
    if (!partials) return RD_ERR_MEMORY;
    memset(partials, 0, (size_t)omp_get_max_threads() * sizeof *partials);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(n, &begin, &end);
        int thread = omp_get_thread_num();
        for (int64_t r = begin; r < end; r++) {
            float *first = logits + r * vocab;
            float *second = step->n_passes == 2 ? logits + (n + r) * vocab : NULL;
            if (bias) add_bias(first, bias, vocab);
            if (bias && second) add_bias(second, bias, vocab);
            step->ops->criterion(first, second, rd_mixed_at(dlogits, r * vocab),
                                 rd_mixed_at(dlogits, (n + r) * vocab), vocab, targets[r],
                                 self->label_smoothing, self->reg_alpha,
                                 scratch + thread * 2 * vocab, &partials[thread]);
        }
    }
    for (int t = 0; t < omp_get_max_threads(); t++) {
        sums->label_smoothed += partials[t].label_smoothed;
        sums->nll += partials[t].nll;
        sums->kl += partials[t].kl;
        sums->loss += partials[t].label_smoothed + (double)self->reg_alpha * partials[t].kl;
    }
    sums->n_tokens += n;
    return RD_OK;
}

int64_t rd_token_loss_chunk(int64_t passes, int64_t n_tokens, int64_t vocab) {
    int64_t chunk = CHUNK_FLOATS / (passes * vocab);
    if (chunk < 16) chunk = 16;
    return chunk < n_tokens ? chunk : n_tokens;
}

/* to: [passes * n, width] = rows first .. first + n of each pass of from: [passes * total, width].
 */
static void gather(rd_mixed to, rd_mixed from, int64_t passes, int64_t total, int64_t first,
                   int64_t n, int64_t width) {
    for (int64_t pass = 0; pass < passes; pass++) {
        int64_t at = (pass * total + first) * width, count = n * width;
        if (to.bf16)
            memcpy(to.bf16 + pass * count, from.bf16 + at, sizeof(uint16_t) * (size_t)count);
        else
            memcpy(to.f32 + pass * count, from.f32 + at, sizeof(float) * (size_t)count);
    }
}

static void scatter(float *to, const float *from, int64_t passes, int64_t total, int64_t first,
                    int64_t n, int64_t width) {
    for (int64_t pass = 0; pass < passes; pass++)
        memcpy(to + (pass * total + first) * width, from + pass * n * width,
               sizeof(float) * (size_t)(n * width));
}

rd_status rd_token_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, int64_t n_tokens, int64_t width, rd_mixed x,
                        float *dx, rd_criterion_sums *sums) {
    if (rd_tokens_total(&batch->target) != n_tokens)
        return rd_error(RD_ERR_ARGUMENT, "the loss of tokens: %lld targets for %lld outputs",
                        (long long)rd_tokens_total(&batch->target), (long long)n_tokens);
    int64_t vocab = head->n_out;
    rd_arena_mark mark = rd_arena_save(step->arena);
    int64_t passes = step->n_passes, chunk = rd_token_loss_chunk(passes, n_tokens, vocab);
    float *logits = rd_step_rows(step, passes * chunk, vocab);
    float *scratch = rd_arena_f32(step->arena, omp_get_max_threads() * 2 * vocab);
    float *drows = rd_step_rows(step, passes * chunk, width);
    rd_mixed w = rd_step_weights(step, &head->weight, 0);
    if (!logits || !scratch || !drows) return RD_ERR_MEMORY;
    for (int64_t first = 0; first < n_tokens; first += chunk) {
        int64_t n = n_tokens - first < chunk ? n_tokens - first : chunk, rows = passes * n;
        rd_arena_mark chunk_mark = rd_arena_save(step->arena);
        rd_mixed chunk_x = rd_step_activations(step, rows, width);
        rd_mixed dlogits =
            step->bf16 ? rd_step_activations(step, rows, vocab) : (rd_mixed){.f32 = logits};
        if (!rd_mixed_exists(chunk_x) || !rd_mixed_exists(dlogits)) return RD_ERR_MEMORY;
        gather(chunk_x, x, passes, n_tokens, first, n, width);
        rd_gemm_forward(rows, vocab, width, chunk_x, w, 0.0f, (rd_mixed){.f32 = logits});
        RD_TRY(chunk_loss(self, step, n, vocab, logits, head->bias.value, batch->target.ids + first,
                          dlogits, scratch, sums));
        if (dx) {
            rd_gemm_backward_weights(rows, vocab, width, dlogits, chunk_x, 1.0f, head->weight.grad);
            if (head->bias.value)
                RD_TRY(rd_column_sums(step, dlogits, rows, vocab, head->bias.grad));
            rd_gemm_backward_data(rows, vocab, width, dlogits, w, 0.0f, (rd_mixed){.f32 = drows});
            scatter(dx, drows, passes, n_tokens, first, n, width);
        }
        rd_arena_restore(step->arena, chunk_mark);
    }
    rd_arena_restore(step->arena, mark);
    if (!isfinite(sums->loss))
        return rd_error(RD_ERR_NUMERIC, "the loss of this batch is not finite (%f)", sums->loss);
    return RD_OK;
}
