/* Vocabularies trained on a small text: reproducible, with fairseq's special ids; encoding,
 * decoding and sampling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/vocab.h"
#include "io/output.h"
#include "rdrop/tokenizer.h"
#include "sentencepiece_shim.h"

enum { LINES = 600, PIECES = 70 };

/* Seeds at the end of the range, which SentencePiece itself does not take. */
#define SEED(s) ((uint64_t)UINT32_MAX - (uint64_t)(s))

static char directory[] = "/tmp/rdrop_tokenizer_XXXXXX";
static char text_path[64], model_path[64], other_path[64];

static int setup(void **state) {
    (void)state;
    static const char *const parts[] = {"hou",  "se", "mo",  "gar", "den", "wal",
                                        "king", "ta", "ble", "un",  "der", "lit"};
    if (!mkdtemp(directory)) return 1;
    snprintf(text_path, sizeof text_path, "%s/text", directory);
    snprintf(model_path, sizeof model_path, "%s/model", directory);
    snprintf(other_path, sizeof other_path, "%s/other", directory);
    FILE *file = fopen(text_path, "w");
    if (!file) return 1;
    rd_rng rng = rd_rng_make(1, 1);
    for (int i = 0; i < LINES; i++) {
        int n = 1 + (int)rd_rng_below(&rng, 12);
        for (int k = 0; k < n; k++)
            fprintf(file, "%s%s%s", k ? " " : "", parts[rd_rng_below(&rng, 12)],
                    parts[rd_rng_below(&rng, 12)]);
        fputc('\n', file);
    }
    return fclose(file);
}

static int teardown(void **state) {
    (void)state;
    unlink(text_path);
    unlink(model_path);
    unlink(other_path);
    return rmdir(directory);
}

static rd_status train(const char *type, int32_t size, const char *path) {
    rd_vocab_config config = {.type = type, .size = size, .character_coverage = 1.0f};
    const char *paths[] = {text_path};
    return rd_vocab_train(&config, paths, 1, path);
}

static rd_tokenizer *open_trained(const char *type) {
    rd_tokenizer *tokenizer;
    assert_int_equal(train(type, PIECES, model_path), RD_OK);
    assert_int_equal(rd_tokenizer_open(&tokenizer, model_path), RD_OK);
    return tokenizer;
}

static void test_training_is_reproducible(void **state) {
    (void)state;
    char *a, *b;
    size_t n_a, n_b;
    if (train("unigram", PIECES, model_path) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(train("unigram", PIECES, other_path), RD_OK);
    assert_int_equal(rd_read_file(model_path, 1 << 24, &a, &n_a), RD_OK);
    assert_int_equal(rd_read_file(other_path, 1 << 24, &b, &n_b), RD_OK);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    free(a);
    free(b);
}

static void test_too_large_a_vocabulary_is_an_error(void **state) {
    (void)state;
    assert_int_equal(train("unigram", 30000, other_path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "30000"));
}

static void test_special_ids_and_round_trip(void **state) {
    (void)state;
    static const char *const types[] = {"unigram", "bpe"};
    static const char line[] = "litse mose walden under taking table";
    for (int i = 0; i < 2; i++) {
        rd_tokenizer *tokenizer = open_trained(types[i]);
        assert_int_equal(rd_tokenizer_size(tokenizer), PIECES);
        assert_int_equal(rd_tokenizer_bos(tokenizer), 0);
        assert_int_equal(rd_tokenizer_pad(tokenizer), 1);
        assert_int_equal(rd_tokenizer_eos(tokenizer), 2);
        assert_int_equal(rd_tokenizer_unk(tokenizer), 3);
        rd_ids ids = {0};
        char *text;
        size_t n;
        assert_int_equal(rd_tokenizer_encode(tokenizer, line, strlen(line), &ids), RD_OK);
        assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, ids.length, &text, &n), RD_OK);
        assert_string_equal(text, line);
        assert_int_equal(n, strlen(line));
        free(text);
        int32_t outside = PIECES;
        assert_int_equal(rd_tokenizer_decode(tokenizer, &outside, 1, &text, &n), RD_ERR_ARGUMENT);
        assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, -1, &text, &n), RD_ERR_ARGUMENT);
        assert_int_equal(rd_tokenizer_sample(tokenizer, "a", 1, 0.1f, 513, 1, &ids),
                         RD_ERR_ARGUMENT);
        assert_null(rd_tokenizer_piece(tokenizer, PIECES));
        assert_false(rd_tokenizer_begins_word(tokenizer, PIECES));
        assert_true(rd_tokenizer_begins_word(tokenizer, ids.data[0]));
        free(ids.data);
        rd_tokenizer_close(tokenizer);
    }
}

