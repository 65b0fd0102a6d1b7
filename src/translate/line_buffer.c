#include "translate/line_buffer.h"

#include <stdlib.h>

#include "base/memory.h"

rd_status rd_line_buffer_add(rd_line_buffer *b, const char *line, size_t length) {
    RD_TRY(rd_reserve(&b->offsets, &b->offset_capacity, b->n + 1, sizeof *b->offsets));
    RD_TRY(rd_reserve(&b->lines, &b->line_capacity, b->n + 1, sizeof *b->lines));
    RD_TRY(rd_reserve(&b->lengths, &b->length_capacity, b->n + 1, sizeof *b->lengths));
    b->offsets[b->n] = b->text.length;
    b->lengths[b->n++] = length;
    RD_TRY(rd_text_append(&b->text, line, length));
    return rd_text_append(&b->text, "", 1); /* its NUL */
}

void rd_line_buffer_seal(rd_line_buffer *b) {
    for (int64_t i = 0; i < b->n; i++) b->lines[i] = b->text.data + b->offsets[i];
}

void rd_line_buffer_clear(rd_line_buffer *b) {
    b->n = 0;
    rd_text_clear(&b->text);
}

void rd_line_buffer_free(rd_line_buffer *b) {
    rd_text_free(&b->text);
    free(b->offsets);
    free(b->lines);
    free(b->lengths);
}
