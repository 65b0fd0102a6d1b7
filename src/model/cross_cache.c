#include "model/cross_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/network.h"

enum { NOT_ENCODED = -1 }; /* a sentence's group */

struct rd_cross_group {
    int64_t rows; /* tokens of its sentences, and rows that products write after them */
    float *kv;    /* [layers, rows, 2 d_model]; kept for the next group when released */
    int64_t capacity;
    bool in_use;
};

void rd_cross_cache_begin(rd_cross_cache *s, const rd_model *model) {
    *s = (rd_cross_cache){.model = model, .longest = 1};
}

void rd_cross_cache_end(rd_cross_cache *s) {
    for (int64_t g = 0; g < s->n_groups; g++) free(s->groups[g].kv);
    free(s->groups);
    free(s->sentences);
}

rd_status rd_cross_cache_add(rd_cross_cache *s, int32_t sentence, const int32_t *tokens,
                             int32_t length) {
    const rd_model_config *c = &s->model->config;
    if (length < 1 || length > c->max_source_positions)
        return rd_error(RD_ERR_ARGUMENT, "source of %d tokens; the model takes 1 to %d", length,
                        c->max_source_positions);
    for (int32_t i = 0; i < length; i++)
        if (tokens[i] < 0 || tokens[i] >= c->src_vocab)
            return rd_error(RD_ERR_ARGUMENT, "source token %d outside a vocabulary of %d",
                            tokens[i], c->src_vocab);
    RD_TRY(rd_reserve(&s->sentences, &s->sentence_capacity, (int64_t)sentence + 1,
                      sizeof *s->sentences));
    while (s->n_sentences <= sentence)
        s->sentences[s->n_sentences++] = (rd_source){.group = NOT_ENCODED};
    s->sentences[sentence] = (rd_source){.tokens = tokens, .length = length, .group = NOT_ENCODED};
    if (length > s->longest) s->longest = length;
    return RD_OK;
}

/* Grows to exactly this size: it is large, and its contents need not be kept. */
static rd_status reserve(rd_cross_group *group, int64_t size) {
    if (size <= group->capacity) return RD_OK;
    free(group->kv);
    group->capacity = 0;
    group->kv = rd_malloc((size_t)size, sizeof *group->kv);
    if (!group->kv) return RD_ERR_MEMORY;
    group->capacity = size;
    return RD_OK;
}

/* tokens: [offsets[n]], offsets: [n + 1] of the group's n sentences, packed. */
static rd_status encode(const rd_cross_cache *s, rd_cross_group *group, rd_arena *temporary,
                        int64_t n, const int32_t *tokens, const int32_t *offsets) {
    const rd_stack *decoder = &s->model->decoder;
    int64_t width = s->model->config.d_model, rows = offsets[n];
    rd_step step = {.arena = temporary, .n_passes = 1};
    rd_sequences sequences = {.n_seqs = n, .rows = rows, .offsets = offsets};
    rd_activations memory;
    RD_TRY(rd_encode(s->model, &step, &sequences, tokens, &memory));
    group->rows = rd_gemm_rows(rows);
    RD_TRY(reserve(group, decoder->n_layers * group->rows * 2 * width));
    for (int32_t i = 0; i < decoder->n_layers; i++) {
        const rd_attention *attention = &decoder->layers[i].cross_attention;
        float *kv = group->kv + i * group->rows * 2 * width;
        RD_TRY(rd_step_product(&step, rows, 2 * width, width, memory, &attention->in_weight,
                               width * width, attention->packed_memory,
                               attention->in_bias.value + width, (rd_activations){.f32 = kv}));
    }
    return RD_OK;
}

/* The index of a group that is free now. */
static rd_status take_group(rd_cross_cache *s, int32_t *index) {
    int32_t g = 0;
    while (g < s->n_groups && s->groups[g].in_use) g++;
    if (g == s->n_groups) {
        RD_TRY(rd_reserve(&s->groups, &s->group_capacity, s->n_groups + 1, sizeof *s->groups));
        s->groups[s->n_groups++] = (rd_cross_group){0};
    }
    s->groups[g].in_use = true;
    *index = g;
    return RD_OK;
}

/* Encodes the n > 0 sentences that begin, those of the rows without parents. */
static rd_status encode_begun(rd_cross_cache *s, rd_arena *temporary, int64_t n_rows, int64_t n,
                              const int32_t *parents, const int32_t *sentences) {
    int32_t g, *offsets = rd_arena_i32(temporary, n + 1);
    int64_t i = 0, n_tokens = 0;
    RD_TRY(take_group(s, &g));
    for (int64_t r = 0; r < n_rows; r++)
        if (parents[r] < 0) n_tokens += s->sentences[sentences[r]].length;
    if (n_tokens > INT32_MAX)
        return rd_error(RD_ERR_ARGUMENT, "a batch of %lld tokens", (long long)n_tokens);
    int32_t *tokens = rd_arena_i32(temporary, n_tokens);
    if (!offsets || !tokens) return RD_ERR_MEMORY;
    offsets[0] = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        if (parents[r] >= 0) continue;
        rd_source *sentence = &s->sentences[sentences[r]];
        sentence->group = g;
        sentence->row = offsets[i];
        memcpy(tokens + offsets[i], sentence->tokens, (size_t)sentence->length * sizeof *tokens);
        offsets[i + 1] = offsets[i] + sentence->length;
        i++;
    }
    return encode(s, &s->groups[g], temporary, n, tokens, offsets);
}

static rd_status unknown(int64_t row, int32_t sentence) {
    return rd_error(RD_ERR_ARGUMENT,
                    "decoding: row %lld is of sentence %d, which was not added before it began or "
                    "is over",
                    (long long)row, sentence);
}

rd_status rd_cross_cache_step(rd_cross_cache *s, rd_arena *temporary, int64_t n_rows,
                              const int32_t *parents, const int32_t *sentences) {
    int64_t begun = 0;
    for (int64_t g = 0; g < s->n_groups; g++) s->groups[g].in_use = false;
    for (int64_t r = 0; r < n_rows; r++) {
        bool known = sentences[r] >= 0 && sentences[r] < s->n_sentences;
        const rd_source *sentence = known ? &s->sentences[sentences[r]] : NULL;
        bool begins = parents[r] < 0;
        if (!known || sentence->length == 0 || (sentence->group == NOT_ENCODED) != begins)
            return unknown(r, sentences[r]);
        if (!begins) s->groups[sentence->group].in_use = true;
        begun += begins;
    }
    rd_arena_reset(temporary);
    if (begun == 0) return RD_OK;
    rd_status status = encode_begun(s, temporary, n_rows, begun, parents, sentences);
    rd_arena_reset(temporary);
    return status;
}

int32_t rd_cross_cache_length(const rd_cross_cache *s, int32_t sentence) {
    return s->sentences[sentence].length;
}

const float *rd_cross_cache_kv(const rd_cross_cache *s, int32_t layer, int32_t sentence) {
    const rd_source *source = &s->sentences[sentence];
    const rd_cross_group *group = &s->groups[source->group];
    return group->kv + (layer * group->rows + source->row) * 2 * s->model->config.d_model;
}
