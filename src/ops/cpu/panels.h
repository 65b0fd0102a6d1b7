/* Products with panels of weights, whose sums stay in registers. Included by simd.c only, once per
 * instruction set. */
#ifndef RD_OPS_CPU_PANELS_H
#define RD_OPS_CPU_PANELS_H

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

typedef enum { PANELS_F32, PANELS_BF16, PANELS_INT8 } panels_kind;

/* Rows and vectors of sums that registers hold together with the operands. A single row takes more
 * vectors, so that no sum waits for the one before. */
enum { PANEL_MOST_ROWS = 6, PANEL_MOST_VECTORS = 8 };
#if defined(__AVX512F__)
enum { PANEL_ROWS = 6, PANEL_VECTORS = 4, PANEL_ROW_VECTORS = 4 };
#elif defined(__aarch64__)
enum { PANEL_ROWS = 6, PANEL_VECTORS = 4, PANEL_ROW_VECTORS = 8 };
#else
enum { PANEL_ROWS = 6, PANEL_VECTORS = 2, PANEL_ROW_VECTORS = 8 };
#endif

enum { PANEL = NATIVE * PANEL_VECTORS };
_Static_assert(PANEL_ROW_VECTORS % PANEL_VECTORS == 0 &&
                   RD_MOST_PANEL % (NATIVE * PANEL_ROW_VECTORS) == 0,
               "a single row reads whole panels, and none that is not there");

typedef uint32_t any_word __attribute__((may_alias)); /* of numbers of any type */

/* Words of x for a word of W. */
#if defined(__AVX512F__)
enum { PANEL_INT8_WORDS = 1 };
#else
enum { PANEL_INT8_WORDS = 2 }; /* signs_apart */
#endif

/* sums + the products of the four bytes of x with those of w. */
static inline native add_bytes(native sums, const any_word *x, native w) {
    (void)x, (void)w;
#if defined(__AVX512F__)
    /* Not the intrinsic, which needs a file that is compiled for VNNI as a whole. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(*x - (native_words){0}), "v"(w));
#elif defined(__AVX2__)
    /* Magnitudes of x times weights with x's signs, added in pairs, in 16 bits: no weight is -128,
     * so a sum is 2 * 128 * 127 at most. (Padding bytes are -128 here, times 0.) Not intrinsics,
     * with which GCC keeps sums in memory. */
    native products;
    __asm__("vpsignb %3, %2, %1\n\tvpmaddubsw %1, %4, %1\n\t"
            "vpmaddwd %5, %1, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sums), "=&x"(products)
            : "x"(w), "x"(_mm256_set1_epi32((int)x[0])), "x"(_mm256_set1_epi32((int)x[1])),
              "x"(_mm256_set1_epi16(1)));
#endif
    return sums;
}

/* sums + the products of the numbers in words x and w: one, two or four each. */
static inline __attribute__((always_inline)) native add_words(panels_kind kind, native sums,
                                                              const any_word *x, native w) {
    if (kind == PANELS_F32) {
        float number;
        memcpy(&number, x, sizeof number);
        return sums + number * w;
    }
    if (kind == PANELS_BF16)
        return sums + rd_bf16_to_f32((uint16_t)*x) * (native)((native_words)w << 16) +
               rd_bf16_to_f32((uint16_t)(*x >> 16)) * (native)((native_words)w & 0xFFFF0000);
    return add_bytes(sums, x, w);
}

/* x: [n]; a vector of it from `at` on, and zeros. */
static inline native vector_at(const float *x, int64_t at, int64_t n) {
    native some = {0};
    if (at + NATIVE <= n) return *(const native_anywhere *)(x + at);
    if (at < n) memcpy(&some, x + at, sizeof *x * (size_t)(n - at));
    return some;
}

/* The tile's sums to what y holds, while they are in registers. */
static inline __attribute__((always_inline)) void
finish_tile(panels_kind kind, const rd_panels_product *p, int64_t i, int64_t j, int rows,
            int vectors, native sums[PANEL_MOST_ROWS][PANEL_MOST_VECTORS]) {
    if (kind == PANELS_INT8 ? !p->row_scales : !p->bias) return;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        int64_t at = j + NATIVE * v;
        native bias = {0}, scales = {0}, offsets = {0};
        if (p->bias) bias = vector_at(p->bias, at, p->n_out);
        if (kind == PANELS_INT8) {
            scales = vector_at(p->scales, at, p->n_out);
            offsets = vector_at(p->offsets, at, p->n_out);
        }
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            native sum = sums[r][v];
            if (kind == PANELS_INT8)
                sum = p->row_scales[i + r] *
                      (scales * __builtin_convertvector((native_integers)sum, native) - offsets);
            sums[r][v] = p->bias ? sum + bias : sum;
        }
    }
}

