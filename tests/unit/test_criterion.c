/* The public criterion against the R-Drop authors' loss (tests/oracles/rdrop_loss.py), and against
 * the definition in long double for logits of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "golden.h"
#include "rdrop/criterion.h"

static void check_golden_case(const json_t *c) {
    const char *name = json_string_value(json_object_get(c, "name"));
    int64_t n, n_rows;
    int32_t *targets = golden_integers(c, "targets", &n_rows);
    float *a = golden_floats(c, "logits1", &n), *b = golden_floats(c, "logits2", &n);
    double *da = golden_numbers(c, "dlogits1", &n), *db = golden_numbers(c, "dlogits2", &n);
    rd_criterion_config config = {.label_smoothing = (float)golden_number(c, "label_smoothing"),
                                  .reg_alpha = (float)golden_number(c, "reg_alpha"),
                                  .pad_id = (int32_t)golden_number(c, "pad_id")};
    rd_criterion_sums sums;
    /* The gradients overwrite the logits, as they may. */
    assert_int_equal(rd_criterion_rdrop(&config, n_rows, n / n_rows, a, b, targets, a, b, &sums),
                     RD_OK);
    assert_int_equal(sums.n_tokens, (int64_t)golden_number(c, "ntokens"));
    assert_near(sums.loss, golden_number(c, "loss_sum"), 1e-5, 0, name, 0);
    assert_near(sums.nll, golden_number(c, "nll_sum"), 1e-5, 0, name, 1);
    assert_near(sums.label_smoothed, golden_number(c, "label_smoothed_sum"), 1e-5, 0, name, 2);
    assert_near(sums.kl, golden_number(c, "kl_sum"), 1e-5, 0, name, 3);
    for (int64_t i = 0; i < n; i++) { /* gradients cancel to near zero: float32's own resolution */
        assert_near((double)a[i], da[i], 1e-5, 1e-7, name, i);
        assert_near((double)b[i], db[i], 1e-5, 1e-7, name, i);
    }
    free(targets);
    free(a), free(b), free(da), free(db);
}

static void test_golden(void **state) {
    (void)state;
    json_t *golden = golden_load("rdrop_loss.json"), *cases = json_object_get(golden, "cases");
    assert_true(json_array_size(cases) >= 4);
    for (size_t i = 0; i < json_array_size(cases); i++) check_golden_case(json_array_get(cases, i));
    json_decref(golden);
}

enum { ROWS = 9, VOCAB = 37, PAD = 1 };
typedef float logits[ROWS * VOCAB]; /* [ROWS, VOCAB] */

static void random_logits(logits x, double size, uint64_t seed) {
    rd_rng rng = rd_rng_make(seed, 0);
    for (int i = 0; i < ROWS * VOCAB; i++) x[i] = (float)(size * rd_rng_normal(&rng));
}

static void copy_row(logits to, const logits from, int r) {
    memcpy(to + r * VOCAB, from + r * VOCAB, VOCAB * sizeof *to);
}

static const int32_t TARGETS[ROWS] = {3, PAD, 0, 36, PAD, 7, 2, PAD, 20};
static const rd_criterion_config USUAL = {
    .label_smoothing = 0.1f, .reg_alpha = 5.0f, .pad_id = PAD};

static rd_criterion_sums loss_of(const rd_criterion_config *config, const logits a, const logits b,
                                 const int32_t *targets, logits da, logits db) {
    rd_criterion_sums sums;
    assert_int_equal(rd_criterion_rdrop(config, ROWS, VOCAB, a, b, targets, da, db, &sums), RD_OK);
    return sums;
}

/* Whatever stands in a padding row, its gradient is exactly zero and nothing else changes. */
static void test_padding_counts_nowhere(void **state) {
    (void)state;
    logits a, b, da, db, other_a, other_b, other_da, other_db;
    random_logits(a, 2, 1), random_logits(b, 2, 2);
    random_logits(other_a, 30, 3), random_logits(other_b, 30, 4);
    memset(da, 0x7f, sizeof da), memset(db, 0x7f, sizeof db);
    for (int r = 0; r < ROWS; r++)
        if (TARGETS[r] != PAD) copy_row(other_a, a, r), copy_row(other_b, b, r);
    rd_criterion_sums sums = loss_of(&USUAL, a, b, TARGETS, da, db);
    rd_criterion_sums other = loss_of(&USUAL, other_a, other_b, TARGETS, other_da, other_db);
    assert_int_equal(sums.n_tokens, 6);
    assert_memory_equal(&sums, &other, sizeof sums);
    assert_memory_equal(da, other_da, sizeof da);
    assert_memory_equal(db, other_db, sizeof db);
    for (int i = 0; i < ROWS * VOCAB; i++) {
        assert_true((da[i] == 0.0f) == (TARGETS[i / VOCAB] == PAD));
        assert_true((db[i] == 0.0f) == (TARGETS[i / VOCAB] == PAD));
    }
    rd_criterion_config without = USUAL;
    without.pad_id = -1;
    assert_int_equal(loss_of(&without, a, b, TARGETS, NULL, NULL).n_tokens, ROWS);
}

