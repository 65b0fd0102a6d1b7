/* Models of Marian itself, imported: the log-probabilities, scores and best translations that
 * Marian gives, and the logits of transformers, as tests/oracles/marian_npz_golden.py got them;
 * then files that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>
#include <zip.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/convert.h"
#include "golden_model.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "recipe/recipe.h"

static char directory[] = "/tmp/rdrop-marian-XXXXXX";

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
    rd_model *model, *as_transformers; /* with either's positions and norms */
    rd_tokenizer *source;
    rd_translator *translator;
} imported;

static imported open_imported(const char *name) {
    imported m;
    char from[512], path[600], vocab[600];
    const char *paths[] = {m.path};
    rd_recipe *recipe;
    snprintf(path, sizeof path, "marian_npz/%s/golden.json", name);
    m.golden = golden_load(path);
    snprintf(from, sizeof from, "%s/marian_npz/%s", TEST_DATA, name);
    snprintf(m.path, sizeof m.path, "%s/%s", directory, name);
    must(rd_import(from, m.path, NULL));
    snprintf(path, sizeof path, "%s/config.yaml", m.path);
    must(rd_recipe_load_config(&recipe, path));
    snprintf(path, sizeof path, "%s/model.safetensors", m.path);
    must(rd_model_load(&m.model, &recipe->model, path));
    recipe->model.position_layout = RD_POSITIONS_HF_MARIAN;
    recipe->model.layer_norm_eps = 1e-5f;
    must(rd_model_load(&m.as_transformers, &recipe->model, path));
    rd_recipe_free(recipe);
    snprintf(path, sizeof path, "%s/source.spm", m.path);
    snprintf(vocab, sizeof vocab, "%s/vocab.json", m.path);
    must(rd_tokenizer_open_mapped(&m.source, path, vocab));
    must(rd_translator_open(&m.translator, paths, 1, RD_PRECISION_FP32));
    return m;
}

static void close_imported(imported *m) {
    json_decref(m->golden);
    rd_model_free(m->model);
    rd_model_free(m->as_transformers);
    rd_tokenizer_close(m->source);
    rd_translator_close(m->translator);
}

/* Of the pieces that there are in the file: those added here are impossible. */
static void check_logits(const rd_model *model, const json_t *sentence, const char *key) {
    int64_t n_target, n, rows = rd_model_get_config(model)->tgt_vocab;
    int32_t *target;
    float *got = golden_logits(model, sentence, sentence, &n_target, &target);
    float *wanted = golden_floats(sentence, key, &n);
    int64_t pieces = n / n_target;
    assert_true(pieces < rows);
    for (int64_t i = 0; i < n_target; i++)
        for (int64_t k = 0; k < rows; k++) {
            if (k < pieces)
                assert_near((double)got[i * rows + k], (double)wanted[i * pieces + k], 0, 2e-5, key,
                            i * pieces + k);
            else
                assert_true(got[i * rows + k] < -9000);
        }
    free(got);
    free(wanted);
    free(target);
}

static double log_prob_of(const rd_model *model, const json_t *sentence, const json_t *hypothesis) {
    int64_t n, rows = rd_model_get_config(model)->tgt_vocab;
    int32_t *target;
    double log_prob = 0;
    float *logits = golden_logits(model, sentence, hypothesis, &n, &target);
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < rows; k++) sum += exp((double)logits[i * rows + k]);
        log_prob += (double)logits[i * rows + target[i]] - log(sum);
    }
    free(logits);
    free(target);
    return log_prob;
}

/* Marian prints six digits. */
static void check_marian(const imported *m, const json_t *sentence) {
    json_t *hypotheses = json_object_get(sentence, "marian"), *hypothesis;
    size_t i;
    assert_true(json_array_size(hypotheses) > 0);
    json_array_foreach(hypotheses, i, hypothesis)
        assert_near(log_prob_of(m->model, sentence, hypothesis),
                    golden_number(hypothesis, "log_prob"), 1e-5, 1e-4, "log P", (int64_t)i);
    const char *text = json_string_value(json_object_get(sentence, "text"));
    rd_translate_options options = rd_translator_defaults(m->translator);
    rd_translations found;
    must(rd_translator_run(m->translator, &options, 1, &text, NULL, &found));
    hypothesis = json_array_get(hypotheses, 0);
    assert_int_equal(found.items[0].n_tokens,
                     json_array_size(json_object_get(hypothesis, "pieces")));
    assert_near((double)found.items[0].score, golden_number(hypothesis, "score"), 1e-5, 1e-4,
                "score", 0);
    rd_translations_free(&found);
}

