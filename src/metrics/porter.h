/* The Porter stemmer as NLTK modified it, which rouge-score uses: irregular forms, "ies" of
 * four-letter words, y after consonants, "bli", "alli", "fulli", "logi", and short stems that end
 * in a vowel and a consonant. Porter's own algorithm (libstemmer's) gives other stems for about one
 * word in a hundred. */
#ifndef RD_METRICS_PORTER_H
#define RD_METRICS_PORTER_H

#include <stddef.h>

/* Stems word[0..n) of [a-z0-9] in place; returns the new length, <= n. */
size_t rd_porter_stem_nltk(char *word, size_t n);

#endif
