/* Where a text can be cut into words or sentences, by the rules of Unicode (UAX 29) in ICU. */
#ifndef RD_TRANSLATE_BREAKER_H
#define RD_TRANSLATE_BREAKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

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

#endif
