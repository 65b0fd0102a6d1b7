/* BERT's masks (Devlin et al. 2019): some tokens of a sentence are to be predicted; most of them
 * are read as the mask, some as another piece, and some as they are. */
#ifndef RD_DATA_MASKING_H
#define RD_DATA_MASKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/key.h"
#include "base/rng.h"
#include "rdrop/tokenizer.h"

typedef struct {
    float share;      /* of a sentence's tokens that are predicted */
    float unmasked;   /* of these, read as they are */
    float random;     /* of these, read as a random piece */
    bool whole_words; /* words are chosen, not pieces */
} rd_masking_config;

extern const rd_key rd_masking_keys[]; /* of a rd_masking_config */

typedef struct rd_masking rd_masking;

/* RD_ERR_FORMAT for a vocabulary without a mask. The tokenizer is used during this call only. */
rd_status rd_masking_new(rd_masking **masking, const rd_masking_config *config,
                         const rd_tokenizer *tokenizer);
void rd_masking_free(rd_masking *masking); /* NULL is fine */

/* *masked: ids[0..n) as they are read; *labels: [n] the ids to predict, -1 for none. Special pieces
 * are never chosen; of other tokens share * their number, rounded up or down by chance, and at
 * least one, are. Of whole words the number of words counts, and all pieces of a chosen one are
 * predicted. A pure function of the ids and *rng. */
rd_status rd_masking_apply(const rd_masking *masking, rd_rng *rng, const int32_t *ids, int32_t n,
                           rd_ids *masked, rd_ids *labels);

#endif
