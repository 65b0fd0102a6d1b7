#include "base/string_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void rd_string_table_free(rd_string_table *table) {
    free(table->slots);
    free(table->starts);
    rd_text_free(&table->bytes);
    *table = (rd_string_table){0};
}

static uint64_t hash_of(const char *string, size_t n) {
    uint64_t hash = RD_STRING_HASH;
    for (size_t i = 0; i < n; i++) hash = rd_string_hash_add(hash, string[i]);
    return hash;
}

/* The slot of the string, or the free one where it would go. */
static rd_string_slot *slot_of(const rd_string_table *table, uint64_t hash, const char *string,
                               size_t n) {
    uint64_t mask = (uint64_t)table->capacity - 1;
    for (uint64_t i = (hash ^ hash >> 32) & mask;; i = (i + 1) & mask) {
        rd_string_slot *slot = &table->slots[i];
        if (slot->id < 0 || (slot->hash == hash && rd_string_length(table, slot->id) == n &&
                             memcmp(rd_string_at(table, slot->id), string, n) == 0))
            return slot;
    }
}

static rd_status grow(rd_string_table *table) {
    int64_t capacity = table->capacity ? 2 * table->capacity : 256;
    rd_string_slot *slots = rd_malloc((size_t)capacity, sizeof *slots);
    if (!slots) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < capacity; i++) slots[i].id = -1;
    for (int64_t i = 0; i < table->capacity; i++) {
        rd_string_slot slot = table->slots[i];
        uint64_t at = slot.hash ^ slot.hash >> 32;
        if (slot.id < 0) continue;
        while (slots[at & ((uint64_t)capacity - 1)].id >= 0) at++;
        slots[at & ((uint64_t)capacity - 1)] = slot;
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return RD_OK;
}

rd_status rd_string_add(rd_string_table *table, const char *string, size_t n, int32_t *id) {
    uint64_t hash = hash_of(string, n);
    if (2 * (table->n + 1) > table->capacity) RD_TRY(grow(table));
    rd_string_slot *slot = slot_of(table, hash, string, n);
    *id = slot->id;
    if (*id >= 0) return RD_OK;
    if (table->n >= INT32_MAX / 2)
        return rd_error(RD_ERR_MEMORY, "over %lld different strings", (long long)table->n);
    RD_TRY(
        rd_reserve(&table->starts, &table->starts_capacity, table->n + 2, sizeof *table->starts));
    int64_t start = table->bytes.length;
    RD_TRY(rd_text_append(&table->bytes, string, n));
    rd_status status = rd_text_append(&table->bytes, "", 1);
    if (status != RD_OK) {
        table->bytes.length = start;
        return status;
    }
    *id = (int32_t)table->n++;
    *slot = (rd_string_slot){hash, *id};
    table->starts[*id] = start;
    table->starts[*id + 1] = table->bytes.length;
    return RD_OK;
}

int32_t rd_string_find_hashed(const rd_string_table *table, uint64_t hash, const char *string,
                              size_t n) {
    return table->n ? slot_of(table, hash, string, n)->id : -1;
}

int32_t rd_string_find(const rd_string_table *table, const char *string, size_t n) {
    return rd_string_find_hashed(table, hash_of(string, n), string, n);
}
