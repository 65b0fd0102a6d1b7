/* Ids 0, 1, 2, ... of byte strings, in order of first appearance. The table keeps their bytes. */
#ifndef RD_BASE_STRING_TABLE_H
#define RD_BASE_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

typedef struct {
    uint64_t hash;
    int32_t id; /* -1: free */
} rd_string_slot;

/* Open addressing; start from {0}. */
typedef struct {
    rd_string_slot *slots; /* [capacity] */
    int64_t capacity, n;   /* capacity is 0 or a power of two, at least twice n */
    rd_text bytes;         /* of all strings, a NUL after each */
    int64_t *starts;       /* [n + 1] into bytes */
    int64_t starts_capacity;
} rd_string_table;

void rd_string_table_free(rd_string_table *table);

/* FNV-1a, a byte at a time: looking up all prefixes of a text hashes it only once. */
#define RD_STRING_HASH UINT64_C(0xCBF29CE484222325) /* of the empty string */
static inline uint64_t rd_string_hash_add(uint64_t hash, char byte) {
    return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001B3);
}

/* The string's id, a new one if it had none. */
rd_status rd_string_add(rd_string_table *table, const char *string, size_t n, int32_t *id);

int32_t rd_string_find(const rd_string_table *table, const char *string, size_t n); /* -1: none */
int32_t rd_string_find_hashed(const rd_string_table *table, uint64_t hash, const char *string,
                              size_t n);

/* NUL-terminated, valid until the next string is added. */
static inline const char *rd_string_at(const rd_string_table *table, int32_t id) {
    return table->bytes.data + table->starts[id];
}
static inline size_t rd_string_length(const rd_string_table *table, int32_t id) {
    return (size_t)(table->starts[id + 1] - table->starts[id] - 1);
}

#endif
