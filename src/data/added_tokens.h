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

/* The tokens of added_tokens.json and tokenizer_config.json next to a vocab.json, in the form of a
 * tokenizer.json's added_tokens: [{"content", "id", "special", "lstrip", ...}, ...]. RD_ERR_FORMAT
 * for tokens without a text or an id. */
rd_status rd_added_tokens_beside(json_t **list, const char *vocab_path);

/* From such a list, whose texts are copied, without the n_own ids of the vocabulary's own special
 * pieces, whose spelling in a text is text. *tokens: NULL if there are none. passes: normalized
 * tokens are looked for in the text that the others leave, as Hugging Face's tokenizers do; else
 * all at once, as transformers does for SentencePiece. */
rd_status rd_added_tokens_open(rd_added_tokens **tokens, const json_t *list, const int32_t *own,
                               int n_own, bool passes);
void rd_added_tokens_close(rd_added_tokens *tokens); /* NULL is fine */

/* Whether the id is a special token's, which no text shows; tokens: NULL is fine. */
bool rd_added_tokens_is_special(const rd_added_tokens *tokens, int32_t id);

/* Bytes of a text that are one token. */
typedef struct {
    size_t begin, end;
    int32_t id;
} rd_added_place;

/* On the way through a text; starts as {text, n}. */
typedef struct {
    const char *text; /* [n] */
    size_t n;
    rd_added_place found; /* the last one */
    /* The text that the first pass left begins at `part`, and ends where `next`, if looked for,
     * begins. */
    size_t part;
    rd_added_place next;
    bool looked;
} rd_added_walk;

/* Finds the next of them, the longest if several begin there. Text without any is before
 * found.begin and after found.end: blanks next to a token may be its own. false: there is no
 * more. */
bool rd_added_tokens_next(const rd_added_tokens *tokens, rd_added_walk *walk);

#endif
