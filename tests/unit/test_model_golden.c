/* The whole network against PyTorch: logits, losses and the gradient of every parameter, from
 * weights that tests/oracles/model_golden.py drew. */
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
#include "model/network.h"
#include "rdrop/criterion.h"

typedef struct {
    json_t *json;
    rd_model *model;
    rd_batch batch;
    float *gradients; /* as model->parameters.grads */
} golden_model;

static bool flag(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

static rd_stack_config stack_config(const json_t *config, const char *name) {
    const json_t *s = json_object_get(config, name);
    return (rd_stack_config){.layers = (int32_t)golden_number(s, "layers"),
                             .heads = (int32_t)golden_number(s, "heads"),
                             .ffn_dim = (int32_t)golden_number(s, "ffn_dim"),
                             .normalize_before = flag(s, "pre_norm"),
                             .learned_pos = flag(s, "learned")};
}

static rd_activation activation_of(const json_t *c) {
    const char *name = json_string_value(json_object_get(c, "activation"));
    if (strcmp(name, "silu") == 0) return RD_SWISH;
    return strcmp(name, "gelu") == 0 ? RD_GELU : RD_RELU;
}

static rd_model_config model_config(const json_t *c) {
    return (rd_model_config){
        .d_model = (int32_t)golden_number(c, "d_model"),
        .encoder = stack_config(c, "encoder"),
        .decoder = stack_config(c, "decoder"),
        .activation = activation_of(c),
        .position_layout = flag(c, "marian") ? RD_POSITIONS_HF_MARIAN : RD_POSITIONS_FAIRSEQ,
        .decoder_start = json_object_get(c, "start") ? RD_START_PAD : RD_START_EOS,
        .output_bias = flag(c, "output_bias"),
        .layernorm_embedding = flag(c, "norm_embedding"),
        .share_decoder_input_output_embed = flag(c, "share_decoder"),
        .share_all_embeddings = flag(c, "share_all"),
        .no_scale_embedding = !flag(c, "scale"),
        .max_source_positions = (int32_t)golden_number(c, "max_positions"),
        .max_target_positions = (int32_t)golden_number(c, "max_positions"),
        .src_vocab = (int32_t)golden_number(c, "src_vocab"),
        .tgt_vocab = (int32_t)golden_number(c, "tgt_vocab"),
        .pad_id = 1,
        .eos_id = 2,
        .unk_id = 3};
}

/* tokens: [32]. */
static int32_t sentence(const json_t *json, const char *key, size_t i, int32_t *tokens) {
    const json_t *list = json_array_get(json_object_get(json, key), i);
    size_t n = json_array_size(list);
    assert_in_range(n, 1, 32);
    for (size_t t = 0; t < n; t++) tokens[t] = (int32_t)json_integer_value(json_array_get(list, t));
    return (int32_t)n;
}

static golden_model open_golden(const char *name) {
    char file[64], path[1024];
    snprintf(file, sizeof file, "model_%s.json", name);
    golden_model g = {.json = golden_load(file)};
    rd_model_config config = model_config(json_object_get(g.json, "config"));
    snprintf(path, sizeof path, "%s/model_%s.safetensors", TEST_DATA, name);
    if (rd_model_load(&g.model, &config, path) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(rd_model_prepare_training(g.model, false), RD_OK);
    g.gradients = malloc(sizeof(float) * (size_t)g.model->parameters.total);
    snprintf(path, sizeof path, "%s/model_%s.gradients.safetensors", TEST_DATA, name);
    if (rd_parameters_load(&g.model->parameters, g.gradients, path) != RD_OK)
        fail_msg("%s", rd_last_error());
    for (size_t i = 0; i < json_array_size(json_object_get(g.json, "sources")); i++) {
        int32_t src[32], tgt[32], n_src = sentence(g.json, "sources", i, src);
        int32_t n_tgt = sentence(g.json, "targets", i, tgt);
        assert_int_equal(rd_batch_add(&g.batch, (int64_t)i, src, n_src, tgt, n_tgt), RD_OK);
    }
    assert_int_equal(g.batch.n, 4);
    return g;
}

static void close_golden(golden_model *g) {
    json_decref(g->json);
    rd_model_free(g->model);
    rd_batch_free(&g->batch);
    free(g->gradients);
}

static void check_logits(golden_model *g) {
    int64_t n;
    double *wanted = golden_numbers(g->json, "logits", &n);
    assert_int_equal(n, rd_tokens_total(&g->batch.target) * g->model->config.tgt_vocab);
    float *logits = malloc(sizeof *logits * (size_t)n);
    rd_arena arena = {0};
    assert_int_equal(rd_network_logits(g->model, &arena, &g->batch, logits), RD_OK);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)logits[i], wanted[i], 1e-5, 1e-5, "logits", i);
    rd_arena_free(&arena);
    free(wanted);
    free(logits);
}

