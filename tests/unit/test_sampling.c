/* Sampling: what is drawn and how often, against the toy's own distribution. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "search/search.h"
#include "toy_scorer.h"

enum { DRAWS = 1000, ROUNDS = 20 };

static toy *the_toy;

/* The probability with which each token should be drawn: the distribution cut to the top_k and the
 * nucleus. */
static void expected(const float *log_probs, int32_t top_k, double top_p, double *p) {
    int order[VOCAB];
    for (int v = 0; v < VOCAB; v++) {
        p[v] = v == PAD ? 0 : exp((double)log_probs[v]);
        int at = v;
        for (; at > 0 && p[order[at - 1]] < p[v]; at--) order[at] = order[at - 1];
        order[at] = v;
    }
    double all = 0, kept = 0;
    for (int i = 0; i < VOCAB; i++) {
        if (top_k && i >= top_k) p[order[i]] = 0;
        all += p[order[i]];
    }
    for (int i = 0; i < VOCAB; i++) {
        if (kept >= top_p * all) p[order[i]] = 0;
        kept += p[order[i]];
    }
    for (int v = 0; v < VOCAB; v++) p[v] /= kept;
}

/* How often each token comes first among DRAWS * ROUNDS samples; an empty sample counts as eos. */
static void count_first(rd_search_options config, int32_t sentence, int *counts) {
    memset(counts, 0, VOCAB * sizeof *counts);
    toy_alone_index = sentence;
    the_toy->distribution = toy_random_alone;
    config.beam = config.n_best = DRAWS;
    config.max_len_b = 1;
    const int32_t length = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const rd_search_request request = {.number = round};
        rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
        for (int i = 0; i < DRAWS; i++) {
            assert_non_null(r.hypotheses[i].tokens);
            counts[r.hypotheses[i].length ? r.hypotheses[i].tokens[0] : EOS]++;
        }
        rd_search_result_free(&r);
    }
}

static void test_frequencies(void **state) {
    (void)state;
    const struct {
        int32_t top_k;
        float top_p, temperature;
    } settings[] = {{0, 0, 0}, {3, 0, 0}, {0, 0.6f, 0}, {4, 0.8f, 0.7f}, {0, 1, 2}, {1, 0, 0}};
    for (int k = 0; k < 6; k++)
        for (int32_t sentence = 0; sentence < 3; sentence++) {
            rd_search_options config = {.sampling = true,
                                        .top_k = settings[k].top_k,
                                        .top_p = settings[k].top_p,
                                        .temperature = settings[k].temperature,
                                        .seed = 3};
            float log_probs[VOCAB];
            double p[VOCAB];
            int counts[VOCAB];
            toy_random(sentence, NULL, 0, log_probs);
            if (config.temperature > 0) {
                for (int v = 0; v < VOCAB; v++) log_probs[v] /= config.temperature;
                toy_normalise(log_probs);
            }
            expected(log_probs, config.top_k, config.top_p > 0 ? (double)config.top_p : 1, p);
            count_first(config, sentence, counts);
            for (int v = 0; v < VOCAB; v++) {
                double n = DRAWS * ROUNDS, deviation = sqrt(n * p[v] * (1 - p[v]));
                assert_true(fabs(counts[v] - n * p[v]) <= 5 * deviation);
            }
        }
}

/* Of a whole sample: its tokens follow the rules, its log P is that of its tokens. */
static void test_whole_samples(void **state) {
    (void)state;
    enum { N = 6, BEAM = 8 };
    const int32_t lengths[N] = {4, 4, 4, 4, 4, 4};
    rd_search_options config = {.beam = BEAM,
                                .lenpen = 1,
                                .max_len_a = 2,
                                .n_best = BEAM,
                                .sampling = true,
                                .min_len = 2,
                                .no_repeat_ngram = 2,
                                .unk_penalty = 1};
    the_toy->distribution = toy_random;
    rd_search_result r = toy_search(&config, the_toy, N, lengths, NULL, RD_OK);
    int lengths_seen = 0;
    for (int i = 0; i < N * BEAM; i++) {
        const rd_hypothesis *h = &r.hypotheses[i];
        double log_prob = 0, unks = 0;
        float step[VOCAB];
        assert_in_range(h->length, 2, 8);
        lengths_seen |= 1 << h->length;
        for (int32_t t = 0; t <= h->length; t++) {
            int32_t token = t < h->length ? h->tokens[t] : EOS;
            toy_random(i / BEAM, h->tokens, t, step);
            log_prob += (double)step[token];
            unks += token == UNK;
            assert_int_not_equal(token, PAD);
            for (int32_t u = 1; u < t && t < h->length; u++) /* no pair twice */
                assert_false(h->tokens[u] == token && h->tokens[u - 1] == h->tokens[t - 1]);
        }
        assert_float_equal(h->log_prob, log_prob, 1e-4);
        assert_float_equal(h->score, (log_prob - unks) / (h->length + 1), 1e-4);
        if (i % BEAM) assert_true(h->score <= h[-1].score);
    }
    assert_true(lengths_seen & (lengths_seen - 1));
    rd_search_result_free(&r);
}

