/* Lines held in memory; pointers into the text are made once it has stopped growing. */
#ifndef RD_TRANSLATE_LINE_BUFFER_H
#define RD_TRANSLATE_LINE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

typedef struct {
    rd_text text; /* each line with a NUL */
    int64_t n, offset_capacity, line_capacity, length_capacity;
    int64_t *offsets;   /* [n] where each line starts in text */
    const char **lines; /* [n], after rd_line_buffer_seal */
    size_t *lengths;    /* [n] */
} rd_line_buffer;       /* {0} is empty */

rd_status rd_line_buffer_add(rd_line_buffer *buffer, const char *line, size_t length);

/* After the last line: makes the pointers. */
void rd_line_buffer_seal(rd_line_buffer *buffer);

/* No lines; the room for them stays. */
void rd_line_buffer_clear(rd_line_buffer *buffer);
void rd_line_buffer_free(rd_line_buffer *buffer);

#endif
