/* Dictionaries of words and of characters: text files of lines "SYMBOL COUNT", whose ids count on
 * from 4, after <s>, <pad>, </s> and <unk>, as in fairseq's dict.txt. A dictionary of characters
 * (characters.txt) names them by code point, "U+0065 94611", line ends (U+000A) and spaces, too. A
 * symbol <mask> is a piece that no text gives. */
#ifndef RD_DATA_DICTIONARY_H
#define RD_DATA_DICTIONARY_H

#include <stdbool.h>

#include "base/string_table.h"

enum {
    RD_DICTIONARY_BOS,
    RD_DICTIONARY_PAD,
    RD_DICTIONARY_EOS,
    RD_DICTIONARY_UNK,
    RD_DICTIONARY_SPECIAL
};

/* symbols: a table to fill, with the special ones; bytes[0..n) NUL-terminated. A symbol that comes
 * twice is an error. */
rd_status rd_dictionary_read(rd_string_table *symbols, const char *path, const char *bytes,
                             size_t n, bool characters);

/* Moves *at past the next word of text[0..n), as Python's split() finds it, and sets *word and
 * *hash; returns its length, 0 at the end. Invalid UTF-8 is not white space. */
size_t rd_dictionary_word(const char *text, size_t n, size_t *at, const char **word,
                          uint64_t *hash);

typedef struct {
    bool characters;   /* else words */
    int64_t threshold; /* symbols that come fewer times are left out */
    int64_t most;      /* symbols kept, with the special ones; 0: all */
    float coverage;    /* share of the text that the characters kept make up */
    bool mask;         /* a symbol <mask>, id 4 */
} rd_dictionary_config;

/* Counts the symbols of all lines of `paths` (gz or plain), and of each line's end where characters
 * are symbols, and writes them to `path`, atomically: by falling count, equal counts by code
 * points. Words are filled up to a multiple of 8 with madeupword0000, ... as fairseq does.
 * Memory is that of the different symbols. */
rd_status rd_dictionary_build(const rd_dictionary_config *config, const char *const *paths,
                              int n_paths, const char *path);

#endif
