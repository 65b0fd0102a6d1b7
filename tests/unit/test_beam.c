/* Beam search: against brute force on a toy distribution, and rule by rule on hand-made ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "search/search.h"
#include "search/state.h"
#include "toy_scorer.h"

/* The best path of all, by its score. */
static toy_path best_of(int32_t sentence, int32_t max_len, double lenpen) {
    static toy_path all[1000];
    int32_t n = toy_enumerate(sentence, max_len, all), best = 0;
    for (int32_t i = 0; i < n; i++) {
        all[i].log_prob /= pow(all[i].length + 1, lenpen);
        if (all[i].log_prob > all[best].log_prob) best = i;
    }
    return all[best];
}

static void test_agrees_with_brute_force(void **state) {
    (void)state;
    enum { SENTENCES = 8, MAX_LEN = 4 };
    toy *t = calloc(1, sizeof *t);
    t->distribution = toy_random;
    int32_t lengths[SENTENCES] = {0};
    const float lenpens[] = {0.0f, 0.6f, 1.0f, 2.0f};
    for (int k = 0; k < 4; k++) {
        for (int32_t i = 0; i < SENTENCES; i++) {
            /* At most 5^3 + 5^2 + 5 + 1 = 156 hypotheses end before the last step and 625 at it:
             * with a beam above their sum nothing is ever cut. One sentence a search. */
            rd_search_options config = {
                .beam = 800, .lenpen = lenpens[k], .max_len_b = MAX_LEN, .n_best = 1};
            t->distribution = toy_random_alone;
            toy_alone_index = i;
            toy_path best = best_of(i, MAX_LEN, (double)lenpens[k]);
            rd_search_result result = toy_search(&config, t, 1, lengths + i, NULL, RD_OK);
            assert_int_equal(result.hypotheses[0].length, best.length);
            assert_memory_equal(result.hypotheses[0].tokens, best.tokens,
                                (size_t)best.length * sizeof(int32_t));
            assert_float_equal(result.hypotheses[0].score, best.log_prob, 1e-5);
            rd_search_result_free(&result);
        }
    }
    free(t);
}

/* Every sentence gives, in a batch with others that finish at other times, what it gives alone. */
static void test_batching_changes_nothing(void **state) {
    (void)state;
    enum { N = 16 };
    toy *t = calloc(1, sizeof *t);
    int32_t lengths[N];
    for (int32_t i = 0; i < N; i++) lengths[i] = i % 7;
    rd_search_options config = {
        .beam = 3, .lenpen = 1, .max_len_a = 1, .max_len_b = 2, .n_best = 3};
    toy_alone_index = 0;
    t->distribution = toy_random_alone;
    rd_search_result together = toy_search(&config, t, N, lengths, NULL, RD_OK);
    int32_t rows_together = t->rows_seen, rows_alone = 0, lengths_seen = 0;
    for (int32_t i = 0; i < N; i++) {
        toy_alone_index = i;
        rd_search_result alone = toy_search(&config, t, 1, lengths + i, NULL, RD_OK);
        rows_alone += t->rows_seen;
        for (int32_t k = 0; k < 3; k++) {
            const rd_hypothesis *a = &alone.hypotheses[k], *b = &together.hypotheses[i * 3 + k];
            assert_int_equal(a->tokens == NULL, b->tokens == NULL);
            if (!a->tokens) continue;
            assert_int_equal(a->length, b->length);
            assert_true(a->length <= lengths[i] + 2);
            assert_memory_equal(a->tokens, b->tokens, (size_t)a->length * sizeof(int32_t));
            assert_true(a->score == b->score && a->log_prob == b->log_prob);
            if (k) assert_true(a->score <= alone.hypotheses[k - 1].score);
            lengths_seen |= 1 << a->length;
        }
        rd_search_result_free(&alone);
    }
    assert_int_equal(rows_together, rows_alone); /* finished sentences were given to nobody */
    assert_true(lengths_seen & (lengths_seen - 1));
    rd_search_result_free(&together);
    free(t);
}

static void assert_same(const rd_search_result *a, const rd_search_result *b) {
    assert_int_equal(a->n_sentences, b->n_sentences);
    for (int64_t i = 0; i < a->n_sentences * a->n_best; i++) {
        const rd_hypothesis *x = &a->hypotheses[i], *y = &b->hypotheses[i];
        assert_int_equal(x->tokens == NULL, y->tokens == NULL);
        if (!x->tokens) continue;
        size_t bytes = (size_t)x->length * sizeof *x->tokens;
        assert_int_equal(x->length, y->length);
        assert_memory_equal(x->tokens, y->tokens, bytes);
        if (x->aligned) assert_memory_equal(x->aligned, y->aligned, bytes);
        assert_true(x->score == y->score && x->log_prob == y->log_prob);
    }
}

