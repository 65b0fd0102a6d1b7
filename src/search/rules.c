/* The rules of transformers' generation_config.json that change the scorer's answers: penalties and
 * biases change log-probabilities, others forbid tokens. */
#include "search/rules.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "ops/ops.h"
#include "search/options.h"
#include "search/token_lists.h"

/* Tokens as the scorer numbers them; -1: one that it does not have. */
struct rd_rules {
    rd_token_list suppressed, suppressed_first, ends;
    rd_sequence_list biases;
    bool multiplies; /* penalties that apply to logits if there are logits */
};

/* A restricted scorer has only some tokens, which it renumbers. */
static int32_t number_of(const rd_scorer *scorer, int32_t id) {
    if (!scorer->ids) return id < scorer->vocab_size ? id : -1;
    return rd_index_of_id(scorer->ids, scorer->vocab_size, id);
}

static rd_status renumber(const rd_scorer *scorer, int32_t *tokens, int64_t n, const char *option) {
    for (int64_t i = 0; i < n; i++) {
        int32_t number = number_of(scorer, tokens[i]);
        if (number < 0 && !scorer->ids)
            return rd_error(RD_ERR_ARGUMENT, "%s: %d is not among the %d tokens", option, tokens[i],
                            scorer->vocab_size);
        tokens[i] = number;
    }
    return RD_OK;
}

static rd_status read_list(rd_token_list *list, const rd_scorer *scorer, const char *option,
                           const char *text) {
    RD_TRY(rd_token_list_parse(list, option, text));
    return renumber(scorer, list->tokens, list->n, option);
}

static rd_status read_lists(rd_rules *rules, const rd_search_options *c, const rd_scorer *scorer) {
    RD_TRY(read_list(&rules->suppressed, scorer, "suppress-tokens", c->suppress_tokens));
    RD_TRY(read_list(&rules->suppressed_first, scorer, "begin-suppress-tokens",
                     c->begin_suppress_tokens));
    RD_TRY(read_list(&rules->ends, scorer, "end-tokens", c->end_tokens));
    RD_TRY(rd_sequence_list_parse(&rules->biases, c->sequence_bias));
    return renumber(scorer, rules->biases.tokens, rules->biases.n_tokens, "sequence-bias");
}

void rd_rules_close(rd_rules *rules) {
    if (!rules) return;
    free(rules->suppressed.tokens);
    free(rules->suppressed_first.tokens);
    free(rules->ends.tokens);
    rd_sequence_list_free(&rules->biases);
    free(rules);
}

rd_status rd_rules_open(rd_rules **out, const rd_search_options *c, const rd_scorer *scorer) {
    *out = NULL;
    rd_rules *rules = rd_calloc(1, sizeof *rules);
    if (!rules) return RD_ERR_MEMORY;
    rd_status status = read_lists(rules, c, scorer);
    rules->multiplies = rd_search_multiplies(c);
    bool none = !rules->suppressed.n && !rules->suppressed_first.n && !rules->ends.n &&
                !rules->biases.n && !rules->multiplies && c->encoder_no_repeat_ngram == 0;
    if (status == RD_OK && !none)
        *out = rules;
    else
        rd_rules_close(rules);
    return status;
}

rd_status rd_rules_choose(const rd_search_options *c, int32_t vocab, bool *chosen) {
    const rd_scorer all = {.vocab_size = vocab};
    rd_rules *rules;
    RD_TRY(rd_rules_open(&rules, c, &all));
    for (int64_t i = 0; rules && i < rules->ends.n; i++) chosen[rules->ends.tokens[i]] = true;
    for (int64_t i = 0; rules && i < rules->biases.n_tokens; i++)
        chosen[rules->biases.tokens[i]] = true;
    rd_rules_close(rules);
    return RD_OK;
}

int32_t rd_rules_n_ends(const rd_rules *rules) {
    return rules ? (int32_t)rules->ends.n : 0;
}

