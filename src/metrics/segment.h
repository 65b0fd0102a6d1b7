/* Lines as Python's str methods see them, because the reference tools are written in Python: what
 * split(), rstrip() and lower() do decides scores. */
#ifndef RD_METRICS_SEGMENT_H
#define RD_METRICS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "rdrop/metrics.h"

/* Bytes of the white-space character (str.isspace) at s, 0 if there is none. s < end. */
static inline int rd_space_at(const char *s, const char *end) {
    unsigned char c = (unsigned char)s[0];
    /* bits 9 to 13 and 28 to 32 */
    if (c < 0x80) return c <= ' ' && (UINT64_C(0x1F0003E00) >> c & 1);
    if (c == 0xC2 && end - s >= 2)
        return (unsigned char)s[1] == 0x85 || (unsigned char)s[1] == 0xA0 ? 2 : 0;
    if ((c != 0xE1 && c != 0xE2 && c != 0xE3) || end - s < 3) return 0;
    unsigned char d = (unsigned char)s[1], e = (unsigned char)s[2];
    if (c == 0xE1) return d == 0x9A && e == 0x80 ? 3 : 0; /* U+1680 */
    if (c == 0xE3) return d == 0x80 && e == 0x80 ? 3 : 0; /* U+3000 */
    if (d == 0x80)                                        /* U+2000..200A, 2028, 2029, 202F */
        return e <= 0x8A || e == 0xA8 || e == 0xA9 || e == 0xAF ? 3 : 0;
    return d == 0x81 && e == 0x9F ? 3 : 0; /* U+205F */
}

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

/* Makes room for `need` more bytes; then bytes may be stored at data + length directly. */
rd_status rd_text_reserve(rd_text *text, size_t need);

#endif
