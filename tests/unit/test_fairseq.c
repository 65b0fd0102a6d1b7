/* Checkpoints of fairseq, imported: ids, logits and n-best lists of its own generator, and
 * log-probabilities of its language models (tests/oracles/fairseq_golden.py); then checkpoints that
 * are of other models, and files that are missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "convert/convert.h"
#include "convert/fairseq.h"
#include "golden_model.h"
#include "io/output.h"
#include "lm/lm.h"
#include "rdrop/translator.h"
#include "recipe/model_dir.h"
#include "torch_writer.h"

static char directory[] = "/tmp/rdrop-fairseq-XXXXXX";

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static json_t *import(const char *name, char to[128]) {
    char from[512], golden[128];
    rd_text warnings = {0};
    snprintf(from, sizeof from, "%s/fairseq/%s", TEST_DATA, name);
    snprintf(golden, sizeof golden, "fairseq/%s/golden.json", name);
    snprintf(to, 128, "%s/%s", directory, name);
    must(rd_import(from, to, &warnings));
    bool warned = warnings.length > 0;
    assert_int_equal(warned, strcmp(name, "lm_adaptive") == 0); /* whose words are whole */
    rd_text_free(&warnings);
    return golden_load(golden);
}

static void check_logits(const rd_model *model, const json_t *sentence) {
    int64_t n_target, n;
    int32_t *target;
    float *got = golden_logits(model, sentence, sentence, &n_target, &target);
    float *wanted = golden_floats(sentence, "logits", &n);
    assert_int_equal(n, n_target * rd_model_get_config(model)->tgt_vocab);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], (double)wanted[i], 0, 2e-5, "logits", i);
    free(got);
    free(wanted);
    free(target);
}

static void check_nbest(const rd_translator *translator, const json_t *sentence) {
    const char *text = json_string_value(json_object_get(sentence, "text"));
    const json_t *wanted = json_object_get(sentence, "nbest"), *item;
    rd_translate_options options = rd_translator_defaults(translator);
    rd_translations found;
    size_t i;
    assert_int_equal(options.search.min_len, 1);
    options.search.beam = 4;
    options.search.n_best = (int32_t)json_array_size(wanted);
    options.search.max_len_b = 20;
    must(rd_translator_run(translator, &options, 1, &text, NULL, &found));
    json_array_foreach(wanted, i, item) {
        assert_string_equal(found.items[i].text, json_string_value(json_object_get(item, "text")));
        assert_near((double)found.items[i].score, golden_number(item, "score"), 1e-5, 1e-5, "score",
                    (int64_t)i);
        assert_int_equal(found.items[i].n_tokens + 1, (int)golden_number(item, "tokens"));
    }
    rd_translations_free(&found);
}

static void check_translation(const char *name) {
    char path[128];
    const char *paths[] = {path};
    json_t *golden = import(name, path), *sentence;
    rd_model_dir model_dir;
    rd_model *model;
    rd_tokenizer *source, *target;
    rd_translator *translator;
    size_t i;
    must(rd_model_dir_open(&model_dir, path));
    must(rd_model_dir_load(&model_dir, &model));
    must(rd_model_dir_vocabularies(&model_dir, &source, &target));
    must(rd_translator_open(&translator, paths, 1, RD_PRECISION_FP32));
    json_array_foreach(json_object_get(golden, "sentences"), i, sentence) {
        golden_check_tokens(source, sentence, false);
        check_logits(model, sentence);
        check_nbest(translator, sentence);
    }
    assert_true(i > 2);
    rd_translator_close(translator);
    rd_vocabularies_close(source, target);
    rd_model_free(model);
    rd_model_dir_close(&model_dir);
    json_decref(golden);
}

/* Post-norm, all embeddings tied, one dictionary, which a dict.txt is. */
static void test_post_norm(void **state) {
    (void)state;
    check_translation("post");
}

