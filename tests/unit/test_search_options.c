/* Search options beyond the plain best: against brute force over all sequences of a toy
 * distribution. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "search/search.h"
#include "toy_scorer.h"

enum { SENTENCES = 8, MAX_LEN = 4, MOST_PATHS = 800 };

static toy *the_toy;
static toy_path all[MOST_PATHS];
static double scores[MOST_PATHS]; /* of all, -INFINITY: not wanted */
static int32_t n_all;

static void enumerate(int32_t sentence) {
    n_all = toy_enumerate(sentence, MAX_LEN, all);
    assert_int_equal(n_all, 781);
}

static const int32_t no_length = 0;

static void search_sentence(const rd_search_options *config, int32_t sentence,
                            const rd_search_request *request) {
    toy_alone_index = sentence;
    the_toy->distribution = toy_random_alone;
    rd_search_result result = toy_search(config, the_toy, 1, &no_length, request, RD_OK);
    toy_check_best(&result, all, scores, n_all);
    rd_search_result_free(&result);
}

static void test_length_norms_against_brute_force(void **state) {
    (void)state;
    for (int32_t sentence = 0; sentence < SENTENCES; sentence++)
        for (int form = 0; form < 2; form++) {
            rd_search_options config = {.beam = 800,
                                        .lenpen = 0.7f + (float)sentence / 4,
                                        .lenpen_form = form ? RD_LENPEN_GNMT : RD_LENPEN_POWER,
                                        .max_len_b = MAX_LEN,
                                        .n_best = 9};
            enumerate(sentence);
            for (int32_t i = 0; i < n_all; i++) {
                double length = all[i].length + 1; /* with eos */
                scores[i] =
                    all[i].log_prob / pow(form ? (5 + length) / 6 : length, (double)config.lenpen);
            }
            search_sentence(&config, sentence, NULL);
        }
}

static void tempered(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    toy_random(sentence, prefix, n, out);
    for (int v = 0; v < VOCAB; v++) out[v] /= 1.7f;
    toy_normalise(out);
}

/* A temperature gives what the tempered distribution gives without. */
static void test_temperature(void **state) {
    (void)state;
    rd_search_options config = {.beam = 3, .lenpen = 1, .max_len_b = 9, .n_best = 3};
    const int32_t lengths[SENTENCES] = {0};
    the_toy->distribution = tempered;
    rd_search_result expected = toy_search(&config, the_toy, SENTENCES, lengths, NULL, RD_OK);
    the_toy->distribution = toy_random;
    config.temperature = 1.7f;
    rd_search_result found = toy_search(&config, the_toy, SENTENCES, lengths, NULL, RD_OK);
    for (int i = 0; i < SENTENCES * 3; i++) {
        const rd_hypothesis *a = &expected.hypotheses[i], *b = &found.hypotheses[i];
        assert_int_equal(a->length, b->length);
        for (int32_t k = 0; k < a->length; k++) assert_int_equal(a->tokens[k], b->tokens[k]);
        assert_float_equal(a->log_prob, b->log_prob, 1e-4);
    }
    rd_search_result_free(&expected);
    rd_search_result_free(&found);
    config.temperature = -1;
    toy_search(&config, the_toy, 1, lengths, NULL, RD_ERR_ARGUMENT);
}

/* P(a) = 0.6, P(eos) = 0.3, P(b) = 0.1, always: every step of beam 2 finishes one more hypothesis,
 * a longer one, which lenpen 1 prefers. */
static void likes_a(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence, (void)prefix, (void)n;
    for (int v = 0; v < VOCAB; v++) out[v] = -INFINITY;
    out[A] = logf(0.6f), out[EOS] = logf(0.3f), out[B] = logf(0.1f);
}

static void test_patience(void **state) {
    (void)state;
    const float patience[] = {0, 1, 2, 4.5f, 0.5f, 0.1f};
    const int32_t steps[] = {2, 2, 4, 9, 1, 1};
    the_toy->distribution = likes_a;
    for (int i = 0; i < 6; i++) {
        rd_search_options config = {
            .beam = 2, .lenpen = 1, .max_len_b = 15, .n_best = 2, .patience = patience[i]};
        rd_search_result r = toy_search(&config, the_toy, 1, &no_length, NULL, RD_OK);
        assert_int_equal(the_toy->step, steps[i]);
        assert_int_equal(r.hypotheses[0].length, steps[i] - 1);
        if (steps[i] > 1) assert_int_equal(r.hypotheses[1].length, steps[i] - 2);
        assert_int_equal(r.hypotheses[1].tokens == NULL, steps[i] == 1);
        rd_search_result_free(&r);
    }
    toy_search(&(rd_search_options){.beam = 2, .n_best = 1, .patience = -1}, the_toy, 1, &no_length,
               NULL, RD_ERR_ARGUMENT);
}

