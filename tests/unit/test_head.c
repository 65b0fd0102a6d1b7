/* The heads: outputs and gradients against their definitions in double precision, and whole models
 * with the criteria of classes, numbers and masked tokens against finite differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "golden.h"
#include "model/network.h"
#include "ops/activations.h"
#include "slopes.h"

enum { WIDTH = 7, ROWS = 11, SEQUENCES = 4, OUT = 3 };

static const int32_t OFFSETS[SEQUENCES + 1] = {0, 3, 4, 9, ROWS};

/* A head's parameters and input one after the other, as the reference moves them. */
typedef struct {
    double weight[OUT * WIDTH], bias[OUT], dense[WIDTH * WIDTH], dense_bias[WIDTH];
    double gain[WIDTH], shift[WIDTH], attention[WIDTH], x[ROWS * WIDTH];
} numbers;
enum { NUMBERS = sizeof(numbers) / sizeof(double) };

typedef struct {
    float value[NUMBERS], grad[NUMBERS];
} floats;

static rd_weight view(floats *f, size_t offset) {
    return (rd_weight){.value = f->value + offset / sizeof(double),
                       .grad = f->grad + offset / sizeof(double)};
}

static rd_head head_over(floats *f, rd_pooling pooling, rd_head_transform transform) {
    return (rd_head){.n_out = OUT,
                     .weight = view(f, offsetof(numbers, weight)),
                     .bias = view(f, offsetof(numbers, bias)),
                     .pooling = pooling,
                     .attention = view(f, offsetof(numbers, attention)),
                     .transform = transform,
                     .activation = RD_GELU,
                     .dense = view(f, offsetof(numbers, dense)),
                     .dense_bias = view(f, offsetof(numbers, dense_bias)),
                     .norm = {.weight = view(f, offsetof(numbers, gain)),
                              .bias = view(f, offsetof(numbers, shift)),
                              .eps = 1e-5f}};
}

/* One sequence's features: [WIDTH] of its pooled row. */
static void reference_transform(const numbers *p, rd_head_transform kind, double *row) {
    double h[WIDTH], mean = 0.0, variance = 0.0;
    if (kind == RD_TRANSFORM_NONE) return;
    for (int i = 0; i < WIDTH; i++) {
        h[i] = p->dense_bias[i];
        for (int j = 0; j < WIDTH; j++) h[i] += p->dense[i * WIDTH + j] * row[j];
        h[i] = kind == RD_TRANSFORM_TANH ? tanh(h[i]) : 0.5 * h[i] * (1.0 + erf(h[i] / sqrt(2.0)));
        mean += h[i] / WIDTH;
    }
    for (int i = 0; i < WIDTH; i++) variance += (h[i] - mean) * (h[i] - mean) / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        row[i] = kind == RD_TRANSFORM_TANH
                     ? h[i]
                     : (h[i] - mean) / sqrt(variance + 1e-5) * p->gain[i] + p->shift[i];
}

/* shares: [count] of the rows from `begin` on. */
static void reference_shares(const numbers *p, rd_pooling pooling, int begin, int count,
                             double *shares) {
    double sum = 0.0;
    for (int t = 0; t < count; t++) {
        double score = 0.0;
        for (int i = 0; i < WIDTH; i++) score += p->attention[i] * p->x[(begin + t) * WIDTH + i];
        sum += shares[t] = pooling == RD_POOL_ATTENTION ? exp(score) : 1.0;
    }
    for (int t = 0; t < count; t++) shares[t] /= sum;
}

/* logits: [SEQUENCES, OUT], or [ROWS, OUT] where nothing is pooled. Returns how many rows. */
static int reference_logits(const numbers *p, rd_pooling pooling, rd_head_transform kind,
                            double *logits) {
    int n = pooling == RD_POOL_NONE ? ROWS : SEQUENCES;
    for (int s = 0; s < n; s++) {
        double row[WIDTH] = {0};
        int begin = pooling == RD_POOL_NONE ? s : OFFSETS[s];
        int count = pooling >= RD_POOL_MEAN ? OFFSETS[s + 1] - begin : 1;
        double shares[ROWS];
        reference_shares(p, pooling, begin, count, shares);
        for (int t = 0; t < count; t++)
            for (int i = 0; i < WIDTH; i++) row[i] += p->x[(begin + t) * WIDTH + i] * shares[t];
        reference_transform(p, kind, row);
        for (int o = 0; o < OUT; o++) {
            logits[s * OUT + o] = p->bias[o];
            for (int i = 0; i < WIDTH; i++)
                logits[s * OUT + o] += p->weight[o * WIDTH + i] * row[i];
        }
    }
    return n;
}

