/* Scores of classes, probabilities and numbers against scikit-learn and SciPy
 * (tests/oracles/answers_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "golden.h"
#include "metrics/classes.h"
#include "metrics/numbers.h"

enum { MOST_CLASSES = 200 };
static const double NEAR = 1e-12;

static json_t *golden;

static int set_up(void **state) {
    (void)state;
    golden = golden_load("answers.json");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static const json_t *cases_of(const char *key) {
    const json_t *cases = json_object_get(golden, key);
    assert_true(json_array_size(cases) > 0);
    return cases;
}

static const char *name_of(const json_t *c) {
    return json_string_value(json_object_get(c, "name"));
}

/* A correlation, NaN where the golden value is null. */
static void assert_correlation(double got, const json_t *c, const char *key) {
    if (json_is_null(json_object_get(c, key)))
        assert_true(isnan(got));
    else
        assert_near(got, golden_number(c, key), 0, NEAR, name_of(c), 0);
}

static void assert_each(double (*score)(const rd_class_counts *), const rd_class_counts *counts,
                        const json_t *c, const char *key) {
    int64_t n;
    double *wanted = golden_numbers(c, key, &n);
    for (int64_t k = 0; k < n; k++) assert_near(score(&counts[k]), wanted[k], 0, NEAR, key, k);
    free(wanted);
}

static double support_of(const rd_class_counts *counts) {
    return (double)counts->support;
}

static void check_matrix(const json_t *c, int64_t n, const int32_t *labels,
                         const int32_t *predictions, int32_t n_classes) {
    int64_t cells, matrix[MOST_CLASSES];
    if (!json_object_get(c, "matrix")) return;
    double *wanted = golden_numbers(c, "matrix", &cells);
    assert_true(cells <= MOST_CLASSES);
    must(rd_confusion_matrix(n, labels, predictions, n_classes, matrix));
    for (int64_t i = 0; i < cells; i++) assert_int_equal(matrix[i], (int64_t)wanted[i]);
    free(wanted);
}

static void check_classes(const json_t *c) {
    int64_t n, same;
    int32_t *labels = golden_integers(c, "labels", &n);
    int32_t *predictions = golden_integers(c, "predictions", &same);
    int32_t n_classes = (int32_t)golden_number(c, "n_classes");
    rd_class_counts counts[MOST_CLASSES];
    assert_true(n == same && n_classes <= MOST_CLASSES);
    must(rd_count_classes(n, labels, predictions, n_classes, counts));
    const char *name = name_of(c);
    assert_near(rd_accuracy(n_classes, counts), golden_number(c, "accuracy"), 0, NEAR, name, 0);
    assert_near(rd_f1_macro(n_classes, counts), golden_number(c, "f1_macro"), 0, NEAR, name, 1);
    assert_near(rd_f1_micro(n_classes, counts), golden_number(c, "f1_micro"), 0, NEAR, name, 2);
    assert_near(rd_matthews(n_classes, counts), golden_number(c, "matthews"), 0, NEAR, name, 3);
    if (n_classes == 2)
        assert_near(rd_class_f1(&counts[1]), golden_number(c, "f1_binary"), 0, NEAR, name, 4);
    assert_each(rd_class_precision, counts, c, "precision");
    assert_each(rd_class_recall, counts, c, "recall");
    assert_each(rd_class_f1, counts, c, "f1");
    assert_each(support_of, counts, c, "support");
    check_matrix(c, n, labels, predictions, n_classes);
    free(labels);
    free(predictions);
}

static void test_classes(void **state) {
    (void)state;
    size_t i;
    const json_t *c;
    json_array_foreach(cases_of("classes"), i, c) check_classes(c);
}

static void check_numbers(const json_t *c) {
    int64_t n, same;
    double *x = golden_numbers(c, "x", &n), *y = golden_numbers(c, "y", &same), value;
    assert_int_equal(n, same);
    must(rd_pearson(n, x, y, &value));
    assert_correlation(value, c, "pearson");
    must(rd_spearman(n, x, y, &value));
    assert_correlation(value, c, "spearman");
    must(rd_pearson(n, y, x, &value));
    assert_correlation(value, c, "pearson");
    free(x);
    free(y);
}

static void test_numbers(void **state) {
    (void)state;
    size_t i;
    const json_t *c;
    json_array_foreach(cases_of("numbers"), i, c) check_numbers(c);
}

static void test_not_finite(void **state) {
    (void)state;
    double x[] = {1, 2, NAN, 4}, y[] = {1, 3, 2, 5}, far[] = {1, INFINITY, 2, 3}, value;
    must(rd_pearson(4, x, y, &value));
    assert_true(isnan(value));
    must(rd_spearman(4, y, x, &value));
    assert_true(isnan(value));
    must(rd_pearson(4, far, y, &value));
    assert_true(isnan(value));
    must(rd_spearman(4, far, y, &value)); /* an infinity has a rank */
    assert_near(value, 0.8, 0, NEAR, "far", 0);
    const double huge[] = {1.7e308, 1.7e308, -1.7e308, 1}, steps[] = {1, 2, 3, 4};
    must(rd_pearson(4, steps, huge, &value));
    assert_float_equal(value, -0.674200, 1e-6); /* of 1.7, 1.7, -1.7 and 0 */
    assert_int_equal(rd_pearson(1, x, y, &value), RD_ERR_ARGUMENT);
    assert_int_equal(rd_spearman(0, x, y, &value), RD_ERR_ARGUMENT);
}

