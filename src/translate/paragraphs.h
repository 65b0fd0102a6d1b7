/* Translating lines that are paragraphs or documents: they are cut into segments, which are
 * translated as lines of their own, and the translations joined. */
#ifndef RD_TRANSLATE_PARAGRAPHS_H
#define RD_TRANSLATE_PARAGRAPHS_H

#include <stddef.h>
#include <stdint.h>

#include "translate/lines.h"

/* As rd_translator_run with split_sentences or window_tokens: each line is cut, its parts are
 * translated and their translations joined by spaces. */
rd_status rd_translate_paragraphs(const rd_translator *translator,
                                  const rd_translate_options *options, int64_t n,
                                  const char *const *lines, const size_t *lengths,
                                  rd_translations *translations);

/* A blank, or "" where one of the two is empty or the writing has none between sentences: Chinese
 * and Japanese. text: [n] bytes of UTF-8, or NULL where n is 0. */
const char *rd_gap(const char *text, size_t n, const char *next);

#endif