bool rd_search_ends(const rd_search *s, int32_t token) {
    if (token == s->scorer.eos) return true;
    for (int64_t i = 0; s->rules && i < s->rules->ends.n; i++)
        if (s->rules->ends.tokens[i] == token) return true;
    return false;
}

float rd_search_forbid(float *log_probs, int32_t token) {
    float p = expf(log_probs[token]);
    log_probs[token] = -INFINITY;
    return p;
}

float rd_search_forbid_ends(const rd_search *s, float *log_probs) {
    float gone = rd_search_forbid(log_probs, s->scorer.eos);
    for (int64_t i = 0; s->rules && i < s->rules->ends.n; i++)
        if (s->rules->ends.tokens[i] >= 0)
            gone += rd_search_forbid(log_probs, s->rules->ends.tokens[i]);
    return gone;
}

static int32_t source_token(const rd_search *s, rd_token_span source, int32_t i) {
    return s->scorer.ids ? number_of(&s->scorer, source.tokens[i]) : source.tokens[i];
}

/* Node -1 is the decoder's start, or, if outputs continue their source, its last token, node -2 the
 * one before. */
int32_t rd_search_token_at(const rd_search *s, const rd_sentence *sentence, int32_t node) {
    rd_token_span source = sentence->request.source;
    if (node >= 0) return sentence->nodes[node].token;
    if (!s->scorer.continues) return node == -1 ? s->scorer.start : -1;
    return source.length + node >= 0 ? source_token(s, source, source.length + node) : -1;
}

int32_t rd_search_before(const rd_sentence *sentence, int32_t node) {
    return node >= 0 ? sentence->nodes[node].parent : node - 1;
}

int32_t rd_search_first(const rd_search *s, const rd_sentence *sentence) {
    return s->scorer.continues ? -sentence->request.source.length : -1;
}

static void multiply(float *value, float penalty) {
    if (penalty != 0.0f) *value = *value < 0.0f ? *value * penalty : *value / penalty;
}

/* Whether source.tokens[0..i) has the token. */
static bool has_before(rd_token_span source, int32_t i, int32_t token) {
    for (int32_t j = 0; j < i; j++)
        if (source.tokens[j] == token) return true;
    return false;
}

static void multiply_source(const rd_search *s, rd_token_span source, float penalty,
                            float *log_probs) {
    for (int32_t i = 0; i < source.length; i++) {
        int32_t token = source_token(s, source, i);
        if (token >= 0 && token < s->scorer.vocab_size && !has_before(source, i, source.tokens[i]))
            multiply(&log_probs[token], penalty);
    }
}

/* Whether one of the nodes from `last` back to the one after `node` has its token. */
static bool comes_again(const rd_search *s, const rd_sentence *sentence, int32_t last,
                        int32_t node) {
    int32_t token = rd_search_token_at(s, sentence, node);
    for (int32_t later = last; later != node; later = rd_search_before(sentence, later))
        if (rd_search_token_at(s, sentence, later) == token) return true;
    return false;
}

/* Each token that is there once. */
static void multiply_output(const rd_search *s, const rd_search_row *row, float *log_probs) {
    const rd_sentence *sentence = row->sentence;
    int32_t first = rd_search_first(s, sentence);
    for (int32_t node = row->node; node >= first; node = rd_search_before(sentence, node)) {
        int32_t token = rd_search_token_at(s, sentence, node);
        if (token >= 0 && !comes_again(s, sentence, row->node, node))
            multiply(&log_probs[token], s->config.repetition_penalty);
    }
}

/* Whether the row ends with the n tokens. */
static bool ends_with(const rd_search *s, const rd_search_row *row, const int32_t *tokens,
                      int64_t n) {
    int32_t node = row->node;
    for (; n > 0; n--, node = rd_search_before(row->sentence, node)) {
        int32_t token = rd_search_token_at(s, row->sentence, node);
        if (token < 0 || token != tokens[n - 1]) return false;
    }
    return true;
}

