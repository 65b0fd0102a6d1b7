/* Attention of one head over one sequence, forward and backward (Vaswani et al. 2017, equation 1;
 * recomputing probabilities from a saved log-sum-exp as Dao et al. 2022, so that nothing of size
 * queries x keys outlives a block of queries). Included by simd.c only, once per instruction set.
 */
#ifndef RD_OPS_CPU_ATTENTION_KERNELS_H
#define RD_OPS_CPU_ATTENTION_KERNELS_H

#include <math.h>
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* c: [m, n] (+)= a * b with b: [k, n], n a multiple of 16, b and c 64-byte aligned rows (ldb, ldc
 * multiples of 16). a(i, p) is a[i * row_a + p * column_a], so a transposed a costs nothing. */
static void small_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t row_a,
                       int64_t column_a, const float *b, int64_t ldb, float *c, int64_t ldc,
                       bool accumulate) {
    for (int64_t j = 0; j < n; j += 16) {
        int64_t i = 0;
        for (; i + 4 <= m; i += 4) { /* four rows at once hide the latency of the additions */
            vec16 s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
            const float *ai = a + i * row_a;
            for (int64_t p = 0; p < k; p++) {
                vec16 bp = *(const vec16 *)(b + p * ldb + j);
                const float *ap = ai + p * column_a;
                s0 += ap[0] * bp;
                s1 += ap[row_a] * bp;
                s2 += ap[2 * row_a] * bp;
                s3 += ap[3 * row_a] * bp;
            }
            vec16 *c0 = (vec16 *)(c + i * ldc + j), *c1 = (vec16 *)(c + (i + 1) * ldc + j);
            vec16 *c2 = (vec16 *)(c + (i + 2) * ldc + j), *c3 = (vec16 *)(c + (i + 3) * ldc + j);
            *c0 = accumulate ? *c0 + s0 : s0;
            *c1 = accumulate ? *c1 + s1 : s1;
            *c2 = accumulate ? *c2 + s2 : s2;
            *c3 = accumulate ? *c3 + s3 : s3;
        }
        for (; i < m; i++) {
            vec16 s = {0};
            for (int64_t p = 0; p < k; p++)
                s += a[i * row_a + p * column_a] * *(const vec16 *)(b + p * ldb + j);
            vec16 *ci = (vec16 *)(c + i * ldc + j);
            *ci = accumulate ? *ci + s : s;
        }
    }
}

/* packed: [n, rd_pad16(width)] = scale * (x + bias), zero beyond width. bias may be NULL. */
static void pack(float *restrict packed, rd_activations x, int64_t stride,
                 const float *restrict bias, float scale, int64_t n, int64_t width) {
    int64_t ld = rd_pad16(width);
    for (int64_t i = 0; i < n; i++) {
        float *restrict row = packed + i * ld;
        if (x.f32)
            for (int64_t c = 0; c < width; c++) row[c] = x.f32[i * stride + c];
        else
            for (int64_t c = 0; c < width; c++) row[c] = rd_bf16_to_f32(x.bf16[i * stride + c]);
        if (bias)
            for (int64_t c = 0; c < width; c++) row[c] = scale * (row[c] + bias[c]);
        for (int64_t c = width; c < ld; c++) row[c] = 0.0f;
    }
}

/* x: [n, width], rows `stride` apart = scale * packed: [n, rd_pad16(width)]. */
static void unpack(rd_activations x, int64_t stride, const float *restrict packed, float scale,
                   int64_t n, int64_t width) {
    int64_t ld = rd_pad16(width);
    for (int64_t i = 0; i < n; i++) {
        const float *restrict row = packed + i * ld;
        if (x.f32)
            for (int64_t c = 0; c < width; c++) x.f32[i * stride + c] = scale * row[c];
        else
            for (int64_t c = 0; c < width; c++)
                x.bf16[i * stride + c] = rd_f32_to_bf16(scale * row[c]);
    }
}