static void check_imported(const char *name, bool in_transformers) {
    imported m = open_imported(name);
    json_t *sentences = json_object_get(m.golden, "sentences"), *sentence;
    size_t i;
    assert_int_equal(json_array_size(sentences), 7);
    json_array_foreach(sentences, i, sentence) {
        golden_check_tokens(m.source, sentence, false);
        check_marian(&m, sentence);
        if (!in_transformers) continue;
        check_logits(m.model, sentence, "logits");
        check_logits(m.as_transformers, sentence, "logits_of_transformers");
    }
    close_imported(&m);
}

/* Pieces that the model of one side does not know, and vocab.json does, are drawn, too. */
static void test_samples(void **state) {
    (void)state;
    static const char text[] = "l\u00e4uft";
    rd_ids ids = {0};
    rd_tokenizer *tokenizer;
    must(rd_tokenizer_open_mapped(&tokenizer, TEST_DATA "/marian/tied/source.spm",
                                  TEST_DATA "/marian/tied/vocab.json"));
    int32_t unk = rd_tokenizer_unk(tokenizer);
    must(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    for (int64_t i = 0; i < ids.length; i++) assert_int_not_equal(ids.data[i], unk);
    for (uint64_t seed = 0; seed < 20; seed++) {
        ids.length = 0;
        must(rd_tokenizer_sample(tokenizer, text, strlen(text), 0.1f, -1, seed, &ids));
        for (int64_t i = 0; i < ids.length; i++) assert_int_not_equal(ids.data[i], unk);
    }
    rd_tokenizer_close(tokenizer);
    free(ids.data);
}

/* As OPUS-MT's: one vocabulary, all embeddings tied, swish; arrays are stored. */
static void test_opus(void **state) {
    (void)state;
    check_imported("opus", true);
}

/* Two vocabularies, the target's embeddings tied with the output; arrays are compressed. */
static void test_separate(void **state) {
    (void)state;
    check_imported("separate", true);
}

/* SentencePiece vocabularies, nothing tied, norms behind the embeddings. */
static void test_spm(void **state) {
    (void)state;
    check_imported("spm", false);
}

/* By the file, with decoding settings of its own. */
static void test_by_file(void **state) {
    (void)state;
    char command[700], from[128], to[128], path[256];
    rd_recipe *recipe;
    snprintf(from, sizeof from, "%s/file", directory);
    snprintf(to, sizeof to, "%s/by-file", directory);
    snprintf(command, sizeof command,
             "cp -r %s/marian_npz/opus %s && sed 's/beam-size: 4/beam-size: 7/' %s/decoder.yml "
             ">%s/model.npz.decoder.yml && rm %s/decoder.yml",
             TEST_DATA, from, from, from, from);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/model.npz", from);
    must(rd_import(path, to, NULL));
    snprintf(path, sizeof path, "%s/config.yaml", to);
    must(rd_recipe_load_config(&recipe, path));
    assert_int_equal(recipe->search.beam, 7);
    assert_true(recipe->search.lenpen > 0.59f && recipe->search.lenpen < 0.61f);
    rd_recipe_free(recipe);
}

/* A copy of a golden model to spoil, and where not to be found what is made of it. */
typedef struct {
    char from[128], to[128];
} spoiled;

static spoiled copy_golden(void) {
    spoiled s;
    char command[700];
    snprintf(s.from, sizeof s.from, "%s/spoiled", directory);
    snprintf(s.to, sizeof s.to, "%s/none", directory);
    snprintf(command, sizeof command, "rm -rf %s && cp -r %s/marian_npz/opus %s", s.from, TEST_DATA,
             s.from);
    assert_int_equal(system(command), 0);
    return s;
}

static void refused(const spoiled *s, const char *message) {
    if (rd_import(s->from, s->to, NULL) == RD_OK) fail_msg("imported in spite of: %s", message);
    if (!strstr(rd_last_error(), message))
        fail_msg("\"%s\" does not say \"%s\"", rd_last_error(), message);
    assert_null(strchr(rd_last_error(), '\n'));
    assert_false(rd_file_exists(s->to));
}

/* Replaces or adds an entry of the archive. */
static void put_entry(const spoiled *s, const char *name, const void *bytes, size_t n) {
    char path[256];
    int code;
    snprintf(path, sizeof path, "%s/model.npz", s->from);
    zip_t *archive = zip_open(path, 0, &code);
    assert_non_null(archive);
    zip_source_t *source = zip_source_buffer(archive, bytes, n, 0);
    assert_true(zip_file_add(archive, name, source, ZIP_FL_OVERWRITE) >= 0);
    assert_int_equal(zip_close(archive), 0);
}

/* An array with a header as given, and n bytes of data, all `fill`. */
static void put_array(const spoiled *s, const char *name, const char *header, size_t n, int fill) {
    size_t length = strlen(header);
    char *bytes = malloc(10 + length + n);
    assert_non_null(bytes);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (char)length;
    bytes[9] = 0;
    memcpy(bytes + 10, header, length);
    memset(bytes + 10 + length, fill, n);
    put_entry(s, name, bytes, 10 + length + n);
    free(bytes);
}

static void test_wrong_arrays(void **state) {
    (void)state;
    static const char Wq[] = "encoder_l1_self_Wq.npy";
    static const struct {
        const char *name, *header;
        size_t n;
        int fill;
        const char *message;
    } cases[] = {
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 11), }", 528, 0,
         "another shape than [12, 12]"},
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), }", 575, 0,
         "575 bytes of data, but its shape 576"},
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 576,
         0, "impossible shape"},
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 12, 12), }", 576, 0,
         "impossible shape"},
        {Wq, "{'descr': '<f4', 'fortran_order': True, 'shape': (12, 12), }", 576, 0, "Fortran"},
        {Wq, "{'descr': '>f4', 'fortran_order': False, 'shape': (12, 12), }", 576, 0, "type >f4"},
        {Wq, "{'descr': '|i1', 'fortran_order': False, 'shape': (12, 12), }", 144, 0, "type I8"},
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), }", 576, 255, "nan"},
        {Wq, "{'descr': '<f4', 'shape': (12, 12), }", 576, 0, "no header"},
        {Wq, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), }", 576,
         0, "no header"},
        {Wq, "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), } x", 576, 0,
         "no header"},
        {"encoder_l1_self_Wz.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4,
         0, "tensor encoder_l1_self_Wz is no part of a transformer with its settings"},
        {"Wemb.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 12), }", 48, 0,
         "no table of embeddings"},
        {"readme", "", 0, 0, "not an array"},
        {"special:model.yml.npy", "{'descr': '|i1', 'fortran_order': False, 'shape': (9,), }", 9,
         '[', "special:model.yml:2: not valid YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoiled s = copy_golden();
        put_array(&s, cases[i].name, cases[i].header, cases[i].n, cases[i].fill);
        refused(&s, cases[i].message);
    }
}

