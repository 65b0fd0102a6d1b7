/* WordPiece and pairs of sentences against Hugging Face's tokenizers (tests/oracles/
 * wordpiece_golden.py): ids, decoding, truncation; damaged vocabularies. With
 * RDROP_WORDPIECE_LINES=FILE and RDROP_WORDPIECE_VOCAB=FILE, of that script, those lines as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/sentence_pair.h"
#include "data/wordpiece_split.h"
#include "golden.h"
#include "io/output.h"
#include "rdrop/tokenizer.h"

#define FOLDER TEST_DATA "/wordpiece/"

static char directory[] = "/tmp/rdrop_wordpiece_XXXXXX";
static char vocab_path[64], config_path[64], json_path[64];

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return 1;
    snprintf(vocab_path, sizeof vocab_path, "%s/vocab.txt", directory);
    snprintf(config_path, sizeof config_path, "%s/tokenizer_config.json", directory);
    snprintf(json_path, sizeof json_path, "%s/tokenizer.json", directory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(vocab_path);
    unlink(config_path);
    unlink(json_path);
    return rmdir(directory);
}

static rd_tokenizer *open_at(const char *path) {
    rd_tokenizer *tokenizer;
    if (rd_tokenizer_open(&tokenizer, path) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(rd_tokenizer_kind_of(tokenizer), RD_TOKENIZER_WORDPIECE);
    return tokenizer;
}

static void write_text(const char *path, const char *text) {
    assert_int_equal(rd_write_file(path, text, strlen(text)), RD_OK);
}

/* The golden vocabulary next to a configuration of its own. */
static rd_tokenizer *open_with(const char *config) {
    char *bytes;
    size_t n;
    assert_int_equal(rd_read_file(FOLDER "vocab.txt", 1 << 20, &bytes, &n), RD_OK);
    assert_int_equal(rd_write_file(vocab_path, bytes, n), RD_OK);
    write_text(config_path, config);
    free(bytes);
    return open_at(vocab_path);
}

static size_t from_hex(const char *hex, char *bytes) {
    size_t n = 0;
    for (unsigned byte; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) bytes[n] = (char)byte;
    return n;
}

/* One line "ID ID ...<TAB>HEX". */
static void check_line(const rd_tokenizer *tokenizer, char *line, int64_t number, rd_ids *ids) {
    char *tab = strchr(line, '\t'), *text = malloc(strlen(line) + 1), *at = line;
    assert_non_null(tab);
    *tab = '\0';
    ids->length = 0;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, from_hex(tab + 1, text), ids), RD_OK);
    int64_t i = 0;
    for (char *end;; at = end, i++) {
        long id = strtol(at, &end, 10);
        if (end == at) break;
        if (i >= ids->length || ids->data[i] != id)
            fail_msg("line %lld: id %lld is %d, expected %ld", (long long)number, (long long)i,
                     i < ids->length ? (int)ids->data[i] : -1, id);
    }
    if (i != ids->length)
        fail_msg("line %lld: %lld ids, expected %lld", (long long)number, (long long)ids->length,
                 (long long)i);
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

static void test_ids(void **state) {
    (void)state;
    static const char *const uncased[] = {"vocab.txt", "tokenizer.json"};
    for (int i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, FOLDER "%s", uncased[i]);
        rd_tokenizer *tokenizer = open_at(path);
        assert_int_equal(check_file(tokenizer, FOLDER "uncased.txt"), 321);
        rd_tokenizer_close(tokenizer);
    }
    rd_tokenizer *cased = open_with("{\"do_lower_case\": false, \"strip_accents\": null}");
    assert_int_equal(check_file(cased, FOLDER "cased.txt"), 321);
    rd_tokenizer_close(cased);
}

static void test_lines_of_the_oracle(void **state) {
    (void)state;
    const char *vocab = getenv("RDROP_WORDPIECE_VOCAB"), *lines = getenv("RDROP_WORDPIECE_LINES");
    if (!vocab || !lines) skip();
    rd_tokenizer *tokenizer = open_at(vocab);
    print_message("%lld lines\n", (long long)check_file(tokenizer, lines));
    rd_tokenizer_close(tokenizer);
}

