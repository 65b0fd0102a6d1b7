#include "model/kv_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

rd_status rd_kv_cache_begin(rd_kv_cache *s, int32_t n_layers, int64_t width) {
    *s = (rd_kv_cache){.n_layers = n_layers, .width = width};
    s->kv = rd_calloc((size_t)n_layers, sizeof *s->kv);
    return s->kv ? RD_OK : RD_ERR_MEMORY;
}

static void history_free(rd_history *history) {
    free(history->lengths);
    free(history->slots);
}

void rd_kv_cache_end(rd_kv_cache *s) {
    for (int32_t i = 0; s->kv && i < s->n_layers; i++) free(s->kv[i]);
    free(s->kv);
    free(s->free);
    free(s->is_live);
    free(s->newest);
    history_free(&s->rows);
    history_free(&s->next);
}

/* The next step's rows as their parents are, with room for their new slots. */
static rd_status follow_parents(rd_kv_cache *s, int64_t n_rows, const int32_t *parents,
                                const int32_t *counts) {
    rd_history *next = &s->next;
    const rd_history *rows = &s->rows;
    RD_TRY(rd_reserve(&next->lengths, &next->lengths_capacity, n_rows, sizeof *next->lengths));
    next->n_rows = n_rows;
    next->stride = 1;
    s->n_newest = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        if (parents[r] < -1 || parents[r] >= rows->n_rows)
            return rd_error(RD_ERR_ARGUMENT, "decoding: row %lld continues row %d of %lld",
                            (long long)r, (int)parents[r], (long long)rows->n_rows);
        next->lengths[r] = parents[r] < 0 ? 0 : rows->lengths[parents[r]];
        int64_t length = next->lengths[r] + (counts ? counts[r] : 1);
        if (length > next->stride) next->stride = length;
        s->n_newest += counts ? counts[r] : 1;
    }
    RD_TRY(rd_reserve(&next->slots, &next->slots_capacity, n_rows * next->stride,
                      sizeof *next->slots));
    for (int64_t r = 0; r < n_rows; r++)
        if (next->lengths[r] > 0)
            memcpy(next->slots + r * next->stride, rows->slots + parents[r] * rows->stride,
                   sizeof *next->slots * (size_t)next->lengths[r]);
    return RD_OK;
}

/* Finds the slots that none of the next step's rows has: no more work than follow_parents. */
static rd_status collect(rd_kv_cache *s) {
    const rd_history *next = &s->next;
    RD_TRY(rd_reserve(&s->is_live, &s->live_capacity, s->n_used, sizeof *s->is_live));
    RD_TRY(rd_reserve(&s->free, &s->free_capacity, s->n_used, sizeof *s->free));
    memset(s->is_live, 0, (size_t)s->n_used);
    for (int64_t r = 0; r < next->n_rows; r++)
        for (int32_t t = 0; t < next->lengths[r]; t++)
            s->is_live[next->slots[r * next->stride + t]] = 1;
    s->n_free = 0;
    for (int64_t i = s->n_used - 1; i >= 0; i--)
        if (!s->is_live[i]) s->free[s->n_free++] = (int32_t)i;
    return RD_OK;
}

/* Room for `needed` slots in each layer, aligned to cache lines. */
static rd_status reserve(rd_kv_cache *s, int64_t needed) {
    if (needed <= s->capacity) return RD_OK;
    int64_t capacity = needed + needed / 2;
    if (capacity > INT32_MAX) return rd_error(RD_ERR_MEMORY, "decoding: too many tokens at once");
    for (int32_t i = 0; i < s->n_layers; i++) {
        float *kv = rd_malloc((size_t)(capacity * s->width), sizeof *kv);
        if (!kv) return RD_ERR_MEMORY;
        if (s->n_used > 0) memcpy(kv, s->kv[i], sizeof *kv * (size_t)(s->n_used * s->width));
        free(s->kv[i]);
        s->kv[i] = kv;
    }
    s->capacity = capacity;
    return RD_OK;
}

rd_status rd_kv_cache_extend(rd_kv_cache *s, int64_t n_rows, const int32_t *parents,
                             const int32_t *counts) {
    RD_TRY(follow_parents(s, n_rows, parents, counts));
    if (s->n_free < s->n_newest && s->n_used > 0) RD_TRY(collect(s));
    int64_t fresh = s->n_newest > s->n_free ? s->n_newest - s->n_free : 0;
    RD_TRY(reserve(s, s->n_used + fresh));
    rd_history *next = &s->next;
    int64_t at = 0;
    RD_TRY(rd_reserve(&s->newest, &s->newest_capacity, s->n_newest, sizeof *s->newest));
    for (int64_t r = 0; r < n_rows; r++)
        for (int32_t i = 0; i < (counts ? counts[r] : 1); i++, at++) {
            s->newest[at] = s->n_free > 0 ? s->free[--s->n_free] : (int32_t)s->n_used++;
            next->slots[r * next->stride + next->lengths[r]++] = s->newest[at];
        }
    rd_history swap = s->rows;
    s->rows = s->next;
    s->next = swap;
    return RD_OK;
}
