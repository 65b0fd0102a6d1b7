/* Tokens added to a vocabulary: ids and texts are those of transformers, also where tokens take
 * blanks with them, are whole words alone, or begin alike; and vocabularies that get new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/vocab_extend.h"
#include "data/vocab_files.h"
#include "golden.h"
#include "io/output.h"

enum { MOST_IDS = 12 };

typedef struct {
    const char *text;
    int32_t ids[MOST_IDS], n;
    const char *back;
} example;

static char directory[] = "/tmp/rdrop-added-XXXXXX";

/* A folder `name` with files of a golden one. */
static const char *copy_files(const char *name, const char *golden, const char *files) {
    static char path[128];
    char command[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(command, sizeof command, "mkdir %s && cd %s/%s && cp %s %s && chmod -R u+w %s", path,
             TEST_DATA, golden, files, path, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    return path;
}

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(rd_write_file(path, text, strlen(text)));
}

static void check(const char *folder, const example *examples, int n) {
    rd_tokenizer *source, *target;
    must(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target));
    for (int i = 0; i < n; i++) {
        const example *e = &examples[i];
        rd_ids ids = {0};
        char *back;
        must(rd_tokenizer_encode(source, e->text, strlen(e->text), &ids));
        assert_int_equal(ids.length, e->n);
        for (int32_t k = 0; k < e->n; k++) assert_int_equal(ids.data[k], e->ids[k]);
        must(rd_tokenizer_decode(target, ids.data, ids.length, &back, NULL));
        assert_string_equal(back, e->back);
        free(back);
        free(ids.data);
    }
    rd_vocabularies_close(source, target);
}

static void test_byte_level(void **state) {
    (void)state;
    static const example examples[] = {
        {"a <hl> b", {68, 701, 224, 69}, 4, "a<hl> b"},
        {"a<hl>xb", {68, 703, 69}, 3, "a<hl>xb"},
        {"[ENT]  a", {702, 68}, 2, "a"}, /* special, and takes the blanks after it */
        {"word words sword word",
         {704, 266, 338, 71, 86, 265, 339, 71, 224, 704},
         10,
         "word words sword word"},
        {"<hl><hl>", {701, 701}, 2, "<hl><hl>"},
        {"", {0}, 0, ""}};
    const char *folder = copy_files("bytes", "bart", "vocab.json merges.txt");
    write_file(folder, "tokenizer_config.json",
               "{\"added_tokens_decoder\": {\"701\": {\"content\": \"<hl>\", \"lstrip\": true},"
               " \"702\": {\"content\": \"[ENT]\", \"rstrip\": true, \"special\": true},"
               " \"703\": {\"content\": \"<hl>x\"},"
               " \"704\": {\"content\": \"word\", \"single_word\": true}}}");
    check(folder, examples, sizeof examples / sizeof *examples);
}

/* Tokens that are not normalized are found first, the others in what is left, which begins and ends
 * there. Nothing begins within one that would have to be a word. */
static void test_passes(void **state) {
    (void)state;
    static const example examples[] = {{"foobar", {701, 703}, 2, "foobar"},
                                       {"fooqzq", {701, 704}, 2, "fooqzq"},
                                       {"qzqbar", {84, 93, 84, 703}, 4, "qzqbar"},
                                       {"bar foo", {703, 224, 701}, 3, "bar foo"},
                                       {"barqzqfoo", {703, 84, 93, 84, 701}, 5, "barqzqfoo"},
                                       {"a qzqfoo", {68, 224, 704, 701}, 4, "a qzqfoo"},
                                       {"ones", {282, 72, 86}, 3, "ones"}};
    const char *folder = copy_files("passes", "bart", "vocab.json merges.txt");
    write_file(folder, "tokenizer_config.json",
               "{\"added_tokens_decoder\": {\"701\": {\"content\": \"foo\", \"normalized\": false},"
               " \"702\": {\"content\": \"foobar\", \"normalized\": true},"
               " \"703\": {\"content\": \"bar\"},"
               " \"704\": {\"content\": \"qzq\", \"single_word\": true},"
               " \"705\": {\"content\": \"one\", \"single_word\": true},"
               " \"706\": {\"content\": \"nes\"}}}");
    check(folder, examples, sizeof examples / sizeof *examples);
}

static void test_marian(void **state) {
    (void)state;
    static const example examples[] = {{"the red dog", {10, 58, 52}, 3, "thered dog"},
                                       {"<ent> dog<ent>", {57, 52, 57}, 3, "<ent> dog<ent>"},
                                       {"hundred", {27, 37, 50, 22, 51, 58}, 6, "hundred"}};
    const char *folder = copy_files("marian", "marian/tied", "vocab.json source.spm target.spm");
    write_file(folder, "added_tokens.json", "{\"<ent>\": 57, \"red\": 58}");
    check(folder, examples, 3);
    write_file(folder, "added_tokens.json", "{\"<ent>\": 5}"); /* another piece has it */
    rd_tokenizer *source, *target;
    assert_int_equal(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target),
                     RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "have the same id"));
}

static void test_extended(void **state) {
    (void)state;
    static const example bytes[] = {{"<hl><x>", {701, 702}, 2, "<hl><x>"}};
    const char *folder = copy_files("extended", "marian/tied", "vocab.json source.spm target.spm");
    must(rd_vocabularies_extend(folder, " <a>  <b> "));
    assert_int_equal(rd_count_symbols(" <a>  <b> "), 2);
    rd_tokenizer *source, *target;
    must(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target));
    assert_int_equal(rd_tokenizer_size(source), 59);
    assert_string_equal(rd_tokenizer_piece(target, 57), "<a>");
    assert_string_equal(rd_tokenizer_piece(target, 58), "<b>");
    rd_vocabularies_close(source, target);
    assert_int_equal(rd_vocabularies_extend(folder, "<c> <a>"), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "<a> is piece 57 of the vocabulary already"));
    assert_int_equal(rd_vocabularies_extend(folder, "<c> <c>"), RD_ERR_FORMAT);
    folder = copy_files("whole", "bpe", "tokenizer.json");
    must(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target));
    assert_int_equal(rd_tokenizer_size(source), 701);
    rd_vocabularies_close(source, target);
    must(rd_vocabularies_extend(folder, "<hl> <x>"));
    check(folder, bytes, 1);
    folder = copy_files("words", "vit/hf", "config.json");
    assert_int_equal(rd_vocabularies_extend(folder, "<x>"), RD_ERR_UNSUPPORTED);
}

/* A SentencePiece model gets pieces at its end, which text is never cut within. */
static void test_extended_sentencepiece(void **state) {
    (void)state;
    const char *folder = copy_files("pieces", "marian/tied", "source.spm");
    char command[300];
    snprintf(command, sizeof command, "mv %s/source.spm %s/spm.model", folder, folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    rd_tokenizer *source, *target;
    must(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target));
    int32_t size = rd_tokenizer_size(source);
    rd_vocabularies_close(source, target);
    must(rd_vocabularies_extend(folder, "<tag>"));
    must(rd_vocabularies_open(folder, RD_VOCABULARY_ANY, &source, &target));
    assert_int_equal(rd_tokenizer_size(source), size + 1);
    rd_ids ids = {0};
    must(rd_tokenizer_encode(source, "dog<tag>", 8, &ids));
    assert_int_equal(ids.data[ids.length - 1], size);
    free(ids.data);
    rd_vocabularies_close(source, target);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_byte_level),
                                       cmocka_unit_test(test_passes), cmocka_unit_test(test_marian),
                                       cmocka_unit_test(test_extended),
                                       cmocka_unit_test(test_extended_sentencepiece)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
