#include "base/pair_table.h"

#include <stdlib.h>

#include "base/memory.h"

enum { SMALLEST = 256 };

rd_status rd_table_clear(void **slots, int64_t *capacity, uint32_t *generation, size_t slot_size,
                         int64_t expected) {
    int64_t need = *capacity > SMALLEST ? *capacity : SMALLEST;
    while (need < 2 * expected) need *= 2;
    *generation += 1;
    if (need == *capacity && *generation != 0) return RD_OK;
    void *fresh = rd_calloc((size_t)need, slot_size);
    if (!fresh) return RD_ERR_MEMORY;
    free(*slots);
    *slots = fresh;
    *capacity = need;
    *generation = 1;
    return RD_OK;
}

void rd_pair_table_free(rd_pair_table *table) {
    free(table->slots);
    *table = (rd_pair_table){0};
}

rd_status rd_pair_table_clear(rd_pair_table *table, int64_t expected) {
    void *slots = table->slots;
    table->n = 0;
    rd_status status = rd_table_clear(&slots, &table->capacity, &table->generation,
                                      sizeof *table->slots, expected);
    table->slots = slots;
    return status;
}

static rd_status grow(rd_pair_table *table) {
    rd_pair_table larger = {0};
    RD_TRY(rd_pair_table_clear(&larger, table->capacity));
    for (int64_t i = 0; i < table->capacity; i++) {
        const rd_pair_slot *slot = &table->slots[i];
        if (slot->generation != table->generation) continue;
        rd_pair_slot *place =
            rd_pair_slot_of(&larger, (uint32_t)(slot->key >> 32), (uint32_t)slot->key);
        *place = (rd_pair_slot){slot->key, larger.generation, slot->id};
    }
    larger.n = table->n;
    rd_pair_table_free(table);
    *table = larger;
    return RD_OK;
}

rd_status rd_pair_insert(rd_pair_table *table, uint32_t first, uint32_t second, int32_t *id) {
    if (2 * (table->n + 1) > table->capacity)
        RD_TRY(table->capacity ? grow(table) : rd_pair_table_clear(table, 0));
    *id = rd_pair_add(table, first, second);
    return RD_OK;
}
