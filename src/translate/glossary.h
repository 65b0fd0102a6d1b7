/* The terms of a glossary in a text (rdrop/glossary.h). */
#ifndef RD_TRANSLATE_GLOSSARY_H
#define RD_TRANSLATE_GLOSSARY_H

#include <stddef.h>

#include "rdrop/glossary.h"
#include "translate/breaker.h"

/* A source term at bytes begin .. end - 1 of the text. */
typedef rd_status rd_found_term(void *self, const char *target, size_t begin, size_t end);

/* Calls `found` with the target term of each source term in text[0..n): of the terms that begin at
 * a word the longest, then continues after it. Terms match letter by letter, but white space in
 * them matches any white space of the text; they begin and end where words do. words: a breaker of
 * words; places: scratch. */
rd_status rd_glossary_match(const rd_glossary *glossary, const char *text, size_t n,
                            rd_breaker *words, rd_offsets *places, rd_found_term *found,
                            void *self);

#endif
