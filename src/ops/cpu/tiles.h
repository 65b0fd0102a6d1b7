/* Small matrix products whose sums stay in registers, and transposes. Included by simd.c only, once
 * per instruction set. */
#ifndef RD_OPS_CPU_TILES_H
#define RD_OPS_CPU_TILES_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/cpu/vector.h"

/* Rows of sums that registers hold together with the operands, in tiles of one and of two vectors.
 */
enum { TILE_MOST = 12, TILE_MOST_OF_TWO = 8 };
#if defined(__AVX512F__)
enum { TILE_ROWS = 12, TILE_ROWS_OF_TWO = 8 };
#elif defined(__AVX2__) || defined(__aarch64__)
enum { TILE_ROWS = 6, TILE_ROWS_OF_TWO = 0 };
#else
enum { TILE_ROWS = 3, TILE_ROWS_OF_TWO = 0 };
#endif

/* Operands of c: [m, n] (+)= a: [m, k] * b: [k, n], n a multiple of 16. a(i, p) is a[i * row_a +
 * p * column_a], so a transposed a costs nothing. */
typedef struct {
    int64_t m, n, k;
    const float *a;
    int64_t row_a, column_a;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    bool accumulate;
    bool pairs; /* a's and b's words are not floats but two bfloat16, of neighbours along k */
} product;

enum { EACH = 16 / NATIVE };
typedef native tile_sums[TILE_MOST][2 * EACH];

/* sum + the products of the two numbers in *a and of those in each word of b. */
static inline native add_pairs(native sum, const float *a, native b) {
#if defined(__AVX512F__) /* the caller knows that it has AVX512_BF16 as well */
    __asm__("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*a));
#else
    (void)a, (void)b;
#endif
    return sum;
}

/* sums of c's rows i .. i + rows and columns j .. j + 16 vectors. All after j are constants where
 * this is inlined. */
static inline __attribute__((always_inline)) void
add_up(tile_sums sums, const product *x, int64_t i, int64_t j, int rows, int vectors, bool pairs) {
    int64_t row_a = x->row_a, column_a = x->column_a, ldb = x->ldb;
    const float *a = x->a + i * row_a, *b = x->b + j;
    for (int64_t p = 0; p < x->k; p++) {
        native part[2 * EACH];
#pragma GCC unroll 8
        for (int v = 0; v < vectors * EACH; v++)
            part[v] = *(const native_anywhere *)(b + NATIVE * v);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors * EACH; v++)
                sums[r][v] = pairs ? add_pairs(sums[r][v], a + r * row_a, part[v])
                                   : sums[r][v] + a[r * row_a] * part[v];
        a += column_a;
        b += ldb;
    }
}

/* c's rows i .. i + rows and columns j .. j + 16 vectors. Both counts are constants where this is
 * inlined. */
static inline __attribute__((always_inline)) void tile(const product *x, int64_t i, int64_t j,
                                                       int rows, int vectors) {
    tile_sums sums = {{{0}}};
    if (NATIVE == 16 && x->pairs)
        add_up(sums, x, i, j, rows, vectors, true);
    else
        add_up(sums, x, i, j, rows, vectors, false);
    int64_t ldc = x->ldc;
    float *c = x->c + i * ldc + j;
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors * EACH; v++) {
            native_anywhere *to = (native_anywhere *)(c + r * ldc + NATIVE * v);
            if (x->accumulate) sums[r][v] += *to;
            *to = sums[r][v];
        }
}

/* `rows` at most TILE_MOST. */
static void tile_of_one(const product *x, int64_t i, int64_t j, int64_t rows) {
    switch (rows) {
    case 1:
        tile(x, i, j, 1, 1);
        break;
    case 2:
        tile(x, i, j, 2, 1);
        break;
    case 3:
        tile(x, i, j, 3, 1);
        break;
    case 4:
        tile(x, i, j, 4, 1);
        break;
    case 5:
        tile(x, i, j, 5, 1);
        break;
    case 6:
        tile(x, i, j, 6, 1);
        break;
    case 7:
        tile(x, i, j, 7, 1);
        break;
    case 8:
        tile(x, i, j, 8, 1);
        break;
    case 9:
        tile(x, i, j, 9, 1);
        break;
    case 10:
        tile(x, i, j, 10, 1);
        break;
    case 11:
        tile(x, i, j, 11, 1);
        break;
    default:
        tile(x, i, j, 12, 1);
    }
}

