/* Byte-level BPE against Hugging Face's tokenizers (tests/oracles/bpe_golden.py): ids, exact round
 * trips, decoding of anything; damaged vocabularies; dropout. With RDROP_BPE_LINES=FILE and
 * RDROP_BPE_VOCAB=FILE, of that script, those texts as well. */
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
#include "data/bpe_split.h"
#include "golden.h"
#include "io/output.h"
#include "rdrop/tokenizer.h"

#define FOLDER TEST_DATA "/bpe/"

static char directory[] = "/tmp/rdrop_bpe_XXXXXX";
static char vocab_path[64], merges_path[64], json_path[64];

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return 1;
    snprintf(vocab_path, sizeof vocab_path, "%s/vocab.json", directory);
    snprintf(merges_path, sizeof merges_path, "%s/merges.txt", directory);
    snprintf(json_path, sizeof json_path, "%s/tokenizer.json", directory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(vocab_path);
    unlink(merges_path);
    unlink(json_path);
    return rmdir(directory);
}

static rd_tokenizer *open_golden(const char *name) {
    rd_tokenizer *tokenizer;
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (rd_tokenizer_open(&tokenizer, path) != RD_OK) fail_msg("%s", rd_last_error());
    return tokenizer;
}

static size_t from_hex(const char *hex, char *bytes) {
    size_t n = 0;
    for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) bytes[n] = (char)byte;
    return n;
}

/* One line "ID ID ...<TAB>HEX": the text gives the ids, and they the text. */
static void check_line(const rd_tokenizer *tokenizer, char *line, int64_t number, rd_ids *ids) {
    char *tab = strchr(line, '\t'), *text = malloc(strlen(line) + 1), *back;
    assert_non_null(tab);
    *tab = '\0';
    size_t n = from_hex(tab + 1, text), length;
    ids->length = 0;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, n, ids), RD_OK);
    int64_t i = 0;
    char *at = line;
    for (char *end;; at = end, i++) {
        long id = strtol(at, &end, 10);
        if (end == at) break;
        if (i >= ids->length || ids->data[i] != id)
            fail_msg("line %lld: id %lld is %d, expected %ld", (long long)number, (long long)i,
                     i < ids->length ? (int)ids->data[i] : -1, id);
    }
    assert_int_equal(i, ids->length);
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids->data, ids->length, &back, &length), RD_OK);
    assert_int_equal(length, n);
    assert_memory_equal(back, text, n);
    free(back);
    free(text);
}

static int64_t check_file(const rd_tokenizer *tokenizer, const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    int64_t n = 0;
    rd_ids ids = {0};
    assert_non_null(file);
    while (getline(&line, &capacity, file) > 0) check_line(tokenizer, line, ++n, &ids);
    free(line);
    free(ids.data);
    fclose(file);
    return n;
}

static void test_ids_and_round_trips(void **state) {
    (void)state;
    static const char *const names[] = {"vocab.json", "tokenizer.json"};
    for (int i = 0; i < 2; i++) {
        rd_tokenizer *tokenizer = open_golden(names[i]);
        assert_int_equal(check_file(tokenizer, FOLDER "lines.txt"), 400);
        rd_tokenizer_close(tokenizer);
    }
}

static void test_texts_of_the_oracle(void **state) {
    (void)state;
    const char *vocab = getenv("RDROP_BPE_VOCAB"), *lines = getenv("RDROP_BPE_LINES");
    rd_tokenizer *tokenizer;
    if (!vocab || !lines) skip();
    if (rd_tokenizer_open(&tokenizer, vocab) != RD_OK) fail_msg("%s", rd_last_error());
    print_message("%lld texts\n", (long long)check_file(tokenizer, lines));
    rd_tokenizer_close(tokenizer);
}

