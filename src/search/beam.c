#include "search/beam.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "search/candidates.h"

/* A live hypothesis; the rows of one sentence are adjacent and ranked best first. */
typedef struct {
    int32_t sentence, node;
    float score; /* log P so far, minus penalties */
} beam_row;

/* Hypotheses share their beginnings, so they are paths in a tree; node -1 is the empty one. */
typedef struct {
    int32_t token, parent;
} beam_node;

typedef struct {
    int32_t max_len;
    int32_t n_finished;
} beam_sentence;

typedef struct {
    const rd_beam_config *config;
    const rd_scorer *scorer;
    int32_t eos, pad, unk;
    int32_t step;         /* tokens in every live hypothesis */
    int32_t n_candidates; /* 2 * beam */
    int64_t n_sentences;
    beam_sentence *sentences; /* [n_sentences] */
    rd_hypothesis *finished;  /* [n_sentences, beam] */
    beam_node *nodes;
    int64_t n_nodes, node_capacity;
    int64_t n_rows;
    beam_row *rows, *next_rows;            /* [n_sentences * beam] */
    int32_t *parents, *row_sents, *tokens; /* the scorer's arguments, as many */
    float *eos_log_probs;                  /* before constraints, as many */
    float *log_probs;                      /* [n_sentences * beam, vocab_size] */
    rd_candidate *candidates;              /* [n_sentences * beam, n_candidates] */
    int32_t *candidate_counts;             /* [n_sentences * beam] */
    rd_candidate *merged;                  /* [n_candidates] */
} beam_search;

rd_beam_config rd_beam_defaults(void) {
    return (rd_beam_config){
        .beam = 5, .lenpen = 1.0f, .max_len_a = 1.2f, .max_len_b = 10.0f, .n_best = 1};
}

rd_status rd_beam_check(const rd_beam_config *c) {
    if (c->beam < 1 || c->beam > RD_MAX_BEAM)
        return rd_error(RD_ERR_ARGUMENT, "beam is %d; it must be from 1 to %d", c->beam,
                        RD_MAX_BEAM);
    if (c->n_best < 1 || c->n_best > c->beam)
        return rd_error(RD_ERR_ARGUMENT, "n-best is %d; it must be from 1 to the beam, %d",
                        c->n_best, c->beam);
    if (!isfinite(c->lenpen) || !isfinite(c->unk_penalty))
        return rd_error(RD_ERR_ARGUMENT, "lenpen and unk-penalty must be finite numbers");
    if (!(c->max_len_a >= 0) || !(c->max_len_b >= 0) || isinf(c->max_len_a) || isinf(c->max_len_b))
        return rd_error(RD_ERR_ARGUMENT, "max-len-a and max-len-b must be 0 or more");
    if (c->min_len < 0 || c->no_repeat_ngram < 0)
        return rd_error(RD_ERR_ARGUMENT, "min-len and no-repeat-ngram must be 0 or more");
    return RD_OK;
}

/* A float such as 0.7 lies a little below its decimal; the small term keeps the product from
 * falling short of the whole number that is meant. */
static int32_t longest_output(const rd_beam_config *config, const rd_scorer *scorer,
                              int32_t src_length) {
    double limit = (double)config->max_len_a * src_length + (double)config->max_len_b + 1e-4;
    double most = scorer->max_length > 0 ? scorer->max_length : 1 << 20;
    return (int32_t)(limit < most ? limit : most);
}

static void release(beam_search *s) {
    for (int64_t i = 0; s->finished && i < s->n_sentences * s->config->beam; i++)
        free(s->finished[i].tokens);
    free(s->sentences);
    free(s->finished);
    free(s->nodes);
    free(s->rows);
    free(s->next_rows);
    free(s->parents);
    free(s->row_sents);
    free(s->tokens);
    free(s->eos_log_probs);
    free(s->log_probs);
    free(s->candidates);
    free(s->candidate_counts);
    free(s->merged);
}

static rd_status begin(beam_search *s, const int32_t *src_lengths) {
    size_t n = (size_t)s->n_sentences, rows = n * (size_t)s->config->beam;
    s->sentences = rd_calloc(n, sizeof *s->sentences);
    s->finished = rd_calloc(rows, sizeof *s->finished);
    s->rows = rd_malloc(rows, sizeof *s->rows);
    s->next_rows = rd_malloc(rows, sizeof *s->next_rows);
    s->parents = rd_malloc(rows, sizeof *s->parents);
    s->row_sents = rd_malloc(rows, sizeof *s->row_sents);
    s->tokens = rd_malloc(rows, sizeof *s->tokens);
    s->eos_log_probs = rd_malloc(rows, sizeof *s->eos_log_probs);
    s->log_probs = rd_malloc(rows, (size_t)s->scorer->vocab_size * sizeof *s->log_probs);
    s->candidates = rd_malloc(rows, (size_t)s->n_candidates * sizeof *s->candidates);
    s->candidate_counts = rd_malloc(rows, sizeof *s->candidate_counts);
    s->merged = rd_malloc((size_t)s->n_candidates, sizeof *s->merged);
    if (!s->sentences || !s->finished || !s->rows || !s->next_rows || !s->parents ||
        !s->row_sents || !s->tokens || !s->eos_log_probs || !s->log_probs || !s->candidates ||
        !s->candidate_counts || !s->merged)
        return RD_ERR_MEMORY;
    for (int32_t i = 0; i < s->n_sentences; i++) {
        s->sentences[i].max_len = longest_output(s->config, s->scorer, src_lengths[i]);
        s->rows[i] = (beam_row){.sentence = i, .node = -1};
        s->parents[i] = 0;
        s->row_sents[i] = i;
        s->tokens[i] = s->eos;
    }
    s->n_rows = s->n_sentences;
    return RD_OK;
}

