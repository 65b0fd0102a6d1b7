/* Byte-pair merges: which two pieces become one, and which first. */
#ifndef RD_DATA_BPE_MERGE_H
#define RD_DATA_BPE_MERGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"

typedef struct {
    int32_t left, right; /* pieces; left -1: the slot is empty */
    int32_t rank;        /* lower merges first */
    int32_t merged;      /* what the two become */
} rd_bpe_rule;

/* A hash table of the rules by (left, right). */
typedef struct {
    rd_bpe_rule *slots; /* [mask + 1] */
    uint32_t mask;
} rd_bpe_rules;

rd_status rd_bpe_rules_new(rd_bpe_rules *rules, int64_t n);   /* room for n */
void rd_bpe_rules_add(rd_bpe_rules *rules, rd_bpe_rule rule); /* a later one replaces */
const rd_bpe_rule *rd_bpe_rules_find(const rd_bpe_rules *rules, int32_t left, int32_t right);
void rd_bpe_rules_free(rd_bpe_rules *rules);

/* Working space of one thread; start from {0}. */
typedef struct {
    void *symbols, *queue, *skipped;
    int64_t symbols_capacity, queue_capacity, skipped_capacity;
} rd_bpe_scratch;

void rd_bpe_scratch_free(rd_bpe_scratch *scratch);

/* Merges ids[0..*n) in place. With `rng`, BPE-dropout (Provilkov et al. 2020): a merge whose turn
 * it is waits, with probability `dropout`, until another one is done. */
rd_status rd_bpe_merge(const rd_bpe_rules *rules, rd_bpe_scratch *scratch, int32_t *ids, int64_t *n,
                       float dropout, rd_rng *rng);

#endif
