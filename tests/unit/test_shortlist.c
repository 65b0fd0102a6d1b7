/* Lexical shortlists: learnt from a made-up language pair, read back, and searched with. */
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

#include "base/file.h"
#include "base/rng.h"
#include "data/shortlist.h"
#include "io/output.h"
#include "model/transformer.h"
#include "translate/output_subset.h"
#include "translate/translate.h"

enum { VOCAB = 1000, FIRST = 4, WORDS = 60, EOS = 2, COMMON = 900, N_PAIRS = 400, LONGEST = 10 };

static char data_path[] = "/tmp/test_shortlist.data.XXXXXX";
static char path[] = "/tmp/test_shortlist.XXXXXX";
static rd_dataset *data;

static int32_t translation_of(int32_t word) {
    return FIRST + (word - FIRST) * 7 % WORDS + 100;
}

/* Words translate one to one and in another order; COMMON stands in every target and for nothing.
 */
static const rd_identity identity = {.vocabulary = "abc", .src_vocab = VOCAB, .tgt_vocab = VOCAB};

static int make_data(void **state) {
    (void)state;
    rd_rng rng = rd_rng_make(3, 0);
    rd_dataset_writer *writer;
    int fd = mkstemp(data_path), fd2 = mkstemp(path);
    if (fd < 0 || close(fd) != 0 || fd2 < 0 || close(fd2) != 0) return -1;
    if (rd_dataset_writer_open(&writer, data_path, &identity, 0) != RD_OK) return -1;
    for (int i = 0; i < N_PAIRS; i++) {
        int32_t src[LONGEST + 1], tgt[LONGEST + 2], n = 1 + (int32_t)rd_rng_below(&rng, LONGEST);
        for (int32_t k = 0; k < n; k++) {
            src[k] = FIRST + (int32_t)rd_rng_below(&rng, WORDS);
            tgt[n - 1 - k] = translation_of(src[k]);
        }
        src[n] = EOS;
        tgt[n] = COMMON;
        tgt[n + 1] = EOS;
        rd_pair pair = {.src = src, .tgt = tgt, .n_src = n + 1, .n_tgt = n + 2};
        if (rd_dataset_writer_add(writer, &pair) != RD_OK) return -1;
    }
    if (rd_dataset_writer_finish(writer) != RD_OK) return -1;
    return rd_dataset_open(&data, data_path) == RD_OK ? 0 : -1;
}

static int remove_data(void **state) {
    (void)state;
    rd_dataset_close(data);
    unlink(data_path);
    unlink(path);
    return 0;
}

static rd_shortlist *make_shortlist(int32_t per_piece, int32_t frequent, int64_t pairs) {
    const rd_shortlist_config config = {
        .per_piece = per_piece, .frequent = frequent, .pairs = pairs};
    rd_shortlist *shortlist;
    assert_int_equal(rd_shortlist_build(&config, data, path), RD_OK);
    assert_int_equal(rd_shortlist_open(&shortlist, path), RD_OK);
    assert_int_equal(rd_shortlist_identity(shortlist)->src_vocab, VOCAB);
    assert_int_equal(rd_shortlist_identity(shortlist)->tgt_vocab, VOCAB);
    assert_memory_equal(rd_shortlist_identity(shortlist), &identity, sizeof identity);
    return shortlist;
}

static int count(const bool *chosen) {
    int n = 0;
    for (int i = 0; i < VOCAB; i++) n += chosen[i];
    return n;
}

static void test_learns_translations(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    for (int32_t word = FIRST; word < FIRST + WORDS; word++) {
        bool chosen[VOCAB] = {false};
        rd_shortlist_choose(shortlist, &word, 1, chosen);
        assert_int_equal(count(chosen), 1);
        assert_true(chosen[translation_of(word)]);
    }
    bool chosen[VOCAB] = {false};
    int32_t never_seen = VOCAB - 1;
    rd_shortlist_choose(shortlist, &never_seen, 1, chosen);
    assert_int_equal(count(chosen), 0);
    rd_shortlist_close(shortlist);
}