/* Whether the tokens at a and b end the same `n` tokens. */
static bool same_ending(const beam_search *s, int32_t a, int32_t b, int32_t n) {
    for (; n > 0; n--) {
        if (b < 0 || s->nodes[a].token != s->nodes[b].token) return false;
        a = s->nodes[a].parent;
        b = s->nodes[b].parent;
    }
    return true;
}

/* Walks back from the last token: where the last n - 1 tokens occurred before, the token that
 * followed them must not follow again. */
static void block_repeats(const beam_search *s, int32_t last, float *log_probs) {
    int32_t n = s->config->no_repeat_ngram;
    if (s->step + 1 < n) return;
    for (int32_t node = last; node >= 0; node = s->nodes[node].parent)
        if (same_ending(s, last, s->nodes[node].parent, n - 1))
            log_probs[s->nodes[node].token] = -INFINITY;
}

/* The best continuations of one row under the configured constraints. */
static rd_status expand_row(beam_search *s, int64_t r) {
    const beam_row *row = &s->rows[r];
    float *log_probs = s->log_probs + r * s->scorer->vocab_size;
    rd_candidate *best = s->candidates + r * s->n_candidates;
    float eos_log_prob = s->eos_log_probs[r] = log_probs[s->eos];
    if (s->step >= s->sentences[row->sentence].max_len) {
        /* Only eos may follow; a selection of one still checks that it is a number. */
        RD_TRY(rd_candidates_select(&eos_log_prob, 1, row->score, (int32_t)r, 1, best,
                                    &s->candidate_counts[r]));
        best[0].token = s->eos;
        return RD_OK;
    }
    if (s->pad >= 0) log_probs[s->pad] = -INFINITY;
    if (s->unk >= 0) log_probs[s->unk] -= s->config->unk_penalty;
    if (s->config->no_repeat_ngram > 0) block_repeats(s, row->node, log_probs);
    if (s->step < s->config->min_len) log_probs[s->eos] = -INFINITY;
    return rd_candidates_select(log_probs, s->scorer->vocab_size, row->score, (int32_t)r,
                                s->n_candidates, best, &s->candidate_counts[r]);
}

static rd_status expand_rows(beam_search *s) {
    bool numeric_failure = false;
#pragma omp parallel for schedule(static) if (s->n_rows > 1) reduction(|| : numeric_failure)
    for (int64_t r = 0; r < s->n_rows; r++) {
        rd_status status = expand_row(s, r);
        numeric_failure = numeric_failure || status != RD_OK;
    }
    if (numeric_failure) /* said again because messages belong to the thread that failed */
        return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not numbers; "
                                        "its weights are damaged or its training diverged");
    return RD_OK;
}

/* Copies a live hypothesis, now ended by eos with `score`, to its sentence's finished ones. */
static rd_status finish_hypothesis(beam_search *s, const beam_row *row, float score) {
    beam_sentence *sentence = &s->sentences[row->sentence];
    int32_t *tokens = rd_malloc((size_t)s->step, sizeof *tokens);
    if (!tokens) return RD_ERR_MEMORY;
    float log_prob = score;
    int32_t node = row->node;
    for (int32_t i = s->step - 1; i >= 0; i--, node = s->nodes[node].parent) {
        tokens[i] = s->nodes[node].token;
        if (tokens[i] == s->unk) log_prob += s->config->unk_penalty;
    }
    float length = (float)(s->step + 1);
    s->finished[row->sentence * (int64_t)s->config->beam + sentence->n_finished++] =
        (rd_hypothesis){.tokens = tokens,
                        .length = s->step,
                        .score = score / powf(length, s->config->lenpen),
                        .log_prob = log_prob};
    return RD_OK;
}

/* Adds the row that continues `candidate` to those of the next step. */
static rd_status continue_hypothesis(beam_search *s, const rd_candidate *candidate,
                                     int64_t *n_next) {
    RD_TRY(rd_reserve(&s->nodes, &s->node_capacity, s->n_nodes + 1, sizeof *s->nodes));
    const beam_row *row = &s->rows[candidate->row];
    s->nodes[s->n_nodes] = (beam_node){.token = candidate->token, .parent = row->node};
    s->next_rows[*n_next] = (beam_row){
        .sentence = row->sentence, .node = (int32_t)s->n_nodes++, .score = candidate->score};
    s->parents[*n_next] = candidate->row;
    s->row_sents[*n_next] = row->sentence;
    s->tokens[*n_next] = candidate->token;
    (*n_next)++;
    return RD_OK;
}

