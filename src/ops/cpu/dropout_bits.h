/* Dropout's bits, for simd.c only: rd_dropout_word of many elements at once. Integer
 * arithmetic, so every instruction set draws the same. */
#ifndef RD_OPS_CPU_DROPOUT_BITS_H
#define RD_OPS_CPU_DROPOUT_BITS_H

#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* Elements that one vector of bits serves: 8 words of 4. */
enum { DROPOUT_BLOCK = 32 };

#if defined(__AVX512BW__)

/* rd_dropout_word of 8 states. */
static inline __m512i dropout_words(__m512i s) {
    const __m512i factor = _mm512_set1_epi64(RD_DROPOUT_FACTOR);
    __m512i square = _mm512_mul_epu32(s, _mm512_srli_epi64(s, 32));
    s = _mm512_xor_si512(s, _mm512_rol_epi64(square, 24));
    __m512i product = _mm512_shuffle_epi32(_mm512_mul_epu32(s, factor), _MM_PERM_CDAB);
    return _mm512_xor_si512(product, _mm512_srli_epi64(s, 32));
}

/* States of words first .. first + 7 of a row. */
static inline __m512i dropout_states(uint64_t row_key, uint64_t first) {
    const __m512i lanes = _mm512_setr_epi64(
        0, (int64_t)RD_DROPOUT_STEP, (int64_t)(2 * RD_DROPOUT_STEP), (int64_t)(3 * RD_DROPOUT_STEP),
        (int64_t)(4 * RD_DROPOUT_STEP), (int64_t)(5 * RD_DROPOUT_STEP),
        (int64_t)(6 * RD_DROPOUT_STEP), (int64_t)(7 * RD_DROPOUT_STEP));
    return _mm512_add_epi64(_mm512_set1_epi64((int64_t)(row_key + first * RD_DROPOUT_STEP)), lanes);
}

/* scale: [32] of a row's elements 32 block .. 32 block + 31. */
static inline void dropout_block(const rd_dropout_keys *keys, uint64_t row_key, int64_t block,
                                 float *scale) {
    __m512i words = dropout_words(dropout_states(row_key, (uint64_t)block * 8));
    __mmask32 kept = _mm512_cmpge_epu16_mask(words, _mm512_set1_epi16((int16_t)keys->threshold));
    __m512 value = _mm512_set1_ps(keys->kept);
    _mm512_storeu_ps(scale, _mm512_maskz_mov_ps((__mmask16)kept, value));
    _mm512_storeu_ps(scale + 16, _mm512_maskz_mov_ps((__mmask16)(kept >> 16), value));
}

/* keep: scales of elements 4 four .. 4 four + 3 of 16 rows, a lane each. */
static inline void dropout_of_four(const rd_dropout_keys *keys, const uint64_t row_keys[16],
                                   int64_t four, float keep[4][16]) {
    const __m512i step = _mm512_set1_epi64((int64_t)((uint64_t)four * RD_DROPOUT_STEP));
    const __m512i threshold = _mm512_set1_epi16((int16_t)keys->threshold);
    const __m512 value = _mm512_set1_ps(keys->kept);
    uint64_t kept = 0; /* four bits a row */
    for (int half = 0; half < 2; half++) {
        __m512i states = _mm512_add_epi64(_mm512_loadu_si512(row_keys + 8 * half), step);
        kept |= (uint64_t)_mm512_cmpge_epu16_mask(dropout_words(states), threshold) << 32 * half;
    }
    for (int i = 0; i < 4; i++)
        _mm512_storeu_ps(keep[i], _mm512_maskz_mov_ps(
                                      (__mmask16)_pext_u64(kept, 0x1111111111111111u << i), value));
}

#elif defined(__AVX2__)

