/* Constrained search: against brute force over all sequences of a toy distribution where nothing is
 * cut, and by its promises where the beam is narrow. */
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

enum { SENTENCES = 12, MAX_LEN = 4, PATHS = 781, MOST_PHRASES = 4 };

static toy *the_toy;
static toy_path all[PATHS];

typedef struct {
    int32_t tokens[MOST_PHRASES][MAX_LEN];
    rd_token_span spans[MOST_PHRASES];
    int32_t n, total;
} phrase_set;

/* Phrases of A, B, C and UNK, some of them twice. */
static phrase_set *random_phrases(rd_rng *rng, int32_t most) {
    phrase_set *set = calloc(1, sizeof *set);
    set->n = (int32_t)rd_rng_below(rng, MOST_PHRASES + 1);
    for (int32_t i = 0; i < set->n; i++) {
        int32_t length = 1 + (int32_t)rd_rng_below(rng, (uint32_t)most);
        for (int32_t k = 0; k < length; k++)
            set->tokens[i][k] = UNK + (int32_t)rd_rng_below(rng, 4);
        set->spans[i] = (rd_token_span){set->tokens[i], length};
        if (i && rd_rng_below(rng, 3) == 0) set->spans[i] = set->spans[i - 1];
        set->total += set->spans[i].length;
    }
    return set;
}

static bool equal(rd_token_span a, rd_token_span b) {
    return a.length == b.length &&
           memcmp(a.tokens, b.tokens, (size_t)a.length * sizeof *a.tokens) == 0;
}

/* How many of the first n phrases tokens[0..length) lacks: each must occur as often as given. */
static int32_t unmet(const rd_token_span *spans, int32_t n, const int32_t *tokens, int32_t length) {
    int32_t lacks = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t wanted = 0, found = 0;
        for (int32_t k = 0; k <= i; k++) wanted += equal(spans[k], spans[i]);
        for (int32_t at = 0; at + spans[i].length <= length; at++)
            found += equal((rd_token_span){tokens + at, spans[i].length}, spans[i]);
        lacks += found < wanted;
    }
    return lacks;
}

/* The best sequences that have all phrases, in order, by score; `prefix`: of all of them. */
static void check_against_all(const rd_search_result *result, const phrase_set *set,
                              rd_token_span prefix, const rd_search_options *config) {
    static double scores[PATHS];
    for (int32_t i = 0; i < PATHS; i++) {
        bool wanted = unmet(set->spans, set->n, all[i].tokens, all[i].length) == 0 &&
                      all[i].length >= prefix.length && all[i].length >= config->min_len &&
                      equal(prefix, (rd_token_span){all[i].tokens, prefix.length});
        scores[i] = wanted ? all[i].log_prob / pow(all[i].length + 1, (double)config->lenpen)
                           : (double)-INFINITY;
    }
    toy_check_best(result, all, scores, PATHS);
    for (int32_t k = 0; k < result->n_best; k++)
        if (result->hypotheses[k].tokens) assert_int_equal(result->hypotheses[k].n_unmet, 0);
}

static void test_agrees_with_brute_force(void **state) {
    (void)state;
    const int32_t length = 0, prefixes[][2] = {{A, B}, {C, C}, {UNK, A}};
    rd_rng rng = rd_rng_make(7, 0);
    int searched = 0, constrained = 0, overlaps = 0;
    the_toy->distribution = toy_random_alone;
    for (int trial = 0; searched < 400; trial++) {
        phrase_set *set = random_phrases(&rng, 3);
        rd_token_span prefix = {prefixes[trial % 3], trial % 5 < 3 ? 0 : trial % 5 - 2};
        rd_search_request request = {.prefix = prefix.tokens,
                                     .prefix_length = prefix.length,
                                     .phrases = set->spans,
                                     .n_phrases = set->n};
        rd_search_options config = {.beam = 800,
                                    .lenpen = (float)(trial % 4) / 2,
                                    .max_len_b = MAX_LEN,
                                    .min_len = trial % 7 == 0 ? 3 : 0,
                                    .n_best = 1 + trial % 9};
        if (set->total + prefix.length <= MAX_LEN) {
            searched++;
            constrained += set->n > 0;
            overlaps += set->n > 1 && set->total == MAX_LEN;
            toy_alone_index = trial % SENTENCES;
            assert_int_equal(toy_enumerate(toy_alone_index, MAX_LEN, all), PATHS);
            rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
            check_against_all(&r, set, prefix, &config);
            rd_search_result_free(&r);
        }
        free(set);
    }
    assert_true(constrained > 100 && overlaps > 10);
}

/* Whatever the beam: every hypothesis has all phrases, and neither batches nor waiting change
 * anything. */
