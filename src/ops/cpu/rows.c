/* Operations on rows: each thread takes an equal share of them. */
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

void rd_op_copy(rd_activations to, rd_activations from, int64_t n) {
    if (to.f32 && to.f32 != from.f32) memcpy(to.f32, from.f32, sizeof(float) * (size_t)n);
    if (to.bf16 && to.bf16 != from.bf16) memcpy(to.bf16, from.bf16, sizeof(uint16_t) * (size_t)n);
}

void rd_op_zero(rd_activations x, int64_t n) {
    if (x.f32) memset(x.f32, 0, sizeof(float) * (size_t)n);
    if (x.bf16) memset(x.bf16, 0, sizeof(uint16_t) * (size_t)n);
}

void rd_op_to_bf16(uint16_t *out, const float *x, int64_t n) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel
    {
        rd_share s = rd_share_of(n);
        kernels->to_bf16(out + s.begin, x + s.begin, s.n);
    }
}

void rd_op_scatter(float *to, const int32_t *places, const float *from, int64_t stride,
                   int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++)
        memcpy(to + places[r] * width, from + r * stride, sizeof(float) * (size_t)width);
}

void rd_op_embed(rd_activations out, int64_t rows, int64_t width, const int32_t *tokens,
                 const int32_t *positions, const float *table, const float *position_table,
                 float scale, const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (rd_is_alone()) {
        kernels->embed(out, 0, rows, width, tokens, positions, table, position_table, scale,
                       dropout);
        return;
    }
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        kernels->embed(rd_activations_at(out, s.begin * width), s.begin, s.n, width,
                       tokens + s.begin, positions + s.begin, table, position_table, scale,
                       dropout);
    }
}

void rd_op_embed_add(float *out, int64_t rows, int64_t width, const int32_t *ids,
                     const float *table) {
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        for (int64_t r = s.begin; r < s.begin + s.n; r++) {
            const float *from = table + ids[r] * width;
            float *to = out + r * width;
            for (int64_t i = 0; i < width; i++) to[i] += from[i];
        }
    }
}

/* Each thread owns columns, not rows: a token may occur in any row, and this way no two threads
 * write one element, in the same order whatever the number of threads. */
void rd_op_embed_backward(float *dtable, float *dposition_table, const float *d, int64_t rows,
                          int64_t width, const int32_t *tokens, const int32_t *positions,
                          float scale) {
#pragma omp parallel
    {
        rd_share columns = rd_share_of(width);
        int64_t first = columns.begin, last = first + columns.n;
        for (int64_t r = 0; r < rows; r++) {
            const float *row = d + r * width;
            float *t = dtable + tokens[r] * width;
            for (int64_t i = first; i < last; i++) t[i] += scale * row[i];
            if (!dposition_table) continue;
            float *p = dposition_table + positions[r] * width;
            for (int64_t i = first; i < last; i++) p[i] += row[i];
        }
    }
}

void rd_op_add_bias(float *y, const float *bias, int64_t rows, int64_t width) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (rd_is_alone()) {
        kernels->add_bias(y, bias, rows, width);
        return;
    }
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        kernels->add_bias(y + s.begin * width, bias, s.n, width);
    }
}

rd_status rd_op_column_sums(rd_arena *arena, float *total, rd_activations x, int64_t rows,
                            int64_t width) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    float *partials = rd_partials_new(arena, width);
    if (!partials) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        kernels->column_sums(rd_partials_mine(partials, width),
                             rd_activations_at(x, s.begin * width), s.n, width);
    }
    rd_partials_add(partials, width, total);
    rd_arena_restore(arena, mark);
    return RD_OK;
}

void rd_op_dropout(rd_activations x, int64_t rows, int64_t width, const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (dropout->rate <= 0.0f) return;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        kernels->apply_dropout(rd_activations_at(x, s.begin * width), s.begin, s.n, width, dropout);
    }
}

void rd_op_activation(rd_activations out, rd_activations h, const float *bias, int64_t rows,
                      int64_t width, rd_activation act, const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (rd_is_alone()) {
        kernels->activation(out, h, bias, 0, rows, width, act, dropout);
        return;
    }
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int64_t at = s.begin * width;
        kernels->activation(rd_activations_at(out, at), rd_activations_at(h, at), bias, s.begin,
                            s.n, width, act, dropout);
    }
}

rd_status rd_op_activation_backward(rd_arena *arena, rd_activations dh, rd_activations out,
                                    rd_activations dout, rd_activations h, const float *bias,
                                    float *dbias, int64_t rows, int64_t width, rd_activation act,
                                    const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    float *partials = rd_partials_new(arena, width);
    if (!partials) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int64_t at = s.begin * width;
        kernels->activation_backward(rd_activations_at(dh, at), rd_activations_at(out, at),
                                     rd_activations_at(dout, at), rd_activations_at(h, at), bias,
                                     rd_partials_mine(partials, width), s.begin, s.n, width, act,
                                     dropout);
    }
    rd_partials_add(partials, width, dbias);
    rd_arena_restore(arena, mark);
    return RD_OK;
}

static rd_norm_stats stats_at(rd_norm_stats stats, int64_t row) {
    return (rd_norm_stats){stats.mean + row, stats.rstd + row};
}

