/* Products with packed weights against their definition, on what each precision makes of the
 * operands; and the kernels of such products, and those that round operands to 8 bits, in every
 * instruction set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "golden.h"
#include "kernel_harness.h"
#include "ops/packed.h"

/* The operand as a product sees it: seen: [rows, n], one scale a row under int8. */
static void round_operand(double *seen, const float *x, int64_t rows, int64_t n,
                          rd_precision precision) {
    for (int64_t r = 0; r < rows; r++, x += n, seen += n) {
        double largest = 0;
        for (int64_t i = 0; i < n; i++)
            largest = fabs((double)x[i]) > largest ? fabs((double)x[i]) : largest;
        for (int64_t i = 0; i < n; i++)
            seen[i] = precision == RD_PRECISION_BF16 ? rd_bf16_to_f32(rd_f32_to_bf16(x[i]))
                      : precision == RD_PRECISION_INT8 && largest > 0
                          ? nearbyint((double)x[i] / largest * 127) * largest / 127
                          : (double)x[i];
    }
}

/* Away from halves, where float and double would round to different steps. */
static float *operand(int64_t rows, int64_t n) {
    float *x = filled(rows * n, 1);
    for (int64_t r = 0; r < rows; r++) {
        x[r * n] = 127 * (r % 7 == 3 ? 0.0f : 0.25f); /* the row's largest, so that steps are 1/4 */
        for (int64_t i = 1; i < n; i++)
            x[r * n + i] = r % 7 == 3 ? 0.0f : (rintf(x[r * n + i] * 30) + 0.3f) / 4;
    }
    return x;
}

static void check(rd_precision precision, int64_t rows, int64_t n_out, int64_t n_in, bool biased) {
    snprintf(context, sizeof context, "precision %d, %d x %d x %d", (int)precision, (int)rows,
             (int)n_out, (int)n_in);
    float *x = operand(rows, n_in), *w = operand(n_out, n_in), *y = empty(rows * n_out);
    float *bias = biased ? filled(n_out, 1) : NULL;
    double *wanted = doubles(rows * n_out), *seen_x = doubles(rows * n_in);
    double *seen_w = doubles(n_out * n_in), size = 1;
    round_operand(seen_x, x, rows, n_in, precision);
    round_operand(seen_w, w, n_out, n_in, precision);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < n_out; o++) {
            double sum = bias ? (double)bias[o] : 0, terms = fabs(sum);
            for (int64_t i = 0; i < n_in; i++) {
                double term = seen_x[r * n_in + i] * seen_w[o * n_in + i];
                sum += term, terms += fabs(term);
            }
            wanted[r * n_out + o] = sum;
            if (terms > size) size = terms;
        }
    rd_arena arena = {0};
    rd_packed *packed;
    assert_int_equal(rd_packed_new(&packed, precision, n_out, n_in, w), RD_OK);
    assert_int_equal(rd_packed_multiply(packed, &arena, rows, x, bias, y), RD_OK);
    assert_same_sized("product", y, wanted, rows * n_out, 1e-6, size);
    rd_packed_free(packed);
    rd_arena_free(&arena);
    check_guards_and_release();
}

static void test_products(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{1, 1, 1},    {2, 16, 3},     {5, 5, 17},     {7, 100, 33},
                                       {9, 3, 64},   {64, 48, 8},    {65, 17, 129},  {130, 31, 5},
                                       {203, 1, 40}, {11, 384, 128}, {24, 200, 500}, /* shared */
                                       {1, 70, 20}};
    rd_precision none;
    assert_int_equal(rd_packed_choose((rd_precision)9, &none), RD_ERR_ARGUMENT);
    assert_true(rd_packed_has_int8() == (rd_cpu_isa() >= RD_ISA_AVX2));
    for (int p = RD_PRECISION_FP32; p <= RD_PRECISION_INT8; p++) {
        rd_precision chosen;
        if (rd_packed_choose((rd_precision)p, &chosen) != RD_OK) {
            print_message("precision %d is not to be had here: skipped\n", p);
            continue;
        }
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            rng = rd_rng_make(8, i);
            check(chosen, sizes[i][0], sizes[i][1], sizes[i][2], i % 2);
        }
    }
}

