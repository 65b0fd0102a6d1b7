/* Small pieces for simd.c, inlined into its loops and vectorised there. */
#ifndef RD_OPS_CPU_VECTOR_H
#define RD_OPS_CPU_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "ops/activations.h"

typedef float vec16 __attribute__((vector_size(64), aligned(64)));
typedef float vec16_anywhere __attribute__((vector_size(64), aligned(4))); /* unaligned loads */

/* A register of the processor: GCC keeps wider vectors in memory, where many are alive. */
#if defined(__AVX512F__)
enum { NATIVE = 16 };
#elif defined(__AVX2__)
enum { NATIVE = 8 };
#else
enum { NATIVE = 4 };
#endif
typedef float native __attribute__((vector_size(4 * NATIVE)));
typedef uint32_t native_words __attribute__((vector_size(4 * NATIVE)));
typedef int32_t native_integers __attribute__((vector_size(4 * NATIVE)));
typedef native native_anywhere __attribute__((aligned(4))); /* unaligned loads */

typedef uint16_t half16 __attribute__((vector_size(32)));
typedef uint32_t word16 __attribute__((vector_size(64)));

/* Rows are worked on in pieces of so many elements, a multiple of DROPOUT_BLOCK: their
 * dropout scales and float32 forms lie on the stack, which may be small. */
enum { PIECE = 512 };

static inline int64_t piece_of(int64_t begin, int64_t width) {
    return width - begin < PIECE ? width - begin : PIECE;
}

/* Lanes 0, 2, 4, ... of a and then of b; lanes 1, 3, 5, ... of both. */
static inline native even_lanes(native a, native b) {
#if defined(__AVX512F__)
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
#elif defined(__AVX2__)
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
#else
    return __builtin_shufflevector(a, b, 0, 2, 4, 6);
#endif
}

static inline native odd_lanes(native a, native b) {
#if defined(__AVX512F__)
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif defined(__AVX2__)
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
    return __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

/* Element i is the sum of v[i]'s lanes: neighbours are added until each vector is one lane. */
static inline native lane_sums(native v[NATIVE]) {
#pragma GCC unroll 4
    for (int n = NATIVE / 2; n > 0; n /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < n; i++)
            v[i] = even_lanes(v[2 * i], v[2 * i + 1]) + odd_lanes(v[2 * i], v[2 * i + 1]);
    return v[0];
}

static inline float sum_lanes(native v) {
    for (int n = NATIVE; n > 1; n /= 2) v = even_lanes(v, v) + odd_lanes(v, v);
    return v[0];
}

/* The larger of each lane; b's where a is NaN. A comparison of vectors is compiled badly. */
static inline native larger(native a, native b) {
#if defined(__AVX512F__)
    return (native)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (native)_mm256_max_ps((__m256)a, (__m256)b);
#else
    for (int l = 0; l < NATIVE; l++) b[l] = a[l] > b[l] ? a[l] : b[l];
    return b;
#endif
}

static inline float largest_lane(native v) {
    for (int n = NATIVE; n > 1; n /= 2) v = larger(even_lanes(v, v), odd_lanes(v, v));
    return v[0];
}

/* Largest of x[0..n); unspecified with NaN among them, which some later sum then shows. Lanes,
 * because a maximum is not vectorised where NaN must be minded. */
static inline float max_of(const float *x, int64_t n) {
    float lane[16], max = x[0];
    int64_t i = 0;
    for (int l = 0; l < 16; l++) lane[l] = max;
    for (; i + 16 <= n; i += 16)
        for (int l = 0; l < 16; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (; i < n; i++) max = x[i] > max ? x[i] : max;
    for (int l = 0; l < 16; l++) max = lane[l] > max ? lane[l] : max;
    return max;
}

/* e^x for x <= 88 up to about 1e-7 relative, and 4e-6 where the compiler joins the two parts of ln
 * 2, as it may: x = n ln 2 + r, |r| <= ln 2 / 2, a degree-6 Taylor polynomial in r, and n put into
 * the exponent bits. 0 below -87: a number that small makes products denormal, which takes a
 * hundred times as long. NaN stays NaN. */
static inline float exp_fast(float x) {
    float n = rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    /* Next to 1.5 * 2^23 the last bits are n's, and NaN, which no integer holds, does no harm. */
    float integer = n + 12582912.0f, power;
    uint32_t bits;
    memcpy(&bits, &integer, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return x < -87.0f ? 0.0f : p * power;
}

/* log(1 + x) for 0 <= x <= 1 up to about 1e-7 relative: the series of 2 atanh(z), z = x / (2 + x).
 */
static inline float log1p_fast(float x) {
    float z = x / (2.0f + x), square = z * z;
    float p = 1.0f / 13.0f;
    p = p * square + 1.0f / 11.0f;
    p = p * square + 1.0f / 9.0f;
    p = p * square + 1.0f / 7.0f;
    p = p * square + 1.0f / 5.0f;
    p = p * square + 1.0f / 3.0f;
    p = p * square + 1.0f;
    return 2.0f * z * p;
}

/* erf(x) to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26; and, on
 * the way, e^(-x^2). */
static inline float erf_and_exp(float x, float *e) {
    float a = fabsf(x), t = 1.0f / (1.0f + 0.3275911f * a);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    *e = exp_fast(-a * a);
    return copysignf(1.0f - p * t * *e, x);
}

static inline void to_bf16(uint16_t *restrict out, const float *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = rd_f32_to_bf16(x[i]);
}

/* Elements [offset, offset + n) of x in float32: in place, or converted into the buffer. */
static inline const float *floats(rd_activations x, int64_t offset, int64_t n,
                                  float *restrict buffer) {
    if (x.f32) return x.f32 + offset;
    const uint16_t *restrict from = x.bf16 + offset;
    for (int64_t i = 0; i < n; i++) buffer[i] = rd_bf16_to_f32(from[i]);
    return buffer;
}

/* Where to compute elements [offset, ...) of x in float32: in place, or in the buffer. store_bf16
 * follows, which writes the bfloat16 form, if x has one. */
static inline float *float_target(rd_activations x, int64_t offset, float *buffer) {
    return x.f32 ? x.f32 + offset : buffer;
}

static inline void store_bf16(rd_activations x, int64_t offset, const float *row, int64_t n) {
    if (x.bf16) to_bf16(x.bf16 + offset, row, n);
}

/* Elements [offset, offset + n) of x in all forms that it has. */
static inline void store(rd_activations x, int64_t offset, const float *row, int64_t n) {
    if (x.f32) memcpy(x.f32 + offset, row, sizeof *row * (size_t)n);
    store_bf16(x, offset, row, n);
}

#endif
