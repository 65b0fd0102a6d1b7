/* The beginning of a line that is about all of it: language codes and other tags. */
#ifndef RD_TRANSLATE_HEAD_H
#define RD_TRANSLATE_HEAD_H

#include <stddef.h>

#include "rdrop/tokenizer.h"

/* Bytes of the tags that text[0..n) begins with, up to the last one's end: words like ">>de<<",
 * "<2de>", "[DE]" or "__de__" that the vocabulary has as one piece. Markup is none: "<b>" where
 * "</b>" follows, "<br>". 0 in *length: there are none, or nothing comes after them. */
rd_status rd_line_head(const rd_tokenizer *tokenizer, const char *text, size_t n, size_t *length);

#endif