/* Finishes and continues hypotheses of the sentence whose rows are first .. end - 1. */
static rd_status advance_sentence(beam_search *s, int64_t first, int64_t end, int64_t *n_next) {
    int32_t beam = s->config->beam, n = 0;
    for (int64_t r = first; r < end; r++)
        rd_candidates_merge(s->merged, &n, s->n_candidates, s->candidates + r * s->n_candidates,
                            s->candidate_counts[r]);
    beam_sentence *sentence = &s->sentences[s->rows[first].sentence];
    for (int32_t i = 0; i < n && i < beam && sentence->n_finished < beam; i++)
        if (s->merged[i].token == s->eos)
            RD_TRY(finish_hypothesis(s, &s->rows[s->merged[i].row], s->merged[i].score));
    if (sentence->n_finished == beam || s->step >= sentence->max_len) n = 0; /* done */
    int64_t start = *n_next;
    for (int32_t i = 0; i < n && *n_next - start < beam; i++)
        if (s->merged[i].token != s->eos) RD_TRY(continue_hypothesis(s, &s->merged[i], n_next));
    /* Nothing to go on with and nothing found: the constraints give way. */
    for (int64_t r = first; r < end && *n_next == start && sentence->n_finished == 0; r++)
        RD_TRY(finish_hypothesis(s, &s->rows[r], s->rows[r].score + s->eos_log_probs[r]));
    return RD_OK;
}

static rd_status advance(beam_search *s) {
    int64_t n_next = 0;
    for (int64_t first = 0, end; first < s->n_rows; first = end) {
        for (end = first + 1; end < s->n_rows; end++)
            if (s->rows[end].sentence != s->rows[first].sentence) break;
        RD_TRY(advance_sentence(s, first, end, &n_next));
    }
    beam_row *swap = s->rows;
    s->rows = s->next_rows;
    s->next_rows = swap;
    s->n_rows = n_next;
    s->step++;
    return RD_OK;
}

/* The n_best best of each sentence, best first, moved to the result; equals stay in the order in
 * which they were found. */
static rd_status collect(beam_search *s, rd_search_result *result) {
    int32_t beam = s->config->beam, n_best = s->config->n_best;
    result->hypotheses =
        rd_calloc((size_t)s->n_sentences * (size_t)n_best, sizeof *result->hypotheses);
    if (!result->hypotheses) return RD_ERR_MEMORY;
    result->n_sentences = s->n_sentences;
    result->n_best = n_best;
    for (int64_t i = 0; i < s->n_sentences; i++) {
        rd_hypothesis *found = s->finished + i * beam;
        int32_t n = s->sentences[i].n_finished;
        for (int32_t k = 0; k < n_best && k < n; k++) {
            int32_t best = -1;
            for (int32_t j = 0; j < n; j++)
                if (found[j].tokens && (best < 0 || found[j].score > found[best].score)) best = j;
            result->hypotheses[i * n_best + k] = found[best];
            found[best].tokens = NULL; /* the result owns it now */
        }
    }
    return RD_OK;
}

rd_status rd_beam_search(const rd_beam_config *config, const rd_scorer *scorer, int64_t n_sentences,
                         const int32_t *src_lengths, int32_t eos_id, int32_t pad_id, int32_t unk_id,
                         rd_search_result *result) {
    *result = (rd_search_result){0};
    RD_TRY(rd_beam_check(config));
    if (eos_id < 0 || eos_id >= scorer->vocab_size || pad_id >= scorer->vocab_size ||
        unk_id >= scorer->vocab_size)
        return rd_error(RD_ERR_ARGUMENT, "special ids %d, %d, %d outside a vocabulary of %d",
                        eos_id, pad_id, unk_id, scorer->vocab_size);
    if (n_sentences < 0 || n_sentences > INT32_MAX / config->beam)
        return rd_error(RD_ERR_ARGUMENT, "%lld sentences at once are too many",
                        (long long)n_sentences);
    beam_search s = {.config = config,
                     .scorer = scorer,
                     .eos = eos_id,
                     .pad = pad_id,
                     .unk = unk_id,
                     .n_candidates = 2 * config->beam,
                     .n_sentences = n_sentences};
    rd_status status = begin(&s, src_lengths);
    while (status == RD_OK && s.n_rows > 0) {
        status =
            scorer->step(scorer->self, s.n_rows, s.parents, s.row_sents, s.tokens, s.log_probs);
        if (status == RD_OK) status = expand_rows(&s);
        if (status == RD_OK) status = advance(&s);
    }
    if (status == RD_OK) status = collect(&s, result);
    release(&s);
    return status;
}

void rd_search_result_free(rd_search_result *result) {
    for (int64_t i = 0; result->hypotheses && i < result->n_sentences * result->n_best; i++)
        free(result->hypotheses[i].tokens);
    free(result->hypotheses);
    *result = (rd_search_result){0};
}
