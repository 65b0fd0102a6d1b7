/* Models of Hugging Face's transformers, imported: the same ids, logits and translations as
 * tests/oracles/marian_golden.py and bart_golden.py got from them. Models of our own, exported and
 * imported again: the same translations and log-probabilities. What transformers itself makes of
 * exported ones tests/oracles/check_export.py tells. */
#include <dirent.h>
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
#include "convert/bart.h"
#include "convert/hf.h"
#include "io/json.h"
#include "data/vocab_files.h"
#include "golden_model.h"
#include "io/output.h"
#include "model/network.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "recipe/recipe.h"
#include "toy_directory.h"

static char directory[] = "/tmp/rdrop-convert-XXXXXX";

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

typedef struct {
    char path[128];
    json_t *golden;
    rd_recipe *recipe;
    rd_model *model;
    rd_tokenizer *source, *target;
    rd_translator *translator;
} imported;

static imported open_imported(const char *name) {
    imported m;
    char from[512], path[600];
    snprintf(from, sizeof from, "%s/%s", TEST_DATA, name);
    snprintf(m.path, sizeof m.path, "%s/%s", directory, strrchr(from, '/') + 1);
    snprintf(path, sizeof path, "%s/golden.json", name);
    m.golden = golden_load(path);
    must(rd_import(from, m.path, NULL));
    snprintf(path, sizeof path, "%s/config.yaml", m.path);
    must(rd_recipe_load_config(&m.recipe, path));
    snprintf(path, sizeof path, "%s/model.safetensors", m.path);
    must(rd_model_load(&m.model, &m.recipe->model, path));
    must(rd_vocabularies_open(m.path, RD_VOCABULARY_ANY, &m.source, &m.target));
    const char *paths[] = {m.path};
    must(rd_translator_open(&m.translator, paths, 1, RD_PRECISION_FP32));
    return m;
}

static void close_imported(imported *m) {
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", m->path);
    assert_int_equal(system(command), 0);
    json_decref(m->golden);
    rd_recipe_free(m->recipe);
    rd_model_free(m->model);
    rd_vocabularies_close(m->source, m->target);
    rd_translator_close(m->translator);
}

/* 5e-5: these logits amplify rounding; oneDNN's kernels for AVX2 and for AVX-512 are 2e-5 apart. */
static void check_logits(const imported *m, const json_t *sentence) {
    int64_t n_target, n, vocab = m->recipe->model.tgt_vocab;
    int32_t *target;
    float *logits = golden_logits(m->model, sentence, sentence, &n_target, &target);
    float *wanted = golden_floats(sentence, "logits", &n);
    int64_t kept = n / n_target; /* the first of each row */
    for (int64_t i = 0; i < n; i++)
        assert_near((double)logits[i / kept * vocab + i % kept], (double)wanted[i], 0, 5e-5,
                    "logits", i);
    free(logits);
    free(target);
    free(wanted);
}

static void check_translation(const imported *m, const json_t *sentence) {
    const char *text = json_string_value(json_object_get(sentence, "text"));
    rd_translate_options options = rd_translator_defaults(m->translator);
    rd_translations found;
    must(rd_translator_run(m->translator, &options, 1, &text, NULL, &found));
    assert_string_equal(found.items[0].text,
                        json_string_value(json_object_get(sentence, "translation")));
    assert_int_equal(found.items[0].n_tokens,
                     json_array_size(json_object_get(sentence, "generated")));
    if (json_object_get(sentence, "score"))
        assert_near((double)found.items[0].score, golden_number(sentence, "score"), 0, 1e-5,
                    "score", 0);
    rd_translations_free(&found);
}

static void check_imported(const char *name) {
    imported m = open_imported(name);
    json_t *sentences = json_object_get(m.golden, "sentences"), *sentence;
    size_t i;
    assert_true(json_array_size(sentences) > 5);
    json_array_foreach(sentences, i, sentence) {
        golden_check_tokens(m.source, sentence, m.recipe->model.prepend_bos);
        check_logits(&m, sentence);
        check_translation(&m, sentence);
    }
    close_imported(&m);
}

