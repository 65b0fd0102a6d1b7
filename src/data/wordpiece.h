/* The inside of a WordPiece tokenizer (BERT): the words of a text, each cut greedily into the
 * longest pieces of the vocabulary. */
#ifndef RD_DATA_WORDPIECE_H
#define RD_DATA_WORDPIECE_H

#include <stdbool.h>

#include <jansson.h>

#include "base/string_table.h"
#include "data/tokenizer_kind.h"
#include "data/wordpiece_split.h"

/* Characters of the longest word that may have pieces, and bytes of it. */
enum { RD_WORDPIECE_WORD = 500, RD_WORDPIECE_BYTES = 4 * RD_WORDPIECE_WORD };

typedef struct {
    rd_string_table strings;
    int32_t *ids;   /* [strings.n] */
    size_t longest; /* bytes */
    int64_t capacity;
} rd_wordpiece_table;

typedef struct {
    rd_tokenizer base;
    rd_wordpiece_rules rules;
    int32_t longest_word; /* in characters, at most RD_WORDPIECE_WORD */
    bool tidy;            /* decoding takes the spaces before punctuation away */
    rd_wordpiece_table starts, continuations; /* pieces at a word's start; after it, without "##" */
    int32_t *spellings;                       /* [size] in starts.strings; -1: no piece */
    bool *special;                            /* [size] */
} rd_wordpiece;

/* Fill all fields after base.kind. On failure too self is as rd_tokenizer_close wants it. `root`: a
 * tokenizer.json; bytes: a vocab.txt, whose rules come from a tokenizer_config.json next to it, if
 * there is one. */
rd_status rd_wordpiece_load_json(rd_wordpiece *self, const char *path, const json_t *root);
rd_status rd_wordpiece_load_text(rd_wordpiece *self, const char *path, const char *bytes, size_t n);

#endif
