/* The continuations of each row: the scorer's, under the rules of the search. */
#include "search/state.h"

#include <math.h>
#include <stddef.h>

#include "base/parallel.h"
#include "ops/ops.h"
#include "search/rules.h"

enum { FAILED = -1 }; /* in candidate_counts */

static rd_status damaged(void) {
    return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not numbers; its "
                                    "weights are damaged or its training diverged");
}

/* Inserts before all that are worse: those with a lower score, and with
 * `by_token` those with the same score and a larger token. */
static void insert(rd_candidate *best, int32_t *n, int32_t k, rd_candidate candidate,
                   bool by_token) {
    int32_t at = *n < k ? (*n)++ : k - 1;
    for (; at > 0; at--) {
        const rd_candidate *other = &best[at - 1];
        bool equal = candidate.score == other->score;
        if (!(candidate.score > other->score ||
              (by_token && equal && candidate.token < other->token)))
            break;
        best[at] = *other;
    }
    best[at] = candidate;
}

enum { STRIDE = 256 };

/* The k-th largest of n <= STRIDE; -inf with fewer. */
static float kth_largest(const float *x, int32_t n, int32_t k) {
    float top[STRIDE];
    if (k < 1 || k > n || k > STRIDE) return -INFINITY;
    for (int32_t i = 0; i < k; i++) top[i] = -INFINITY;
    for (int32_t i = 0; i < n; i++) {
        if (!(x[i] > top[k - 1])) continue;
        int32_t at = k - 1;
        for (; at > 0 && top[at - 1] < x[i]; at--) top[at] = top[at - 1];
        top[at] = x[i];
    }
    return top[k - 1];
}

/* Tokens are looked at in sets: token i, i + STRIDE, i + 2 STRIDE, ... The k-th largest of the
 * sets' maxima is a bound: there are k tokens as good, so only few sets have tokens that count. */
rd_status rd_candidates_select(const float *log_probs, int32_t vocab_size, float base, int32_t row,
                               int32_t k, rd_candidate *best, int32_t *n) {
    float maxima[STRIDE];
    int32_t stride = vocab_size < STRIDE ? vocab_size : STRIDE;
    *n = 0;
    if (!rd_op_strided_maxima(maxima, log_probs, vocab_size, stride)) return damaged();
    float least = kth_largest(maxima, stride, k);
    for (int32_t i = 0; i < stride; i++) {
        if (maxima[i] == INFINITY) return damaged();
        if (maxima[i] == -INFINITY || maxima[i] < least) continue;
        for (int32_t token = i; token < vocab_size; token += stride) {
            if (log_probs[token] < least || log_probs[token] == -INFINITY) continue;
            rd_candidate candidate = {log_probs[token] + base, row, token}, *last = best + k - 1;
            if (*n < k || candidate.score > last->score ||
                (candidate.score == last->score && token < last->token))
                insert(best, n, k, candidate, true);
        }
    }
    return RD_OK;
}

void rd_candidates_merge(rd_candidate *best, int32_t *n, int32_t k, const rd_candidate *more,
                         int32_t n_more) {
    for (int32_t i = 0; i < n_more; i++) {
        if (*n == k && !(more[i].score > best[k - 1].score)) return; /* nor are those after it */
        insert(best, n, k, more[i], false);
    }
}

/* Whether the tokens at a and b end the same `n` tokens. */
static bool same_ending(const rd_search *s, const rd_sentence *sentence, int32_t a, int32_t b,
                        int32_t n) {
    for (; n > 0; n--) {
        int32_t token = rd_search_token_at(s, sentence, b);
        if (token < 0 || rd_search_token_at(s, sentence, a) != token) return false;
        a = rd_search_before(sentence, a);
        b = rd_search_before(sentence, b);
    }
    return true;
}

/* Walks back from the last token: where the last n - 1 tokens occurred before, the token that
 * followed them must not follow again. Returns the probability removed. */
static float block_repeats(const rd_search *s, int64_t r, float *log_probs) {
    const rd_sentence *sentence = s->rows[r].sentence;
    int32_t last = s->rows[r].node, first = rd_search_first(s, sentence), before;
    float gone = 0.0f;
    for (int32_t node = last; node >= first; node = before) {
        int32_t token = rd_search_token_at(s, sentence, node);
        before = rd_search_before(sentence, node);
        if (token >= 0 && same_ending(s, sentence, last, before, s->config.no_repeat_ngram - 1) &&
            !rd_constraints_want(s, r, token))
            gone += rd_search_forbid(log_probs, token);
    }
    return gone;
}

int32_t rd_search_forced_token(const rd_search *s, const rd_search_row *row) {
    const rd_search_request *request = &row->sentence->request;
    if (row->length >= row->sentence->max_length && !s->config.no_forced_eos) return s->scorer.eos;
    int32_t at = row->length - (s->config.forced_bos ? 1 : 0); /* in the prefix */
    if (at < 0) return s->scorer.bos;
    return at < request->prefix_length ? request->prefix[at] : -1;
}

/* Whether a forced token costs nothing. */
static bool is_free(const rd_search *s, const rd_search_row *row) {
    bool ends = row->length >= row->sentence->max_length && !s->config.no_forced_eos;
    bool begins = s->config.forced_bos && row->length == 0;
    return s->config.forced_tokens_free ? ends || begins : ends && s->config.renormalize;
}