/* One vocabulary, all embeddings tied, swish, beam search that stops when no better is likely. */
static void test_tied(void **state) {
    (void)state;
    check_imported("marian/tied");
}

/* Embeddings of their own on both sides, in bfloat16, greedy search. */
static void test_untied(void **state) {
    (void)state;
    check_imported("marian/untied");
}

/* Two vocabularies, weights in two files, a search with other settings. */
static void test_separate(void **state) {
    (void)state;
    check_imported("marian/separate");
}

/* Byte-level BPE, learned positions, normed embeddings, a first and a last token that are forced.
 */
static void test_bart(void **state) {
    (void)state;
    check_imported("bart");
}

static void translate(const char *path, rd_translations *found, double *log_probs) {
    rd_translator *translator;
    must(rd_translator_open(&translator, &path, 1, RD_PRECISION_FP32));
    rd_translate_options options = rd_translator_defaults(translator);
    must(rd_translator_run(translator, &options, TOY_LINES, toy_sources, NULL, found));
    must(rd_translator_score(translator, &options, TOY_LINES, toy_sources, NULL, toy_targets, NULL,
                             log_probs, NULL));
    rd_translator_close(translator);
}

/* Out and in again. */
static void check_round_trip(const char *model, const char *name) {
    char out[128], in[128];
    rd_translations ours, theirs;
    double our_log_probs[TOY_LINES], their_log_probs[TOY_LINES];
    snprintf(out, sizeof out, "%s/%s-out", directory, name);
    snprintf(in, sizeof in, "%s/%s-in", directory, name);
    must(rd_export(model, out, NULL));
    must(rd_import(out, in, NULL));
    translate(model, &ours, our_log_probs);
    translate(in, &theirs, their_log_probs);
    for (int i = 0; i < TOY_LINES; i++) {
        /* An unknown piece shows as "⁇" in our own vocabularies, and not at all in theirs. */
        if (!strstr(ours.items[i].text, "⁇"))
            assert_string_equal(ours.items[i].text, theirs.items[i].text);
        assert_int_equal(ours.items[i].n_tokens, theirs.items[i].n_tokens);
        assert_near((double)ours.items[i].score, (double)theirs.items[i].score, 0, 1e-5, "score",
                    i);
        assert_near(our_log_probs[i], their_log_probs[i], 0, 1e-4, "log P", i);
    }
    rd_translations_free(&ours);
    rd_translations_free(&theirs);
}

static void expect_in_config(const char *path, const char *key, const char *wanted) {
    json_t *config;
    must(rd_json_read(path, "config.json", &config));
    assert_string_equal(json_string_value(json_object_get(config, key)), wanted);
    json_decref(config);
}

static void test_export_joint(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/joint", directory);
    toy_directory_make(path,
                       "arch: transformer-tiny\nencoder-embed-dim: 16\nencoder-layers: 1\n"
                       "share-all-embeddings: true\nmax-source-positions: 40\n"
                       "max-target-positions: 30\nmax-len-a: 0\nmax-len-b: 12\nbeam: 3\n"
                       "forced-tokens-free: true\n",
                       34, 0);
    check_round_trip(path, "joint");
}

/* Two vocabularies of unlike size, which become one; learned positions on one side, nothing tied, a
 * bias. */
static void test_export_separate(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/separately", directory);
    toy_directory_make(path,
                       "arch: transformer-tiny\nencoder-embed-dim: 16\ndecoder-layers: 1\n"
                       "decoder-learned-pos: true\noutput-bias: true\nactivation-fn: gelu_tanh\n"
                       "no-scale-embedding: true\nmax-source-positions: 40\nmax-len-a: 0\n"
                       "max-target-positions: 50\nmax-len-b: 12\nbeam: 1\n"
                       "forced-tokens-free: true\n",
                       28, 34);
    check_round_trip(path, "separately");
    snprintf(path, sizeof path, "%s/separately-out", directory);
    expect_in_config(path, "activation_function", "gelu_new");
}

