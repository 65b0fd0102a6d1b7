/* The adaptive softmax: losses and all gradients against PyTorch (tests/oracles/task_losses.py),
 * against the full softmax, and against finite differences with dropout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "base/rng.h"
#include "criterion/adaptive_loss.h"
#include "golden.h"
#include "slopes.h"

enum { MOST = 4096 };

/* An adaptive softmax over one block of values and one of gradients. */
typedef struct {
    rd_adaptive_softmax softmax;
    float value[MOST], grad[MOST];
    int64_t used, width;
} model;

static rd_weight take(model *m, int64_t n) {
    assert_true(m->used + n <= MOST);
    rd_weight w = {.value = m->value + m->used, .grad = m->grad + m->used};
    m->used += n;
    return w;
}

/* Cutoffs as fairseq's, the vocabulary's size last. */
static void outline(model *m, int64_t width, int n_tails, const int32_t *cutoffs,
                    const int32_t *dims) {
    memset(m, 0, sizeof *m);
    m->width = width;
    m->softmax.n_tails = n_tails;
    m->softmax.n_head = cutoffs[0];
    m->softmax.head = take(m, (cutoffs[0] + n_tails) * width);
    for (int i = 0; i < n_tails; i++) {
        rd_adaptive_tail *tail = &m->softmax.tails[i];
        tail->first = cutoffs[i];
        tail->n_words = cutoffs[i + 1] - cutoffs[i];
        tail->dim = dims[i];
        tail->projection = take(m, dims[i] * width);
        tail->words = take(m, tail->n_words * dims[i]);
    }
}

/* The inputs of a loss. */
typedef struct {
    int64_t rows;        /* of one pass */
    const float *hidden; /* [passes * rows, width] */
    const int32_t *targets;
    int32_t passes;
    float eps, alpha;
    rd_adaptive_kl form;
    bool training;
} input;

/* dhidden: as hidden, or NULL. */
static rd_criterion_sums loss_of(model *m, const input *in, float *dhidden) {
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = in->passes, .training = in->training, .seed = 3};
    rd_criterion criterion = {.loss = rd_token_loss,
                              .label_smoothing = in->eps,
                              .reg_alpha = in->alpha,
                              .adaptive_kl = in->form};
    rd_head head = {.n_out = rd_adaptive_vocab(&m->softmax), .adaptive = m->softmax};
    rd_batch batch = {.n = 1, .labels.length = in->rows};
    rd_ids labels = {0};
    must(rd_reserve(&labels.data, &labels.capacity, in->rows, sizeof(int32_t)));
    memcpy(labels.data, in->targets, sizeof(int32_t) * (size_t)in->rows);
    batch.labels.data = labels.data;
    int64_t n = in->passes * in->rows;
    rd_activations x = {.f32 = rd_step_rows(&step, n, m->width)};
    memcpy(x.f32, in->hidden, sizeof(float) * (size_t)(n * m->width));
    rd_output out = {.rows = in->rows,
                     .width = m->width,
                     .x = x,
                     .dx = dhidden ? rd_step_rows(&step, n, m->width) : NULL};
    rd_criterion_sums sums = {0};
    must(rd_token_loss(&criterion, &step, &head, &batch, &out, &sums));
    if (dhidden) memcpy(dhidden, out.dx, sizeof(float) * (size_t)(n * m->width));
    free(labels.data);
    rd_arena_free(&arena);
    return sums;
}

/* Each number to `relative` of the largest of its tensor, and to float32's resolution of the
 * probabilities, near 1, that gradients are differences of. */
static void assert_tensor(const float *got, const double *wanted, int64_t n, const char *name,
                          double relative) {
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(wanted[i]));
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], wanted[i], 0, relative * largest + 5e-7, name, i);
}

static double *of_list(const json_t *list, size_t i, int64_t *n) {
    json_t *object = json_object();
    json_object_set(object, "x", json_array_get(list, i));
    double *x = golden_numbers(object, "x", n);
    json_decref(object);
    return x;
}

static void fill(float *to, const json_t *object, const char *key) {
    int64_t n;
    float *x = golden_floats(object, key, &n);
    memcpy(to, x, sizeof *x * (size_t)n);
    free(x);
}