static void test_narrow_beams_meet_constraints(void **state) {
    (void)state;
    enum { MOST = 3 };
    int32_t lengths[SENTENCES];
    for (int i = 0; i < SENTENCES; i++) lengths[i] = 1;
    rd_rng rng = rd_rng_make(8, 0);
    for (int trial = 0; trial < 300; trial++) {
        phrase_set *sets[SENTENCES];
        rd_search_request requests[SENTENCES] = {{.source = {NULL, 0}}};
        for (int i = 0; i < SENTENCES; i++) {
            sets[i] = random_phrases(&rng, MOST);
            requests[i].phrases = sets[i]->spans;
            requests[i].n_phrases = sets[i]->n;
        }
        rd_search_options config = {.beam = 1 + trial % 6,
                                    .lenpen = 1,
                                    .max_len_b = (float)(12 + trial % 3),
                                    .n_best = 1,
                                    .early_stopping = (rd_early_stopping)(trial % 4),
                                    .no_repeat_ngram = trial % 4,
                                    .diverse_strength = 1,
                                    .forced_bos = trial % 5 == 0,
                                    .renormalize = trial % 2,
                                    .batch_tokens = trial % 4};
        config.diverse_groups = config.beam % 2 == 0 ? 2 : 0;
        config.n_best = config.beam;
        if (config.forced_bos) config.max_len_b++;
        the_toy->distribution = toy_random;
        rd_search_result all_at_once =
            toy_search(&config, the_toy, SENTENCES, lengths, requests, RD_OK);
        the_toy->distribution = toy_random_alone;
        for (int i = 0; i < SENTENCES; i++) {
            const rd_hypothesis *h = &all_at_once.hypotheses[i * config.n_best];
            assert_non_null(h->tokens);
            for (int32_t k = 0; k < config.n_best && h[k].tokens; k++) {
                assert_int_equal(h[k].n_unmet, 0);
                assert_int_equal(unmet(sets[i]->spans, sets[i]->n, h[k].tokens, h[k].length), 0);
            }
            toy_alone_index = i;
            rd_search_result alone = toy_search(&config, the_toy, 1, lengths, &requests[i], RD_OK);
            for (int32_t k = 0; k < config.n_best; k++) {
                const rd_hypothesis *a = &alone.hypotheses[k];
                assert_int_equal(a->tokens == NULL, h[k].tokens == NULL);
                if (!a->tokens) break;
                assert_true(equal((rd_token_span){a->tokens, a->length},
                                  (rd_token_span){h[k].tokens, h[k].length}));
            }
            rd_search_result_free(&alone);
        }
        rd_search_result_free(&all_at_once);
        for (int i = 0; i < SENTENCES; i++) free(sets[i]);
    }
}

/* A wider beam of the constrained search finds better translations: on the whole, not each time. */
static void test_wider_is_better(void **state) {
    (void)state;
    const int32_t lengths[SENTENCES] = {0}, tokens[] = {C, UNK, B};
    const rd_token_span phrases[] = {{tokens, 2}, {tokens + 2, 1}};
    rd_search_request requests[SENTENCES];
    for (int i = 0; i < SENTENCES; i++)
        requests[i] = (rd_search_request){.phrases = phrases, .n_phrases = 2};
    double totals[3] = {0};
    const int32_t beams[] = {1, 8, 64};
    the_toy->distribution = toy_random;
    for (int b = 0; b < 3; b++) {
        rd_search_options config = {.beam = beams[b], .lenpen = 1, .max_len_b = 8, .n_best = 1};
        rd_search_result r = toy_search(&config, the_toy, SENTENCES, lengths, requests, RD_OK);
        for (int i = 0; i < SENTENCES; i++) totals[b] += (double)r.hypotheses[i].score;
        rd_search_result_free(&r);
    }
    assert_true(totals[1] > totals[0] && totals[2] > totals[1]);
}

/* Phrases that do not fit are dropped from the end; the rest is kept. */
static void test_too_many_phrases(void **state) {
    (void)state;
    const int32_t length = 0, tokens[] = {A, B, C, C, C, UNK, B};
    const rd_token_span phrases[] = {{tokens, 3}, {tokens + 2, 3}, {tokens + 5, 1}, {tokens, 7}};
    rd_search_request request = {.phrases = phrases, .n_phrases = 4};
    rd_search_options config = {.beam = 3, .max_len_b = 4, .n_best = 3};
    toy_alone_index = 3;
    the_toy->distribution = toy_random_alone;
    rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
    const rd_hypothesis *h = r.hypotheses;
    assert_non_null(h->tokens);
    assert_int_equal(h->n_unmet, 0);
    assert_int_equal(unmet(phrases, 1, h->tokens, h->length), 0);
    assert_int_equal(unmet(phrases + 2, 1, h->tokens, h->length), 0);
    assert_int_equal(unmet(phrases, 4, h->tokens, h->length), 2);
    rd_search_result_free(&r);
}

