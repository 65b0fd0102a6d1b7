/* Checked allocation, and the arena that holds one batch's activations. */
#ifndef RD_BASE_MEMORY_H
#define RD_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* 64-byte aligned (a cache line, an AVX-512 register); release with free(). NULL on failure with
 * the message set. rd_calloc zeroes. count * size is checked for overflow; 0 bytes is valid. */
void *rd_malloc(size_t count, size_t size);
void *rd_calloc(size_t count, size_t size);

/* Grows *array (a malloc'ed block of `size`-byte items, NULL at first) to hold at least `need`
 * items, by half at least. *array is untouched on failure. */
rd_status rd_reserve(void *array, int64_t *capacity, int64_t need, size_t size);

char *rd_strdup(const char *text);

/* A bump allocator: many allocations, one release. One training step allocates everything it saves
 * for its backward pass here and then resets it. After a reset the arena keeps one block as large
 * as the largest step so far, so the steady state allocates nothing. */
typedef struct rd_arena_block rd_arena_block;
typedef struct {
    rd_arena_block *blocks; /* newest first */
    rd_arena_block *spare;  /* emptied by a restore, the next block to use */
    size_t used;            /* bytes handed out since the last reset */
    size_t peak;            /* largest `used` ever */
} rd_arena;

void *rd_arena_alloc(rd_arena *arena, size_t count, size_t size); /* 64-byte aligned */
void rd_arena_reset(rd_arena *arena);                             /* invalidates all pointers */
void rd_arena_free(rd_arena *arena);

/* Temporary allocations inside a step: everything since the mark is released together. */
typedef struct {
    rd_arena_block *block;
    size_t block_used, used;
} rd_arena_mark;

rd_arena_mark rd_arena_save(const rd_arena *arena);
void rd_arena_restore(rd_arena *arena, rd_arena_mark mark);

/* Shorthands for the two element types that fill arenas. */
static inline float *rd_arena_f32(rd_arena *arena, int64_t count) {
    return rd_arena_alloc(arena, (size_t)count, sizeof(float));
}
static inline int32_t *rd_arena_i32(rd_arena *arena, int64_t count) {
    return rd_arena_alloc(arena, (size_t)count, sizeof(int32_t));
}

/* Whether a limit on the process's memory (ulimit -v) leaves no `bytes` more. Ask before calling a
 * library that does not survive a lack of memory. Cheap where there is no limit. */
bool rd_memory_is_short(size_t bytes);

/* Gives the whole pages inside a block back to the system. They read as zeros afterwards, or, where
 * the block is a mapped file, as the file again. */
void rd_release_pages(const void *block, size_t size);

/* For programs that free and allocate large blocks in turn: freed ones stay with the process, so
 * the system need not clear their pages again. */
void rd_keep_freed_memory(void);

/* Largest resident set of this process so far, in bytes (Linux VmHWM). */
int64_t rd_peak_memory(void);

#endif
