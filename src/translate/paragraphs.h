/* Joining the translations of a paragraph's segments. */
#ifndef RD_TRANSLATE_PARAGRAPHS_H
#define RD_TRANSLATE_PARAGRAPHS_H

#include <stddef.h>

/* A blank, or "" if one of the two is empty or the script has none between sentences: Chinese and
 * Japanese. text: [n] bytes of UTF-8, or NULL where n is 0. */
const char *rd_gap(const char *text, size_t n, const char *next);

#endif
