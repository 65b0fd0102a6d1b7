/* Whole language models against PyTorch: log-probabilities, losses and the gradient of every
 * parameter, with full and with adaptive softmax (tests/oracles/lm_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "model/decode.h"
#include "model/network.h"

typedef struct {
    json_t *json;
    rd_model *model;
    rd_batch batch;
    float *gradients; /* as model->parameters.grads */
} golden_lm;

static bool flag(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

static rd_activation activation_of(const json_t *c) {
    const char *name = json_string_value(json_object_get(c, "activation"));
    return strcmp(name, "relu") == 0 ? RD_RELU : strcmp(name, "gelu") == 0 ? RD_GELU : RD_GELU_TANH;
}

static void add_adaptive(rd_model_config *config, const json_t *c) {
    int64_t n;
    int32_t *cutoffs = golden_integers(c, "cutoffs", &n);
    config->adaptive_input = true;
    config->adaptive_input_cutoff.n = (int32_t)n;
    memcpy(config->adaptive_input_cutoff.items, cutoffs, sizeof *cutoffs * (size_t)n);
    config->adaptive_softmax_cutoff = config->adaptive_input_cutoff;
    config->adaptive_input_factor = config->adaptive_softmax_factor =
        (float)golden_number(c, "factor");
    config->tie_adaptive_weights = config->tie_adaptive_proj = flag(c, "tied");
    free(cutoffs);
}

static rd_model_config model_config(const json_t *c) {
    const json_t *s = json_object_get(c, "decoder");
    bool adaptive = json_object_get(c, "cutoffs");
    rd_model_config config = {.d_model = (int32_t)golden_number(c, "d_model"),
                              .decoder = {.layers = (int32_t)golden_number(s, "layers"),
                                          .heads = (int32_t)golden_number(s, "heads"),
                                          .ffn_dim = (int32_t)golden_number(s, "ffn_dim"),
                                          .normalize_before = true,
                                          .learned_pos = flag(s, "learned")},
                              .activation = activation_of(c),
                              .position_layout =
                                  flag(c, "from_zero") ? RD_POSITIONS_MARIAN : RD_POSITIONS_FAIRSEQ,
                              .share_decoder_input_output_embed = flag(c, "tied") && !adaptive,
                              .no_scale_embedding = !flag(c, "scale"),
                              .no_decoder_final_norm = flag(c, "no_final_norm"),
                              .max_source_positions = 1,
                              .max_target_positions = (int32_t)golden_number(c, "max_positions"),
                              .src_vocab = (int32_t)golden_number(c, "vocab"),
                              .tgt_vocab = (int32_t)golden_number(c, "vocab"),
                              .pad_id = 1,
                              .eos_id = 2,
                              .unk_id = 3};
    if (adaptive) add_adaptive(&config, c);
    return config;
}

static void load_batch(golden_lm *g) {
    const json_t *blocks = json_object_get(g->json, "blocks");
    int64_t n_starts;
    g->batch.starts.data = golden_integers(g->json, "starts", &n_starts);
    g->batch.starts.length = g->batch.starts.capacity = n_starts;
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        int32_t ids[16], n = (int32_t)json_array_size(json_array_get(blocks, i));
        for (int32_t t = 0; t < n; t++)
            ids[t] =
                (int32_t)json_integer_value(json_array_get(json_array_get(blocks, i), (size_t)t));
        must(rd_batch_add(&g->batch, (int64_t)i, NULL, 0, ids, n));
    }
    assert_int_equal(g->batch.n, n_starts);
}

static golden_lm open_golden(const char *name) {
    char file[64], path[1024];
    snprintf(file, sizeof file, "lm_%s.json", name);
    golden_lm g = {.json = golden_load(file)};
    rd_model_config config = model_config(json_object_get(g.json, "config"));
    snprintf(path, sizeof path, "%s/lm_%s.safetensors", TEST_DATA, name);
    must(rd_model_load(&g.model, &config, path));
    must(rd_model_prepare_training(g.model, false));
    g.gradients = malloc(sizeof(float) * (size_t)g.model->parameters.total);
    snprintf(path, sizeof path, "%s/lm_%s.gradients.safetensors", TEST_DATA, name);
    must(rd_parameters_load(&g.model->parameters, g.gradients, path));
    load_batch(&g);
    return g;
}

static void close_golden(golden_lm *g) {
    json_decref(g->json);
    rd_model_free(g->model);
    rd_batch_free(&g->batch);
    free(g->gradients);
}

/* Of whole rows, after a softmax that those of an adaptive one do not need. */
static void check_log_probs(golden_lm *g) {
    int64_t n, vocab = g->model->config.tgt_vocab;
    double *wanted = golden_numbers(g->json, "log_probs", &n);
    float *got = malloc(sizeof *got * (size_t)n);
    rd_arena arena = {0};
    assert_int_equal(n, rd_tokens_total(&g->batch.target) * vocab);
    must(rd_network_logits(g->model, &arena, &g->batch, got));
    rd_op_log_softmax(got, n / vocab, vocab);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], wanted[i], 1e-5, 1e-5, "log_probs", i);
    rd_arena_free(&arena);
    free(wanted);
    free(got);
}

