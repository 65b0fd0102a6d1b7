/* Beam search over a scorer, and sampling; beam 1 is greedy search. The rules are fairseq's
 * (sequence_generator.py), so that its settings and scores carry over. */
#ifndef RD_SEARCH_BEAM_H
#define RD_SEARCH_BEAM_H

#include <stdint.h>

#include "base/error.h"
#include "search/options.h"
#include "search/scorer.h"

/* Borrowed tokens of one sequence. */
typedef struct {
    const int32_t *tokens; /* [length] */
    int32_t length;
} rd_token_span;

/* What one sentence asks of its search; all zero: nothing. Without requests a sentence's number is
 * its index. */
typedef struct {
    const int32_t *prefix; /* [prefix_length] tokens that every hypothesis begins with, whatever the
                            * settings say of them; their log P counts */
    int32_t prefix_length;
    /* [n_phrases] tokens, eos not among them, that every hypothesis must contain in a row, as often
     * as they are given; overlapping ones share tokens. no_repeat_ngram does not keep them out.
     * Those that do not fit one behind another in the longest output are given up, the last ones
     * first. A beam wider than their tokens together finds good places for them. */
    const rd_token_span *phrases;
    int32_t n_phrases;
    int64_t number; /* of the sentence: a sample depends on (seed, number, its own number) alone */
} rd_search_request;

typedef struct {
    int32_t *tokens;  /* [length], without the final eos */
    int32_t *aligned; /* [length] source token (not eos) that each token attended to most, or -1; in
                       * the block of `tokens`, and freed with it. NULL without `align` */
    int32_t length;
    float score; /* (log P - penalties) / length^lenpen + coverage: what hypotheses are ranked by */
    int32_t n_unmet; /* phrases that it lacks, though they fit: other settings kept them out */
    float log_prob;  /* log P: sum of token log-probabilities, eos included, without penalties */
} rd_hypothesis;

typedef struct {
    int64_t n_sentences;
    int32_t n_best;
    rd_hypothesis
        *hypotheses; /* [n_sentences, n_best], best first; missing ones have tokens NULL */
} rd_search_result;

/* Searches translations of n_sentences. src_lengths: [n_sentences], in tokens with eos, for the
 * length limit, which a longer prefix raises, and for batch_tokens. requests: [n_sentences], or
 * NULL. Sentences that are finished leave the batch, and waiting ones take their places, which
 * changes no result but by the scorer's rounding.
 *
 * Of each sentence's 2 * beam best continuations, those among the first `beam` that end in eos are
 * finished hypotheses, and the first `beam` that do not end are searched on. A sentence is done
 * when early_stopping and patience say so, or at its longest output, where eos is forced. Of more
 * than `beam` finished hypotheses the best are kept. Equal scores go to the better-ranked
 * hypothesis, then the smaller token, so the result is deterministic. Of hypotheses that lack
 * phrases only those that lack fewest are given. Every sentence gets at least
 * one hypothesis: where min_len and no_repeat_ngram leave no continuation, it ends early.
 * RD_ERR_NUMERIC when the scorer gives NaN. `*result` is empty after a failure. */
rd_status rd_beam_search(const rd_beam_config *config, const rd_scorer *scorer, int64_t n_sentences,
                         const int32_t *src_lengths, const rd_search_request *requests,
                         int32_t bos_id, int32_t eos_id, int32_t pad_id, int32_t unk_id,
                         rd_search_result *result);
void rd_search_result_free(rd_search_result *result);

/* The log-probability of one given target per sentence, eos included. targets: packed, without
 * eos, sentence i is targets[target_offsets[i] .. target_offsets[i + 1]), each at most
 * scorer->max_length. log_probs: [n_sentences]. */
rd_status rd_score_targets(const rd_scorer *scorer, int64_t n_sentences, const int32_t *targets,
                           const int32_t *target_offsets, int32_t eos_id, double *log_probs);

#endif
