/* Text that a language model writes after prompts, by translation's search or sampling. */
#ifndef RD_LM_GENERATE_H
#define RD_LM_GENERATE_H

#include "lm/lm.h"
#include "search/search.h"

typedef struct {
    const rd_lm *lm;
    rd_search_options search; /* max_len_a counts the prompt's tokens */
    bool many_lines;          /* goes on over ends of lines, where these are newlines */
} rd_lm_generation;

typedef struct {
    char *text;            /* malloc'ed: the prompt as it is, and its continuation */
    float score, log_prob; /* of what follows the prompt */
} rd_lm_answer;

/* The continuations of one prompt. */
typedef struct {
    int32_t n; /* at most search.n_best, best first */
    rd_lm_answer *items;
} rd_lm_answers;

void rd_lm_answers_free(rd_lm_answers *answers);

/* answers: [n], for the prompts, which are beginnings of lines. The first prompt's number is
 * `first`: a sample depends on the seed, the prompt's number and its own. A prompt that is too long
 * for the model is RD_ERR_FORMAT; the *n_answered prompts before it have their answers. Other
 * failures leave nothing allocated. */
rd_status rd_lm_generate(const rd_lm_generation *generation, int64_t first, int64_t n,
                         const char *const *prompts, rd_lm_answers *answers, int64_t *n_answered);

#endif
