/* Making a lexical shortlist, and looking pieces up in it. */
#ifndef RD_DATA_SHORTLIST_H
#define RD_DATA_SHORTLIST_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "rdrop/shortlist.h"

typedef struct {
    int32_t per_piece; /* target pieces of a source piece, the likeliest */
    int32_t frequent;  /* most frequent target pieces, which all sentences have */
    int64_t pairs;     /* sentence pairs to learn from at most, evenly spread over the data: memory
                        * grows with the different pairs of pieces in them */
    const volatile sig_atomic_t *stop; /* NULL, or: RD_ERR_INTERRUPTED once it is not 0 */
} rd_shortlist_config;

/* 100 pieces each, 100 frequent ones, from 500,000 pairs. */
rd_shortlist_config rd_shortlist_defaults(void);

/* Learns P(target piece | source piece) by IBM model 1 (Brown et al. 1993, "The mathematics of
 * statistical machine translation") and writes a shortlist to `path`. The source's eos is the
 * empty word. */
rd_status rd_shortlist_build(const rd_shortlist_config *config, const rd_dataset *data,
                             const char *path);

const rd_identity *rd_shortlist_identity(const rd_shortlist *shortlist);

/* Sets chosen: [tgt_vocab] for the target pieces of src: [n], and for the frequent ones. */
void rd_shortlist_choose(const rd_shortlist *shortlist, const int32_t *src, int64_t n,
                         bool *chosen);

#endif