/* Sharper (below 1) or flatter (above 1). */
static void temper(const rd_search *s, float *log_probs) {
    float temperature = s->config.temperature;
    if (temperature == 0.0f || temperature == 1.0f) return;
    for (int32_t i = 0; i < s->scorer.vocab_size; i++) log_probs[i] /= temperature;
    rd_op_log_softmax(log_probs, 1, s->scorer.vocab_size);
}

/* Makes the probabilities of the allowed tokens sum to 1, if there are any. */
static void normalise(const rd_search *s, float *log_probs) {
    for (int32_t i = 0; i < s->scorer.vocab_size; i++)
        if (log_probs[i] > -INFINITY) {
            rd_op_log_softmax(log_probs, 1, s->scorer.vocab_size);
            return;
        }
}

/* Forbids next tokens of the row that the settings do not allow; returns the probability
 * removed. */
static float forbid_tokens(const rd_search *s, int64_t r, float *log_probs) {
    const rd_search_row *row = &s->rows[r];
    float gone = 0.0f;
    if (s->scorer.pad >= 0) gone += rd_search_forbid(log_probs, s->scorer.pad);
    if (s->config.no_repeat_ngram > 0) gone += block_repeats(s, r, log_probs);
    gone += rd_rules_forbid(s, row, log_probs);
    if (row->length < s->config.min_len || rd_constraints_unmet(s, r) > 0)
        gone += rd_search_forbid_ends(s, log_probs);
    return gone + rd_constraints_close(s, r, log_probs);
}

/* The best continuations of one row under the configured rules. */
static rd_status expand_row(rd_search *s, int thread, int64_t r, float *log_probs) {
    const rd_search_row *row = &s->rows[r];
    rd_candidate *best = s->candidates + r * s->candidate_stride;
    int32_t forced = rd_search_forced_token(s, row);
    rd_rules_adjust(s, row, forced, log_probs);
    temper(s, log_probs);
    s->eos_log_probs[r] = log_probs[s->scorer.eos];
    if (s->scorer.unk >= 0) log_probs[s->scorer.unk] -= s->config.unk_penalty;
    if (forced >= 0 && is_free(s, row) && !isnan(log_probs[forced])) log_probs[forced] = 0.0f;
    if (forced >= 0) { /* selecting one of one checks that it is a number */
        RD_TRY(rd_candidates_select(log_probs + forced, 1, row->score, (int32_t)r, 1, best,
                                    &s->candidate_counts[r]));
        best[0].token = forced;
        return RD_OK;
    }
    float gone = forbid_tokens(s, r, log_probs), base = row->score;
    if (s->config.renormalize && rd_rules_change_sums(s))
        normalise(s, log_probs);
    else if (s->config.renormalize) /* over the remaining 1 - gone, kept above 1e-7 */
        base -= log1pf(-fminf(gone, 0.9999999f));
    if (s->config.sampling) return rd_search_sample(s, thread, r, log_probs, base);
    RD_TRY(rd_candidates_select(log_probs, s->scorer.vocab_size, base, (int32_t)r, s->n_candidates,
                                best, &s->candidate_counts[r]));
    rd_constraints_add_wanted(s, r, log_probs, base);
    return RD_OK;
}

typedef struct {
    rd_search *search;
    int64_t first; /* row of log_probs[0] */
} expand_work;

static void expand_rows(const void *self, int thread, int64_t begin, int64_t end) {
    const expand_work *w = self;
    rd_search *s = w->search;
    for (int64_t i = begin; i < end; i++)
        if (expand_row(s, thread, w->first + i, s->log_probs + i * s->scorer.vocab_size) != RD_OK)
            s->candidate_counts[w->first + i] = FAILED;
}

/* The source token with the most attention, from `first` on; the last one, eos, means none. */
static int32_t most_attended(const float *attention, int32_t first, int32_t src_length) {
    int32_t best = -1;
    for (int32_t j = first; j + 1 < src_length; j++)
        if (best < 0 || attention[j] > attention[best]) best = j;
    return best;
}

/* Reads the attention of all rows: the alignment of their next tokens, and how much of the source
 * they have covered so far. */
static rd_status attend(rd_search *s) {
    float *attention = s->attention;
    for (int64_t r = 0; r < s->n_rows; r++) {
        const rd_sentence *sentence = s->rows[r].sentence;
        int32_t n = sentence->request.source.length;
        float *coverage =
            sentence->coverage ? sentence->coverage + (r - sentence->first) * n : NULL;
        s->scorer.attention(s->scorer.self, r, n, attention);
        s->aligned[r] = most_attended(attention, s->scorer.begins ? 1 : 0, n);
        for (int32_t j = 0; j < n; j++)
            if (isnan(attention[j]))
                return rd_error(RD_ERR_NUMERIC, "the model gives attention that is not a number; "
                                                "its weights are damaged");
        for (int32_t j = 0; coverage && j < n; j++) coverage[j] += attention[j];
    }
    return RD_OK;
}

rd_status rd_search_expand(rd_search *s) {
    if (rd_search_needs_attention(&s->config)) RD_TRY(attend(s));
    for (int64_t first = 0; first < s->n_rows; first += RD_SCORER_ROWS) {
        int64_t left = s->n_rows - first, n = left < RD_SCORER_ROWS ? left : RD_SCORER_ROWS;
        RD_TRY(s->scorer.log_probs(s->scorer.self, first, n, s->log_probs));
        rd_over_rows(n, expand_rows, &(expand_work){s, first});
    }
    for (int64_t r = 0; r < s->n_rows; r++)
        if (s->candidate_counts[r] == FAILED) /* messages belong to the thread that failed */
            return damaged();
    return RD_OK;
}
