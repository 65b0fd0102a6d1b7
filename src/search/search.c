#include "search/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "search/rules.h"
#include "search/state.h"

/* A float such as 0.7 lies a little below its decimal; the small term keeps the product from
 * falling short of the whole number that is meant. */
static int32_t longest_output(const rd_search *s, const rd_search_request *request) {
    const rd_search_options *c = &s->config;
    double limit = (double)c->max_len_a * request->source.length + (double)c->max_len_b + 1e-4;
    double most = s->scorer.max_length > 0 ? s->scorer.max_length : 1 << 20;
    if (s->scorer.continues) most -= request->source.length;
    double least = (c->forced_bos ? 1 : 0) + request->prefix_length;
    if (limit < least) limit = least;
    return (int32_t)(limit < most ? limit : most);
}

static rd_status check(const rd_search_options *config, const rd_scorer *scorer) {
    RD_TRY(rd_search_check(config));
    int32_t size = scorer->vocab_size;
    if (scorer->eos < 0 || scorer->eos >= size || scorer->pad >= size || scorer->unk >= size)
        return rd_error(RD_ERR_ARGUMENT, "special ids %d, %d, %d outside a vocabulary of %d",
                        scorer->eos, scorer->pad, scorer->unk, size);
    if (config->forced_bos && (scorer->bos < 0 || scorer->bos >= size))
        return rd_error(RD_ERR_ARGUMENT, "outputs are to begin with bos, but there is none");
    if (rd_search_needs_attention(config) && !scorer->attention)
        return rd_error(RD_ERR_ARGUMENT, "there is no attention");
    return RD_OK;
}

static void set_sizes(rd_search *s) {
    const rd_search_options *c = &s->config;
    float patience = c->patience > 0 ? c->patience : 1.0f;
    s->n_per_beam = 2 + rd_rules_n_ends(s->rules);
    s->n_candidates = s->candidate_stride = s->n_per_beam * c->beam;
    s->n_groups = c->sampling ? c->beam : c->diverse_groups > 1 ? c->diverse_groups : 1;
    s->width = c->beam / s->n_groups;
    int64_t enough = lroundf((float)s->width * patience);
    s->enough = enough > 1 ? (int32_t)enough : 1;
    s->tokens_at_once = c->batch_tokens > 0 ? c->batch_tokens : INT64_MAX;
}

rd_status rd_search_open(rd_search **search, const rd_scorer *scorer,
                         const rd_search_options *config) {
    *search = NULL;
    RD_TRY(check(config, scorer));
    rd_search *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    s->config = *config;
    s->scorer = *scorer;
    s->waiting.end = &s->waiting.first;
    s->under_way.end = &s->under_way.first;
    s->done.end = &s->done.first;
    rd_status status = rd_rules_open(&s->rules, config, scorer);
    if (status != RD_OK) {
        free(s);
        return status;
    }
    set_sizes(s);
    s->merged = rd_malloc((size_t)s->n_candidates, sizeof *s->merged);
    if (config->sampling)
        s->pools =
            rd_malloc((size_t)rd_get_threads(), (size_t)scorer->vocab_size * sizeof *s->pools);
    if (s->merged && (s->pools || !config->sampling)) {
        *search = s;
        return RD_OK;
    }
    rd_search_close(s);
    return RD_ERR_MEMORY;
}

static void put_last(rd_sentence_queue *queue, rd_sentence *sentence) {
    sentence->next = NULL;
    *queue->end = sentence;
    queue->end = &sentence->next;
}

static rd_sentence *take_first(rd_sentence_queue *queue) {
    rd_sentence *sentence = queue->first;
    if (!sentence) return NULL;
    queue->first = sentence->next;
    if (!queue->first) queue->end = &queue->first;
    return sentence;
}

void rd_hypotheses_free(rd_hypotheses *hypotheses) {
    for (int32_t i = 0; i < hypotheses->n; i++) free(hypotheses->items[i].tokens);
    free(hypotheses->items);
    *hypotheses = (rd_hypotheses){0};
}

/* Releases the data that a sentence has only while it is under way. */
static void release(const rd_search *s, rd_sentence *sentence) {
    for (int32_t i = 0; sentence->finished && i < s->config.beam; i++)
        free(sentence->finished[i].tokens);
    free(sentence->finished);
    free(sentence->groups);
    free(sentence->nodes);
    free(sentence->coverage);
    free(sentence->next_coverage);
    rd_constraints_end(sentence);
    sentence->finished = NULL;
    sentence->groups = NULL;
    sentence->nodes = NULL;
    sentence->coverage = sentence->next_coverage = NULL;
}

static void free_queue(const rd_search *s, rd_sentence_queue *queue) {
    for (rd_sentence *sentence; (sentence = take_first(queue));) {
        release(s, sentence);
        rd_hypotheses_free(&sentence->found);
        free(sentence);
    }
}

