#include "model/cross_weights.h"

#include <math.h>

/* Adds softmax(q . k_j / sqrt(head_dim)) / heads of one head to weights: [n]. */
static void add_head(int64_t n, int32_t heads, int64_t head_dim, const float *q, const float *k,
                     float *weights, float *scratch) {
    int64_t stride = 2 * heads * head_dim;
    float scale = 1.0f / sqrtf((float)head_dim), max = -INFINITY, sum = 0.0f;
    for (int64_t j = 0; j < n; j++) {
        float dot = 0.0f;
        for (int64_t c = 0; c < head_dim; c++) dot += q[c] * k[j * stride + c];
        scratch[j] = dot * scale;
        max = fmaxf(max, scratch[j]);
    }
    for (int64_t j = 0; j < n; j++) sum += scratch[j] = expf(scratch[j] - max);
    for (int64_t j = 0; j < n; j++) weights[j] += scratch[j] / (sum * (float)heads);
}

void rd_cross_weights(int64_t n_rows, int32_t heads, int64_t head_dim, const float *q,
                      const float *kv, const int32_t *sentences, const int32_t *src_offsets,
                      int64_t stride, float *weights, float *scratch) {
    int64_t width = heads * head_dim;
#pragma omp parallel for schedule(static) if (n_rows > 1)
    for (int64_t r = 0; r < n_rows; r++) {
        int64_t begin = src_offsets[sentences[r]], n = src_offsets[sentences[r] + 1] - begin;
        float *row = weights + r * stride;
        for (int64_t j = 0; j < n; j++) row[j] = 0.0f;
        for (int32_t h = 0; h < heads; h++)
            add_head(n, heads, head_dim, q + r * width + h * head_dim,
                     kv + begin * 2 * width + h * head_dim, row, scratch + r * stride);
    }
}
