#include "metrics/ngrams.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void rd_word_table_free(rd_word_table *table) {
    free(table->slots);
    *table = (rd_word_table){0};
}

rd_status rd_word_table_clear(rd_word_table *table, int64_t expected) {
    void *slots = table->slots;
    table->n = 0;
    rd_status status = rd_table_clear(&slots, &table->capacity, &table->generation,
                                      sizeof *table->slots, expected);
    table->slots = slots;
    return status;
}

/* n <= 8 bytes as a number, different for different bytes. Reads overlap instead of looping. */
static uint64_t load(const char *s, size_t n) {
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, s, 4);
        memcpy(&last, s + n - 4, 4);
        return first | (uint64_t)last << 32;
    }
    const unsigned char *c = (const unsigned char *)s;
    return n == 0 ? 0 : c[0] | (uint64_t)c[n / 2] << 8 | (uint64_t)c[n - 1] << 16;
}

/* Every step can be undone, so words of one length up to 8 with the same hash are the same. */
static uint64_t hash_word(rd_line word) {
    uint64_t hash = word.length * 0x9E3779B97F4A7C15u;
    const char *s = word.data;
    for (size_t n = word.length; n > 0;) {
        size_t step = n < 8 ? n : 8;
        hash = (hash ^ load(s, step)) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
        s += step;
        n -= step;
    }
    return hash;
}

/* The slot of `word`, or the empty slot where it would go. */
static rd_word_slot *find_slot(const rd_word_table *table, rd_line word, uint64_t hash) {
    uint64_t mask = (uint64_t)table->capacity - 1;
    for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
        rd_word_slot *slot = &table->slots[i];
        if (slot->generation != table->generation) return slot;
        if (slot->hash == hash && slot->word.length == word.length &&
            (word.length <= 8 || memcmp(slot->word.data, word.data, word.length) == 0))
            return slot;
    }
}

int32_t rd_word_add(rd_word_table *table, rd_line word) {
    uint64_t hash = hash_word(word);
    rd_word_slot *slot = find_slot(table, word, hash);
    if (slot->generation != table->generation)
        *slot = (rd_word_slot){hash, word, table->generation, (int32_t)table->n++};
    return slot->id;
}

int32_t rd_word_find(const rd_word_table *table, rd_line word) {
    rd_word_slot *slot = find_slot(table, word, hash_word(word));
    return slot->generation == table->generation ? slot->id : -1;
}

void rd_ngram_counts_free(rd_ngram_counts *counts) {
    rd_pair_table_free(&counts->table);
    free(counts->count);
    free(counts->current);
    free(counts->prefix.data);
    *counts = (rd_ngram_counts){0};
}

rd_status rd_ngram_counts_clear(rd_ngram_counts *counts, int64_t n_symbols, int max_order) {
    int64_t most = n_symbols * max_order;
    RD_TRY(rd_pair_table_clear(&counts->table, most));
    RD_TRY(rd_reserve(&counts->count, &counts->count_capacity, most, sizeof *counts->count));
    return rd_reserve(&counts->current, &counts->current_capacity, most, sizeof *counts->current);
}

rd_status rd_ngram_counts_add(rd_ngram_counts *counts, const int32_t *symbols, int64_t n,
                              int max_order) {
    rd_ids *prefix = &counts->prefix;
    RD_TRY(rd_reserve(&prefix->data, &prefix->capacity, n, sizeof *prefix->data));
    int32_t *count = counts->count, *current = counts->current;
    int64_t known = counts->table.n;
    if (known) memset(current, 0, (size_t)known * sizeof *current);
    for (int order = 1; order <= max_order; order++)
        for (int64_t i = 0; i + order <= n; i++) {
            /* ids start at 0, so prefix 0 of order 1 is told from n-gram 0 by adding one */
            uint32_t before = order == 1 ? 0 : (uint32_t)prefix->data[i] + 1;
            int32_t id = rd_pair_add(&counts->table, before, (uint32_t)symbols[i + order - 1]);
            if (id == known) {
                count[id] = current[id] = 0;
                known++;
            }
            if (++current[id] > count[id]) count[id] = current[id];
            prefix->data[i] = id;
        }
    return RD_OK;
}

rd_status rd_ngram_counts_match(rd_ngram_counts *counts, const int32_t *symbols, int64_t n,
                                int max_order, double *matches, int stride) {
    rd_ids *prefix = &counts->prefix;
    RD_TRY(rd_reserve(&prefix->data, &prefix->capacity, n, sizeof *prefix->data));
    for (int order = 1; order <= max_order; order++) {
        int64_t matched = 0;
        for (int64_t i = 0; i + order <= n; i++) {
            if (order > 1 && prefix->data[i] < 0) continue; /* its beginning is in no reference */
            uint32_t before = order == 1 ? 0 : (uint32_t)prefix->data[i] + 1;
            int32_t symbol = symbols[i + order - 1];
            int32_t id = symbol < 0 ? -1 : rd_pair_find(&counts->table, before, (uint32_t)symbol);
            prefix->data[i] = id;
            if (id >= 0 && counts->count[id] > 0) {
                counts->count[id]--;
                matched++;
            }
        }
        matches[(order - 1) * stride] += (double)matched;
    }
    return RD_OK;
}
