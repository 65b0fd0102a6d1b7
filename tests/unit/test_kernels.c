/* Every entry of the operations table, for every instruction set this machine has, against the
 * definitions in reference_kernels.c: at widths around those of vectors, with and without dropout,
 * on rows of both R-Drop passes. Attention has a file of its own. */
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
#include "rdrop/criterion.h"
#include "reference_kernels.h"

static const int64_t WIDTHS[] = {1, 2, 3, 15, 16, 17, 31, 64, 127, 128, 129, 300};
static const int64_t ROWS[] = {1, 3, 8};
enum { N_WIDTHS = 12, N_ROWS = 3 };

/* The sizes and dropout of one check. */
typedef struct {
    int64_t first_row, rows, width;
    rd_dropout dropout;
} shape;

static void for_each_shape(const char *name, void (*check)(const shape *)) {
    static const float rates[] = {0.0f, 0.1f, 0.5f};
    for (int t = 0; t < n_tables; t++)
        for (int w = 0; w < N_WIDTHS; w++)
            for (int r = 0; r < N_ROWS; r++)
                for (int d = 0; d < 6; d++) {
                    in_bf16 = d >= 3;
                    ops = tables[t];
                    rng = rd_rng_make(1, (uint64_t)(w * 100 + r * 10 + d));
                    /* rows_per_pass 7: rows 5, 6 are of the first pass, 7... of the second. */
                    shape s = {5, ROWS[r], WIDTHS[w], {rates[d % 3], 77, 123456, 2, 35, r ? 7 : 0}};
                    snprintf(context, sizeof context, "%s %s%s, %d x %d, dropout %g", ops->name,
                             name, in_bf16 ? " in bf16" : "", (int)s.rows, (int)s.width,
                             (double)rates[d % 3]);
                    check(&s);
                    check_guards_and_release();
                }
}

static void check_dropout_row(const shape *s) {
    float *scale = empty(s->width), *wanted = empty(s->width);
    for (int64_t r = s->first_row; r < s->first_row + s->rows; r++) {
        dropout_scales(ops, &s->dropout, r, s->width, scale);
        reference_dropout(&s->dropout, r, s->width, wanted);
        assert_memory_equal(scale, wanted, sizeof *scale * (size_t)s->width);
    }
}

static void check_apply_dropout(const shape *s) {
    int64_t n = s->rows * s->width;
    float *start = filled(n, 1);
    rd_activations x = formed(start, n);
    double *wanted = doubles(n);
    reference_apply_dropout(wanted, start, s->first_row, s->rows, s->width, &s->dropout);
    ops->apply_dropout(x, s->first_row, s->rows, s->width, &s->dropout);
    assert_same("x", numbers(x, n), wanted, n, tolerance_of_form(1e-6));
}

static void check_embed(const shape *s) {
    int64_t n = s->rows * s->width;
    const int32_t tokens[8] = {4, 0, 4, 9, 1, 2, 3, 4}, positions[8] = {2, 3, 4, 2, 3, 4, 5, 6};
    float *table = filled(10 * s->width, 0.1), *position_table = filled(7 * s->width, 1);
    rd_activations out = empty_form(n);
    double *wanted = doubles(n);
    reference_embed(wanted, s->first_row, s->rows, s->width, tokens, positions, table,
                    position_table, 11.3f, &s->dropout);
    ops->embed(out, s->first_row, s->rows, s->width, tokens, positions, table, position_table,
               11.3f, &s->dropout);
    assert_same("out", numbers(out, n), wanted, n, tolerance_of_form(1e-6));
}

