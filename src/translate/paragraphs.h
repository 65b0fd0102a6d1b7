/* Translating lines that are paragraphs or documents: they are cut into what is translated at a
 * time, sentences, and windows of those that are too long. */
#ifndef RD_TRANSLATE_PARAGRAPHS_H
#define RD_TRANSLATE_PARAGRAPHS_H

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
    rd_segment *items; /* [n], in the order of the lines; of a line without words there are none */
    int64_t n, capacity;
} rd_segments;

/* As split_sentences, window_tokens and window_overlap of the options say. lines: [n] of lengths[]
 * bytes, or NUL-terminated where that is NULL. Release with free(segments->items), also after a
 * failure. */
rd_status rd_segments_make(rd_segments *segments, const rd_translator *translator,
                           const rd_translate_options *options, int64_t n, const char *const *lines,
                           const size_t *lengths);

/* As rd_translator_run with split_sentences or window_tokens: each line is cut, its parts are
 * translated and their translations joined by spaces. */
rd_status rd_translate_paragraphs(const rd_translator *translator,
                                  const rd_translate_options *options, int64_t n,
                                  const char *const *lines, const size_t *lengths,
                                  rd_translations *translations);

#endif
