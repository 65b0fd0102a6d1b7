/* subword-nmt's codes: lines cut as it cuts them (tests/oracles/subword_golden.py), then whole
 * vocabularies of a dictionary and codes, and codes that are none. */
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
#include "io/output.h"
#include "data/binarize_text.h"
#include "data/dictionary.h"
#include "data/masking.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"
#include "data/vocab_files.h"
#include "golden.h"
#include "rdrop/tokenizer.h"
#include "translate/output.h"
#include "translate/words.h"

static char directory[] = "/tmp/rdrop-subword-XXXXXX";

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

static void place(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    must(rd_write_file(path, text, strlen(text)));
}

static rd_status open_codes(rd_subword **codes, const char *text) {
    char path[128];
    place("codes", text);
    snprintf(path, sizeof path, "%s/codes", directory);
    return rd_subword_open(codes, path);
}

static void check_line(const rd_subword *codes, const char *text, const char *wanted) {
    rd_text got = {0};
    must(rd_text_append(&got, "", 0));
    must(rd_subword_apply(codes, text, strlen(text), 0, NULL, &got));
    assert_string_equal(got.data, wanted);
    rd_text_free(&got);
}

static void check_case(const char *text, const json_t *lines) {
    rd_subword *codes;
    const json_t *line;
    size_t i;
    must(open_codes(&codes, text));
    json_array_foreach(lines, i, line)
        check_line(codes, json_string_value(json_object_get(line, "text")),
                   json_string_value(json_object_get(line, "pieces")));
    rd_subword_close(codes);
}

static void test_golden(void **state) {
    (void)state;
    json_t *cases = golden_load("subword/cases.json"), *item;
    size_t i;
    assert_true(json_array_size(cases) == 10);
    json_array_foreach(cases, i, item) check_case(json_string_value(json_object_get(item, "codes")),
                                                  json_object_get(item, "lines"));
    json_decref(cases);
}

/* fastBPE's codes: the same merges, with a count. */
static void test_fastbpe(void **state) {
    rd_subword *codes;
    (void)state;
    must(open_codes(&codes, "t h 17\nth e</w> 16\n"));
    check_line(codes, "the then", "the th@@ e@@ n");
    rd_subword_close(codes);
}

static void test_refused(void **state) {
    static const char *const texts[] = {"#version: 0.2\na b\nab\n", "a b\n\nc d\n", "a  b\n",
                                        "a b c d\n", "a b x\n"};
    static const char *const lines[] = {":3: \"ab\"", ":2: \"\"", ":1: \"a  b\"", ":1: \"a b c d\"",
                                        ":1: \"a b x\""};
    rd_subword *codes;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(open_codes(&codes, texts[i]), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), lines[i]));
        assert_null(codes);
    }
    assert_int_equal(open_codes(&codes, "a \xff\n"), RD_ERR_FORMAT);
}

static void check_decoded(const rd_tokenizer *t, const int32_t *ids, int64_t n,
                          const char *wanted) {
    char *text;
    size_t length;
    must(rd_tokenizer_decode(t, ids, n, &text, &length));
    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
    free(text);
}

/* A dictionary with codes next to it: ids 4 on are "the", "th@@", "e@@", "n". */
static void test_vocabulary(void **state) {
    rd_tokenizer *source, *target;
    rd_ids ids = {0};
    int32_t words[5];
    char two[128], fingerprints[2][RD_SHA256_HEX];
    (void)state;
    place("dict.txt", "the 9\nth@@ 5\ne@@ 4\nn 3\n");
    place("bpecodes", "#version: 0.2\nt h\nth e</w>\n");
    must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    assert_int_equal(rd_tokenizer_kind_of(source), RD_TOKENIZER_SUBWORD_NMT);
    must(rd_tokenizer_encode(source, "the then xn", 11, &ids));
    const int32_t wanted[] = {4, 5, 6, 7, 3, 7};
    assert_int_equal(ids.length, 6);
    assert_memory_equal(ids.data, wanted, sizeof wanted);
    must(rd_tokenizer_encode(source, "", 0, &ids));
    assert_int_equal(ids.length, 6);
    check_decoded(source, wanted, 4, "the then");
    check_decoded(source, wanted, 3, "the the");
    check_decoded(source, wanted + 1, 1, "th");
    check_decoded(source, wanted, 0, "");
    must(rd_words_of_tokens(source, "the then xn", 11, wanted, 5, words));
    const int32_t of_words[] = {0, 1, 1, 1, 2};
    assert_memory_equal(words, of_words, sizeof of_words);
    ids.length = 0;
    must(rd_tokenizer_sample(source, "the the the the", 15, 0.99f, 1, 3, &ids));
    assert_true(ids.length > 4);
    rd_vocabularies_close(source, target);
    free(ids.data);
    snprintf(two, sizeof two, "%s/two", directory);
    must(rd_make_directories(two));
    must(rd_vocabularies_copy(directory, two, RD_VOCABULARY_JOINT));
    must(rd_vocabularies_fingerprint(directory, RD_VOCABULARY_ANY, fingerprints[0]));
    must(rd_vocabularies_fingerprint(two, RD_VOCABULARY_ANY, fingerprints[1]));
    assert_string_equal(fingerprints[0], fingerprints[1]);
    place("two/bpecodes", "#version: 0.2\nt h\n");
    must(rd_vocabularies_fingerprint(two, RD_VOCABULARY_ANY, fingerprints[1]));
    assert_string_not_equal(fingerprints[0], fingerprints[1]);
}

