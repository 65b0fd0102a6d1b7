/* Operations on rows of logits. */
#include <omp.h>
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

/* In the order of threads. */
static void add_partials(const rd_criterion_partial *partials, float reg_alpha,
                         rd_criterion_sums *sums) {
    for (int t = 0; t < omp_get_max_threads(); t++) {
        sums->label_smoothed += partials[t].label_smoothed;
        sums->nll += partials[t].nll;
        sums->kl += partials[t].kl;
        sums->loss += partials[t].label_smoothed + (double)reg_alpha * partials[t].kl;
    }
}

rd_status rd_op_token_criterion(rd_arena *arena, float *logits, const float *bias,
                                rd_activations dlogits, int64_t passes, int64_t rows, int64_t vocab,
                                const int32_t *targets, float label_smoothing, float reg_alpha,
                                rd_criterion_sums *sums) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t threads = omp_get_max_threads();
    rd_criterion_partial *partials = rd_arena_alloc(arena, (size_t)threads, sizeof *partials);
    int64_t size = rd_criterion_scratch(passes, vocab);
    float *scratch = rd_arena_f32(arena, threads * size);
    if (!partials || !scratch) return RD_ERR_MEMORY;
    memset(partials, 0, (size_t)threads * sizeof *partials);
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int thread = omp_get_thread_num();
        for (int64_t r = s.begin; r < s.begin + s.n; r++) {
            for (int64_t p = 0; bias && p < passes; p++)
                kernels->add_bias(logits + (p * rows + r) * vocab, bias, 1, vocab);
            kernels->criterion(logits + r * vocab, rd_activations_at(dlogits, r * vocab), passes,
                               rows * vocab, vocab, targets[r], label_smoothing, reg_alpha,
                               scratch + thread * size, &partials[thread]);
        }
    }
    add_partials(partials, reg_alpha, sums);
    sums->n_tokens += rows;
    rd_arena_restore(arena, mark);
    return RD_OK;
}

void rd_op_row_stats(rd_row_stats *stats, const float *logits, int64_t passes, int64_t rows,
                     int64_t n) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t r = 0; r < rows; r++)
        kernels->row_stats(&stats[r], logits + r * n, passes == 2 ? logits + (rows + r) * n : NULL,
                           n);
}

void rd_op_row_gradient(rd_activations dlogits, const float *logits, int64_t passes, int64_t rows,
                        int64_t n, const rd_row_stats *stats, const rd_row_loss *losses) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t r = 0; r < rows; r++) {
        const float *b = passes == 2 ? logits + (rows + r) * n : NULL;
        rd_activations db = b ? rd_activations_at(dlogits, (rows + r) * n) : (rd_activations){0};
        kernels->row_gradient(rd_activations_at(dlogits, r * n), db, logits + r * n, b, n,
                              &stats[r], &losses[r]);
    }
}

void rd_op_log_softmax(float *x, int64_t rows, int64_t vocab) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (rd_is_alone()) {
        for (int64_t r = 0; r < rows; r++) kernels->log_softmax(x + r * vocab, vocab);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++) kernels->log_softmax(x + r * vocab, vocab);
}

void rd_op_target_log_probs(float *log_probs, const float *logits, const int32_t *targets,
                            int64_t rows, int64_t vocab) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * vocab;
        log_probs[r] = row[targets[r]] - kernels->log_sum_exp(row, vocab);
    }
}

void rd_op_log_softmax_add(float *sum, float *x, int64_t rows, int64_t vocab, float shift) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t r = 0; r < rows; r++) {
        kernels->log_softmax(x + r * vocab, vocab);
        kernels->log_add_exp(sum + r * vocab, x + r * vocab, vocab, shift);
    }
}

void rd_op_copy_shifted(float *to, int64_t to_stride, const float *from, int64_t stride,
                        const float *shifts, int64_t shift_stride, int64_t rows, int64_t width) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t r = 0; r < rows; r++) {
        float *restrict y = to + r * to_stride;
        const float *restrict x = from + r * stride;
        float shift = shifts ? shifts[r * shift_stride] : 0.0f;
        for (int64_t i = 0; i < width; i++) y[i] = x[i] + shift;
    }
}

bool rd_op_strided_maxima(float *maxima, const float *x, int64_t n, int64_t stride) {
    return rd_cpu_kernels()->strided_maxima(maxima, x, n, stride);
}