void rd_search_close(rd_search *s) {
    if (!s) return;
    free_queue(s, &s->waiting);
    free_queue(s, &s->under_way);
    free_queue(s, &s->done);
    free(s->free_slots);
    free(s->rows);
    free(s->next_rows);
    free(s->parents);
    free(s->slots);
    free(s->tokens);
    free(s->aligned);
    free(s->eos_log_probs);
    free(s->candidate_counts);
    free(s->candidates);
    free(s->merged);
    free(s->log_probs);
    free(s->pools);
    free(s->attention);
    free(s->ranked);
    rd_rules_close(s->rules);
    free(s);
}

static rd_status check_tokens(const rd_search *s, rd_token_span span, const char *what) {
    for (int32_t k = 0; k < span.length; k++)
        if (span.tokens[k] < 0 || span.tokens[k] >= s->scorer.vocab_size)
            return rd_error(RD_ERR_ARGUMENT, "%s token %d outside a vocabulary of %d", what,
                            span.tokens[k], s->scorer.vocab_size);
    return RD_OK;
}

static rd_status check_request(const rd_search *s, const rd_search_request *r) {
    RD_TRY(check_tokens(s, (rd_token_span){r->prefix, r->prefix_length}, "prefix"));
    for (int32_t k = 0; k < r->n_phrases; k++) RD_TRY(check_tokens(s, r->phrases[k], "constraint"));
    if (s->config.sampling && r->n_phrases > 0)
        return rd_error(RD_ERR_ARGUMENT, "sampling has no constraints: samples are drawn");
    if (s->n_free_slots == 0 && s->n_slots >= INT32_MAX / s->config.beam)
        return rd_error(RD_ERR_ARGUMENT, "%lld sentences at once are too many",
                        (long long)s->n_slots);
    return RD_OK;
}

rd_status rd_search_submit(rd_search *s, const rd_search_request *request, int64_t id) {
    RD_TRY(check_request(s, request));
    if (s->n_free_slots == 0) {
        RD_TRY(
            rd_reserve(&s->free_slots, &s->slot_capacity, s->n_slots + 1, sizeof *s->free_slots));
        s->free_slots[s->n_free_slots++] = (int32_t)s->n_slots++;
    }
    int32_t slot = s->free_slots[s->n_free_slots - 1];
    RD_TRY(s->scorer.add(s->scorer.self, slot, request->source));
    rd_sentence *sentence = rd_calloc(1, sizeof *sentence);
    if (!sentence) return RD_ERR_MEMORY;
    sentence->request = *request;
    sentence->id = id;
    sentence->slot = slot;
    sentence->max_length = longest_output(s, request);
    s->n_free_slots--;
    put_last(&s->waiting, sentence);
    return RD_OK;
}

/* Grows an array of [row_capacity] to `rows`. */
static rd_status grow(const rd_search *s, void *array, int64_t rows, size_t size) {
    int64_t capacity = s->row_capacity;
    return rd_reserve(array, &capacity, rows, size);
}

/* Room for all rows that the sentences under way may have, and for the candidates of each. */
static rd_status reserve_rows(rd_search *s) {
    int64_t rows = s->n_under_way * s->config.beam, half_more = s->row_capacity / 2 * 3;
    if (rows > s->row_capacity) {
        if (rows < half_more) rows = half_more;
        int64_t before = s->row_capacity < RD_SCORER_ROWS ? s->row_capacity : RD_SCORER_ROWS;
        int64_t at_once = rows < RD_SCORER_ROWS ? rows : RD_SCORER_ROWS;
        if (at_once > before) {
            free(s->log_probs);
            s->log_probs =
                rd_malloc((size_t)at_once, (size_t)s->scorer.vocab_size * sizeof *s->log_probs);
            if (!s->log_probs) return RD_ERR_MEMORY;
        }
        RD_TRY(grow(s, &s->rows, rows, sizeof *s->rows));
        RD_TRY(grow(s, &s->next_rows, rows, sizeof *s->next_rows));
        RD_TRY(grow(s, &s->parents, rows, sizeof *s->parents));
        RD_TRY(grow(s, &s->slots, rows, sizeof *s->slots));
        RD_TRY(grow(s, &s->tokens, rows, sizeof *s->tokens));
        RD_TRY(grow(s, &s->aligned, rows, sizeof *s->aligned));
        RD_TRY(grow(s, &s->eos_log_probs, rows, sizeof *s->eos_log_probs));
        RD_TRY(grow(s, &s->candidate_counts, rows, sizeof *s->candidate_counts));
        s->row_capacity = rows;
    }
    return rd_reserve(&s->candidates, &s->candidate_capacity, s->row_capacity * s->candidate_stride,
                      sizeof *s->candidates);
}