/* Equal seeds give equal segmentations whatever was drawn before; different seeds differ; each
 * decodes to the text. */
static void test_sampling(void **state) {
    (void)state;
    static const char *const types[] = {"unigram", "bpe"};
    static const char line[] = "garden under table walking house unden";
    for (int i = 0; i < 2; i++) {
        rd_tokenizer *tokenizer = open_trained(types[i]);
        rd_ids first[20] = {0}, again = {0};
        int different = 0;
        for (int s = 0; s < 20; s++)
            assert_int_equal(
                rd_tokenizer_sample(tokenizer, line, strlen(line), 0.1f, -1, SEED(s), &first[s]),
                RD_OK);
        for (int s = 19; s >= 0; s--) {
            char *text;
            again.length = 0;
            assert_int_equal(
                rd_tokenizer_sample(tokenizer, line, strlen(line), 0.1f, -1, SEED(s), &again),
                RD_OK);
            assert_int_equal(again.length, first[s].length);
            assert_memory_equal(again.data, first[s].data, sizeof(int32_t) * (size_t)again.length);
            assert_int_equal(rd_tokenizer_decode(tokenizer, again.data, again.length, &text, NULL),
                             RD_OK);
            assert_string_equal(text, line);
            free(text);
            different += first[s].length != first[0].length ||
                         memcmp(first[s].data, first[0].data,
                                sizeof(int32_t) * (size_t)first[0].length) != 0;
        }
        if (different <= 5)
            fail_msg("%s: %d of 20 samples differ from the first", types[i], different);
        for (int s = 0; s < 20; s++) free(first[s].data);
        free(again.data);
        rd_tokenizer_close(tokenizer);
    }
}

static void test_not_a_model(void **state) {
    (void)state;
    rd_tokenizer *tokenizer;
    assert_int_equal(rd_tokenizer_open(&tokenizer, text_path), RD_ERR_FORMAT);
    assert_null(tokenizer);
    assert_non_null(strstr(rd_last_error(), text_path));
}

/* Cut anywhere, also between two of its fields, a model file is an error. */
static void test_truncated_model(void **state) {
    (void)state;
    rd_tokenizer *tokenizer;
    char *bytes;
    size_t n;
    assert_int_equal(train("unigram", PIECES, model_path), RD_OK);
    assert_int_equal(rd_read_file(model_path, 1 << 24, &bytes, &n), RD_OK);
    assert_true(n > 2000);
    for (size_t keep = 0; keep < n; keep += keep < 1500 ? 1 : 9973) {
        assert_int_equal(rd_write_file(other_path, bytes, keep), RD_OK);
        assert_int_equal(rd_tokenizer_open(&tokenizer, other_path), RD_ERR_FORMAT);
        assert_null(tokenizer);
        assert_null(strstr(rd_last_error(), "memory")); /* but the reason */
    }
    free(bytes);
}

/* Normalization rules that would lead the search out of their table. */
static void test_damaged_normalization_rules(void **state) {
    (void)state;
    rd_tokenizer *tokenizer;
    char *bytes;
    size_t n;
    assert_int_equal(train("unigram", PIECES, model_path), RD_OK);
    assert_int_equal(rd_read_file(model_path, 1 << 24, &bytes, &n), RD_OK);
    memset(bytes + 4000, 0x7F, 64);
    assert_int_equal(rd_write_file(other_path, bytes, n), RD_OK);
    assert_int_equal(rd_tokenizer_open(&tokenizer, other_path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "normalization rules"));
    free(bytes);
}

