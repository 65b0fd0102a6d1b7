/* Beam search with real networks against brute force: all sequences up to a length, scored by the
 * teacher-forced forward pass. A beam that cuts nothing must find the best of them; caches, slots,
 * length penalty and the averaging of an ensemble all take part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "golden.h"
#include "model/network.h"
#include "search/search.h"
#include "search_all.h"

enum { BOS, PAD, EOS, UNK, WORDS, VOCAB = 7, MAX_LEN = 4, MODELS = 2, SENTENCES = 3 };
/* 5 tokens may stand anywhere: bos, unk and three words. A beam above SEQUENCES cuts nothing. */
enum { SEQUENCES = 1 + 5 + 25 + 125 + 625, BEAM = 800 };

static const int32_t sources[SENTENCES][5] = {{4, 5, 6, 4, EOS}, {6, EOS}, {5, 5, 4, EOS}};
static const int32_t source_lengths[SENTENCES] = {5, 2, 4};

typedef struct {
    int32_t tokens[MAX_LEN + 1], length; /* tokens end with eos, which length does not count */
    double log_prob;
} sequence;

static rd_model *toy_model(uint64_t seed) {
    rd_model_config c = {.d_model = 16,
                         .encoder = {.layers = 1, .heads = 2, .ffn_dim = 16},
                         .decoder = {.layers = 2, .heads = 2, .ffn_dim = 16},
                         .max_source_positions = 10,
                         .max_target_positions = 10,
                         .src_vocab = VOCAB,
                         .tgt_vocab = VOCAB,
                         .bos_id = BOS,
                         .pad_id = PAD,
                         .eos_id = EOS,
                         .unk_id = UNK};
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, seed), RD_OK);
    return model;
}

/* Every sequence of at most MAX_LEN tokens without pad. */
static int enumerate(sequence *all) {
    static const int32_t tokens[5] = {BOS, UNK, WORDS, WORDS + 1, WORDS + 2};
    int n = 1;
    all[0] = (sequence){.tokens = {EOS}};
    for (int from = 0; from < n; from++) {
        if (all[from].length == MAX_LEN) continue;
        for (int t = 0; t < 5; t++) {
            sequence longer = all[from];
            longer.tokens[longer.length++] = tokens[t];
            longer.tokens[longer.length] = EOS;
            all[n++] = longer;
        }
    }
    return n;
}

/* Log-probabilities of all sequences, as the average of the models' probabilities token by token.
 */
static void score_all(rd_model *const *models, int n_models, int sentence, sequence *all) {
    rd_batch batch = {0};
    for (int i = 0; i < SEQUENCES; i++)
        assert_int_equal(rd_batch_add(&batch, i, sources[sentence], source_lengths[sentence],
                                      all[i].tokens, all[i].length + 1),
                         RD_OK);
    double *probabilities = calloc((size_t)rd_tokens_total(&batch.target), sizeof *probabilities);
    float *logits = malloc(sizeof *logits * (size_t)(rd_tokens_total(&batch.target) * VOCAB));
    for (int m = 0; m < n_models; m++) {
        rd_arena arena = {0};
        assert_int_equal(rd_network_logits(models[m], &arena, &batch, logits), RD_OK);
        for (int64_t r = 0; r < rd_tokens_total(&batch.target); r++) {
            double z = 0.0;
            for (int v = 0; v < VOCAB; v++) z += exp((double)logits[r * VOCAB + v]);
            probabilities[r] += exp((double)logits[r * VOCAB + batch.target.ids[r]]) / z / n_models;
        }
        rd_arena_free(&arena);
    }
    for (int i = 0; i < SEQUENCES; i++) {
        all[i].log_prob = 0.0;
        for (int32_t t = batch.target.offsets[i]; t < batch.target.offsets[i + 1]; t++)
            all[i].log_prob += log(probabilities[t]);
    }
    free(probabilities);
    free(logits);
    rd_batch_free(&batch);
}

static double lenpen;

static double score_of(const sequence *s) {
    return s->log_prob / pow(s->length + 1, lenpen);
}

static int by_score(const void *a, const void *b) {
    double x = score_of(a), y = score_of(b);
    return (x < y) - (x > y);
}