/* A row that holds no number spoils itself alone, in whichever company. */
static void test_rows_are_independent(void **state) {
    (void)state;
    enum { ROWS = 77, OUT = 33, IN = 40, BAD = 70 };
    rng = rd_rng_make(9, 0);
    for (int p = RD_PRECISION_FP32; p <= RD_PRECISION_INT8; p++) {
        rd_precision chosen;
        rd_packed *packed;
        rd_arena arena = {0};
        float *x = operand(ROWS, IN), *w = operand(OUT, IN), *y = empty(ROWS * OUT);
        float *alone = empty(OUT);
        x[BAD * IN + 7] = p == RD_PRECISION_INT8 ? INFINITY : NAN;
        if (rd_packed_choose((rd_precision)p, &chosen) == RD_OK &&
            rd_packed_new(&packed, chosen, OUT, IN, w) == RD_OK) {
            assert_int_equal(rd_packed_multiply(packed, &arena, ROWS, x, NULL, y), RD_OK);
            for (int r = 0; r < ROWS; r++) {
                assert_int_equal(rd_packed_multiply(packed, &arena, 1, x + r * IN, NULL, alone),
                                 RD_OK);
                for (int o = 0; o < OUT; o++)
                    if (r == BAD)
                        assert_true(isnan(y[r * OUT + o]));
                    else
                        assert_float_equal(y[r * OUT + o], alone[o], 1e-3f);
            }
            rd_packed_free(packed);
        } else {
            memset(y, 0, sizeof *y * ROWS * OUT);
        }
        rd_arena_free(&arena);
        check_guards_and_release();
    }
}

/* Word k of row o of W, where the kernels look for it. */
static uint32_t *word_of(uint32_t *panels, int64_t n_words, int64_t o, int64_t k) {
    return panels + (o / ops->panel * ((n_words + 15) / 16 * 16) + k) * ops->panel + o % ops->panel;
}

/* Words of small whole numbers, whose products are exact in every format: as the kernels of `kind`
 * (0: float, 1: bfloat16, 2: int8) read them, and as numbers: [per word]. */
static uint32_t random_word(int kind, bool of_x, double *numbers) {
    uint32_t word = 0;
    int n = kind == 0 ? 1 : 2 * kind;
    for (int i = 0; i < n; i++) {
        bool shifted = of_x && kind == 2; /* in the byte, and in the sum where signs stay in it */
        int32_t value = (int32_t)rd_rng_below(&rng, 200) - 100;
        if (kind == 2 && value % 2)
            value = value > 0 ? 127 : -127; /* sums of pairs at their most */
        numbers[i] = value + (shifted && !ops->signs_apart ? 128 : 0);
        if (shifted) value += 128;
        float f = (float)value;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        word |= kind == 0   ? bits
                : kind == 1 ? (uint32_t)rd_f32_to_bf16(f) << 16 * i
                            : (uint32_t)(uint8_t)value << 8 * i;
    }
    return word;
}

enum { PER_WORD = 4, GAP = 3 };

static void check_panels(int kind, int64_t rows, int64_t n_out, int64_t n_words) {
    snprintf(context, sizeof context, "%s panels of kind %d, %d x %d x %d", ops->name, kind,
             (int)rows, (int)n_out, (int)n_words);
    size_t size = (size_t)((n_out + 63) / 64 * ((n_words + 15) / 16 * 16) * 64);
    uint32_t *x = calloc((size_t)(rows * n_words), sizeof *x), *panels = calloc(size, 4);
    double *xs = doubles(rows * n_words * PER_WORD), *ws = doubles(n_out * n_words * PER_WORD);
    int64_t stride = n_out + GAP;
    float *y = empty(rows * stride);
    for (int64_t i = 0; i < rows * n_words; i++) x[i] = random_word(kind, true, xs + i * PER_WORD);
    if (kind == 2 && ops->signs_apart) {
        uint32_t *split = calloc((size_t)(2 * rows * n_words), sizeof *split);
        ops->signs_apart(split, (const uint8_t *)x, rows * n_words);
        free(x), x = split;
    }
    for (int64_t i = 0; i < n_out * n_words; i++)
        *word_of(panels, n_words, i / n_words, i % n_words) =
            random_word(kind, false, ws + i * PER_WORD);
    const rd_panels_product product = {.rows = rows,
                                       .n_out = n_out,
                                       .n_words = n_words,
                                       .x = x,
                                       .panels = panels,
                                       .y = y,
                                       .stride_y = stride};
    (kind == 0 ? ops->panels_f32 : kind == 1 ? ops->panels_bf16 : ops->panels_int8)(&product);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < stride; o++) {
            float got = y[r * stride + o];
            int32_t whole;
            double wanted = 0;
            memcpy(&whole, &got, sizeof whole);
            if (o >= n_out) {
                assert_true(isnan(got)); /* the gap is nobody's */
                y[r * stride + o] = 0;
                continue;
            }
            for (int64_t i = 0; i < n_words * PER_WORD; i++)
                wanted += xs[r * n_words * PER_WORD + i] * ws[o * n_words * PER_WORD + i];
            if ((kind == 2 ? (double)whole : (double)got) != wanted) fail_msg("%s", context);
        }
    free(x), free(panels);
    if (kind == 2) memset(y, 0, sizeof *y * (size_t)(rows * stride));
    check_guards_and_release();
}

