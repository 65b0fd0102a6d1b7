/* Caches of self-attention. A token's keys and values are stored once, in a slot; each hypothesis
 * is a list of slots, so reordering, duplicating and dropping hypotheses only copies small
 * integers. Slots that no hypothesis has any more are used again. */
#ifndef RD_MODEL_KV_CACHE_H
#define RD_MODEL_KV_CACHE_H

#include <stdint.h>

#include "base/error.h"

/* The slots of some rows. */
typedef struct {
    int64_t n_rows, stride;
    int32_t *lengths; /* [n_rows] */
    int32_t *slots;   /* [n_rows, stride], the first lengths[r] of row r */
    int64_t lengths_capacity, slots_capacity;
} rd_history;

typedef struct {
    int32_t n_layers;
    int64_t width;   /* 2 d_model: a key and a value */
    float **kv;      /* [n_layers] of [capacity, width] */
    rd_history rows; /* of the latest step, that step's tokens included */
    int32_t *newest; /* [n_newest] the rows' slots for that step's tokens, row after row */
    int64_t n_newest;
    /* Bookkeeping: */
    rd_history next;
    int64_t capacity, n_used; /* slots from n_used on have never been taken */
    int32_t *free;            /* [n_free] taken once and given back, in descending order */
    uint8_t *is_live;         /* [n_used] */
    int64_t n_free, free_capacity, live_capacity, newest_capacity;
} rd_kv_cache;

rd_status rd_kv_cache_begin(rd_kv_cache *cache, int32_t n_layers, int64_t width);
void rd_kv_cache_end(rd_kv_cache *cache);

/* Gives each of n_rows rows the slots of row parents[r] of the step before (-1: none), and after
 * them counts[r] > 0 new ones; counts NULL: one each. */
rd_status rd_kv_cache_extend(rd_kv_cache *cache, int64_t n_rows, const int32_t *parents,
                             const int32_t *counts);

#endif