/* The n best of the search are the n best of all. */
static void check(rd_model *const *models, int n_models, int sentence, float penalty) {
    enum { N_BEST = 10 };
    static sequence all[SEQUENCES];
    assert_int_equal(enumerate(all), SEQUENCES);
    score_all(models, n_models, sentence, all);
    lenpen = (double)penalty;
    qsort(all, SEQUENCES, sizeof *all, by_score);

    rd_search_request request = {.source = {sources[sentence], source_lengths[sentence]}};
    rd_model_scorer *scorer;
    rd_search_result result;
    rd_search_options config = {
        .beam = BEAM, .lenpen = penalty, .max_len_b = MAX_LEN, .n_best = N_BEST};
    assert_int_equal(rd_model_scorer_open(&scorer, (const rd_model *const *)models, n_models),
                     RD_OK);
    rd_scorer view = rd_model_scorer_view(scorer);
    assert_int_equal(search_all(&config, &view, 1, &request, &result), RD_OK);
    for (int k = 0; k < N_BEST; k++) {
        const rd_hypothesis *h = &result.hypotheses[k];
        assert_near((double)h->score, score_of(&all[k]), 1e-5, 0, "score", k);
        assert_near((double)h->log_prob, all[k].log_prob, 1e-5, 0, "log-probability", k);
        assert_int_equal(h->length, all[k].length);
        assert_memory_equal(h->tokens, all[k].tokens, sizeof(int32_t) * (size_t)h->length);
    }
    rd_search_result_free(&result);
    rd_model_scorer_close(scorer);
}

static void check_sentences(int n_models) {
    static const float penalties[] = {0.0f, 0.6f, 1.0f, 2.0f};
    rd_model *models[MODELS];
    for (int m = 0; m < n_models; m++) models[m] = toy_model((uint64_t)m + 5);
    for (int sentence = 0; sentence < SENTENCES; sentence++)
        for (int p = 0; p < 4; p++) check(models, n_models, sentence, penalties[p]);
    for (int m = 0; m < n_models; m++) rd_model_free(models[m]);
}

static void test_one_model(void **state) {
    (void)state;
    check_sentences(1);
}

static void test_ensemble(void **state) {
    (void)state;
    check_sentences(MODELS);
}

static void (*attention_of_scorer)(void *self, int64_t row, int32_t n_src, float *out);

static void attention_of_sum_one(void *self, int64_t row, int32_t n_src, float *out) {
    double sum = 0.0;
    attention_of_scorer(self, row, n_src, out);
    for (int32_t j = 0; j < n_src; j++) sum += (double)out[j];
    assert_near(sum, 1.0, 1e-5, 0, "attention's sum", row);
}

/* The attention of an ensemble is the mean of its models': of one model twice, its own. */
static void test_attention_of_an_ensemble(void **state) {
    (void)state;
    rd_model *model = toy_model(5);
    const rd_model *models[] = {model, model};
    rd_search_options config = {
        .beam = 4, .lenpen = 1, .max_len_b = MAX_LEN, .n_best = 4, .coverage_penalty = 0.7f};
    rd_search_request request = {.source = {sources[0], source_lengths[0]}};
    rd_search_result results[2];
    for (int i = 0; i < 2; i++) {
        rd_model_scorer *scorer;
        assert_int_equal(rd_model_scorer_open(&scorer, models, 1 + i), RD_OK);
        assert_int_equal(rd_model_scorer_keep_attention(scorer, 0), RD_OK);
        rd_scorer view = rd_model_scorer_view(scorer);
        attention_of_scorer = view.attention;
        view.attention = attention_of_sum_one;
        assert_int_equal(search_all(&config, &view, 1, &request, &results[i]), RD_OK);
        rd_model_scorer_close(scorer);
    }
    for (int k = 0; k < 4; k++)
        assert_near((double)results[1].hypotheses[k].score, (double)results[0].hypotheses[k].score,
                    1e-5, 0, "score", k);
    for (int i = 0; i < 2; i++) rd_search_result_free(&results[i]);
    rd_model_free(model);
}

static void test_models_that_differ(void **state) {
    (void)state;
    rd_model *models[] = {toy_model(5), toy_model(6)};
    rd_model_scorer *scorer;
    rd_model_config *second = (rd_model_config *)rd_model_get_config(models[1]);
    second->tgt_vocab++;
    assert_int_equal(rd_model_scorer_open(&scorer, (const rd_model *const *)models, 2),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "model 2 has"));
    second->tgt_vocab--;
    second->prepend_bos = true;
    assert_int_equal(rd_model_scorer_open(&scorer, (const rd_model *const *)models, 2),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "model 2 has prepend-bos: true"));
    for (int m = 0; m < 2; m++) rd_model_free(models[m]);
}

static int set_up(void **state) {
    (void)state;
    rd_set_threads(1); /* far too small for more */
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_model),
        cmocka_unit_test(test_ensemble),
        cmocka_unit_test(test_attention_of_an_ensemble),
        cmocka_unit_test(test_models_that_differ),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