static void test_frequent_pieces(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 1, N_PAIRS);
    bool chosen[VOCAB] = {false};
    rd_shortlist_choose(shortlist, NULL, 0, chosen);
    assert_int_equal(count(chosen), 1);
    assert_true(chosen[COMMON]);
    rd_shortlist_close(shortlist);
    shortlist = make_shortlist(1, 2 * VOCAB, N_PAIRS); /* more than there are: all that occur */
    rd_shortlist_choose(shortlist, NULL, 0, chosen);
    assert_int_equal(count(chosen), WORDS + 1);
    rd_shortlist_close(shortlist);
}

/* A third of the data knows most words. */
static void test_part_of_the_data(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(3, 0, N_PAIRS / 3);
    int known = 0;
    for (int32_t word = FIRST; word < FIRST + WORDS; word++) {
        bool chosen[VOCAB] = {false};
        rd_shortlist_choose(shortlist, &word, 1, chosen);
        assert_true(count(chosen) <= 3);
        known += chosen[translation_of(word)];
    }
    assert_true(known > WORDS * 8 / 10);
    rd_shortlist_close(shortlist);
}

static void test_bad_settings_and_stop(void **state) {
    (void)state;
    rd_shortlist_config config = rd_shortlist_defaults();
    config.per_piece = 0;
    assert_int_equal(rd_shortlist_build(&config, data, path), RD_ERR_ARGUMENT);
    volatile sig_atomic_t stop = SIGTERM;
    config = rd_shortlist_defaults();
    config.stop = &stop;
    unlink(path);
    assert_int_equal(rd_shortlist_build(&config, data, path), RD_ERR_INTERRUPTED);
    assert_false(rd_file_exists(path));
}

static void test_damaged_files(void **state) {
    (void)state;
    rd_shortlist_close(make_shortlist(2, 5, N_PAIRS));
    char *bytes;
    size_t n;
    rd_shortlist *shortlist;
    assert_int_equal(rd_read_file(path, 1 << 20, &bytes, &n), RD_OK);
    for (size_t i = 0; i < n; i += i < 100 ? 1 : 97) {
        bytes[i] ^= 4;
        assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
        bool aged = i == 7; /* the digit of the version */
        assert_int_equal(rd_shortlist_open(&shortlist, path),
                         aged ? RD_ERR_UNSUPPORTED : RD_ERR_FORMAT);
        assert_null(shortlist);
        bytes[i] ^= 4;
    }
    for (size_t length = 0; length < n; length += 1 + length / 2) {
        assert_int_equal(rd_write_file(path, bytes, length), RD_OK);
        assert_int_equal(rd_shortlist_open(&shortlist, path), RD_ERR_FORMAT);
    }
    free(bytes);
}

static const rd_model_config model_config = {
    .d_model = 16,
    .encoder = {.layers = 1, .heads = 2, .ffn_dim = 32},
    .decoder = {.layers = 2, .heads = 2, .ffn_dim = 32},
    .output_bias = true,
    .max_source_positions = 32,
    .max_target_positions = 24,
    .src_vocab = VOCAB,
    .tgt_vocab = VOCAB,
    .bos_id = 0,
    .pad_id = 1,
    .eos_id = EOS,
    .unk_id = 3,
};

static const rd_search_options no_rules = {.beam = 1};

