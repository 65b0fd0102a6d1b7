/* One row a sequence, by weights that depend on its rows. */
#include <math.h>
#include <string.h>

#include "ops/activations.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

static float dot(const float *y, rd_activations x, int64_t width) {
    float sum = 0.0f;
    for (int64_t i = 0; i < width; i++) sum += y[i] * rd_activation_at(x, i);
    return sum;
}

/* scores: [n] to their softmax. */
static void softmax(float *scores, int32_t n) {
    float max = scores[0], sum = 0.0f;
    for (int32_t t = 1; t < n; t++) max = fmaxf(max, scores[t]);
    for (int32_t t = 0; t < n; t++) sum += scores[t] = expf(scores[t] - max);
    for (int32_t t = 0; t < n; t++) scores[t] /= sum;
}

void rd_op_attention_pool(float *out, float *shares, rd_activations x, const float *weight,
                          const rd_sequences *sequences, int64_t width) {
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t s = 0; s < sequences->n_seqs; s++) {
        int32_t begin = sequences->offsets[s], end = sequences->offsets[s + 1];
        float *y = out + s * width;
        for (int32_t t = begin; t < end; t++)
            shares[t] = dot(weight, rd_activations_at(x, t * width), width);
        softmax(shares + begin, end - begin);
        memset(y, 0, sizeof *y * (size_t)width);
        for (int32_t t = begin; t < end; t++) {
            rd_activations row = rd_activations_at(x, t * width);
            for (int64_t i = 0; i < width; i++) y[i] += shares[t] * rd_activation_at(row, i);
        }
    }
}

/* Of one sequence. dweight: [width] is overwritten. With score_t = x_t weight:
 *     dscore_t = share_t (dout x_t - sum_u share_u dout x_u)
 *     dx_t = share_t dout + dscore_t weight */
static void backward(float *dx, float *dweight, const float *dout, rd_activations x,
                     const float *shares, const float *weight, int32_t n, int64_t width) {
    float mean = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        dx[t * width] = dot(dout, rd_activations_at(x, t * width), width); /* until it is dx */
        mean += shares[t] * dx[t * width];
    }
    memset(dweight, 0, sizeof *dweight * (size_t)width);
    for (int32_t t = 0; t < n; t++) {
        rd_activations row = rd_activations_at(x, t * width);
        float dscore = shares[t] * (dx[t * width] - mean);
        for (int64_t i = 0; i < width; i++) {
            dx[t * width + i] = shares[t] * dout[i] + dscore * weight[i];
            dweight[i] += dscore * rd_activation_at(row, i);
        }
    }
}

rd_status rd_op_attention_pool_backward(rd_arena *arena, float *dx, float *dweight,
                                        const float *dout, rd_activations x, const float *shares,
                                        const float *weight, const rd_sequences *sequences,
                                        int64_t width) {
    rd_arena_mark mark = rd_arena_save(arena);
    float *parts = rd_arena_f32(arena, sequences->n_seqs * width);
    if (!parts) return RD_ERR_MEMORY;
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t s = 0; s < sequences->n_seqs; s++) {
        int32_t begin = sequences->offsets[s], n = sequences->offsets[s + 1] - begin;
        backward(dx + begin * width, parts + s * width, dout + s * width,
                 rd_activations_at(x, begin * width), shares + begin, weight, n, width);
    }
    RD_TRY(rd_op_column_sums(arena, dweight, (rd_activations){.f32 = parts}, sequences->n_seqs,
                             width));
    rd_arena_restore(arena, mark);
    return RD_OK;
}
