/* Cutting text into words as byte-level BPE does before it merges: what GPT-2's regular expression
 *     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * matches, one match after another. It matches every text without a gap. */
#ifndef RD_DATA_BPE_SPLIT_H
#define RD_DATA_BPE_SPLIT_H

#include <stddef.h>

/* The length in bytes of the word at text[at..n), at least 1; at < n. Invalid UTF-8 counts as
 * characters that are neither letters, numbers nor space. */
size_t rd_bpe_word(const char *text, size_t n, size_t at);

#endif
