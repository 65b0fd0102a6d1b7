/* How operations divide rows among threads. */
#ifndef RD_OPS_CPU_THREADS_H
#define RD_OPS_CPU_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

/* Rows [begin, begin + n). */
typedef struct {
    int64_t begin, n;
} rd_share;

/* The calling thread's rows inside a parallel region: equal shares, in the order of threads. */
rd_share rd_share_of(int64_t rows);

/* Whether the calling thread would be alone in a parallel region. A region of one costs more than
 * the work of translating in it, so operations of the forward pass call their kernel directly. */
bool rd_is_alone(void);

/* Per-thread accumulators of a column sum: [threads, width] zeros from the arena, added to `total`
 * in thread order by rd_partials_add, so that equal thread counts give equal bits. */
float *rd_partials_new(rd_arena *arena, int64_t width);
float *rd_partials_mine(float *partials, int64_t width); /* the calling thread's */
void rd_partials_add(const float *partials, int64_t width, float *total);

#endif