static void check_probabilities(const json_t *c) {
    int64_t cells, n;
    float *probabilities = golden_floats(c, "probabilities", &cells);
    int32_t *labels = golden_integers(c, "labels", &n);
    int32_t n_classes = (int32_t)golden_number(c, "n_classes");
    const json_t *top = json_object_get(c, "top");
    double value;
    assert_int_equal(cells, n * n_classes);
    for (int32_t k = 1; k <= 5; k++) {
        const char key[] = {(char)('0' + k), '\0'};
        if (!json_object_get(top, key)) continue;
        must(rd_top_k_accuracy(n, n_classes, probabilities, labels, k, &value));
        assert_near(value, golden_number(top, key), 0, NEAR, name_of(c), k);
    }
    must(rd_calibration_error(n, n_classes, probabilities, labels, 15, &value));
    assert_near(value, golden_number(c, "calibration_error"), 0, NEAR, name_of(c), 0);
    free(probabilities);
    free(labels);
}

static void test_probabilities(void **state) {
    (void)state;
    size_t i;
    const json_t *c;
    json_array_foreach(cases_of("probabilities"), i, c) check_probabilities(c);
}

/* Equal scores: the later class is higher, and no more than k classes are hits. */
static void test_top_k_of_equal_scores(void **state) {
    (void)state;
    float scores[] = {1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0};
    int32_t labels[] = {0, 1, 2, 3};
    const double wanted[] = {0.25, 0.5, 0.75, 1, 1};
    double value;
    for (int32_t k = 1; k <= 5; k++) {
        must(rd_top_k_accuracy(4, 4, scores, labels, k, &value));
        assert_true(value == wanted[k - 1]);
    }
    scores[0] = NAN;
    must(rd_top_k_accuracy(1, 4, scores, labels, 3, &value));
    assert_true(value == 0);
}

/* An example that counts k times is k examples, one that counts 0 times is none. */
static void test_times(void **state) {
    (void)state;
    enum { N = 6, ALL = 9 };
    const uint32_t times[N] = {1, 3, 0, 2, 1, 2};
    const double x[N] = {1, 2, 9, 4, 4, 0}, y[N] = {0.5, 1, -7, 1, 2, 3};
    const int32_t labels[N] = {0, 1, 2, 1, 0, 1}, predictions[N] = {0, 1, 2, 0, 1, 1};
    double xs[ALL], ys[ALL], wanted, ranks[2][N];
    int32_t ls[ALL], ps[ALL], n = 0;
    for (int i = 0; i < N; i++)
        for (uint32_t k = 0; k < times[i]; k++, n++)
            xs[n] = x[i], ys[n] = y[i], ls[n] = labels[i], ps[n] = predictions[i];
    assert_int_equal(n, ALL);
    must(rd_pearson(ALL, xs, ys, &wanted));
    assert_near(rd_pearson_times(N, x, y, times), wanted, 0, NEAR, "pearson", 0);
    int64_t order[2][N];
    must(rd_order_numbers(N, x, order[0]));
    must(rd_order_numbers(N, y, order[1]));
    rd_rank_numbers(N, x, order[0], times, ranks[0]);
    rd_rank_numbers(N, y, order[1], times, ranks[1]);
    must(rd_spearman(ALL, xs, ys, &wanted));
    assert_near(rd_pearson_times(N, ranks[0], ranks[1], times), wanted, 0, NEAR, "spearman", 0);
    rd_class_counts one[3], other[3];
    rd_count_classes_times(N, labels, predictions, times, 3, one);
    must(rd_count_classes(ALL, ls, ps, 3, other));
    assert_memory_equal(one, other, sizeof one);
}

static void test_bad_arguments(void **state) {
    (void)state;
    const int32_t good[] = {0, 1}, high[] = {0, 2}, low[] = {-1, 0};
    float probabilities[] = {0.5f, 0.5f, 1.5f, -0.5f};
    rd_class_counts counts[2];
    int64_t matrix[4];
    double value;
    assert_int_equal(rd_count_classes(2, good, high, 2, counts), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "prediction of example 1 is class 2"));
    assert_int_equal(rd_count_classes(2, low, good, 2, counts), RD_ERR_ARGUMENT);
    assert_int_equal(rd_confusion_matrix(2, high, good, 2, matrix), RD_ERR_ARGUMENT);
    assert_int_equal(rd_count_classes(0, good, good, -1, counts), RD_ERR_ARGUMENT);
    assert_int_equal(rd_confusion_matrix(0, good, good, -1, matrix), RD_ERR_ARGUMENT);
    assert_int_equal(rd_top_k_accuracy(2, 2, probabilities, high, 1, &value), RD_ERR_ARGUMENT);
    assert_int_equal(rd_top_k_accuracy(2, 2, probabilities, good, 0, &value), RD_ERR_ARGUMENT);
    assert_int_equal(rd_top_k_accuracy(0, 2, probabilities, good, 1, &value), RD_ERR_ARGUMENT);
    assert_int_equal(rd_calibration_error(2, 2, probabilities, good, 15, &value), RD_ERR_ARGUMENT);
    assert_int_equal(rd_calibration_error(1, 2, probabilities, good, 0, &value), RD_ERR_ARGUMENT);
    /* A sum that was rounded up to more than 1 belongs to the last of however many bins. */
    const float rounded[] = {1.00005f, 0.0f};
    must(rd_calibration_error(1, 2, rounded, good, 40000, &value));
    assert_near(value, 5e-5, 0, 1e-7, "calibration of a sum above 1", 0);
    must(rd_count_classes(0, good, good, 2, counts));
    assert_true(rd_accuracy(2, counts) == 0 && rd_f1_macro(2, counts) == 0 &&
                rd_f1_micro(2, counts) == 0 && rd_matthews(2, counts) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_top_k_of_equal_scores),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
