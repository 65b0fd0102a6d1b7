/* Adam, NAG, SGD, clipping, EMA and the learning-rate schedules against PyTorch and fairseq's
 * formulas (tests/oracles/optim_golden.py). */
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
#include "base/rng.h"
#include "optim/optimizer.h"

static json_t *golden;

static int set_up(void **state) {
    (void)state;
    golden = golden_load("optim.json");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static void assert_floats(const float *got, const json_t *object, const char *key, int64_t step) {
    int64_t n;
    double *wanted = golden_numbers(object, key, &n);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], wanted[i], 2e-6, 2e-6, key, step * 1000 + i);
    free(wanted);
}

static void check_adam(const json_t *c) {
    rd_optim_config config = {.lr = golden_number(c, "lr"),
                              .adam_beta1 = golden_number(c, "beta1"),
                              .adam_beta2 = golden_number(c, "beta2"),
                              .adam_eps = golden_number(c, "eps"),
                              .adam_eps_last = json_is_true(json_object_get(c, "eps_last")),
                              .weight_decay = golden_number(c, "weight_decay"),
                              .decoupled_weight_decay =
                                  json_is_true(json_object_get(c, "decoupled")),
                              .clip_norm = golden_number(c, "clip_norm"),
                              .lr_scheduler = RD_LR_FIXED};
    int64_t n;
    float *weights = golden_floats(c, "start", &n);
    rd_optimizer optimizer;
    assert_int_equal(rd_optimizer_new(&optimizer, n, weights, true), RD_OK);
    const json_t *steps = json_object_get(c, "steps");
    assert_int_equal(json_array_size(steps), 8);
    for (int64_t t = 1; t <= 8; t++) {
        const json_t *step = json_array_get(steps, (size_t)t - 1);
        float *gradient = golden_floats(step, "gradient", &n);
        double scale = golden_number(step, "scale"), norm = rd_gradient_norm(gradient, n, scale);
        assert_near(norm, golden_number(step, "norm"), 1e-6, 0, "norm", t);
        rd_optimizer_step(&optimizer, &config, t, scale, norm, (rd_slice){0, optimizer.n, 0},
                          weights, gradient, golden_number(golden, "ema_decay"));
        assert_floats(weights, step, "weights", t);
        assert_floats(optimizer.ema, step, "ema", t);
        for (int64_t i = 0; i < n; i++) assert_true(gradient[i] == 0.0f);
        free(gradient);
    }
    free(weights);
    rd_optimizer_free(&optimizer);
}

static void test_adam(void **state) {
    (void)state;
    const json_t *cases = json_object_get(golden, "adam");
    assert_true(json_array_size(cases) >= 5);
    for (size_t i = 0; i < json_array_size(cases); i++) check_adam(json_array_get(cases, i));
}

/* Frozen weights, and what is kept of them, stay; the others move as they would alone. */
static void test_frozen(void **state) {
    (void)state;
    const bool frozen[] = {false, true, false};
    float weights[6] = {1, 2, 3, 4, 5, 6}, alone[4] = {1, 2, 5, 6};
    rd_optim_config config = {.lr = 0.1,
                              .adam_beta1 = 0.9,
                              .adam_beta2 = 0.99,
                              .adam_eps = 1e-8,
                              .weight_decay = 0.5,
                              .decoupled_weight_decay = true,
                              .lr_scheduler = RD_LR_FIXED};
    rd_parameters parameters = {0};
    for (int i = 0; i < 3; i++)
        must(rd_parameters_add(&parameters, NULL, rd_init_constant(0.0), 1, 2, "w%d", i));
    rd_optimizer optimizer, other;
    must(rd_optimizer_new(&optimizer, 6, weights, false));
    must(rd_optimizer_new(&other, 4, alone, false));
    must(rd_optimizer_divide(&optimizer, &parameters, false, frozen));
    for (int64_t t = 1; t <= 3; t++) {
        float gradient[6] = {0.1f, -0.2f, 7, 8, 0.3f, 0.4f}, own[4] = {0.1f, -0.2f, 0.3f, 0.4f};
        rd_optimizer_drop_frozen(&optimizer, gradient);
        assert_true(gradient[2] == 0.0f && gradient[3] == 0.0f);
        rd_optimizer_step(&optimizer, &config, t, 1.0, 0.0, (rd_slice){0, optimizer.n, 0}, weights,
                          gradient, 0.0);
        rd_optimizer_step(&other, &config, t, 1.0, 0.0, (rd_slice){0, other.n, 0}, alone, own, 0.0);
    }
    assert_true(weights[2] == 3.0f && weights[3] == 4.0f);
    assert_true(optimizer.m[2] == 0.0f && optimizer.v[3] == 0.0f);
    assert_memory_equal(weights, alone, 2 * sizeof *weights);
    assert_memory_equal(weights + 4, alone + 2, 2 * sizeof *weights);
    rd_optimizer_free(&optimizer);
    rd_optimizer_free(&other);
    rd_parameters_free(&parameters);
}

