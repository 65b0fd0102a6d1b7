/* Lines of text as tokens. */
#ifndef RD_TRANSLATE_TOKEN_LINES_H
#define RD_TRANSLATE_TOKEN_LINES_H

#include <stdint.h>

#include "rdrop/tokenizer.h"
#include "search/search.h"

/* `ids` holds the tokens of all lines, those of line i from offsets[i] to offsets[i + 1]. */
typedef struct {
    rd_ids ids;
    int64_t *offsets; /* [n + 1] */
} rd_token_lines;

/* Lines [n] of lengths[] bytes, or NUL-terminated where that is NULL; each cut to `most` tokens,
 * which bos and eos count among; these -1: without. dropped: [n] tokens cut off, or NULL. */
rd_status rd_token_lines_encode(rd_token_lines *out, const rd_tokenizer *tokenizer, int64_t n,
                                const char *const *lines, const size_t *lengths, int64_t most,
                                int32_t bos, int32_t eos, int32_t *dropped);
void rd_token_lines_free(rd_token_lines *lines);

/* Line i; valid as long as the lines. */
rd_token_span rd_token_line(const rd_token_lines *lines, int64_t i);

#endif
