/* BERT and RoBERTa of Hugging Face's transformers, imported: the answers that
 * tests/oracles/bert_golden.py got from them, alone and together, and again after an export. */
#include <math.h>
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
#include "convert/bert.h"
#include "convert/convert.h"
#include "data/masking.h"
#include "golden.h"
#include "io/json.h"
#include "io/output.h"
#include "io/safetensors.h"
#include "predict/predict.h"

enum { ROWS = 5, MOST_OUTPUTS = 16 };

static char directory[] = "/tmp/rdrop-bert-XXXXXX";

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command); /* NOLINT(cert-env33-c): a path of this test's own */
}

static const char *path_of(const char *name) {
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* tests/golden/bert/NAME becomes the model directory NAME. */
static void import(const char *name, rd_text *warnings) {
    char from[512];
    snprintf(from, sizeof from, "%s/bert/%s", TEST_DATA, name);
    must(rd_import(from, path_of(name), warnings));
}

static void read_rows(const json_t *golden, rd_predict_row *rows) {
    const json_t *list = json_object_get(golden, "rows");
    assert_int_equal(json_array_size(list), ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        const char *first = json_string_value(json_array_get(json_array_get(list, i), 0));
        const char *second = json_string_value(json_array_get(json_array_get(list, i), 1));
        rows[i] = (rd_predict_row){.first = {first, strlen(first)},
                                   .second = {second, second ? strlen(second) : 0}};
    }
}

/* The model's answers, all rows at once, and each alone, are `wanted`. */
static void expect_answers(const char *model, rd_precision precision, const rd_predict_row *rows,
                           const double *wanted, double tolerance) {
    rd_predictor p;
    float outputs[ROWS * MOST_OUTPUTS], alone[MOST_OUTPUTS];
    must(rd_predictor_open(&p, path_of(model), precision, false, RD_POOL_NONE));
    must(rd_predict(&p, ROWS, rows, outputs));
    for (int64_t i = 0; i < ROWS; i++) {
        must(rd_predict(&p, 1, &rows[i], alone));
        for (int64_t k = 0; k < p.n_out; k++) {
            int64_t at = i * p.n_out + k;
            assert_near((double)outputs[at], wanted[at], 0.0, tolerance, model, at);
            assert_near((double)alone[k], (double)outputs[at], 0.0, 1e-5, "alone", at);
        }
    }
    p.max_tokens = 9; /* in several passes */
    must(rd_predict(&p, ROWS, rows, outputs));
    for (int64_t at = 0; at < ROWS * p.n_out; at++)
        assert_near((double)outputs[at], wanted[at], 0.0, tolerance, "passes", at);
    rd_predictor_close(&p);
}

static void test_answers(void **state) {
    (void)state;
    static const char *const models[] = {"bert", "roberta", "xlm_roberta"};
    json_t *golden = golden_load("bert/golden.json");
    rd_predict_row rows[ROWS];
    read_rows(golden, rows);
    for (int i = 0; i < 3; i++) {
        char back[32], again[64];
        int64_t n;
        double *wanted = golden_numbers(golden, models[i], &n);
        import(models[i], NULL);
        expect_answers(models[i], RD_PRECISION_FP32, rows, wanted, 1e-5);
        snprintf(back, sizeof back, "%s-back", models[i]);
        must(rd_export(path_of(models[i]), path_of(back), NULL));
        snprintf(again, sizeof again, "%s-back/tokenizer_config.json", models[i]);
        assert_true(rd_file_exists(path_of(again)));
        snprintf(again, sizeof again, "%s-again", models[i]);
        must(rd_import(path_of(back), path_of(again), NULL));
        expect_answers(again, RD_PRECISION_FP32, rows, wanted, 1e-5);
        free(wanted);
    }
    json_decref(golden);
}

static void test_labels(void **state) {
    (void)state;
    rd_predictor p;
    must(rd_predictor_open(&p, path_of("bert"), RD_PRECISION_FP32, false, RD_POOL_NONE));
    assert_int_equal(p.kind, RD_PREDICT_CLASSES);
    assert_int_equal(p.labels.n, 3);
    assert_string_equal(p.labels.names[2], "may be");
    rd_predictor_close(&p);
    must(rd_predictor_open(&p, path_of("roberta"), RD_PRECISION_FP32, false, RD_POOL_NONE));
    assert_int_equal(p.kind, RD_PREDICT_NUMBER);
    rd_predictor_close(&p);
}

/* All heads drop out what their outputs are computed from; RoBERTa's what they read, too. */
static void test_dropout_of_heads(void **state) {
    (void)state;
    static const char *const models[] = {"bert", "roberta", "xlm_roberta"};
    for (int i = 0; i < 3; i++) {
        rd_predictor p;
        must(rd_predictor_open(&p, path_of(models[i]), RD_PRECISION_FP32, false, RD_POOL_NONE));
        const rd_model_config *c = &p.directory.recipe->model;
        assert_near((double)c->classifier_dropout, 0.1, 1e-6, 0, "after", i);
        assert_near((double)c->pooler_dropout, i == 0 ? 0 : 0.1, 1e-6, 0, "before", i);
        rd_predictor_close(&p);
    }
}

/* Of length 1, the same alone and together; and a model without a head gives nothing else. */
static void test_vectors(void **state) {
    (void)state;
    json_t *golden = golden_load("bert/golden.json");
    rd_predict_row rows[ROWS];
    rd_predictor p;
    float vectors[ROWS * MOST_OUTPUTS], alone[MOST_OUTPUTS];
    read_rows(golden, rows);
    must(rd_predictor_open(&p, path_of("bert"), RD_PRECISION_FP32, true, RD_POOL_MEAN));
    assert_int_equal(p.n_out, 16);
    must(rd_predict(&p, ROWS, rows, vectors));
    must(rd_predict(&p, 1, &rows[1], alone));
    double squares = 0.0;
    for (int i = 0; i < 16; i++) {
        squares += (double)alone[i] * (double)alone[i];
        assert_near((double)alone[i], (double)vectors[16 + i], 0.0, 1e-6, "vector", i);
    }
    assert_near(squares, 1.0, 0.0, 1e-5, "length", 0);
    rd_predictor_close(&p);
    json_decref(golden);
}

static void test_masked_tokens(void **state) {
    (void)state;
    json_t *golden = golden_load("bert/golden.json");
    const json_t *mlm = json_object_get(golden, "bert_mlm");
    int64_t n, n_logits;
    int32_t *ids = golden_integers(mlm, "ids", &n);
    double *wanted = golden_numbers(mlm, "logits", &n_logits);
    float *logits = malloc(sizeof *logits * (size_t)n_logits);
    assert_non_null(logits);
    import("bert_mlm", NULL);
    rd_model_dir files;
    rd_model *model;
    must(rd_model_dir_open(&files, path_of("bert_mlm")));
    must(rd_model_dir_load(&files, &model));
    assert_string_equal(files.recipe->task, "masked_lm");
    int32_t length = (int32_t)n;
    must(rd_model_logits(model, 1, ids, &length, ids, &length, NULL, logits));
    for (int64_t i = 0; i < n_logits; i++)
        assert_near((double)logits[i], wanted[i], 0.0, 2e-5, "masked", i);
    rd_predictor p;
    assert_int_equal(
        rd_predictor_open(&p, path_of("bert_mlm"), RD_PRECISION_FP32, false, RD_POOL_NONE),
        RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "no head of classes or a number"));
    must(rd_export(path_of("bert_mlm"), path_of("mlm-back"), NULL));
    rd_model_free(model);
    rd_model_dir_close(&files);
    free(logits);
    free(wanted);
    free(ids);
    json_decref(golden);
}

