/* GPT-2 directories in and out: ids, log-probabilities and text as transformers has them
 * (tests/oracles/gpt2_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "convert/convert.h"
#include "golden.h"
#include "io/json.h"
#include "io/output.h"
#include "io/safetensors.h"
#include "lm/generate.h"
#include "recipe/model_dir.h"

static const char source[] = TEST_DATA "/gpt2";
static char directory[] = "/tmp/rdrop-gpt2-XXXXXX", model[64], exported[64];

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return 1;
    snprintf(model, sizeof model, "%s/model", directory);
    snprintf(exported, sizeof exported, "%s/exported", directory);
    must(rd_import(source, model, NULL));
    must(rd_export(model, exported, NULL));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

/* The tokens of one line, as they come. */
typedef struct {
    const int32_t *ids;
    const double *log_probs;
    int64_t n, at;
} wanted;

static rd_status take(void *self, const rd_lm_token *token) {
    wanted *w = self;
    assert_true(w->at < w->n);
    assert_int_equal(token->id, w->ids[w->at]);
    assert_near((double)token->log_prob, w->log_probs[w->at], 1e-5, 1e-5, "log_prob", w->at);
    w->at++;
    return RD_OK;
}

static void check_line(const rd_lm *lm, const json_t *line) {
    const char *text = json_string_value(json_object_get(line, "text"));
    wanted w = {0};
    int64_t n;
    int32_t *ids = golden_integers(line, "ids", &w.n);
    double *log_probs = golden_numbers(line, "log_probs", &n);
    w.ids = ids;
    w.log_probs = log_probs;
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {
        .lm = lm, .mode = RD_BREAK_EOS, .max_tokens = 100, .take = take, .self = &w};
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, NULL, 0, text, strlen(text)));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    assert_int_equal(w.at, w.n);
    free(ids);
    free(log_probs);
}

static void check_written(const rd_lm *lm, const json_t *answer) {
    const char *prompt = json_string_value(json_object_get(answer, "prompt"));
    rd_lm_answers answers;
    rd_lm_generation g = {.lm = lm, .search = lm->search, .many_lines = true};
    assert_true(lm->search.forced_tokens_free); /* as transformers end a text that is long enough */
    g.search.beam = (int32_t)golden_number(answer, "beam");
    g.search.n_best = 1;
    g.search.max_len_b = 9;
    g.search.early_stopping = RD_STOP_FULL;
    int64_t n;
    must(rd_lm_generate(&g, 0, 1, &prompt, &answers, &n));
    assert_string_equal(answers.items[0].text, json_string_value(json_object_get(answer, "text")));
    rd_lm_answers_free(&answers);
}

static void check_model(const char *path) {
    rd_lm lm;
    json_t *golden = golden_load("gpt2/answers.json"), *item;
    size_t i;
    must(rd_lm_open(&lm, path, RD_PRECISION_FP32));
    must(rd_lm_list_newlines(&lm));
    json_array_foreach(json_object_get(golden, "lines"), i, item) check_line(&lm, item);
    json_array_foreach(json_object_get(golden, "written"), i, item) check_written(&lm, item);
    json_decref(golden);
    rd_lm_close(&lm);
}

static void test_import(void **state) {
    (void)state;
    check_model(model);
}

/* Each tensor as it was. */
static void test_export(void **state) {
    (void)state;
    rd_tensor_file old, new;
    char path[96];
    const char *name;
    json_t *value;
    must(rd_tensor_file_open(&old, TEST_DATA "/gpt2/model.safetensors"));
    snprintf(path, sizeof path, "%s/model.safetensors", exported);
    must(rd_tensor_file_open(&new, path));
    json_object_foreach(old.header, name, value) {
        rd_stored_tensor a, b;
        if (strcmp(name, "__metadata__") == 0) continue;
        must(rd_tensor_file_find(&old, name, &a));
        must(rd_tensor_file_find(&new, name, &b));
        assert_int_equal(a.n_bytes, b.n_bytes);
        assert_memory_equal(a.bytes, b.bytes, a.n_bytes);
    }
    rd_tensor_file_close(&old);
    rd_tensor_file_close(&new);
    snprintf(path, sizeof path, "%s/again", directory);
    must(rd_import(exported, path, NULL));
    check_model(path);
}

