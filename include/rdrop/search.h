/* Settings of a search for translations. */
#ifndef RDROP_SEARCH_H
#define RDROP_SEARCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When the search for a translation ends: with the first `beam` finished hypotheses (fairseq;
 * "true"); when, in addition, no live one scores above the worst of them, with its present score
 * ("false") or with the best it could reach at the longest length ("never"); or after the step that
 * finishes the beam-th, with the best of all ("step", which transformers calls true). */
typedef enum { RD_STOP_FULL, RD_STOP_UNLIKELY, RD_STOP_NEVER, RD_STOP_STEP } rd_early_stopping;

/* The divisor of log P, which makes hypotheses of different lengths comparable: length^lenpen, as
 * in fairseq, Marian (--normalize) and transformers; or ((5 + length) / 6)^lenpen, as in GNMT (Wu
 * et al. 2016). The length is in tokens, end of sentence included. */
typedef enum { RD_LENPEN_POWER, RD_LENPEN_GNMT } rd_lenpen_form;

typedef struct {
    int32_t beam;               /* hypotheses searched at once; 1: greedy */
    float lenpen;               /* hypotheses are ranked by log P / length^lenpen */
    rd_lenpen_form lenpen_form; /* or by log P over another function of the length */
    float max_len_a, max_len_b; /* longest output: max_len_a * source tokens + max_len_b */
    int32_t min_len;            /* fewest output tokens; the longest output's limit wins */
    float unk_penalty;          /* subtracted from log P of each unknown token */
    int32_t no_repeat_ngram;    /* no token n-gram of this size twice; 0: off */
    int32_t n_best;             /* hypotheses returned per sentence, at most `beam` */
    rd_early_stopping early_stopping;
    bool forced_bos; /* every output begins with the vocabulary's begin of sentence, as models like
                      * BART expect, and a prefix follows it */
    bool forced_tokens_free; /* forced_bos, and an end that is forced, cost nothing */
    float patience;    /* a search may end with beam * patience finished hypotheses, not `beam`
                        * (Kasai et al. 2022); 0: 1. Below 1, the search may find fewer than
                        * n_best */
    float temperature; /* log P of tokens is divided by it and normalised again; 0: 1 */
    /* `beam` independent samples instead of a search. Each token is drawn from the top_k likeliest
     * (0: all; else at most 1024), and among these from the likeliest that together have top_p of
     * their probability (0: all; Holtzman et al. 2020). A sample depends on the text, `seed`, the
     * number of its line and its own number. */
    bool sampling;
    int32_t top_k;
    float top_p;
    uint64_t seed;
    /* Diverse beams (Vijayakumar et al. 2018): the beam is split into groups, each searched by
     * itself (so n-best lists hold some of each), and a token has diverse_strength subtracted from
     * its log P for each hypothesis of earlier groups that takes it at this step. 0: 1 group. */
    int32_t diverse_groups;
    float diverse_strength;
    /* Added to a score: coverage_penalty * sum over source tokens of log(min(1, attention that they
     * received)), as in GNMT. */
    float coverage_penalty;
    /* Further settings of transformers' generation_config.json. Penalties of 0 are 1. */
    bool no_forced_eos; /* the longest output is cut off, and has one more token in place of eos */
    float repetition_penalty; /* log P of a token that the output already has (or its logit, in
                               * greedy search and sampling) is multiplied by this, or divided if
                               * above 0 (Keskar et al. 2019); the decoder's start and a language
                               * model's prompt count */
    float encoder_repetition_penalty; /* and divided by this one, for a token of the source */
    int32_t encoder_no_repeat_ngram;  /* no n-gram of the source of this size; 0: off */
    double decay_start, decay_factor; /* beyond decay_start tokens, |log P| of eos is multiplied by
                                       * decay_factor^(length - decay_start) - 1 and added to it;
                                       * factor 0: 1 */
    /* Ids as text, NULL: none. Whoever fills the struct owns them; they must outlive the search. */
    char *suppress_tokens;       /* "5 6": never chosen */
    char *begin_suppress_tokens; /* not as the first token that may be chosen */
    char *sequence_bias;         /* "5 6: -2.5, 7: -inf": added to log P of the last token of each
                                  * sequence after the tokens before it */
    char *end_tokens;            /* ids that end an output as eos does, and stay in it */
    bool align;       /* give alignments: for each target token, the source token that it attended
                       * to most */
    bool renormalize; /* log P among the allowed tokens: pad and tokens that the settings forbid
                       * have none, and an eos that is forced costs nothing */
    int64_t batch_tokens; /* source tokens searched at once; 0: a good default. Without a shortlist,
                           * finished sentences make room for waiting ones */
    const volatile sig_atomic_t *stop; /* NULL, or: RD_ERR_INTERRUPTED once it is not 0 */
} rd_search_options;

#ifdef __cplusplus
}
#endif
#endif