static void check_activation(const shape *s) {
    int64_t n = s->rows * s->width;
    for (int act = RD_RELU; act <= RD_TANH; act++) {
        float *h = filled(n, 2), *bias = filled(s->width, 1), *dout = filled(n, 1);
        float *dbias = filled(s->width, 1);
        static const float far[] = {-10, 10, -45, 45, -100, 100};
        for (int i = 0; i < 6 && i < n; i++) h[i] = far[i];
        rd_activations h_form = formed(h, n), dout_form = formed(dout, n);
        rd_activations out = empty_form(n), dh = empty_form(n);
        double *wanted = doubles(n), *wanted_dh = doubles(n), *wanted_dbias = doubles(s->width);
        to_doubles(wanted_dbias, dbias, s->width);
        reference_activation(wanted, h, bias, s->first_row, s->rows, s->width, act, &s->dropout);
        reference_activation_backward(wanted_dh, dout, h, bias, wanted_dbias, s->first_row, s->rows,
                                      s->width, act, &s->dropout);
        ops->activation(out, h_form, bias, s->first_row, s->rows, s->width, act, &s->dropout);
        rd_activations again = empty_form(n);
        ops->activation_backward(dh, again, dout_form, h_form, bias, dbias, s->first_row, s->rows,
                                 s->width, act, &s->dropout);
        assert_same("out", numbers(out, n), wanted, n, tolerance_of_form(1e-6));
        assert_same("dh", numbers(dh, n), wanted_dh, n, tolerance_of_form(1e-6));
        assert_same("dbias", dbias, wanted_dbias, s->width, 1e-6);
        assert_memory_equal(numbers(again, n), numbers(out, n), sizeof(float) * (size_t)n);
        ops->activation_backward(dout_form, h_form, dout_form, h_form, bias, dbias, s->first_row,
                                 s->rows, s->width, act, &s->dropout);
        assert_same("dh in place", numbers(dout_form, n), wanted_dh, n, tolerance_of_form(1e-6));
        assert_memory_equal(numbers(h_form, n), numbers(out, n), sizeof(float) * (size_t)n);
    }
}

static float *copied(const float *x, int64_t n) {
    return memcpy(empty(n), x, sizeof *x * (size_t)n);
}

/* The residual connection with its norm (post-norm), without one (pre-norm), and a norm alone. What
 * is written in both forms is the same number in both. */
static void check_residual_norm(const shape *s) {
    int64_t n = s->rows * s->width;
    float *x = filled(n, 1), *h = filled(n, 1), *bias = filled(s->width, 1);
    float *gain = filled(s->width, 1), *shift = filled(s->width, 1), *sum = empty(n);
    rd_activations h_form = formed(h, n), y = empty_form(n);
    if (in_bf16) y.f32 = empty(n);
    float *mean = empty(s->rows), *rstd = empty(s->rows);
    const rd_norm_stats stats = {mean, rstd};
    double *wanted_sum = doubles(n), *wanted = doubles(n), *wanted_mean = doubles(s->rows),
           *wanted_rstd = doubles(s->rows);
    rd_layer_norm norm = {gain, shift, 1e-5f};
    for (int with_h = 0; with_h < 2; with_h++) {
        const float *hidden = with_h ? h : NULL;
        norm.eps = with_h ? 1e-5f : 0.01f;
        reference_residual_norm(wanted_sum, wanted, wanted_mean, wanted_rstd, x, hidden, bias, gain,
                                shift, norm.eps, s->first_row, s->rows, s->width, &s->dropout);
        ops->residual_norm(with_h ? sum : NULL, y, stats, x, with_h ? h_form : (rd_activations){0},
                           bias, &norm, s->first_row, s->rows, s->width, &s->dropout);
        if (with_h) assert_same("sum", sum, wanted_sum, n, 1e-6);
        /* Two elements can be so near each other that rounding shows in their distance. */
        assert_same("y", y.f32, wanted, n, s->width < 4 ? 1e-4 : 3e-6);
        for (int64_t i = 0; in_bf16 && i < n; i++)
            assert_int_equal(y.bf16[i], rd_f32_to_bf16(y.f32[i]));
        assert_same("mean", mean, wanted_mean, s->rows, 1e-6);
        assert_same("rstd", rstd, wanted_rstd, s->rows, s->width < 4 ? 1e-4 : 3e-6);
    }
    rd_activations hidden = formed(copied(h, n), n), in_place = hidden;
    if (in_bf16) in_place.f32 = copied(x, n);
    ops->residual_norm(sum, in_place, stats, in_bf16 ? in_place.f32 : x, hidden, bias, &norm,
                       s->first_row, s->rows, s->width, &s->dropout);
    assert_memory_equal(in_place.f32, y.f32, sizeof *y.f32 * (size_t)n);
    if (in_bf16) assert_memory_equal(in_place.bf16, y.bf16, sizeof *y.bf16 * (size_t)n);
    ops->residual_norm(x, (rd_activations){0}, (rd_norm_stats){0}, x, h_form, bias, NULL,
                       s->first_row, s->rows, s->width, &s->dropout);
    assert_same("sum in place, no norm", x, wanted_sum, n, 1e-6);
}

