#include "model/sources.h"

#include <stdbool.h>
#include <stdlib.h>

#include "model/network.h"

struct rd_source_group {
    int64_t first; /* sentence */
    int64_t rows;  /* tokens of its sentences, and what products write behind them */
    float *kv;     /* [layers, rows, 2 d_model]; kept for the next group when released */
    int64_t capacity;
    bool in_use;
};

rd_status rd_sources_begin(rd_sources *s, const rd_model *model, int64_t n_sentences,
                           const int32_t *tokens, const int32_t *offsets) {
    *s = (rd_sources){.model = model,
                      .tokens = tokens,
                      .offsets = offsets,
                      .n_sentences = n_sentences,
                      .longest = 1,
                      .group_of = rd_malloc((size_t)n_sentences, sizeof *s->group_of)};
    for (int32_t i = 0; i < n_sentences; i++)
        if (rd_sources_length(s, i) > s->longest) s->longest = rd_sources_length(s, i);
    return s->group_of ? RD_OK : RD_ERR_MEMORY;
}

void rd_sources_end(rd_sources *s) {
    for (int64_t g = 0; g < s->n_groups; g++) free(s->groups[g].kv);
    free(s->groups);
    free(s->group_of);
}

/* Of exactly this size if it is to grow: it is large, and holds nothing to be kept. */
static rd_status reserve(rd_source_group *group, int64_t size) {
    if (size <= group->capacity) return RD_OK;
    free(group->kv);
    group->capacity = 0;
    group->kv = rd_malloc((size_t)size, sizeof *group->kv);
    if (!group->kv) return RD_ERR_MEMORY;
    group->capacity = size;
    return RD_OK;
}

/* The n sentences from group->first on; offsets: [n + 1] from the first of their tokens. */
static rd_status encode(const rd_sources *s, rd_source_group *group, rd_arena *temporary, int64_t n,
                        int32_t *offsets) {
    const rd_stack *decoder = &s->model->decoder;
    int32_t begin = s->offsets[group->first];
    for (int64_t i = 0; i <= n; i++) offsets[i] = s->offsets[group->first + i] - begin;
    int64_t width = s->model->config.d_model, rows = offsets[n];
    rd_step step = {.arena = temporary, .n_passes = 1};
    rd_sequences sequences = {.n_seqs = n, .rows = rows, .offsets = offsets};
    rd_mixed memory;
    RD_TRY(rd_encode(s->model, &step, &sequences, s->tokens + begin, &memory));
    group->rows = rd_gemm_rows(rows);
    RD_TRY(reserve(group, decoder->n_layers * group->rows * 2 * width));
    for (int32_t i = 0; i < decoder->n_layers; i++) {
        const rd_attention *attention = &decoder->layers[i].cross_attention;
        float *kv = group->kv + i * group->rows * 2 * width;
        RD_TRY(rd_step_product(&step, rows, 2 * width, width, memory, &attention->in_weight,
                               width * width, attention->packed_memory,
                               attention->in_bias.value + width, (rd_mixed){.f32 = kv}));
    }
    return RD_OK;
}

rd_status rd_sources_encode(rd_sources *s, rd_arena *temporary, int64_t n) {
    RD_TRY(rd_reserve(&s->groups, &s->capacity, s->n_groups + 1, sizeof *s->groups));
    int64_t g = 0;
    while (g < s->n_groups && s->groups[g].in_use) g++;
    rd_source_group *group = &s->groups[g];
    if (g == s->n_groups) s->groups[s->n_groups++] = (rd_source_group){0};
    group->first = s->n_encoded;
    group->in_use = true;
    rd_arena_reset(temporary);
    int32_t *offsets = rd_arena_i32(temporary, n + 1);
    rd_status status = offsets ? encode(s, group, temporary, n, offsets) : RD_ERR_MEMORY;
    rd_arena_reset(temporary);
    for (int64_t i = 0; i < n; i++) s->group_of[s->n_encoded + i] = (int32_t)g;
    s->n_encoded += n;
    return status;
}

void rd_sources_release(rd_sources *s, int64_t n_rows, const int32_t *sentences) {
    for (int64_t g = 0; g < s->n_groups; g++) s->groups[g].in_use = false;
    for (int64_t r = 0; r < n_rows; r++)
        if (sentences[r] < s->n_encoded) s->groups[s->group_of[sentences[r]]].in_use = true;
}

int32_t rd_sources_length(const rd_sources *s, int32_t sentence) {
    return s->offsets[sentence + 1] - s->offsets[sentence];
}

const float *rd_sources_kv(const rd_sources *s, int32_t layer, int32_t sentence) {
    const rd_source_group *group = &s->groups[s->group_of[sentence]];
    int64_t row = s->offsets[sentence] - s->offsets[group->first];
    return group->kv + (layer * group->rows + row) * 2 * s->model->config.d_model;
}
