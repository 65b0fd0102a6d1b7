#include "search/beam.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "search/state.h"

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
    if (!(c->patience >= 0) || !(c->patience <= 1000) || !(c->temperature >= 0) ||
        isinf(c->temperature))
        return rd_error(RD_ERR_ARGUMENT, "patience must be from 0 to 1000, temperature 0 or more");
    if (c->top_k < 0 || c->top_k > RD_MAX_TOP_K || !(c->top_p >= 0) || !(c->top_p <= 1))
        return rd_error(RD_ERR_ARGUMENT, "top-k must be from 0 to %d, top-p from 0 to 1",
                        RD_MAX_TOP_K);
    if (c->diverse_groups < 0 || (c->diverse_groups > 1 && c->beam % c->diverse_groups) ||
        !(c->diverse_strength >= 0) || isinf(c->diverse_strength))
        return rd_error(RD_ERR_ARGUMENT,
                        "%d diverse-beam-groups of strength %g: the beam, %d, must be a multiple "
                        "of the groups, the strength 0 or more",
                        c->diverse_groups, (double)c->diverse_strength, c->beam);
    if (c->sampling && c->diverse_groups > 1)
        return rd_error(RD_ERR_ARGUMENT, "sampling has no diverse-beam-groups");
    if (!isfinite(c->lenpen) || !isfinite(c->unk_penalty) || !isfinite(c->coverage_penalty))
        return rd_error(RD_ERR_ARGUMENT,
                        "lenpen, unk-penalty and coverage-penalty must be finite numbers");
    if (!(c->max_len_a >= 0) || !(c->max_len_b >= 0) || isinf(c->max_len_a) || isinf(c->max_len_b))
        return rd_error(RD_ERR_ARGUMENT, "max-len-a and max-len-b must be 0 or more");
    if (c->min_len < 0 || c->no_repeat_ngram < 0)
        return rd_error(RD_ERR_ARGUMENT, "min-len and no-repeat-ngram must be 0 or more");
    return RD_OK;
}

bool rd_beam_needs_attention(const rd_beam_config *c) {
    return c->align || c->coverage_penalty != 0;
}

/* A float such as 0.7 lies a little below its decimal; the small term keeps the product from
 * falling short of the whole number that is meant. */
static int32_t longest_output(const rd_beam_config *config, const rd_scorer *scorer,
                              int32_t src_length, const rd_search_request *request) {
    double limit = (double)config->max_len_a * src_length + (double)config->max_len_b + 1e-4;
    double most = scorer->max_length > 0 ? scorer->max_length : 1 << 20;
    double least = (config->forced_bos ? 1 : 0) + (request ? request->prefix_length : 0);
    if (limit < least) limit = least;
    return (int32_t)(limit < most ? limit : most);
}

static void release(rd_search *s) {
    for (int64_t i = 0; s->finished && i < s->n_sentences * s->config->beam; i++)
        free(s->finished[i].tokens);
    free(s->max_lens);
    free(s->groups);
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
    free(s->attention);
    free(s->coverage);
    free(s->next_coverage);
    free(s->aligned);
    free(s->pools);
    free(s->moved_nodes);
    rd_constraints_end(s);
}

/* What keeps attention, where the settings ask for it. */
static rd_status begin_attention(rd_search *s) {
    if (!rd_beam_needs_attention(s->config)) return RD_OK;
    if (!s->scorer->attention) return rd_error(RD_ERR_ARGUMENT, "there is no attention");
    for (int64_t i = 0; i < s->n_sentences; i++)
        if (s->src_lengths[i] > s->src_stride) s->src_stride = s->src_lengths[i];
    size_t rows = (size_t)s->most_rows, size = (size_t)s->src_stride * sizeof(float);
    s->attention = rd_malloc(rows, size);
    s->aligned = rd_malloc(rows, sizeof *s->aligned);
    if (!s->attention || !s->aligned) return RD_ERR_MEMORY;
    if (s->config->coverage_penalty == 0) return RD_OK;
    s->coverage = rd_malloc(rows, size);
    s->next_coverage = rd_malloc(rows, size);
    return s->coverage && s->next_coverage ? RD_OK : RD_ERR_MEMORY;
}

