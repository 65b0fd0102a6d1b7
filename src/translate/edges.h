/* Where words begin and end among the pieces of a vocabulary, for phrases that translations must
 * contain. */
#ifndef RD_TRANSLATE_EDGES_H
#define RD_TRANSLATE_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/tokenizer.h"
#include "search/search.h"

enum { RD_MARK_KINDS = 4 };

typedef struct {
    uint8_t *flags; /* [size] RD_EDGE_* */
    int32_t size;   /* rows of the model's embeddings, or pieces */
    /* Pieces that are one final mark, -1 for none: full stops, exclamation marks, question marks,
     * others, of all the world's scripts. */
    int32_t marks[RD_MARK_KINDS][RD_MOST_MARKS];
} rd_edges;

/* size: of the model's vocabulary, which may have more ids than there are pieces. Release with
 * rd_edges_free, also after a failure. */
rd_status rd_edges_make(rd_edges *edges, const rd_tokenizer *tokenizer, int32_t size);
void rd_edges_free(rd_edges *edges);

/* The pieces that end a translation as the line text[0..n) ends; NULL if it has no final mark. */
const int32_t *rd_final_marks(const rd_edges *edges, const char *text, size_t n);

/* Whether c is one of the final marks that end a sentence: not a colon, which announces what
 * follows, nor a semicolon, which ends "&amp;". */
bool rd_ends_sentence(uint32_t c);

/* Whether text[begin..end) has no letter or digit of the same word before or after it. Scripts
 * without blanks between words have no such edges. */
bool rd_is_whole(const char *text, size_t n, size_t begin, size_t end);

#endif
