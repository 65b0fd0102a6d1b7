#include "data/piece_flags.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

rd_status rd_piece_flags_new(rd_piece_flags *p, const rd_tokenizer *tokenizer) {
    *p = (rd_piece_flags){.vocab = rd_tokenizer_size(tokenizer)};
    p->flags = rd_calloc((size_t)p->vocab, sizeof *p->flags);
    p->text = rd_malloc((size_t)p->vocab, sizeof *p->text);
    if (!p->flags || !p->text) return RD_ERR_MEMORY;
    for (int32_t id = 0; id < p->vocab; id++) {
        if (!rd_tokenizer_is_text(tokenizer, id)) continue;
        int flags = RD_PIECE_TEXT;
        if (rd_tokenizer_begins_word(tokenizer, id)) flags |= RD_PIECE_BEGINS_WORD;
        if (rd_tokenizer_ends_word(tokenizer, id)) flags |= RD_PIECE_ENDS_WORD;
        if (rd_ends_with(rd_tokenizer_piece(tokenizer, id), ".")) flags |= RD_PIECE_STOPS;
        p->flags[id] = (uint8_t)flags;
        p->text[p->n_text++] = id;
    }
    return RD_OK;
}

void rd_piece_flags_free(rd_piece_flags *p) {
    free(p->text);
    free(p->flags);
}
