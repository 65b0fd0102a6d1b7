/* Translating lines that are paragraphs or documents. */
#ifndef RD_TRANSLATE_PARAGRAPHS_H
#define RD_TRANSLATE_PARAGRAPHS_H

#include "translate/open.h"

/* As rd_translator_run with split_sentences or window_tokens: each line is cut, its parts are
 * translated and their translations joined by spaces. */
rd_status rd_translate_paragraphs(const rd_translator *translator,
                                  const rd_translate_options *options, int64_t n,
                                  const char *const *lines, const size_t *lengths,
                                  rd_translations *translations);

#endif