static void check_norm_backward(const shape *s) {
    int64_t n = s->rows * s->width;
    float *sum = filled(n, 1), *dy = filled(n, 1), *gain = filled(s->width, 1);
    float *shift = zeros(s->width), *y = empty(n), *mean = empty(s->rows), *rstd = empty(s->rows);
    float *dx = filled(n, 1), *dgain = filled(s->width, 1), *dshift = filled(s->width, 1);
    double *wanted = doubles(n), *wanted_dgain = doubles(s->width),
           *wanted_dshift = doubles(s->width), tolerance = s->width < 4 ? 1e-3 : 1e-5;
    const rd_norm_stats stats = {mean, rstd};
    const rd_layer_norm norm = {gain, shift, 1e-5f};
    ops->residual_norm(NULL, (rd_activations){.f32 = y}, stats, sum, (rd_activations){0}, NULL,
                       &norm, 0, s->rows, s->width, &(rd_dropout){0});
    to_doubles(wanted, dx, n);
    to_doubles(wanted_dgain, dgain, s->width), to_doubles(wanted_dshift, dshift, s->width);
    reference_norm_backward(wanted, dy, sum, gain, wanted_dgain, wanted_dshift, s->rows, s->width);
    ops->norm_backward(dx, true, dy, sum, stats, gain, dgain, dshift, s->rows, s->width);
    assert_same("dx added to", dx, wanted, n, tolerance);
    assert_same("dgain", dgain, wanted_dgain, s->width, tolerance);
    assert_same("dshift", dshift, wanted_dshift, s->width, 1e-6);
    memset(wanted, 0, sizeof *wanted * (size_t)n);
    reference_norm_backward(wanted, dy, sum, gain, wanted_dgain, wanted_dshift, s->rows, s->width);
    ops->norm_backward(dy, false, dy, sum, stats, gain, dgain, dshift, s->rows, s->width);
    for (int64_t i = 0; i < n && s->width < 2; i++) assert_true(fabsf(dy[i]) < 1e-3f);
    if (s->width > 1) assert_same("dx in place of dy", dy, wanted, n, tolerance);
}

static void check_residual_backward(const shape *s) {
    int64_t n = s->rows * s->width;
    float *dsum = filled(n, 1), *dbias = zeros(s->width), *sums = zeros(s->width);
    rd_activations dh = empty_form(n);
    double *wanted = doubles(n), *wanted_dbias = doubles(s->width), *x = doubles(n);
    reference_apply_dropout(wanted, dsum, s->first_row, s->rows, s->width, &s->dropout);
    reference_column_sums(wanted_dbias, wanted, s->rows, s->width);
    ops->residual_backward(dh, dsum, dbias, s->first_row, s->rows, s->width, &s->dropout);
    assert_same("dh", numbers(dh, n), wanted, n, tolerance_of_form(1e-6));
    assert_same("dbias", dbias, wanted_dbias, s->width, 1e-6);

    rd_activations dsum_form = formed(dsum, n);
    double *wanted_sums = doubles(s->width);
    to_doubles(x, dsum, n);
    for (int64_t i = 0; i < s->width; i++) sums[i] = 3, wanted_sums[i] = 3;
    reference_column_sums(wanted_sums, x, s->rows, s->width);
    ops->column_sums(sums, dsum_form, s->rows, s->width);
    assert_same("column sums", sums, wanted_sums, s->width, 1e-6);
}

