/* Attention of one query over all heads, for incremental decoding. Included by simd.c only, once
 * per instruction set. */
#ifndef RD_OPS_CPU_ATTENTION_QUERY_H
#define RD_OPS_CPU_ATTENTION_QUERY_H

#include <math.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* p[j] = exp(p[j] - max) for j < n, zeros up to rd_pad16(n); returns their sum. */
static float exponentials(float *restrict p, int64_t n) {
    for (int64_t j = n; j < rd_pad16(n); j++) p[j] = -INFINITY;
    vec16 largest = *(const vec16_anywhere *)p, z = {0};
    for (int64_t j = 16; j < n; j += 16)
        largest = larger(largest, *(const vec16_anywhere *)(p + j));
    float max = largest_lane(largest);
    for (int64_t j = 0; j < n; j += 16) {
        float *restrict block = p + j;
        for (int l = 0; l < 16; l++) block[l] = exp_fast(block[l] - max);
        z += *(const vec16_anywhere *)block;
    }
    return sum_lanes(z);
}

/* Element i is the sum of v[i]'s lanes: pairs of vectors are folded into one, four times. */
static inline vec16 lane_sums(const vec16 v[16]) {
    vec16 t[8], u[4], w[2];
    for (int i = 0; i < 8; i++)
        t[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24,
                                       10, 26, 12, 28, 14, 30) +
               __builtin_shufflevector(v[2 * i], v[2 * i + 1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25,
                                       11, 27, 13, 29, 15, 31);
    for (int i = 0; i < 4; i++)
        u[i] = __builtin_shufflevector(t[2 * i], t[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24,
                                       25, 12, 13, 28, 29) +
               __builtin_shufflevector(t[2 * i], t[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11,
                                       26, 27, 14, 15, 30, 31);
    for (int i = 0; i < 2; i++)
        w[i] = __builtin_shufflevector(u[2 * i], u[2 * i + 1], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10,
                                       11, 24, 25, 26, 27) +
               __builtin_shufflevector(u[2 * i], u[2 * i + 1], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13,
                                       14, 15, 28, 29, 30, 31);
    return __builtin_shufflevector(w[0], w[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22,
                                   23) +
           __builtin_shufflevector(w[0], w[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29,
                                   30, 31);
}

/* The rows of up to 16 keys from `first` on; rows after the last one repeat it. */
static inline void key_rows(const float *rows[16], const float *kv, int64_t stride,
                            const int32_t *index, int64_t first, int64_t n_keys) {
    int64_t n = n_keys - first < 16 ? n_keys - first : 16, l = 0;
    for (; l < n; l++) rows[l] = kv + (index ? index[first + l] : first + l) * stride;
    for (; l < 16; l++) rows[l] = rows[n - 1];
}

/* q: [head_dim] times 16 keys, which have this head at `column`. */
static inline vec16 query_scores(const float *q, const float *const rows[16], int64_t column,
                                 int64_t head_dim) {
    int64_t whole = head_dim / 16 * 16;
    vec16 products[16] = {{0}};
    for (int64_t c = 0; c < whole; c += 16) {
        vec16 part = *(const vec16_anywhere *)(q + c);
#pragma GCC unroll 16
        for (int l = 0; l < 16; l++)
            products[l] += part * *(const vec16_anywhere *)(rows[l] + column + c);
    }
    vec16 scores = lane_sums(products);
    for (int64_t c = whole; c < head_dim; c++)
        for (int l = 0; l < 16; l++) scores[l] += q[c] * rows[l][column + c];
    return scores;
}

/* out: [head_dim] += 16 values weighted by p: [16]. */
static inline void add_values(float *restrict out, const float *const rows[16], int64_t column,
                              const float *restrict p, int64_t head_dim) {
    int64_t whole = head_dim / 16 * 16;
    for (int64_t c = 0; c < whole; c += 16) {
        vec16 sums[4] = {{0}}; /* one alone would wait for each addition */
#pragma GCC unroll 16
        for (int l = 0; l < 16; l++)
            sums[l % 4] += p[l] * *(const vec16_anywhere *)(rows[l] + column + c);
        *(vec16_anywhere *)(out + c) += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    for (int64_t c = whole; c < head_dim; c++)
        for (int l = 0; l < 16; l++) out[c] += p[l] * rows[l][column + c];
}

static void attention_query(float *restrict out, const float *restrict q, const float *restrict kv,
                            int64_t stride, const int32_t *restrict index, int64_t n_keys,
                            int64_t n_heads, int64_t head_dim, float *restrict p) {
    int64_t width = n_heads * head_dim, keys = rd_pad16(n_keys);
    float scale = 1.0f / sqrtf((float)head_dim);
    const float *rows[16];
    for (int64_t first = 0; first < n_keys; first += 16) {
        key_rows(rows, kv, stride, index, first, n_keys);
        for (int64_t h = 0; h < n_heads; h++)
            *(vec16_anywhere *)(p + h * keys + first) =
                query_scores(q + h * head_dim, (const float *const *)rows, h * head_dim, head_dim) *
                scale;
    }
    for (int64_t h = 0; h < n_heads; h++) {
        float inverse = 1.0f / exponentials(p + h * keys, n_keys);
        for (int64_t j = 0; j < keys; j++) p[h * keys + j] *= inverse;
    }
    for (int64_t i = 0; i < width; i++) out[i] = 0.0f;
    for (int64_t first = 0; first < n_keys; first += 16) {
        key_rows(rows, kv, stride, index, first, n_keys);
        for (int64_t h = 0; h < n_heads; h++)
            add_values(out + h * head_dim, (const float *const *)rows, width + h * head_dim,
                       p + h * keys + first, head_dim);
    }
}

#endif
