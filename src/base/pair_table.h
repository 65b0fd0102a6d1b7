/* Ids 0, 1, 2, ... of pairs of 32-bit numbers, in order of first appearance. Clearing takes
 * constant time: it moves the table to its next generation. */
#ifndef RD_BASE_PAIR_TABLE_H
#define RD_BASE_PAIR_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    uint64_t key;
    uint32_t generation;
    int32_t id;
} rd_pair_slot;

/* Open addressing; start from {0}. */
typedef struct {
    rd_pair_slot *slots; /* [capacity] */
    int64_t capacity, n; /* capacity is a power of two, at least twice n */
    uint32_t generation; /* of the slots in use */
} rd_pair_table;

void rd_pair_table_free(rd_pair_table *table);
rd_status rd_pair_table_clear(rd_pair_table *table, int64_t expected); /* room for `expected` */

/* Makes an empty table of *capacity slots of that size, zeroed or of an older generation, with
 * room for `expected`. *slots: malloc'ed. */
rd_status rd_table_clear(void **slots, int64_t *capacity, uint32_t *generation, size_t slot_size,
                         int64_t expected);

/* The slot of the pair, or the free one where it would go. */
static inline rd_pair_slot *rd_pair_slot_of(const rd_pair_table *table, uint32_t first,
                                            uint32_t second) {
    uint64_t key = (uint64_t)first << 32 | second, mask = (uint64_t)table->capacity - 1;
    uint64_t hash = key * 0x9E3779B97F4A7C15u; /* Fibonacci hashing */
    for (uint64_t i = (hash ^ hash >> 32) & mask;; i = (i + 1) & mask) {
        rd_pair_slot *slot = &table->slots[i];
        if (slot->generation != table->generation || slot->key == key) return slot;
    }
}

/* Clearing must have made room: at most `expected` different pairs are added. */
static inline int32_t rd_pair_add(rd_pair_table *table, uint32_t first, uint32_t second) {
    rd_pair_slot *slot = rd_pair_slot_of(table, first, second);
    if (slot->generation != table->generation)
        *slot =
            (rd_pair_slot){(uint64_t)first << 32 | second, table->generation, (int32_t)table->n++};
    return slot->id;
}

/* The pair's id, and room for one more where the table is full: for any number of pairs. */
rd_status rd_pair_insert(rd_pair_table *table, uint32_t first, uint32_t second, int32_t *id);

/* -1: it has no id. */
static inline int32_t rd_pair_find(const rd_pair_table *table, uint32_t first, uint32_t second) {
    const rd_pair_slot *slot = rd_pair_slot_of(table, first, second);
    return slot->generation == table->generation ? slot->id : -1;
}

#endif
