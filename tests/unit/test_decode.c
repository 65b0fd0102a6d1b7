/* Incremental decoding against the teacher-forced forward pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>

#include "model/decode.h"
#include "model/network.h"
#include "model/transformer.h"

enum { VOCAB = 29, LONGEST = 6 };

typedef enum { POST_NORM, PRE_NORM, MARIAN, BART } model_kind;

static rd_model *toy_model(model_kind kind) {
    bool pre_norm = kind == PRE_NORM, marian = kind == MARIAN, bart = kind == BART;
    rd_model_config c = {
        .d_model = 32,
        .encoder = {.layers = 2, .heads = 4, .ffn_dim = 48, .normalize_before = pre_norm},
        .decoder = {.layers = 2, .heads = 2, .ffn_dim = 48, .normalize_before = pre_norm},
        .max_source_positions = 40,
        .max_target_positions = LONGEST,
        .src_vocab = VOCAB,
        .tgt_vocab = VOCAB,
        .pad_id = 1,
        .eos_id = 2,
        .unk_id = 3};
    rd_model *model;
    c.output_bias = marian;
    c.layernorm_embedding = c.encoder.learned_pos = c.decoder.learned_pos = bart;
    c.decoder_start = marian ? RD_START_PAD : RD_START_EOS;
    c.position_layout = marian ? RD_POSITIONS_HF_MARIAN : RD_POSITIONS_FAIRSEQ;
    assert_int_equal(rd_model_new(&model, &c, 11), RD_OK);
    for (int v = 0; marian && v < VOCAB; v++) model->head.bias.value[v] = (float)(v % 5) - 2.0f;
    return model;
}

/* Two sentences whose rows swap places at every step: logits must follow the hypotheses. */
static void check_steps(model_kind kind) {
    static const int32_t src[] = {5, 6, 7, 2, 9, 2}, src_offsets[] = {0, 4, 6};
    static const int32_t tgt[2][LONGEST] = {{8, 9, 10, 11, 12, 2}, {20, 21, 22, 23, 24, 2}};
    rd_model *model = toy_model(kind);
    rd_batch batch = {0};
    for (int i = 0; i < 2; i++)
        assert_int_equal(rd_batch_add(&batch, i, src + src_offsets[i],
                                      src_offsets[i + 1] - src_offsets[i], tgt[i], LONGEST),
                         RD_OK);
    static float expected[2 * LONGEST * VOCAB], logits[2 * VOCAB];
    rd_arena arena = {0};
    assert_int_equal(rd_network_logits(model, &arena, &batch, expected), RD_OK);

    rd_decoding *decoding;
    assert_int_equal(rd_decoding_begin(&decoding, model), RD_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            rd_decoding_add(decoding, i, src + src_offsets[i], src_offsets[i + 1] - src_offsets[i]),
            RD_OK);
    for (int t = 0; t < LONGEST; t++) {
        int32_t sentences[2] = {t % 2, 1 - t % 2}, parents[2] = {1, 0}, tokens[2];
        for (int r = 0; r < 2; r++) {
            tokens[r] = t ? tgt[sentences[r]][t - 1] : 2;
            if (t == 0) parents[r] = -1;
        }
        assert_int_equal(rd_decoding_step(decoding, 2, parents, sentences, tokens), RD_OK);
        assert_int_equal(rd_decoding_logits(decoding, 0, 2, logits), RD_OK);
        for (int r = 0; r < 2; r++)
            for (int v = 0; v < VOCAB; v++) {
                float wanted = expected[(sentences[r] * LONGEST + t) * VOCAB + v];
                assert_true(fabsf(logits[r * VOCAB + v] - wanted) < 1e-4f);
            }
    }
    int32_t zero[2] = {0};
    assert_int_equal(rd_decoding_step(decoding, 1, zero, zero, zero),
                     RD_ERR_ARGUMENT); /* too long */
    rd_decoding_end(decoding);
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    rd_model_free(model);
}

static void test_steps_post_norm(void **state) {
    (void)state;
    check_steps(POST_NORM);
}

static void test_steps_pre_norm(void **state) {
    (void)state;
    check_steps(PRE_NORM);
}

/* A bias behind the projection, positions from 0, and a start token that no row has produced. */
static void test_steps_marian(void **state) {
    (void)state;
    check_steps(MARIAN);
}

/* A layer norm behind the embeddings, learned positions. */
static void test_steps_bart(void **state) {
    (void)state;
    check_steps(BART);
}

enum { SENTENCES = 40, ROWS = 3, NUMBERS = 24 };

/* Rows of sentences that are added and begin when others end, whose numbers they take: each row
 * gets the logits of its own hypothesis, and two of them may share a sentence. */
