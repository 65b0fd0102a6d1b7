/* A language model in memory, and scores of text by it. Text comes line by line; each token's
 * log-probability goes to a function of the caller's, in the order of the text. */
#ifndef RD_LM_LM_H
#define RD_LM_LM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/binarize_text.h"
#include "data/blocks.h"
#include "rdrop/model.h"
#include "rdrop/search.h"
#include "rdrop/tokenizer.h"

typedef struct {
    rd_model *model;
    rd_tokenizer *tokenizer;
    rd_line_end end; /* of lines, as the model was trained */
    rd_search_options search;
    int32_t positions;  /* tokens that the model takes at once */
    int32_t block;      /* that it was trained to read at once, at most `positions` */
    rd_break_mode mode; /* where its blocks ended */
    int32_t start;      /* what it reads before the first token of a text */
    rd_text newlines;   /* rd_lm_list_newlines: " 198 628" */
} rd_lm;

/* Opens the model directory. RD_ERR_FORMAT if it is not a language model. */
rd_status rd_lm_open(rd_lm *lm, const char *directory, rd_precision precision);
void rd_lm_close(rd_lm *lm); /* {0} is fine */
/* Lists the tokens that have a newline in them, as GPT-2 has one of two: once, before the first
 * rd_lm_generate. It decodes every token. */
rd_status rd_lm_list_newlines(rd_lm *lm);

/* One token of the text, scored. */
typedef struct {
    int64_t line; /* from 1 */
    int32_t id;
    float log_prob; /* natural */
    bool ends_line; /* the last one of its line */
} rd_lm_token;

typedef struct {
    const rd_lm *lm;
    int32_t tokens_per_sample; /* tokens that the model reads at once, context included; 0: as many
                                * as it was trained with */
    int32_t context_window; /* how many of them are context, read and not scored, where as many are
                               there */
    rd_break_mode mode;     /* where a block of new tokens ends; EOS: each line is a text by
                             * itself, kept whole if it fits; AUTO: as the model was trained */
    bool without_end;       /* the end of a line is not scored, nor read */
    int64_t max_tokens;     /* computed at once */
    rd_status (*take)(void *self, const rd_lm_token *token);
    void *self;
    const volatile sig_atomic_t *stop; /* RD_ERR_INTERRUPTED once it is not 0; may be NULL */
} rd_lm_scorer_config;

typedef struct rd_lm_scorer rd_lm_scorer;

/* RD_ERR_ARGUMENT for sizes that the model does not have. */
rd_status rd_lm_scorer_open(rd_lm_scorer **scorer, const rd_lm_scorer_config *config);
void rd_lm_scorer_close(rd_lm_scorer *scorer); /* NULL is fine */

/* The next line, without its end. given: the line before it, read but not scored, only in mode EOS;
 * NULL: none. If both are too long, the beginning of `given` is left out. */
rd_status rd_lm_scorer_add(rd_lm_scorer *scorer, const char *given, size_t n_given,
                           const char *text, size_t n);
/* The end of the text: scores what is left. */
rd_status rd_lm_scorer_finish(rd_lm_scorer *scorer);
/* Lines so far whose `given` was not read whole. */
int64_t rd_lm_scorer_n_cut(const rd_lm_scorer *scorer);

#endif
