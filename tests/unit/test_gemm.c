/* The three products of a linear layer against their definition, in float32 and, where this machine
 * has them, of bfloat16 operands: at odd sizes, overwriting and adding, within their padded arrays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "golden.h"
#include "kernel_harness.h"
#include "ops/cpu/matmul.h"
#include "ops/gemm.h"

typedef enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS, PRODUCTS } product;

typedef struct {
    int64_t rows, n_out, n_in;
} shape;

/* n random floats in an array of `room`, the rest zero; with bf16, rounded to a copy and the copy's
 * values, so that both say the same. */
static rd_activations operand(int64_t n, int64_t room, bool bf16) {
    float *x = zeros(room);
    rd_activations made = {.f32 = x};
    for (int64_t i = 0; i < n; i++) x[i] = (float)rd_rng_normal(&rng);
    if (!bf16) return made;
    uint16_t *copy = (uint16_t *)empty((room + 1) / 2);
    rd_cpu_kernels()->to_bf16(copy, x, room);
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)copy[i] << 16;
        memcpy(&x[i], &bits, sizeof bits);
    }
    made.bf16 = copy;
    return made;
}

/* result: [m, n] = beta * result + sum over k of a(i, k) b(k, j); strides of i, k and k, j. */
static void by_definition(double *result, double *size, int64_t m, int64_t n, int64_t k,
                          const float *a, int64_t a_i, int64_t a_k, const float *b, int64_t b_k,
                          int64_t b_j, double beta) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = beta * result[i * n + j], terms = fabs(sum);
            for (int64_t p = 0; p < k; p++) {
                double term = (double)a[i * a_i + p * a_k] * (double)b[p * b_k + j * b_j];
                sum += term, terms += fabs(term);
            }
            result[i * n + j] = sum;
            if (terms > *size) *size = terms; /* what rounding is relative to */
        }
}

/* Whether operands, and whether activations that result, are bfloat16. */
typedef enum { FP32, BF16_TO_FP32, BF16 } forms;

static void check(product which, const shape *s, forms form, float beta) {
    bool bf16 = form != FP32, bf16_result = form == BF16 && which != BACKWARD_WEIGHTS;
    static const char *const names[] = {"forward", "backward_data", "backward_weights"};
    snprintf(context, sizeof context, "%s %d x %d x %d, %s, beta %g", names[which], (int)s->rows,
             (int)s->n_out, (int)s->n_in,
             form == FP32   ? "fp32"
             : form == BF16 ? "bf16"
                            : "bf16 to fp32",
             (double)beta);
    int64_t rows = s->rows, n_out = s->n_out, n_in = s->n_in, padded = rd_gemm_rows(rows);
    int64_t sizes[PRODUCTS] = {rows * n_out, rows * n_in, n_out * n_in}, n = sizes[which];
    rd_activations x = operand(rows * n_in, padded * n_in, bf16);
    rd_activations dy = operand(rows * n_out, padded * n_out, bf16);
    rd_activations w = operand(n_out * n_in, n_out * n_in, bf16);
    int64_t room = which == BACKWARD_WEIGHTS ? n : n / rows * padded;
    float *start = filled(room, 1);
    in_bf16 = bf16_result;
    rd_activations got = formed(start, room);
    double *wanted = doubles(n), size = 0.0;
    to_doubles(wanted, start, n);
    if (which == FORWARD) {
        by_definition(wanted, &size, rows, n_out, n_in, x.f32, n_in, 1, w.f32, 1, n_in,
                      (double)beta);
        rd_gemm_forward(rows, n_out, n_in, x, w, beta, got);
    } else if (which == BACKWARD_DATA) {
        by_definition(wanted, &size, rows, n_in, n_out, dy.f32, n_out, 1, w.f32, n_in, 1,
                      (double)beta);
        rd_gemm_backward_data(rows, n_out, n_in, dy, w, beta, got);
    } else {
        by_definition(wanted, &size, n_out, n_in, rows, dy.f32, 1, n_out, x.f32, n_in, 1,
                      (double)beta);
        rd_gemm_backward_weights(rows, n_out, n_in, dy, x, beta, got.f32);
    }
    assert_same_sized("product", numbers(got, n), wanted, n, tolerance_of_form(1e-6), size);
    check_guards_and_release();
}

static void check_all(forms form) {
    static const shape shapes[] = {{1, 1, 1},     {1, 17, 3},    {2, 3, 130},     {3, 64, 31},
                                   {15, 16, 17},  {16, 48, 16},  {17, 1, 129},    {31, 129, 1},
                                   {33, 33, 33},  {100, 7, 64},  {127, 384, 128}, {129, 31, 257},
                                   {515, 96, 32}, {1025, 5, 65}, {40, 1003, 24}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int which = 0; which < PRODUCTS; which++)
            for (int beta = 0; beta < 2; beta++) {
                rng = rd_rng_make(6, i);
                check((product)which, &shapes[i], form, (float)beta);
            }
}

static void test_fp32(void **state) {
    (void)state;
    check_all(FP32);
}

/* OpenMP gives one thread where a program says that no region has more. */
static void test_fewer_threads_than_set(void **state) {
    (void)state;
    int threads = omp_get_max_threads(), levels = omp_get_max_active_levels();
    omp_set_num_threads(4);
    omp_set_max_active_levels(0);
    check_all(FP32);
    for (int which = 0; which < PRODUCTS; which++)
        check((product)which, &(shape){1000, 500, 32}, FP32, 0.0f);
    omp_set_max_active_levels(levels);
    omp_set_num_threads(threads);
}

static void test_bf16(void **state) {
    (void)state;
    bool bf16 = false;
    if (rd_gemm_choose(RD_PRECISION_BF16, &bf16) != RD_OK) {
        print_message("no bfloat16 products here: skipped\n");
        skip();
    }
    check_all(BF16_TO_FP32);
    check_all(BF16);
}

/* Rows are rounded up by at most a sixteenth, or to a multiple of 16, into few distinct sizes. */
static void test_padded_rows(void **state) {
    (void)state;
    int distinct = 0;
    for (int64_t rows = 1, last = 0; rows <= 10000; rows++) {
        int64_t padded = rd_gemm_rows(rows);
        assert_true(padded >= rows && padded >= last && padded % 16 == 0);
        assert_true(padded - rows < 16 || (padded - rows) * 16 < rows);
        distinct += padded != last;
        last = padded;
    }
    assert_true(distinct < 200);
}

/* oneDNN's product by itself, of floats, which every processor has: gemm takes another where this
 * fails, and would not tell. */
static void test_matmul(void **state) {
    (void)state;
#ifdef RD_HAVE_ONEDNN
    enum { M = 3, N = 5, K = 4 };
    float a[M * K], b[K * N], c[M * N];
    for (int i = 0; i < M * K; i++) a[i] = (float)(i % 7 - 3);
    for (int i = 0; i < K * N; i++) b[i] = (float)(i % 5 - 2);
    for (int i = 0; i < M * N; i++) c[i] = (float)i;
    assert_true(rd_matmul(M, N, K, (rd_matmul_operand){.data = a}, (rd_matmul_operand){.data = b},
                          1.0f, (rd_matmul_operand){.data = c}));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            float wanted = (float)(i * N + j);
            for (int k = 0; k < K; k++) wanted += a[i * K + k] * b[k * N + j];
            assert_true(c[i * N + j] == wanted);
        }
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fp32),   cmocka_unit_test(test_fewer_threads_than_set),
        cmocka_unit_test(test_bf16),   cmocka_unit_test(test_padded_rows),
        cmocka_unit_test(test_matmul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