static void copy_golden(const char *name, const char *to, const char *const *files, int n) {
    char from[512];
    snprintf(from, sizeof from, "%s/bert/%s", TEST_DATA, name);
    must(rd_make_directories(to));
    for (int i = 0; i < n; i++) must(rd_copy_file(from, files[i], to, files[i]));
}

static void expect_bias(const char *path, const char *name, float above) {
    rd_tensor_file file, golden;
    rd_stored_tensor tensor;
    float values[25], wanted[25];
    must(rd_tensor_file_open(&golden, TEST_DATA "/bert/bert_mlm/model.safetensors"));
    must(rd_tensor_file_find(&golden, "cls.predictions.bias", &tensor));
    must(rd_stored_tensor_read(&tensor, wanted));
    rd_tensor_file_close(&golden);
    must(rd_tensor_file_open(&file, path));
    must(rd_tensor_file_find(&file, name, &tensor));
    assert_int_equal(tensor.n, 25);
    must(rd_stored_tensor_read(&tensor, values));
    rd_tensor_file_close(&file);
    for (int64_t i = 0; i < 25; i++)
        assert_near((double)values[i], (double)(wanted[i] + above), 0.0, 1e-6, name, i);
}

/* Tied tensors are there once, or again; if other values are there again, that is said. Where they
 * are not tied, the output layer's own bias counts, and goes out under both names. */
