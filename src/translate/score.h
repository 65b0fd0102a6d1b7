/* log P of given targets, by the whole network at once rather than token by token. */
#ifndef RD_TRANSLATE_SCORE_H
#define RD_TRANSLATE_SCORE_H

#include <stdint.h>

#include "rdrop/model.h"
#include "search/scorer.h"

/* Pairs numbered indices[0 .. n - 1]. sources, which end with eos, targets, which do not, and
 * log_probs are indexed by these numbers; log_probs[index] = log P(target and eos | source), of an
 * ensemble by the mean of its models' probabilities of each token. */
rd_status rd_score_targets(const rd_model *const *models, int32_t n_models, int64_t n,
                           const int64_t *indices, const rd_token_span *sources,
                           const rd_token_span *targets, double *log_probs);

#endif
