/* Attention of one query over all heads, for incremental decoding. Included by simd.c only, once
 * per instruction set. */
#ifndef RD_OPS_CPU_ATTENTION_QUERY_H
#define RD_OPS_CPU_ATTENTION_QUERY_H

#include <math.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* Scores p: [n] to their softmax, with zeros after it up to whole vectors, where p repeats other
 * scores before. Nothing is stored shortly before it is read as a vector, which would wait. */
static void query_softmax(float *restrict p, int64_t n) {
    native largest = *(const native_anywhere *)p, sums = {0};
    for (int64_t j = NATIVE; j < n; j += NATIVE)
        largest = larger(largest, *(const native_anywhere *)(p + j));
    float max = largest_lane(largest);
    for (int64_t j = 0; j < n; j += NATIVE) {
        float *restrict some = p + j;
        int left = n - j < NATIVE ? (int)(n - j) : NATIVE;
        for (int l = 0; l < NATIVE; l++) some[l] = l < left ? exp_fast(some[l] - max) : 0.0f;
        sums += *(const native_anywhere *)some;
    }
    float inverse = 1.0f / sum_lanes(sums);
    for (int64_t j = 0; j < n; j += NATIVE) *(native_anywhere *)(p + j) *= inverse;
}

/* The rows of up to NATIVE keys from `first` on; rows after the last one repeat it. */
static inline void key_rows(const float *rows[NATIVE], const float *kv, int64_t stride,
                            const int32_t *index, int64_t first, int64_t n_keys) {
    int64_t n = n_keys - first < NATIVE ? n_keys - first : NATIVE, l = 0;
    for (; l < n; l++) rows[l] = kv + (index ? index[first + l] : first + l) * stride;
    for (; l < NATIVE; l++) rows[l] = rows[n - 1];
}

/* products: [NATIVE keys][NATIVE] += one or two vectors (a constant where this is inlined) of q
 * times those of the keys, `at` elements from their rows' beginnings. */
static inline __attribute__((always_inline)) void add_products(native products[NATIVE],
                                                               const float *q,
                                                               const float *const rows[NATIVE],
                                                               int64_t at, int vectors) {
    native part[2];
    for (int v = 0; v < vectors; v++) part[v] = *(const native_anywhere *)(q + NATIVE * v);
#pragma GCC unroll 16
    for (int l = 0; l < NATIVE; l++)
        for (int v = 0; v < vectors; v++)
            products[l] += part[v] * *(const native_anywhere *)(rows[l] + at + NATIVE * v);
}

/* q: [head_dim] times NATIVE keys, which have this head at `column`. */
static inline native query_scores(const float *q, const float *const rows[NATIVE], int64_t column,
                                  int64_t head_dim) {
    native products[NATIVE] = {{0}};
    int64_t c = 0;
    for (; c + 2 * NATIVE <= head_dim; c += 2 * NATIVE)
        add_products(products, q + c, rows, column + c, 2);
    for (; c + NATIVE <= head_dim; c += NATIVE) add_products(products, q + c, rows, column + c, 1);
    native scores = lane_sums(products);
    for (; c < head_dim; c++)
        for (int l = 0; l < NATIVE; l++) scores[l] += q[c] * rows[l][column + c];
    return scores;
}

/* out: [vectors * NATIVE] += NATIVE values weighted by p: [NATIVE], as add_products. */
static inline __attribute__((always_inline)) void add_vectors(float *restrict out,
                                                              const float *const rows[NATIVE],
                                                              int64_t at, const float *restrict p,
                                                              int vectors) {
    native sums[2][2] = {{{0}}}; /* one alone would wait for each addition */
#pragma GCC unroll 16
    for (int l = 0; l < NATIVE; l++)
        for (int v = 0; v < vectors; v++)
            sums[v][l % 2] += p[l] * *(const native_anywhere *)(rows[l] + at + NATIVE * v);
    for (int v = 0; v < vectors; v++)
        *(native_anywhere *)(out + NATIVE * v) += sums[v][0] + sums[v][1];
}

/* out: [head_dim] += NATIVE values weighted by p: [NATIVE]. */
static inline void add_values(float *restrict out, const float *const rows[NATIVE], int64_t column,
                              const float *restrict p, int64_t head_dim) {
    int64_t c = 0;
    for (; c + 2 * NATIVE <= head_dim; c += 2 * NATIVE)
        add_vectors(out + c, rows, column + c, p, 2);
    for (; c + NATIVE <= head_dim; c += NATIVE) add_vectors(out + c, rows, column + c, p, 1);
    for (; c < head_dim; c++)
        for (int l = 0; l < NATIVE; l++) out[c] += p[l] * rows[l][column + c];
}

static void attention_query(float *restrict out, const float *restrict q, const float *restrict kv,
                            int64_t stride, const int32_t *restrict index, int64_t n_keys,
                            int64_t n_heads, int64_t head_dim, float *restrict p) {
    int64_t width = n_heads * head_dim, keys = rd_pad16(n_keys);
    float scale = 1.0f / sqrtf((float)head_dim);
    const float *rows[NATIVE];
    for (int64_t first = 0; first < n_keys; first += NATIVE) {
        key_rows(rows, kv, stride, index, first, n_keys);
        for (int64_t h = 0; h < n_heads; h++)
            *(native_anywhere *)(p + h * keys + first) =
                query_scores(q + h * head_dim, (const float *const *)rows, h * head_dim, head_dim) *
                scale;
    }
    for (int64_t h = 0; h < n_heads; h++) query_softmax(p + h * keys, n_keys);
    for (int64_t i = 0; i < width; i++) out[i] = 0.0f;
    for (int64_t first = 0; first < n_keys; first += NATIVE) {
        key_rows(rows, kv, stride, index, first, n_keys);
        for (int64_t h = 0; h < n_heads; h++)
            add_values(out + h * head_dim, (const float *const *)rows, width + h * head_dim,
                       p + h * keys + first, head_dim);
    }
}

#endif