static void test_untied(void **state) {
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors", "vocab.txt",
                                        "tokenizer_config.json"};
    static const char embeddings[] = "bert.embeddings.word_embeddings.weight";
    char from[64], weights[96];
    rd_text warnings = {0};
    snprintf(from, sizeof from, "%s/untied", directory);
    snprintf(weights, sizeof weights, "%s/model.safetensors", from);
    copy_golden("bert_mlm", from, files, 4);
    golden_add_tensor(weights, "cls.predictions.decoder.weight", embeddings, 0.0f);
    golden_add_tensor(weights, "cls.predictions.decoder.bias", "cls.predictions.bias", 1.0f);
    must(rd_import(from, path_of("tied-in"), &warnings));
    assert_non_null(warnings.data);
    if (!strstr(warnings.data, "tensor cls.predictions.decoder.bias differs from "
                               "cls.predictions.bias, which config.json ties it to"))
        fail_msg("%s", warnings.data);
    assert_null(strstr(warnings.data, "decoder.weight"));
    rd_text_free(&warnings);
    json_t *config;
    must(rd_json_read(from, "config.json", &config));
    json_object_set_new(config, "tie_word_embeddings", json_false());
    must(rd_json_write(from, "config.json", config));
    must(rd_import(from, path_of("untied-in"), &warnings));
    assert_int_equal(warnings.length, 0);
    must(rd_export(path_of("untied-in"), path_of("untied-out"), NULL));
    expect_bias(path_of("untied-out/model.safetensors"), "cls.predictions.decoder.bias", 1.0f);
    expect_bias(path_of("untied-out/model.safetensors"), "cls.predictions.bias", 1.0f);
    must(rd_json_read(path_of("untied-out"), "config.json", &config));
    assert_true(json_is_false(json_object_get(config, "tie_word_embeddings")));
    json_decref(config);
}

