/* Growable text, and UTF-8. */
#ifndef RD_BASE_TEXT_H
#define RD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A growable byte string, always NUL-terminated once non-empty; start from {0}. */
typedef struct {
    char *data;
    int64_t length, capacity;
} rd_text;

/* Makes room for `need` more bytes and a NUL; they may be stored at data + length directly. */
rd_status rd_text_reserve(rd_text *text, size_t need);
rd_status rd_text_append(rd_text *text, const char *bytes, size_t n);
__attribute__((format(printf, 2, 3))) rd_status rd_text_printf(rd_text *text, const char *format,
                                                               ...);
rd_status rd_text_put(rd_text *text, const char *string);
/* With the characters that mean something in HTML, in text or a quoted attribute, escaped. */
rd_status rd_text_append_html(rd_text *text, const char *bytes, size_t n);
void rd_text_clear(rd_text *text); /* length 0, capacity kept */
void rd_text_free(rd_text *text);

/* text = "h:mm:ss", which it returns. */
const char *rd_duration(double seconds, char text[32]);

/* Whether `text` ends with `ending`. */
bool rd_ends_with(const char *text, const char *ending);

/* The next name of a list such as "bleu, chrf" or "en de", from *at on, which moves past it; n: its
 * length. NULL: no more. */
const char *rd_next_name(const char **at, size_t *n);

/* Whether such a list has the name. */
bool rd_is_listed(const char *list, const char *name);

/* A finite decimal number that fills the whole text. */
bool rd_parse_number(const char *text, double *value);

/* Finite numbers with commas between, up to `most`; returns how many, -1 for another text. */
int32_t rd_parse_numbers(const char *text, int32_t most, double *numbers);

/* The fewest digits that read back as the same number: "0.1", "45.068", "1e-09". */
void rd_shortest_double(double value, char text[32]);
void rd_shortest_float(float value, char text[32]);

/* Offset of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF), or -1 when all `n` bytes are valid. */
int64_t rd_utf8_invalid_at(const char *bytes, size_t n);

/* Decodes the code point at *cursor (valid UTF-8, cursor < end) and moves the cursor past it. */
uint32_t rd_utf8_next(const char **cursor, const char *end);

/* The code point that ends at text[*at], *at > 0, of valid UTF-8; *at moves to where it begins. */
uint32_t rd_utf8_before(const char *text, size_t *at);

/* The last code point of text[0..n): valid UTF-8, n > 0. */
uint32_t rd_utf8_last(const char *text, size_t n);

/* Bytes of the character at s[0..n), n > 0: 0 if it is not UTF-8, and then *c is its first byte. */
size_t rd_utf8_character(const char *s, size_t n, uint32_t *c);

/* Bytes of the white-space character (as Python's str.isspace has them) at s, 0 if there is none.
 * s < end. */
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

/* Whether a terminal could take it for a command: C0 (tab and line breaks too), DEL, C1, and the
 * separators of lines and paragraphs. */
bool rd_is_control(uint32_t code_point);

/* to: [room], NUL-terminated = the text with controls and invalid UTF-8 written as \n, \t, \x1b or
 * \u2028, so that text from a file stays on its line of a message; cut between characters. */
void rd_escape(char *to, size_t room, const char *text);

/* The first tells whether text is UTF-8 and, unless they are allowed, without controls except tab
 * and line breaks; the second appends it with U+FFFD for each byte and character that is not. */
bool rd_text_is_clean(const char *bytes, size_t n, bool controls);
rd_status rd_text_append_clean(rd_text *text, const char *bytes, size_t n, bool controls);

/* Writes a code point as UTF-8; returns the number of bytes, 1 to 4. */
int rd_utf8_put(uint32_t code_point, char out[4]);

#endif