/* Groups of one hypothesis, each going for the best token in turn. */
enum { GROUPS = 3, LONGEST = 6 };
static toy_path in_turn[GROUPS];
static double penalties[GROUPS];
static bool ended[GROUPS];

/* Whether a group before `group` has that path and token at this step. */
static bool is_taken(int group, int32_t length, int token) {
    const toy_path *path = &in_turn[group];
    for (int g = 0; g < group; g++) {
        const toy_path *other = &in_turn[g];
        bool same = memcmp(other->tokens, path->tokens, (size_t)length * sizeof(int32_t)) == 0;
        if (same && token == EOS && ended[g] && other->length == length) return true;
        if (same && token != EOS && other->length > length && other->tokens[length] == token)
            return true;
    }
    return false;
}

/* Of those that no group before has taken. */
static int best_token(int group, const float *log_probs, const int32_t *taken, int32_t n_taken,
                      double strength, double *penalty) {
    int best = -1;
    double best_score = -INFINITY;
    for (int v = 0; v < VOCAB; v++) {
        double cost = 0;
        if (is_taken(group, in_turn[group].length, v)) continue;
        for (int32_t i = 0; i < n_taken; i++) cost += taken[i] == v ? strength : 0;
        if (v == PAD || !((double)log_probs[v] - cost > best_score)) continue;
        best = v, best_score = (double)log_probs[v] - cost, *penalty = cost;
    }
    return best;
}

static void go_in_turn(int32_t sentence, double strength) {
    memset(in_turn, 0, sizeof in_turn);
    memset(penalties, 0, sizeof penalties);
    memset(ended, 0, sizeof ended);
    for (int32_t step = 0; step <= LONGEST; step++) {
        int32_t taken[GROUPS], n_taken = 0;
        for (int g = 0; g < GROUPS; g++) {
            toy_path *path = &in_turn[g];
            float log_probs[VOCAB];
            double penalty = 0;
            if (ended[g]) continue;
            toy_random(sentence, path->tokens, step, log_probs);
            int token = step == LONGEST
                            ? EOS
                            : best_token(g, log_probs, taken, n_taken, strength, &penalty);
            path->log_prob += (double)log_probs[token];
            penalties[g] += penalty;
            ended[g] = token == EOS;
            if (!ended[g]) path->tokens[path->length++] = taken[n_taken++] = token;
        }
    }
}

static void test_diverse_groups_choose_in_turn(void **state) {
    (void)state;
    const float strengths[] = {0.3f, 1, 100};
    int penalised = 0;
    for (int k = 0; k < 3; k++)
        for (int32_t sentence = 0; sentence < SENTENCES; sentence++) {
            rd_search_options config = {.beam = GROUPS,
                                        .max_len_b = LONGEST,
                                        .n_best = GROUPS,
                                        .diverse_groups = GROUPS,
                                        .diverse_strength = strengths[k]};
            go_in_turn(sentence, (double)strengths[k]);
            toy_alone_index = sentence;
            the_toy->distribution = toy_random_alone;
            rd_search_result r = toy_search(&config, the_toy, 1, &no_length, NULL, RD_OK);
            for (int i = 0; i < GROUPS; i++) { /* the best of those that are left */
                int best = -1;
                for (int g = 0; g < GROUPS; g++)
                    if (ended[g] && (best < 0 || in_turn[g].log_prob - penalties[g] >
                                                     in_turn[best].log_prob - penalties[best]))
                        best = g;
                const rd_hypothesis *h = &r.hypotheses[i];
                assert_int_equal(h->length, in_turn[best].length);
                for (int32_t t = 0; t < h->length; t++)
                    assert_int_equal(h->tokens[t], in_turn[best].tokens[t]);
                assert_float_equal(h->log_prob, in_turn[best].log_prob, 1e-4);
                assert_float_equal(h->score, in_turn[best].log_prob - penalties[best], 1e-4);
                penalised += penalties[best] > 0;
                ended[best] = false;
            }
            rd_search_result_free(&r);
        }
    assert_true(penalised > 0);
}

static bool same_tokens(const rd_hypothesis *a, const rd_hypothesis *b) {
    return a->length == b->length &&
           memcmp(a->tokens, b->tokens, (size_t)a->length * sizeof *a->tokens) == 0;
}