/* t: [rd_pad16(width), rd_pad16(n)] = packed^T, zero in the padding. */
static void transpose(float *restrict t, const float *restrict packed, int64_t n, int64_t width) {
    int64_t ld = rd_pad16(width), keys = rd_pad16(n);
    for (int64_t c = 0; c < ld; c++) {
        for (int64_t i = 0; i < n; i++) t[c * keys + i] = packed[i * ld + c];
        for (int64_t i = n; i < keys; i++) t[c * keys + i] = 0.0f;
    }
}

/* Scratch of both directions, carved from one block; see rd_attention_scratch. */
typedef struct {
    int64_t keys, width, block;
    float *k, *v, *kt, *vt, *dk, *dv; /* [n_keys, width]; kt, vt: [width, keys] */
    float *p, *dp;                    /* [block, keys] */
    float *keep;                      /* [keys + 128] dropout scales of one query */
    float *q, *o, *d_o, *dq;          /* [block, width] */
} attention_buffers;

static attention_buffers carve(const rd_attention_head *h, float *scratch) {
    attention_buffers b = {.keys = rd_pad16(h->n_keys), .width = rd_pad16(h->head_dim)};
    b.block = h->n_queries < RD_ATTENTION_BLOCK ? h->n_queries : RD_ATTENTION_BLOCK;
    int64_t kv = b.keys * b.width, scores = b.block * b.keys, rows = b.block * b.width;
    float *next = scratch;
    float **parts[] = {&b.k,  &b.v, &b.kt, &b.vt,  &b.dk, &b.dv,  &b.p,
                       &b.dp, &b.q, &b.o,  &b.d_o, &b.dq, &b.keep};
    int64_t sizes[] = {kv, kv, kv, kv, kv, kv, scores, scores, rows, rows, rows, rows, 0};
    for (int i = 0; i < 13; i++) {
        *parts[i] = next;
        next += sizes[i];
    }
    return b;
}

/* Keys that query i may see. */
static int64_t visible(const rd_attention_head *h, int64_t i) {
    return h->causal && i + 1 < h->n_keys ? i + 1 : h->n_keys;
}

static void dropout_row(const rd_dropout *dropout, int64_t row, int64_t width, float *scale);

static void attention_forward(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    float scale = 1.0f / sqrtf((float)h->head_dim);
    pack(b.k, h->k, h->stride_kv, h->bias_k, 1.0f, h->n_keys, h->head_dim);
    pack(b.v, h->v, h->stride_kv, h->bias_v, 1.0f, h->n_keys, h->head_dim);
    transpose(b.kt, b.k, h->n_keys, h->head_dim);
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t n = h->n_queries - first < b.block ? h->n_queries - first : b.block;
        int64_t seen = visible(h, first + n - 1);
        pack(b.q, rd_activations_at(h->q, first * h->stride_q), h->stride_q, h->bias_q, scale, n,
             h->head_dim);
        small_gemm(n, rd_pad16(seen), b.width, b.q, b.width, 1, b.kt, b.keys, b.p, b.keys, false);
        for (int64_t i = 0; i < n; i++) {
            float *restrict p = b.p + i * b.keys;
            int64_t keys = visible(h, first + i);
            float max = max_of(p, keys), z = 0.0f;
            for (int64_t j = 0; j < keys; j++) {
                p[j] = exp_fast(p[j] - max);
                z += p[j];
            }
            float inverse = 1.0f / z;
            for (int64_t j = 0; j < keys; j++) p[j] *= inverse;
            for (int64_t j = keys; j < seen; j++) p[j] = 0.0f;
            if (h->lse) h->lse[(first + i) * h->stride_lse] = max + logf(z);
            if (h->dropout->rate > 0.0f) {
                dropout_row(h->dropout, h->dropout_row + (first + i) * h->dropout_row_stride, keys,
                            b.keep);
                for (int64_t j = 0; j < keys; j++) p[j] *= b.keep[j];
            }
        }
        small_gemm(n, b.width, seen, b.p, b.keys, 1, b.v, b.width, b.o, b.width, false);
        unpack(rd_activations_at(h->out, first * h->stride_out), h->stride_out, b.o, 1.0f, n,
               h->head_dim);
    }
}

