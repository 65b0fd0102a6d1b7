/* Beam search over a scorer, and sampling; beam 1 is greedy search. The rules are fairseq's
 * (sequence_generator .py), so that its settings and scores carry over. */
#ifndef RD_SEARCH_BEAM_H
#define RD_SEARCH_BEAM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "rdrop/translator.h"
#include "search/scorer.h"

typedef struct {
    int32_t beam;
    float lenpen; /* a finished hypothesis scores log P / length^lenpen, eos counted */
    rd_lenpen_form lenpen_form;
    float max_len_a, max_len_b; /* longest output: max_len_a * source length + max_len_b tokens */
    int32_t min_len;            /* fewest tokens before eos; the longest output wins over it */
    float unk_penalty;          /* subtracted from log P of unk */
    int32_t no_repeat_ngram;    /* no n-gram of this size twice in an output; 0: off */
    int32_t n_best;             /* hypotheses returned per sentence, <= beam */
    rd_early_stopping early_stopping;
    bool forced_bos;         /* every output begins with bos, and a prefix follows it */
    bool forced_tokens_free; /* that bos, and the eos at the longest output, cost nothing */
    float patience;          /* finished hypotheses that end a search: beam * patience; 0: 1 */
    float temperature;       /* of the distribution searched; 0: 1 */
    /* `beam` independent samples, drawn from the top_k likeliest tokens (0: all), of these from the
     * likeliest that have top_p of their probability together (0: 1, all). */
    bool sampling;
    int32_t top_k;
    float top_p;
    uint64_t seed;
    int32_t diverse_groups; /* the beam is cut into so many groups, each searched by itself in turn;
                             * 0: 1 */
    float diverse_strength; /* subtracted from log P of a token for each hypothesis of the groups
                             * before that goes on with it at this step */
    float coverage_penalty; /* score += coverage_penalty * sum over source tokens of log(min(1,
                             * attention received in all)) (Wu et al. 2016) */
    bool align;             /* give each token's alignment */
    bool renormalize; /* log P among the allowed tokens: pad and what the settings forbid have none,
                       * and an eos that is forced costs nothing */
    int64_t batch_tokens;              /* source tokens of the sentences searched at once; 0: all */
    const volatile sig_atomic_t *stop; /* NULL, or: RD_ERR_INTERRUPTED once it is not 0 */
} rd_beam_config;

enum { RD_MAX_BEAM = 1024, RD_MAX_TOP_K = 1024 };

/* Borrowed tokens of one sequence. */
typedef struct {
    const int32_t *tokens; /* [length] */
    int32_t length;
} rd_token_span;

/* What a token is to the words around it. */
enum {
    RD_EDGE_INNER = 1 /* goes on within a word */,
    RD_EDGE_WORD = 2,
    RD_EDGE_MARKUP = 4 /* ends
with one */
    ,
    RD_MOST_MARKS = 4
};

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
    /* [vocab_size] RD_EDGE_* of tokens, or NULL: after a phrase that ends with a word no token goes
     * on within it. After one that ends with markup, where the hypothesis would end, it goes on
     * with the likeliest of `marks` ([RD_MOST_MARKS], -1: none; or NULL) in the place of eos. */
    const uint8_t *edges;
    const int32_t *marks;
    int64_t number; /* of the sentence: a sample depends on (seed, number, its own number) alone */
} rd_search_request;

/* beam 5, lenpen 1, max_len_a 1.2, max_len_b 10, n_best 1, nothing else. */
rd_beam_config rd_beam_defaults(void);

/* RD_ERR_ARGUMENT naming the first setting that is out of range. */
rd_status rd_beam_check(const rd_beam_config *config);

/* Whether the scorer must have its attention. */
bool rd_beam_needs_attention(const rd_beam_config *config);

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