/* Whatever the price, no hypothesis is given twice, and the first group is a search of its own. */
static void test_diverse_groups_of_several(void **state) {
    (void)state;
    const int32_t lengths[SENTENCES] = {0};
    const float strengths[] = {0, 0.5f, 50};
    rd_search_options config = {.beam = 2, .lenpen = 1, .max_len_b = 8, .n_best = 2};
    the_toy->distribution = toy_random;
    rd_search_result one = toy_search(&config, the_toy, SENTENCES, lengths, NULL, RD_OK);
    config.beam = config.n_best = 6;
    config.diverse_groups = 3;
    for (int s = 0; s < 3; s++) {
        config.diverse_strength = strengths[s];
        rd_search_result three = toy_search(&config, the_toy, SENTENCES, lengths, NULL, RD_OK);
        for (int i = 0; i < SENTENCES; i++) {
            const rd_hypothesis *found = &three.hypotheses[i * 6];
            int of_first = 0;
            for (int k = 0; k < 6; k++) {
                assert_non_null(found[k].tokens);
                for (int j = 0; j < k; j++) assert_false(same_tokens(&found[j], &found[k]));
                for (int j = 0; j < 2; j++)
                    of_first += same_tokens(&found[k], &one.hypotheses[i * 2 + j]);
            }
            assert_int_equal(of_first, 2);
        }
        rd_search_result_free(&three);
    }
    rd_search_result_free(&one);
    config.diverse_groups = 4;
    toy_search(&config, the_toy, 1, lengths, NULL, RD_ERR_ARGUMENT);
}

/* Groups that begin with the same prefix differ after it. */
static void test_diverse_groups_after_a_prefix(void **state) {
    (void)state;
    const int32_t prefix[] = {A, B}, length = 0;
    const rd_search_request request = {.prefix = prefix, .prefix_length = 2};
    rd_search_options config = {
        .beam = 4, .lenpen = 1, .max_len_b = 7, .n_best = 4, .diverse_groups = 4};
    the_toy->distribution = toy_random_alone;
    for (toy_alone_index = 0; toy_alone_index < SENTENCES; toy_alone_index++) {
        config.forced_bos = toy_alone_index % 2;
        rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
        for (int k = 0; k < 4; k++) {
            const rd_hypothesis *h = &r.hypotheses[k];
            assert_non_null(h->tokens);
            assert_memory_equal(h->tokens + config.forced_bos, prefix, sizeof prefix);
            for (int j = 0; j < k; j++) assert_false(same_tokens(&r.hypotheses[j], h));
        }
        rd_search_result_free(&r);
    }
}

enum { N_SRC = 5 };

/* Sum over source tokens of log(min(1, attention received)), by the path and its eos. */
static double coverage_of(const toy_path *path) {
    double covered[N_SRC] = {0}, sum = 0;
    float attention[N_SRC];
    for (int32_t t = 0; t <= path->length; t++) {
        toy_attention(path->tokens, t, N_SRC, attention);
        for (int j = 0; j < N_SRC; j++) covered[j] += (double)attention[j];
    }
    for (int j = 0; j < N_SRC; j++) sum += log(fmin(1, covered[j]));
    return sum;
}

static void assert_aligned(const rd_hypothesis *h) {
    float attention[N_SRC];
    for (int32_t t = 0; t < h->length; t++) {
        toy_attention(h->tokens, t, N_SRC, attention);
        assert_in_range(h->aligned[t], 0, N_SRC - 2); /* never eos */
        for (int j = 0; j + 1 < N_SRC; j++) assert_true(attention[j] <= attention[h->aligned[t]]);
    }
}

static void test_coverage_and_alignment_against_brute_force(void **state) {
    (void)state;
    const int32_t length = N_SRC;
    the_toy->attention = toy_attention;
    for (int32_t sentence = 0; sentence < SENTENCES; sentence++) {
        rd_search_options config = {.beam = 800,
                                    .lenpen = 0.5f,
                                    .max_len_b = MAX_LEN,
                                    .n_best = 9,
                                    .coverage_penalty = 0.4f,
                                    .align = true};
        enumerate(sentence);
        for (int32_t i = 0; i < n_all; i++)
            scores[i] =
                all[i].log_prob / sqrt(all[i].length + 1.0) + (double)0.4f * coverage_of(&all[i]);
        toy_alone_index = sentence;
        the_toy->distribution = toy_random_alone;
        rd_search_result r = toy_search(&config, the_toy, 1, &length, NULL, RD_OK);
        toy_check_best(&r, all, scores, n_all);
        for (int k = 0; k < 9; k++) assert_aligned(&r.hypotheses[k]);
        rd_search_result_free(&r);
    }
    /* Narrow beams, several sentences, other sources: alignments follow their hypotheses. */
    const int32_t lengths[SENTENCES] = {N_SRC, N_SRC, N_SRC, N_SRC, N_SRC, N_SRC, N_SRC, N_SRC};
    rd_search_options config = {.beam = 3, .max_len_b = 9, .n_best = 3, .align = true};
    the_toy->distribution = toy_random;
    rd_search_result r = toy_search(&config, the_toy, SENTENCES, lengths, NULL, RD_OK);
    for (int i = 0; i < SENTENCES * 3; i++)
        if (r.hypotheses[i].tokens) assert_aligned(&r.hypotheses[i]);
    rd_search_result_free(&r);
    the_toy->attention = NULL;
    toy_search(&config, the_toy, 1, &length, NULL, RD_ERR_ARGUMENT);
}

