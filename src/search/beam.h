/* Beam search over a scorer; beam 1 is greedy search. */
#ifndef RD_SEARCH_BEAM_H
#define RD_SEARCH_BEAM_H

#include <stdint.h>

#include "base/error.h"
#include "search/scorer.h"

typedef struct {
    int32_t beam;
    float lenpen; /* a finished hypothesis scores log P / length^lenpen, eos counted */
    float max_len_a, max_len_b; /* longest output: max_len_a * source length + max_len_b tokens */
    int32_t min_len;            /* fewest tokens before eos */
    float unk_penalty;          /* subtracted from log P of unk */
    int32_t no_repeat_ngram;    /* no n-gram of this size twice in an output; 0: off */
    int32_t n_best;             /* hypotheses returned per sentence, <= beam */
} rd_beam_config;

typedef struct {
    int32_t *tokens; /* [length], without the final eos */
    int32_t length;
    float score;    /* normalised by length^lenpen: what hypotheses are ranked by */
    float log_prob; /* sum of token log-probabilities, eos included */
} rd_hypothesis;

typedef struct {
    int64_t n_sentences;
    int32_t n_best;
    rd_hypothesis
        *hypotheses; /* [n_sentences, n_best], best first; missing ones have tokens NULL */
} rd_search_result;

/* Searches translations of n_sentences at once. src_lengths: [n_sentences], in tokens with eos, for
 * the length limit. Sentences that are finished leave the batch. */
rd_status rd_beam_search(const rd_beam_config *config, const rd_scorer *scorer, int64_t n_sentences,
                         const int32_t *src_lengths, int32_t eos_id, int32_t pad_id, int32_t unk_id,
                         rd_search_result *result);
void rd_search_result_free(rd_search_result *result);

#endif