static void test_rows(void **state) {
    (void)state;
    for_each_shape("dropout's scales", check_dropout_row);
    for_each_shape("apply_dropout", check_apply_dropout);
    for_each_shape("embed", check_embed);
    for_each_shape("activation", check_activation);
    for_each_shape("residual_norm", check_residual_norm);
    for_each_shape("norm_backward", check_norm_backward);
    for_each_shape("residual_backward, column_sums", check_residual_backward);
}

/* Nearest bfloat16: halves go to even, carries into the exponent and up to infinity, NaN stays. */
static void test_to_bf16(void **state) {
    (void)state;
    static const uint32_t bits[] = {0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001,
                                    0xBF807FFF, 0x3FFFFFFF, 0x7F7FFFFF, 0x7F800000,
                                    0xFFFFFFFF, 0x7F800001, 0x00000001, 0x80000000};
    static const uint16_t wanted[] = {0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xBF80, 0x4000,
                                      0x7F80, 0x7F80, 0x7FC0, 0x7FC0, 0x0000, 0x8000};
    enum { N = 12, LONGEST = 67 };
    float x[LONGEST];
    uint16_t out[LONGEST + 1];
    for (int t = 0; t < n_tables; t++)
        for (int n = 0; n <= LONGEST; n++) {
            for (int i = 0; i < n; i++) memcpy(&x[i], &bits[i % N], sizeof *x);
            out[n] = 0xABCD;
            tables[t]->to_bf16(out, x, n);
            for (int i = 0; i < n; i++) assert_int_equal(out[i], wanted[i % N]);
            assert_int_equal(out[n], 0xABCD);
        }
}

/* The criterion by its definition, in double precision: the label-smoothed cross-entropy of each
 * pass and alpha times the mean over all pairs of 1/2 (KL(i || j) + KL(j || i)). d: as logits,
 * [passes, vocab]. */
static rd_criterion_partial reference_criterion(double *d, const float *logits, int passes,
                                                int64_t vocab, int64_t target, double eps,
                                                double alpha) {
    rd_criterion_partial sums = {0};
    double *log_p = doubles(passes * vocab), pairs = 0.5 * passes * (passes - 1);
    for (int i = 0; i < passes; i++) {
        reference_log_softmax(log_p + i * vocab, logits + i * vocab, vocab);
        double uniform = 0.0;
        for (int64_t c = 0; c < vocab; c++) {
            double l = log_p[i * vocab + c];
            uniform -= l / (double)vocab;
            d[i * vocab + c] = exp(l) - (c == target ? 1.0 - eps : 0.0) - eps / (double)vocab;
        }
        sums.nll -= log_p[i * vocab + target];
        sums.label_smoothed += -(1.0 - eps) * log_p[i * vocab + target] + eps * uniform;
    }
    for (int i = 0; i < passes; i++)
        for (int j = 0; j < passes; j++) {
            if (i == j) continue;
            const double *p = log_p + i * vocab, *q = log_p + j * vocab;
            double kl = 0.0, weight = alpha * 0.5 / pairs;
            for (int64_t c = 0; c < vocab; c++) kl += exp(p[c]) * (p[c] - q[c]);
            for (int64_t c = 0; c < vocab; c++) {
                d[i * vocab + c] += weight * exp(p[c]) * (p[c] - q[c] - kl);
                d[j * vocab + c] += weight * (exp(q[c]) - exp(p[c]));
            }
            sums.kl += 0.5 * kl / pairs;
        }
    return sums;
}

/* Sums over a row are float's, and differences of logits are as exact as the logits are. The rows
 * of passes lie apart. */
