/* Words and sentences: where a text can be cut, by the rules of Unicode (UAX 29) in ICU, and the
 * words, between spaces, that tokens belong to. */
#ifndef RD_TRANSLATE_WORDS_H
#define RD_TRANSLATE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rdrop/tokenizer.h"

typedef enum { RD_BREAK_WORDS, RD_BREAK_SENTENCES } rd_break_kind;

/* A growable list of places in a text, in bytes; start from {0}, release with free(list.data). */
typedef struct {
    int64_t *data;
    int64_t length, capacity;
} rd_offsets;

typedef struct rd_breaker rd_breaker;

/* For one thread at a time. language: a code ("en", "eng", "en_GB"), whose abbreviations and
 * ordinal numbers do not end a sentence; if it is NULL or not a language, English. */
rd_status rd_breaker_open(rd_breaker **breaker, rd_break_kind kind, const char *language);
void rd_breaker_close(rd_breaker *breaker); /* NULL is fine */

/* Replaces `places` by the places where text[0..n), UTF-8, can be cut, ascending, with 0 and n as
 * first and last; only 0 for an empty text. */
rd_status rd_breaker_find(rd_breaker *breaker, const char *text, size_t n, rd_offsets *places);

rd_status rd_offsets_add(rd_offsets *offsets, int64_t offset);

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

/* Bytes of a text. */
typedef struct {
    const char *bytes;
    size_t n;
} rd_word;

/* Word `index` of text[0..n), without the punctuation around it if there is anything else; empty if
 * there are fewer words. */
rd_word rd_word_at(const char *text, size_t n, int32_t index);

#endif