/* As adaptive input has it: [width, dim]. */
static void transpose_projections(model *m) {
    for (int t = 0; t < m->softmax.n_tails; t++) {
        rd_adaptive_tail *tail = &m->softmax.tails[t];
        int64_t rows = tail->transposed ? m->width : tail->dim;
        int64_t columns = m->width * tail->dim / rows;
        for (int side = 0; side < 2; side++) {
            float *w = side ? tail->projection.grad : tail->projection.value, copy[MOST];
            memcpy(copy, w, sizeof *w * (size_t)(rows * columns));
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < columns; c++) w[c * rows + r] = copy[r * columns + c];
        }
        tail->transposed = !tail->transposed;
    }
}

static void check_golden(const json_t *c, int64_t index, bool transposed) {
    static model m;
    int64_t n, n_cutoffs, rows, width = (int64_t)golden_number(c, "width");
    const json_t *tails = json_object_get(c, "tails"), *gradients = json_object_get(c, "gradients");
    int32_t *cutoffs = golden_integers(c, "cutoffs", &n_cutoffs), dims[RD_MAX_CUTOFFS];
    for (size_t i = 0; i < json_array_size(tails); i++)
        dims[i] = (int32_t)json_array_size(json_object_get(json_array_get(tails, i), "projection"));
    outline(&m, width, (int)n_cutoffs - 1, cutoffs, dims);
    fill(m.softmax.head.value, c, "head");
    for (int i = 0; i < m.softmax.n_tails; i++) {
        fill(m.softmax.tails[i].projection.value, json_array_get(tails, (size_t)i), "projection");
        fill(m.softmax.tails[i].words.value, json_array_get(tails, (size_t)i), "words");
    }
    int32_t *targets = golden_integers(c, "targets", &rows);
    float hidden[1024], dhidden[1024];
    fill(hidden, c, "hidden1"), fill(hidden + rows * width, c, "hidden2");
    const char *form = json_string_value(json_object_get(c, "form"));
    input in = {.rows = rows,
                .hidden = hidden,
                .targets = targets,
                .passes = 2,
                .eps = (float)golden_number(c, "label_smoothing"),
                .alpha = (float)golden_number(c, "reg_alpha"),
                .form = strcmp(form, "exact") ? RD_ADAPTIVE_KL_CLUSTER : RD_ADAPTIVE_KL_EXACT};
    if (transposed) transpose_projections(&m);
    rd_criterion_sums without = loss_of(&m, &in, NULL), sums = loss_of(&m, &in, dhidden);
    if (transposed) transpose_projections(&m);
    assert_memory_equal(&sums, &without, sizeof sums);
    assert_near(sums.nll, golden_number(c, "nll_sum"), 1e-5, 0, "nll", index);
    assert_near(sums.label_smoothed, golden_number(c, "label_smoothed_sum"), 1e-5, 0, "ce", index);
    assert_near(sums.kl, golden_number(c, "kl_sum"), 1e-5, 0, "kl", index);
    assert_near(sums.loss, golden_number(c, "loss_sum"), 1e-5, 0, "loss", index);
    const float *got[3 + 2 * RD_MAX_CUTOFFS] = {dhidden, dhidden + rows * width, m.grad};
    for (int i = 0; i < m.softmax.n_tails; i++) {
        got[3 + 2 * i] = m.softmax.tails[i].projection.grad;
        got[4 + 2 * i] = m.softmax.tails[i].words.grad;
    }
    for (size_t i = 0; i < json_array_size(gradients); i++) {
        double *wanted = of_list(gradients, i, &n);
        char name[40];
        snprintf(name, sizeof name, "case %d, gradient %d", (int)index, (int)i);
        assert_tensor(got[i], wanted, n, name, 1e-5);
        free(wanted);
    }
    free(cutoffs), free(targets);
}

static void test_golden(void **state) {
    (void)state;
    json_t *golden = golden_load("adaptive.json"), *cases = json_object_get(golden, "adaptive");
    assert_true(json_array_size(cases) >= 8);
    for (size_t i = 0; i < json_array_size(cases); i++)
        for (int transposed = 0; transposed < 2; transposed++)
            check_golden(json_array_get(cases, i), (int64_t)i, transposed);
    json_decref(golden);
}