/* Files that went through Windows have "\r\n". */
static void test_line_ends(void **state) {
    (void)state;
    unlink(config_path);
    write_text(vocab_path, "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nhello\r\nx\r\n");
    rd_tokenizer *tokenizer = open_at(vocab_path);
    assert_int_equal(rd_tokenizer_size(tokenizer), 7);
    assert_string_equal(rd_tokenizer_piece(tokenizer, 5), "hello");
    assert_string_equal(rd_tokenizer_piece(tokenizer, 6), "x");
    rd_tokenizer_close(tokenizer);
}

/* The first and last of CJK's ideographs are words of their own, their neighbours are letters. */
static void test_ends_of_ideographs(void **state) {
    (void)state;
    static const char *const texts[] = {"x\xE4\xB8\x80x", "x\xE9\xBF\xBFx", "x\xE4\xB7\xBFx",
                                        "x\xEA\x80\x80x"}; /* U+4E00, 9FFF, 4DFF, A000 */
    unlink(config_path);
    write_text(vocab_path, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx\n\xE4\xB8\x80\n\xE9\xBF\xBF\n");
    rd_tokenizer *tokenizer = open_at(vocab_path);
    rd_ids ids = {0};
    for (int i = 0; i < 4; i++) {
        ids.length = 0;
        assert_int_equal(rd_tokenizer_encode(tokenizer, texts[i], 5, &ids), RD_OK);
        assert_int_equal(ids.length, i < 2 ? 3 : 1);
        assert_int_equal(ids.data[i < 2], i < 2 ? 6 + i : 1);
    }
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

static rd_status count_word(void *self, const char *word, size_t n, int64_t n_chars) {
    (void)word, (void)n, (void)n_chars;
    ++*(int *)self;
    return RD_OK;
}

/* So are those of all the other blocks that BERT knows. */
static void test_blocks_of_ideographs(void **state) {
    (void)state;
    static const uint32_t blocks[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                         {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                         {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    static const uint32_t others[] = {0x33FF, 0x4DC0, 0xA000, 0xFB00, 0x2B820, 0x2B91F, 0x2CEB0};
    const rd_wordpiece_rules rules = {.clean = true, .chinese = true};
    enum { INSIDE = 2 * sizeof blocks / sizeof *blocks, ALL = INSIDE + sizeof others / 4 };
    for (size_t i = 0; i < ALL; i++) {
        uint32_t c = i < INSIDE ? blocks[i / 2][i % 2] : others[i - INSIDE];
        char text[8] = "x";
        int words = 0;
        size_t n = 1 + (size_t)rd_utf8_put(c, text + 1);
        text[n++] = 'x';
        must(rd_wordpiece_words(&rules, text, n, count_word, &words));
        if (words != (i < INSIDE ? 3 : 1)) fail_msg("%d words around U+%X", words, (unsigned)c);
    }
}

static void test_special_pieces(void **state) {
    (void)state;
    static const char *const names[] = {FOLDER "vocab.txt", FOLDER "tokenizer.json"};
    for (int i = 0; i < 2; i++) {
        rd_tokenizer *t = open_at(names[i]);
        assert_int_equal(rd_tokenizer_pad(t), 0);
        assert_int_equal(rd_tokenizer_unk(t), 1);
        assert_int_equal(rd_tokenizer_bos(t), 2);
        assert_int_equal(rd_tokenizer_eos(t), 3);
        assert_int_equal(rd_tokenizer_mask(t), 4);
        assert_string_equal(rd_tokenizer_piece(t, 2), "[CLS]");
        assert_null(rd_tokenizer_piece(t, rd_tokenizer_size(t)));
        assert_true(rd_tokenizer_is_mapped(t));
        rd_tokenizer_close(t);
    }
}

/* Pieces that begin with "##" begin no word. */
static void test_beginnings_of_words(void **state) {
    (void)state;
    rd_tokenizer *t = open_at(FOLDER "vocab.txt");
    int inner = 0;
    for (int32_t id = 0; id < rd_tokenizer_size(t); id++) {
        bool continues = strncmp(rd_tokenizer_piece(t, id), "##", 2) == 0;
        assert_int_equal(rd_tokenizer_begins_word(t, id), !continues);
        inner += continues;
    }
    assert_true(inner > 100);
    rd_tokenizer_close(t);
}

static void check_decoding(const char *path) {
    rd_tokenizer *tokenizer = open_at(path);
    json_t *cases = golden_load("wordpiece/decoded.json"), *item;
    size_t i;
    json_array_foreach(cases, i, item) {
        int64_t n;
        size_t length;
        int32_t *ids = golden_integers(item, "ids", &n);
        char *text;
        assert_int_equal(rd_tokenizer_decode(tokenizer, ids, n, &text, &length), RD_OK);
        assert_string_equal(text, json_string_value(json_object_get(item, "text")));
        free(text);
        free(ids);
    }
    assert_int_equal(json_array_size(cases), 150);
    json_decref(cases);
    rd_tokenizer_close(tokenizer);
}

static void test_decoding(void **state) {
    (void)state;
    check_decoding(FOLDER "vocab.txt");
    check_decoding(FOLDER "tokenizer.json");
}

/* Text that is no UTF-8 is as U+FFFD, which vanishes; and nothing can be drawn at random. */
static void test_other_text(void **state) {
    (void)state;
    rd_tokenizer *t = open_at(FOLDER "vocab.txt");
    rd_ids broken = {0}, whole = {0};
    assert_int_equal(rd_tokenizer_encode(t,
                                         "le\xFF"
                                         "arning",
                                         9, &broken),
                     RD_OK);
    assert_int_equal(rd_tokenizer_encode(t, "learning", 8, &whole), RD_OK);
    assert_int_equal(broken.length, whole.length);
    assert_memory_equal(broken.data, whole.data, sizeof(int32_t) * (size_t)whole.length);
    assert_int_equal(rd_tokenizer_sample(t, "a", 1, 0.1f, -1, 1, &whole), RD_ERR_UNSUPPORTED);
    assert_int_equal(rd_tokenizer_sample(t, "a", 1, 0.0f, -1, 1, &whole), RD_OK);
    free(broken.data);
    free(whole.data);
    rd_tokenizer_close(t);
}

/* One word of many characters, and many marks after one character. */
static void test_long_words(void **state) {
    (void)state;
    enum { N = 100000 };
    rd_tokenizer *t = open_at(FOLDER "vocab.txt");
    char *text = malloc(4 * N);
    rd_ids ids = {0};
    memset(text, 'a', N);
    assert_int_equal(rd_tokenizer_encode(t, text, N, &ids), RD_OK);
    assert_int_equal(ids.length, 1);
    assert_int_equal(ids.data[0], rd_tokenizer_unk(t));
    for (int i = 0; i < N; i += 7)
        memcpy(text + i, i % 2 ? "\xE3\x80\xAE\xF0\x9D\x85\xA5" : "\xF0\x9D\x85\xA5\xE3\x80\xAE",
               7);
    assert_int_equal(rd_tokenizer_encode(t, text, N / 7 * 7, &ids), RD_OK);
    assert_int_equal(ids.length, 2);
    free(text);
    free(ids.data);
    rd_tokenizer_close(t);
}

static rd_ids ids_of(const json_t *item, const char *key) {
    rd_ids ids = {0};
    ids.data = golden_integers(item, key, &ids.length);
    ids.capacity = ids.length;
    return ids;
}

static void check_pair(const json_t *item, const rd_pair_form *form) {
    bool two = !json_is_null(json_object_get(item, "second"));
    rd_ids first = ids_of(item, "first"), second = {0}, ids = {0};
    rd_ids expected = ids_of(item, "ids"), expected_segments = ids_of(item, "segments");
    int64_t longest = json_integer_value(json_object_get(item, "longest")), n_first;
    if (two) second = ids_of(item, "second");
    assert_int_equal(rd_pair_append(form, &first, two ? &second : NULL, longest, &ids, &n_first),
                     RD_OK);
    assert_int_equal(ids.length, expected.length);
    assert_int_equal(ids.length, expected_segments.length);
    assert_memory_equal(ids.data, expected.data, sizeof(int32_t) * (size_t)ids.length);
    for (int64_t i = 0; i < ids.length; i++)
        assert_int_equal(i >= n_first, expected_segments.data[i]);
    assert_int_equal(rd_pair_append(form, &first, two ? &second : NULL,
                                    rd_pair_special(form, two) - 1, &ids, &n_first),
                     RD_ERR_ARGUMENT);
    rd_ids *const all[] = {&first, &second, &ids, &expected, &expected_segments};
    for (int i = 0; i < 5; i++) free(all[i]->data);
}

static void test_pairs(void **state) {
    (void)state;
    rd_tokenizer *tokenizers[] = {open_at(FOLDER "vocab.txt"), NULL};
    assert_int_equal(rd_tokenizer_open(&tokenizers[1], TEST_DATA "/bpe/vocab.json"), RD_OK);
    rd_pair_form forms[2];
    for (int i = 0; i < 2; i++) assert_int_equal(rd_pair_form_of(&forms[i], tokenizers[i]), RD_OK);
    json_t *cases = golden_load("wordpiece/pairs.json"), *item;
    size_t i;
    json_array_foreach(cases, i, item) {
        bool roberta = !strcmp(json_string_value(json_object_get(item, "form")), "roberta");
        check_pair(item, &forms[roberta]);
    }
    assert_int_equal(json_array_size(cases), 120);
    json_decref(cases);
    for (int k = 0; k < 2; k++) rd_tokenizer_close(tokenizers[k]);
}

static void expect_ids(const rd_tokenizer *tokenizer, const char *text, const int32_t *wanted,
                       int64_t n) {
    rd_ids ids = {0};
    must(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    assert_int_equal(ids.length, n);
    assert_memory_equal(ids.data, wanted, sizeof *wanted * (size_t)n);
    free(ids.data);
}

/* An added token may be after all pieces of the vocabulary, or be one of them. In a text it is one
 * id, if the vocabulary's own special pieces are not meant. */
static void test_added_tokens(void **state) {
    (void)state;
    static const char json[] =
        "{\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": "
        "{\"type\": \"BertPreTokenizer\"}, \"added_tokens\": [{\"id\": 7, \"content\": \"[B]\", "
        "\"special\": true}, {\"id\": 0, \"content\": \"[UNK]\", \"special\": true}], \"model\": "
        "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": "
        "\"##\", "
        "\"max_input_chars_per_word\": 100, \"vocab\": {\"[UNK]\": 0, \"a\": 1}}}";
    rd_tokenizer *tokenizer;
    write_text(json_path, json);
    must(rd_tokenizer_open(&tokenizer, json_path));
    assert_int_equal(rd_tokenizer_size(tokenizer), 8);
    assert_string_equal(rd_tokenizer_piece(tokenizer, 7), "[B]");
    assert_string_equal(rd_tokenizer_piece(tokenizer, 1), "a");
    assert_null(rd_tokenizer_piece(tokenizer, 8));
    expect_ids(tokenizer, "a[B]a [b] [UNK]", (int32_t[]){1, 7, 1, 0, 0, 0, 0, 0, 0}, 9);
    rd_tokenizer_close(tokenizer);
}

static void assert_refused(const char *path, const char *reason) {
    rd_tokenizer *tokenizer;
    rd_status status = rd_tokenizer_open(&tokenizer, path);
    assert_null(tokenizer);
    if (status == RD_OK || !strstr(rd_last_error(), reason))
        fail_msg("'%s' does not say '%s'", status == RD_OK ? "" : rd_last_error(), reason);
}

/* Of what is cut out of a text before words are, and of two files that disagree. */
static void test_files_beside(void **state) {
    (void)state;
    static const char json[] =
        "{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}, \"pre_tokenizer\": "
        "{\"type\": \"BertPreTokenizer\"}, \"added_tokens\": [%s], \"model\": {\"type\": "
        "\"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"a\": 1, \"A\": 2}}}";
    char text[600], config[256];
    rd_tokenizer *tokenizer;
    rd_ids ids = {0};
    snprintf(text, sizeof text, json, "{\"id\": 3, \"content\": \"covid\", \"special\": false}");
    write_text(json_path, text);
    assert_refused(json_path, "the added token \"covid\" is not supported");
    snprintf(text, sizeof text, json, "");
    write_text(json_path, text);
    snprintf(config, sizeof config, "%s", json_path);
    snprintf(strrchr(config, '/'), 32, "/tokenizer_config.json");
    write_text(config, "{\"do_lower_case\": false}");
    must(rd_tokenizer_open(&tokenizer, json_path));
    must(rd_tokenizer_encode(tokenizer, "A a", 3, &ids));
    assert_int_equal(ids.length, 2);
    assert_int_equal(ids.data[0], 2); /* as in BertTokenizer: not made small */
    assert_int_equal(ids.data[1], 1);
    free(ids.data);
    rd_tokenizer_close(tokenizer);
    unlink(config);
}

/* A vocab.txt has added tokens next to it alone, among its lines or after them. */
static void test_tokens_beside(void **state) {
    (void)state;
    rd_tokenizer *tokenizer;
    write_text(vocab_path, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n[E]\n");
    write_text(config_path, "{\"added_tokens_decoder\": {\"7\": {\"content\": \"covid\"}}}");
    assert_refused(vocab_path, "the added token \"covid\" is not supported");
    write_text(config_path, "{\"added_tokens_decoder\": {\"1\": {\"content\": \"[UNK]\"}, "
                            "\"6\": {\"content\": \"[E]\", \"special\": true}, "
                            "\"8\": {\"content\": \"[F]\", \"special\": true}}}");
    must(rd_tokenizer_open(&tokenizer, vocab_path));
    assert_int_equal(rd_tokenizer_size(tokenizer), 9);
    expect_ids(tokenizer, "a [E]a[F] [SEP]", (int32_t[]){5, 6, 5, 8, 1, 1, 1}, 7);
    char *text;
    must(rd_tokenizer_decode(tokenizer, (int32_t[]){5, 6, 5}, 3, &text, NULL));
    assert_string_equal(text, "a a");
    free(text);
    rd_tokenizer_close(tokenizer);
    write_text(config_path, "{\"added_tokens_decoder\": {\"5\": {\"content\": \"[E]\", "
                            "\"special\": true}}}");
    assert_refused(vocab_path, "line 6 is \"a\", but an added token \"[E]\" has its id");
    write_text(config_path, "{\"added_tokens_decoder\": {\"999999\": {\"content\": \"[E]\"}}}");
    assert_refused(vocab_path, "far from its pieces");
}

static void test_damaged_vocabularies(void **state) {
    (void)state;
    static const char start[] =
        "{\"normalizer\": {\"type\": \"BertNormalizer\"}, \"pre_tokenizer\": "
        "{\"type\": \"BertPreTokenizer\"}, ";
    static const struct {
        const char *json, *reason;
    } cases[] = {
        {"{\"model\": {\"type\": \"WordPiece\"}}", "no model.vocab"},
        {"{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1}}}", "normalizer is missing"},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}", "it has no pieces"},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1}}}", "no piece \"[UNK]\""},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": -1}}}", "is no integer from"},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1, \"b\": 1}}}", "same id 1"},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1}, "
         "\"continuing_subword_prefix\": \"@@\"}}",
         "begin with \"@@\""},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1}, "
         "\"max_input_chars_per_word\": 1000}}",
         "max_input_chars_per_word"},
        {"+\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 1}}, \"added_tokens\": [{}]}",
         "added token 0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char json[512];
        bool whole = cases[i].json[0] == '+';
        snprintf(json, sizeof json, "%s%s", whole ? start : "", cases[i].json + whole);
        write_text(json_path, json);
        assert_refused(json_path, cases[i].reason);
    }
    write_text(config_path, "{}");
    write_text(vocab_path, "[PAD]\n[CLS]\n");
    assert_refused(vocab_path, "no piece \"[UNK]\"");
    write_text(vocab_path, "[UNK]\n\xFF\n");
    assert_refused(vocab_path, "byte 7 is no UTF-8");
    write_text(vocab_path, "");
    assert_refused(vocab_path, "no piece \"[UNK]\"");
    write_text(vocab_path, "[UNK]\n");
    write_text(config_path, "{");
    assert_refused(vocab_path, "tokenizer_config.json:1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_lines_of_the_oracle),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_ends_of_ideographs),
        cmocka_unit_test(test_blocks_of_ideographs),
        cmocka_unit_test(test_special_pieces),
        cmocka_unit_test(test_beginnings_of_words),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_other_text),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_added_tokens),
        cmocka_unit_test(test_files_beside),
        cmocka_unit_test(test_tokens_beside),
        cmocka_unit_test(test_damaged_vocabularies),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
