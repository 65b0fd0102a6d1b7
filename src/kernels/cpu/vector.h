/* Small pieces for simd.c, inlined into its loops and vectorised there. */
#ifndef RD_KERNELS_CPU_VECTOR_H
#define RD_KERNELS_CPU_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* e^x for x <= 0 up to about 1e-7 relative: x = n ln 2 + r, |r| <= ln 2 / 2, a degree-6 Taylor
 * polynomial in r, and n put into the exponent bits. Below -87 the result is a tiny positive number
 * (no denormals); NaN stays NaN. */
static inline float exp_fast(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
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
    /* Beside 1.5 * 2^23 the last bits are n's, and NaN, which no integer holds, does no harm. */
    float integer = n + 12582912.0f, power;
    uint32_t bits;
    memcpy(&bits, &integer, sizeof bits);
    bits = (bits + 127u) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

/* Philox4x32-10 (base/rng.h) for 16 consecutive values of the first counter word. */
static inline void philox16(uint32_t first, uint32_t c1_word, uint32_t c2_word, uint32_t c3_word,
                            uint32_t k0, uint32_t k1, uint32_t out[4][16]) {
    uint32_t c0[16], c1[16], c2[16], c3[16];
    for (uint32_t l = 0; l < 16; l++)
        c0[l] = first + l, c1[l] = c1_word, c2[l] = c2_word, c3[l] = c3_word;
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < 16; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[l], p1 = (uint64_t)0xCD9E8D57u * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = (uint32_t)p1;
            c3[l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out[0], c0, sizeof c0);
    memcpy(out[1], c1, sizeof c1);
    memcpy(out[2], c2, sizeof c2);
    memcpy(out[3], c3, sizeof c3);
}

#endif
