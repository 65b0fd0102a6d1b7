/* Words of texts and of tokens, and the attention that aligns them. */
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

#include "base/rng.h"
#include "ops/ops.h"
#include "toy_directory.h"
#include "translate/words.h"

static void assert_word(const char *text, int32_t index, const char *expected) {
    rd_word word = rd_word_at(text, strlen(text), index);
    assert_int_equal(word.n, strlen(expected));
    assert_memory_equal(word.bytes, expected, word.n);
}

static void test_words_of_texts(void **state) {
    (void)state;
    assert_word("a dog", 0, "a");
    assert_word("a dog", 1, "dog");
    assert_word("a dog", 2, "");
    assert_word("a dog", -1, "");
    assert_word("", 0, "");
    assert_word("  a \t dog ", 1, "dog");
    assert_word("a\u00a0dog\u3000häuser", 2, "häuser"); /* spaces of other widths */
    assert_word("(Łódź), \"is\" — so", 0, "Łódź");
    assert_word("(Łódź), \"is\" — so", 1, "is");
    assert_word("(Łódź), \"is\" — so", 2, "—"); /* nothing else to give */
    assert_word("it's 3.5%!", 0, "it's");
    assert_word("it's 3.5%!", 1, "3.5");
    assert_word("☃!", 0, "☃");
    assert_word("one \xff two", 1, ""); /* not text from there on */
    assert_int_equal(rd_word_at("cut off", 5, 1).n, 1);
}

/* Each token belongs to the word of the text that it is made of. */
static void test_words_of_tokens(void **state) {
    (void)state;
    char root[] = "/tmp/test_words.XXXXXX", path[64], command[64];
    assert_non_null(mkdtemp(root));
    toy_directory_make(root, "arch: transformer-tiny", 35, 0);
    snprintf(path, sizeof path, "%s/spm.model", root);
    rd_tokenizer *tokenizer;
    assert_int_equal(rd_tokenizer_open(&tokenizer, path), RD_OK);
    assert_string_equal(rd_tokenizer_space(tokenizer), "▁");
    /* Of the last lines a word is two once normalised, and another is none. */
    static const struct {
        const char *text, *words[9];
    } cases[] = {{" the  dog runs ☃ under ☃☃ a", {"the", "dog", "runs", "☃", "under", "☃☃", "a"}},
                 {"the dog´s cat runs", {"the", "dog ☃s", "cat", "runs"}},
                 {"the\u200bdog\u3000sees \001\002 cats", {"the dog", "sees", "", "cats"}},
                 {"a man \001", {"a", "man", ""}}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        rd_ids ids = {0};
        const char *text = cases[c].text;
        int32_t words[64], i = 0;
        assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids), RD_OK);
        assert_in_range(ids.length, 2, 63);
        ids.data[ids.length++] = rd_tokenizer_eos(tokenizer);
        assert_int_equal(
            rd_words_of_tokens(tokenizer, text, strlen(text), ids.data, ids.length, words), RD_OK);
        for (int32_t w = 0; cases[c].words[w]; w++) {
            int32_t first = i;
            char *decoded;
            while (i < ids.length && words[i] == w) i++;
            assert_int_equal(
                rd_tokenizer_decode(tokenizer, ids.data + first, i - first, &decoded, NULL), RD_OK);
            if (!strstr(cases[c].words[w], "☃")) assert_string_equal(decoded, cases[c].words[w]);
            if (*cases[c].words[w]) assert_true(i > first);
            free(decoded);
        }
        assert_int_equal(i, ids.length);
        free(ids.data);
    }
    int32_t none[2] = {9, 9};
    const int32_t ends[2] = {rd_tokenizer_bos(tokenizer), rd_tokenizer_eos(tokenizer)};
    assert_int_equal(rd_words_of_tokens(tokenizer, "  ", 2, ends, 2, none), RD_OK);
    assert_true(none[0] == 0 && none[1] == 0);
    rd_tokenizer_close(tokenizer);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void test_words_at_places(void **state) {
    (void)state;
    static const char text[] = " ein\u00a0Hund ";
    const int64_t places[] = {0, 1, 3, 4, 6, 8, 10};
    const int32_t expected[] = {0, 0, 0, 1, 1, 1, 1};
    int32_t words[7];
    assert_int_equal(rd_words_at(text, sizeof text - 1, places, 7, words), 2);
    assert_memory_equal(words, expected, sizeof expected);
    assert_int_equal(rd_words_at("  ", 2, places, 2, words), 0);
    assert_true(words[0] == 0 && words[1] == 0);
}