/* An imported model is exported as it came. */
static void check_export_imported(const char *golden, const char *name) {
    char path[512], imported_path[128];
    snprintf(path, sizeof path, "%s/%s", TEST_DATA, golden);
    snprintf(imported_path, sizeof imported_path, "%s/%s", directory, name);
    must(rd_import(path, imported_path, NULL));
    check_round_trip(imported_path, name);
}

/* As transformers has them, in any family: what is written is what it knows, and comes back. */
static void test_activations(void **state) {
    (void)state;
    static const char *const theirs[] = {
        "relu", "gelu", "silu", "swish", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "tanh"};
    static const rd_activation ours[] = {RD_RELU,      RD_GELU,      RD_SWISH,     RD_SWISH,
                                         RD_GELU_TANH, RD_GELU_TANH, RD_GELU_TANH, RD_TANH};
    rd_activation found;
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        json_t *config = json_pack("{s:s}", "hidden_act", theirs[i]);
        must(rd_hf_read_activation("", config, "hidden_act", NULL, &found));
        assert_int_equal(found, ours[i]);
        json_decref(config);
        bool known = false;
        for (size_t k = 0; k < sizeof theirs / sizeof *theirs; k++)
            known |= ours[k] == ours[i] && strcmp(theirs[k], rd_hf_activation_name(ours[i])) == 0;
        assert_true(known);
    }
    json_t *config = json_pack("{s:s}", "hidden_act", "gelu_tanh"); /* ours alone */
    assert_int_equal(rd_hf_read_activation("", config, "hidden_act", "gelu", &found),
                     RD_ERR_UNSUPPORTED);
    json_decref(config);
}

static void test_export_imported(void **state) {
    (void)state;
    check_export_imported("marian/tied", "again");
    check_export_imported("bart", "bart-again");
}

static void test_export_says_what_has_no_place(void **state) {
    (void)state;
    char path[128], out[128];
    rd_text warnings = {0};
    snprintf(path, sizeof path, "%s/searching", directory);
    snprintf(out, sizeof out, "%s/searching-out", directory);
    toy_directory_make(path,
                       "arch: transformer-tiny\nbeam: 3\nlenpen: 0.5\nmin-len: 2\nmax-len-a: 0.5\n"
                       "unkpen: 1.5\nforced-tokens-free: true\nlenpen-form: gnmt\n",
                       34, 0);
    must(rd_export(path, out, &warnings));
    static const char *const said[] = {": lenpen-form: gnmt has no place",
                                       ": max-len-a: 0.5 has no place", ": unkpen: 1.5 has no"};
    int lines = 0;
    for (const char *at = warnings.data; at && (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, 3);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr(warnings.data, said[i])) fail_msg("%s not in %s", said[i], warnings.data);
    rd_text_free(&warnings);
}

static void test_export_says_what_is_rounded(void **state) {
    (void)state;
    char path[128], rounded[128], out[128];
    rd_text warnings = {0};
    snprintf(path, sizeof path, "%s/exact", directory);
    snprintf(rounded, sizeof rounded, "%s/rounded", directory);
    snprintf(out, sizeof out, "%s/rounded-out", directory);
    toy_directory_make(path, "arch: transformer-tiny\n", 34, 0);
    must(rd_quantize(path, rounded));
    must(rd_export(rounded, out, &warnings));
    assert_non_null(warnings.data);
    assert_non_null(strstr(warnings.data, "rounded: its weights are rounded to 8 bits"));
    rd_text_free(&warnings);
}

static void test_export_refuses_pre_norm(void **state) {
    (void)state;
    char path[128], out[128];
    snprintf(path, sizeof path, "%s/pre-norm", directory);
    snprintf(out, sizeof out, "%s/pre-norm-out", directory);
    toy_directory_make(path, "arch: transformer-tiny\nencoder-normalize-before: true\n", 34, 0);
    assert_int_equal(rd_export(path, out, NULL), RD_ERR_UNSUPPORTED);
    assert_non_null(strstr(rd_last_error(), "pre-norm"));
    assert_false(rd_file_exists(out));
}