/* A loss with a slope of its own for each logit. */
static double slope_of(int i) {
    return cos(i + 0.5);
}

static double reference_loss(const numbers *p, rd_pooling pooling, rd_head_transform kind) {
    double logits[ROWS * OUT], loss = 0.0;
    int n = reference_logits(p, pooling, kind, logits);
    for (int i = 0; i < n * OUT; i++) loss += slope_of(i) * logits[i];
    return loss;
}

static void check_gradients(const floats *f, rd_pooling pooling, rd_head_transform kind) {
    numbers p;
    double *all = (double *)&p, h = 1e-5;
    for (int i = 0; i < NUMBERS; i++) all[i] = (double)f->value[i];
    for (int i = 0; i < NUMBERS; i++) {
        double start = all[i], loss[2];
        for (int side = 0; side < 2; side++) {
            all[i] = start + (side ? h : -h);
            loss[side] = reference_loss(&p, pooling, kind);
        }
        all[i] = start;
        assert_near((double)f->grad[i], (loss[1] - loss[0]) / (2 * h), 1e-5, 2e-6, "gradient", i);
    }
}

/* both: x has a bfloat16 form, too, and its float32 form makes room for dx, as in a model that
 * computes in bfloat16. */
static void check_head(rd_pooling pooling, rd_head_transform kind, bool both) {
    static floats f;
    rd_rng rng = rd_rng_make(3, (uint64_t)pooling * 3 + kind);
    for (int i = 0; i < NUMBERS; i++) f.value[i] = (float)(0.7 * rd_rng_normal(&rng));
    memset(f.grad, 0, sizeof f.grad);
    size_t at = offsetof(numbers, x) / sizeof(double);
    for (int i = 0; both && i < ROWS * WIDTH; i++)
        f.value[at + i] = rd_bf16_to_f32(rd_f32_to_bf16(f.value[at + i]));
    numbers p;
    for (int i = 0; i < NUMBERS; i++) ((double *)&p)[i] = (double)f.value[i];
    rd_head head = head_over(&f, pooling, kind);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    rd_sequences sequences = {.n_seqs = SEQUENCES, .rows = ROWS, .offsets = OFFSETS};
    rd_activations x = {.f32 = rd_step_rows(&step, ROWS, WIDTH)};
    float *logits = rd_step_rows(&step, ROWS, OUT), *d = rd_step_rows(&step, ROWS, OUT);
    uint16_t rounded[ROWS * WIDTH];
    memcpy(x.f32, f.value + at, sizeof(float) * ROWS * WIDTH);
    for (int i = 0; i < ROWS * WIDTH; i++) rounded[i] = rd_f32_to_bf16(x.f32[i]);
    if (both) x.bf16 = rounded;
    rd_head_saved saved;
    must(rd_head_features(&head, &step, &sequences, WIDTH, x, &saved));
    must(rd_head_logits_of(&head, &step, WIDTH, &saved, logits));
    double wanted[ROWS * OUT];
    int n = reference_logits(&p, pooling, kind, wanted);
    assert_int_equal(saved.rows, n);
    for (int i = 0; i < n * OUT; i++)
        assert_near((double)logits[i], wanted[i], 1e-5, 1e-6, "logit", i);
    for (int i = 0; i < n * OUT; i++) d[i] = (float)slope_of(i);
    float *dx = both ? x.f32 : rd_step_rows(&step, ROWS, WIDTH);
    must(rd_head_backward(&head, &step, &sequences, WIDTH, &saved, d, dx));
    memcpy(f.grad + at, dx, sizeof(float) * ROWS * WIDTH);
    check_gradients(&f, pooling, kind);
    rd_arena_free(&arena);
}

static void test_head_is_its_definition(void **state) {
    (void)state;
    for (int pooling = RD_POOL_NONE; pooling <= RD_POOL_ATTENTION; pooling++)
        for (int kind = RD_TRANSFORM_NONE; kind <= RD_TRANSFORM_NORM; kind++)
            for (int both = 0; both <= (pooling != RD_POOL_NONE); both++)
                check_head((rd_pooling)pooling, (rd_head_transform)kind, both);
}

/* ---- Whole models ---- */

static rd_model_config encoder_config(void) {
    return (rd_model_config){.d_model = 24,
                             .encoder = {.layers = 2, .heads = 2, .ffn_dim = 40},
                             .activation = RD_GELU,
                             .dropout = 0.1f,
                             .max_source_positions = 30,
                             .max_target_positions = 30,
                             .src_vocab = 31,
                             .pad_id = 1,
                             .eos_id = 2,
                             .unk_id = 3};
}

