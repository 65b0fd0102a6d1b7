#include "translate/output_subset.h"

#include <string.h>

#include "search/rules.h"

/* The possible sizes of vocabularies: 256, 384, 512, 768, 1024, ... Matrix products are compiled
 * for each size that occurs. */
static int32_t round_up(int32_t n) {
    int64_t size = 256;
    while (size < n) {
        if (size + size / 2 >= n) return (int32_t)(size + size / 2);
        size *= 2;
    }
    return (int32_t)size;
}

static void choose_span(bool *chosen, const int32_t *tokens, int32_t n) {
    for (int32_t i = 0; i < n; i++) chosen[tokens[i]] = true;
}

static void choose_requested(bool *chosen, int64_t n, const rd_search_request *requests) {
    for (int64_t i = 0; i < n; i++) {
        choose_span(chosen, requests[i].prefix, requests[i].prefix_length);
        for (int32_t k = 0; k < requests[i].n_phrases; k++)
            choose_span(chosen, requests[i].phrases[k].tokens, requests[i].phrases[k].length);
    }
}

static void choose_marks(bool *chosen, int64_t n, const rd_search_request *requests) {
    for (int64_t i = 0; i < n; i++)
        for (int32_t k = 0; requests[i].marks && k < RD_MOST_MARKS; k++)
            if (requests[i].marks[k] >= 0) chosen[requests[i].marks[k]] = true;
}

static void choose_special(bool *chosen, const rd_model_config *config) {
    const int32_t special[] = {config->bos_id, config->eos_id, config->pad_id, config->unk_id};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i] >= 0 && special[i] < config->tgt_vocab) chosen[special[i]] = true;
}

/* The chosen ones, and with them the first others, which are the frequent ones in SentencePiece's
 * vocabularies, until there are `wanted`. */
static rd_status number(rd_output_subset *p, const bool *chosen, int32_t vocab, int32_t n_chosen,
                        int32_t wanted) {
    int32_t others = wanted - n_chosen;
    p->ids = rd_arena_i32(&p->arena, wanted);
    p->numbers = rd_arena_i32(&p->arena, vocab);
    if (!p->ids || !p->numbers) return RD_ERR_MEMORY;
    for (int32_t id = 0; id < vocab; id++) {
        bool taken = chosen[id] || others > 0;
        if (taken && !chosen[id]) others--;
        p->numbers[id] = taken ? p->n : -1;
        if (taken) p->ids[p->n++] = id;
    }
    return RD_OK;
}

static rd_status renumber(rd_output_subset *p, rd_token_span *span) {
    int32_t *numbers = rd_arena_i32(&p->arena, span->length);
    if (!numbers) return RD_ERR_MEMORY;
    for (int32_t i = 0; i < span->length; i++)
        numbers[i] = rd_output_subset_number(p, span->tokens[i]);
    span->tokens = numbers;
    return RD_OK;
}

/* Edges of the chosen pieces, which all requests share, and each one's marks. */
static rd_status renumber_edges(rd_output_subset *p, int64_t n, rd_search_request *requests) {
    uint8_t *edges =
        n > 0 && requests[0].edges ? rd_arena_alloc(&p->arena, (size_t)p->n, sizeof *edges) : NULL;
    if (!edges) return n > 0 && requests[0].edges ? RD_ERR_MEMORY : RD_OK;
    for (int32_t i = 0; i < p->n; i++) edges[i] = requests[0].edges[p->ids[i]];
    for (int64_t i = 0; i < n; i++) {
        rd_token_span marks = {requests[i].marks, requests[i].marks ? RD_MOST_MARKS : 0};
        RD_TRY(renumber(p, &marks));
        requests[i].marks = marks.length ? marks.tokens : NULL;
        requests[i].edges = edges;
    }
    return RD_OK;
}

static rd_status renumber_requests(rd_output_subset *p, int64_t n, rd_search_request *requests) {
    RD_TRY(renumber_edges(p, n, requests));
    for (int64_t i = 0; i < n; i++) {
        rd_search_request *r = &requests[i];
        rd_token_span prefix = {r->prefix, r->prefix_length};
        RD_TRY(renumber(p, &prefix));
        r->prefix = prefix.tokens;
        if (r->n_phrases == 0) continue;
        rd_token_span *phrases = rd_arena_alloc(&p->arena, (size_t)r->n_phrases, sizeof *phrases);
        if (!phrases) return RD_ERR_MEMORY;
        for (int32_t k = 0; k < r->n_phrases; k++) {
            phrases[k] = r->phrases[k];
            RD_TRY(renumber(p, &phrases[k]));
        }
        r->phrases = phrases;
    }
    return RD_OK;
}

rd_status rd_output_subset_choose(rd_output_subset *p, const rd_shortlist *shortlist,
                                  const rd_model_config *config, const rd_search_options *search,
                                  int64_t n, rd_search_request *requests) {
    int32_t vocab = config->tgt_vocab, n_chosen = 0;
    *p = (rd_output_subset){.vocab = vocab};
    bool *chosen = rd_arena_alloc(&p->arena, (size_t)vocab, sizeof *chosen);
    if (!chosen) return RD_ERR_MEMORY;
    memset(chosen, 0, sizeof *chosen * (size_t)vocab);
    for (int64_t i = 0; i < n; i++)
        rd_shortlist_choose(shortlist, requests[i].source.tokens, requests[i].source.length,
                            chosen);
    choose_requested(chosen, n, requests);
    choose_marks(chosen, n, requests);
    choose_special(chosen, config);
    RD_TRY(rd_rules_choose(search, vocab, chosen));
    for (int32_t id = 0; id < vocab; id++) n_chosen += chosen[id];
    int32_t wanted = round_up(n_chosen);
    if (wanted > vocab / 4 * 3) return RD_OK;
    RD_TRY(number(p, chosen, vocab, n_chosen, wanted));
    return renumber_requests(p, n, requests);
}

void rd_output_subset_free(rd_output_subset *p) {
    rd_arena_free(&p->arena);
    *p = (rd_output_subset){0};
}

int32_t rd_output_subset_number(const rd_output_subset *p, int32_t id) {
    if (p->n == 0) return id;
    return id < 0 || id >= p->vocab ? -1 : p->numbers[id];
}

void rd_output_subset_restore(const rd_output_subset *p, int32_t *tokens, int64_t n) {
    for (int64_t i = 0; p->n > 0 && i < n; i++) tokens[i] = p->ids[tokens[i]];
}