/* y's rows i .. i + rows and columns j .. j + NATIVE * vectors. Kind and counts are constants where
 * this is inlined. */
static inline __attribute__((always_inline)) void panel_tile(panels_kind kind,
                                                             const rd_panels_product *p, int64_t i,
                                                             int64_t j, int rows, int vectors) {
    native sums[PANEL_MOST_ROWS][PANEL_MOST_VECTORS] = {{{0}}};
    const int64_t words = kind == PANELS_INT8 ? PANEL_INT8_WORDS : 1;
    const any_word *x = (const any_word *)p->x + i * p->n_words * words;
    const uint32_t *w = p->panels + rd_panels_size(j, p->n_words);
    for (int64_t k = 0; k < p->n_words; k++) {
        native part[PANEL_MOST_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            memcpy(&part[v],
                   w + rd_panels_size(v / PANEL_VECTORS * PANEL, p->n_words) + k * PANEL +
                       v % PANEL_VECTORS * NATIVE,
                   sizeof part[v]);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            const any_word *word = x + (r * p->n_words + k) * words;
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sums[r][v] = add_words(kind, sums[r][v], word, part[v]);
        }
    }
    finish_tile(kind, p, i, j, rows, vectors, sums);
    float *y = p->y + i * p->stride_y + j;
    const int64_t whole = NATIVE * vectors, columns = p->n_out - j;
    for (int r = 0; r < rows; r++, y += p->stride_y)
        if (columns >= whole)
            memcpy(y, sums[r], sizeof *y * (size_t)whole);
        else
            memcpy(y, sums[r], sizeof *y * (size_t)columns);
}

/* `rows` at most PANEL_ROWS. */
static inline __attribute__((always_inline)) void
panel_rows(panels_kind kind, const rd_panels_product *p, int64_t i, int64_t j, int64_t rows) {
    switch (rows) {
    case 1:
        panel_tile(kind, p, i, j, 1, PANEL_VECTORS);
        break;
    case 2:
        panel_tile(kind, p, i, j, 2, PANEL_VECTORS);
        break;
    case 3:
        panel_tile(kind, p, i, j, 3, PANEL_VECTORS);
        break;
    case 4:
        panel_tile(kind, p, i, j, 4, PANEL_VECTORS);
        break;
    case 5:
        panel_tile(kind, p, i, j, 5, PANEL_VECTORS);
        break;
    default:
        panel_tile(kind, p, i, j, 6, PANEL_VECTORS);
    }
}

/* Tiles of about equal heights, so that none is low and slow. */
static inline __attribute__((always_inline)) void panels(panels_kind kind,
                                                         const rd_panels_product *p) {
    if (p->rows == 1) {
        for (int64_t j = 0; j < p->n_out; j += NATIVE * PANEL_ROW_VECTORS)
            panel_tile(kind, p, 0, j, 1, PANEL_ROW_VECTORS);
        return;
    }
    int64_t tiles = (p->rows + PANEL_ROWS - 1) / PANEL_ROWS;
    for (int64_t j = 0; j < p->n_out; j += PANEL)
        for (int64_t t = 0; t < tiles; t++) {
            int64_t i = p->rows * t / tiles, end = p->rows * (t + 1) / tiles;
            panel_rows(kind, p, i, j, end - i);
        }
}

static void panels_f32(const rd_panels_product *p) {
    panels(PANELS_F32, p);
}

static void panels_bf16(const rd_panels_product *p) {
    panels(PANELS_BF16, p);
}

#if defined(__AVX2__)
static void panels_int8(const rd_panels_product *p) {
    panels(PANELS_INT8, p);
}
#endif

#if defined(__AVX2__) && !defined(__AVX512F__)
/* Done once for all panels, it leaves four instructions for 32 products. */
static void signs_apart(uint32_t *split, const uint8_t *rounded, int64_t n_words) {
    for (int64_t i = 0; i < n_words; i++) {
        uint8_t numbers[4], magnitudes[4];
        for (int b = 0; b < 4; b++) {
            numbers[b] = rounded[4 * i + b] ^ 0x80;
            magnitudes[b] = numbers[b] & 0x80 ? (uint8_t)-numbers[b] : numbers[b];
        }
        memcpy(&split[2 * i], numbers, sizeof numbers);
        memcpy(&split[2 * i + 1], magnitudes, sizeof magnitudes);
    }
}
#endif

#endif
