/* Words with a full stop that ends no sentence, by language. */
#ifndef RD_TRANSLATE_ABBREVIATIONS_H
#define RD_TRANSLATE_ABBREVIATIONS_H

#include <stdbool.h>

/* The two-letter code ("de") of "de", "deu", "de_DE" or "de-CH", in code[4]; false for what is no
 * language. Three letters stay where there are no two. */
bool rd_language_code(const char *language, char code[4]);

/* Those of a language, with blanks between them; "" where there are none. One that ends with "#"
 * counts before a number only. ICU has lists of its own for some languages; these add to them. */
const char *rd_abbreviations(const char *code);

/* Whether ordinal numbers are written with a full stop ("3. Mai", "XIX. Jahrhundert"). */
bool rd_has_ordinal_stops(const char *code);

#endif
