/* Words whose full stop does not end a sentence, by language. */
#ifndef RD_TRANSLATE_ABBREVIATIONS_H
#define RD_TRANSLATE_ABBREVIATIONS_H

#include <stdbool.h>

/* The two-letter code ("de") of "de", "deu", "de_DE" or "de-CH", in code[4]; false for anything
 * that is not a language. Three letters stay if there are no two. */
bool rd_language_code(const char *language, char code[4]);

/* The abbreviations of a language, separated by blanks; "" if there are none. One that ends with
 * "#" counts only before a number. ICU has lists of its own for some languages; these add to
 * them. */
const char *rd_abbreviations(const char *code);

/* Whether ordinal numbers are written with a full stop ("3. Mai", "XIX. Jahrhundert"). */
bool rd_has_ordinal_stops(const char *code);

#endif
