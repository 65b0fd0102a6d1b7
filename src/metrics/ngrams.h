/* Counting n-grams exactly and fast: words become ids, and an n-gram is the pair (id of its first
 * n - 1 symbols, last symbol), itself given an id. Tables are cleared in constant time by moving to
 * the next generation, because they are cleared for every line. */
#ifndef RD_METRICS_NGRAMS_H
#define RD_METRICS_NGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pair_table.h"
#include "data/ids.h"
#include "rdrop/metrics.h"

/* Words to ids. The bytes of a word must stay where they are until the table is cleared. */
typedef struct {
    uint64_t hash;
    rd_line word;
    uint32_t generation;
    int32_t id;
} rd_word_slot;

typedef struct {
    rd_word_slot *slots;
    int64_t capacity, n;
    uint32_t generation;
} rd_word_table;

void rd_word_table_free(rd_word_table *table);
rd_status rd_word_table_clear(rd_word_table *table, int64_t expected);
int32_t rd_word_add(rd_word_table *table, rd_line word);
int32_t rd_word_find(const rd_word_table *table, rd_line word); /* -1: not there */

/* References' n-grams of orders 1 to max_order, with for each the largest count in any reference;
 * then a hypothesis is matched against them. symbols: ids of words or code points, >= 0. */
typedef struct {
    rd_pair_table table;
    int32_t *count, *current; /* [table.n] by n-gram id */
    int64_t count_capacity, current_capacity;
    rd_ids prefix; /* by position, n-gram id of the order before */
} rd_ngram_counts;

void rd_ngram_counts_free(rd_ngram_counts *counts);
/* n_symbols: in all references that will be added. */
rd_status rd_ngram_counts_clear(rd_ngram_counts *counts, int64_t n_symbols, int max_order);
rd_status rd_ngram_counts_add(rd_ngram_counts *counts, const int32_t *symbols, int64_t n,
                              int max_order);
/* matches[order - 1] += sum of min(count in symbols, count in references). A symbol of -1 occurs in
 * no reference. Uses the counts up: match once per clear. */
rd_status rd_ngram_counts_match(rd_ngram_counts *counts, const int32_t *symbols, int64_t n,
                                int max_order, double *matches, int stride);

#endif
