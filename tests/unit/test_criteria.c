/* The public criteria of classes and numbers, and the KL alone, against PyTorch
 * (tests/oracles/task_losses.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "golden.h"
#include "rdrop/criterion.h"

static json_t *golden;

static int set_up(void **state) {
    (void)state;
    golden = golden_load("criteria.json");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static bool is(const json_t *c, const char *key, const char *value) {
    return !strcmp(json_string_value(json_object_get(c, key)), value);
}

static void each_case(const char *name, size_t at_least, void (*check)(const json_t *, int64_t)) {
    const json_t *cases = json_object_get(golden, name);
    assert_true(json_array_size(cases) >= at_least);
    for (size_t i = 0; i < json_array_size(cases); i++) check(json_array_get(cases, i), (int64_t)i);
}

/* d: [n] floats times share, against the golden file's numbers. */
static void assert_gradient(const float *d, const json_t *c, const char *key, double share) {
    int64_t n;
    double *wanted = golden_numbers(c, key, &n);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)d[i] * share, wanted[i], 1e-5, 1e-7 * share, key, i);
    free(wanted);
}

/* The golden loss is a mean: the sums divided by the rows that count. */
static void check_classes(const json_t *c, int64_t index) {
    int64_t n, rows;
    bool weighted = json_object_get(c, "class_weights"), mixed = json_object_get(c, "shares");
    int32_t *labels = golden_integers(c, "labels", &rows);
    int32_t *others = mixed ? golden_integers(c, "other_labels", &rows) : NULL;
    float *shares = mixed ? golden_floats(c, "shares", &rows) : NULL;
    float *weights = weighted ? golden_floats(c, "class_weights", &n) : NULL;
    float *a = golden_floats(c, "logits1", &n), *b = golden_floats(c, "logits2", &n);
    rd_class_config config = {.label_smoothing = (float)golden_number(c, "label_smoothing"),
                              .reg_alpha = (float)golden_number(c, "reg_alpha"),
                              .kl_reduction = is(c, "kl_reduction", "sum") ? RD_KL_SUM : RD_KL_MEAN,
                              .class_weights = weights,
                              .other_labels = others,
                              .shares = shares};
    rd_criterion_sums sums, again;
    must(rd_criterion_classes(&config, rows, n / rows, a, b, labels, NULL, NULL, &again));
    must(rd_criterion_classes(&config, rows, n / rows, a, b, labels, a, b, &sums));
    assert_memory_equal(&sums, &again, sizeof sums); /* with gradients or without */
    double batch = golden_number(c, "batch");
    assert_true((double)sums.n_tokens == batch);
    assert_near(sums.label_smoothed, golden_number(c, "ce_sum"), 1e-5, 0, "ce", index);
    assert_near(sums.kl, golden_number(c, "kl_sum"), 1e-5, 0, "kl", index);
    assert_near(sums.loss / batch, golden_number(c, "loss"), 1e-5, 0, "loss", index);
    assert_gradient(a, c, "dlogits1", 1.0 / batch);
    assert_gradient(b, c, "dlogits2", 1.0 / batch);
    free(labels), free(others), free(shares), free(weights), free(a), free(b);
}

static void test_classes(void **state) {
    (void)state;
    each_case("classes", 12, check_classes);
}

static void check_values(const json_t *c, int64_t index) {
    int64_t n;
    float *a = golden_floats(c, "value1", &n), *b = golden_floats(c, "value2", &n);
    float *targets = golden_floats(c, "targets", &n);
    float alpha = (float)golden_number(c, "reg_alpha");
    rd_criterion_sums sums, again;
    must(rd_criterion_values(alpha, n, a, b, targets, NULL, NULL, &again));
    must(rd_criterion_values(alpha, n, a, b, targets, a, b, &sums));
    assert_memory_equal(&sums, &again, sizeof sums);
    assert_int_equal(sums.n_tokens, n);
    assert_near(sums.loss / (double)n, golden_number(c, "loss"), 1e-5, 0, "value loss", index);
    assert_true(sums.nll > 0 && sums.nll == sums.label_smoothed);
    assert_gradient(a, c, "dvalue1", 1.0 / (double)n);
    assert_gradient(b, c, "dvalue2", 1.0 / (double)n);
    free(a), free(b), free(targets);
}

static void test_values(void **state) {
    (void)state;
    each_case("value", 3, check_values);
}