/* A dictionary of pieces without the codes: text comes cut, and leaves whole. */
static void test_text_of_pieces(void **state) {
    rd_tokenizer *source, *target;
    rd_ids ids = {0};
    const int32_t wanted[] = {4, 5, 6, 7};
    char codes[128], text[] = "th@@ e@@ n then@@", whole[] = "the @@ n";
    (void)state;
    snprintf(codes, sizeof codes, "%s/bpecodes", directory);
    unlink(codes);
    place("dict.txt", "the 9\nth@@ 5\ne@@ 4\nn 3\n");
    must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    must(rd_tokenizer_encode(source, "the th@@ e@@ n", 14, &ids));
    assert_int_equal(ids.length, 4);
    assert_memory_equal(ids.data, wanted, sizeof wanted);
    check_decoded(source, wanted, 4, "the then");
    assert_false(rd_tokenizer_ends_word(source, 5));
    assert_int_equal(rd_tokenizer_join(source, text, strlen(text)), 9);
    assert_string_equal(text, "then then");
    rd_vocabularies_close(source, target);
    place("dict.txt", "the 9\nth@ 5\ne 4\nn 3\n");
    must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    check_decoded(source, wanted, 4, "the th@ e n");
    assert_int_equal(rd_tokenizer_join(source, whole, strlen(whole)), 8);
    assert_string_equal(whole, "the @@ n");
    rd_vocabularies_close(source, target);
    free(ids.data);
}

/* Source words that replace unknown ones have blanks around them, and their pieces are joined. */
static void test_unknown_words(void **state) {
    static const struct {
        const char *dictionary, *source, *text;
    } cases[] = {{"the 9\nn 3\n", "the guitar, n", "the guitar n the"},
                 {"the@@ 9\nn 3\n", "the gu@@ it@@ ar", "thegun the"}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rd_tokenizer *source, *target;
        int32_t tokens[] = {4, RD_DICTIONARY_UNK, 5, 4, 2}, aligned[] = {0, 1, 2, 2, 2};
        const int32_t words[] = {0, 1, 2};
        rd_hypothesis found = {.tokens = tokens, .aligned = aligned, .length = 5};
        rd_translation item = {0};
        place("dict.txt", cases[c].dictionary);
        must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
        rd_output_form output = {.target = target,
                                 .text = cases[c].source,
                                 .text_length = strlen(cases[c].source),
                                 .words = words,
                                 .replace_unk = true};
        must(rd_output_translation(&output, &found, &item));
        assert_string_equal(item.text, cases[c].text);
        free(item.text);
        rd_vocabularies_close(source, target);
    }
}

/* Perplexity is per word, not per piece. */
static void test_words_of_pieces(void **state) {
    static const char text[] = " the th@@ e@@ n  @@ n\n";
    rd_tokenizer *source, *target;
    (void)state;
    for (int pieces = 0; pieces < 2; pieces++) {
        place("dict.txt", pieces ? "the 9\nth@@ 5\n" : "the 9\nth 5\n");
        must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
        assert_int_equal(rd_count_words(source, text, sizeof text - 1), pieces ? 3 : 6);
        rd_vocabularies_close(source, target);
    }
}

/* Masks of whole words take what a joiner binds together. */
static void test_whole_words_are_masked(void **state) {
    rd_tokenizer *source, *target;
    rd_masking *masking;
    const rd_masking_config config = {.share = 0.4f, .whole_words = true};
    const int32_t ids[] = {4, 5, 6, 7, 4, 2}; /* the th@@ e@@ n the */
    rd_ids masked = {0}, labels = {0};
    int chosen = 0;
    (void)state;
    place("dict.txt", "the 9\nth@@ 5\ne@@ 4\nn 3\n<mask> 0\n");
    place("bpecodes", "#version: 0.2\nt h\nth e</w>\n");
    must(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target));
    must(rd_masking_new(&masking, &config, source));
    for (int k = 0; k < 40; k++) {
        rd_rng rng = rd_rng_make(5, (uint64_t)k);
        must(rd_masking_apply(masking, &rng, ids, 6, &masked, &labels));
        assert_int_equal(labels.data[1] >= 0, labels.data[2] >= 0);
        assert_int_equal(labels.data[2] >= 0, labels.data[3] >= 0);
        chosen += labels.data[1] >= 0;
    }
    assert_in_range(chosen, 1, 39);
    rd_masking_free(masking);
    rd_vocabularies_close(source, target);
    free(masked.data);
    free(labels.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),          cmocka_unit_test(test_fastbpe),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_text_of_pieces),  cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_words_of_pieces), cmocka_unit_test(test_whole_words_are_masked)};
    return cmocka_run_group_tests_name("subword", tests, setup, teardown);
}