static void test_sentences_begin_and_end(void **state) {
    (void)state;
    int32_t src[SENTENCES * 5], src_offsets[SENTENCES + 1] = {0}, tgt[SENTENCES][LONGEST];
    rd_model *model = toy_model(PRE_NORM);
    rd_batch batch = {0};
    for (int i = 0; i < SENTENCES; i++) {
        int32_t length = 2 + i % 4, *source = src + src_offsets[i];
        for (int j = 0; j < length; j++) source[j] = j + 1 < length ? 4 + (i * 7 + j) % 25 : 2;
        for (int j = 0; j < LONGEST; j++) tgt[i][j] = 4 + (i * 5 + j * 3) % 25;
        src_offsets[i + 1] = src_offsets[i] + length;
        assert_int_equal(rd_batch_add(&batch, i, source, length, tgt[i], LONGEST), RD_OK);
    }
    static float expected[SENTENCES * LONGEST * VOCAB], logits[2 * ROWS * VOCAB];
    rd_arena arena = {0};
    assert_int_equal(rd_network_logits(model, &arena, &batch, expected), RD_OK);

    rd_decoding *decoding;
    assert_int_equal(rd_decoding_begin(&decoding, model), RD_OK);
    int32_t sentences[2][2 * ROWS], lengths[2][2 * ROWS], parents[2 * ROWS], tokens[2 * ROWS];
    int32_t numbers[2 * ROWS];
    int32_t n_rows = 0, begun = 0, widest = 0;
    for (int now = 0; begun < SENTENCES || n_rows > 0; now = !now) {
        int32_t n_next = 0, *next_sentences = sentences[!now], *next_lengths = lengths[!now];
        for (int32_t r = 0; r < n_rows; r++) {
            int32_t sentence = sentences[now][r], length = lengths[now][r];
            /* Hypotheses have 1 to LONGEST tokens; those of some sentences go on twice. */
            int32_t copies = length > sentence % LONGEST        ? 0
                             : length == 2 && sentence % 4 == 3 ? 2
                                                                : 1;
            for (int32_t i = 0; i < copies; i++, n_next++) {
                parents[n_next] = r;
                tokens[n_next] = tgt[sentence][length - 1];
                next_sentences[n_next] = sentence;
                next_lengths[n_next] = length + 1;
            }
        }
        for (; n_next < ROWS && begun < SENTENCES; n_next++) {
            parents[n_next] = -1;
            assert_int_equal(rd_decoding_add(decoding, begun % NUMBERS, src + src_offsets[begun],
                                             src_offsets[begun + 1] - src_offsets[begun]),
                             RD_OK);
            next_sentences[n_next] = begun++;
            next_lengths[n_next] = 1;
        }
        n_rows = n_next;
        if (n_rows > widest) widest = n_rows;
        if (n_rows == 0) break;
        for (int32_t r = 0; r < n_rows; r++) numbers[r] = next_sentences[r] % NUMBERS;
        assert_int_equal(rd_decoding_step(decoding, n_rows, parents, numbers, tokens), RD_OK);
        assert_int_equal(rd_decoding_logits(decoding, 0, n_rows, logits), RD_OK);
        for (int32_t r = 0; r < n_rows; r++)
            for (int v = 0; v < VOCAB; v++)
                assert_float_equal(
                    logits[r * VOCAB + v],
                    expected[(next_sentences[r] * LONGEST + next_lengths[r] - 1) * VOCAB + v],
                    1e-4);
    }
    assert_true(widest > ROWS && widest <= 2 * ROWS);
    int32_t first = 0, begin = -1, none = NUMBERS, bad[] = {5, VOCAB};
    assert_int_equal(rd_decoding_step(decoding, 1, &begin, &first, &first), RD_ERR_ARGUMENT);
    assert_int_equal(rd_decoding_step(decoding, 1, &begin, &none, &first), RD_ERR_ARGUMENT);
    assert_int_equal(rd_decoding_add(decoding, 0, src, 0), RD_ERR_ARGUMENT);
    assert_int_equal(rd_decoding_add(decoding, 0, src, 41), RD_ERR_ARGUMENT);
    assert_int_equal(rd_decoding_add(decoding, 0, bad, 2), RD_ERR_ARGUMENT);
    rd_decoding_end(decoding);
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    rd_model_free(model);
}

/* The logits of chosen pieces are those that they have among all. */
static void test_restricted(void **state) {
    (void)state;
    static const int32_t src[] = {5, 6, 7, 2}, zero[1] = {0};
    static const int32_t begin[1] = {-1};
    static const int32_t pieces[] = {2, 3, 11, 12, 28};
    float whole[VOCAB], some[5];
    rd_model *model = toy_model(MARIAN);
    rd_decoding *decoding;
    assert_int_equal(rd_decoding_begin(&decoding, model), RD_OK);
    assert_int_equal(rd_decoding_add(decoding, 0, src, 4), RD_OK);
    assert_int_equal(rd_decoding_step(decoding, 1, begin, zero, zero), RD_OK);
    assert_int_equal(rd_decoding_logits(decoding, 0, 1, whole), RD_OK);
    assert_int_equal(rd_decoding_restrict(decoding, 5, pieces), RD_OK);
    assert_int_equal(rd_decoding_logits(decoding, 0, 1, some), RD_OK);
    for (int i = 0; i < 5; i++) assert_float_equal(some[i], whole[pieces[i]], 1e-5);
    rd_decoding_end(decoding);
    rd_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_post_norm),
        cmocka_unit_test(test_steps_pre_norm),
        cmocka_unit_test(test_steps_marian),
        cmocka_unit_test(test_steps_bart),
        cmocka_unit_test(test_sentences_begin_and_end),
        cmocka_unit_test(test_restricted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
