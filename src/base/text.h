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

rd_status rd_text_append(rd_text *text, const char *bytes, size_t n);
__attribute__((format(printf, 2, 3))) rd_status rd_text_printf(rd_text *text, const char *format,
                                                               ...);
/* With the characters that mean something in HTML, in text or a quoted attribute, escaped. */
rd_status rd_text_append_html(rd_text *text, const char *bytes, size_t n);
void rd_text_clear(rd_text *text); /* length 0, capacity kept */
void rd_text_free(rd_text *text);

/* The fewest digits that read back as the same number: "0.1", "45.068", "1e-09". */
void rd_shortest_double(double value, char text[32]);
void rd_shortest_float(float value, char text[32]);

/* Offset of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF), or -1 when all `n` bytes are valid. */
int64_t rd_utf8_invalid_at(const char *bytes, size_t n);

/* Decodes the code point at *cursor (valid UTF-8, cursor < end) and moves the cursor behind it. */
uint32_t rd_utf8_next(const char **cursor, const char *end);

/* Writes a code point as UTF-8; returns the number of bytes, 1 to 4. */
int rd_utf8_put(uint32_t code_point, char out[4]);

#endif
