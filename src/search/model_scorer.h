/* The scorer of one model, or of an ensemble whose probabilities are averaged. */
#ifndef RD_SEARCH_MODEL_SCORER_H
#define RD_SEARCH_MODEL_SCORER_H

#include <stdint.h>

#include "base/error.h"
#include "rdrop/model.h"
#include "search/scorer.h"

typedef struct rd_model_scorer rd_model_scorer;

/* Encodes the sources with every model. Arguments as rd_decoding_begin (model/decode.h); the models
 * must agree on both vocabularies: RD_ERR_ARGUMENT where the sizes differ. */
rd_status rd_model_scorer_begin(rd_model_scorer **scorer, const rd_model *const *models,
                                int32_t n_models, int64_t n_sentences, const int32_t *src,
                                const int32_t *src_offsets);
void rd_model_scorer_end(rd_model_scorer *scorer); /* NULL is fine */

/* The view then has the attention of decoder layer `layer`, from 1 (0: the last), averaged over its
 * heads and the models. Before the first step. */
rd_status rd_model_scorer_keep_attention(rd_model_scorer *scorer, int32_t layer);

/* Only the target pieces of pieces: [n_pieces] may be used, and all of the view's tokens are their
 * numbers in it: probabilities are among these pieces. `pieces` stays the caller's and must last.
 * Before the first step. */
rd_status rd_model_scorer_restrict(rd_model_scorer *scorer, int32_t n_pieces,
                                   const int32_t *pieces);

/* The view then gives logits, which rank the tokens of a row as log-probabilities do and cost no
 * softmax. For one model; before the first step. */
rd_status rd_model_scorer_skip_softmax(rd_model_scorer *scorer);

/* What a search takes; valid until the end. One search per begin. */
rd_scorer rd_model_scorer_view(rd_model_scorer *scorer);

#endif