static void check_passes(int passes, const float *logits, int64_t vocab, float eps, float alpha,
                         double rounding) {
    int64_t stride = vocab + 5, n = passes * stride, target = vocab / 3;
    float *in = zeros(n), *scratch = empty(rd_criterion_scratch(passes, vocab));
    double *wanted = doubles(passes * vocab);
    rd_criterion_partial sums = {0}, of_all;
    of_all = reference_criterion(wanted, logits, passes, vocab, target, (double)eps, (double)alpha);
    for (int i = 0; i < passes; i++)
        memcpy(in + i * stride, logits + i * vocab, sizeof *in * (size_t)vocab);
    /* float32 gradients in place of the logits, as in training */
    rd_activations form = in_bf16 ? empty_form(n) : (rd_activations){.f32 = in};
    ops->criterion(in, form, passes, stride, vocab, (int32_t)target, eps, alpha, scratch, &sums);
    const float *d = numbers(form, n);
    double sloppy = passes * (1e-6 + 2.0 * rounding);
    double fine = (1.0 + (double)alpha) * (2e-8 + rounding + 1e-6 * of_all.kl);
    assert_near(sums.nll, of_all.nll, 3e-6, sloppy, context, passes);
    assert_near(sums.label_smoothed, of_all.label_smoothed, 3e-6, sloppy, context, passes);
    assert_near(sums.kl, of_all.kl, 3e-6, sloppy, context, passes);
    for (int i = 0; i < passes; i++)
        for (int64_t c = 0; c < vocab; c++)
            assert_near((double)d[i * stride + c], wanted[i * vocab + c], tolerance_of_form(1e-5),
                        fine, context, c);
}

static void check_criterion(int64_t vocab, double size, float offset, float eps, float alpha) {
    snprintf(context, sizeof context, "%s criterion, vocabulary %d, size %g + %g, eps %g, alpha %g",
             ops->name, (int)vocab, size, (double)offset, (double)eps, (double)alpha);
    enum { MOST = 4 };
    float *logits = filled(MOST * vocab, size);
    for (int64_t i = 0; i < MOST * vocab; i++) logits[i] += offset;
    double rounding = 0x1p-24 * (4.0 * size + (double)offset);
    for (int passes = 1; passes <= MOST; passes++)
        check_passes(passes, logits, vocab, eps, alpha, rounding);
    check_guards_and_release();
}

static void test_criterion(void **state) {
    (void)state;
    static const int64_t vocabularies[] = {2, 3, 15, 16, 17, 127, 129, 300, 1000, 8197};
    for (int t = 0; t < n_tables; t++)
        for (int v = 0; v < 20; v++) {
            in_bf16 = v >= 10;
            ops = tables[t];
            rng = rd_rng_make(2, (uint64_t)v);
            check_criterion(vocabularies[v % 10], 1, 0, 0.1f, 5);
            check_criterion(vocabularies[v % 10], 8, 0, 0.1f, 1);
            check_criterion(vocabularies[v % 10], 8, 0, 0, 0);
            check_criterion(vocabularies[v % 10], 1, 1e4f, 0.1f, 5);
            check_criterion(vocabularies[v % 10], 1e4, 0, 0.1f, 5);
            check_criterion(vocabularies[v % 10], 1e-3, 0, 0.1f, 5); /* nearly no KL */
        }
}

static void test_log_softmax(void **state) {
    (void)state;
    static const double sizes[] = {1, 20, 1000}; /* results are as exact as the logits */
    for (int t = 0; t < n_tables; t++)
        for (int w = 0; w < N_WIDTHS; w++)
            for (int s = 0; s < 3; s++) {
                int64_t n = WIDTHS[w];
                ops = tables[t];
                snprintf(context, sizeof context, "%s log_softmax of %d", ops->name, (int)n);
                rng = rd_rng_make(3, (uint64_t)w);
                float *logits = filled(n, s == 1 ? 100 : 3);
                double *wanted = doubles(n);
                for (int64_t i = 0; i < n && s == 2; i++) logits[i] = 1e4f;
                reference_log_softmax(wanted, logits, n);
                ops->log_softmax(logits, n);
                assert_same_sized("log-probabilities", logits, wanted, n, 1e-6, sizes[s]);
                check_guards_and_release();
            }
}

