/* Byte-pair merges: the pairs of pieces that become one, and their order. */
#ifndef RD_DATA_BPE_MERGE_H
#define RD_DATA_BPE_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pair_table.h"
#include "base/rng.h"

typedef struct {
    int32_t rank;   /* lower merges first */
    int32_t merged; /* the piece that the two become */
} rd_bpe_rule;

typedef struct {
    rd_pair_table pairs; /* of pieces, (left, right) */
    rd_bpe_rule *rules;  /* [pairs.n] by the pair's id */
    bool rounds; /* all places of a pair merge before new pairs count, as in subword-nmt; without
                  * dropout alone */
} rd_bpe_rules;

rd_status rd_bpe_rules_new(rd_bpe_rules *rules, int64_t n); /* from {0}; room for n */
/* A later rule of the same pair replaces the one before. */
void rd_bpe_rules_add(rd_bpe_rules *rules, int32_t left, int32_t right, rd_bpe_rule rule);
const rd_bpe_rule *rd_bpe_rules_find(const rd_bpe_rules *rules, int32_t left, int32_t right);
void rd_bpe_rules_free(rd_bpe_rules *rules);

/* Working space of one thread; start from {0}. */
typedef struct {
    void *symbols, *queue, *skipped;
    int64_t symbols_capacity, queue_capacity, skipped_capacity;
} rd_bpe_scratch;

void rd_bpe_scratch_free(rd_bpe_scratch *scratch);

/* RD_ERR_ARGUMENT unless `dropout` is a share, from 0 to 1. */
rd_status rd_bpe_check_dropout(float dropout);

/* Merges ids[0..*n) in place. With `rng`, BPE-dropout (Provilkov et al. 2020): a merge whose turn
 * it is waits, with probability `dropout`, until another one is done. */
rd_status rd_bpe_merge(const rd_bpe_rules *rules, rd_bpe_scratch *scratch, int32_t *ids, int64_t *n,
                       float dropout, rd_rng *rng);

#endif