/* SentencePiece takes this one seed for "none". */
static void test_sampling_with_all_ones(void **state) {
    (void)state;
    static const char line[] = "the garden under the stable walking";
    rd_tokenizer *tokenizer = open_trained("bpe");
    for (uint64_t s = 0; s < 20; s++) {
        rd_ids first = {0}, again = {0}, between = {0};
        rd_ids *into[] = {&between, &first, &between, &again};
        const uint64_t seeds[] = {s, UINT32_MAX, s + 1, UINT32_MAX};
        for (int i = 0; i < 4; i++)
            assert_int_equal(
                rd_tokenizer_sample(tokenizer, line, strlen(line), 0.3f, -1, seeds[i], into[i]),
                RD_OK);
        assert_int_equal(first.length, again.length);
        assert_memory_equal(first.data, again.data, sizeof(int32_t) * (size_t)first.length);
        free(first.data);
        free(again.data);
        free(between.data);
    }
    rd_tokenizer_close(tokenizer);
}

/* A mask has an id of its own, which no text gives. */
static void test_mask_piece(void **state) {
    (void)state;
    static const char line[] = "the <mask> house";
    rd_vocab_config config = {
        .type = "bpe", .size = PIECES, .character_coverage = 1.0f, .mask = true};
    const char *paths[] = {text_path};
    rd_tokenizer *tokenizer = open_trained("bpe");
    assert_int_equal(rd_tokenizer_mask(tokenizer), -1);
    rd_tokenizer_close(tokenizer);
    assert_int_equal(rd_vocab_train(&config, paths, 1, model_path), RD_OK);
    assert_int_equal(rd_tokenizer_open(&tokenizer, model_path), RD_OK);
    assert_int_equal(rd_tokenizer_mask(tokenizer), 4);
    rd_ids ids = {0};
    assert_int_equal(rd_tokenizer_encode(tokenizer, line, strlen(line), &ids), RD_OK);
    for (int64_t i = 0; i < ids.length; i++) assert_int_not_equal(ids.data[i], 4);
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

static rd_tokenizer *train_on(const char *text, size_t n, const rd_vocab_config *config) {
    const char *paths[] = {other_path};
    rd_tokenizer *tokenizer;
    assert_int_equal(rd_write_file(other_path, text, n), RD_OK);
    if (rd_vocab_train(config, paths, 1, model_path) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(rd_tokenizer_open(&tokenizer, model_path), RD_OK);
    unlink(other_path);
    return tokenizer;
}

static void check_reading(const rd_tokenizer *tokenizer, const char *text, const char *expected) {
    rd_ids ids = {0};
    char *back;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids), RD_OK);
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids.data, ids.length, &back, NULL), RD_OK);
    assert_string_equal(back, expected);
    for (int64_t i = 0; i < ids.length; i++)
        assert_int_not_equal(ids.data[i], rd_tokenizer_unk(tokenizer));
    free(back);
    free(ids.data);
}

/* SentencePiece would leave out lines of more than 4,192 bytes and those with U+2585. */
static void test_every_line_counts_for_the_vocabulary(void **state) {
    (void)state;
    rd_text text = {0};
    for (int i = 0; i < 1000; i++) assert_int_equal(rd_text_printf(&text, "ξενος "), RD_OK);
    assert_int_equal(rd_text_printf(&text, "\nabc abd\nqvw \xE2\x96\x85 wvq\n"), RD_OK);
    rd_vocab_config config = {.type = "unigram", .size = 19, .character_coverage = 1.0f};
    rd_tokenizer *tokenizer = train_on(text.data, (size_t)text.length, &config);
    check_reading(tokenizer, "ξενος abd wvq", "ξενος abd wvq");
    rd_tokenizer_close(tokenizer);
    rd_text_free(&text);
}

