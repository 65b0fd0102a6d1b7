/* Beam search over a scorer, and sampling; beam 1 is greedy search. The rules are fairseq's
 * (sequence_generator.py), so that its settings and scores carry over.
 *
 * A search is a session. Sentences may be submitted at any time, also while others are searched;
 * each step gives every live hypothesis one token; results are taken as they finish:
 *
 *     rd_search_open(&search, &scorer, &config);
 *     rd_search_submit(search, &request, id);
 *     while (!rd_search_is_idle(search)) {
 *         rd_search_step(search);
 *         while (rd_search_take(search, &id, &found)) ...
 *     }
 *     rd_search_close(search); */
#ifndef RD_SEARCH_SEARCH_H
#define RD_SEARCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "search/options.h"
#include "search/scorer.h"

/* A token's relation to the words around it. */
enum {
    RD_EDGE_INNER = 1,  /* goes on within a word */
    RD_EDGE_WORD = 2,   /* ends with a letter or digit of a word */
    RD_EDGE_MARKUP = 4, /* ends with markup */
    RD_EDGE_JOINED = 8  /* the next token goes on within the word, whatever it is */
};
enum { RD_MOST_MARKS = 4 };

/* One sentence and the conditions on its hypotheses. */
typedef struct {
    rd_token_span source;  /* eos last; its length limits that of the output */
    const int32_t *prefix; /* [prefix_length] tokens that every hypothesis begins with, even if
                            * settings forbid them; their log P counts */
    int32_t prefix_length;
    /* [n_phrases] tokens, eos not among them, that every hypothesis must contain in a row, as often
     * as they are given; overlapping ones share tokens. no_repeat_ngram does not exclude them.
     * Those that do not fit one after another in the longest output are dropped, the last ones
     * first. A beam wider than their tokens together finds good places for them. */
    const rd_token_span *phrases;
    int32_t n_phrases;
    /* [vocab_size] RD_EDGE_* of tokens, or NULL: no phrase begins within a word, and after one that
     * ends with a word no token goes on within it. After one that ends with markup, where the
     * hypothesis would end, it continues with the likeliest of `marks` ([RD_MOST_MARKS], -1: none;
     * or NULL) instead of eos. */
    const uint8_t *edges;
    const int32_t *marks;
    int64_t number; /* of the sentence: a sample depends only on (seed, number, its own number) */
} rd_search_request;

typedef struct {
    int32_t *tokens;  /* [length], without the final eos */
    int32_t *aligned; /* [length] source token (not bos or eos) that each token attended to most, or
                       * -1; in the block of `tokens`, and freed with it. NULL without `align` */
    int32_t length;
    float score;     /* (log P - penalties) / length^lenpen + coverage, by which hypotheses are
                      * ranked */
    int32_t n_unmet; /* phrases that it lacks although they fit: other settings excluded them */
    float log_prob;  /* log P: sum of token log-probabilities, eos included, without penalties */
} rd_hypothesis;

typedef struct {
    int32_t n;            /* 1 to n_best */
    rd_hypothesis *items; /* [n], best first */
} rd_hypotheses;

void rd_hypotheses_free(rd_hypotheses *hypotheses);

typedef struct rd_search rd_search;

/* Both arguments are copied; the targets of scorer->self and config->stop must outlive the search.
 * RD_ERR_ARGUMENT naming the first setting that is out of range. One thread at a time may use a
 * search. After an error in a step it can only be closed. */
rd_status rd_search_open(rd_search **search, const rd_scorer *scorer,
                         const rd_search_options *config);
void rd_search_close(rd_search *search); /* NULL is fine */

/* Adds a sentence; `id` is the caller's name for it. Everything that the request points to must
 * last until the result is taken, or the search closed. RD_ERR_ARGUMENT for a sentence that cannot
 * be searched: it is left out, and the others are not affected. */
rd_status rd_search_submit(rd_search *search, const rd_search_request *request, int64_t id);

/* Gives each live hypothesis one token. Before that, waiting sentences begin, in their order, as
 * many as batch_tokens has room for, once half of it is free; this changes results only by the
 * scorer's rounding. RD_ERR_NUMERIC when the scorer gives NaN; RD_ERR_INTERRUPTED when config->stop
 * is set.
 *
 * Of each sentence's 2 * beam best continuations, those among the first `beam` that end in eos are
 * finished hypotheses, and the search continues with the first `beam` that do not end. A sentence
 * is done when early_stopping and patience say so, or at its longest output, where eos is forced
 * or, with no_forced_eos, any token ends it. Of more than `beam` finished hypotheses the best are
 * kept. Equal scores go to the better-ranked hypothesis, then the smaller token, so the result is
 * deterministic. If hypotheses lack phrases, only those that lack the fewest are given. Every
 * sentence gets at least one hypothesis: if min_len and no_repeat_ngram leave no continuation, it
 * ends early. */
rd_status rd_search_step(rd_search *search);

/* Whether all sentences submitted so far are done. */
bool rd_search_is_idle(const rd_search *search);

/* The next result, in the order in which sentences are done, which the caller then owns; false:
 * there is none yet. */
bool rd_search_take(rd_search *search, int64_t *id, rd_hypotheses *found);

#endif