static void check_kl(const json_t *c, int64_t index) {
    const json_t *counts = json_object_get(c, "counts");
    int64_t n, rows = (int64_t)json_array_size(counts);
    uint8_t mask[64];
    assert_true(rows <= 64);
    for (int64_t r = 0; r < rows; r++) mask[r] = json_is_true(json_array_get(counts, (size_t)r));
    float *p = golden_floats(c, "p_logits", &n), *q = golden_floats(c, "q_logits", &n);
    rd_kl_reduction reduction = is(c, "reduction", "sum") ? RD_KL_SUM : RD_KL_MEAN;
    double kl, again;
    must(rd_rdrop_kl(p, q, rows, n / rows, mask, reduction, &again, NULL, NULL));
    must(rd_rdrop_kl(p, q, rows, n / rows, mask, reduction, &kl, p, q));
    assert_true(kl == again);
    assert_near(kl, golden_number(c, "kl"), 1e-5, 0, "kl", index);
    assert_gradient(p, c, "dp", 1.0);
    assert_gradient(q, c, "dq", 1.0);
    free(p), free(q);
}

static void test_kl(void **state) {
    (void)state;
    each_case("kl", 4, check_kl);
}

/* The KL alone is the KL inside the criterion of classes, and no mask counts every row. */
static void test_kl_is_that_of_classes(void **state) {
    (void)state;
    const float a[6] = {1, 2, -1, 0, 0.5f, 3}, b[6] = {0.5f, 2, 0, 1, 1, -3};
    const int32_t labels[2] = {0, 1};
    rd_class_config config = {.reg_alpha = 1.0f};
    rd_criterion_sums sums;
    double kl;
    must(rd_criterion_classes(&config, 2, 3, a, b, labels, NULL, NULL, &sums));
    must(rd_rdrop_kl(a, b, 2, 3, NULL, RD_KL_SUM, &kl, NULL, NULL));
    assert_true(kl == sums.kl);
    must(rd_rdrop_kl(a, b, 2, 3, NULL, RD_KL_MEAN, &kl, NULL, NULL));
    assert_true(kl == sums.kl / 2);
    const uint8_t none[2] = {0, 0};
    float da[6], db[6];
    must(rd_rdrop_kl(a, b, 2, 3, none, RD_KL_MEAN, &kl, da, db));
    assert_true(kl == 0.0);
    for (int i = 0; i < 6; i++) assert_true(da[i] == 0.0f && db[i] == 0.0f);
}

static void refused(rd_status status, rd_status wanted, const char *message) {
    assert_int_equal(status, wanted);
    if (!strstr(rd_last_error(), message))
        fail_msg("'%s' is not in '%s'", message, rd_last_error());
}

static void test_classes_refuse(void **state) {
    (void)state;
    float a[4] = {0}, b[4] = {0}, bad[2] = {1, -1}, shares[2] = {0.5f, 1.5f};
    const int32_t labels[2] = {0, 1}, high[2] = {0, 2}, others[2] = {1, 0};
    rd_criterion_sums sums;
    rd_class_config good = {.reg_alpha = 1.0f}, c = good;
    refused(rd_criterion_classes(&good, 2, 2, a, b, high, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "label 2 of row 1");
    refused(rd_criterion_classes(&good, -1, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "n_rows");
    refused(rd_criterion_classes(&good, 2, 2, a, b, labels, a, NULL, &sums), RD_ERR_ARGUMENT,
            "both gradients");
    c.class_weights = bad;
    refused(rd_criterion_classes(&c, 2, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "weight of class 1 is -1");
    c = good;
    c.shares = shares;
    refused(rd_criterion_classes(&c, 2, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "other_labels");
    c.other_labels = others;
    refused(rd_criterion_classes(&c, 2, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "share 1.5 of row 1");
    c.other_labels = high;
    shares[1] = 0.5f;
    refused(rd_criterion_classes(&c, 2, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "other label 2 of row 1");
    b[3] = NAN;
    refused(rd_criterion_classes(&good, 2, 2, a, b, labels, NULL, NULL, &sums), RD_ERR_NUMERIC,
            "logit 1 of row 1");
}

static void test_values_and_kl_refuse(void **state) {
    (void)state;
    const float a[2] = {0, 1}, bad[2] = {0, INFINITY};
    float d[2];
    double kl;
    rd_criterion_sums sums;
    refused(rd_criterion_values(-1.0f, 2, a, a, a, NULL, NULL, &sums), RD_ERR_ARGUMENT,
            "reg_alpha");
    refused(rd_criterion_values(1.0f, 2, a, a, a, NULL, d, &sums), RD_ERR_ARGUMENT,
            "both gradients");
    refused(rd_criterion_values(1.0f, 2, a, a, bad, NULL, NULL, &sums), RD_ERR_NUMERIC,
            "row 1 has values 1 and 1 and target inf");
    refused(rd_rdrop_kl(a, a, 1, 0, NULL, RD_KL_SUM, &kl, NULL, NULL), RD_ERR_ARGUMENT,
            "n_classes");
    refused(rd_rdrop_kl(a, bad, 1, 2, NULL, RD_KL_SUM, &kl, NULL, NULL), RD_ERR_NUMERIC,
            "logit 1 of row 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_kl),
        cmocka_unit_test(test_kl_is_that_of_classes),
        cmocka_unit_test(test_classes_refuse),
        cmocka_unit_test(test_values_and_kl_refuse),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
