/* Packed token sequences: end to end, with offsets and no padding. */
#ifndef RD_DATA_TOKENS_H
#define RD_DATA_TOKENS_H

#include <stdint.h>

#include "base/error.h"

/* Sequence i is ids[offsets[i] .. offsets[i + 1]). {0} is empty. */
typedef struct {
    int64_t n;
    int32_t *offsets; /* [n + 1] from 0; NULL while nothing was ever added */
    int32_t *ids;     /* [offsets[n]] */
    int64_t offsets_capacity, ids_capacity;
} rd_tokens;

rd_status rd_tokens_add(rd_tokens *tokens, const int32_t *ids, int64_t n); /* one sequence more */
void rd_tokens_clear(rd_tokens *tokens);                                   /* capacity kept */
void rd_tokens_free(rd_tokens *tokens);

/* Tokens in all sequences. */
static inline int64_t rd_tokens_total(const rd_tokens *tokens) {
    return tokens->n > 0 ? tokens->offsets[tokens->n] : 0;
}

static inline int32_t rd_tokens_length(const rd_tokens *tokens, int64_t i) {
    return tokens->offsets[i + 1] - tokens->offsets[i];
}

#endif