static bool has(const rd_hypothesis *all, int n, const rd_hypothesis *wanted) {
    for (int i = 0; i < n; i++)
        if (all[i].length == wanted->length && all[i].score == wanted->score) return true;
    return false;
}

/* A sample depends on seed, sentence number and its own number: not on its batch, and not on how
 * many samples there are. */
static void test_what_a_sample_depends_on(void **state) {
    (void)state;
    enum { N = 5 };
    const int32_t lengths[N] = {3, 9, 1, 0, 5};
    rd_search_request requests[N] = {{.source = {NULL, 0}}};
    for (int i = 0; i < N; i++) requests[i].number = i;
    rd_search_options config = {
        .beam = 6, .max_len_a = 1, .max_len_b = 3, .n_best = 6, .sampling = true, .seed = 11};
    the_toy->distribution = toy_random_alone;
    toy_alone_index = 0;
    rd_search_result all = toy_search(&config, the_toy, N, lengths, NULL, RD_OK);
    int differ = 0;
    for (int i = 0; i < N; i++) {
        toy_alone_index = i;
        config.beam = config.n_best = 3;
        rd_search_result few = toy_search(&config, the_toy, 1, lengths + i, requests + i, RD_OK);
        for (int k = 0; k < 3; k++) assert_true(has(all.hypotheses + i * 6, 6, &few.hypotheses[k]));
        config.seed++;
        rd_search_result other = toy_search(&config, the_toy, 1, lengths + i, requests + i, RD_OK);
        for (int k = 0; k < 3; k++) differ += !has(all.hypotheses + i * 6, 6, &other.hypotheses[k]);
        config.seed--;
        rd_search_result_free(&few);
        rd_search_result_free(&other);
    }
    assert_true(differ > N);
    rd_search_result_free(&all);
}

static void nothing_but_pad(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence, (void)prefix;
    for (int v = 0; v < VOCAB; v++) out[v] = -INFINITY;
    out[n == 2 ? PAD : A] = 0;
}

static void not_numbers(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    toy_random(sentence, prefix, n, out);
    if (n == 1) out[B] = NAN;
}

static void test_what_cannot_be_drawn(void **state) {
    (void)state;
    const int32_t length = 0;
    rd_search_options config = {.beam = 2, .max_len_b = 9, .n_best = 2, .sampling = true};
    the_toy->distribution = nothing_but_pad; /* nothing to go on with: the sample ends */
    rd_search_result r = toy_search(&config, the_toy, 1, &length, NULL, RD_OK);
    for (int k = 0; k < 2; k++) assert_int_equal(r.hypotheses[k].length, 2);
    rd_search_result_free(&r);
    the_toy->distribution = not_numbers;
    config.max_len_b = 5, config.min_len = 3;
    toy_search(&config, the_toy, 1, &length, NULL, RD_ERR_NUMERIC);
    config.top_k = 2;
    toy_search(&config, the_toy, 1, &length, NULL, RD_ERR_NUMERIC);
    rd_search_options bad[] = {config, config, config};
    bad[0].top_k = -1, bad[1].top_p = 1.5f, bad[2].diverse_groups = 2;
    for (int i = 0; i < 3; i++) toy_search(&bad[i], the_toy, 1, &length, NULL, RD_ERR_ARGUMENT);
}

/* Draws of one stream are uniform, and those of neighbours have nothing to do with each other. */
static void test_draws(void **state) {
    (void)state;
    enum { N = 20000 };
    double mean = 0, product = 0;
    for (uint32_t i = 0; i < N; i++) {
        double a = rd_rng_at(1, 2, i, 0), b = rd_rng_at(1, 2, i, 1), c = rd_rng_at(1, 3, i, 0);
        assert_true(a >= 0 && a < 1 && a != b && a != c && b != c);
        mean += a / N, product += (a - .5) * (b - .5) / N + (a - .5) * (c - .5) / N;
    }
    assert_float_equal(mean, 0.5, 0.01);
    assert_float_equal(product, 0, 0.005);
    assert_true(rd_rng_at(7, 1ull << 40, 3, 4) == rd_rng_at(7, 1ull << 40, 3, 4));
    assert_true(rd_rng_at(7, 1ull << 40, 3, 4) != rd_rng_at(7, 0, 3, 4));
}

int main(void) {
    the_toy = calloc(1, sizeof *the_toy);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_whole_samples),
        cmocka_unit_test(test_what_a_sample_depends_on),
        cmocka_unit_test(test_what_cannot_be_drawn),
        cmocka_unit_test(test_draws),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(the_toy);
    return failures;
}