/* Sentences that wait for the places of others give what all give at once, in few rows a step. */
static void test_waiting_changes_nothing(void **state) {
    (void)state;
    enum { N = 300, BEAM = 8 };
    const rd_search_options configs[] = {
        {.lenpen = 1, .no_repeat_ngram = 2},
        {.coverage_penalty = 0.3f, .align = true, .forced_bos = true},
        {.sampling = true, .seed = 3, .min_len = 1},
        {.diverse_groups = 4, .diverse_strength = 0.5f, .early_stopping = RD_STOP_NEVER},
    };
    toy *t = calloc(1, sizeof *t);
    t->distribution = toy_random;
    t->attention = toy_attention;
    int32_t lengths[N];
    for (int32_t i = 0; i < N; i++) lengths[i] = 1 + i * i % 7;
    for (int k = 0; k < 4; k++) {
        rd_search_options config = configs[k];
        config.beam = config.n_best = BEAM;
        config.max_len_a = 1;
        config.max_len_b = 6;
        rd_search_result at_once = toy_search(&config, t, N, lengths, NULL, RD_OK);
        int32_t rows = t->rows_seen;
        assert_true(t->most_rows > N);
        for (config.batch_tokens = 1; config.batch_tokens <= 64; config.batch_tokens *= 8) {
            rd_search_result waiting = toy_search(&config, t, N, lengths, NULL, RD_OK);
            assert_int_equal(t->begun, N);
            assert_int_equal(t->rows_seen, rows);
            assert_true(t->most_rows <= BEAM * config.batch_tokens);
            if (config.batch_tokens == 64) assert_true(t->rows_seen > t->step * 32);
            assert_same(&at_once, &waiting);
            rd_search_result_free(&waiting);
        }
        rd_search_result_free(&at_once);
    }
    free(t);
}

/* A probable "a", eos less so: P(a) = 0.6, P(eos) = 0.3, P(b) = 0.07, P(unk) = 0.03, always. */
static void constant(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence, (void)prefix, (void)n;
    for (int v = 0; v < VOCAB; v++) out[v] = -INFINITY;
    out[A] = logf(0.6f), out[EOS] = logf(0.3f), out[B] = logf(0.07f), out[UNK] = logf(0.03f);
}

static void assert_tokens(const rd_hypothesis *h, int32_t n, const int32_t *tokens) {
    assert_non_null(h->tokens);
    assert_int_equal(h->length, n);
    if (n) assert_memory_equal(h->tokens, tokens, (size_t)n * sizeof(int32_t));
}

static void test_greedy_runs_to_the_longest_output(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = constant;
    rd_search_options config = {
        .beam = 1, .lenpen = 1, .max_len_a = 0.7f, .max_len_b = 1, .n_best = 1};
    int32_t length = 10; /* 0.7 * 10 + 1 = 8 tokens, then eos */
    rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 8, (int32_t[]){A, A, A, A, A, A, A, A});
    double log_prob = 8 * log(0.6) + log(0.3);
    assert_float_equal(r.hypotheses[0].log_prob, log_prob, 1e-5);
    assert_float_equal(r.hypotheses[0].score, log_prob / 9, 1e-6);
    rd_search_result_free(&r);
    free(t);
}

/* Beam 2, two tokens at most. Step 0: a .6, eos .3 -> "" finished. Then "a" -> aa .36, a-eos .18
 * finished: two finished hypotheses, done. */
static void test_lenpen_ranks_and_two_finished_stop(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = constant;
    int32_t length = 0;
    for (int lenpen = 0; lenpen < 2; lenpen++) {
        rd_search_options config = {
            .beam = 2, .lenpen = (float)lenpen, .max_len_b = 9, .n_best = 2};
        rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
        assert_int_equal(t->step, 2);
        /* log .3 = -1.204 against log .18 = -1.715, or -0.857 when divided by 2. */
        assert_tokens(&r.hypotheses[lenpen ? 1 : 0], 0, NULL);
        assert_tokens(&r.hypotheses[lenpen ? 0 : 1], 1, (int32_t[]){A});
        assert_float_equal(r.hypotheses[0].score, lenpen ? log(.18) / 2 : log(.3), 1e-6);
        rd_search_result_free(&r);
    }
    free(t);
}