/* Pre-norm, nothing tied, two dictionaries, learned positions in the decoder, GELU. */
static void test_pre_norm(void **state) {
    (void)state;
    check_translation("pre");
}

/* As before 0.8: without zip, settings in args, in_proj_weight, norms with numbers. */
static void test_old_layout(void **state) {
    (void)state;
    check_translation("old");
}

/* Words are pieces of SentencePiece, with ids of the dictionary. */
static void test_pieces(void **state) {
    (void)state;
    check_translation("pieces");
}

typedef struct {
    const int32_t *ids;
    const double *log_probs;
    int64_t n, at;
} scores;

static rd_status take(void *self, const rd_lm_token *token) {
    scores *s = self;
    assert_true(s->at < s->n);
    assert_int_equal(token->id, s->ids[s->at]);
    assert_near((double)token->log_prob, s->log_probs[s->at], 1e-5, 1e-5, "log P", s->at);
    s->at++;
    return RD_OK;
}

static void check_line(const rd_lm *lm, const json_t *line) {
    const char *text = json_string_value(json_object_get(line, "text"));
    scores s = {0};
    int64_t n;
    int32_t *ids = golden_integers(line, "ids", &s.n);
    double *log_probs = golden_numbers(line, "log_probs", &n);
    s.ids = ids;
    s.log_probs = log_probs;
    rd_lm_scorer *scorer;
    rd_lm_scorer_config config = {
        .lm = lm, .mode = RD_BREAK_EOS, .max_tokens = 100, .take = take, .self = &s};
    must(rd_lm_scorer_open(&scorer, &config));
    must(rd_lm_scorer_add(scorer, NULL, 0, text, strlen(text)));
    must(rd_lm_scorer_finish(scorer));
    rd_lm_scorer_close(scorer);
    assert_int_equal(s.at, s.n);
    free(ids);
    free(log_probs);
}

static void check_lm(const char *name) {
    char path[128];
    json_t *golden = import(name, path), *line;
    rd_lm lm;
    size_t i;
    must(rd_lm_open(&lm, path, RD_PRECISION_FP32));
    json_array_foreach(json_object_get(golden, "sentences"), i, line) check_line(&lm, line);
    assert_true(i > 2);
    rd_lm_close(&lm);
    json_decref(golden);
}

static void test_lm(void **state) {
    (void)state;
    check_lm("lm");
}

/* Adaptive input and softmax, words and projections tied. */
static void test_adaptive(void **state) {
    (void)state;
    check_lm("lm_adaptive");
}

static void check_places(const char *ours, const char *old, int32_t part, int32_t parts) {
    const rd_places places = rd_fairseq_places_of(ours);
    assert_int_equal(places.n, old ? 2 : 1);
    assert_string_equal(places.items[0].name, ours);
    if (!old) return;
    assert_string_equal(places.items[1].name, old);
    assert_int_equal(places.items[1].part, part);
    assert_int_equal(places.items[1].parts, parts);
}

static void test_names(void **state) {
    (void)state;
    check_places("encoder.embed_tokens.weight", NULL, 0, 1);
    check_places("decoder.layers.3.encoder_attn.v_proj.bias",
                 "decoder.layers.3.encoder_attn.in_proj_bias", 2, 3);
    check_places("encoder.layers.0.final_layer_norm.weight",
                 "encoder.layers.0.layer_norms.1.weight", 0, 1);
    check_places("decoder.layers.0.final_layer_norm.bias", "decoder.layers.0.layer_norms.2.bias", 0,
                 1);
    check_places("decoder.output_projection.weight", "decoder.embed_out", 0, 1);
}