/* A, B and C are likely in this order; C is unlikely at any other place. */
static void c_after_a_b(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence;
    for (int32_t i = 0; i < VOCAB; i++) out[i] = i < EOS ? -INFINITY : logf(0.02f);
    bool in_order = (n < 1 || prefix[0] == A) && (n < 2 || prefix[1] == B) && n < 3;
    out[in_order ? A + n : EOS] = 0;
    toy_normalise(out);
}

/* Hypotheses that lack the same tokens take turns in the beam: those that have the phrase early do
 * not crowd out the one in which it comes at its best place. */
static void test_banks_take_turns(void **state) {
    (void)state;
    const int32_t length = 0, tokens[] = {C}, best[] = {A, B, C};
    const rd_token_span phrase = {tokens, 1};
    rd_search_request request = {.phrases = &phrase, .n_phrases = 1};
    rd_search_options config = {.beam = 2, .max_len_b = 6, .n_best = 1};
    the_toy->distribution = c_after_a_b;
    rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
    assert_true(equal((rd_token_span){r.hypotheses[0].tokens, r.hypotheses[0].length},
                      (rd_token_span){best, 3}));
    rd_search_result_free(&r);
}

/* After B a word goes on: C there is the likeliest, but not the phrase. */
static void test_not_within_a_word(void **state) {
    (void)state;
    const int32_t length = 0, tokens[] = {C};
    const uint8_t edges[VOCAB] = {[B] = RD_EDGE_JOINED};
    const rd_token_span phrase = {tokens, 1};
    rd_search_request request = {.phrases = &phrase, .n_phrases = 1, .edges = edges};
    rd_search_options config = {.beam = 4, .max_len_b = 6, .n_best = 4};
    the_toy->distribution = c_after_a_b;
    rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
    assert_non_null(r.hypotheses[0].tokens);
    for (int32_t k = 0; k < 4 && r.hypotheses[k].tokens; k++) {
        const rd_hypothesis *h = &r.hypotheses[k];
        int32_t whole = 0;
        for (int32_t i = 0; i < h->length; i++)
            whole += h->tokens[i] == C && (i == 0 || h->tokens[i - 1] != B);
        assert_true(whole > 0);
        assert_int_equal(h->n_unmet, 0);
    }
    rd_search_result_free(&r);
}

static void without_c(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    toy_random(sentence, prefix, n, out);
    out[C] = -INFINITY;
    toy_normalise(out);
}

/* Phrases that the model gives no probability to are lacking, and the others are not. */
static void test_impossible_phrase(void **state) {
    (void)state;
    const int32_t length = 0, tokens[] = {A, B, C};
    const rd_token_span phrases[] = {{tokens + 2, 1}, {tokens, 2}};
    rd_search_request request = {.phrases = phrases, .n_phrases = 2};
    rd_search_options config = {.beam = 4, .max_len_b = 6, .n_best = 4};
    the_toy->distribution = without_c;
    rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
    for (int32_t k = 0; k < 4 && r.hypotheses[k].tokens; k++) {
        assert_int_equal(r.hypotheses[k].n_unmet, 1);
        assert_int_equal(unmet(phrases + 1, 1, r.hypotheses[k].tokens, r.hypotheses[k].length), 0);
    }
    assert_non_null(r.hypotheses[0].tokens);
    rd_search_result_free(&r);
}

static void test_bad_requests(void **state) {
    (void)state;
    const int32_t length = 0, outside[] = {VOCAB}, good[] = {A};
    const rd_token_span phrases[] = {{outside, 1}, {good, 1}};
    rd_search_request request = {.phrases = phrases, .n_phrases = 1};
    rd_search_options config = {.beam = 2, .max_len_b = 6, .n_best = 1};
    the_toy->distribution = toy_random;
    toy_search(&config, the_toy, 1, &length, &request, RD_ERR_ARGUMENT);
    request.phrases++;
    config.sampling = true;
    toy_search(&config, the_toy, 1, &length, &request, RD_ERR_ARGUMENT);
}

int main(void) {
    the_toy = calloc(1, sizeof *the_toy);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_brute_force),
        cmocka_unit_test(test_narrow_beams_meet_constraints),
        cmocka_unit_test(test_wider_is_better),
        cmocka_unit_test(test_banks_take_turns),
        cmocka_unit_test(test_not_within_a_word),
        cmocka_unit_test(test_too_many_phrases),
        cmocka_unit_test(test_impossible_phrase),
        cmocka_unit_test(test_bad_requests),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(the_toy);
    return failures;
}