static void test_wrong_settings(void **state) {
    (void)state;
    static const char shape[] = "dim-emb: 12\nenc-depth: 2\ndec-depth: 1\ntransformer-heads: 4\n"
                                "transformer-dim-ffn: 16\ntied-embeddings-all: true\n";
    static const struct {
        const char *settings, *message;
    } cases[] = {
        {"type: s2s", "type: s2s is not supported"},
        {"transformer-ffn-activation: swish", "name no type"},
        {"type: transformer", "lack transformer-ffn-activation"},
        {"type: transformer\ntransformer-ffn-activation: gelu", "activation: gelu"},
        {"type: transformer\ntransformer-preprocess: n\ntransformer-postprocess: da", "pre-norm"},
        {"type: transformer\ntransformer-postprocess: dar", "transformer-postprocess: dar"},
        {"type: transformer\ntransformer-decoder-autoreg: rnn", "autoreg: rnn"},
        {"type: transformer\ntransformer-tied-layers: [1, 1]", "transformer-tied-layers"},
        {"type: transformer\ntype: transformer", "given twice"},
        {"type: &a [*a]", "without aliases"},
        {"type: transformer\ntransformer-ffn-activation: swish\ntransformer-decoder-dim-ffn: -1",
         "transformer-decoder-dim-ffn"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoiled s = copy_golden();
        char text[512], header[128];
        rd_text bytes = {0};
        int n = snprintf(text, sizeof text, "%s%s\n", shape, cases[i].settings) + 1; /* its NUL */
        snprintf(header, sizeof header,
                 "{'descr': '|i1', 'fortran_order': False, 'shape': (%d,), }\n", n);
        must(rd_text_append(&bytes, "\x93NUMPY\1\0", 8));
        must(rd_text_append(&bytes, (char[]){(char)strlen(header), 0}, 2));
        must(rd_text_append(&bytes, header, strlen(header)));
        must(rd_text_append(&bytes, text, (size_t)n));
        put_entry(&s, "special:model.yml.npy", bytes.data, (size_t)bytes.length);
        rd_text_free(&bytes);
        refused(&s, cases[i].message);
    }
}

/* A warning names settings of decoder.yml that are not about a search, as they are left out. */
static void test_settings_without_effect(void **state) {
    (void)state;
    spoiled s = copy_golden();
    char command[512], to[128];
    rd_text warnings = {0};
    snprintf(to, sizeof to, "%s/warned", directory);
    snprintf(command, sizeof command,
             "cd %s && printf 'output-sampling: [topk, 10]\nn-best: true\nweights:\n  - 1\n"
             "shortlist: []\nword-scores: false\nno-spm-decode: true\n' >>decoder.yml",
             s.from);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    must(rd_import(s.from, to, &warnings));
    assert_non_null(warnings.data);
    assert_string_equal(warnings.data,
                        "decoder.yml: output-sampling: [\"topk\", \"10\"] has no effect here\n"
                        "decoder.yml: n-best: \"true\" has no effect here\n"
                        "decoder.yml: no-spm-decode: \"true\" has no effect here\n");
    rd_text_free(&warnings);
}

static void test_wrong_files(void **state) {
    (void)state;
    static const struct {
        const char *spoil, *message; /* a command, in the directory */
    } cases[] = {
        {"truncate -s 9999 model.npz", "ip archive"},
        {"truncate -s 0 model.npz", "ip archive"},
        {"rm model.npz && mkdir model.npz", "not a regular file"},
        {"rm model.npz", "cannot open"},
        {"rm decoder.yml", "neither a .npz file nor a directory"},
        {"echo 'models: [model.npz]' >decoder.yml", "two vocabs"},
        {"echo 'models: [a.npz, b.npz]' >decoder.yml", "does not name one model"},
        {"echo 'word-penalty: 1' >>decoder.yml", "given twice"},
        {"sed -i 's/word-penalty: 0/word-penalty: 1/' decoder.yml", "word-penalty: 1"},
        {"sed -i 's/beam-size: 4/beam-size: -4/' decoder.yml", "beam-size"},
        {"sed -i 's/vocab.yml/vocab.txt/' decoder.yml", ".yml files next to"},
        {"rm source.spm", "there is no source.spm; vocabularies are .yml files next to"},
        {"echo x >target.spm", "not a SentencePiece model"},
        {"echo 'x: 4000' >>vocab.yml", "not a number from 0"},
        {"echo 'x: 1' >>vocab.yml", "same id"},
        {"echo 'x: y' >>vocab.yml", "not a number from 0"},
        {"echo '\"<unk>\": 5' >>vocab.yml", "given twice"},
        {"sed -i 's|\"</s>\"|\"<e>\"|' vocab.yml", "no piece </s>"},
        {"echo '- x' >vocab.yml", "expected 'key: value' lines"},
        {"printf '\"\\\\xff' >vocab.yml", "not valid YAML"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spoiled s = copy_golden();
        char command[512];
        snprintf(command, sizeof command, "cd %s && %s", s.from, cases[i].spoil);
        assert_int_equal(system(command), 0);
        refused(&s, cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opus),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_separate),
        cmocka_unit_test(test_spm),
        cmocka_unit_test(test_by_file),
        cmocka_unit_test(test_wrong_arrays),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_settings_without_effect),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