static bool starts_with(const toy_path *path, const int32_t *prefix, int32_t n) {
    if (path->length < n) return false;
    for (int32_t i = 0; i < n; i++)
        if (path->tokens[i] != prefix[i]) return false;
    return true;
}

static void test_prefix_against_brute_force(void **state) {
    (void)state;
    const int32_t prefix[] = {B, UNK, B, A};
    for (int32_t sentence = 0; sentence < SENTENCES; sentence++)
        for (int32_t n = 0; n <= 4; n++) {
            rd_search_options config = {
                .beam = 800, .lenpen = 1, .max_len_b = MAX_LEN, .n_best = 7};
            enumerate(sentence);
            for (int32_t i = 0; i < n_all; i++)
                scores[i] = starts_with(&all[i], prefix, n) ? all[i].log_prob / (all[i].length + 1)
                                                            : (double)-INFINITY;
            search_sentence(&config, sentence,
                            &(rd_search_request){.prefix = prefix, .prefix_length = n});
        }
}

/* A prefix stays, and an output ends, whatever the rules say. */
static void test_rules_that_forbid_all(void **state) {
    (void)state;
    const int32_t prefix[] = {A, B}, length = 0;
    const rd_search_request request = {.prefix = prefix, .prefix_length = 2};
    char bias[] = "4: -inf, 5: -inf", decayed[] = "";
    rd_search_options config = {
        .beam = 2, .lenpen = 1, .max_len_b = 7, .n_best = 1, .sequence_bias = bias};
    the_toy->distribution = toy_random_alone;
    rd_search_result r = toy_search(&config, the_toy, 1, &length, &request, RD_OK);
    assert_non_null(r.hypotheses[0].tokens);
    assert_memory_equal(r.hypotheses[0].tokens, prefix, sizeof prefix);
    assert_true(isfinite(r.hypotheses[0].log_prob));
    rd_search_result_free(&r);
    config.sequence_bias = decayed;
    config.decay_start = 0;
    config.decay_factor = 1e6;
    config.min_len = 4;
    r = toy_search(&config, the_toy, 1, &length, NULL, RD_OK);
    assert_int_equal(r.hypotheses[0].length, 4);
    rd_search_result_free(&r);
}

static double log_p(int32_t sentence, const int32_t *tokens, int32_t n, int32_t next) {
    float log_probs[VOCAB];
    toy_random(sentence, tokens, n, log_probs);
    return (double)log_probs[next];
}

/* bos comes first, then the prefix; forced tokens cost what they cost, or nothing. */
static void test_forced_bos_against_brute_force(void **state) {
    (void)state;
    const int32_t begin[] = {BOS, B, UNK};
    for (int32_t sentence = 0; sentence < SENTENCES; sentence++)
        for (int32_t n = 0; n <= 4; n++) {
            int32_t n_prefix = n / 2, free_tokens = n % 2;
            rd_search_options config = {.beam = 800,
                                        .lenpen = 1,
                                        .max_len_b = MAX_LEN,
                                        .n_best = 7,
                                        .forced_bos = true,
                                        .forced_tokens_free = free_tokens};
            enumerate(sentence);
            for (int32_t i = 0; i < n_all; i++) {
                toy_path *path = &all[i];
                if (free_tokens) path->log_prob -= log_p(sentence, NULL, 0, BOS);
                if (free_tokens && path->length == MAX_LEN)
                    path->log_prob -= log_p(sentence, path->tokens, MAX_LEN, EOS);
                scores[i] = starts_with(path, begin, n_prefix + 1)
                                ? path->log_prob / (path->length + 1)
                                : (double)-INFINITY;
            }
            search_sentence(&config, sentence,
                            &(rd_search_request){.prefix = begin + 1, .prefix_length = n_prefix});
        }
}

