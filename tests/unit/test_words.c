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

/* Each token belongs to the word at its place in the decoded text. */
static void test_words_of_tokens(void **state) {
    (void)state;
    char root[] = "/tmp/test_words.XXXXXX", path[64], command[64];
    assert_non_null(mkdtemp(root));
    toy_directory_make(root, "arch: transformer-tiny", 35, 0);
    snprintf(path, sizeof path, "%s/spm.model", root);
    rd_tokenizer *tokenizer;
    assert_int_equal(rd_tokenizer_open(&tokenizer, path), RD_OK);
    assert_string_equal(rd_tokenizer_space(tokenizer), "▁");
    const char *text = " the  dog runs ☃ under ☃☃ a";
    const char *const expected[] = {"the", "dog", "runs", "☃", "under", "☃☃", "a"};
    rd_ids ids = {0};
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids), RD_OK);
    int32_t words[64];
    assert_in_range(ids.length, 8, 63);
    assert_int_equal(rd_words_of_tokens(tokenizer, ids.data, ids.length, "?", words), 7);
    for (int32_t w = 0, i = 0; w < 7; w++) {
        int32_t first = i;
        while (i < ids.length && words[i] == w) i++;
        assert_true(i > first);
        char *decoded;
        assert_int_equal(
            rd_tokenizer_decode(tokenizer, ids.data + first, i - first, &decoded, NULL), RD_OK);
        if (w != 3 && w != 5) assert_string_equal(decoded, expected[w]);
        free(decoded);
    }
    /* Unknown pieces that are written with spaces around them are words of their own. */
    int32_t unk = rd_tokenizer_unk(tokenizer), the = ids.data[0];
    const int32_t mixed[] = {unk, unk, the, unk, rd_tokenizer_eos(tokenizer)};
    assert_int_equal(rd_words_of_tokens(tokenizer, mixed, 5, " ? ", words), 4);
    const int32_t apart[] = {0, 1, 2, 3, 3};
    assert_memory_equal(words, apart, sizeof apart);
    assert_int_equal(rd_words_of_tokens(tokenizer, mixed, 5, "?", words), 2);
    const int32_t joined[] = {0, 0, 1, 1, 1};
    assert_memory_equal(words, joined, sizeof joined);
    assert_int_equal(rd_words_of_tokens(tokenizer, mixed + 4, 1, "?", words), 0);
    assert_int_equal(words[0], 0);
    assert_true(rd_piece_has_space(tokenizer, the));
    assert_false(rd_piece_has_space(tokenizer, unk));
    free(ids.data);
    rd_tokenizer_close(tokenizer);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
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

/* Where pieces do not write spaces, those that begin no word say so. */
static void test_words_without_spaces(void **state) {
    (void)state;
    static const char text[] = "learning results";
    rd_tokenizer *tokenizer;
    rd_ids ids = {0};
    int32_t words[32];
    assert_int_equal(rd_tokenizer_open(&tokenizer, TEST_DATA "/wordpiece/vocab.txt"), RD_OK);
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, sizeof text - 1, &ids), RD_OK);
    rd_tokenizer_encode(tokenizer, "a##", 3, &ids);
    assert_in_range(ids.length, 5, 31);
    int32_t n = 0;
    for (int64_t i = 0; i < ids.length; i++) n += rd_tokenizer_begins_word(tokenizer, ids.data[i]);
    assert_int_equal(rd_words_of_tokens(tokenizer, ids.data, ids.length, "?", words), n);
    for (int64_t i = 1; i < ids.length; i++)
        assert_int_equal(words[i] - words[i - 1], rd_piece_has_space(tokenizer, ids.data[i]));
    free(ids.data);
    rd_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_texts),
        cmocka_unit_test(test_words_of_tokens),
        cmocka_unit_test(test_words_without_spaces),
        cmocka_unit_test(test_attention_is_what_the_decoder_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