/* Of the targets alone; then of every second one, the others being context. */
static void check_scores(golden_lm *g) {
    int64_t n;
    double *wanted = golden_numbers(g->json, "scores", &n);
    float *got = malloc(sizeof *got * (size_t)n);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    must(rd_network_log_probs(g->model, &step, &g->batch, got));
    for (int64_t i = 0; i < n; i++) assert_near((double)got[i], wanted[i], 1e-5, 1e-5, "scores", i);
    must(rd_reserve(&g->batch.labels.data, &g->batch.labels.capacity, n, sizeof(int32_t)));
    g->batch.labels.length = n;
    for (int64_t i = 0; i < n; i++) g->batch.labels.data[i] = i % 2 ? g->batch.target.ids[i] : -1;
    must(rd_network_log_probs(g->model, &step, &g->batch, got));
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], i % 2 ? wanted[i] : 0, 1e-5, 1e-5, "context", i);
    g->batch.labels.length = 0;
    rd_arena_free(&arena);
    free(wanted);
    free(got);
}

/* Two passes without dropout are twice the one pass, and no KL between them. */
static void check_gradients(golden_lm *g, int32_t passes, bool checkpoint) {
    rd_parameters *p = &g->model->parameters;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena,
                    .training = true,
                    .n_passes = passes,
                    .checkpoint_activations = checkpoint};
    rd_criterion_sums sums = {0};
    memset(p->grads, 0, sizeof(float) * (size_t)p->total);
    rd_criterion criterion = {.loss = rd_token_loss,
                              .label_smoothing = (float)golden_number(g->json, "label_smoothing"),
                              .reg_alpha = 5.0f};
    must(rd_network_loss(g->model, &step, &g->batch, &criterion, true, &sums));
    assert_near(sums.nll, passes * golden_number(g->json, "nll"), 1e-6, 0, "nll", 0);
    assert_near(sums.loss, passes * golden_number(g->json, "label_smoothed"), 1e-6, 1e-4, "loss",
                0);
    assert_near(sums.kl, 0, 0, 1e-5, "kl", 0);
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        const float *got = p->grads + item->offset, *wanted = g->gradients + item->offset;
        for (int64_t k = 0; k < rd_parameter_count(item); k++)
            assert_near((double)got[k], passes * (double)wanted[k], 5e-5, 2e-5, item->name, k);
    }
    rd_arena_free(&arena);
}

/* A prompt read in one step, and then token by token, gives the rows of the whole. */
static void check_decoding(golden_lm *g) {
    enum { PROMPT = 4, LENGTH = 9 };
    const int32_t *block = g->batch.target.ids + g->batch.target.offsets[2];
    int64_t vocab = g->model->config.tgt_vocab;
    int32_t parent = -1, zero = 0, tokens[LENGTH];
    rd_batch batch = {0};
    rd_arena arena = {0};
    rd_decoding *decoding;
    float *whole = malloc(sizeof *whole * (size_t)(LENGTH * vocab));
    float *row = malloc(sizeof *row * (size_t)vocab);
    memcpy(tokens, block, sizeof tokens);
    must(rd_batch_add(&batch, 0, NULL, 0, tokens, LENGTH));
    must(rd_network_logits(g->model, &arena, &batch, whole));
    must(rd_decoding_begin(&decoding, g->model));
    must(rd_decoding_add(decoding, 0, tokens, PROMPT));
    for (int t = PROMPT; t < LENGTH; t++) {
        must(rd_decoding_step(decoding, 1, &parent, &zero, &tokens[t - 1]));
        must(rd_decoding_logits(decoding, 0, 1, row));
        for (int64_t i = 0; i < vocab; i++)
            assert_near((double)row[i], (double)whole[t * vocab + i], 1e-5, 1e-5, "decoding", i);
        parent = 0;
    }
    rd_decoding_end(decoding);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    free(whole);
    free(row);
}

static void check_model(const char *name) {
    golden_lm g = open_golden(name);
    check_log_probs(&g);
    check_scores(&g);
    check_gradients(&g, 1, false);
    check_gradients(&g, 2, true);
    check_decoding(&g);
    close_golden(&g);
}

static void test_gpt(void **state) {
    (void)state;
    check_model("gpt");
}

static void test_gpt2(void **state) {
    (void)state;
    check_model("gpt2");
}

static void test_untied(void **state) {
    (void)state;
    check_model("untied");
}

static void test_adaptive(void **state) {
    (void)state;
    check_model("adaptive");
}

static void test_adaptive_untied(void **state) {
    (void)state;
    check_model("adaptive_untied");
}

/* Settings that contradict each other. */
static void test_refused(void **state) {
    (void)state;
    golden_lm g = open_golden("adaptive");
    rd_model_config config = g.model->config;
    rd_model *model;
    config.adaptive_softmax_cutoff.items[1] = 19;
    assert_int_equal(rd_model_new(&model, &config, 1), RD_ERR_ARGUMENT);
    config.tie_adaptive_weights = config.tie_adaptive_proj = false;
    config.adaptive_softmax_cutoff.items[1] = 30;
    assert_int_equal(rd_model_new(&model, &config, 1), RD_ERR_ARGUMENT);
    config.adaptive_softmax_cutoff.items[1] = 29;
    config.adaptive_softmax_factor = 100;
    assert_int_equal(rd_model_new(&model, &config, 1), RD_ERR_ARGUMENT);
    close_golden(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpt),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_adaptive),
        cmocka_unit_test(test_adaptive_untied),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
