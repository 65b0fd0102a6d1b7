/* Prompts: the beginnings of sentences in a decoder without an encoder. A sentence's first step
 * reads the start token and the whole prompt. */
#ifndef RD_MODEL_PROMPTS_H
#define RD_MODEL_PROMPTS_H

#include <stdint.h>

#include "base/memory.h"
#include "rdrop/model.h"

typedef struct {
    const int32_t *tokens; /* [length], the caller's; not read once the sentence has begun */
    int32_t length;
    bool waits; /* it has not begun */
} rd_prompt;

typedef struct {
    rd_prompt *items; /* [n] by the sentences' numbers */
    int64_t n, capacity;
} rd_prompts;

void rd_prompts_free(rd_prompts *prompts);

/* As rd_decoding_add (model/decode.h). */
rd_status rd_prompts_add(rd_prompts *prompts, const rd_model_config *config, int32_t sentence,
                         const int32_t *tokens, int32_t length);

/* Tokens that each row of a step reads: counts: [n_rows]; arguments as of rd_decoding_step. */
rd_status rd_prompts_begin(rd_prompts *prompts, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, int32_t *counts);

#endif