static void test_min_len(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = constant;
    int32_t length = 0;
    rd_search_options config = {.beam = 2, .max_len_b = 9, .min_len = 3, .n_best = 2};
    rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 3, (int32_t[]){A, A, A});
    assert_tokens(&r.hypotheses[1], 4, (int32_t[]){A, A, A, A});
    rd_search_result_free(&r);
    config.min_len = 30; /* the longest output wins */
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_int_equal(r.hypotheses[0].length, 9);
    rd_search_result_free(&r);
    free(t);
}

/* From the start: unk .5, b .3, eos .2; then eos for sure. */
static void likes_unk(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence, (void)prefix;
    for (int v = 0; v < VOCAB; v++) out[v] = -INFINITY;
    if (n)
        out[EOS] = 0;
    else
        out[UNK] = logf(.5f), out[B] = logf(.3f), out[EOS] = logf(.2f);
}

static void test_unk_penalty(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = likes_unk;
    int32_t length = 0;
    rd_search_options config = {.beam = 3, .max_len_b = 5, .n_best = 3};
    rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 1, (int32_t[]){UNK});
    rd_search_result_free(&r);
    config.unk_penalty = 0.6f; /* log .5 - .6 = -1.293 < log .3 = -1.204 */
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 1, (int32_t[]){B});
    assert_tokens(&r.hypotheses[1], 1, (int32_t[]){UNK});
    assert_float_equal(r.hypotheses[1].score, log(.5) - .6, 1e-6);
    assert_float_equal(r.hypotheses[1].log_prob, log(.5), 1e-6);
    rd_search_result_free(&r);
    free(t);
}

/* Prefers the cycle a b c a b c ..., eos last. */
static void cycle(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence;
    for (int v = 0; v < VOCAB; v++) out[v] = -INFINITY;
    int next = n == 0 ? 0 : (prefix[n - 1] - A + 1) % 3;
    out[A + next] = logf(.6f), out[A + (next + 1) % 3] = logf(.25f);
    out[A + (next + 2) % 3] = logf(.1f), out[EOS] = logf(.05f);
}

static void test_no_repeat_ngram(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = cycle;
    int32_t length = 0;
    rd_search_options config = {.beam = 1, .max_len_b = 6, .n_best = 1};
    rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 6, (int32_t[]){A, B, C, A, B, C});
    rd_search_result_free(&r);
    config.no_repeat_ngram = 1; /* three tokens, then only eos is left */
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 3, (int32_t[]){A, B, C});
    rd_search_result_free(&r);
    config.no_repeat_ngram = 2; /* after a b c a: not b again, so c; then not a, so b */
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 6, (int32_t[]){A, B, C, A, C, B});
    rd_search_result_free(&r);
    config.no_repeat_ngram = 3;
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 6, (int32_t[]){A, B, C, A, B, A});
    rd_search_result_free(&r);
    /* No token left and eos forbidden: the sentence ends rather than fails. */
    config.no_repeat_ngram = 1, config.min_len = 5;
    r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    assert_tokens(&r.hypotheses[0], 3, (int32_t[]){A, B, C});
    rd_search_result_free(&r);
    free(t);
}

/* The first token after the prompt c a c, which `cycle` alone wants to be a. */
static int32_t first_after_prompt(toy *t, bool continues, const rd_search_options *config) {
    const int32_t prompt[] = {C, A, C};
    const rd_search_request request = {.source = {prompt, 3}};
    rd_search_result r;
    rd_scorer scorer = toy_scorer(t);
    scorer.continues = continues;
    scorer.start = -1;
    assert_int_equal(search_all(config, &scorer, 1, &request, &r), RD_OK);
    int32_t first = r.hypotheses[0].tokens[0];
    rd_search_result_free(&r);
    return first;
}

/* Outputs that go on after their source: rules see that as their beginning, as in transformers. */
static void test_rules_see_the_prompt(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = cycle;
    char bias[] = "6 6: 9";
    rd_search_options none = {.beam = 1, .max_len_b = 2, .n_best = 1}, no_bigram = none;
    rd_search_options no_source = none, biased = none, penalised = none;
    no_bigram.no_repeat_ngram = 2; /* c a */
    no_source.encoder_no_repeat_ngram = 2;
    biased.sequence_bias = bias; /* c after c */
    penalised.repetition_penalty = 9;
    assert_int_equal(first_after_prompt(t, true, &none), A);
    assert_int_equal(first_after_prompt(t, true, &no_bigram), B);
    assert_int_equal(first_after_prompt(t, true, &no_source), B);
    assert_int_equal(first_after_prompt(t, true, &biased), C);
    assert_int_equal(first_after_prompt(t, true, &penalised), B);
    assert_int_equal(first_after_prompt(t, false, &no_bigram), A);
    assert_int_equal(first_after_prompt(t, false, &no_source), A);
    assert_int_equal(first_after_prompt(t, false, &biased), A);
    assert_int_equal(first_after_prompt(t, false, &penalised), A);
    free(t);
}

