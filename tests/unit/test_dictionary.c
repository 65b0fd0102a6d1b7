/* Dictionaries of words and characters: made of corpora as fairseq does, read, encoded, decoded;
 * files that are none; and the table of strings under them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "base/string_table.h"
#include "data/vocab.h"
#include "data/vocab_files.h"
#include "io/output.h"
#include "rdrop/tokenizer.h"

static char directory[] = "/tmp/rdrop_dictionary_XXXXXX";
static char path[96];

static const char *path_of(const char *name) {
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_text(const char *name, const char *text) {
    assert_int_equal(rd_write_file(path_of(name), text, strlen(text)), RD_OK);
}

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"corpus",         "corpus.gz", "dict.txt",
                                        "characters.txt", "spm.model", "dict.de.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(path_of(names[i]));
    return rmdir(directory);
}

static rd_status train(const rd_vocab_config *config, const char *name) {
    char corpus[96], compressed[96];
    const char *paths[] = {corpus, compressed};
    snprintf(corpus, sizeof corpus, "%s/corpus", directory);
    snprintf(compressed, sizeof compressed, "%s/corpus.gz", directory);
    return rd_vocab_train(config, paths, rd_file_exists(compressed) ? 2 : 1, path_of(name));
}

static void check_dictionary(const rd_vocab_config *config, const char *name,
                             const char *expected) {
    char *bytes;
    size_t n;
    if (train(config, name) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(rd_read_file(path_of(name), 1 << 20, &bytes, &n), RD_OK);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static rd_vocab_config words(void) {
    return (rd_vocab_config){.type = "words", .size = 8000, .character_coverage = 1.0f};
}

static rd_tokenizer *open_at(const char *name) {
    rd_tokenizer *tokenizer;
    if (rd_tokenizer_open(&tokenizer, path_of(name)) != RD_OK) fail_msg("%s", rd_last_error());
    return tokenizer;
}

/* Falling counts, ties by code points, special spellings left out, a multiple of 8. */
static void test_words_of_corpora(void **state) {
    (void)state;
    static const char line[] = "b madeupword0000 <unk> é\n\n";
    rd_vocab_config config = words();
    gzFile file = gzopen(path_of("corpus.gz"), "w");
    assert_int_equal(gzwrite(file, line, sizeof line - 1), sizeof line - 1);
    gzclose(file);
    write_text("corpus", "the cat\tthe  dog </s>\r\n \u3000the\u00A0cat\x1Fzoo <mask>\nb");
    check_dictionary(&config, "dict.txt",
                     "the 3\nb 2\ncat 2\ndog 1\nmadeupword0000 1\nzoo 1\né 1\nmadeupword0001 0\n"
                     "madeupword0002 0\nmadeupword0003 0\nmadeupword0004 0\nmadeupword0005 0\n");
    config.threshold = 2;
    check_dictionary(&config, "dict.txt", "the 3\nb 2\ncat 2\nmadeupword0001 0\n");
    config.most = 7;
    config.mask = true;
    check_dictionary(&config, "dict.txt", "<mask> 0\nthe 3\nb 2\nmadeupword0001 0\n");
    unlink(path_of("corpus.gz"));
}

static void check_ids(const rd_tokenizer *tokenizer, const char *text, size_t n,
                      const int32_t *expected, int64_t n_expected) {
    rd_ids ids = {0};
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, n, &ids), RD_OK);
    assert_int_equal(ids.length, n_expected);
    assert_memory_equal(ids.data, expected, sizeof(int32_t) * (size_t)n_expected);
    free(ids.data);
}

static void check_text(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                       const char *expected) {
    char *text;
    size_t length;
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids, n, &text, &length), RD_OK);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    free(text);
}

static void test_words(void **state) {
    (void)state;
    static const char text[] = "  the\tcat <unk> <s> <mask> \xFFz the\n";
    static const int32_t ids[] = {5, 6, 3, 3, 3, 3, 5}, all[] = {0, 5, 1, 3, 7, 4, 6, 2};
    write_text("dict.de.txt", "<mask> 0\nthe 3\ncat 2\r\n@ -@ 1");
    rd_tokenizer *t = open_at("dict.de.txt");
    assert_int_equal(rd_tokenizer_kind_of(t), RD_TOKENIZER_WORDS);
    assert_int_equal(rd_tokenizer_size(t), 8);
    assert_int_equal(rd_tokenizer_bos(t), 0);
    assert_int_equal(rd_tokenizer_pad(t), 1);
    assert_int_equal(rd_tokenizer_eos(t), 2);
    assert_int_equal(rd_tokenizer_unk(t), 3);
    assert_int_equal(rd_tokenizer_mask(t), 4);
    assert_string_equal(rd_tokenizer_piece(t, 5), "the");
    assert_string_equal(rd_tokenizer_piece(t, 3), "<unk>");
    assert_true(rd_tokenizer_begins_word(t, 6));
    assert_false(rd_tokenizer_is_mapped(t));
    check_ids(t, text, sizeof text - 1, ids, 7);
    check_ids(t, "", 0, ids, 0);
    check_text(t, all, 8, "the <unk> @ -@ cat");
    rd_ids drawn = {0};
    assert_int_equal(rd_tokenizer_sample(t, "the", 3, 0.1f, -1, 1, &drawn), RD_ERR_UNSUPPORTED);
    free(drawn.data);
    rd_tokenizer_close(t);
}