static rd_lr_scheduler scheduler_of(const json_t *c);

/* rates: of whose schedule the learning rate is. */
static void check_momentum(const json_t *c, const json_t *rates) {
    bool nag = !strcmp(json_string_value(json_object_get(c, "kind")), "nag");
    rd_optim_config config = {.kind = nag ? RD_NAG : RD_SGD,
                              .momentum = golden_number(c, "momentum"),
                              .weight_decay = golden_number(c, "weight_decay"),
                              .decoupled_weight_decay =
                                  json_is_true(json_object_get(c, "decoupled")),
                              .clip_norm = golden_number(c, "clip_norm"),
                              .lr = golden_number(rates, "lr"),
                              .lr_scheduler = scheduler_of(rates),
                              .warmup_updates = (int64_t)golden_number(rates, "warmup"),
                              .warmup_init_lr = golden_number(rates, "init")};
    int64_t n;
    float *weights = golden_floats(c, "start", &n);
    rd_optimizer optimizer;
    must(rd_optimizer_new(&optimizer, n, weights, false));
    const json_t *steps = json_object_get(c, "steps");
    assert_int_equal(json_array_size(steps), 8);
    for (int64_t t = 1; t <= 8; t++) {
        const json_t *step = json_array_get(steps, (size_t)t - 1);
        float *gradient = golden_floats(step, "gradient", &n);
        double scale = golden_number(step, "scale"), norm = rd_gradient_norm(gradient, n, scale);
        assert_near(norm, golden_number(step, "norm"), 1e-6, 0, "norm", t);
        rd_optimizer_step(&optimizer, &config, t, scale, norm, (rd_slice){0, optimizer.n, 0},
                          weights, gradient, 0.0);
        assert_floats(weights, step, "weights", t);
        for (int64_t i = 0; i < n; i++) assert_true(gradient[i] == 0.0f);
        free(gradient);
    }
    free(weights);
    rd_optimizer_free(&optimizer);
}

/* Gradients longer than clip-norm are shortened to clip-norm / (norm + 1e-6) of their length, as in
 * PyTorch, which counts where they are tiny; others are left alone. */
static void test_clipping(void **state) {
    (void)state;
    static const struct {
        double size, clip, share;
    } cases[] = {{1e-3, 1e-4, 1e-4 / (1e-3 + 1e-6)},
                 {1e-6, 5e-7, 5e-7 / 2e-6},
                 {10, 1, 1 / (10 + 1e-6)},
                 {1e-3, 1e-3, 1},
                 {1e-3, 2e-3, 1},
                 {10, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_optim_config config = {
            .kind = RD_SGD, .lr = 1, .lr_scheduler = RD_LR_FIXED, .clip_norm = cases[i].clip};
        float weights[] = {0, 0},
              gradient[] = {(float)(0.6 * cases[i].size), (float)(0.8 * cases[i].size)};
        rd_optimizer optimizer;
        must(rd_optimizer_new(&optimizer, 2, weights, false));
        rd_optimizer_step(&optimizer, &config, 1, 1, cases[i].size, (rd_slice){0, optimizer.n, 0},
                          weights, gradient, 0);
        assert_near((double)weights[0], -0.6 * cases[i].size * cases[i].share, 2e-6, 0, "weight",
                    0);
        assert_near((double)weights[1], -0.8 * cases[i].size * cases[i].share, 2e-6, 0, "weight",
                    1);
        rd_optimizer_free(&optimizer);
    }
}

static void test_momentum(void **state) {
    (void)state;
    const json_t *cases = json_object_get(golden, "momentum");
    assert_true(json_array_size(cases) >= 5);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_momentum(json_array_get(cases, i), json_object_get(golden, "rates"));
}

/* Weight decay on matrices alone, whose tensors' shapes say which they are. */
static void test_vectors_are_exempt(void **state) {
    (void)state;
    const json_t *c = json_object_get(golden, "exempt"), *shapes = json_object_get(c, "shapes");
    rd_optim_config config = {.lr = golden_number(c, "lr"),
                              .adam_beta1 = golden_number(c, "beta1"),
                              .adam_beta2 = golden_number(c, "beta2"),
                              .adam_eps = golden_number(c, "eps"),
                              .weight_decay = golden_number(c, "weight_decay"),
                              .decoupled_weight_decay = true,
                              .lr_scheduler = RD_LR_FIXED};
    rd_parameters parameters = {0};
    for (size_t i = 0; i < json_array_size(shapes); i++) {
        const json_t *shape = json_array_get(shapes, i);
        bool matrix = json_array_size(shape) == 2;
        must(rd_parameters_add(
            &parameters, NULL, rd_init_constant(0.0), json_integer_value(json_array_get(shape, 0)),
            matrix ? json_integer_value(json_array_get(shape, 1)) : 0, "w%d", (int)i));
    }
    int64_t n;
    float *weights = golden_floats(c, "start", &n);
    assert_int_equal(n, parameters.total);
    rd_optimizer optimizer;
    must(rd_optimizer_new(&optimizer, n, weights, false));
    must(rd_optimizer_divide(&optimizer, &parameters, true, NULL));
    assert_int_equal(optimizer.n_ranges, 4); /* the last two vectors are one */
    for (int64_t t = 1; t <= 8; t++) {
        const json_t *step = json_array_get(json_object_get(c, "steps"), (size_t)t - 1);
        float *gradient = golden_floats(step, "gradient", &n);
        rd_optimizer_step(&optimizer, &config, t, 1.0, 0.0, (rd_slice){0, optimizer.n, 0}, weights,
                          gradient, 0.0);
        assert_floats(weights, step, "weights", t);
        free(gradient);
    }
    free(weights);
    rd_optimizer_free(&optimizer);
    rd_parameters_free(&parameters);
}

static rd_lr_scheduler scheduler_of(const json_t *c) {
    static const char *const names[] = {"fixed", "inverse_sqrt", "polynomial_decay", "cosine"};
    static const rd_lr_scheduler schedulers[] = {RD_LR_FIXED, RD_LR_INVERSE_SQRT,
                                                 RD_LR_POLYNOMIAL_DECAY, RD_LR_COSINE};
    const char *name = json_string_value(json_object_get(c, "scheduler"));
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) return schedulers[i];
    fail_msg("unknown scheduler %s", name);
    return RD_LR_FIXED;
}

