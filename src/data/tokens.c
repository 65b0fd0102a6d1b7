#include "data/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

rd_status rd_tokens_add(rd_tokens *tokens, const int32_t *ids, int64_t n) {
    int64_t total = rd_tokens_total(tokens);
    if (total + n > INT32_MAX)
        return rd_error(RD_ERR_ARGUMENT, "too many tokens at once: %lld", (long long)(total + n));
    RD_TRY(rd_reserve(&tokens->ids, &tokens->ids_capacity, total + n, sizeof *tokens->ids));
    RD_TRY(rd_reserve(&tokens->offsets, &tokens->offsets_capacity, tokens->n + 2,
                      sizeof *tokens->offsets));
    if (n > 0) memcpy(tokens->ids + total, ids, sizeof *ids * (size_t)n);
    tokens->offsets[0] = 0;
    tokens->offsets[++tokens->n] = (int32_t)(total + n);
    return RD_OK;
}

void rd_tokens_clear(rd_tokens *tokens) {
    tokens->n = 0;
}

void rd_tokens_free(rd_tokens *tokens) {
    free(tokens->offsets);
    free(tokens->ids);
    *tokens = (rd_tokens){0};
}