/* forced: a token that nothing forbids; -1: none. */
static void add_biases(const rd_search *s, const rd_search_row *row, int32_t forced,
                       float *log_probs) {
    const rd_sequence_list *list = &s->rules->biases;
    int64_t first = 0;
    for (int64_t i = 0; i < list->n; first = list->ends[i++]) {
        int32_t last = list->tokens[list->ends[i] - 1];
        if (last == forced && list->biases[i] == -INFINITY) continue;
        if (last >= 0 && ends_with(s, row, list->tokens + first, list->ends[i] - 1 - first))
            log_probs[last] += list->biases[i];
    }
}

/* Ends in a finite number, however long the output is. */
static void decay(const rd_search *s, const rd_search_row *row, float *log_prob) {
    double beyond = (double)row->length - s->config.decay_start;
    if (beyond > 0 && isfinite(*log_prob))
        *log_prob +=
            (float)fmin(fabs((double)*log_prob) * (pow(s->config.decay_factor, beyond) - 1), 1e30);
}

void rd_rules_adjust(const rd_search *s, const rd_search_row *row, int32_t forced,
                     float *log_probs) {
    const rd_search_options *c = &s->config;
    const rd_rules *rules = s->rules;
    if (!rules) return;
    add_biases(s, row, forced, log_probs);
    if (rd_penalty_is_on((double)c->encoder_repetition_penalty))
        multiply_source(s, row->sentence->request.source, 1.0f / c->encoder_repetition_penalty,
                        log_probs);
    if (rd_penalty_is_on((double)c->repetition_penalty)) multiply_output(s, row, log_probs);
    if (rd_penalty_is_on(c->decay_factor)) {
        decay(s, row, &log_probs[s->scorer.eos]);
        for (int64_t i = 0; i < rules->ends.n; i++)
            if (rules->ends.tokens[i] >= 0) decay(s, row, &log_probs[rules->ends.tokens[i]]);
    }
    if (rules->multiplies && s->scorer.logits)
        rd_op_log_softmax(log_probs, 1, s->scorer.vocab_size);
}

static float forbid_list(const rd_token_list *list, float *log_probs) {
    float gone = 0.0f;
    for (int64_t i = 0; i < list->n; i++)
        if (list->tokens[i] >= 0) gone += rd_search_forbid(log_probs, list->tokens[i]);
    return gone;
}

/* Forbids tokens that would complete an n-gram of the source. */
static float forbid_source(const rd_search *s, const rd_search_row *row, float *log_probs) {
    rd_token_span source = row->sentence->request.source;
    int32_t n = s->config.encoder_no_repeat_ngram;
    float gone = 0.0f;
    for (int32_t i = 0; i + n <= source.length; i++) {
        int32_t node = row->node, k = n - 2;
        for (; k >= 0; k--, node = rd_search_before(row->sentence, node)) {
            int32_t token = rd_search_token_at(s, row->sentence, node);
            if (token < 0 || token != source_token(s, source, i + k)) break;
        }
        int32_t last = source_token(s, source, i + n - 1);
        if (k < 0 && last >= 0 && last < s->scorer.vocab_size)
            gone += rd_search_forbid(log_probs, last);
    }
    return gone;
}

float rd_rules_forbid(const rd_search *s, const rd_search_row *row, float *log_probs) {
    float gone = 0.0f;
    if (!s->rules) return gone;
    if (s->config.encoder_no_repeat_ngram > 0) gone += forbid_source(s, row, log_probs);
    gone += forbid_list(&s->rules->suppressed, log_probs);
    if (row->length == (s->config.forced_bos ? 1 : 0))
        gone += forbid_list(&s->rules->suppressed_first, log_probs);
    return gone;
}

bool rd_rules_change_sums(const rd_search *s) {
    return s->rules && (s->rules->biases.n > 0 || s->rules->multiplies);
}