static inline __m256i dropout_words(__m256i s) {
    const __m256i factor = _mm256_set1_epi64x(RD_DROPOUT_FACTOR);
    /* to the left by 24 bits is to the left by 3 bytes */
    const __m256i rotation = _mm256_setr_epi8(5, 6, 7, 0, 1, 2, 3, 4, 13, 14, 15, 8, 9, 10, 11, 12,
                                              5, 6, 7, 0, 1, 2, 3, 4, 13, 14, 15, 8, 9, 10, 11, 12);
    __m256i square = _mm256_mul_epu32(s, _mm256_srli_epi64(s, 32));
    s = _mm256_xor_si256(s, _mm256_shuffle_epi8(square, rotation));
    __m256i product = _mm256_shuffle_epi32(_mm256_mul_epu32(s, factor), _MM_SHUFFLE(2, 3, 0, 1));
    return _mm256_xor_si256(product, _mm256_srli_epi64(s, 32));
}

static inline void dropout_block(const rd_dropout_keys *keys, uint64_t row_key, int64_t block,
                                 float *scale) {
    const __m256i threshold = _mm256_set1_epi16((int16_t)keys->threshold);
    const __m256 value = _mm256_set1_ps(keys->kept);
    for (int half = 0; half < 2; half++) {
        uint64_t first = row_key + ((uint64_t)block * 8 + 4 * (uint64_t)half) * RD_DROPOUT_STEP;
        __m256i states = _mm256_setr_epi64x((int64_t)first, (int64_t)(first + RD_DROPOUT_STEP),
                                            (int64_t)(first + 2 * RD_DROPOUT_STEP),
                                            (int64_t)(first + 3 * RD_DROPOUT_STEP));
        __m256i words = dropout_words(states);
        __m256i kept = _mm256_cmpeq_epi16(_mm256_max_epu16(words, threshold), words);
        __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(kept));
        __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(kept, 1));
        _mm256_storeu_ps(scale + 16 * half, _mm256_and_ps(_mm256_castsi256_ps(low), value));
        _mm256_storeu_ps(scale + 16 * half + 8, _mm256_and_ps(_mm256_castsi256_ps(high), value));
    }
}

#else

static inline void dropout_block(const rd_dropout_keys *keys, uint64_t row_key, int64_t block,
                                 float *scale) {
    uint64_t words[8];
    for (uint64_t w = 0; w < 8; w++)
        words[w] = rd_dropout_word(row_key + ((uint64_t)block * 8 + w) * RD_DROPOUT_STEP);
    for (int i = 0; i < DROPOUT_BLOCK; i++)
        scale[i] = (words[i / 4] >> i % 4 * 16 & 0xFFFF) >= keys->threshold ? keys->kept : 0.0f;
}

#endif

#if !defined(__AVX512BW__)
/* keep: scales of elements 4 four .. 4 four + 3 of 16 rows, a lane each. */
static inline void dropout_of_four(const rd_dropout_keys *keys, const uint64_t row_keys[16],
                                   int64_t four, float keep[4][16]) {
    uint64_t words[16];
    for (int l = 0; l < 16; l++)
        words[l] = rd_dropout_word(row_keys[l] + (uint64_t)four * RD_DROPOUT_STEP);
    for (int i = 0; i < 4; i++)
        for (int l = 0; l < 16; l++)
            keep[i][l] = (words[l] >> 16 * i & 0xFFFF) >= keys->threshold ? keys->kept : 0.0f;
}
#endif

/* scale: [n], of a row's elements begin .. begin + n; begin is a multiple of DROPOUT_BLOCK. */
static inline void dropout_piece(const rd_dropout_keys *keys, int64_t row, int64_t begin, int64_t n,
                                 float *scale) {
    uint64_t row_key = rd_dropout_row_key(keys, row);
    int64_t block = begin / DROPOUT_BLOCK, i = 0;
    for (; i + DROPOUT_BLOCK <= n; i += DROPOUT_BLOCK)
        dropout_block(keys, row_key, block++, scale + i);
    if (i == n) return;
    float last[DROPOUT_BLOCK];
    dropout_block(keys, row_key, block, last);
    memcpy(scale + i, last, sizeof *last * (size_t)(n - i));
}

#endif