/* ---- A softmax of 300 words in four bands, and many rows: several chunks ---- */

enum { WIDTH = 10, TOKENS = 23, VOCAB = 60 };
static const int32_t CUTOFFS[4] = {9, 20, 33, VOCAB}, DIMS[3] = {6, 4, 2};

typedef struct {
    float hidden[2 * TOKENS * WIDTH];
    int32_t targets[TOKENS];
} data;

static void random_case(model *m, data *d) {
    rd_rng rng = rd_rng_make(7, 0);
    outline(m, WIDTH, 3, CUTOFFS, DIMS);
    for (int64_t i = 0; i < m->used; i++) m->value[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < 2 * TOKENS * WIDTH; i++) d->hidden[i] = (float)(rd_rng_normal(&rng) * 0.7);
    for (int i = 0; i < TOKENS; i++)
        d->targets[i] = i % 7 == 3 ? -1 : (int32_t)rd_rng_below(&rng, VOCAB);
}

static input input_of(const data *d, int32_t passes, float eps, float alpha, rd_adaptive_kl form) {
    return (input){.rows = TOKENS,
                   .hidden = d->hidden,
                   .targets = d->targets,
                   .passes = passes,
                   .eps = eps,
                   .alpha = alpha,
                   .form = form};
}

/* The log-probabilities of all words from rd_adaptive_log_probs give the loss by the public
 * criterion. */
static void test_is_a_softmax_over_all_words(void **state) {
    (void)state;
    static model m;
    static data d;
    random_case(&m, &d);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    rd_activations x = {.f32 = rd_step_rows(&step, 2 * TOKENS, WIDTH)};
    memcpy(x.f32, d.hidden, sizeof d.hidden);
    float *log_probs = rd_step_rows(&step, 2 * TOKENS, VOCAB);
    must(rd_adaptive_log_probs(&m.softmax, &step, 2 * TOKENS, WIDTH, x, log_probs));
    for (int r = 0; r < 2 * TOKENS; r++) {
        double total = 0.0;
        for (int i = 0; i < VOCAB; i++) total += exp((double)log_probs[r * VOCAB + i]);
        assert_near(total, 1.0, 1e-5, 0, "probabilities", r);
    }
    rd_criterion_config config = {.label_smoothing = 0.1f, .reg_alpha = 2.0f, .pad_id = -1};
    rd_criterion_sums wanted;
    must(rd_criterion_rdrop(&config, TOKENS, VOCAB, log_probs, log_probs + TOKENS * VOCAB,
                            d.targets, NULL, NULL, &wanted));
    input in = input_of(&d, 2, 0.1f, 2.0f, RD_ADAPTIVE_KL_EXACT);
    rd_criterion_sums sums = loss_of(&m, &in, NULL);
    assert_int_equal(sums.n_tokens, wanted.n_tokens);
    assert_near(sums.nll, wanted.nll, 1e-5, 0, "nll", 0);
    assert_near(sums.label_smoothed, wanted.label_smoothed, 1e-5, 0, "ce", 0);
    assert_near(sums.kl, wanted.kl, 1e-5, 0, "kl", 0);
    assert_near(sums.loss, wanted.loss, 1e-5, 0, "loss", 0);
    rd_arena_free(&arena);
}

/* A model like the full softmax with these words: clusters merged by hand. A tail whose projection
 * is the identity and whose class has the log-sum-exp of its words gives the same distribution;
 * with one word in each tail the class is that word. */
