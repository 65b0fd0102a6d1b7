/* Encoded sources: keys and values of cross-attention, projected once per layer and shared by all
 * hypotheses of a sentence. Sentences are encoded in the groups in which they begin, and released
 * when none of a group is translated any more. */
#ifndef RD_MODEL_SOURCES_H
#define RD_MODEL_SOURCES_H

#include <stdint.h>

#include "base/memory.h"
#include "rdrop/model.h"

typedef struct rd_source_group rd_source_group;

typedef struct {
    const rd_model *model;
    const int32_t *tokens;  /* [offsets[n_sentences]], the caller's */
    const int32_t *offsets; /* [n_sentences + 1], the caller's */
    int64_t n_sentences, longest;
    int64_t n_encoded; /* the sentences before it */
    rd_source_group *groups;
    int64_t n_groups, capacity;
    int32_t *group_of; /* [n_sentences], of those that are encoded */
} rd_sources;

/* Arguments as rd_decoding_begin (model/decode.h). */
rd_status rd_sources_begin(rd_sources *sources, const rd_model *model, int64_t n_sentences,
                           const int32_t *tokens, const int32_t *offsets);
void rd_sources_end(rd_sources *sources);

/* Encodes the next n > 0 sentences; `temporary` is reset. */
rd_status rd_sources_encode(rd_sources *sources, rd_arena *temporary, int64_t n);

/* Releases the groups of which sentences: [n_rows] has none; it may name some not encoded yet. */
void rd_sources_release(rd_sources *sources, int64_t n_rows, const int32_t *sentences);

/* Tokens of a sentence, and its keys and values in one layer: [length, 2 d_model]. */
int32_t rd_sources_length(const rd_sources *sources, int32_t sentence);
const float *rd_sources_kv(const rd_sources *sources, int32_t layer, int32_t sentence);

#endif