/* Values that are rows of the unit matrix make attention give its weights. */
static void test_attention_is_what_the_decoder_uses(void **state) {
    (void)state;
    enum { ROWS = 5, HEADS = 3, DIM = 8, WIDTH = HEADS * DIM, N = 13 };
    const int32_t offsets[] = {0, 6, 7, N}, sentences[ROWS] = {0, 0, 2, 1, 2};
    float q[ROWS * WIDTH], kv[N * 2 * WIDTH] = {0}, weights[DIM];
    rd_arena arena = {0};
    rd_rng rng = rd_rng_make(1, 0);
    for (int i = 0; i < ROWS * WIDTH; i++) q[i] = 2 * (float)rd_rng_normal(&rng);
    for (int s = 0; s < 3; s++)
        for (int j = offsets[s]; j < offsets[s + 1]; j++) {
            for (int c = 0; c < WIDTH; c++) kv[j * 2 * WIDTH + c] = (float)rd_rng_normal(&rng);
            for (int h = 0; h < HEADS; h++)
                kv[j * 2 * WIDTH + WIDTH + h * DIM + j - offsets[s]] = 1;
        }
    for (int r = 0; r < ROWS; r++) {
        int32_t begin = offsets[sentences[r]], n = offsets[sentences[r] + 1] - begin;
        const float *query = q + r * WIDTH, *source = kv + begin * 2 * WIDTH;
        float out[WIDTH], sum = 0;
        rd_cached_keys keys = {.kv = source, .n = n};
        assert_int_equal(
            rd_op_attention_weights(&arena, weights, DIM, query, &keys, 1, WIDTH, HEADS), RD_OK);
        assert_int_equal(rd_op_attention_cached(&arena, out, query, WIDTH, &keys, 1, WIDTH, HEADS),
                         RD_OK);
        for (int32_t j = 0; j < n; j++) {
            float mean = 0;
            for (int h = 0; h < HEADS; h++) mean += out[h * DIM + j] / HEADS;
            assert_float_equal(weights[j], mean, 1e-5);
            sum += weights[j];
        }
        assert_float_equal(sum, 1, 1e-5);
    }
    rd_arena_free(&arena);
}

/* Pieces that do not write spaces, and cut a word at its punctuation. */
static void test_words_without_spaces(void **state) {
    (void)state;
    static const char text[] = "learning a## results";
    rd_tokenizer *tokenizer;
    rd_ids ids = {0};
    int32_t words[32];
    assert_int_equal(rd_tokenizer_open(&tokenizer, TEST_DATA "/wordpiece/vocab.txt"), RD_OK);
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids), RD_OK);
    assert_in_range(ids.length, 5, 31);
    assert_int_equal(
        rd_words_of_tokens(tokenizer, text, sizeof text - 1, ids.data, ids.length, words), RD_OK);
    int32_t a = 0;
    while (strcmp(rd_tokenizer_piece(tokenizer, ids.data[a]), "a") != 0) a++;
    for (int32_t i = 0; i < ids.length; i++)
        assert_int_equal(words[i], i < a ? 0 : i < a + 3 ? 1 : 2);
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_texts),
        cmocka_unit_test(test_words_of_tokens),
        cmocka_unit_test(test_words_at_places),
        cmocka_unit_test(test_words_without_spaces),
        cmocka_unit_test(test_attention_is_what_the_decoder_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