static void test_normalization(void **state) {
    (void)state;
    static const char text[] =
        "می‌نویسم 5º ½ a，b ABC ab\nabc bcd cde def efg Äß\n1 2 o ⁄ ,\n";
    static const char line[] = "می‌نویسم 5º ½ a，b ABC";
    static const struct {
        const char *rules, *reading;
    } cases[] = {{"identity", line},
                 {NULL, "می نویسم 5o 1⁄2 a,b ABC"},
                 {"nmt_nfkc", "می نویسم 5o 1⁄2 a,b ABC"},
                 {"nfkc_cf", "می‌نویسم 5o 1⁄2 a,b abc"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_vocab_config config = {
            .type = "bpe", .size = 50, .character_coverage = 1.0f, .normalization = cases[i].rules};
        rd_tokenizer *tokenizer = train_on(text, sizeof text - 1, &config);
        check_reading(tokenizer, line, cases[i].reading);
        rd_tokenizer_close(tokenizer);
    }
}

/* Each is one piece wherever it is, and comes back with the blanks around it as they were. */
static void test_user_defined_symbols(void **state) {
    (void)state;
    static const char line[] = "ab<b>cd</b>, {name} ab";
    static const char text[] = "ab cd abcd cdab\nab , cd\n<b>cd</b> {name}\n";
    rd_vocab_config config = {
        .type = "unigram", .size = 17, .character_coverage = 1.0f, .symbols = "<b>,</b>,{name}"};
    rd_tokenizer *tokenizer = train_on(text, sizeof text - 1, &config);
    rd_ids ids = {0};
    int whole = 0;
    check_reading(tokenizer, line, line);
    assert_int_equal(rd_tokenizer_encode(tokenizer, line, strlen(line), &ids), RD_OK);
    for (int64_t i = 0; i < ids.length; i++) whole += ids.data[i] >= 4 && ids.data[i] < 7;
    assert_int_equal(whole, 3);
    assert_string_equal(rd_tokenizer_piece(tokenizer, 6), "{name}");
    for (int s = 0; s < 200; s++) { /* a small alpha draws cuts that are unlikely */
        ids.length = whole = 0;
        assert_int_equal(
            rd_tokenizer_sample(tokenizer, line, strlen(line), 0.02f, -1, SEED(s), &ids), RD_OK);
        for (int64_t i = 0; i < ids.length; i++) whole += ids.data[i] >= 4 && ids.data[i] < 7;
        assert_int_equal(whole, 3);
    }
    rd_tokenizer_close(tokenizer);
    free(ids.data);
    const char *paths[] = {text_path};
    config.symbols = "<b>, </b>";
    assert_int_equal(rd_vocab_train(&config, paths, 1, model_path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "user-defined-symbols"));
}

/* Lines far longer than sentences are encoded in parts: at blanks, where that changes nothing, and
 * within a run of unknown characters, which is one token a part. */
static void test_very_long_lines(void **state) {
    (void)state;
    enum { WORDS = 30000, UNKNOWN = 700000 };
    rd_tokenizer *tokenizer = open_trained("unigram");
    rd_ids word = {0}, all = {0}, unknown = {0};
    char *line = malloc(WORDS * 6 + 1), *run = malloc(UNKNOWN * 3);
    assert_non_null(line);
    assert_non_null(run);
    for (int i = 0; i < WORDS; i++) memcpy(line + i * 6, "house ", 6);
    for (int i = 0; i < UNKNOWN; i++) memcpy(run + i * 3, "\xE2\x82\xAC", 3);
    assert_int_equal(rd_tokenizer_encode(tokenizer, "house", 5, &word), RD_OK);
    assert_int_equal(rd_tokenizer_encode(tokenizer, line, WORDS * 6, &all), RD_OK);
    assert_int_equal(all.length, word.length * WORDS);
    for (int i = 0; i < WORDS; i++)
        assert_memory_equal(all.data + i * word.length, word.data,
                            sizeof(int32_t) * (size_t)word.length);
    assert_int_equal(rd_tokenizer_encode(tokenizer, run, UNKNOWN * 3, &unknown), RD_OK);
    assert_in_range(unknown.length, 30, 70); /* parts of 64 KiB, with or without a blank's token */
    rd_tokenizer_close(tokenizer);
    free(word.data);
    free(all.data);
    free(unknown.data);
    free(line);
    free(run);
}

/* Lines longer than any sentence are drawn from in parts; the text is the same. */
static void test_sampling_long_lines(void **state) {
    (void)state;
    enum { WORDS = 2000 };
    rd_tokenizer *tokenizer = open_trained("unigram");
    char *line = calloc(WORDS, 8), *text;
    assert_non_null(line);
    for (int i = 0; i < WORDS; i++) memcpy(line + (size_t)i * 7, i ? " garden" : "  table", 7);
    rd_ids first = {0}, again = {0};
    size_t n = strlen(line), two = 2 * WORDS;
    assert_int_equal(rd_tokenizer_sample(tokenizer, line, n, 0.1f, 64, 9, &first), RD_OK);
    assert_int_equal(rd_tokenizer_sample(tokenizer, line, n, 0.1f, 64, 9, &again), RD_OK);
    assert_true(first.length == again.length && first.length >= (int64_t)WORDS);
    assert_memory_equal(first.data, again.data, sizeof(int32_t) * (size_t)first.length);
    assert_int_equal(rd_tokenizer_decode(tokenizer, first.data, first.length, &text, NULL), RD_OK);
    assert_string_equal(text, line + 2);
    free(text);
    first.length = 0;
    memset(line, 'a', two);
    assert_int_equal(rd_tokenizer_sample(tokenizer, line, two, 0.1f, 64, 9, &first), RD_OK);
    free(first.data);
    free(again.data);
    free(line);
    rd_tokenizer_close(tokenizer);
}

/* Nothing is left of these once SentencePiece has normalized them. */
static void test_corpora_without_text(void **state) {
    (void)state;
    static const char *const lines[] = {" \n\t\n",
                                        "\n",
                                        "\xE2\x96\x81 \xE2\x96\x81\n",
                                        "\xE2\x80\xA8\n",
                                        "\r\n\x01\n",
                                        "\xEF\xBB\xBF\n",
                                        "\xEF\xBF\xBD\n",
                                        ""};
    const char *paths[] = {other_path};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (int bpe = 0; bpe < 2; bpe++) {
            rd_vocab_config config = {
                .type = bpe ? "bpe" : "unigram", .size = 50, .character_coverage = 1.0f};
            assert_int_equal(rd_write_file(other_path, lines[i], strlen(lines[i])), RD_OK);
            assert_int_equal(rd_vocab_train(&config, paths, 1, model_path), RD_ERR_FORMAT);
            assert_non_null(strstr(rd_last_error(), "it holds no text"));
        }
}

static int next_blank(void *source, const char **text, size_t *n) {
    int *left = source;
    *text = "\t";
    *n = 1;
    return (*left)-- > 0;
}

static void leave(const char *line) {
    _exit(strstr(line, "required_chars_.empty()") && !strchr(line, '\n') ? 7 : 8);
}

/* Where SentencePiece ends the process all the same, the caller says how. */
static void test_the_trainer_ends_the_process(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int left = 3;
        char *model, *message;
        size_t n;
        spm_train("model_type=unigram vocab_size=50 minloglevel=2 num_threads=1", next_blank, &left,
                  (spm_endings){NULL, leave}, &model, &n, &message);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* Pieces may hold anything; a text to show has no commands for a terminal in it. */
static void test_control_characters(void **state) {
    (void)state;
    static const char model[] = "\x0A\x09\x0A\x05<unk>\x18\x02"
                                "\x0A\x07\x0A\x05\x1B[31m"
                                "\x0A\x05\x0A\x03"
                                "a\nb"
                                "\x12\x02\x18\x01\x1A\x04\x0A\x02id";
    static const int32_t ids[] = {1, 2};
    rd_tokenizer *tokenizer;
    char *text;
    size_t n;
    assert_int_equal(rd_write_file(other_path, model, sizeof model - 1), RD_OK);
    if (rd_tokenizer_open(&tokenizer, other_path) != RD_OK) fail_msg("%s", rd_last_error());
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids, 2, &text, NULL), RD_OK);
    assert_string_equal(text, "\xEF\xBF\xBD[31ma\nb");
    free(text);
    assert_int_equal(rd_tokenizer_decode(tokenizer, ids, 2, &text, &n), RD_OK);
    assert_string_equal(text, "\x1B[31ma\nb");
    free(text);
    rd_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_is_reproducible),
        cmocka_unit_test(test_too_large_a_vocabulary_is_an_error),
        cmocka_unit_test(test_special_ids_and_round_trip),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_not_a_model),
        cmocka_unit_test(test_truncated_model),
        cmocka_unit_test(test_damaged_normalization_rules),
        cmocka_unit_test(test_sampling_with_all_ones),
        cmocka_unit_test(test_mask_piece),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_corpora_without_text),
        cmocka_unit_test(test_the_trainer_ends_the_process),
        cmocka_unit_test(test_sampling_long_lines),
        cmocka_unit_test(test_every_line_counts_for_the_vocabulary),
        cmocka_unit_test(test_normalization),
        cmocka_unit_test(test_user_defined_symbols),
        cmocka_unit_test(test_very_long_lines),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