static void add_id(rd_ids *ids, int32_t id) {
    must(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof id));
    ids->data[ids->length++] = id;
}

/* Five sequences with a class and a number each. */
static rd_batch sequence_batch(void) {
    static const int32_t lengths[5] = {3, 17, 1, 8, 5};
    rd_batch batch = {0};
    rd_rng rng = rd_rng_make(5, 5);
    for (int i = 0; i < 5; i++) {
        int32_t ids[20];
        float value = (float)rd_rng_normal(&rng);
        for (int t = 0; t < lengths[i]; t++) ids[t] = 4 + (int32_t)rd_rng_below(&rng, 27);
        must(rd_batch_add(&batch, i, ids, lengths[i], NULL, 0));
        add_id(&batch.labels, (int32_t)rd_rng_below(&rng, OUT));
        must(rd_floats_add(&batch.values, &value, 1));
    }
    return batch;
}

/* One token in three is to be predicted. */
static rd_batch masked_batch(void) {
    rd_batch batch = sequence_batch();
    int64_t n = rd_tokens_total(&batch.source);
    batch.labels.length = 0;
    for (int64_t i = 0; i < n; i++) add_id(&batch.labels, i % 3 ? -1 : (int32_t)(4 + i % 27));
    return batch;
}

static double loss_of(const rd_model *model, rd_step *step, const rd_batch *batch,
                      const rd_criterion *criterion, bool gradient) {
    rd_criterion_sums sums = {0};
    must(rd_network_loss(model, step, batch, criterion, gradient, &sums));
    rd_arena_reset(step->arena);
    return sums.loss;
}

/* Where the head's own tensors begin. */
static int64_t head_begins(const rd_parameters *p) {
    for (int64_t i = 0; i < p->n; i++)
        if (strstr(p->items[i].name, "head")) return p->items[i].offset;
    fail_msg("no tensor of a head");
    return 0;
}

typedef struct {
    rd_model *model;
    rd_step *step;
    const rd_batch *batch;
    const rd_criterion *criterion;
} loss_case;

static double loss_here(void *self) {
    const loss_case *c = self;
    return loss_of(c->model, c->step, c->batch, c->criterion, false);
}

/* Of all weights, then of the head's alone. */
static void check_slopes(const rd_model_config *config, const rd_criterion *criterion,
                         const rd_batch *batch, int32_t passes) {
    rd_model *model;
    must(rd_model_new(&model, config, 3));
    must(rd_model_prepare_training(model, false));
    rd_parameters *p = &model->parameters;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 9, .update = 4, .n_passes = passes};
    rd_rng rng = rd_rng_make(1, 1);
    for (int64_t i = 0; i < p->total; i++) /* a head that starts small has small slopes */
        p->values[i] += 0.2f * (float)rd_rng_normal(&rng);
    loss_of(model, &step, batch, criterion, true);
    int64_t first = head_begins(p);
    loss_case own = {model, &step, batch, criterion};
    const slope_part all = {p->values, p->grads, p->total};
    const slope_part head = {p->values + first, p->grads + first, p->total - first};
    assert_slopes(&all, 1, 2e-4, 0.02, loss_here, &own);
    assert_slopes(&head, 1, 2e-4, 0.02, loss_here, &own);
    rd_arena_free(&arena);
    rd_model_free(model);
}

static void test_gradient_classes(void **state) {
    (void)state;
    const float weights[OUT] = {1.0f, 0.5f, 2.0f};
    rd_batch batch = sequence_batch();
    for (int kind = RD_TRANSFORM_NONE; kind <= RD_TRANSFORM_NORM; kind++)
        for (int pooling = RD_POOL_NONE; pooling <= RD_POOL_ATTENTION; pooling++) {
            rd_model_config c = encoder_config();
            c.head = RD_HEAD_CLASSES;
            c.num_classes = OUT;
            c.head_transform = (rd_head_transform)kind;
            c.pooling = (rd_pooling)pooling;
            c.pooler_dropout = 0.2f, c.classifier_dropout = 0.3f;
            rd_criterion criterion = {.loss = rd_class_loss,
                                      .label_smoothing = 0.1f,
                                      .reg_alpha = 0.5f,
                                      .kl_reduction = pooling ? RD_KL_SUM : RD_KL_MEAN,
                                      .class_weights = kind ? weights : NULL};
            check_slopes(&c, &criterion, &batch, 2);
            check_slopes(&c, &criterion, &batch, 1);
            check_slopes(&c, &criterion, &batch, 3);
        }
    rd_batch_free(&batch);
}