/* RoBERTa's head of masked tokens knows one activation. */
static void test_activation_of_roberta(void **state) {
    (void)state;
    char path[96], command[500];
    snprintf(path, sizeof path, "%s/masked", directory);
    snprintf(command, sizeof command,
             "cp -r %s/bert_mlm %s && sed -i 's/^position-layout: .*/position-layout: fairseq/; "
             "s/^activation-fn: .*/activation-fn: relu/; s/-positions: 40/-positions: 39/' "
             "%s/config.yaml",
             directory, path, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    assert_int_equal(rd_export(path, path_of("masked-out"), NULL), RD_ERR_UNSUPPORTED);
    if (!strstr(rd_last_error(), "the activation gelu alone")) fail_msg("%s", rd_last_error());
}

/* A family has its own positions and its own kind of vocabulary. */
static void test_family_of_export(void **state) {
    (void)state;
    static const char *const cases[][3] = {{"bert", "fairseq", "is not byte-level BPE"},
                                           {"roberta", "marian", "is not WordPiece"},
                                           {"xlm_roberta", "marian", "is not WordPiece"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32], command[500];
        snprintf(name, sizeof name, "mixed-%zu", i);
        snprintf(command, sizeof command,
                 "cp -r %s %s && sed -i 's/^position-layout: .*/position-layout: %s/; "
                 "s/-positions: 40/-positions: 39/; s/-positions: 78/-positions: 80/' "
                 "%s/config.yaml",
                 path_of(cases[i][0]), path_of(name), cases[i][1], path_of(name));
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
        if (rd_export(path_of(name), path_of("mixed-out"), NULL) != RD_ERR_UNSUPPORTED)
            fail_msg("%s: %s", cases[i][0], rd_last_error());
        if (!strstr(rd_last_error(), cases[i][2])) fail_msg("%s", rd_last_error());
        assert_false(rd_file_exists(path_of("mixed-out")));
    }
}

/* One of the files of tests/golden/bert/bert with a text in it replaced. */
static rd_status import_changed(const char *file, const char *text, const char *by) {
    static const char *const files[] = {"config.json", "model.safetensors", "vocab.txt",
                                        "tokenizer_config.json"};
    char from[512], command[700];
    snprintf(command, sizeof command, "rm -rf %s %s", path_of("changed"), path_of("result"));
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    must(rd_make_directories(path_of("changed")));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *bytes, name[64];
        size_t n;
        snprintf(from, sizeof from, "%s/bert/bert/%s", TEST_DATA, files[i]);
        must(rd_read_file(from, 1 << 20, &bytes, &n));
        char *at = strcmp(files[i], file) == 0 ? memmem(bytes, n, text, strlen(text)) : NULL;
        if (at) memcpy(at, by, strlen(by));
        if (strcmp(files[i], file) == 0) assert_non_null(at);
        snprintf(name, sizeof name, "changed/%s", files[i]);
        must(rd_write_file(path_of(name), bytes, n));
        free(bytes);
    }
    return rd_import(path_of("changed"), path_of("result"), NULL);
}

/* As transformers calls them; it leaves the names of two such classes out of config.json. */
static void test_classes_without_names(void **state) {
    (void)state;
    rd_predictor p;
    must(import_changed("config.json", "\"id2label\"", "\"id2labex\""));
    must(rd_predictor_open(&p, path_of("result"), RD_PRECISION_FP32, false, RD_POOL_NONE));
    assert_string_equal(p.labels.names[0], "LABEL_0");
    assert_string_equal(p.labels.names[2], "LABEL_2");
    rd_predictor_close(&p);
}

