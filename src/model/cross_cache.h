/* Encoded sources: keys and values of cross-attention, projected once per layer and shared by all
 * hypotheses of a sentence. Sentences are encoded in the groups in which they begin, and a group is
 * released when none of its sentences is translated any more. */
#ifndef RD_MODEL_CROSS_CACHE_H
#define RD_MODEL_CROSS_CACHE_H

#include <stdint.h>

#include "base/memory.h"
#include "rdrop/model.h"

typedef struct rd_cross_group rd_cross_group;

typedef struct {
    const int32_t *tokens; /* [length], the caller's; not read once it is encoded */
    int32_t length;
    int32_t group; /* that it was encoded in; -1: not yet */
    int64_t row;   /* of the group, its first */
} rd_source;

typedef struct {
    const rd_model *model;
    rd_source *sentences; /* [n_sentences] by their numbers */
    int64_t n_sentences, sentence_capacity;
    int64_t longest; /* of all so far, at least 1 */
    rd_cross_group *groups;
    int64_t n_groups, group_capacity;
} rd_cross_cache;

void rd_cross_cache_begin(rd_cross_cache *cache, const rd_model *model);
void rd_cross_cache_end(rd_cross_cache *cache);

/* As rd_decoding_add (model/decode.h). */
rd_status rd_cross_cache_add(rd_cross_cache *cache, int32_t sentence, const int32_t *tokens,
                             int32_t length);

/* Makes ready the sentences of a step's rows, which are those of rd_decoding_step: releases the
 * groups that have none of them, and encodes the sentences that begin. `temporary` is reset. */
rd_status rd_cross_cache_step(rd_cross_cache *cache, rd_arena *temporary, int64_t n_rows,
                              const int32_t *parents, const int32_t *sentences);

/* Tokens of a sentence, and its keys and values in one layer: [length, 2 d_model]. */
int32_t rd_cross_cache_length(const rd_cross_cache *cache, int32_t sentence);
const float *rd_cross_cache_kv(const rd_cross_cache *cache, int32_t layer, int32_t sentence);

#endif