static void test_special_pieces(void **state) {
    (void)state;
    static const char *const names[] = {"vocab.json", "tokenizer.json"};
    for (int i = 0; i < 2; i++) {
        rd_tokenizer *t = open_golden(names[i]);
        assert_int_equal(rd_tokenizer_size(t), 701);
        assert_int_equal(rd_tokenizer_bos(t), 0);
        assert_int_equal(rd_tokenizer_pad(t), 1);
        assert_int_equal(rd_tokenizer_eos(t), 2);
        assert_int_equal(rd_tokenizer_unk(t), 3);
        assert_int_equal(rd_tokenizer_mask(t), 700);
        assert_string_equal(rd_tokenizer_piece(t, 700), "<mask>");
        assert_null(rd_tokenizer_piece(t, 701));
        rd_tokenizer_close(t);
    }
}

static void test_decoding_anything(void **state) {
    (void)state;
    rd_tokenizer *tokenizer = open_golden("vocab.json");
    json_t *cases = golden_load("bpe/decoded.json"), *item;
    size_t i;
    json_array_foreach(cases, i, item) {
        int64_t n;
        int32_t *ids = golden_integers(item, "ids", &n);
        const char *hex = json_string_value(json_object_get(item, "hex"));
        char *wanted = malloc(strlen(hex) + 1), *text;
        size_t length;
        assert_int_equal(rd_tokenizer_decode(tokenizer, ids, n, &text, &length), RD_OK);
        assert_int_equal(length, from_hex(hex, wanted));
        assert_memory_equal(text, wanted, length);
        free(wanted);
        free(text);
        free(ids);
    }
    assert_int_equal(json_array_size(cases), 200);
    json_decref(cases);
    rd_tokenizer_close(tokenizer);
}

/* Bytes that are no UTF-8 are cut into words too, without an end or a gap. */
static void test_invalid_text(void **state) {
    (void)state;
    static const char text[] = "a\xFF b\xE2\x82 '\xC3", *rest = text;
    rd_tokenizer *tokenizer = open_golden("vocab.json");
    size_t n = sizeof text - 1;
    for (size_t at = 0; at < n; rest = text + at) {
        size_t length = rd_bpe_word(text, n, at);
        assert_true(length >= 1 && at + length <= n);
        at += length;
    }
    assert_ptr_equal(rest, text + n);
    rd_ids ids = {0};
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, n, &ids), RD_OK);
    char *back;
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, ids.length, &back, NULL), RD_OK);
    assert_string_equal(back, "a\uFFFD b\uFFFD '\uFFFD");
    free(back);
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

/* A NUL is a byte like others, and a blank to who asks for no length. */
static void test_nul(void **state) {
    (void)state;
    static const char text[] = "a\0 b\0\0c";
    rd_tokenizer *tokenizer = open_golden("vocab.json");
    rd_ids ids = {0};
    char *back;
    size_t length;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids), RD_OK);
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, ids.length, &back, &length), RD_OK);
    assert_int_equal(length, sizeof text - 1);
    assert_memory_equal(back, text, sizeof text);
    free(back);
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, ids.length, &back, NULL), RD_OK);
    assert_string_equal(back, "a  b  c");
    free(back);
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

/* The content of FOLDER/name with the first `from` replaced by `to`, at `path`. */
static void write_changed(const char *path, const char *name, const char *from, const char *to) {
    char source[512], *bytes;
    size_t n;
    snprintf(source, sizeof source, FOLDER "%s", name);
    assert_int_equal(rd_read_file(source, 1 << 20, &bytes, &n), RD_OK);
    char *at = strstr(bytes, from), *changed = malloc(n + strlen(to) + 1);
    assert_non_null(at);
    int length = sprintf(changed, "%.*s%s%s", (int)(at - bytes), bytes, to, at + strlen(from));
    assert_int_equal(rd_write_file(path, changed, (size_t)length), RD_OK);
    free(changed);
    free(bytes);
}