/* A config.json with one setting changed, and copies of the vocabulary. */
static void copy_directory(const char *from, const char *to, const char *key, int64_t value) {
    json_t *config;
    must(rd_make_directories(to));
    must(rd_json_read(from, "config.json", &config));
    assert_int_equal(json_object_set_new(config, key, json_integer(value)), 0);
    must(rd_json_write(to, "config.json", config));
    must(rd_vocabularies_copy(from, to, RD_VOCABULARY_ANY));
}

/* Logits of one pair of sentences, malloc'ed. */
static float *logits_of(const rd_model *model) {
    const int32_t source[] = {0, 30, 300, 2}, target[] = {0, 20, 2};
    rd_batch batch = {0};
    rd_arena arena = {0};
    float *logits = malloc(sizeof *logits * 3 * (size_t)model->config.tgt_vocab);
    must(rd_batch_add(&batch, 0, source, 4, target, 3));
    must(rd_network_logits(model, &arena, &batch, logits));
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    return logits;
}

/* A directory with the weights of an imported BART and `rows` embeddings, fewer or more than its
 * pieces: tensors of a BartModel, without its prefix and its bias. */
static void store_bart(const imported *whole, const char *from, int32_t rows) {
    char path[160];
    rd_parameters *p = &whole->model->parameters, stored = {0};
    copy_directory(TEST_DATA "/bart", from, "vocab_size", rows);
    for (int pass = 0; pass < 2; pass++) { /* names and shapes, then values */
        for (int64_t i = 0; i < p->n; i++) {
            const rd_parameter *item = &p->items[i];
            bool embedding = strcmp(item->name, "encoder.embed_tokens.weight") == 0;
            const char *name = embedding ? "shared.weight" : item->name;
            int64_t width = item->shape[1] ? item->shape[1] : 1;
            int64_t n = embedding && rows < item->shape[0] ? rows : item->shape[0];
            if (strstr(name, "output_projection")) continue;
            if (pass == 0)
                must(rd_parameters_add(&stored, NULL, rd_init_constant(0.0), embedding ? rows : n,
                                       item->shape[1], "%s", name));
            else
                memcpy(stored.values + rd_parameters_find(&stored, name)->offset,
                       p->values + item->offset, sizeof(float) * (size_t)(n * width));
        }
        if (pass == 0) must(rd_parameters_allocate(&stored));
        if (pass == 0) memset(stored.values, 0, sizeof(float) * (size_t)stored.total);
    }
    snprintf(path, sizeof path, "%s/model.safetensors", from);
    must(rd_parameters_save(&stored, stored.values, NULL, path));
    rd_parameters_free(&stored);
}

/* As facebook/bart-base and bart-large-cnn are: no embedding of the mask, which nothing then
 * writes.
 */
static void test_bart_without_mask(void **state) {
    (void)state;
    char from[128], to[128], path[160];
    imported whole = open_imported("bart");
    rd_parameters *p = &whole.model->parameters;
    int32_t pieces = whole.recipe->model.tgt_vocab, mask = pieces - 1;
    snprintf(from, sizeof from, "%s/maskless", directory);
    snprintf(to, sizeof to, "%s/maskless-in", directory);
    store_bart(&whole, from, mask);
    must(rd_import(from, to, NULL));
    rd_recipe *recipe;
    rd_model *model;
    snprintf(path, sizeof path, "%s/config.yaml", to);
    must(rd_recipe_load_config(&recipe, path));
    snprintf(path, sizeof path, "%s/model.safetensors", to);
    must(rd_model_load(&model, &recipe->model, path));
    assert_int_equal(recipe->model.tgt_vocab, pieces);
    float *got = logits_of(model), *wanted = logits_of(whole.model);
    const float *bias = p->values + rd_parameters_find(p, "decoder.output_projection.bias")->offset;
    for (int i = 0; i < 3 * pieces; i++)
        assert_near((double)got[i],
                    i % pieces == mask ? -1e4 : (double)wanted[i] - (double)bias[i % pieces], 0,
                    1e-4, "logits", i);
    check_round_trip(to, "maskless-again");
    free(got);
    free(wanted);
    rd_model_free(model);
    rd_recipe_free(recipe);
    close_imported(&whole);
}