static void test_damaged(void **state) {
    (void)state;
    static const struct {
        const char *file, *text, *by, *message;
    } cases[] = {
        {"config.json", "\"hidden_size\": 16", "\"hidden_size\": 18", "has another shape than"},
        {"config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"golu\"",
         "hidden_act: golu is not supported"},
        {"config.json", "ForSequenceClassification\"", "ForTokenClassification\"   ",
         "the head of BertForTokenClassification is not supported"},
        {"config.json", "ForSequenceClassification\"", "ForMultipleChoice\"        ",
         "the head of BertForMultipleChoice is not supported"},
        {"config.json", "\"intermediate_size\"", "\"intermediate_sise\"",
         "intermediate_size is missing"},
        {"config.json", "\"may be\"", "\"yes\"   ", "the label 'yes' comes twice"},
        {"model.safetensors", "bert.encoder.layer.1.attention.self.key.bias",
         "bert.encoder.layer.1.attention.self.kex.bias",
         "tensor bert.encoder.layer.1.attention.self.key.bias is missing"},
        {"vocab.txt", "[SEP]", "[SEX]", "[SEP]"},
        {"vocab.txt", "[UNK]", "[UNX]", "/changed/vocab.txt"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_not_equal(import_changed(cases[i].file, cases[i].text, cases[i].by), RD_OK);
        if (!strstr(rd_last_error(), cases[i].message))
            fail_msg("%s: found: %s", cases[i].by, rd_last_error());
    }
}

static void put(const char *folder, const char *file, const char *text) {
    char *path = rd_path_join(folder, file);
    must(rd_write_file(path, text, strlen(text)));
    free(path);
}

/* sentence-transformers' files say again what was written; other ways to a vector are refused. */
static void test_sentence_transformers(void **state) {
    (void)state;
    char folder[64], pooling[96], other[96];
    rd_recipe *out, *in;
    rd_text warnings = {0};
    snprintf(folder, sizeof folder, "%s/vectors", directory);
    snprintf(pooling, sizeof pooling, "%s/1_Pooling", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    must(rd_make_directories(folder));
    must(rd_recipe_new(&out));
    must(rd_recipe_new(&in));
    out->model.pooling = RD_POOL_MEAN;
    out->table.longest = 77;
    out->model.max_source_positions = in->model.max_source_positions = 512;
    must(rd_sentence_transformers_write(out, folder));
    must(rd_sentence_transformers_read(in, folder, NULL));
    must(rd_sentence_transformers_read_longest(in, folder));
    assert_int_equal(in->model.pooling, RD_POOL_MEAN);
    assert_int_equal(in->table.longest, 77);
    static const char *const refused[][2] = {
        {"{\"pooling_mode_max_tokens\": true}", "max_tokens"},
        {"{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}",
         "pooling_mode_mean_tokens"},
        {"{\"pooling_mode\": \"max\"}", "max"},
        {"{\"pooling_mode\": [\"cls\", \"mean\"]}", "this pooling_mode"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        put(pooling, "config.json", refused[i][0]);
        assert_int_equal(rd_sentence_transformers_read(in, folder, NULL), RD_ERR_UNSUPPORTED);
        assert_non_null(strstr(rd_last_error(), refused[i][1]));
    }
    /* before 5.4, since then, and where nothing is said */
    static const struct {
        const char *config;
        rd_pooling pooling;
    } known[] = {{"{\"pooling_mode_cls_token\": true}", RD_POOL_FIRST},
                 {"{\"pooling_mode_mean_sqrt_len_tokens\": true}", RD_POOL_MEAN},
                 {"{\"pooling_mode\": \"cls\"}", RD_POOL_FIRST},
                 {"{\"pooling_mode\": \"mean\", \"include_prompt\": true}", RD_POOL_MEAN},
                 {"{\"pooling_mode\": [\"cls\"]}", RD_POOL_FIRST},
                 {"{\"word_embedding_dimension\": 8}", RD_POOL_MEAN}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        put(pooling, "config.json", known[i].config);
        must(rd_sentence_transformers_read(in, folder, NULL));
        assert_int_equal(in->model.pooling, known[i].pooling);
    }
    must(rd_make_directories(other));
    put(other, "config.json", "{\"pooling_mode\": \"cls\"}");
    put(folder, "modules.json",
        "[{\"type\": \"sentence_transformers.models.Pooling\", \"path\": \"other\"}]");
    put(folder, "config_sentence_transformers.json",
        "{\"prompts\": {\"a\": \"ask: \", \"b\": \"\"}, \"default_prompt_name\": \"a\"}");
    must(rd_sentence_transformers_read(in, folder, &warnings));
    assert_int_equal(in->model.pooling, RD_POOL_FIRST);
    assert_non_null(strstr(warnings.data, "begins every sentence with \"ask: \""));
    put(folder, "modules.json", "[{\"type\": \"sentence_transformers.models.Dense\"}]");
    assert_int_equal(rd_sentence_transformers_read(in, folder, NULL), RD_ERR_UNSUPPORTED);
    rd_text_free(&warnings);
    rd_recipe_free(out);
    rd_recipe_free(in);
}

/* As many tokens as sentence-transformers, else the tokenizer, takes; there are positions for. */
static void test_longest_input(void **state) {
    (void)state;
    static const struct {
        const char *own, *tokenizer;
        int32_t positions, longest;
    } cases[] = {{"{\"max_seq_length\": 128}", "{\"model_max_length\": 256}", 512, 128},
                 {"{\"max_seq_length\": null}", "{\"model_max_length\": 256}", 512, 256},
                 {"{}", "{\"model_max_length\": 8192}", 8194, 8192},
                 {"{}", "{\"model_max_length\": 1000000000000000019884624838656}", 300, 300},
                 {"{\"max_seq_length\": 512}", "{}", 40, 40},
                 {"{}", "{}", 512, 512}};
    char folder[64];
    snprintf(folder, sizeof folder, "%s/longest", directory);
    must(rd_make_directories(folder));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_recipe *recipe;
        must(rd_recipe_new(&recipe));
        recipe->model.max_source_positions = cases[i].positions;
        put(folder, "sentence_bert_config.json", cases[i].own);
        put(folder, "tokenizer_config.json", cases[i].tokenizer);
        must(rd_sentence_transformers_read_longest(recipe, folder));
        assert_int_equal(recipe->table.longest, cases[i].longest);
        rd_recipe_free(recipe);
    }
}

/* Older versions of sentence-transformers named the file after the family. */
static void test_older_settings(void **state) {
    (void)state;
    char folder[64];
    rd_recipe *recipe;
    snprintf(folder, sizeof folder, "%s/older", directory);
    must(rd_make_directories(folder));
    must(rd_recipe_new(&recipe));
    put(folder, "sentence_xlm-roberta_config.json", "{\"max_seq_length\": 128}");
    must(rd_sentence_transformers_read_longest(recipe, folder));
    assert_int_equal(recipe->table.longest, 128);
    put(folder, "sentence_roberta_config.json", "{\"do_lower_case\": true}");
    assert_int_equal(rd_sentence_transformers_read(recipe, folder, NULL), RD_ERR_UNSUPPORTED);
    assert_non_null(strstr(rd_last_error(), "sentence_roberta_config.json"));
    put(folder, "sentence_bert_config.json", "{}");
    must(rd_sentence_transformers_read(recipe, folder, NULL));
    rd_recipe_free(recipe);
}

/* Without them there is a pooling that sentence-transformers does not have. */
static void test_pooling_is_not_said(void **state) {
    (void)state;
    char folder[64], pooling[96];
    rd_text warnings = {0};
    rd_recipe *recipe;
    snprintf(folder, sizeof folder, "%s/bare", directory);
    snprintf(pooling, sizeof pooling, "%s/1_Pooling", folder);
    must(rd_make_directories(pooling));
    must(rd_recipe_new(&recipe));
    must(rd_sentence_transformers_read(recipe, folder, &warnings));
    assert_int_equal(recipe->model.pooling, RD_POOL_FIRST);
    assert_non_null(warnings.data);
    assert_non_null(strstr(warnings.data, "would take the mean (--pooling mean)"));
    rd_text_clear(&warnings);
    put(pooling, "config.json", "{\"pooling_mode\": \"cls\"}");
    must(rd_sentence_transformers_read(recipe, folder, &warnings));
    assert_int_equal(warnings.length, 0);
    rd_text_free(&warnings);
    rd_recipe_free(recipe);
}

static void expect_ids(const char *path, const char *text, const int32_t *ids, int64_t n) {
    rd_tokenizer *source, *target;
    rd_ids found = {0};
    must(rd_vocabularies_open(path, RD_VOCABULARY_JOINT, &source, &target));
    must(rd_tokenizer_encode(source, text, strlen(text), &found));
    assert_int_equal(found.length, n);
    assert_memory_equal(found.data, ids, sizeof *ids * (size_t)n);
    free(found.data);
    rd_vocabularies_close(source, target);
}

/* Tokens that were added to XLM-R's pieces come in and go out with them. */
static void test_xlm_vocabulary(void **state) {
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors",
                                        "sentencepiece.bpe.model"};
    static const int32_t ids[] = {34, 34}; /* without the blank's piece before them */
    char from[64], to[64];
    snprintf(from, sizeof from, "%s/xlm-added", directory);
    snprintf(to, sizeof to, "%s/xlm-in", directory);
    copy_golden("xlm_roberta", from, files, 3);
    put(from, "added_tokens.json", "{\"ee\": 34}");
    must(rd_import(from, to, NULL));
    expect_ids(to, "eeee", ids, 2);
    must(rd_export(to, path_of("xlm-out"), NULL));
    assert_true(rd_file_exists(path_of("xlm-out/added_tokens.json")));
    json_t *pieces;
    must(rd_json_read(to, "vocab.json", &pieces));
    json_object_set_new(pieces, "!", json_integer(24));
    json_object_set_new(pieces, ",", json_integer(23));
    must(rd_json_write(to, "vocab.json", pieces));
    assert_int_equal(rd_xlm_vocabulary_write(to, path_of("xlm-other")), RD_ERR_UNSUPPORTED);
    assert_non_null(strstr(rd_last_error(), "other ids"));
    assert_int_equal(unlink(path_of("xlm-added/added_tokens.json")), 0);
    put(from, "tokenizer.json", /* alone, as transformers 5 saves */
        "{\"added_tokens\": [{\"id\": 34, \"content\": \"ee\", \"special\": false}]}");
    must(rd_import(from, path_of("xlm-whole"), NULL));
    expect_ids(path_of("xlm-whole"), "eeee", ids, 2);
    put(from, "added_tokens.json", "{\"<ent>\": 36}"); /* of no embedding */
    assert_int_equal(rd_import(from, path_of("xlm-none"), NULL), RD_ERR_FORMAT);
    assert_int_equal(unlink(path_of("xlm-added/sentencepiece.bpe.model")), 0);
    put(from, "tokenizer.json", "{}");
    assert_int_equal(rd_import(from, path_of("xlm-none"), NULL), RD_ERR_UNSUPPORTED);
    assert_non_null(strstr(rd_last_error(), "put the sentencepiece.bpe.model of the model"));
}

static void test_masking(void **state) {
    (void)state;
    enum { N = 40, DRAWS = 400 };
    char path[512];
    rd_tokenizer *tokenizer;
    rd_masking *masking;
    rd_masking_config config = {.share = 0.15f, .unmasked = 0.1f, .random = 0.1f};
    snprintf(path, sizeof path, "%s/bert/bert/vocab.txt", TEST_DATA);
    must(rd_tokenizer_open(&tokenizer, path));
    must(rd_masking_new(&masking, &config, tokenizer));
    int32_t ids[N] = {2};
    for (int32_t i = 1; i < N - 1; i++) ids[i] = 5 + i % 20;
    ids[N - 1] = 3;
    rd_ids masked = {0}, labels = {0};
    int64_t chosen = 0, masks = 0, kept = 0;
    for (int k = 0; k < DRAWS; k++) {
        rd_rng rng = rd_rng_make(7, (uint64_t)k);
        must(rd_masking_apply(masking, &rng, ids, N, &masked, &labels));
        assert_int_equal(labels.length, N);
        assert_int_equal(labels.data[0], -1);
        assert_int_equal(labels.data[N - 1], -1);
        for (int32_t i = 0; i < N; i++) {
            if (labels.data[i] < 0) assert_int_equal(masked.data[i], ids[i]);
            if (labels.data[i] < 0) continue;
            assert_int_equal(labels.data[i], ids[i]);
            chosen++;
            masks += masked.data[i] == 4;
            kept += masked.data[i] == ids[i];
        }
    }
    double n = (double)chosen;
    assert_near(n / DRAWS, 0.15 * (N - 2), 0.0, 0.1, "chosen", 0);
    assert_near((double)masks / n, 0.8, 0.0, 0.03, "masks", 0);
    assert_near((double)kept / n, 0.1 + 0.1 / 22, 0.0, 0.03, "kept", 0);
    rd_masking_free(masking);

    config = (rd_masking_config){.share = 0.3f, .whole_words = true};
    must(rd_masking_new(&masking, &config, tokenizer));
    int32_t words[] = {2, 11, 20, 21, 22, 8, 3}; /* tree ##s ##ing un(?) ... */
    rd_rng rng = rd_rng_make(1, 1);
    for (int k = 0; k < 20; k++) {
        must(rd_masking_apply(masking, &rng, words, 7, &masked, &labels));
        assert_int_equal(labels.data[1] >= 0,
                         labels.data[2] >= 0); /* a word's pieces go together */
    }
    rd_masking_free(masking);
    rd_tokenizer_close(tokenizer);
    free(masked.data);
    free(labels.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_classes_without_names),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_masked_tokens),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_activation_of_roberta),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_sentence_transformers),
        cmocka_unit_test(test_longest_input),
        cmocka_unit_test(test_older_settings),
        cmocka_unit_test(test_xlm_vocabulary),
        cmocka_unit_test(test_masking),
        cmocka_unit_test(test_dropout_of_heads),
        cmocka_unit_test(test_family_of_export),
        cmocka_unit_test(test_pooling_is_not_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
