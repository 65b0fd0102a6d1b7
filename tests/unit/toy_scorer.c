#include "toy_scorer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static rd_status add(void *self, int32_t sentence, rd_token_span source) {
    toy *t = self;
    (void)source;
    assert_in_range(sentence, 0, MAX_ROWS - 1);
    t->index[sentence] = t->added++;
    if (sentence >= t->most_numbers) t->most_numbers = sentence + 1;
    return RD_OK;
}

static rd_status step(void *self, int64_t n_rows, const int32_t *parents, const int32_t *sentences,
                      const int32_t *tokens) {
    toy *t = self;
    int now = t->step & 1;
    for (int64_t r = 0; r < n_rows; r++) {
        if (parents[r] >= 0) {
            int32_t length = t->lengths[!now][parents[r]];
            memcpy(t->prefix[now][r], t->prefix[!now][parents[r]], sizeof t->prefix[now][r]);
            t->prefix[now][r][length] = tokens[r];
            t->lengths[now][r] = length + 1;
        } else {
            assert_int_equal(tokens[r], EOS);
            assert_int_equal(t->index[sentences[r]], t->begun++);
            t->lengths[now][r] = 0;
        }
        t->sentences[r] = t->index[sentences[r]];
    }
    t->rows_seen += (int32_t)n_rows;
    if (n_rows > t->most_rows) t->most_rows = (int32_t)n_rows;
    t->step++;
    return RD_OK;
}

static rd_status read_log_probs(void *self, int64_t first, int64_t n, float *log_probs) {
    toy *t = self;
    int latest = (t->step - 1) & 1;
    for (int64_t i = first; i < first + n; i++)
        t->distribution(t->sentences[i], t->prefix[latest][i], t->lengths[latest][i],
                        log_probs + (i - first) * VOCAB);
    return RD_OK;
}

static void read_attention(void *self, int64_t row, int32_t n_src, float *out) {
    toy *t = self;
    int latest = (t->step - 1) & 1;
    t->attention(t->prefix[latest][row], t->lengths[latest][row], n_src, out);
}

rd_scorer toy_scorer(toy *t) {
    t->step = t->rows_seen = t->most_rows = t->added = t->begun = 0;
    t->most_numbers = 0;
    return (rd_scorer){.self = t,
                       .vocab_size = VOCAB,
                       .bos = BOS,
                       .eos = EOS,
                       .start = -1,
                       .pad = PAD,
                       .unk = UNK,
                       .max_length = 20,
                       .add = add,
                       .step = step,
                       .log_probs = read_log_probs};
}

rd_search_result toy_search(const rd_search_options *config, toy *t, int32_t n,
                            const int32_t *lengths, const rd_search_request *requests,
                            rd_status expected) {
    rd_scorer scorer = toy_scorer(t);
    if (t->attention) scorer.attention = read_attention;
    rd_search_request *all = calloc((size_t)n + 1, sizeof *all);
    for (int32_t i = 0; i < n; i++) {
        all[i] = requests ? requests[i] : (rd_search_request){.number = i};
        all[i].source.length = lengths[i]; /* the toy reads none of them */
    }
    rd_search_result result;
    assert_int_equal(search_all(config, &scorer, n, all, &result), expected);
    free(all);
    return result;
}

void toy_normalise(float *log_probs) {
    double sum = 0;
    for (int v = 0; v < VOCAB; v++) sum += exp((double)log_probs[v]);
    for (int v = 0; v < VOCAB; v++) log_probs[v] -= (float)log(sum);
}

void toy_random(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    uint64_t key = 1469598103934665603u + (uint64_t)sentence;
    for (int32_t i = 0; i < n; i++) key = (key ^ (uint64_t)prefix[i]) * 1099511628211u;
    rd_rng rng = rd_rng_make(key, (uint64_t)n);
    for (int v = 0; v < VOCAB; v++) out[v] = (float)(1.5 * rd_rng_normal(&rng));
    toy_normalise(out);
}

void toy_attention(const int32_t *prefix, int32_t n, int32_t n_src, float *out) {
    uint64_t key = 88172645463325252u;
    for (int32_t i = 0; i < n; i++) key = (key ^ (uint64_t)prefix[i]) * 1099511628211u;
    rd_rng rng = rd_rng_make(key, (uint64_t)n);
    float sum = 0;
    for (int32_t j = 0; j < n_src; j++) sum += out[j] = expf(2 * (float)rd_rng_normal(&rng));
    for (int32_t j = 0; j < n_src; j++) out[j] /= sum;
}

int32_t toy_alone_index;

void toy_random_alone(int32_t sentence, const int32_t *prefix, int32_t n, float *out) {
    toy_random(sentence + toy_alone_index, prefix, n, out);
}

static void visit(int32_t sentence, int32_t max_len, toy_path *current, toy_path *paths,
                  int32_t *n) {
    float log_probs[VOCAB];
    toy_random(sentence, current->tokens, current->length, log_probs);
    paths[*n] = *current;
    paths[(*n)++].log_prob += (double)log_probs[EOS];
    if (current->length == max_len) return;
    for (int v = 0; v < VOCAB; v++) {
        if (v == EOS || v == PAD) continue;
        toy_path longer = *current;
        longer.tokens[longer.length++] = v;
        longer.log_prob += (double)log_probs[v];
        visit(sentence, max_len, &longer, paths, n);
    }
}

int32_t toy_enumerate(int32_t sentence, int32_t max_len, toy_path *paths) {
    int32_t n = 0;
    visit(sentence, max_len, &(toy_path){.length = 0}, paths, &n);
    return n;
}

void toy_check_best(const rd_search_result *result, const toy_path *paths, double *scores,
                    int32_t n) {
    for (int32_t k = 0; k < result->n_best; k++) {
        int32_t best = 0;
        for (int32_t i = 1; i < n; i++)
            if (scores[i] > scores[best]) best = i;
        const rd_hypothesis *h = &result->hypotheses[k];
        if (isinf(scores[best])) {
            assert_null(h->tokens);
            continue;
        }
        assert_non_null(h->tokens);
        assert_int_equal(h->length, paths[best].length);
        for (int32_t i = 0; i < h->length; i++)
            assert_int_equal(h->tokens[i], paths[best].tokens[i]);
        assert_float_equal(h->score, scores[best], 1e-5);
        assert_float_equal(h->log_prob, paths[best].log_prob, 1e-5);
        scores[best] = -INFINITY;
    }
}
