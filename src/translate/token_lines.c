#include "translate/token_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void rd_token_lines_free(rd_token_lines *lines) {
    free(lines->ids.data);
    free(lines->offsets);
    *lines = (rd_token_lines){0};
}

static rd_status append_id(rd_ids *ids, int32_t id) {
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof *ids->data));
    ids->data[ids->length++] = id;
    return RD_OK;
}

/* One line, cut to `most` tokens, which bos and eos count among; -1: without. *dropped: tokens cut
 * off. */
static rd_status encode_line(rd_ids *ids, const rd_tokenizer *tokenizer, const char *line,
                             size_t length, int64_t most, int32_t bos, int32_t eos,
                             int32_t *dropped) {
    int64_t start = ids->length;
    if (bos >= 0) RD_TRY(append_id(ids, bos));
    RD_TRY(rd_tokenizer_encode(tokenizer, line, length, ids));
    int64_t excess = ids->length - start + (eos >= 0 ? 1 : 0) - most;
    if (excess > 0) ids->length -= excess;
    *dropped = (int32_t)(excess > 0 ? excess : 0);
    return eos >= 0 ? append_id(ids, eos) : RD_OK;
}

rd_status rd_token_lines_encode(rd_token_lines *out, const rd_tokenizer *tokenizer, int64_t n,
                                const char *const *lines, const size_t *lengths, int64_t most,
                                int32_t bos, int32_t eos, int32_t *dropped) {
    *out = (rd_token_lines){.offsets = rd_calloc((size_t)n + 1, sizeof *out->offsets)};
    rd_status status = out->offsets ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        int32_t cut = 0;
        status = encode_line(&out->ids, tokenizer, lines[i],
                             lengths ? lengths[i] : strlen(lines[i]), most, bos, eos, &cut);
        if (dropped) dropped[i] = cut;
        out->offsets[i + 1] = out->ids.length;
    }
    if (status != RD_OK) rd_token_lines_free(out);
    return status;
}

rd_token_span rd_token_line(const rd_token_lines *lines, int64_t i) {
    int32_t length = (int32_t)(lines->offsets[i + 1] - lines->offsets[i]);
    /* Where no line has any there is no address to add to. */
    return (rd_token_span){length ? lines->ids.data + lines->offsets[i] : NULL, length};
}
