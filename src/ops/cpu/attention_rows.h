/* A head's rows within those of a sequence, in float32 or bfloat16, and the same packed, one after
 * another. Included by simd.c only, once per instruction set. */
#ifndef RD_OPS_CPU_ATTENTION_ROWS_H
#define RD_OPS_CPU_ATTENTION_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

enum { LANES = 16 };

static inline word16 load_halves(const uint16_t *x) {
    half16 bits;
    memcpy(&bits, x, sizeof bits);
    return __builtin_convertvector(bits, word16);
}

static inline vec16 load_vector(rd_activations x, int64_t at) {
    if (x.f32) return *(const vec16_anywhere *)(x.f32 + at);
    word16 words = load_halves(x.bf16 + at) << 16;
    vec16 v;
    memcpy(&v, &words, sizeof v);
    return v;
}

/* The upper halves are v rounded to bfloat16 as rd_f32_to_bf16 does; NaN stays NaN where it is one
 * that arithmetic makes. */
static inline word16 rounded(vec16 v) {
    word16 bits;
    memcpy(&bits, &v, sizeof bits);
    return bits + 0x7FFF + (bits >> 16 & 1);
}

/* v rounded to bfloat16; native_bf16: by the instruction of AVX512_BF16, which the caller knows to
 * be there. */
static inline half16 halves_of(vec16 v, bool native_bf16) {
#if defined(__AVX512F__)
    half16 halves;
    if (native_bf16) {
        __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(v));
        return halves;
    }
#endif
    (void)native_bf16;
    return __builtin_convertvector(rounded(v) >> 16, half16);
}

static inline void store_vector(rd_activations x, int64_t at, vec16 v, bool native_bf16) {
    if (x.f32) {
        *(vec16_anywhere *)(x.f32 + at) = v;
    } else {
        half16 halves = halves_of(v, native_bf16);
        memcpy(x.bf16 + at, &halves, sizeof halves);
    }
}

static inline void store_one(rd_activations x, int64_t at, float v) {
    if (x.f32) {
        x.f32[at] = v;
    } else {
        uint16_t bits = rd_f32_to_bf16(v);
        memcpy(x.bf16 + at, &bits, sizeof bits); /* may be read as words */
    }
}

/* packed: [n, rd_pad16(width)] = x + bias, zero beyond width. bias may be NULL. */
static void pack(float *restrict packed, rd_activations x, int64_t stride,
                 const float *restrict bias, int64_t n, int64_t width) {
    int64_t ld = rd_pad16(width), whole = width / LANES * LANES;
    for (int64_t i = 0; i < n; i++) {
        float *restrict row = packed + i * ld;
        int64_t at = i * stride;
        for (int64_t c = 0; c < whole; c += LANES) {
            vec16 v = load_vector(x, at + c);
            if (bias) v += *(const vec16_anywhere *)(bias + c);
            *(vec16_anywhere *)(row + c) = v;
        }
        for (int64_t c = whole; c < width; c++) {
            float v = x.f32 ? x.f32[at + c] : rd_bf16_to_f32(x.bf16[at + c]);
            row[c] = bias ? v + bias[c] : v;
        }
        for (int64_t c = width; c < ld; c++) row[c] = 0.0f;
    }
}

/* x: [n, width], rows `stride` apart = packed: [n, rd_pad16(width)]. */
static void unpack(rd_activations x, int64_t stride, const float *restrict packed, int64_t n,
                   int64_t width, bool native_bf16) {
    int64_t ld = rd_pad16(width), whole = width / LANES * LANES;
    for (int64_t i = 0; i < n; i++) {
        const float *restrict row = packed + i * ld;
        for (int64_t c = 0; c < whole; c += LANES)
            store_vector(x, i * stride + c, *(const vec16_anywhere *)(row + c), native_bf16);
        for (int64_t c = whole; c < width; c++) store_one(x, i * stride + c, row[c]);
    }
}

/* Rows of float32 whose width is a multiple of 16, in place or packed. */
typedef struct {
    float *x;
    int64_t ld;
} rows16;

static bool is_direct(rd_activations x, int64_t width) {
    return x.f32 && width % LANES == 0;
}

static rows16 rows_of(rd_activations x, int64_t stride, float *buffer, int64_t n, int64_t width) {
    if (is_direct(x, width)) return (rows16){x.f32, stride};
    pack(buffer, x, stride, NULL, n, width);
    return (rows16){buffer, rd_pad16(width)};
}

static rows16 target_of(rd_activations x, int64_t stride, float *buffer, int64_t width) {
    return is_direct(x, width) ? (rows16){x.f32, stride} : (rows16){buffer, rd_pad16(width)};
}

/* y: [n, width], rows `stride` apart = scales[i] * (x + sums[i] * bias). y may be x. */
static void add_bias_and_scale(rd_activations y, int64_t stride, rows16 x, const float *sums,
                               const float *bias, const float *scales, int64_t n, int64_t width,
                               bool native_bf16) {
    int64_t whole = width / LANES * LANES;
    for (int64_t i = 0; i < n; i++) {
        const float *row = x.x + i * x.ld;
        for (int64_t c = 0; c < whole; c += LANES)
            store_vector(y, i * stride + c,
                         scales[i] * (*(const vec16_anywhere *)(row + c) +
                                      sums[i] * *(const vec16_anywhere *)(bias + c)),
                         native_bf16);
        for (int64_t c = whole; c < width; c++)
            store_one(y, i * stride + c, scales[i] * (row[c] + sums[i] * bias[c]));
    }
}

#endif