/* A checkpoint of one tensor whose settings are keys and values in turn, NULL after the last. */
static void place_checkpoint(const char *name, const char *const *settings) {
    static const char begin[] = "\x80\x02}(X\x04\0\0\0argscargparse\nNamespace\n)\x81}(";
    static const char middle[] =
        "ubX\x05\0\0\0model}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n"
        "((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
        "0X\x03\0\0\0cpuK\x01tQK\0)"
        ")\x89NtRsu.";
    static const float one = 1.0f;
    char path[192];
    rd_text body = {0};
    must(rd_text_append(&body, begin, sizeof begin - 1));
    for (; *settings; settings++) {
        int32_t n = (int32_t)strlen(*settings);
        must(rd_text_append(&body, "X", 1));
        must(rd_text_append(&body, (const char *)&n, 4));
        must(rd_text_append(&body, *settings, (size_t)n));
    }
    must(rd_text_append(&body, middle, sizeof middle - 1));
    rd_text file = torch_file_of(body.data, (size_t)body.length, &one, 1);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    must(rd_write_file(path, file.data, (size_t)file.length));
    rd_text_free(&file);
    rd_text_free(&body);
}

static void refused(const char *name, const char *message) {
    char from[192], to[192];
    snprintf(from, sizeof from, "%s/%s", directory, name);
    snprintf(to, sizeof to, "%s/none", directory);
    if (rd_import(from, to, NULL) == RD_OK) fail_msg("imported in spite of: %s", message);
    if (!strstr(rd_last_error(), message))
        fail_msg("\"%s\" does not say \"%s\"", rd_last_error(), message);
    assert_false(rd_file_exists(to));
}

/* Models of other kinds, by name. */
static void test_other_models(void **state) {
    static const struct {
        const char *settings[7], *message;
    } cases[] = {
        {{"arch", "mbart_large", NULL}, "architecture mbart_large"},
        {{"arch", "transformer_moe", NULL}, "architecture transformer_moe"},
        {{"task", "translation", NULL}, "architecture (none)"},
        {{"arch", "transformer_wmt_en_de_big", "task", "translation_multi_simple_epoch", NULL},
         "task translation_multi_simple_epoch"},
        {{"arch", "transformer", "task", "sentence_prediction", NULL}, "task sentence_prediction"},
        {{"arch", "transformer", "task", "translation", NULL}, "lack decoder_attention_heads"},
        {{"arch", "transformer", "adaptive_softmax_cutoff", "10,20", NULL},
         "adaptive_softmax_cutoff is not supported"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        place_checkpoint("other.pt", cases[i].settings);
        refused("other.pt", cases[i].message);
    }
    refused("missing.pt", "no such file");
    refused(".", "neither a .npz file nor a directory");
}

/* A copy of a golden model without a file, and with another in its place. */
static void copy_golden(const char *name, const char *removed) {
    char command[700];
    snprintf(command, sizeof command,
             "rm -rf %s/spoiled && cp -r %s/fairseq/%s %s/spoiled && chmod -R u+w %s/spoiled && "
             "rm %s/spoiled/%s",
             directory, TEST_DATA, name, directory, directory, directory, removed);
    assert_int_equal(system(command), 0);
}

static void test_missing_files(void **state) {
    char path[192];
    (void)state;
    copy_golden("pre", "dict.de.txt");
    refused("spoiled", "neither dict.de.txt nor dict.txt");
    copy_golden("post", "dict.txt");
    refused("spoiled", "does not name its languages");
    copy_golden("lm", "dict.txt");
    refused("spoiled", "dict.txt: missing");
    copy_golden("post", "dict.txt");
    snprintf(path, sizeof path, "%s/spoiled/dict.txt", directory);
    must(rd_write_file(path, "a 1\n", 4));
    refused("spoiled", "another shape than [5, 8], which its settings and dictionaries imply");
    must(rd_write_file(path, "a 1\na 1\n", 8)); /* said of the user's file, not of a copy */
    refused("spoiled", "/spoiled/dict.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_norm),    cmocka_unit_test(test_pre_norm),
        cmocka_unit_test(test_old_layout),   cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_lm),           cmocka_unit_test(test_adaptive),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_other_models),
        cmocka_unit_test(test_missing_files)};
    return cmocka_run_group_tests_name("fairseq", tests, setup, teardown);
}