static int shorter_first(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* How many sentences may be under way at once: as many as the shortest that fit together. */
static rd_status set_room(rd_search *s) {
    size_t n = (size_t)s->n_sentences;
    int32_t *lengths = rd_malloc(n, sizeof *lengths);
    if (!lengths) return RD_ERR_MEMORY;
    if (n) memcpy(lengths, s->src_lengths, n * sizeof *lengths);
    if (n) qsort(lengths, n, sizeof *lengths, shorter_first);
    s->tokens_at_once = s->config->batch_tokens > 0 ? s->config->batch_tokens : INT64_MAX;
    int64_t most = 0, tokens = 0;
    while (most < s->n_sentences && (tokens += lengths[most]) <= s->tokens_at_once) most++;
    s->most_rows = (most > 1 ? most : 1) * s->config->beam;
    free(lengths);
    return RD_OK;
}

static rd_status begin(rd_search *s) {
    RD_TRY(set_room(s));
    size_t n = (size_t)s->n_sentences, rows = (size_t)s->most_rows;
    s->max_lens = rd_malloc(n, sizeof *s->max_lens);
    s->groups = rd_calloc(n, (size_t)s->n_groups * sizeof *s->groups);
    s->finished = rd_calloc(n, (size_t)s->config->beam * sizeof *s->finished);
    s->rows = rd_malloc(rows, sizeof *s->rows);
    s->next_rows = rd_malloc(rows, sizeof *s->next_rows);
    s->parents = rd_malloc(rows, sizeof *s->parents);
    s->row_sents = rd_malloc(rows, sizeof *s->row_sents);
    s->tokens = rd_malloc(rows, sizeof *s->tokens);
    s->eos_log_probs = rd_malloc(rows, sizeof *s->eos_log_probs);
    s->log_probs = rd_malloc(rows < RD_SCORER_ROWS ? rows : RD_SCORER_ROWS,
                             (size_t)s->scorer->vocab_size * sizeof *s->log_probs);
    s->candidate_counts = rd_malloc(rows, sizeof *s->candidate_counts);
    s->merged = rd_malloc((size_t)s->n_candidates, sizeof *s->merged);
    if (s->config->sampling)
        s->pools = rd_malloc((size_t)omp_get_max_threads(),
                             (size_t)s->scorer->vocab_size * sizeof *s->pools);
    if (!s->max_lens || !s->groups || !s->finished || !s->rows || !s->next_rows || !s->parents ||
        !s->row_sents || !s->tokens || !s->eos_log_probs || !s->log_probs || !s->candidate_counts ||
        !s->merged || (s->config->sampling && !s->pools))
        return RD_ERR_MEMORY;
    for (int32_t i = 0; i < s->n_sentences; i++) {
        s->max_lens[i] = longest_output(s->config, s->scorer, s->src_lengths[i],
                                        s->requests ? &s->requests[i] : NULL);
        for (int64_t g = i * (int64_t)s->n_groups; g < (i + 1) * (int64_t)s->n_groups; g++)
            s->groups[g].finished = s->finished + g * s->width;
    }
    RD_TRY(rd_constraints_begin(s));
    s->candidates = rd_malloc(rows, (size_t)s->candidate_stride * sizeof *s->candidates);
    return s->candidates ? begin_attention(s) : RD_ERR_MEMORY;
}

/* Begins as many of the waiting sentences as there is room for, at the end of this step's rows.
 * They wait until half of the room is free: together they keep the encoder's products busy. */
static void begin_waiting(rd_search *s) {
    if (s->tokens_under_way > s->tokens_at_once / 2) return;
    for (; s->n_begun < s->n_sentences; s->n_begun++, s->n_rows++) {
        int32_t sentence = (int32_t)s->n_begun, length = s->src_lengths[sentence];
        if (s->n_rows > 0 && s->tokens_under_way + length > s->tokens_at_once) return;
        s->tokens_under_way += length;
        s->rows[s->n_rows] = (rd_search_row){.sentence = sentence, .node = -1};
        s->parents[s->n_rows] = -1;
        s->row_sents[s->n_rows] = sentence;
        s->tokens[s->n_rows] = s->eos;
        rd_coverage_start(s, s->n_rows);
        rd_constraints_start(s, s->n_rows);
    }
}

/* One token for each hypothesis. */
static rd_status make_step(rd_search *s) {
    if (s->config->stop && *s->config->stop)
        return rd_error(RD_ERR_INTERRUPTED, "stopped by a signal");
    RD_TRY(s->scorer->step(s->scorer->self, s->n_rows, s->parents, s->row_sents, s->tokens));
    RD_TRY(rd_search_attend(s));
    RD_TRY(rd_search_expand(s));
    RD_TRY(rd_search_advance(s));
    RD_TRY(rd_nodes_collect(s));
    begin_waiting(s);
    return RD_OK;
}

/* The n_best best of each sentence, best first, moved to the result; equals stay in the order in
 * which they were found. */
static rd_status collect(rd_search *s, rd_search_result *result) {
    int32_t beam = s->config->beam, n_best = s->config->n_best;
    result->hypotheses =
        rd_calloc((size_t)s->n_sentences * (size_t)n_best, sizeof *result->hypotheses);
    if (!result->hypotheses) return RD_ERR_MEMORY;
    result->n_sentences = s->n_sentences;
    result->n_best = n_best;
    for (int64_t i = 0; i < s->n_sentences; i++) {
        rd_hypothesis *found = s->finished + i * beam;
        int32_t fewest = INT32_MAX;
        for (int32_t j = 0; j < beam; j++)
            if (found[j].tokens && found[j].n_unmet < fewest) fewest = found[j].n_unmet;
        for (int32_t k = 0; k < n_best; k++) {
            int32_t best = -1;
            for (int32_t j = 0; j < beam; j++)
                if (found[j].tokens && found[j].n_unmet == fewest &&
                    (best < 0 || found[j].score > found[best].score))
                    best = j;
            if (best < 0) break;
            result->hypotheses[i * n_best + k] = found[best];
            found[best].tokens = NULL; /* the result owns it now */
        }
    }
    return RD_OK;
}

static void set_sizes(rd_search *s) {
    const rd_beam_config *c = s->config;
    float patience = c->patience > 0 ? c->patience : 1.0f;
    s->n_candidates = s->candidate_stride = 2 * c->beam;
    s->n_groups = c->sampling ? c->beam : c->diverse_groups > 1 ? c->diverse_groups : 1;
    s->width = c->beam / s->n_groups;
    int64_t enough = lroundf((float)s->width * patience);
    s->enough = enough > 1 ? (int32_t)enough : 1;
}

static rd_status check_tokens(rd_token_span span, const char *what, int32_t vocab_size) {
    for (int32_t k = 0; k < span.length; k++)
        if (span.tokens[k] < 0 || span.tokens[k] >= vocab_size)
            return rd_error(RD_ERR_ARGUMENT, "%s token %d outside a vocabulary of %d", what,
                            span.tokens[k], vocab_size);
    return RD_OK;
}

static rd_status check_requests(const rd_beam_config *config, int64_t n,
                                const rd_search_request *requests, int32_t vocab_size) {
    for (int64_t i = 0; requests && i < n; i++) {
        const rd_search_request *r = &requests[i];
        rd_token_span prefix = {r->prefix, r->prefix_length};
        RD_TRY(check_tokens(prefix, "prefix", vocab_size));
        for (int32_t k = 0; k < r->n_phrases; k++)
            RD_TRY(check_tokens(r->phrases[k], "constraint", vocab_size));
        if (config->sampling && r->n_phrases > 0)
            return rd_error(RD_ERR_ARGUMENT, "sampling has no constraints: samples are drawn");
    }
    return RD_OK;
}

rd_status rd_beam_search(const rd_beam_config *config, const rd_scorer *scorer, int64_t n_sentences,
                         const int32_t *src_lengths, const rd_search_request *requests,
                         int32_t bos_id, int32_t eos_id, int32_t pad_id, int32_t unk_id,
                         rd_search_result *result) {
    *result = (rd_search_result){0};
    RD_TRY(rd_beam_check(config));
    if (eos_id < 0 || eos_id >= scorer->vocab_size || pad_id >= scorer->vocab_size ||
        unk_id >= scorer->vocab_size)
        return rd_error(RD_ERR_ARGUMENT, "special ids %d, %d, %d outside a vocabulary of %d",
                        eos_id, pad_id, unk_id, scorer->vocab_size);
    if (config->forced_bos && (bos_id < 0 || bos_id >= scorer->vocab_size))
        return rd_error(RD_ERR_ARGUMENT, "outputs are to begin with bos, but there is none");
    if (n_sentences < 0 || n_sentences > INT32_MAX / config->beam)
        return rd_error(RD_ERR_ARGUMENT, "%lld sentences at once are too many",
                        (long long)n_sentences);
    RD_TRY(check_requests(config, n_sentences, requests, scorer->vocab_size));
    rd_search s = {.config = config,
                   .scorer = scorer,
                   .requests = requests,
                   .bos = bos_id,
                   .eos = eos_id,
                   .pad = pad_id,
                   .unk = unk_id,
                   .n_sentences = n_sentences,
                   .src_lengths = src_lengths};
    set_sizes(&s);
    rd_status status = begin(&s);
    if (status == RD_OK) begin_waiting(&s);
    while (status == RD_OK && s.n_rows > 0) status = make_step(&s);
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