/* Tokens that the constraints and prefixes of a search need are there, under their new numbers. */
static void test_requests_are_renumbered(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    const int32_t word = FIRST, prefix[] = {999, 500}, phrase[] = {700, 701, 999};
    const rd_token_span phrases[] = {{phrase, 1}, {phrase + 1, 2}};
    rd_search_request requests[] = {{.source = {&word, 1},
                                     .prefix = prefix,
                                     .prefix_length = 2,
                                     .phrases = phrases,
                                     .n_phrases = 2},
                                    {.source = {NULL, 0}}};
    rd_output_subset pieces;
    assert_int_equal(
        rd_output_subset_choose(&pieces, shortlist, &model_config, &no_rules, 2, requests), RD_OK);
    assert_int_equal(pieces.n, 256);
    const int32_t needed[] = {0, 1, EOS, 3, translation_of(word), 999, 500, 700, 701};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        int32_t number = rd_output_subset_number(&pieces, needed[i]);
        assert_in_range(number, 0, pieces.n - 1);
        assert_int_equal(pieces.ids[number], needed[i]);
    }
    for (int32_t i = 1; i < pieces.n; i++) assert_true(pieces.ids[i - 1] < pieces.ids[i]);
    assert_int_equal(rd_output_subset_number(&pieces, -1), -1);
    int32_t tokens[5] = {requests[0].prefix[0], requests[0].prefix[1],
                         requests[0].phrases[0].tokens[0], requests[0].phrases[1].tokens[0],
                         requests[0].phrases[1].tokens[1]};
    const int32_t restored[5] = {999, 500, 700, 701, 999};
    rd_output_subset_restore(&pieces, tokens, 5);
    assert_memory_equal(tokens, restored, sizeof tokens);
    rd_output_subset_free(&pieces);
    rd_shortlist_close(shortlist);
}

/* And what its options are of; ids that the vocabulary lacks are refused, of any rule, as without a
 * shortlist. */
static void test_rules_are_among_them(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    const int32_t word = FIRST, needed[] = {998, 999, 700};
    rd_search_request request = {.source = {&word, 1}};
    char ends[] = "999", biases[] = "700 998: 2.5", beyond[] = "5 1000";
    rd_search_options options = {.beam = 1, .end_tokens = ends, .sequence_bias = biases};
    rd_output_subset pieces;
    assert_int_equal(
        rd_output_subset_choose(&pieces, shortlist, &model_config, &options, 1, &request), RD_OK);
    assert_int_equal(pieces.n, 256);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        assert_true(rd_output_subset_number(&pieces, needed[i]) >= 0);
    rd_output_subset_free(&pieces);
    options = (rd_search_options){.beam = 1, .suppress_tokens = beyond};
    assert_int_equal(
        rd_output_subset_choose(&pieces, shortlist, &model_config, &options, 1, &request),
        RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "suppress-tokens: 1000"));
    rd_output_subset_free(&pieces);
    rd_shortlist_close(shortlist);
}

/* With most of the vocabulary chosen, nothing is gained by leaving out the rest. */
static void test_large_choices_are_whole(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    int32_t prefix[600];
    for (int32_t i = 0; i < 600; i++) prefix[i] = 300 + i;
    rd_search_request request = {.prefix = prefix, .prefix_length = 600};
    rd_output_subset pieces;
    assert_int_equal(
        rd_output_subset_choose(&pieces, shortlist, &model_config, &no_rules, 1, &request), RD_OK);
    assert_int_equal(pieces.n, 0);
    assert_ptr_equal(request.prefix, prefix);
    assert_int_equal(rd_output_subset_number(&pieces, 700), 700);
    rd_output_subset_free(&pieces);
    rd_shortlist_close(shortlist);
}

enum { N = 8 };

static void make_sources(int32_t tokens[N][LONGEST], rd_token_span *spans) {
    rd_rng rng = rd_rng_make(9, 0);
    for (int i = 0; i < N; i++) {
        int32_t n = 2 + (int32_t)rd_rng_below(&rng, LONGEST - 2);
        for (int32_t k = 0; k + 1 < n; k++)
            tokens[i][k] = FIRST + (int32_t)rd_rng_below(&rng, WORDS);
        tokens[i][n - 1] = EOS;
        spans[i] = (rd_token_span){tokens[i], n};
    }
}