void rd_op_residual_norm(float *sum, rd_activations y, rd_norm_stats stats, const float *x,
                         rd_activations h, const float *bias, const rd_layer_norm *norm,
                         int64_t rows, int64_t width, const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    if (rd_is_alone()) {
        kernels->residual_norm(sum, y, stats, x, h, bias, norm, 0, rows, width, dropout);
        return;
    }
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int64_t at = s.begin * width;
        kernels->residual_norm(sum ? sum + at : NULL, rd_activations_at(y, at),
                               norm ? stats_at(stats, s.begin) : stats, x + at,
                               rd_activations_at(h, at), bias, norm, s.begin, s.n, width, dropout);
    }
}

rd_status rd_op_norm_backward(rd_arena *arena, float *dx, bool accumulate, const float *dy,
                              const float *sum, rd_norm_stats stats, const float *weight,
                              float *dweight, float *dbias, int64_t rows, int64_t width) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    float *weights = rd_partials_new(arena, width), *biases = rd_partials_new(arena, width);
    if (!weights || !biases) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int64_t at = s.begin * width;
        kernels->norm_backward(dx + at, accumulate, dy + at, sum + at, stats_at(stats, s.begin),
                               weight, rd_partials_mine(weights, width),
                               rd_partials_mine(biases, width), s.n, width);
    }
    rd_partials_add(weights, width, dweight);
    rd_partials_add(biases, width, dbias);
    rd_arena_restore(arena, mark);
    return RD_OK;
}

rd_status rd_op_residual_backward(rd_arena *arena, rd_activations dh, const float *dsum,
                                  float *dbias, int64_t rows, int64_t width,
                                  const rd_dropout *dropout) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    float *partials = rd_partials_new(arena, width);
    if (!partials) return RD_ERR_MEMORY;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        int64_t at = s.begin * width;
        kernels->residual_backward(rd_activations_at(dh, at), dsum + at,
                                   rd_partials_mine(partials, width), s.begin, s.n, width, dropout);
    }
    rd_partials_add(partials, width, dbias);
    rd_arena_restore(arena, mark);
    return RD_OK;
}

/* out: [width] += x: [width]. */
static void add_row(float *restrict out, rd_activations x, int64_t width) {
    for (int64_t i = 0; x.f32 && i < width; i++) out[i] += x.f32[i];
    for (int64_t i = 0; !x.f32 && x.bf16 && i < width; i++) out[i] += rd_bf16_to_f32(x.bf16[i]);
}

void rd_op_pool(float *out, rd_activations x, const rd_sequences *sequences, int64_t width,
                bool mean) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t s = 0; s < sequences->n_seqs; s++) {
        int32_t begin = sequences->offsets[s], n = mean ? sequences->offsets[s + 1] - begin : 1;
        float *restrict y = out + s * width;
        memset(y, 0, sizeof *y * (size_t)width);
        for (int32_t t = begin; t < begin + n; t++)
            add_row(y, rd_activations_at(x, t * width), width);
        for (int64_t i = 0; mean && i < width; i++) y[i] /= (float)n;
    }
}

void rd_op_pool_backward(float *dx, const float *dout, const rd_sequences *sequences, int64_t width,
                         bool mean) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t s = 0; s < sequences->n_seqs; s++) {
        int32_t begin = sequences->offsets[s], end = sequences->offsets[s + 1];
        float share = mean ? 1.0f / (float)(end - begin) : 1.0f;
        for (int32_t t = begin; t < end; t++) {
            float *restrict row = dx + t * width;
            const float *restrict d = dout + s * width;
            float part = mean || t == begin ? share : 0.0f;
            for (int64_t i = 0; i < width; i++) row[i] = part * d[i];
        }
    }
}

void rd_op_mix_rows(float *y, const float *x, const float *scale, int64_t rows, int64_t width) {
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        for (int64_t r = s.begin; r < s.begin + s.n; r++)
            for (int64_t i = r * width; i < (r + 1) * width; i++)
                y[i] = x[i] + scale[r] * (y[i] - x[i]);
    }
}

void rd_op_scale_rows(float *to, const float *from, const float *scale, int64_t rows,
                      int64_t width) {
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows);
        for (int64_t r = s.begin; r < s.begin + s.n; r++)
            for (int64_t i = r * width; i < (r + 1) * width; i++) to[i] = scale[r] * from[i];
    }
}

void rd_op_gather(rd_activations to, rd_activations from, const int32_t *rows, int64_t n,
                  int64_t width) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t i = 0; i < n; i++) {
        int64_t at = rows[i] * width;
        if (to.f32) memcpy(to.f32 + i * width, from.f32 + at, sizeof(float) * (size_t)width);
        if (to.bf16) memcpy(to.bf16 + i * width, from.bf16 + at, sizeof(uint16_t) * (size_t)width);
    }
}

void rd_op_add_rows(float *to, const int32_t *rows, const float *from, int64_t n, int64_t width) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t i = 0; i < n; i++) {
        float *restrict y = to + rows[i] * width;
        const float *restrict x = from + i * width;
        for (int64_t k = 0; k < width; k++) y[k] += x[k];
    }
}