/* Any activation goes out under its name. */
static void test_activation(void **state) {
    (void)state;
    char path[96], out[96];
    json_t *config;
    snprintf(path, sizeof path, "%s/tanh", directory);
    snprintf(out, sizeof out, "%s/tanh-out", directory);
    char command[400];
    snprintf(command, sizeof command,
             "cp -r %s %s && sed -i 's/^activation-fn: .*/activation-fn: tanh/' %s/config.yaml",
             model, path, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    must(rd_export(path, out, NULL));
    must(rd_json_read(out, "config.json", &config));
    assert_string_equal(json_string_value(json_object_get(config, "activation_function")), "tanh");
    json_decref(config);
}

/* An output layer that is the embeddings, by either key, goes out as such. */
static void test_tied(void **state) {
    (void)state;
    char path[96], out[96], command[600];
    json_t *config;
    snprintf(path, sizeof path, "%s/tied", directory);
    snprintf(out, sizeof out, "%s/tied-out", directory);
    snprintf(command, sizeof command,
             "cp -r %s %s && sed -i 's/^share-all-embeddings: .*/share-all-embeddings: true/; "
             "s/^share-decoder-input-output-embed: .*/share-decoder-input-output-embed: false/' "
             "%s/config.yaml && grep -q 'share-all-embeddings: true' %s/config.yaml",
             model, path, path, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    must(rd_export(path, out, NULL));
    must(rd_json_read(out, "config.json", &config));
    assert_true(json_is_true(json_object_get(config, "tie_word_embeddings")));
    json_decref(config);
    snprintf(path, sizeof path, "%s/tied-again", directory);
    must(rd_import(out, path, NULL));
    check_model(path);
}

/* How it searches goes out and comes in again; what has no name there is said. */
static void test_search_of_export(void **state) {
    (void)state;
    static const char *const settings[] = {"beam: 1",
                                           "max-len-b: 7",
                                           "min-len: 2",
                                           "no-repeat-ngram-size: 2",
                                           "no-forced-eos: true",
                                           "repetition-penalty: 1.5",
                                           "sampling: true",
                                           "sampling-topk: 5",
                                           "temperature: 0.5",
                                           "suppress-tokens: \"4 5\"",
                                           "unkpen: 1"};
    enum { N = sizeof settings / sizeof *settings };
    char path[96], out[96], back[96], command[400], *config;
    size_t n;
    rd_text warnings = {0};
    snprintf(path, sizeof path, "%s/searches", directory);
    snprintf(out, sizeof out, "%s/searches-out", directory);
    snprintf(back, sizeof back, "%s/searches-back", directory);
    snprintf(command, sizeof command, "cp -r %s %s", model, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    for (int i = 0; i < N; i++) {
        snprintf(command, sizeof command, "sed -i 's/^%.*s: .*/%s/' %s/config.yaml",
                 (int)strcspn(settings[i], ":"), settings[i], settings[i], path);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    }
    must(rd_export(path, out, &warnings));
    assert_non_null(warnings.data);
    assert_non_null(strstr(warnings.data, "unkpen"));
    must(rd_import(out, back, NULL));
    snprintf(path, sizeof path, "%s/searches-back/config.yaml", directory);
    must(rd_read_file(path, 1 << 20, &config, &n));
    for (int i = 0; i < N - 1; i++)
        if (!strstr(config, settings[i])) fail_msg("%s is lost", settings[i]);
    rd_text_free(&warnings);
    free(config);
}

static void copy_with(const char *to, const char *key, const char *text) {
    static const char *const files[] = {"vocab.json", "merges.txt", "model.safetensors"};
    must(rd_make_directories(to));
    for (int i = 0; i < 3; i++) must(rd_copy_file(source, files[i], to, files[i]));
    json_t *config;
    must(rd_json_read(source, "config.json", &config));
    json_object_set_new(config, key, json_loads(text, JSON_DECODE_ANY, NULL));
    must(rd_json_write(to, "config.json", config));
}

/* Variants that are not GPT-2's, and files that do not fit. */
static void test_refused(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"scale_attn_by_inverse_layer_idx", "true", "scale_attn_by_inverse_layer_idx"},
        {"add_cross_attention", "true", "add_cross_attention"},
        {"scale_attn_weights", "false", "scale_attn_weights"},
        {"activation_function", "\"mish\"", "activation_function: mish is not supported"},
        {"architectures", "[\"GPT2ForTokenClassification\"]", "head of GPT2ForTokenClassification"},
        {"n_layer", "null", "n_layer"},
        {"n_layer", "3", "tensor transformer.h.2."},
        {"n_inner", "24", "mlp.c_fc.weight has another shape"},
        {"vocab_size", "200", "model has embeddings of 200"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char from[80], to[80];
        snprintf(from, sizeof from, "%s/from%zu", directory, i);
        snprintf(to, sizeof to, "%s/to%zu", directory, i);
        copy_with(from, cases[i][0], cases[i][1]);
        assert_int_not_equal(rd_import(from, to, NULL), RD_OK);
        if (!strstr(rd_last_error(), cases[i][2])) fail_msg("%s", rd_last_error());
        assert_false(rd_file_exists(to));
    }
    char from[80], to[80];
    snprintf(from, sizeof from, "%s/broken", directory);
    snprintf(to, sizeof to, "%s/unmade", directory);
    copy_with(from, "n_ctx", "40");
    must(rd_json_write(from, "vocab.json", json_pack("{s:s}", "a", "one")));
    assert_int_not_equal(rd_import(from, to, NULL), RD_OK);
    assert_non_null(strstr(rd_last_error(), "/broken/vocab.json")); /* not of a copy */
}

/* Rates of dropout that config.json leaves out are those of transformers. */
static void test_dropout(void **state) {
    (void)state;
    char from[80], to[80];
    rd_text warnings = {0};
    json_t *config;
    rd_model_dir d;
    snprintf(from, sizeof from, "%s/dropped", directory);
    snprintf(to, sizeof to, "%s/dropped-in", directory);
    copy_with(from, "embd_pdrop", "0.3");
    must(rd_json_read(from, "config.json", &config));
    json_object_del(config, "attn_pdrop");
    must(rd_json_write(from, "config.json", config));
    must(rd_import(from, to, &warnings));
    assert_non_null(strstr(warnings.data, "embd_pdrop: 0.3 has no effect here"));
    must(rd_model_dir_read(&d, to));
    assert_true(d.recipe->model.attention_dropout == 0.1f);
    rd_model_dir_close(&d);
    rd_text_free(&warnings);
}

/* Warnings name everything that is not read: tensors, and settings of generation that mean
 * something else. */
static void test_warnings(void **state) {
    (void)state;
    char from[80], to[80], path[128];
    rd_text warnings = {0};
    rd_lm lm;
    snprintf(from, sizeof from, "%s/shorter", directory);
    snprintf(to, sizeof to, "%s/imported", directory);
    copy_with(from, "n_layer", "1"); /* of two */
    must(rd_json_write(from, "generation_config.json",
                       json_pack("{s:i, s:i, s:i, s:i, s:b, s:i}", "no_repeat_ngram_size", 2,
                                 "max_new_tokens", 7, "min_new_tokens", 3, "max_length", 20,
                                 "do_sample", 0, "pad_token_id", 265)));
    snprintf(path, sizeof path, "%s/model.safetensors", from);
    golden_add_tensor(path, "lm_head.weight", "transformer.wte.weight", 1.0f);
    must(rd_import(from, to, &warnings));
    assert_non_null(strstr(warnings.data, "tensor lm_head.weight differs from transformer.wte"));
    assert_non_null(strstr(warnings.data, "12 tensors are of no use here: transformer.h.1."));
    assert_non_null(strstr(warnings.data, "max_length and min_length count the prompt"));
    assert_null(strstr(warnings.data, "pad_token_id")); /* it is the end of text */
    rd_text_free(&warnings);
    must(rd_lm_open(&lm, to, RD_PRECISION_FP32));
    assert_int_equal(lm.search.no_repeat_ngram, 2);
    assert_int_equal(lm.search.min_len, 3);
    assert_float_equal(lm.search.max_len_b, 6, 0); /* and the end is the seventh */
    rd_lm_close(&lm);
    must(rd_json_write(from, "generation_config.json",
                       json_pack("{s:i, s:i}", "max_new_tokens", 7, "forced_eos_token_id", 0)));
    snprintf(to, sizeof to, "%s/forced", directory);
    must(rd_import(from, to, &warnings));
    if (warnings.data && strstr(warnings.data, "neither")) fail_msg("%s", warnings.data);
    rd_text_free(&warnings);
    must(rd_lm_open(&lm, to, RD_PRECISION_FP32));
    assert_float_equal(lm.search.max_len_b, 6, 0); /* the seventh is the end */
    rd_lm_close(&lm);
    must(rd_json_write(from, "generation_config.json", json_pack("{s:i}", "num_beams", 2)));
    snprintf(to, sizeof to, "%s/endless", directory);
    must(rd_import(from, to, &warnings));
    assert_non_null(strstr(warnings.data, "transformers writes 20 tokens, rdrop-lm up to 100"));
    rd_text_free(&warnings);
    must(rd_json_write(from, "generation_config.json", json_pack("{s:i}", "max_new_tokens", -1)));
    snprintf(to, sizeof to, "%s/negative", directory);
    assert_int_equal(rd_import(from, to, NULL), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "make no sense"));
}

/* Without a generation_config.json config.json says how to search, and what ends a text. */
static void test_search_of_config(void **state) {
    (void)state;
    char from[80], to[80];
    rd_text warnings = {0};
    rd_lm lm;
    json_t *config;
    snprintf(from, sizeof from, "%s/old", directory);
    snprintf(to, sizeof to, "%s/old-in", directory);
    copy_with(from, "eos_token_id", "5");
    must(rd_json_read(from, "config.json", &config));
    json_t *search =
        json_pack("{s:i, s:i, s:f, s:i, s:i}", "num_beams", 3, "no_repeat_ngram_size", 2,
                  "repetition_penalty", 1.5, "max_new_tokens", 7, "num_beam_groups", 3);
    assert_int_equal(json_object_update(config, search), 0);
    json_decref(search);
    must(rd_json_write(from, "config.json", config));
    must(rd_import(from, to, &warnings));
    assert_non_null(warnings.data);
    assert_non_null(strstr(warnings.data, "config.json: eos_token_id: the model's own end"));
    assert_non_null(strstr(warnings.data, "config.json: num_beam_groups: 3 has no effect here"));
    rd_text_free(&warnings);
    must(rd_lm_open(&lm, to, RD_PRECISION_FP32));
    assert_int_equal(lm.search.beam, 3);
    assert_int_equal(lm.search.no_repeat_ngram, 2);
    assert_float_equal(lm.search.repetition_penalty, 1.5, 0);
    assert_float_equal(lm.search.max_len_b, 7, 0); /* and an end */
    assert_string_equal(lm.search.end_tokens, "5");
    rd_lm_close(&lm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import),           cmocka_unit_test(test_export),
        cmocka_unit_test(test_activation),       cmocka_unit_test(test_tied),
        cmocka_unit_test(test_search_of_export), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_dropout),          cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_search_of_config)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