static void test_characters(void **state) {
    (void)state;
    static const int32_t ids[] = {6, 4, 3, 5, 7, 3}, special[] = {0, 6, 4, 3, 5, 1, 7, 2};
    rd_vocab_config config = {.type = "characters", .character_coverage = 1.0f};
    write_text("corpus", "aa \na ü\n \n");
    check_dictionary(&config, "characters.txt", "U+000A 3\nU+0020 3\nU+0061 3\nU+00FC 1\n");
    rd_tokenizer *t = open_at("characters.txt");
    assert_int_equal(rd_tokenizer_kind_of(t), RD_TOKENIZER_CHARACTERS);
    assert_int_equal(rd_tokenizer_size(t), 8);
    assert_string_equal(rd_tokenizer_piece(t, 4), "\n");
    check_ids(t, "a\nx ü\xFF", 7, ids, 6);
    check_text(t, special, 8, "a\n\uFFFD ü");
    rd_tokenizer_close(t);
    config.character_coverage = 0.98f;
    check_dictionary(&config, "characters.txt", "U+000A 3\nU+0020 3\nU+0061 3\nU+00FC 1\n");
    config.character_coverage = 0.9f;
    check_dictionary(&config, "characters.txt", "U+000A 3\nU+0020 3\nU+0061 3\n");
    config.threshold = 4;
    assert_int_equal(train(&config, "characters.txt"), RD_ERR_FORMAT);
}

/* The new vocabulary of a folder is the one that counts. */
static void test_of_a_folder(void **state) {
    (void)state;
    rd_tokenizer *source, *target;
    write_text("spm.model", "the one before");
    write_text("dict.txt", "a 1\n");
    write_text("characters.txt", "U+0061 1\n");
    write_text("bpecodes", "of another dict.txt");
    assert_int_equal(rd_vocabularies_keep(directory, rd_vocab_file("words", RD_VOCAB_JOINT)),
                     RD_OK);
    assert_false(rd_file_exists(path_of("spm.model")));
    assert_false(rd_file_exists(path_of("characters.txt")));
    assert_false(rd_file_exists(path_of("bpecodes")));
    assert_int_equal(rd_vocabularies_open(directory, RD_VOCABULARY_JOINT, &source, &target), RD_OK);
    assert_int_equal(rd_tokenizer_kind_of(source), RD_TOKENIZER_WORDS);
    rd_vocabularies_close(source, target);
}

static void assert_refused(const char *name, const char *text, const char *reason) {
    rd_tokenizer *tokenizer;
    write_text(name, text);
    rd_status status = rd_tokenizer_open(&tokenizer, path_of(name));
    assert_null(tokenizer);
    if (status != RD_ERR_FORMAT || !strstr(rd_last_error(), reason))
        fail_msg("'%s' does not say '%s'", status == RD_OK ? "" : rd_last_error(), reason);
}

static void test_damaged_files(void **state) {
    (void)state;
    assert_refused("dict.txt", "a 1\nb\n", "dict.txt:2: \"b\": expected a word and its count");
    assert_refused("dict.txt", "a 1\n\nb 1\n", "dict.txt:2: \"\"");
    assert_refused("dict.txt", "a 1 #fairseq:overwrite\n", "expected a word and its count");
    assert_refused("dict.txt", "a 1\na 2\n", "dict.txt:2: \"a\": it is there twice");
    assert_refused("dict.txt", "<unk> 2\n", "it is there twice");
    assert_refused("dict.txt", "a\x80 2\n", "byte 2 is no UTF-8");
    assert_refused("dict.txt", "", "without symbols");
    assert_refused("characters.txt", "a 1\n", "expected a character as");
    assert_refused("characters.txt", "U+D800 1\n", "expected a character as");
    assert_refused("characters.txt", "U+110000 1\n", "expected a character as");
    assert_refused("characters.txt", "U+61 1\nU+0061 1\n", "it is there twice");
}

static void test_settings_of_sentencepiece(void **state) {
    (void)state;
    static const char *const keys[] = {"byte-fallback", "user-defined-symbols", "normalization",
                                       "vocab-sentences", "character-coverage"};
    write_text("corpus", "a\n");
    for (int i = 0; i < 5; i++) {
        rd_vocab_config config = words();
        config.byte_fallback = i == 0;
        config.symbols = i == 1 ? "<b>" : "";
        config.normalization = i == 2 ? "nfkc" : NULL;
        config.max_sentences = i == 3;
        config.character_coverage = i == 4 ? 0.99f : 1.0f;
        assert_int_equal(train(&config, "dict.txt"), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), keys[i]));
    }
    rd_vocab_config config = words();
    write_text("corpus", " \n\t<s>\n");
    assert_int_equal(train(&config, "dict.txt"), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "hold no words"));
}

static void test_string_table(void **state) {
    (void)state;
    enum { N = 20000 };
    rd_string_table table = {0};
    char text[32];
    int32_t id;
    assert_int_equal(rd_string_find(&table, "0", 1), -1);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            size_t n = (size_t)sprintf(text, "%d", i * 7);
            assert_int_equal(rd_string_add(&table, text, n, &id), RD_OK);
            assert_int_equal(id, i);
        }
    assert_int_equal(table.n, N);
    assert_int_equal(rd_string_find(&table, "70", 2), 10);
    assert_int_equal(rd_string_find(&table, "70", 1), 1);
    assert_int_equal(rd_string_find(&table, "71", 2), -1);
    assert_string_equal(rd_string_at(&table, 10), "70");
    assert_int_equal(rd_string_length(&table, 10), 2);
    assert_int_equal(rd_string_add(&table, "a\0b", 3, &id), RD_OK);
    assert_int_equal(rd_string_find(&table, "a\0b", 3), N);
    assert_int_equal(rd_string_find(&table, "a", 1), -1);
    rd_string_table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_corpora), cmocka_unit_test(test_words),
        cmocka_unit_test(test_characters),       cmocka_unit_test(test_of_a_folder),
        cmocka_unit_test(test_damaged_files),    cmocka_unit_test(test_settings_of_sentencepiece),
        cmocka_unit_test(test_string_table),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