static void test_gradient_value(void **state) {
    (void)state;
    rd_batch batch = sequence_batch();
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_VALUE;
    c.head_transform = RD_TRANSFORM_TANH;
    c.classifier_dropout = 0.2f;
    rd_criterion criterion = {.loss = rd_value_loss, .reg_alpha = 0.7f};
    for (int32_t passes = 1; passes <= 4; passes++) check_slopes(&c, &criterion, &batch, passes);
    rd_batch_free(&batch);
}

static void test_gradient_masked_tokens(void **state) {
    (void)state;
    rd_batch batch = masked_batch();
    rd_model_config c = encoder_config();
    c.tgt_vocab = c.src_vocab;
    c.share_decoder_input_output_embed = c.output_bias = true;
    c.head_transform = RD_TRANSFORM_NORM;
    rd_criterion criterion = {.loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = 0.7f};
    for (int kind = RD_CUTOFF_NONE; kind <= RD_CUTOFF_SPAN; kind++) {
        c.cutoff = (rd_cutoff_kind)kind;
        c.cutoff_ratio = 0.4f;
        check_slopes(&c, &criterion, &batch, 2 + kind % 2);
    }
    rd_batch_free(&batch);
}

/* The criterion of one pass is the public one's share: sums are of that pass alone. */
static void test_one_pass(void **state) {
    (void)state;
    rd_batch batch = sequence_batch();
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_CLASSES;
    c.num_classes = OUT;
    rd_model *model;
    must(rd_model_new(&model, &c, 3));
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    float logits[5 * OUT];
    must(rd_network_logits(model, &arena, &batch, logits));
    rd_criterion criterion = {.loss = rd_class_loss, .label_smoothing = 0.1f, .reg_alpha = 3.0f};
    rd_class_config config = {.label_smoothing = 0.1f};
    rd_criterion_sums sums = {0}, both;
    must(rd_network_loss(model, &step, &batch, &criterion, false, &sums));
    must(rd_criterion_classes(&config, 5, OUT, logits, logits, batch.labels.data, NULL, NULL,
                              &both));
    assert_int_equal(sums.n_tokens, 5);
    assert_near(sums.loss, both.loss / 2, 1e-6, 0, "loss", 0);
    assert_near(sums.nll, both.nll / 2, 1e-6, 0, "nll", 0);
    assert_true(sums.kl == 0.0);
    batch.labels.length--;
    assert_int_equal(rd_network_loss(model, &step, &batch, &criterion, false, &sums),
                     RD_ERR_ARGUMENT);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* Three passes: each pass's cross-entropy, and the mean of the KL of the three pairs. */
static void test_three_passes(void **state) {
    (void)state;
    rd_batch batch = sequence_batch();
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_CLASSES;
    c.num_classes = OUT;
    c.classifier_dropout = 0.4f;
    rd_model *model;
    must(rd_model_new(&model, &c, 3));
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 2, .update = 1, .n_passes = 3};
    float logits[3][5 * OUT];
    must(rd_network_step_logits(model, &step, &batch, logits[0]));
    rd_class_config cross_entropy = {.label_smoothing = 0.1f};
    rd_criterion_sums wanted = {0}, got = {0}, one;
    for (int i = 0; i < 3; i++) {
        double kl;
        must(rd_criterion_classes(&cross_entropy, 5, OUT, logits[i], logits[i], batch.labels.data,
                                  NULL, NULL, &one));
        wanted.label_smoothed += one.label_smoothed / 2;
        wanted.nll += one.nll / 2;
        must(rd_rdrop_kl(logits[i], logits[(i + 1) % 3], 5, OUT, NULL, RD_KL_SUM, &kl, NULL, NULL));
        wanted.kl += kl / 3;
    }
    rd_criterion criterion = {.loss = rd_class_loss, .label_smoothing = 0.1f, .reg_alpha = 3.0f};
    must(rd_network_loss(model, &step, &batch, &criterion, false, &got));
    assert_int_equal(got.n_tokens, 5);
    assert_true(got.kl > 1e-3);
    assert_near(got.nll, wanted.nll, 1e-6, 0, "nll", 0);
    assert_near(got.label_smoothed, wanted.label_smoothed, 1e-6, 0, "cross-entropy", 0);
    assert_near(got.kl, wanted.kl, 1e-5, 0, "kl", 0);
    assert_near(got.loss, wanted.label_smoothed + 3.0 * wanted.kl, 1e-6, 0, "loss", 0);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* Numbers that a program sets by itself, not from a config.yaml. */
static void test_numbers_out_of_range(void **state) {
    (void)state;
    rd_model_config good = encoder_config();
    good.head = RD_HEAD_VALUE;
    must(rd_model_check(&good));
    rd_model_config c = good;
    c.adaptive_input_cutoff.n = -1;
    assert_int_equal(rd_model_check(&c), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "adaptive-input-cutoff's length is -1"));
    c.adaptive_input_cutoff.n = RD_MAX_CUTOFFS + 1;
    assert_int_equal(rd_model_check(&c), RD_ERR_ARGUMENT);
    c = good;
    c.max_source_positions = INT32_MAX;
    assert_int_equal(rd_model_check(&c), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "max-source-positions is 2147483647"));
    c = good;
    c.encoder.layers = 5000;
    assert_int_equal(rd_model_check(&c), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "encoder-layers is 5000"));
}