/* The golden vocabulary with GPT-2's one special piece, id 2, and ordinary ones for the others. */
static void rename_special(const char *path) {
    static const char *const names[][2] = {{"\"</s>\"", "\"<|endoftext|>\""},
                                           {"\"<s>\"", "\"<a>\""},
                                           {"\"<pad>\"", "\"<b>\""},
                                           {"\"<unk>\"", "\"<c>\""}};
    char *bytes;
    size_t n;
    assert_int_equal(rd_read_file(FOLDER "vocab.json", 1 << 20, &bytes, &n), RD_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *at = strstr(bytes, names[i][0]), *changed = malloc(n + 64);
        assert_non_null(at);
        n = (size_t)sprintf(changed, "%.*s%s%s", (int)(at - bytes), bytes, names[i][1],
                            at + strlen(names[i][0]));
        free(bytes);
        bytes = changed;
    }
    assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
    free(bytes);
}

/* GPT-2 has one special piece, which begins and ends; tokenizer_config.json may want a blank. */
static void test_vocabulary_of_gpt2(void **state) {
    (void)state;
    char config_path[64];
    rd_tokenizer *tokenizer;
    rd_ids plain = {0}, prefixed = {0};
    snprintf(config_path, sizeof config_path, "%s/tokenizer_config.json", directory);
    write_changed(merges_path, "merges.txt", "#", "#");
    rename_special(vocab_path);
    assert_int_equal(rd_tokenizer_open(&tokenizer, vocab_path), RD_OK);
    assert_int_equal(rd_tokenizer_bos(tokenizer), 2);
    assert_int_equal(rd_tokenizer_eos(tokenizer), 2);
    assert_int_equal(rd_tokenizer_pad(tokenizer), -1);
    assert_int_equal(rd_tokenizer_unk(tokenizer), -1);
    assert_int_equal(rd_tokenizer_encode(tokenizer, " the", 4, &prefixed), RD_OK);
    rd_tokenizer_close(tokenizer);
    assert_int_equal(rd_write_file(config_path, "{\"add_prefix_space\": true}", 26), RD_OK);
    assert_int_equal(rd_tokenizer_open(&tokenizer, vocab_path), RD_OK);
    assert_int_equal(rd_tokenizer_encode(tokenizer, "the", 3, &plain), RD_OK);
    assert_int_equal(plain.length, prefixed.length);
    assert_memory_equal(plain.data, prefixed.data, sizeof(int32_t) * (size_t)plain.length);
    rd_tokenizer_close(tokenizer);
    plain.length = 0; /* and goes before what a tokenizer.json says */
    write_changed(json_path, "tokenizer.json", "{", "{");
    assert_int_equal(rd_tokenizer_open(&tokenizer, json_path), RD_OK);
    assert_int_equal(rd_tokenizer_encode(tokenizer, "the", 3, &plain), RD_OK);
    assert_int_equal(plain.length, prefixed.length);
    assert_memory_equal(plain.data, prefixed.data, sizeof(int32_t) * (size_t)plain.length);
    rd_tokenizer_close(tokenizer);
    unlink(json_path);
    unlink(config_path);
    free(plain.data);
    free(prefixed.data);
}

/* Without dropout the merges are all done; with it fewer, and the text stays the same. */
static void test_dropout(void **state) {
    (void)state;
    static const char text[] = "we show the learning of a translation summary, don't they've";
    rd_tokenizer *tokenizer = open_golden("vocab.json");
    rd_ids whole = {0}, first = {0}, again = {0};
    int longer = 0;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), &whole), RD_OK);
    for (uint64_t seed = 0; seed < 50; seed++) {
        first.length = again.length = 0;
        rd_tokenizer_sample(tokenizer, text, strlen(text), 0.3f, -1, seed, &first);
        rd_tokenizer_sample(tokenizer, text, strlen(text), 0.3f, -1, seed, &again);
        assert_int_equal(first.length, again.length);
        assert_memory_equal(first.data, again.data, sizeof(int32_t) * (size_t)first.length);
        assert_true(first.length >= whole.length);
        longer += first.length > whole.length;
        char *back;
        assert_int_equal(rd_tokenizer_decode(tokenizer, first.data, first.length, &back, NULL),
                         RD_OK);
        assert_string_equal(back, text);
        free(back);
    }
    assert_true(longer > 40);
    first.length = 0;
    rd_tokenizer_sample(tokenizer, text, strlen(text), 1.0f, -1, 1, &first);
    assert_int_equal(first.length, strlen(text));
    assert_int_equal(rd_tokenizer_sample(tokenizer, text, strlen(text), 1.5f, -1, 1, &first),
                     RD_ERR_ARGUMENT); /* a smoothing, as of a unigram vocabulary */
    first.length = 0;
    rd_tokenizer_sample(tokenizer, text, strlen(text), 0.0f, -1, 1, &first);
    assert_int_equal(first.length, whole.length);
    free(whole.data);
    free(first.data);
    free(again.data);
    rd_tokenizer_close(tokenizer);
}