/* The prefix stands against the length limit, repeated n-grams and penalties, whose price it pays;
 * sentences of one search have prefixes of their own. */
static void test_prefix_stands(void **state) {
    (void)state;
    const int32_t repeated[] = {A, A, UNK, A, A, A};
    const rd_search_request requests[] = {{.prefix = repeated, .prefix_length = 6},
                                          {.prefix = NULL},
                                          {.prefix = repeated + 2, .prefix_length = 1}};
    rd_search_options config = {.beam = 3,
                                .max_len_b = 4,
                                .n_best = 2,
                                .no_repeat_ngram = 2,
                                .min_len = 2,
                                .unk_penalty = 50};
    const int32_t lengths[3] = {0};
    the_toy->distribution = toy_random;
    rd_search_result r = toy_search(&config, the_toy, 3, lengths, requests, RD_OK);
    for (int k = 0; k < 2; k++) {
        const rd_hypothesis *h = &r.hypotheses[k];
        if (k == 0) assert_int_equal(h->length, 6); /* the limit, 4, gives way to the prefix only */
        if (h->tokens) assert_memory_equal(h->tokens, repeated, sizeof repeated);
        if (h->tokens) assert_float_equal(h->score, h->log_prob - 50, 1e-3);
        assert_int_equal(r.hypotheses[4 + k].tokens[0], UNK);
        for (int32_t i = 0; i < r.hypotheses[2 + k].length; i++)
            assert_int_not_equal(r.hypotheses[2 + k].tokens[i], UNK);
    }
    rd_search_result_free(&r);
    const int32_t outside[] = {VOCAB};
    toy_search(&config, the_toy, 1, lengths,
               &(rd_search_request){.prefix = outside, .prefix_length = 1}, RD_ERR_ARGUMENT);
}

/* What no output begins with, it does not have after a forced bos either. */
static void test_begin_suppress_against_brute_force(void **state) {
    (void)state;
    char suppressed[] = "4 5"; /* A and B */
    for (int32_t sentence = 0; sentence < SENTENCES; sentence++)
        for (int32_t forced = 0; forced <= 1; forced++) {
            const int32_t begin[] = {BOS};
            rd_search_options config = {.beam = 800,
                                        .lenpen = 1,
                                        .max_len_b = MAX_LEN,
                                        .n_best = 7,
                                        .forced_bos = forced,
                                        .begin_suppress_tokens = suppressed};
            enumerate(sentence);
            for (int32_t i = 0; i < n_all; i++) {
                int32_t first = all[i].length > forced ? all[i].tokens[forced] : EOS;
                bool wanted = starts_with(&all[i], begin, forced) && first != A && first != B;
                scores[i] = wanted ? all[i].log_prob / (all[i].length + 1) : (double)-INFINITY;
            }
            search_sentence(&config, sentence, NULL);
        }
}

/* Where outputs go on after their source, both share the model's positions. */
static void test_sources_take_positions_of_their_outputs(void **state) {
    (void)state;
    const int32_t source[] = {A, B, C, A};
    const rd_search_request request = {.source = {source, 4}};
    rd_search_options config = {.beam = 1, .max_len_b = 20, .n_best = 1, .min_len = 20};
    for (int continues = 0; continues <= 1; continues++) {
        rd_scorer scorer = toy_scorer(the_toy);
        rd_search_result result;
        the_toy->distribution = toy_random;
        scorer.max_length = 7;
        scorer.continues = continues;
        assert_int_equal(search_all(&config, &scorer, 1, &request, &result), RD_OK);
        assert_int_equal(result.hypotheses[0].length, continues ? 3 : 7);
        rd_search_result_free(&result);
    }
}

int main(void) {
    the_toy = calloc(1, sizeof *the_toy);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length_norms_against_brute_force),
        cmocka_unit_test(test_temperature),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_diverse_groups_choose_in_turn),
        cmocka_unit_test(test_diverse_groups_of_several),
        cmocka_unit_test(test_diverse_groups_after_a_prefix),
        cmocka_unit_test(test_coverage_and_alignment_against_brute_force),
        cmocka_unit_test(test_prefix_against_brute_force),
        cmocka_unit_test(test_rules_that_forbid_all),
        cmocka_unit_test(test_forced_bos_against_brute_force),
        cmocka_unit_test(test_prefix_stands),
        cmocka_unit_test(test_begin_suppress_against_brute_force),
        cmocka_unit_test(test_sources_take_positions_of_their_outputs),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(the_toy);
    return failures;
}
