/* Words, between white space: those that tokens and places of a text belong to. */
#ifndef RD_TRANSLATE_WORDS_H
#define RD_TRANSLATE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rdrop/tokenizer.h"

/* Bytes of a text. */
typedef struct {
    const char *bytes;
    size_t n;
} rd_word;

/* The next word from *cursor on, which moves past it; at the end an empty one. */
rd_word rd_word_next(const char **cursor, const char *end);

/* The word of text[0..n), from 0, that each of its first n_ids tokens belongs to, however the
 * tokenizer normalises: a token of several words belongs to the first, one of spaces only to the
 * word after it, or before it at the end. words: [n_ids]; all 0 where the text has no word. */
rd_status rd_words_of_tokens(const rd_tokenizer *tokenizer, const char *text, size_t n,
                             const int32_t *ids, int64_t n_ids, int32_t *words);

/* The word of text[0..n), from 0, that each place, in bytes, is in, or the one after the spaces
 * there; after the last word, the last one. places: [n_places] ascending; words: [n_places].
 * Returns how many words there are; if that is 0, words are all 0. */
int32_t rd_words_at(const char *text, size_t n, const int64_t *places, int64_t n_places,
                    int32_t *words);

/* Word `index` of text[0..n), without the punctuation around it if there is anything else; empty if
 * there are fewer words. */
rd_word rd_word_at(const char *text, size_t n, int32_t index);

#endif