static void uniform(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    (void)sentence, (void)prefix, (void)n;
    for (int v = 0; v < VOCAB; v++) out[v] = -logf(VOCAB);
}

/* Equal scores everywhere: smaller tokens first, pad never. */
static void test_ties(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = uniform;
    int32_t length = 0;
    rd_search_options config = {.beam = 5, .max_len_b = 1, .min_len = 1, .n_best = 5};
    rd_search_result r = toy_search(&config, t, 1, &length, NULL, RD_OK);
    const int32_t order[5] = {BOS, UNK, A, B, C};
    for (int k = 0; k < 5; k++) assert_tokens(&r.hypotheses[k], 1, order + k);
    rd_search_result_free(&r);
    free(t);
}

static void nan_later(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    constant(sentence, prefix, n, out);
    if (n == 2) out[sentence == 1 ? C : A] = NAN;
}

static void nan_at_end(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    constant(sentence, prefix, n, out);
    if (n == 2) out[EOS] = NAN;
}

static void test_nan_is_an_error(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    const int32_t lengths[2] = {0, 0};
    rd_search_options config = {.beam = 4, .max_len_b = 5, .n_best = 1};
    t->distribution = nan_later;
    rd_search_result r = toy_search(&config, t, 2, lengths, NULL, RD_ERR_NUMERIC);
    assert_null(r.hypotheses);
    assert_non_null(strstr(rd_last_error(), "not numbers"));
    t->distribution = nan_at_end;
    config.max_len_b = 2;
    toy_search(&config, t, 2, lengths, NULL, RD_ERR_NUMERIC);
    free(t);
}

static void test_bad_settings(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = constant;
    const rd_search_options good = {.beam = 2, .max_len_b = 5, .n_best = 1};
    rd_search_options bad[7];
    for (int i = 0; i < 7; i++) bad[i] = good;
    bad[0].beam = 0, bad[1].n_best = 3, bad[2].n_best = 0, bad[3].lenpen = NAN;
    bad[4].max_len_a = -1, bad[5].min_len = -1, bad[6].beam = 1 << 20;
    int32_t length = 0;
    for (int i = 0; i < 7; i++) toy_search(&bad[i], t, 1, &length, NULL, RD_ERR_ARGUMENT);
    rd_search_result r =
        toy_search(&good, t, 0, NULL, NULL, RD_OK); /* no sentences: nothing found */
    assert_int_equal(r.n_sentences, 0);
    rd_search_result_free(&r);
    free(t);
}

/* Sentences that come while others are searched, in a session that has room for few at once: each
 * result is that of a search of all together, under the name that its sentence was given. */