static void test_schedules(void **state) {
    (void)state;
    const json_t *cases = json_object_get(golden, "schedules");
    assert_true(json_array_size(cases) >= 12);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        rd_optim_config config = {.lr = golden_number(c, "lr"),
                                  .lr_scheduler = scheduler_of(c),
                                  .warmup_updates = (int64_t)golden_number(c, "warmup"),
                                  .warmup_init_lr = golden_number(c, "init"),
                                  .total_num_update = (int64_t)golden_number(c, "total"),
                                  .end_learning_rate = golden_number(c, "end"),
                                  .power = golden_number(c, "power")};
        if (json_object_get(c, "period")) {
            config.lr_period_updates = (int64_t)golden_number(c, "period");
            config.t_mult = golden_number(c, "mult");
            config.lr_shrink = golden_number(c, "shrink");
        }
        int64_t n;
        double *rates = golden_numbers(c, "rates", &n);
        int32_t *updates = golden_integers(c, "updates", &n);
        const char *name = json_string_value(json_object_get(c, "scheduler"));
        for (int64_t k = 0; k < n; k++)
            assert_near(rd_learning_rate(&config, updates[k]), rates[k], 1e-10, 1e-18, name,
                        updates[k]);
        free(rates);
        free(updates);
    }
}

/* Without warmup inverse_sqrt has no point to start from in fairseq (it divides by zero); here it
 * goes as after a warmup of one update, but that the first is made with lr as well. */
static void test_inverse_sqrt_without_warmup(void **state) {
    (void)state;
    rd_optim_config config = {.lr = 0.5, .lr_scheduler = RD_LR_INVERSE_SQRT};
    assert_true(rd_learning_rate(&config, 1) == 0.5);
    assert_true(rd_learning_rate(&config, 2) == 0.5);
    assert_true(rd_learning_rate(&config, 5) == 0.25);
}

/* Sizes around the blocks that the sum is cut into. */
static void test_gradient_norm(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    float *x = malloc(sizeof *x * 200000);
    rd_rng rng = rd_rng_make(6, 0);
    for (int64_t i = 0; i < 200000; i++) x[i] = (float)rd_rng_normal(&rng);
    for (int k = 0; k < 6; k++) {
        double squares = 0.0;
        for (int64_t i = 0; i < sizes[k]; i++) squares += (double)x[i] * (double)x[i];
        assert_near(rd_gradient_norm(x, sizes[k], 0.25), 0.25 * sqrt(squares), 4e-6, 0, "norm",
                    sizes[k]);
    }
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_vectors_are_exempt),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_inverse_sqrt_without_warmup),
        cmocka_unit_test(test_gradient_norm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
