/* Cutting text into words as BERT does before it looks for pieces: characters normalized, words cut
 * at spaces, around Chinese characters and around each punctuation mark. The words are those of
 * Hugging Face's tokenizers library, whose tables are of Unicode 8 (categories) and 12
 * (decompositions): later characters count as unassigned, and stay in a word as they are. */
#ifndef RD_DATA_WORDPIECE_SPLIT_H
#define RD_DATA_WORDPIECE_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

typedef struct {
    bool clean;         /* control characters vanish */
    bool chinese;       /* each Chinese character is a word */
    bool strip_accents; /* characters are decomposed, and combining marks vanish */
    bool lower;
} rd_wordpiece_rules;

/* Receives one word, of at least one character; NUL-terminated, though it may itself hold NULs if
 * the text is not cleaned. */
typedef rd_status (*rd_wordpiece_sink)(void *self, const char *word, size_t n, int64_t n_chars);

/* Calls sink(self, ...) for the words of text[0..n) in order, n < INT32_MAX; stops at its first
 * error. Invalid UTF-8 counts as U+FFFD. */
rd_status rd_wordpiece_words(const rd_wordpiece_rules *rules, const char *text, size_t n,
                             rd_wordpiece_sink sink, void *self);

#endif
