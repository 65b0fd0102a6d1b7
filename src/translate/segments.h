/* Cutting lines that are paragraphs or documents into segments to translate: sentences, and windows
 * of those that are too long. */
#ifndef RD_TRANSLATE_SEGMENTS_H
#define RD_TRANSLATE_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "translate/lines.h"

/* Bytes begin .. end - 1 of a line, without white space around them. The first `head` bytes of the
 * line, its tags (head.h), are in no segment, and belong to each. */
typedef struct {
    int64_t line;
    size_t begin, end, head;
} rd_segment;

typedef struct {
    rd_segment *items; /* [n], in the order of the lines; a line without words has none */
    int64_t n, capacity;
} rd_segments;

/* Cuts by split_sentences, window_tokens and window_overlap of the options. lines: [n] of lengths[]
 * bytes, or NUL-terminated if that is NULL. Release with free(segments->items), also after a
 * failure. */
rd_status rd_segments_make(rd_segments *segments, const rd_translator *translator,
                           const rd_translate_options *options, int64_t n, const char *const *lines,
                           const size_t *lengths);

#endif