static void test_tails_of_one_word_are_the_full_softmax(void **state) {
    (void)state;
    static model m;
    static data d;
    static const int32_t cutoffs[4] = {5, 6, 7, 8}, dims[3] = {2, 3, 1};
    rd_rng rng = rd_rng_make(8, 0);
    random_case(&m, &d);
    outline(&m, WIDTH, 3, cutoffs, dims);
    for (int64_t i = 0; i < m.used; i++) m.value[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < TOKENS; i++) d.targets[i] = i % 8;
    float dhidden[2 * TOKENS * WIDTH], dfull[2 * TOKENS * WIDTH], head_grad[8 * WIDTH] = {0};
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 2};
    rd_head full = {.n_out = 8, .weight = {.value = m.softmax.head.value, .grad = head_grad}};
    rd_criterion criterion = {.loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = 2.0f};
    rd_batch batch = {.n = 1, .labels = {.data = d.targets, .length = TOKENS}};
    rd_activations x = {.f32 = rd_step_rows(&step, 2 * TOKENS, WIDTH)};
    memcpy(x.f32, d.hidden, sizeof d.hidden);
    rd_output out = {
        .rows = TOKENS, .width = WIDTH, .x = x, .dx = rd_step_rows(&step, 2 * TOKENS, WIDTH)};
    rd_criterion_sums wanted = {0};
    must(rd_token_loss(&criterion, &step, &full, &batch, &out, &wanted));
    memcpy(dfull, out.dx, sizeof dfull);
    for (int form = RD_ADAPTIVE_KL_EXACT; form <= RD_ADAPTIVE_KL_CLUSTER; form++) {
        input in = input_of(&d, 2, 0.1f, 2.0f, (rd_adaptive_kl)form);
        memset(m.grad, 0, sizeof m.grad);
        rd_criterion_sums sums = loss_of(&m, &in, dhidden);
        assert_near(sums.loss, wanted.loss, 1e-5, 0, "loss", form);
        assert_near(sums.kl, wanted.kl, 1e-5, 0, "kl", form);
        for (int i = 0; i < 2 * TOKENS * WIDTH; i++)
            assert_near((double)dhidden[i], (double)dfull[i], 1e-5, 1e-5, "dhidden", i);
        for (int i = 0; i < 8 * WIDTH; i++)
            assert_near((double)m.grad[i], (double)head_grad[i], 1e-5, 1e-5, "dhead", i);
    }
    rd_arena_free(&arena);
}

typedef struct {
    model *m;
    const input *in;
} loss_case;

static double loss_here(void *self) {
    const loss_case *c = self;
    return loss_of(c->m, c->in, NULL).loss;
}

/* Of all weights and of the hidden states. */
static void check_slopes(const input *like, float dropout) {
    static model m;
    static data d;
    static float gradient[MOST], dhidden[2 * TOKENS * WIDTH];
    random_case(&m, &d);
    m.softmax.dropout = dropout;
    input in = *like;
    in.hidden = d.hidden;
    in.targets = d.targets;
    in.training = true;
    loss_of(&m, &in, dhidden);
    memcpy(gradient, m.grad, sizeof gradient);
    const slope_part parts[] = {{m.value, gradient, m.used},
                                {d.hidden, dhidden, in.passes * TOKENS * WIDTH}};
    assert_slopes(parts, 2, 2e-4, 0.005, loss_here, &(loss_case){&m, &in});
}

static void test_finite_differences(void **state) {
    (void)state;
    int threads = rd_get_threads();
    rd_set_threads(1); /* too little work to share */
    for (int form = RD_ADAPTIVE_KL_EXACT; form <= RD_ADAPTIVE_KL_CLUSTER; form++)
        for (int smoothed = 0; smoothed < 2; smoothed++)
            for (int32_t passes = 1; passes <= 2; passes++) {
                input in = {.rows = TOKENS,
                            .passes = passes,
                            .eps = smoothed ? 0.2f : 0.0f,
                            .alpha = 1.5f,
                            .form = (rd_adaptive_kl)form};
                check_slopes(&in, 0.0f);
                check_slopes(&in, 0.3f);
            }
    rd_set_threads(threads);
}

static void test_targets_out_of_range(void **state) {
    (void)state;
    static model m;
    static data d;
    random_case(&m, &d);
    d.targets[1] = VOCAB;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    rd_criterion criterion = {.loss = rd_token_loss};
    rd_head head = {.n_out = VOCAB, .adaptive = m.softmax};
    rd_batch batch = {.n = 1, .labels = {.data = d.targets, .length = TOKENS}};
    rd_output out = {.rows = TOKENS, .width = WIDTH, .x = {.f32 = d.hidden}};
    rd_criterion_sums sums = {0};
    assert_int_equal(rd_token_loss(&criterion, &step, &head, &batch, &out, &sums), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "target 60 is outside [0, 60)"));
    rd_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_is_a_softmax_over_all_words),
        cmocka_unit_test(test_tails_of_one_word_are_the_full_softmax),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_targets_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