/* Far apart, equal, and impossible on either side or both. */
static void test_log_add_exp(void **state) {
    (void)state;
    for (int t = 0; t < n_tables; t++)
        for (int w = 0; w < N_WIDTHS; w++) {
            int64_t n = WIDTHS[w];
            ops = tables[t];
            snprintf(context, sizeof context, "%s log_add_exp of %d", ops->name, (int)n);
            rng = rd_rng_make(4, (uint64_t)w);
            float *sum = filled(n, 40), *x = filled(n, 40);
            double *wanted = doubles(n);
            for (int64_t i = 0; i < n; i++) {
                if (i % 5 == 1) x[i] = sum[i] + 1e-3f * (float)(i % 7);
                if (i % 11 == 2) x[i] = -INFINITY;
                if (i % 11 > 1 && i % 11 < 4) sum[i] = -INFINITY;
                double high = fmax((double)sum[i], (double)x[i]);
                double low = fmin((double)sum[i], (double)x[i]);
                wanted[i] = isinf(high) ? high : high + log1p(exp(low - high)) - 0.75;
            }
            ops->log_add_exp(sum, x, n, -0.75f);
            for (int64_t i = 0; i < n; i++)
                if (isinf(wanted[i]))
                    assert_true(sum[i] == -INFINITY);
                else
                    assert_near((double)sum[i], wanted[i], 3e-7, 3e-7, context, i);
            sum[0] = NAN, x[0] = -INFINITY;
            ops->log_add_exp(sum, x, n, 0);
            assert_true(isnan(sum[0]));
            check_guards_and_release();
        }
}

static void test_sum_of_squares(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 17, 4095, 4096, 4097, 100003};
    for (int t = 0; t < n_tables; t++)
        for (int k = 0; k < 7; k++) {
            ops = tables[t];
            snprintf(context, sizeof context, "%s sum_of_squares", ops->name);
            float *x = filled(sizes[k], 3);
            double wanted = 0.0;
            for (int64_t i = 0; i < sizes[k]; i++) wanted += (double)x[i] * (double)x[i];
            assert_near(ops->sum_of_squares(x, sizes[k]), wanted, 4e-6, 0, context, sizes[k]);
            check_guards_and_release();
        }
}

static void check_adam(int64_t n, double l2, double decay) {
    snprintf(context, sizeof context, "%s adam of %d, l2 %g", ops->name, (int)n, l2);
    float *p = filled(n, 1), *g = filled(n, 1), *m = filled(n, 0.1), *v = filled(n, 0.1);
    double *wanted_p = doubles(n), *wanted_m = doubles(n), *wanted_v = doubles(n);
    for (int64_t i = 0; i < n; i++) {
        v[i] = fabsf(v[i]);
        double d = 0.3 * (double)g[i] + l2 * (double)p[i];
        wanted_m[i] = 0.9 * (double)m[i] + 0.1 * d;
        wanted_v[i] = 0.98 * (double)v[i] + 0.02 * d * d;
        wanted_p[i] = decay * (double)p[i] - 0.01 * wanted_m[i] / (sqrt(wanted_v[i]) + 1e-8);
    }
    const rd_adam adam = {.beta1 = 0.9f,
                          .beta2 = 0.98f,
                          .eps = 1e-8f,
                          .step = 0.01f,
                          .grad_scale = 0.3f,
                          .l2 = (float)l2,
                          .decay = (float)decay};
    ops->adam(p, g, m, v, n, &adam);
    assert_same("p", p, wanted_p, n, 1e-6);
    assert_same("m", m, wanted_m, n, 1e-6);
    assert_same("v", v, wanted_v, n, 2e-6); /* 1 - 0.98f is 1e-6 off already */
    for (int64_t i = 0; i < n; i++) assert_true(g[i] == 0.0f);
    check_guards_and_release();
}

static void test_adam(void **state) {
    (void)state;
    for (int t = 0; t < n_tables; t++)
        for (int w = 0; w < N_WIDTHS; w++) {
            ops = tables[t];
            check_adam(WIDTHS[w], 0.0, 1.0);
            check_adam(WIDTHS[w], 0.01, 1.0);
            check_adam(WIDTHS[w], 0.0, 0.999);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_criterion),
        cmocka_unit_test(test_log_softmax),    cmocka_unit_test(test_log_add_exp),
        cmocka_unit_test(test_sum_of_squares), cmocka_unit_test(test_adam),
        cmocka_unit_test(test_to_bf16),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
