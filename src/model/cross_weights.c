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

void rd_cross_weights(int32_t heads, int64_t head_dim, const float *q, int64_t n, const float *kv,
                      float *weights, float *scratch) {
    for (int64_t j = 0; j < n; j++) weights[j] = 0.0f;
    for (int32_t h = 0; h < heads; h++)
        add_head(n, heads, head_dim, q + h * head_dim, kv + h * head_dim, weights, scratch);
}
