/* The settings of a search. */
#ifndef RD_SEARCH_OPTIONS_H
#define RD_SEARCH_OPTIONS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "rdrop/translator.h"

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

/* beam 5, lenpen 1, max_len_a 1.2, max_len_b 10, n_best 1, nothing else. */
rd_beam_config rd_beam_defaults(void);

/* RD_ERR_ARGUMENT naming the first setting that is out of range. */
rd_status rd_beam_check(const rd_beam_config *config);

/* Whether the scorer must have its attention. */
bool rd_beam_needs_attention(const rd_beam_config *config);

#endif
