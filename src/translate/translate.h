/* Translating token sequences with models in memory: sorted by length, packed into batches, the
 * batches spread over threads. Both rdrop/translator.h and the trainer's validation use it. */
#ifndef RD_TRANSLATE_TRANSLATE_H
#define RD_TRANSLATE_TRANSLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/identity.h"
#include "rdrop/model.h"
#include "rdrop/tokenizer.h"
#include "rdrop/shortlist.h"
#include "search/search.h"

typedef struct {
    const rd_model *const *models; /* [n_models]: one model, or an ensemble (averaged) */
    int32_t n_models;
    rd_search_options search;          /* its batch_tokens and stop also apply to scoring */
    int32_t alignment_layer;           /* see rd_model_scorer_keep_attention */
    const rd_search_request *requests; /* one per source, whose own is not read; or NULL: no
                                        * conditions, and a sentence's number is its index */
    const rd_shortlist *shortlist;     /* of the pieces to search among, or NULL */
    const rd_identity *identity; /* of the models, which the shortlist must share; NULL: unknown */
    bool unscored;   /* score and log_prob of hypotheses are not needed, and may be NAN */
    int32_t threads; /* 0: as many as OpenMP would use */
} rd_translate_job;

typedef struct {
    int64_t n_sentences;
    int32_t n_best;
    /* [n_sentences, n_best], best first; missing ones have tokens NULL */
    rd_hypothesis *hypotheses;
} rd_search_result;

void rd_search_result_free(rd_search_result *result);

/* Translates n sources, each ending with eos, of at most max_source_positions tokens. The result is
 * in the order of the sources and does not depend on batch_tokens or threads, except for rounding;
 * with a shortlist a little, because the sentences of a batch share their pieces. */
rd_status rd_translate_tokens(const rd_translate_job *job, int64_t n, const rd_token_span *sources,
                              rd_search_result *result);

/* Same, and gives the best translation of each as detokenized text: texts [n], each malloc'ed. On
 * failure none is left allocated. */
rd_status rd_translate_to_text(const rd_translate_job *job, const rd_tokenizer *target, int64_t n,
                               const rd_token_span *sources, char **texts);

/* log P(target | source), eos included, of given targets WITHOUT eos. log_probs: [n]. */
rd_status rd_translate_score(const rd_translate_job *job, int64_t n, const rd_token_span *sources,
                             const rd_token_span *targets, double *log_probs);

#endif