/* The pieces that a batch of all these sources has. */
static void choose_all(const rd_shortlist *shortlist, const rd_token_span *spans,
                       rd_output_subset *pieces) {
    rd_search_request requests[N] = {{.source = {NULL, 0}}};
    for (int i = 0; i < N; i++) requests[i].source = spans[i];
    assert_int_equal(
        rd_output_subset_choose(pieces, shortlist, &model_config, &no_rules, N, requests), RD_OK);
    assert_int_equal(pieces->n, 256);
}

static rd_search_result search(const rd_model *model, const rd_shortlist *shortlist,
                               const rd_token_span *spans) {
    rd_translate_job job = {.models = &model,
                            .n_models = 1,
                            .search = rd_search_defaults(),
                            .shortlist = shortlist,
                            .threads = 1};
    rd_search_result result;
    assert_int_equal(rd_translate_tokens(&job, N, spans, &result), RD_OK);
    return result;
}

/* A search over a shortlist is one over a model that gives all other pieces no probability. */
static void test_search_among_pieces(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    int32_t tokens[N][LONGEST];
    rd_token_span spans[N];
    rd_output_subset pieces;
    rd_model *model, *masked;
    make_sources(tokens, spans);
    choose_all(shortlist, spans, &pieces);
    assert_int_equal(rd_model_new(&model, &model_config, 5), RD_OK);
    assert_int_equal(rd_model_new(&masked, &model_config, 5), RD_OK);
    for (int32_t v = 0; v < VOCAB; v++) {
        model->head.bias.value[v] = (float)(v % 13) * 0.1f;
        masked->head.bias.value[v] = pieces.numbers[v] < 0 ? -1e9f : model->head.bias.value[v];
    }
    rd_search_result found = search(model, shortlist, spans);
    rd_search_result expected = search(masked, NULL, spans);
    rd_search_result whole = search(model, NULL, spans);
    int different = 0;
    for (int i = 0; i < N; i++) {
        const rd_hypothesis *x = &found.hypotheses[i], *y = &expected.hypotheses[i];
        assert_int_equal(x->length, y->length);
        assert_memory_equal(x->tokens, y->tokens, (size_t)x->length * sizeof *x->tokens);
        assert_float_equal(x->score, y->score, 1e-4);
        different += fabsf(x->score - whole.hypotheses[i].score) > 1e-3f;
    }
    assert_true(different > 0); /* or the shortlist was not used */
    rd_search_result_free(&found);
    rd_search_result_free(&expected);
    rd_search_result_free(&whole);
    rd_model_free(model);
    rd_model_free(masked);
    rd_output_subset_free(&pieces);
    rd_shortlist_close(shortlist);
}

static void test_shortlist_of_another_model(void **state) {
    (void)state;
    rd_shortlist *shortlist = make_shortlist(1, 0, N_PAIRS);
    rd_model_config config = model_config;
    config.tgt_vocab = VOCAB - 1;
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &config, 5), RD_OK);
    int32_t tokens[N][LONGEST];
    rd_token_span spans[N];
    make_sources(tokens, spans);
    const rd_model *models[] = {model};
    rd_translate_job job = {
        .models = models, .n_models = 1, .search = rd_search_defaults(), .shortlist = shortlist};
    rd_search_result result;
    assert_int_equal(rd_translate_tokens(&job, N, spans, &result), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "999"));
    rd_model_free(model);
    rd_shortlist_close(shortlist);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_translations),
        cmocka_unit_test(test_frequent_pieces),
        cmocka_unit_test(test_part_of_the_data),
        cmocka_unit_test(test_bad_settings_and_stop),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_requests_are_renumbered),
        cmocka_unit_test(test_rules_are_among_them),
        cmocka_unit_test(test_large_choices_are_whole),
        cmocka_unit_test(test_search_among_pieces),
        cmocka_unit_test(test_shortlist_of_another_model),
    };
    return cmocka_run_group_tests(tests, make_data, remove_data);
}
