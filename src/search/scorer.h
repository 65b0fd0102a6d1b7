/* The interface between a search and a model: next-token log-probabilities. It lets one search run
 * over a model, an ensemble, or a toy distribution in a test. */
#ifndef RD_SEARCH_SCORER_H
#define RD_SEARCH_SCORER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "rdrop/model.h"

/* Borrowed tokens of one sequence. */
typedef struct {
    const int32_t *tokens; /* [length] */
    int32_t length;
} rd_token_span;

enum { RD_SCORER_ROWS = 32 };

typedef struct {
    void *self;
    int32_t vocab_size;
    int32_t bos, eos, pad, unk; /* ids among these; all but eos may be -1: there is none */
    int32_t start;              /* the token that the decoder reads first; -1: none of these */
    const int32_t *ids;         /* [vocab_size] ascending, of the vocabulary, which these number;
                                 * NULL: the same */
    int32_t max_length;         /* longest output without eos that `step` can score; 0: no limit */
    bool logits;                /* `log_probs` gives logits */
    bool begins;                /* sources begin with bos, to which nothing is aligned */
    bool continues;             /* outputs continue their source, whose length counts as theirs */
    /* As rd_decoding_add (model/decode.h): tells the source of a sentence before it begins. */
    rd_status (*add)(void *self, int32_t sentence, rd_token_span source);
    /* As rd_decoding_step: parents are -1 for rows that begin. */
    rd_status (*step)(void *self, int64_t n_rows, const int32_t *parents, const int32_t *sentences,
                      const int32_t *tokens);
    /* log_probs: [n, vocab_size] = log-probabilities, normalised, of the next token of rows first
     * .. first + n - 1 of the latest step; n <= RD_SCORER_ROWS, so they stay in cache. */
    rd_status (*log_probs)(void *self, int64_t first, int64_t n, float *log_probs);
    /* The attention of row `row` of the latest step to the n_src tokens of its source, eos
     * included: out: [n_src], of sum 1. NULL: not available. */
    void (*attention)(void *self, int64_t row, int32_t n_src, float *out);
} rd_scorer;

/* The place of an id among the n ascending ones, or -1. */
int32_t rd_index_of_id(const int32_t *ids, int32_t n, int32_t id);

/* The scorer of one model, or of an ensemble whose probabilities are averaged. */
typedef struct rd_model_scorer rd_model_scorer;

/* The models must last. They must agree on both vocabularies: RD_ERR_ARGUMENT if the sizes
 * differ. */
rd_status rd_model_scorer_open(rd_model_scorer **scorer, const rd_model *const *models,
                               int32_t n_models);
void rd_model_scorer_close(rd_model_scorer *scorer); /* NULL is fine */

/* The view then has the attention of decoder layer `layer`, from 1 (0: the last), averaged over its
 * heads and the models. Before the first step. */
rd_status rd_model_scorer_keep_attention(rd_model_scorer *scorer, int32_t layer);

/* Only the target ids: [n], ascending, may be used, and all of the view's tokens are their indices
 * in it: probabilities are among these ids. `ids` stays the caller's and must last. Before the
 * first step. */
rd_status rd_model_scorer_restrict(rd_model_scorer *scorer, int32_t n, const int32_t *ids);

/* The view then gives logits, which rank the tokens of a row as log-probabilities do and cost no
 * softmax. For one model; before the first step. */
rd_status rd_model_scorer_skip_softmax(rd_model_scorer *scorer);

/* The interface to this scorer; valid until the scorer is closed. One search at a time. */
rd_scorer rd_model_scorer_view(rd_model_scorer *scorer);

#endif
