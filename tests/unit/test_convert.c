/* Models of Hugging Face's transformers, imported: the same ids, logits and translations as
 * tests/oracles/marian_golden.py got from them. */
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
#include "golden.h"
#include "model/seq2seq.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "recipe/recipe.h"

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

static void must(rd_status status) {
    if (status != RD_OK) fail_msg("%s", rd_last_error());
}

typedef struct {
    char path[128];
    json_t *golden;
    rd_recipe *recipe;
    rd_model *model;
    rd_tokenizer *source;
    rd_translator *translator;
} imported;

static imported open_imported(const char *name) {
    imported m;
    char from[512], path[600], vocab[600];
    snprintf(from, sizeof from, "%s/marian/%s", TEST_DATA, name);
    snprintf(m.path, sizeof m.path, "%s/%s", directory, name);
    snprintf(path, sizeof path, "marian/%s/golden.json", name);
    m.golden = golden_load(path);
    must(rd_import_hf(from, m.path));
    snprintf(path, sizeof path, "%s/config.yaml", m.path);
    must(rd_recipe_load(&m.recipe, path, NULL, 0));
    snprintf(path, sizeof path, "%s/model.safetensors", m.path);
    must(rd_model_load(&m.model, &m.recipe->model, path));
    snprintf(path, sizeof path, "%s/source.spm", m.path);
    snprintf(vocab, sizeof vocab, "%s/vocab.json", m.path);
    must(rd_tokenizer_open_mapped(&m.source, path, vocab));
    const char *paths[] = {m.path};
    must(rd_translator_open(&m.translator, paths, 1));
    return m;
}

static void close_imported(imported *m) {
    json_decref(m->golden);
    rd_recipe_free(m->recipe);
    rd_model_free(m->model);
    rd_tokenizer_close(m->source);
    rd_translator_close(m->translator);
}

static void check_tokens(const imported *m, const json_t *sentence) {
    const char *text = json_string_value(json_object_get(sentence, "text"));
    int64_t n;
    int32_t *wanted = golden_integers(sentence, "source", &n);
    rd_ids ids = {0};
    must(rd_tokenizer_encode(m->source, text, strlen(text), &ids));
    assert_int_equal(ids.length, n - 1); /* without eos */
    assert_memory_equal(ids.data, wanted, sizeof(int32_t) * (size_t)ids.length);
    free(ids.data);
    free(wanted);
}

static void check_logits(const imported *m, const json_t *sentence) {
    int64_t n_source, n_target, n;
    int32_t *source = golden_integers(sentence, "source", &n_source);
    int32_t *target = golden_integers(sentence, "target", &n_target);
    float *wanted = golden_floats(sentence, "logits", &n);
    rd_batch batch = {0};
    must(rd_batch_add(&batch, 0, source, (int32_t)n_source, target, (int32_t)n_target));
    assert_int_equal(n, n_target * m->recipe->model.tgt_vocab);
    float *logits = malloc(sizeof *logits * (size_t)n);
    rd_arena arena = {0};
    must(rd_seq2seq_logits(m->model, &arena, &batch, logits));
    for (int64_t i = 0; i < n; i++)
        assert_near((double)logits[i], (double)wanted[i], 0, 2e-5, "logits", i);
    free(logits);
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    free(source);
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
    assert_int_equal(json_array_size(sentences), 7);
    json_array_foreach(sentences, i, sentence) {
        check_tokens(&m, sentence);
        check_logits(&m, sentence);
        check_translation(&m, sentence);
    }
    close_imported(&m);
}

/* One vocabulary, all embeddings tied, swish, beam search that stops when no better is likely. */
static void test_tied(void **state) {
    (void)state;
    check_imported("tied");
}

/* Embeddings of their own on both sides, in bfloat16, greedy search. */
static void test_untied(void **state) {
    (void)state;
    check_imported("untied");
}

/* Two vocabularies, weights in two files, a search with other settings. */
static void test_separate(void **state) {
    (void)state;
    check_imported("separate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_separate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
