/* Lines as Python's str methods see them, because the reference tools are written in Python:
 * split(), rstrip() and lower() decide scores. */
#ifndef RD_METRICS_SEGMENT_H
#define RD_METRICS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "rdrop/metrics.h"

/* Bytes of the UTF-8 sequence that starts with this byte of valid text. */
static inline int rd_utf8_bytes(char lead) {
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* The next word of str.split() in [*cursor, end), false when there is none. Inline: it is the inner
 * loop of every metric. */
static inline bool rd_next_word(const char **cursor, const char *end, rd_line *word) {
    const char *s = *cursor;
    for (int space; s < end && (space = rd_space_at(s, end)) > 0;) s += space;
    const char *start = s;
    /* Nothing from '!' to 0xC1 begins white space. */
    while (s < end && ((unsigned char)(*s - '!') <= 0xC1 - '!' || rd_space_at(s, end) == 0)) s++;
    *cursor = s;
    *word = (rd_line){start, (size_t)(s - start)};
    return s > start;
}

rd_line rd_line_rstrip(rd_line line);
rd_line rd_line_strip(rd_line line);

/* str.lower(): full Unicode lowercasing, final sigma included. `out` is overwritten. `casemap`
 * keeps an ICU handle between calls; NULL at first, rd_casemap_free() at the end. */
rd_status rd_line_lower(rd_line line, void **casemap, rd_text *out);
void rd_casemap_free(void *casemap);

/* Replaces every occurrence of `from` (left to right, not overlapping); `out` is overwritten. */
rd_status rd_line_replace(rd_line line, const char *from, const char *to, rd_text *out);

static inline rd_line rd_text_line(const rd_text *text) {
    return (rd_line){text->data, (size_t)text->length};
}

#endif
