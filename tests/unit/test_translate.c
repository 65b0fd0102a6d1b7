/* Translating token batches with real (randomly initialised) models. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "translate/translate.h"

enum { VOCAB = 40, EOS = 2, N = 30, MOST = 16 };

static rd_model *random_model(uint64_t seed, int32_t vocab) {
    const rd_model_config config = {
        .d_model = 16,
        .encoder = {.layers = 2, .heads = 2, .ffn_dim = 32},
        .decoder = {.layers = 2, .heads = 2, .ffn_dim = 32},
        .share_decoder_input_output_embed = true,
        .max_source_positions = 64,
        .max_target_positions = 24,
        .src_vocab = vocab,
        .tgt_vocab = vocab,
        .bos_id = 0,
        .pad_id = 1,
        .eos_id = EOS,
        .unk_id = 3,
    };
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &config, seed), RD_OK);
    return model;
}

typedef struct {
    int32_t tokens[N][MOST];
    rd_token_span spans[N];
} source_set;

static source_set *random_sources(void) {
    source_set *set = calloc(1, sizeof *set);
    rd_rng rng = rd_rng_make(5, 0);
    for (int i = 0; i < N; i++) {
        int32_t length = 1 + (int32_t)rd_rng_below(&rng, MOST);
        for (int32_t k = 0; k + 1 < length; k++)
            set->tokens[i][k] = 4 + (int32_t)rd_rng_below(&rng, VOCAB - 4);
        set->tokens[i][length - 1] = EOS;
        set->spans[i] = (rd_token_span){set->tokens[i], length};
    }
    return set;
}

static rd_search_result translate(const rd_translate_job *job, const source_set *set) {
    rd_search_result result;
    assert_int_equal(rd_translate_tokens(job, N, set->spans, &result), RD_OK);
    assert_int_equal(result.n_sentences, N);
    return result;
}

static void assert_same(const rd_search_result *a, const rd_search_result *b) {
    for (int64_t i = 0; i < N * a->n_best; i++) {
        const rd_hypothesis *x = &a->hypotheses[i], *y = &b->hypotheses[i];
        assert_int_equal(x->tokens == NULL, y->tokens == NULL);
        if (!x->tokens) continue;
        assert_int_equal(x->length, y->length);
        if (x->length)
            assert_memory_equal(x->tokens, y->tokens, (size_t)x->length * sizeof *x->tokens);
        assert_float_equal(x->score, y->score, 1e-4);
        assert_float_equal(x->log_prob, y->log_prob, 1e-4);
    }
}

static rd_translate_job job_of(const rd_model *const *models, int32_t n_models) {
    rd_translate_job job = {
        .models = models, .n_models = n_models, .search = rd_search_defaults(), .threads = 1};
    job.search.n_best = 3;
    return job;
}

static void test_batches_and_threads_change_nothing(void **state) {
    (void)state;
    rd_model *model = random_model(1, VOCAB);
    source_set *set = random_sources();
    rd_translate_job job = job_of((const rd_model *const *)&model, 1);
    rd_search_result all = translate(&job, set);
    const struct {
        int64_t batch_tokens;
        int32_t threads;
    } ways[] = {{1, 1}, {20, 1}, {60, 2}, {0, 3}, {1, 2}};
    for (int w = 0; w < 5; w++) {
        job.search.batch_tokens = ways[w].batch_tokens;
        job.threads = ways[w].threads;
        rd_search_result other = translate(&job, set);
        assert_same(&all, &other);
        rd_search_result_free(&other);
    }
    rd_search_result_free(&all);
    free(set);
    rd_model_free(model);
}

/* The search goes by cached, reordered steps; scoring runs the whole network once. */
static void test_scoring_agrees_with_search(void **state) {
    (void)state;
    rd_model *model = random_model(2, VOCAB);
    source_set *set = random_sources();
    rd_translate_job job = job_of((const rd_model *const *)&model, 1);
    job.search.unk_penalty = 0.5f;
    rd_search_result found = translate(&job, set);
    rd_token_span targets[N];
    double log_probs[N];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < N; i++) {
            const rd_hypothesis *h = &found.hypotheses[i * 3 + k];
            assert_non_null(h->tokens);
            targets[i] = (rd_token_span){h->tokens, h->length};
        }
        job.search.batch_tokens = k ? 30 : 0;
        assert_int_equal(rd_translate_score(&job, N, set->spans, targets, log_probs), RD_OK);
        for (int i = 0; i < N; i++)
            assert_float_equal(log_probs[i], found.hypotheses[i * 3 + k].log_prob, 1e-3);
    }
    rd_search_result_free(&found);
    free(set);
    rd_model_free(model);
}

static void test_ensemble(void **state) {
    (void)state;
    rd_model *a = random_model(3, VOCAB), *b = random_model(4, VOCAB);
    source_set *set = random_sources();
    const rd_model *twice[] = {a, a}, *both[] = {a, b}, *swapped[] = {b, a};
    rd_translate_job one = job_of(twice, 1), self = job_of(twice, 2);
    rd_search_result x = translate(&one, set), y = translate(&self, set);
    assert_same(&x, &y);
    rd_search_result_free(&y);
    rd_translate_job ab = job_of(both, 2), ba = job_of(swapped, 2), only_b = job_of(swapped, 1);
    rd_search_result z = translate(&ab, set);
    y = translate(&ba, set);
    assert_same(&y, &z);
    /* P of the ensemble is the mean at each token: for the empty target, the mean itself. */
    rd_token_span empty[N] = {{0}};
    double p_a[N], p_b[N], p_ab[N];
    assert_int_equal(rd_translate_score(&one, N, set->spans, empty, p_a), RD_OK);
    assert_int_equal(rd_translate_score(&only_b, N, set->spans, empty, p_b), RD_OK);
    assert_int_equal(rd_translate_score(&ab, N, set->spans, empty, p_ab), RD_OK);
    for (int i = 0; i < N; i++)
        assert_float_equal(exp(p_ab[i]), 0.5 * (exp(p_a[i]) + exp(p_b[i])), 1e-5);
    rd_search_result_free(&x);
    rd_search_result_free(&y);
    rd_search_result_free(&z);
    free(set);
    rd_model_free(a);
    rd_model_free(b);
}

