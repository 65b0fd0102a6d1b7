/* BART's noise, which a model is pre-trained to undo (Lewis et al. 2020, arXiv:1910.13461, section
 * 2.2). The sentences of a document are shuffled, then spans of its tokens are replaced by one mask
 * each (text infilling); the model reads that and must write the document as it was. */
#ifndef RD_DATA_NOISE_H
#define RD_DATA_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/key.h"
#include "base/rng.h"
#include "rdrop/tokenizer.h"

enum { RD_REPLACE_EACH = -1, RD_REPLACE_NONE = 0 };

/* All 0: no noise. */
typedef struct {
    float mask;              /* share of a document's tokens that are masked */
    float poisson_lambda;    /* mean length of the masked spans, Poisson-distributed; above 0 */
    int32_t replace_length;  /* masks for a span: 1, or RD_REPLACE_ */
    float mask_random;       /* share of the masks that are a random piece instead */
    float permute_sentences; /* share of a document's sentences that change places */
} rd_noise_config;

extern const rd_key rd_noise_keys[]; /* of a rd_noise_config */

typedef struct rd_noise rd_noise;

bool rd_noise_wanted(const rd_noise_config *config);

/* Masks need a vocabulary with a piece "<mask>". The tokenizer is used during this call only. */
rd_status rd_noise_new(rd_noise **noise, const rd_noise_config *config,
                       const rd_tokenizer *tokenizer);
void rd_noise_free(rd_noise *noise); /* NULL is fine */

/* document[0..n), ending with eos and perhaps beginning with bos, with noise in *noised, bos and
 * eos in their places. A pure function of the document and *rng, never longer than the document.
 *
 * Infilling: ceil(mask * tokens) tokens are masked, in spans whose lengths are drawn until they add
 * up to that, the last one cut to fit; spans and kept tokens come in random order. A span of
 * length 0 inserts a mask, unless that would make the document longer than it was.
 *
 * Shuffling: ceil(permute_sentences * sentences) sentences, chosen at random, are dealt anew to
 * their places. A sentence ends at a piece that ends with a full stop and comes before a space. */
rd_status rd_noise_apply(const rd_noise *noise, rd_rng *rng, const int32_t *document, int32_t n,
                         rd_ids *noised);

#endif