/* rd_model_logits reads no targets for a head of sequences, and needs a head. */
static void test_public_logits(void **state) {
    (void)state;
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_CLASSES;
    c.num_classes = OUT;
    c.head_transform = RD_TRANSFORM_TANH;
    rd_model *model;
    must(rd_model_new(&model, &c, 3));
    rd_batch batch = sequence_batch();
    rd_arena arena = {0};
    int32_t lengths[5];
    float logits[5 * OUT], wanted[5 * OUT];
    for (int i = 0; i < 5; i++) lengths[i] = batch.source.offsets[i + 1] - batch.source.offsets[i];
    must(rd_network_logits(model, &arena, &batch, wanted));
    must(rd_model_logits(model, 5, batch.source.ids, lengths, NULL, NULL, NULL, logits));
    assert_memory_equal(logits, wanted, sizeof logits);
    rd_model_free(model);
    c.head = RD_HEAD_NONE;
    c.head_transform = RD_TRANSFORM_NONE;
    must(rd_model_new(&model, &c, 3));
    assert_int_equal(rd_model_logits(model, 5, batch.source.ids, lengths, NULL, NULL, NULL, logits),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "no head"));
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

static void test_starts_as_it_should(void **state) {
    (void)state;
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_CLASSES;
    c.num_classes = OUT;
    c.head_transform = RD_TRANSFORM_TANH;
    for (int zero = 0; zero < 2; zero++) {
        rd_model *model;
        c.zero_init_head = zero;
        must(rd_model_new(&model, &c, 3));
        const rd_head *head = &model->head;
        double squares = 0.0, dense = 0.0;
        for (int i = 0; i < OUT * c.d_model; i++)
            squares += pow((double)head->weight.value[i], 2) / (OUT * c.d_model);
        for (int i = 0; i < c.d_model * c.d_model; i++)
            dense += pow((double)head->dense.value[i], 2) / (c.d_model * c.d_model);
        assert_near(sqrt(squares), zero ? 0.0 : 0.02, 0.2, 0, "out_proj", zero);
        assert_near(sqrt(dense), 0.02, 0.1, 0, "dense", zero);
        for (int o = 0; o < OUT; o++) assert_true(head->bias.value[o] == 0.0f);
        assert_non_null(
            rd_parameters_find(&model->parameters, "classification_head.out_proj.weight"));
        assert_non_null(rd_parameters_find(&model->parameters, "classification_head.dense.bias"));
        rd_model_free(model);
    }
}

static void refused(const rd_model_config *c, const char *message) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, c, 1), RD_ERR_ARGUMENT);
    if (!strstr(rd_last_error(), message))
        fail_msg("'%s' is not in '%s'", message, rd_last_error());
}

static void test_refused_heads(void **state) {
    (void)state;
    rd_model_config c = encoder_config();
    c.head = RD_HEAD_CLASSES;
    refused(&c, "found 0");
    c.num_classes = 1;
    refused(&c, "found 1");
    c.num_classes = OUT;
    c.decoder = c.encoder;
    refused(&c, "an encoder alone");
    c = encoder_config();
    refused(&c, "target vocabulary");
    c.tgt_vocab = c.src_vocab;
    c.pooling = RD_POOL_MEAN;
    refused(&c, "pooling");
    c.pooling = RD_POOL_NONE;
    c.head_transform = RD_TRANSFORM_NORM;
    c.decoder = c.encoder;
    refused(&c, "head-transform");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_is_its_definition),
        cmocka_unit_test(test_gradient_classes),
        cmocka_unit_test(test_gradient_value),
        cmocka_unit_test(test_gradient_masked_tokens),
        cmocka_unit_test(test_one_pass),
        cmocka_unit_test(test_three_passes),
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_public_logits),
        cmocka_unit_test(test_starts_as_it_should),
        cmocka_unit_test(test_refused_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