static void test_bad_calls(void **state) {
    (void)state;
    rd_model *a = random_model(5, VOCAB), *b = random_model(5, VOCAB + 1);
    const rd_model *mixed[] = {a, b};
    const int32_t good[] = {5, EOS}, outside[] = {VOCAB, EOS};
    int32_t long_source[65] = {0}, long_target[24] = {0};
    long_source[64] = EOS;
    rd_search_result result;
    rd_token_span source = {good, 2};
    rd_translate_job mix = job_of(mixed, 2), one = job_of(mixed, 1), none = job_of(mixed, 0);
    assert_int_equal(rd_translate_tokens(&mix, 1, &source, &result), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "vocabularies"));
    assert_int_equal(rd_translate_tokens(&none, 1, &source, &result), RD_ERR_ARGUMENT);
    const rd_token_span bad[] = {{outside, 2}, {long_source, 65}, {good, 0}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rd_translate_tokens(&one, 1, &bad[i], &result), RD_ERR_ARGUMENT);
        assert_null(result.hypotheses);
    }
    double log_prob;
    rd_token_span target = {long_target, 24}; /* with eos in front, one more than there is room */
    assert_int_equal(rd_translate_score(&one, 1, &source, &target, &log_prob), RD_ERR_ARGUMENT);
    target.length = 23;
    assert_int_equal(rd_translate_score(&one, 1, &source, &target, &log_prob), RD_OK);
    one.search.n_best = 9;
    assert_int_equal(rd_translate_tokens(&one, 1, &source, &result), RD_ERR_ARGUMENT);
    one.search.n_best = 1;
    assert_int_equal(rd_translate_tokens(&one, 0, NULL, &result), RD_OK);
    rd_search_result_free(&result);
    rd_model_free(a);
    rd_model_free(b);
}

/* Without scores the translations are the same: greedy search needs no softmax. */
static void test_unscored(void **state) {
    (void)state;
    rd_model *model = random_model(3, VOCAB);
    source_set *set = random_sources();
    rd_translate_job job = job_of((const rd_model *const *)&model, 1);
    job.search.unk_penalty = 0.5f;
    job.search.min_len = 3;
    job.search.no_repeat_ngram = 2;
    for (int32_t beam = 1; beam <= 3; beam++) {
        job.search.beam = beam;
        job.search.n_best = 1;
        job.unscored = false;
        rd_search_result scored = translate(&job, set);
        job.unscored = true;
        rd_search_result unscored = translate(&job, set);
        for (int i = 0; i < N; i++) {
            const rd_hypothesis *x = &scored.hypotheses[i], *y = &unscored.hypotheses[i];
            assert_int_equal(x->length, y->length);
            assert_memory_equal(x->tokens, y->tokens, (size_t)x->length * sizeof *x->tokens);
            assert_int_equal(isnan(y->score) && isnan(y->log_prob), beam == 1);
        }
        rd_search_result_free(&scored);
        rd_search_result_free(&unscored);
    }
    free(set);
    rd_model_free(model);
}

/* A search that goes on after its first output compares outputs, whose scores it needs then. */
static void test_unscored_with_patience(void **state) {
    (void)state;
    rd_model *model = random_model(3, VOCAB);
    source_set *set = random_sources();
    rd_translate_job job = job_of((const rd_model *const *)&model, 1);
    job.search.beam = job.search.n_best = 1;
    job.search.patience = 3.0f;
    rd_search_result scored = translate(&job, set);
    job.unscored = true;
    rd_search_result unscored = translate(&job, set);
    for (int i = 0; i < N; i++) {
        const rd_hypothesis *x = &scored.hypotheses[i], *y = &unscored.hypotheses[i];
        assert_int_equal(x->length, y->length);
        assert_memory_equal(x->tokens, y->tokens, (size_t)x->length * sizeof *x->tokens);
        assert_true(x->score == y->score);
    }
    rd_search_result_free(&scored);
    rd_search_result_free(&unscored);
    free(set);
    rd_model_free(model);
}

static void test_stop(void **state) {
    (void)state;
    rd_model *model = random_model(1, VOCAB);
    source_set *set = random_sources();
    rd_translate_job job = job_of((const rd_model *const *)&model, 1);
    volatile sig_atomic_t stop = 0;
    job.search.stop = &stop;
    rd_search_result result = translate(&job, set);
    rd_search_result_free(&result);
    stop = SIGTERM;
    assert_int_equal(rd_translate_tokens(&job, N, set->spans, &result), RD_ERR_INTERRUPTED);
    assert_null(result.hypotheses);
    free(set);
    rd_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_and_threads_change_nothing),
        cmocka_unit_test(test_scoring_agrees_with_search),
        cmocka_unit_test(test_ensemble),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_unscored),
        cmocka_unit_test(test_unscored_with_patience),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