/* Log-probabilities of one row. x86's long double has 11 bits more than double. */
static void log_softmax(const float *x, long double *log_p) {
    long double max = -INFINITY, z = 0;
    for (int v = 0; v < VOCAB; v++) max = (long double)x[v] > max ? (long double)x[v] : max;
    for (int v = 0; v < VOCAB; v++) z += expl((long double)x[v] - max);
    for (int v = 0; v < VOCAB; v++) log_p[v] = (long double)x[v] - max - logl(z);
}

/* p * (log p - log q), 0 where p is 0. */
static long double term(long double log_p, long double log_q) {
    return expl(log_p) * (log_p - log_q);
}

/* The definition of criterion.h for one row; d: [2][VOCAB], clamped to what a float can hold. */
static void expected_row(const rd_criterion_config *config, const float *a, const float *b,
                         int32_t target, rd_criterion_sums *sums, double d[2][VOCAB]) {
    long double log_probs[2][VOCAB], kl[2] = {0, 0};
    long double eps = (long double)config->label_smoothing, alpha = (long double)config->reg_alpha;
    log_softmax(a, log_probs[0]), log_softmax(b, log_probs[1]);
    for (int pass = 0; pass < 2; pass++) {
        const long double *p = log_probs[pass], *q = log_probs[1 - pass];
        sums->nll -= (double)p[target];
        sums->label_smoothed -= (double)((1 - eps) * p[target]);
        for (int v = 0; v < VOCAB; v++) {
            kl[pass] += term(p[v], q[v]);
            sums->label_smoothed -= (double)(eps / VOCAB * p[v]);
        }
    }
    sums->kl += (double)((kl[0] + kl[1]) / 2);
    for (int pass = 0; pass < 2; pass++) {
        const long double *p = log_probs[pass], *q = log_probs[1 - pass];
        for (int v = 0; v < VOCAB; v++) {
            long double g = expl(p[v]) - eps / VOCAB - (v == target ? 1 - eps : 0);
            g += alpha / 2 * (term(p[v], q[v]) - expl(p[v]) * kl[pass] + expl(p[v]) - expl(q[v]));
            g = g > (long double)FLT_MAX ? (long double)FLT_MAX : g;
            d[pass][v] = (double)(g < (long double)-FLT_MAX ? (long double)-FLT_MAX : g);
        }
    }
}

static void check_against_definition(const char *what, const rd_criterion_config *config,
                                     const logits a, const logits b) {
    logits da, db;
    rd_criterion_sums sums = loss_of(config, a, b, TARGETS, da, db), expected = {0};
    for (int r = 0; r < ROWS; r++) {
        if (TARGETS[r] == PAD) continue;
        double d[2][VOCAB], largest = 1;
        expected_row(config, a + r * VOCAB, b + r * VOCAB, TARGETS[r], &expected, d);
        for (int v = 0; v < VOCAB; v++) largest = fmax(largest, fmax(fabs(d[0][v]), fabs(d[1][v])));
        for (int v = 0; v < VOCAB; v++) { /* a sum over the row is as exact as its largest term */
            int i = r * VOCAB + v;
            assert_near((double)da[i], d[0][v], 1e-6, 1e-10 * largest, what, i);
            assert_near((double)db[i], d[1][v], 1e-6, 1e-10 * largest, what, i);
        }
    }
    expected.loss = expected.label_smoothed + (double)config->reg_alpha * expected.kl;
    assert_near(sums.nll, expected.nll, 1e-9, 0, what, 0);
    assert_near(sums.label_smoothed, expected.label_smoothed, 1e-9, 0, what, 1);
    assert_near(sums.kl, expected.kl, 1e-9, 1e-12, what, 2);
    assert_near(sums.loss, expected.loss, 1e-9, 0, what, 3);
}

static void test_logits_of_any_size(void **state) {
    (void)state;
    const double sizes[] = {1e-30, 1e-3, 1, 30, 1e4, 1e10, 1e20, 3e37};
    logits a, b;
    for (int i = 0; i < 8; i++) {
        random_logits(a, sizes[i], 10), random_logits(b, sizes[i], 11);
        check_against_definition("random logits", &USUAL, a, b);
        random_logits(b, 1, 12);
        check_against_definition("one pass small", &USUAL, a, b);
    }
}