/* `rows` at most TILE_MOST_OF_TWO. */
static void tile_of_two(const product *x, int64_t i, int64_t j, int64_t rows) {
    switch (rows) {
    case 1:
        tile(x, i, j, 1, 2);
        break;
    case 2:
        tile(x, i, j, 2, 2);
        break;
    case 3:
        tile(x, i, j, 3, 2);
        break;
    case 4:
        tile(x, i, j, 4, 2);
        break;
    case 5:
        tile(x, i, j, 5, 2);
        break;
    case 6:
        tile(x, i, j, 6, 2);
        break;
    case 7:
        tile(x, i, j, 7, 2);
        break;
    default:
        tile(x, i, j, 8, 2);
    }
}

/* Tiles of about equal heights, so that none is low and slow: those before the last ones that are
 * `rows` high have a row more. The least divisions, and of 32 bits: they take as long as a tile. */
static void multiply(const product *x) {
    uint32_t m = (uint32_t)x->m;
    for (int64_t j = 0; j < x->n;) {
        bool two = TILE_ROWS_OF_TWO > 0 && j + 32 <= x->n;
        uint32_t most = two ? TILE_ROWS_OF_TWO : TILE_ROWS;
        uint32_t tiles = m > most ? (m + most - 1) / most : 1;
        uint32_t rows = tiles > 1 ? m / tiles : m, higher = m - rows * tiles;
        for (uint32_t i = 0, t = 0; i < m; t++) {
            uint32_t height = rows + (t < higher);
            if (two)
                tile_of_two(x, i, j, height);
            else
                tile_of_one(x, i, j, height);
            i += height;
        }
        j += two ? 32 : 16;
    }
}

/* Transposes a square of 16 x 16 in registers. */
static inline void transpose_square(vec16 row[16]) {
    vec16 t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) { /* squares of 2 x 2 */
        t[i] = __builtin_shufflevector(row[i], row[i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10,
                                       26, 12, 28, 14, 30);
        t[i + 1] = __builtin_shufflevector(row[i], row[i + 1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25,
                                           11, 27, 13, 29, 15, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) /* of 4 x 4 */
        row[i] = i % 4 < 2 ? __builtin_shufflevector(t[i], t[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8,
                                                     9, 24, 25, 12, 13, 28, 29)
                           : __builtin_shufflevector(t[i - 2], t[i], 2, 3, 18, 19, 6, 7, 22, 23, 10,
                                                     11, 26, 27, 14, 15, 30, 31);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) /* of 8 x 8 */
        t[i] = i % 8 < 4 ? __builtin_shufflevector(row[i], row[i + 4], 0, 1, 2, 3, 16, 17, 18, 19,
                                                   8, 9, 10, 11, 24, 25, 26, 27)
                         : __builtin_shufflevector(row[i - 4], row[i], 4, 5, 6, 7, 20, 21, 22, 23,
                                                   12, 13, 14, 15, 28, 29, 30, 31);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        row[i] = i < 8 ? __builtin_shufflevector(t[i], t[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18,
                                                 19, 20, 21, 22, 23)
                       : __builtin_shufflevector(t[i - 8], t[i], 8, 9, 10, 11, 12, 13, 14, 15, 24,
                                                 25, 26, 27, 28, 29, 30, 31);
}

/* t: [width, ld] = x: [n, width], rows ldx apart, + bias: [width] (NULL: none, and x may be any
 * words of 32 bits), transposed; zero in columns n .. rd_pad16(n). width is a multiple of 16. */
static void transpose(float *restrict t, int64_t ld, const float *restrict x, int64_t ldx,
                      const float *restrict bias, int64_t n, int64_t width) {
    for (int64_t i = 0; i < n; i += 16)
        for (int64_t c = 0; c < width; c += 16) {
            vec16 rows[16];
#pragma GCC unroll 16
            for (int r = 0; r < 16; r++)
                rows[r] = i + r < n ? *(const vec16_anywhere *)(x + (i + r) * ldx + c) : (vec16){0};
            if (bias) {
                vec16 more = *(const vec16_anywhere *)(bias + c);
#pragma GCC unroll 16
                for (int r = 0; r < 16; r++)
                    if (i + r < n) rows[r] += more;
            }
            transpose_square(rows);
#pragma GCC unroll 16
            for (int r = 0; r < 16; r++) *(vec16_anywhere *)(t + (c + r) * ld + i) = rows[r];
        }
}

#endif