static void assert_refused(const char *path, const char *reason) {
    rd_tokenizer *tokenizer;
    rd_status status = rd_tokenizer_open(&tokenizer, path);
    assert_null(tokenizer);
    if (status == RD_OK || !strstr(rd_last_error(), reason))
        fail_msg("'%s' does not say '%s'", status == RD_OK ? "" : rd_last_error(), reason);
}

static void test_damaged_vocabularies(void **state) {
    (void)state;
    static const struct {
        const char *name, *from, *to, *reason;
    } cases[] = {
        {"tokenizer.json", "\"BPE\"", "\"Unigram\"", "its model is Unigram"},
        {"tokenizer.json", "\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}",
         "normalizer"},
        {"tokenizer.json", "\"ByteLevel\"", "\"Whitespace\"", "not ByteLevel"},
        {"tokenizer.json", "\"use_regex\":true", "\"use_regex\":false", "use_regex"},
        {"tokenizer.json", "\"byte_fallback\":false", "\"byte_fallback\":true", "byte_fallback"},
        {"tokenizer.json", "\"continuing_subword_prefix\":null",
         "\"continuing_subword_prefix\":\"##\"", "continuing_subword_prefix"},
        {"tokenizer.json", "\"!\":4", "\"!\":5", "same id 5"},
        {"tokenizer.json", "\"!\":4", "\"!\":-4", "\"!\" is no integer"},
        {"tokenizer.json", "\"!\":4", "\"!\":40000000", "\"!\" is no integer"},
        {"tokenizer.json", "\"!\":4", "\"!\":4000000", "most ids have no piece"},
        {"tokenizer.json", "\"!\":4,", "", "no piece for byte 0x21"},
        {"tokenizer.json", "\"vocab\":", "\"vocabs\":", "no model.vocab"},
        {"tokenizer.json", "\"merges\":[", "\"merges\":[\"ab\",", "merge 1, \"ab\""},
        {"tokenizer.json", "\"merges\":[", "\"merges\":[7,", "merge 1 is not two pieces"},
        {"tokenizer.json", "\"merges\":[", "\"merges\":[\"! nopiece\",", "is of or to no piece"},
        {"tokenizer.json", "\"content\":\"<s>\"", "\"content\":\"!\"", "\"!\" has id 4, but "},
        {"tokenizer.json", "\"content\":", "\"contents\":", "no content or id"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(json_path, cases[i].name, cases[i].from, cases[i].to);
        assert_refused(json_path, cases[i].reason);
    }
    write_changed(vocab_path, "vocab.json", "{", "{");
    unlink(merges_path);
    assert_refused(vocab_path, merges_path);
    write_changed(merges_path, "merges.txt", "h e\n", "h  e\n");
    assert_refused(vocab_path, "merges.txt: not a byte-level BPE vocabulary: merge 9");
    write_changed(vocab_path, "vocab.json", "\"!\": 4", "\"!\" 4");
    assert_refused(vocab_path, "vocab.json:1: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_and_round_trips),
        cmocka_unit_test(test_texts_of_the_oracle),
        cmocka_unit_test(test_special_pieces),
        cmocka_unit_test(test_decoding_anything),
        cmocka_unit_test(test_invalid_text),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_vocabulary_of_gpt2),
        cmocka_unit_test(test_damaged_vocabularies),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