static bool has_int8(void) {
    return ops->panels_int8 && (ops != rd_kernels_of(RD_ISA_AVX512) || rd_cpu_has_int8_dots());
}

static void test_panels(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{1, 64, 16}, {1, 1, 1},    {2, 70, 5},   {3, 15, 17},
                                       {4, 63, 2},  {5, 65, 33},  {6, 129, 40}, {7, 16, 3},
                                       {13, 48, 9}, {1, 200, 31}, {64, 100, 20}};
    for (int t = 0; t < n_tables; t++)
        for (int kind = 0; kind < 3; kind++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                ops = tables[t];
                rng = rd_rng_make(13, i);
                if (kind == 2 && !has_int8()) continue;
                check_panels(kind, sizes[i][0], sizes[i][1], sizes[i][2]);
            }
}

static const int64_t widths[] = {1, 2, 15, 16, 17, 100, 130};

static void test_quantize(void **state) {
    (void)state;
    enum { ROWS = 9 };
    for (int t = 0; t < n_tables; t++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
            int64_t n = widths[k];
            ops = tables[t];
            rng = rd_rng_make(10, k);
            snprintf(context, sizeof context, "%s quantize_rows of %d", ops->name, (int)n);
            float *x = operand(ROWS, n), *scales = empty(ROWS);
            float *seen = empty(ROWS * n), *unit = zeros(ROWS * n), *none = zeros(ROWS * n);
            double *wanted = doubles(ROWS * n);
            for (int64_t i = 0; i < n; i++) unit[i] = 1;
            x[4 * n + n / 2] = NAN;
            uint8_t *rounded = malloc(ROWS * (size_t)n + 1);
            rounded[ROWS * n] = 99;
            round_operand(wanted, x, ROWS, n, RD_PRECISION_INT8);
            ops->quantize_rows(rounded, scales, x, ROWS, n);
            assert_int_equal(rounded[ROWS * n], 99);
            for (int64_t i = 0; i < ROWS * n; i++) {
                int32_t sum = rounded[i] - 128;
                memcpy(&seen[i], &sum, sizeof sum);
            }
            ops->dequantize_rows(seen, scales, unit, none, NULL, ROWS, n);
            for (int64_t i = 0; i < n; i++) {
                assert_true(isnan(seen[4 * n + i]));
                seen[4 * n + i] = 0, wanted[4 * n + i] = 0;
            }
            assert_same("rounded", seen, wanted, ROWS * n, 1e-6);
            free(rounded);
            check_guards_and_release();
        }
}

static void test_dequantize(void **state) {
    (void)state;
    enum { ROWS = 3 };
    for (int t = 0; t < n_tables; t++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            for (int biased = 0; biased < 2; biased++) {
                int64_t n = widths[k];
                ops = tables[t];
                rng = rd_rng_make(11, k);
                snprintf(context, sizeof context, "%s dequantize_rows of %d", ops->name, (int)n);
                float *y = empty(ROWS * n), *row_scales = filled(ROWS, 1), *scales = filled(n, 1);
                float *offsets = filled(n, 100), *bias = filled(n, 1);
                double *wanted = doubles(ROWS * n);
                for (int64_t i = 0; i < ROWS * n; i++) {
                    int32_t sum = (int32_t)rd_rng_below(&rng, 2000000) - 1000000;
                    wanted[i] = (double)row_scales[i / n] *
                                    ((double)scales[i % n] * sum - (double)offsets[i % n]) +
                                (biased ? (double)bias[i % n] : 0);
                    memcpy(&y[i], &sum, sizeof sum);
                }
                ops->dequantize_rows(y, row_scales, scales, offsets, biased ? bias : NULL, ROWS, n);
                assert_same_sized("y", y, wanted, ROWS * n, 1e-6, 1e6);
                check_guards_and_release();
            }
}

static void test_strided_maxima(void **state) {
    (void)state;
    for (int t = 0; t < n_tables; t++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            for (int64_t stride = 1; stride <= widths[k]; stride += 3) {
                int64_t n = widths[k];
                ops = tables[t];
                rng = rd_rng_make(12, k);
                float *x = filled(n, 1), *maxima = empty(stride);
                x[n / 2] = -INFINITY;
                assert_true(ops->strided_maxima(maxima, x, n, stride));
                for (int64_t i = 0; i < stride; i++) {
                    float largest = -INFINITY;
                    for (int64_t j = i; j < n; j += stride) largest = fmaxf(largest, x[j]);
                    assert_true(maxima[i] == largest);
                }
                x[n - 1] = NAN;
                assert_false(ops->strided_maxima(maxima, x, n, stride));
                check_guards_and_release();
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),   cmocka_unit_test(test_rows_are_independent),
        cmocka_unit_test(test_panels),     cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_dequantize), cmocka_unit_test(test_strided_maxima),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