static int is_temporary(const struct dirent *entry) {
    return rd_is_temporary(entry->d_name);
}

static int count_temporaries(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, is_temporary, NULL);
    for (int i = 0; i < n; i++) free(entries[i]);
    if (n >= 0) free(entries);
    return n;
}

/* Embeddings are often padded to a round number: rows that no piece has, and that read as nothing.
 */
static void test_bart_with_more_rows_than_pieces(void **state) {
    (void)state;
    char from[128], to[128];
    imported whole = open_imported("bart");
    int32_t pieces = whole.recipe->model.tgt_vocab, ids[] = {20, 0, 30};
    snprintf(from, sizeof from, "%s/padded", directory);
    snprintf(to, sizeof to, "%s/padded-in", directory);
    store_bart(&whole, from, pieces + 7);
    must(rd_import(from, to, NULL));
    check_round_trip(to, "padded-again");
    char *without, *with;
    ids[1] = 30;
    must(rd_tokenizer_decode(whole.target, ids, 2, &without, NULL));
    ids[1] = pieces + 6;
    must(rd_tokenizer_decode(whole.target, ids, 3, &with, NULL));
    assert_string_equal(with, without);
    free(with);
    free(without);
    close_imported(&whole);
}

static void write_json(const char *to, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", to, name);
    must(rd_write_file(path, text, strlen(text)));
}

/* A directory's settings of generation take effect here, or a warning names them. */
static void test_settings_without_effect_are_named(void **state) {
    (void)state;
    char from[128], to[128], path[256], command[600];
    rd_text warnings = {0};
    rd_recipe *recipe;
    snprintf(from, sizeof from, "%s/settings", directory);
    snprintf(to, sizeof to, "%s/settings-in", directory);
    snprintf(command, sizeof command, "cp -r %s/marian/tied %s && chmod -R u+w %s", TEST_DATA, from,
             from);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    write_json(
        from, "generation_config.json",
        "{\"num_beams\": 3, \"max_new_tokens\": 7, \"max_length\": 512, \"min_new_tokens\": 2,"
        " \"bad_words_ids\": [[56]], \"eos_token_id\": 0, \"temperature\": 0.5,"
        " \"repetition_penalty\": 1.0, \"do_sample\": false, \"suppress_tokens\": [],"
        " \"transformers_version\": \"5\"}");
    write_json(from, "tokenizer_config.json",
               "{\"model_max_length\": 1000000000000000019884624838656}");
    must(rd_import(from, to, &warnings));
    assert_int_equal(warnings.length, 0);
    snprintf(path, sizeof path, "%s/config.yaml", to);
    must(rd_recipe_load_config(&recipe, path));
    assert_int_equal(recipe->search.max_len_b, 6); /* and the end of sentence */
    assert_int_equal(recipe->search.min_len, 2);
    rd_recipe_free(recipe);
    write_json(from, "generation_config.json",
               "{\"do_sample\": true, \"temperature\": 0.5, \"repetition_penalty\": 3.0,"
               " \"bad_words_ids\": [[56], [7]], \"watermarking_config\": {\"bias\": 2},"
               " \"x\\u001b[31m\\n\": \"y\"}");
    snprintf(to, sizeof to, "%s/settings-again", directory);
    must(rd_import(from, to, &warnings));
    static const char *const expected[] = {"neither max_length nor max_new_tokens: transformers",
                                           "watermarking_config: {",
                                           "x\\x1b[31m\\n: \"y\" has no effect"};
    int lines = 0;
    for (const char *c = warnings.data; (c = strchr(c, '\n')); c++) lines++;
    assert_int_equal(lines, 3);
    for (int i = 0; i < 3; i++)
        if (!strstr(warnings.data, expected[i])) fail_msg("no %s", expected[i]);
    snprintf(path, sizeof path, "%s/config.yaml", to);
    must(rd_recipe_load_config(&recipe, path));
    assert_true(recipe->search.sampling);
    assert_int_equal(recipe->search.top_k, 50); /* by default */
    assert_true(recipe->search.no_forced_eos);
    assert_string_equal(recipe->search.suppress_tokens, "7");
    rd_recipe_free(recipe);
    rd_text_free(&warnings);
    write_json(from, "added_tokens.json", "{\"<hl>\": 57}"); /* without an embedding */
    snprintf(to, sizeof to, "%s/settings-no-row", directory);
    assert_int_equal(rd_import(from, to, NULL), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "ids of the source vocabulary up to 57"));
}

