#include "base/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

static size_t round_up(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Large blocks ask for huge pages: far fewer page faults and address translations. Whether they get
 * them is up to the system. The rest of a block stays in small pages, because a huge one would take
 * all its memory. */
static void *huge_alloc(size_t bytes) {
    void *block; /* aligned_alloc would want a multiple of the alignment */
    if (posix_memalign(&block, HUGE_PAGE, bytes) != 0) return NULL;
    madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return block;
}

void *rd_malloc(size_t count, size_t size) {
    void *block = NULL;
    if (size == 0 || count <= (SIZE_MAX / 2) / size) {
        size_t bytes = round_up(count * size);
        block = bytes < HUGE_PAGE ? aligned_alloc(ALIGNMENT, bytes ? bytes : ALIGNMENT)
                                  : huge_alloc(bytes);
    }
    if (!block)
        rd_error(RD_ERR_MEMORY, "out of memory: %.1f MiB asked for",
                 (double)count * (double)size / 1048576.0);
    return block;
}

void *rd_calloc(size_t count, size_t size) {
    void *block = rd_malloc(count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

rd_status rd_reserve(void *array, int64_t *capacity, int64_t need, size_t size) {
    if (need <= *capacity) return RD_OK;
    int64_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < need) grown += grown / 2;
    void **slot = array;
    void *block =
        (size_t)grown <= (SIZE_MAX / 2) / size ? realloc(*slot, (size_t)grown * size) : NULL;
    if (!block)
        return rd_error(RD_ERR_MEMORY, "out of memory: %.1f MiB asked for",
                        (double)grown * (double)size / 1048576.0);
    *slot = block;
    *capacity = grown;
    return RD_OK;
}

char *rd_strdup(const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (!copy) {
        rd_error(RD_ERR_MEMORY, "out of memory: %zu bytes asked for", bytes);
        return NULL;
    }
    return memcpy(copy, text, bytes);
}

void rd_release_pages(const void *block, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)block, end = begin + size;
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

void rd_keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

static void give_back_freed_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

struct rd_arena_block {
    rd_arena_block *next;
    size_t capacity, used;
    char *data;
};

static rd_arena_block *block_new(size_t capacity) {
    rd_arena_block *block = rd_malloc(1, sizeof *block);
    char *data = block ? rd_malloc(capacity, 1) : NULL;
    if (!block || !data) {
        free(block);
        free(data);
        return NULL;
    }
    *block = (rd_arena_block){.capacity = capacity, .data = data};
    return block;
}

static void blocks_free(rd_arena_block *block) {
    while (block) {
        rd_arena_block *next = block->next;
        free(block->data);
        free(block);
        block = next;
    }
}

void *rd_arena_alloc(rd_arena *arena, size_t count, size_t size) {
    enum { SMALLEST_BLOCK = 1 << 20 };
    if (size && count > (SIZE_MAX / 2) / size) {
        rd_error(RD_ERR_MEMORY, "out of memory: an allocation of %zu x %zu bytes asked for", count,
                 size);
        return NULL;
    }
    size_t bytes = round_up(count * size);
    rd_arena_block *block = arena->blocks;
    if ((!block || block->capacity - block->used < bytes) && arena->spare &&
        arena->spare->capacity >= bytes) {
        block = arena->spare;
        arena->spare = NULL;
        block->next = arena->blocks;
        arena->blocks = block;
    } else if (!block || block->capacity - block->used < bytes) {
        size_t capacity = bytes > SMALLEST_BLOCK ? bytes : SMALLEST_BLOCK;
        if (capacity < arena->used / 2) capacity = arena->used / 2; /* few blocks while growing */
        block = block_new(capacity);
        if (!block) return NULL;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *result = block->data + block->used;
    block->used += bytes;
    arena->used += bytes;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return result;
}

rd_arena_mark rd_arena_save(const rd_arena *arena) {
    return (rd_arena_mark){.block = arena->blocks,
                           .block_used = arena->blocks ? arena->blocks->used : 0,
                           .used = arena->used};
}

void rd_arena_restore(rd_arena *arena, rd_arena_mark mark) {
    while (arena->blocks != mark.block) { /* keep the largest */
        rd_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        block->next = NULL;
        block->used = 0;
        if (!arena->spare || arena->spare->capacity < block->capacity) {
            blocks_free(arena->spare);
            arena->spare = block;
        } else {
            blocks_free(block);
        }
    }
    if (arena->blocks) arena->blocks->used = mark.block_used;
    arena->used = mark.used;
}

void rd_arena_reset(rd_arena *arena) {
    arena->used = 0;
    if (arena->spare) { /* the step needed more than one block */
        arena->spare->next = arena->blocks;
        arena->blocks = arena->spare;
        arena->spare = NULL;
    }
    if (arena->blocks && arena->blocks->next) { /* fragmented: one block from now on */
        blocks_free(arena->blocks);
        give_back_freed_memory(); /* of all blocks while it grew */
        /* Steps differ: the next may need a little more. NULL is fine: its alloc tries again. */
        arena->blocks = block_new(arena->peak + arena->peak / 8);
    }
    if (arena->blocks) arena->blocks->used = 0;
}

void rd_arena_free(rd_arena *arena) {
    blocks_free(arena->blocks);
    blocks_free(arena->spare);
    *arena = (rd_arena){0};
}

bool rd_memory_is_short(size_t bytes) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return true;
    munmap(room, bytes);
    return false;
}

int64_t rd_peak_memory(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}