static void test_session(void **state) {
    (void)state;
    enum { N = 60, IDS = 1000 };
    int32_t lengths[N];
    bool taken[N] = {false};
    for (int i = 0; i < N; i++) lengths[i] = 1 + i * 7 % 5;
    toy *t = calloc(1, sizeof *t);
    t->distribution = toy_random;
    rd_search_options config = {
        .beam = 3, .lenpen = 1, .max_len_a = 1, .max_len_b = 2, .n_best = 2};
    rd_search_result together = toy_search(&config, t, N, lengths, NULL, RD_OK);
    int32_t most_rows = t->most_rows;
    config.batch_tokens = 12;
    rd_scorer scorer = toy_scorer(t);
    rd_search *search;
    assert_int_equal(rd_search_open(&search, &scorer, &config), RD_OK);
    assert_true(rd_search_is_idle(search));
    assert_int_equal(rd_search_step(search), RD_OK); /* nothing to do */
    rd_hypotheses found;
    int64_t id;
    int n_submitted = 0, n_taken = 0, in_order = 0;
    for (int step = 0; n_taken < N; step++) {
        for (int k = 0; k < step % 4 && n_submitted < N; k++, n_submitted++) {
            rd_search_request request = {.source = {NULL, lengths[n_submitted]}};
            assert_int_equal(rd_search_submit(search, &request, IDS - n_submitted), RD_OK);
            request.prefix = &(int32_t){VOCAB}, request.prefix_length = 1;
            assert_int_equal(rd_search_submit(search, &request, 0), RD_ERR_ARGUMENT);
        }
        assert_int_equal(rd_search_step(search), RD_OK);
        while (step % 3 == 0 && rd_search_take(search, &id, &found)) {
            int64_t i = IDS - id;
            assert_in_range(i, 0, N - 1);
            assert_false(taken[i]);
            taken[i] = true;
            in_order += i == n_taken++;
            for (int k = 0; k < found.n; k++) {
                const rd_hypothesis *h = &together.hypotheses[i * 2 + k];
                assert_int_equal(found.items[k].length, h->length);
                assert_memory_equal(found.items[k].tokens, h->tokens,
                                    (size_t)h->length * sizeof *h->tokens);
                assert_true(found.items[k].score == h->score);
            }
            assert_int_equal(found.n, together.hypotheses[i * 2 + 1].tokens ? 2 : 1);
            rd_hypotheses_free(&found);
        }
    }
    assert_true(rd_search_is_idle(search) && !rd_search_take(search, &id, &found));
    assert_true(in_order < N);                                    /* some overtake others */
    assert_true(t->most_rows < most_rows && t->most_numbers < N); /* numbers are used again */
    rd_search_close(search);
    rd_search_result_free(&together);
    free(t);
}

/* One that is closed half-way, with sentences waiting, under way and done. */
static void test_session_closed_early(void **state) {
    (void)state;
    toy *t = calloc(1, sizeof *t);
    t->distribution = toy_random;
    const int32_t phrase[] = {A, B};
    const rd_token_span phrases[] = {{phrase, 2}};
    rd_search_options config = {.beam = 3, .max_len_a = 3, .n_best = 3, .batch_tokens = 8};
    rd_scorer scorer = toy_scorer(t);
    rd_search *search;
    assert_int_equal(rd_search_open(&search, &scorer, &config), RD_OK);
    for (int i = 0; i < 9; i++) {
        rd_search_request request = {.source = {NULL, 1 + i % 4}, .phrases = phrases};
        request.n_phrases = i % 2;
        assert_int_equal(rd_search_submit(search, &request, i), RD_OK);
    }
    for (int step = 0; step < 6; step++) assert_int_equal(rd_search_step(search), RD_OK);
    assert_false(rd_search_is_idle(search));
    rd_search_close(search);
    rd_search_close(NULL);
    free(t);
}

/* The block scan against a plain full selection, on sizes around the block length. */
static void test_selection(void **state) {
    (void)state;
    enum { K = 7, MOST = 1000 };
    const int32_t sizes[] = {1, 5, 63, 64, 65, 128, 200, MOST};
    float x[MOST];
    rd_candidate best[K];
    for (int s = 0; s < 8; s++) {
        rd_rng rng = rd_rng_make(3, (uint64_t)s);
        for (int i = 0; i < sizes[s]; i++) /* few distinct values: many ties */
            x[i] = rd_rng_below(&rng, 4) ? -(float)rd_rng_below(&rng, 30) : -INFINITY;
        int32_t n;
        assert_int_equal(rd_candidates_select(x, sizes[s], -1, 9, K, best, &n), RD_OK);
        for (int k = 0; k < n; k++) {
            int expected = -1;
            for (int i = 0; i < sizes[s]; i++) {
                int taken = isinf(x[i]);
                for (int j = 0; j < k; j++) taken |= best[j].token == i;
                if (!taken && (expected < 0 || x[i] > x[expected])) expected = i;
            }
            assert_int_equal(best[k].token, expected);
            assert_int_equal(best[k].row, 9);
            assert_true(best[k].score == x[expected] - 1);
        }
        int finite = 0;
        for (int i = 0; i < sizes[s]; i++) finite += !isinf(x[i]);
        assert_int_equal(n, finite < K ? finite : K);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_brute_force),
        cmocka_unit_test(test_batching_changes_nothing),
        cmocka_unit_test(test_waiting_changes_nothing),
        cmocka_unit_test(test_greedy_runs_to_the_longest_output),
        cmocka_unit_test(test_lenpen_ranks_and_two_finished_stop),
        cmocka_unit_test(test_min_len),
        cmocka_unit_test(test_unk_penalty),
        cmocka_unit_test(test_no_repeat_ngram),
        cmocka_unit_test(test_rules_see_the_prompt),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_nan_is_an_error),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_session_closed_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