/* Ties at the far ends of float: probabilities of 1/n beside log-probabilities of -6e38. */
static void test_extreme_logits(void **state) {
    (void)state;
    const float sizes[] = {1e4f, 1e17f, 3e38f, FLT_MAX};
    logits a, b;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < ROWS * VOCAB; k++) a[k] = b[k] = sizes[i];
        check_against_definition("all alike", &USUAL, a, b);
        for (int k = 0; k < ROWS * VOCAB; k++) a[k] = k % 3 ? sizes[i] : -sizes[i];
        check_against_definition("two heights and one", &USUAL, a, b);
        for (int k = 0; k < ROWS * VOCAB; k++) b[k] = k % 5 ? -sizes[i] : sizes[i];
        check_against_definition("heights that differ", &USUAL, a, b);
    }
}

static void test_alpha_zero(void **state) {
    (void)state;
    rd_criterion_config config = USUAL;
    config.reg_alpha = 0.0f;
    logits a, b, c, da, db, da_again;
    random_logits(a, 2, 5), random_logits(b, 2, 6), random_logits(c, 9, 7);
    check_against_definition("alpha 0", &config, a, b);
    rd_criterion_sums sums = loss_of(&config, a, b, TARGETS, da, db);
    assert_true(sums.loss == sums.label_smoothed); /* the KL is still told */
    assert_true(sums.kl > 1.0);
    loss_of(&config, a, c, TARGETS, da_again, db);
    assert_memory_equal(da, da_again, sizeof da); /* the passes know nothing of each other */
}

static void test_label_smoothing_zero(void **state) {
    (void)state;
    rd_criterion_config config = USUAL;
    config.label_smoothing = 0.0f;
    logits a, b;
    random_logits(a, 2, 8), random_logits(b, 2, 9);
    check_against_definition("label smoothing 0", &config, a, b);
    rd_criterion_sums sums = loss_of(&config, a, b, TARGETS, NULL, NULL);
    assert_true(sums.label_smoothed == sums.nll);
}

static void refused(rd_criterion_config config, int64_t rows, int64_t vocab, int32_t target,
                    const char *message) {
    float a[8] = {0}, b[8] = {0}, d[8];
    int32_t targets[2] = {0, target};
    rd_criterion_sums sums;
    assert_int_equal(rd_criterion_rdrop(&config, rows, vocab, a, b, targets, d, d, &sums),
                     RD_ERR_ARGUMENT);
    if (!strstr(rd_last_error(), message))
        fail_msg("'%s' is not in '%s'", message, rd_last_error());
}

static void test_invalid_arguments(void **state) {
    (void)state;
    const float bad_eps[] = {-0.1f, 1.0f, NAN}, bad_alpha[] = {-1.0f, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        rd_criterion_config config = USUAL;
        config.label_smoothing = bad_eps[i];
        refused(config, 2, 4, 0, "label_smoothing");
        config = USUAL;
        config.reg_alpha = bad_alpha[i];
        refused(config, 2, 4, 0, "reg_alpha");
    }
    refused(USUAL, -1, 4, 0, "n_rows");
    refused(USUAL, 2, 0, 0, "vocab_size");
    refused(USUAL, 2, 4, 4, "target 4 of row 1");
    refused(USUAL, 2, 4, -1, "target -1 of row 1");
    float a[4] = {0}, d[4];
    const int32_t target = 0;
    rd_criterion_sums sums = {.n_tokens = 7};
    assert_int_equal(rd_criterion_rdrop(&USUAL, 1, 4, a, a, &target, d, NULL, &sums),
                     RD_ERR_ARGUMENT);
    assert_int_equal(rd_criterion_rdrop(&USUAL, 1, 4, a, a, &target, NULL, d, &sums),
                     RD_ERR_ARGUMENT);
    assert_int_equal(rd_criterion_rdrop(&USUAL, 0, 4, a, a, &target, d, d, &sums), RD_OK);
    assert_true(sums.n_tokens == 0 && sums.loss == 0.0); /* no rows: nothing, and no error */
}

static void test_logits_that_are_no_numbers(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    rd_criterion_sums sums;
    logits a, b;
    for (int i = 0; i < 3; i++) {
        random_logits(a, 1, 1), random_logits(b, 1, 2);
        b[VOCAB + 4] = bad[i]; /* a padding row: does not matter */
        loss_of(&USUAL, a, b, TARGETS, NULL, NULL);
        b[5 * VOCAB + 6] = bad[i];
        assert_int_equal(rd_criterion_rdrop(&USUAL, ROWS, VOCAB, a, b, TARGETS, NULL, NULL, &sums),
                         RD_ERR_NUMERIC);
        assert_non_null(strstr(rd_last_error(), "logit 6 of row 5"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_padding_counts_nowhere),
        cmocka_unit_test(test_logits_of_any_size),
        cmocka_unit_test(test_extreme_logits),
        cmocka_unit_test(test_alpha_zero),
        cmocka_unit_test(test_label_smoothing_zero),
        cmocka_unit_test(test_invalid_arguments),
        cmocka_unit_test(test_logits_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