/* With P the probabilities, M the dropout scales, O = (P o M) V:
 *     dV = (P o M)^T dO,  dP = (dO V^T) o M,  dS = P o (dP - rowsum(P o dP)),
 *     dQ = dS K / sqrt(head_dim),  dK = dS^T Q / sqrt(head_dim). */
static void attention_backward(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    float scale = 1.0f / sqrtf((float)h->head_dim);
    pack(b.k, h->k, h->stride_kv, h->bias_k, 1.0f, h->n_keys, h->head_dim);
    pack(b.v, h->v, h->stride_kv, h->bias_v, 1.0f, h->n_keys, h->head_dim);
    transpose(b.kt, b.k, h->n_keys, h->head_dim);
    transpose(b.vt, b.v, h->n_keys, h->head_dim);
    memset(b.dk, 0, sizeof(float) * (size_t)(b.keys * b.width));
    memset(b.dv, 0, sizeof(float) * (size_t)(b.keys * b.width));
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t n = h->n_queries - first < b.block ? h->n_queries - first : b.block;
        int64_t seen = visible(h, first + n - 1);
        pack(b.q, rd_activations_at(h->q, first * h->stride_q), h->stride_q, h->bias_q, scale, n,
             h->head_dim);
        pack(b.d_o, rd_activations_at(h->d_out, first * h->stride_out), h->stride_out, NULL, 1.0f,
             n, h->head_dim);
        small_gemm(n, rd_pad16(seen), b.width, b.q, b.width, 1, b.kt, b.keys, b.p, b.keys, false);
        small_gemm(n, rd_pad16(seen), b.width, b.d_o, b.width, 1, b.vt, b.keys, b.dp, b.keys,
                   false);
        for (int64_t i = 0; i < n; i++) {
            float *restrict p = b.p + i * b.keys, *restrict dp = b.dp + i * b.keys;
            float *restrict keep = b.keep;
            int64_t keys = visible(h, first + i);
            float lse = h->lse[(first + i) * h->stride_lse], mean = 0.0f;
            bool drop = h->dropout->rate > 0.0f;
            if (drop)
                dropout_row(h->dropout, h->dropout_row + (first + i) * h->dropout_row_stride, keys,
                            keep);
            else
                for (int64_t j = 0; j < keys; j++) keep[j] = 1.0f;
            for (int64_t j = 0; j < keys; j++) {
                float prob = exp_fast(p[j] - lse);
                p[j] = prob * keep[j];
                mean += p[j] * dp[j];
                keep[j] = prob; /* what is kept is in p now */
            }
            for (int64_t j = 0; j < keys; j++) dp[j] = p[j] * dp[j] - keep[j] * mean;
            for (int64_t j = keys; j < seen; j++) p[j] = dp[j] = 0.0f;
        }
        small_gemm(seen, b.width, n, b.p, 1, b.keys, b.d_o, b.width, b.dv, b.width, true);
        small_gemm(seen, b.width, n, b.dp, 1, b.keys, b.q, b.width, b.dk, b.width,
                   true); /* q is scaled */
        small_gemm(n, b.width, seen, b.dp, b.keys, 1, b.k, b.width, b.dq, b.width, false);
        unpack(rd_activations_at(h->d_q, first * h->stride_q), h->stride_q, b.dq, scale, n,
               h->head_dim);
    }
    unpack(h->d_k, h->stride_kv, b.dk, 1.0f, h->n_keys, h->head_dim);
    unpack(h->d_v, h->stride_kv, b.dv, 1.0f, h->n_keys, h->head_dim);
}

/* p[j] = exp(p[j] - max) for j < n, zeros up to rd_pad16(n); returns their sum. */
static float exponentials(float *restrict p, int64_t n) {
    float max = max_of(p, n);
    vec16 z = {0};
    for (int64_t j = n; j < rd_pad16(n); j++) p[j] = -INFINITY;
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
    for (int64_t l = 0; l < 16; l++) {
        int64_t j = first + l < n_keys ? first + l : n_keys - 1;
        rows[l] = kv + (index ? index[j] : j) * stride;
    }
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
