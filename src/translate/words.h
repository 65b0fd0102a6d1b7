/* From tokens to words: what stands between spaces in a text. */
#ifndef RD_TRANSLATE_WORDS_H
#define RD_TRANSLATE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/tokenizer.h"

/* Whether a piece begins with a space, as the tokenizer writes it. */
bool rd_piece_has_space(const rd_tokenizer *tokenizer, int32_t id);

/* The word, from 0, that each token belongs to; a token of several words belongs to the first, one
 * of spaces alone to the word behind it, or in front of it at the end. unk: what unknown pieces
 * read as. ids, words: [n]. Returns the number of words; if that is 0, words are all 0. */
int32_t rd_words_of_tokens(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                           const char *unk, int32_t *words);

/* Bytes of a text. */
typedef struct {
    const char *bytes;
    size_t n;
} rd_word;

/* Word `index` of text[0..n), without the punctuation around it if there is anything else; empty
 * where there are fewer words. */
rd_word rd_word_at(const char *text, size_t n, int32_t index);

#endif