/* Tied tensors that are stored twice, the same and not. */
static void test_copies(void **state) {
    (void)state;
    char from[128], to[128], path[256], command[600];
    static const char shared[] = "model.shared.weight";
    rd_text warnings = {0};
    snprintf(from, sizeof from, "%s/copies", directory);
    snprintf(to, sizeof to, "%s/copies-in", directory);
    snprintf(path, sizeof path, "%s/model.safetensors", from);
    snprintf(command, sizeof command, "cp -r %s/marian/tied %s && chmod -R u+w %s", TEST_DATA, from,
             from);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    golden_add_tensor(path, "model.decoder.embed_tokens.weight", shared, 0.0f);
    golden_add_tensor(path, "lm_head.weight", shared, 0.5f);
    must(rd_import(from, to, &warnings));
    assert_non_null(warnings.data);
    assert_non_null(
        strstr(warnings.data, "tensor lm_head.weight differs from model.shared.weight"));
    assert_null(strstr(warnings.data, "decoder.embed_tokens"));
    rd_text_free(&warnings);
}

/* An output directory is new or empty, and there only when it is whole. */
static void test_output_directory(void **state) {
    (void)state;
    char from[512], to[128], path[256];
    snprintf(from, sizeof from, "%s/marian/tied", TEST_DATA);
    snprintf(to, sizeof to, "%s/deep/er/", directory);
    must(rd_make_directories(to));
    must(rd_import(from, to, NULL));
    assert_int_equal(rd_import(from, to, NULL), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "not empty"));
    assert_int_equal(rd_export(to, to, NULL), RD_ERR_ARGUMENT);
    snprintf(path, sizeof path, "%s/nowhere", directory);
    assert_int_equal(rd_import(directory, path, NULL), RD_ERR_IO);
    assert_false(rd_file_exists(path));
    assert_int_equal(count_temporaries(directory), 0);
    snprintf(path, sizeof path, "%s/config.yaml", to);
    assert_int_equal(rd_import(from, path, NULL), RD_ERR_IO);
}

/* Tied embeddings are stored once, under any of their names; others have one alone. */
static void test_names_of_tied_tensors(void **state) {
    (void)state;
    static const char *const tied[] = {"model.shared.weight",
                                       "model.encoder.embed_tokens.weight",
                                       "model.decoder.embed_tokens.weight",
                                       "lm_head.weight",
                                       "shared.weight",
                                       "encoder.embed_tokens.weight",
                                       "decoder.embed_tokens.weight",
                                       NULL};
    static const char *const own[] = {"model.encoder.embed_tokens.weight",
                                      "encoder.embed_tokens.weight", NULL};
    for (int all = 0; all < 2; all++) {
        const char *const *wanted = all ? tied : own;
        rd_model_config config = {.share_all_embeddings = all};
        const rd_places places = rd_bart_places_of(&config, "encoder.embed_tokens.weight");
        for (int i = 0; wanted[i]; i++) assert_string_equal(places.items[i].name, wanted[i]);
        assert_int_equal(places.n, all ? 7 : 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_tied_tensors),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_separate),
        cmocka_unit_test(test_bart),
        cmocka_unit_test(test_bart_without_mask),
        cmocka_unit_test(test_bart_with_more_rows_than_pieces),
        cmocka_unit_test(test_settings_without_effect_are_named),
        cmocka_unit_test(test_export_joint),
        cmocka_unit_test(test_export_separate),
        cmocka_unit_test(test_export_imported),
        cmocka_unit_test(test_export_says_what_has_no_place),
        cmocka_unit_test(test_export_says_what_is_rounded),
        cmocka_unit_test(test_export_refuses_pre_norm),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_output_directory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