/* Makes the data that a sentence needs only while it is under way. */
static rd_status set_up(rd_search *s, rd_sentence *sentence) {
    size_t beam = (size_t)s->config.beam, n_src = (size_t)sentence->request.source.length;
    sentence->groups = rd_calloc((size_t)s->n_groups, sizeof *sentence->groups);
    sentence->finished = rd_calloc(beam, sizeof *sentence->finished);
    if (!sentence->groups || !sentence->finished) return RD_ERR_MEMORY;
    for (int32_t g = 0; g < s->n_groups; g++)
        sentence->groups[g].finished = sentence->finished + g * s->width;
    if (rd_search_needs_attention(&s->config))
        RD_TRY(rd_reserve(&s->attention, &s->attention_capacity, (int64_t)n_src,
                          sizeof *s->attention));
    if (s->config.coverage_penalty != 0) {
        sentence->coverage = rd_calloc(beam, n_src * sizeof *sentence->coverage);
        sentence->next_coverage = rd_malloc(beam, n_src * sizeof *sentence->next_coverage);
        if (!sentence->coverage || !sentence->next_coverage) return RD_ERR_MEMORY;
    }
    RD_TRY(rd_constraints_begin(s, sentence));
    return reserve_rows(s);
}

/* Begins as many of the waiting sentences as there is room for, after this step's rows. They wait
 * until half of the room is free: together they keep the encoder's products busy. */
static rd_status begin_waiting(rd_search *s) {
    if (s->tokens_under_way > s->tokens_at_once / 2) return RD_OK;
    while (s->waiting.first) {
        int32_t length = s->waiting.first->request.source.length;
        if (s->n_rows > 0 && s->tokens_under_way + length > s->tokens_at_once) return RD_OK;
        rd_sentence *sentence = take_first(&s->waiting);
        put_last(&s->under_way, sentence);
        s->tokens_under_way += length;
        s->n_under_way++;
        RD_TRY(set_up(s, sentence));
        sentence->first = s->n_rows;
        s->rows[s->n_rows] = (rd_search_row){.sentence = sentence, .node = -1};
        s->parents[s->n_rows] = -1;
        s->slots[s->n_rows] = sentence->slot;
        s->tokens[s->n_rows++] = s->scorer.eos;
    }
    return RD_OK;
}

/* The n_best best of a sentence, best first; equals stay in the order in which they were found. */
static rd_status choose_best(const rd_search *s, rd_sentence *sentence) {
    rd_hypothesis *finished = sentence->finished;
    rd_hypotheses *found = &sentence->found;
    int32_t beam = s->config.beam, fewest = INT32_MAX;
    found->items = rd_calloc((size_t)s->config.n_best, sizeof *found->items);
    if (!found->items) return RD_ERR_MEMORY;
    for (int32_t j = 0; j < beam; j++)
        if (finished[j].tokens && finished[j].n_unmet < fewest) fewest = finished[j].n_unmet;
    while (found->n < s->config.n_best) {
        int32_t best = -1;
        for (int32_t j = 0; j < beam; j++)
            if (finished[j].tokens && finished[j].n_unmet == fewest &&
                (best < 0 || finished[j].score > finished[best].score))
                best = j;
        if (best < 0) break;
        found->items[found->n++] = finished[best];
        finished[best].tokens = NULL; /* moved */
    }
    return RD_OK;
}

/* Moves the sentences that have no rows any more to those that are done. */
static rd_status end_sentences(rd_search *s) {
    rd_sentence_queue still = {.end = &still.first};
    rd_status status = RD_OK;
    for (rd_sentence *sentence; (sentence = take_first(&s->under_way));) {
        if (sentence->first >= 0 || status != RD_OK) {
            put_last(&still, sentence);
            continue;
        }
        status = choose_best(s, sentence);
        release(s, sentence);
        s->tokens_under_way -= sentence->request.source.length;
        s->n_under_way--;
        s->free_slots[s->n_free_slots++] = sentence->slot;
        put_last(&s->done, sentence);
    }
    s->under_way = still;
    if (!still.first) s->under_way.end = &s->under_way.first;
    return status;
}

rd_status rd_search_step(rd_search *s) {
    RD_TRY(rd_check_stop(s->config.stop));
    RD_TRY(begin_waiting(s));
    if (s->n_rows == 0) return RD_OK;
    RD_TRY(s->scorer.step(s->scorer.self, s->n_rows, s->parents, s->slots, s->tokens));
    RD_TRY(rd_search_expand(s));
    RD_TRY(rd_search_advance(s));
    return end_sentences(s);
}

bool rd_search_is_idle(const rd_search *s) {
    return !s->waiting.first && s->n_rows == 0;
}

bool rd_search_take(rd_search *s, int64_t *id, rd_hypotheses *found) {
    rd_sentence *sentence = take_first(&s->done);
    *found = (rd_hypotheses){0};
    if (!sentence) return false;
    *id = sentence->id;
    *found = sentence->found;
    free(sentence);
    return true;
}
