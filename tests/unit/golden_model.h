/* Shared data of the tests of imported models: sentences of golden files, with their token ids and
 * the logits that a decoder gives when it is forced along a target. */
#ifndef RD_TESTS_GOLDEN_MODEL_H
#define RD_TESTS_GOLDEN_MODEL_H

#include <stdbool.h>

#include "golden.h"
#include "rdrop/model.h"
#include "rdrop/tokenizer.h"

/* The sentence's "text" has the ids of its "source", which ends with eos and, with `bos`, begins
 * with that. */
void golden_check_tokens(const rd_tokenizer *tokenizer, const json_t *sentence, bool bos);

/* [*n_target, tgt_vocab] of the sentence's "source" and the "target" of target_of, which is
 * *target. Release both with free(). */
float *golden_logits(const rd_model *model, const json_t *sentence, const json_t *target_of,
                     int64_t *n_target, int32_t **target);

#endif
