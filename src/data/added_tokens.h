/* Tokens that were added to the vocabulary of a Hugging Face model: in text each is one id,
 * whatever the rest is cut into. */
#ifndef RD_DATA_ADDED_TOKENS_H
#define RD_DATA_ADDED_TOKENS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rd_added_tokens rd_added_tokens;

/* What added_tokens.json and tokenizer_config.json next to a vocab.json say, in the form of a
 * tokenizer.json's added_tokens: [{"content", "id", "special", "lstrip", ...}, ...]. RD_ERR_FORMAT
 * for tokens without a text or an id. */
rd_status rd_added_tokens_beside(json_t **list, const char *vocab_path);

/* Of such a list, whose texts are copied, without the n_own ids of the vocabulary's own special
 * pieces, whose spelling in a text is text. *tokens: NULL where there are none. */
rd_status rd_added_tokens_open(rd_added_tokens **tokens, const json_t *list, const int32_t *own,
                               int n_own);
void rd_added_tokens_close(rd_added_tokens *tokens); /* NULL is fine */

/* Whether the id is that of a special one, which no text shows; tokens: NULL is fine. */
bool rd_added_tokens_is_special(const rd_added_tokens *tokens, int32_t id);

/* The first of them in text[at..n), the longest where several begin there. What is before it goes
 * from `at` to *begin, what follows begins at *end: blanks next to it may be its own. false: none
 * is there. */
bool rd_added_tokens_find(const rd_added_tokens *tokens, const char *text, size_t n, size_t at,
                          size_t *begin, size_t *end, int32_t *id);

#endif