/* lengths: [g->batch.n]. */
static void lengths_of(const rd_tokens *tokens, int32_t *lengths) {
    for (int64_t i = 0; i < tokens->n; i++) lengths[i] = rd_tokens_length(tokens, i);
}

static rd_status public_logits(const golden_model *g, const uint64_t *seed, float *logits) {
    int32_t n_src[4], n_tgt[4];
    lengths_of(&g->batch.source, n_src);
    lengths_of(&g->batch.target, n_tgt);
    return rd_model_logits(g->model, g->batch.n, g->batch.source.ids, n_src, g->batch.target.ids,
                           n_tgt, seed, logits);
}

/* rd_model_logits feeds rd_criterion_rdrop: PyTorch's logits and losses; without dropout twice
 * those of a pass and no KL. */
static void check_public_logits(golden_model *g) {
    int64_t n, rows = rd_tokens_total(&g->batch.target);
    int32_t vocab = g->model->config.tgt_vocab;
    double *wanted = golden_numbers(g->json, "logits", &n);
    float *logits = malloc(sizeof *logits * (size_t)n);
    if (public_logits(g, NULL, logits) != RD_OK) fail_msg("%s", rd_last_error());
    for (int64_t i = 0; i < n; i++)
        assert_near((double)logits[i], wanted[i], 1e-5, 1e-5, "logits", i);
    rd_criterion_config config = {(float)golden_number(g->json, "label_smoothing"), 5.0f, -1};
    rd_criterion_sums sums;
    assert_int_equal(rd_criterion_rdrop(&config, rows, vocab, logits, logits, g->batch.target.ids,
                                        NULL, NULL, &sums),
                     RD_OK);
    assert_near(sums.nll, 2 * golden_number(g->json, "nll"), 1e-6, 0, "nll", 0);
    assert_near(sums.kl, 0, 0, 1e-5, "kl", 0);
    free(wanted);
    free(logits);
}

/* Two passes without dropout are twice the one pass, and no KL between them. */
static void check_gradients(golden_model *g, int32_t passes) {
    rd_parameters *p = &g->model->parameters;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .n_passes = passes};
    rd_criterion_sums sums = {0};
    memset(p->grads, 0, sizeof(float) * (size_t)p->total);
    rd_criterion criterion = {.loss = rd_token_loss,
                              .label_smoothing = (float)golden_number(g->json, "label_smoothing"),
                              .reg_alpha = 5.0f};
    assert_int_equal(rd_network_loss(g->model, &step, &g->batch, &criterion, true, &sums), RD_OK);
    double nll = golden_number(g->json, "nll"), smooth = golden_number(g->json, "label_smoothed");
    assert_near(sums.nll, passes * nll, 1e-6, 0, "nll", 0);
    assert_near(sums.label_smoothed, passes * smooth, 1e-6, 0, "label_smoothed", 0);
    assert_near(sums.loss, passes * smooth, 1e-6, 1e-4, "loss", 0);
    assert_near(sums.kl, 0, 0, 1e-5, "kl", 0);
    assert_int_equal(sums.n_tokens, rd_tokens_total(&g->batch.target));
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        int64_t n = item->shape[0] * (item->shape[1] ? item->shape[1] : 1);
        const float *got = p->grads + item->offset, *wanted = g->gradients + item->offset;
        /* The absolute part is for sums that cancel: those of k_proj.bias vanish altogether. */
        for (int64_t k = 0; k < n; k++)
            assert_near((double)got[k], passes * (double)wanted[k], 5e-5, 2e-5, item->name, k);
    }
    rd_arena_free(&arena);
}

static void check_model(const char *name) {
    golden_model g = open_golden(name);
    check_logits(&g);
    check_public_logits(&g);
    check_gradients(&g, 1);
    check_gradients(&g, 2);
    close_golden(&g);
}

static void test_post_norm_sinusoidal_relu_all_tied(void **state) {
    (void)state;
    check_model("post_norm");
}

static void test_pre_norm_learned_gelu_untied(void **state) {
    (void)state;
    check_model("pre_norm");
}

/* Pre-norm encoder, post-norm decoder, decoder embedding tied, odd width, nothing scaled. */
static void test_mixed(void **state) {
    (void)state;
    check_model("mixed");
}

/* Swish, Marian's positions at an odd width, a biased output projection, pad as the start. */
static void test_marian(void **state) {
    (void)state;
    check_model("marian");
}

/* A layer norm behind the embeddings, one table of them, learned positions, gelu, a bias. */
static void test_bart(void **state) {
    (void)state;
    check_model("bart");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_norm_sinusoidal_relu_all_tied),
        cmocka_unit_test(test_pre_norm_learned_gelu_untied),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_marian),
        cmocka_unit_test(test_bart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
