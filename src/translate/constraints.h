/* The target phrases that translations of lines must contain: constraints given with the lines,
 * translations of a glossary's terms in them, and strings to keep. */
#ifndef RD_TRANSLATE_CONSTRAINTS_H
#define RD_TRANSLATE_CONSTRAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "search/search.h"
#include "translate/edges.h"

typedef struct {
    int64_t text;  /* where the phrase begins in the texts, NUL-terminated */
    int64_t first; /* of its ids */
    int32_t n_ids;
    bool kept; /* from the line itself: inserted later if it is missing */
} rd_constraint;

typedef struct {
    const rd_tokenizer *tokenizer; /* of targets */
    rd_text texts;
    rd_ids ids;
    int64_t n, capacity;
    rd_constraint *terms; /* [n], each line's in a row */
    int64_t *offsets;     /* [n_lines + 1] in terms */
    rd_token_span *spans; /* [n]; without tokens if the vocabulary cannot write the phrase */
    rd_edges edges;       /* none where there are no phrases */
} rd_line_constraints;

enum { RD_MOST_CONSTRAINTS = 4096 }; /* of a line */

/* The constraints that the options' constraints, glossary and keep set on n_lines lines of
 * lengths[] bytes, or NUL-terminated ones if that is NULL. rows: target ids of the model.
 * RD_ERR_FORMAT for more than RD_MOST_CONSTRAINTS constraints of a line; more terms of the glossary
 * are left out. Release with rd_line_constraints_free, also after a failure. */
rd_status rd_line_constraints_make(rd_line_constraints *terms, const rd_tokenizer *target,
                                   int32_t rows, int64_t n_lines, const char *const *lines,
                                   const size_t *lengths, const rd_translate_options *options);
void rd_line_constraints_free(rd_line_constraints *terms);

/* The phrases of line i: [*n]. */
const rd_token_span *rd_line_constraints_of(const rd_line_constraints *terms, int64_t line,
                                            int32_t *n);

/* The phrases of line i that its translation, as tokens and as text, lacks, tab-separated and
 * malloc'ed in *unmet; NULL: none. */
rd_status rd_line_constraints_unmet(const rd_line_constraints *terms, int64_t line,
                                    const int32_t *tokens, int32_t length, const char *text,
                                    char **unmet);

#endif
