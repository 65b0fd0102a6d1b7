/* SentencePiece models and tokenizer.json, and text through what was accepted. Parts: a line of
 * text, the model (which may hold form feeds itself). */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rdrop/tokenizer.h"

static void use(const rd_tokenizer *tokenizer, const char *text, size_t n) {
    rd_ids ids = {0};
    char *back = NULL;
    size_t length;
    if (rd_tokenizer_encode(tokenizer, text, n, &ids) == RD_OK) {
        for (int64_t i = 0; i < ids.length; i++)
            FUZZ_CHECK(ids.data[i] >= 0 && ids.data[i] < rd_tokenizer_size(tokenizer));
        if (rd_tokenizer_decode(tokenizer, ids.data, ids.length, &back, &length) == RD_OK)
            FUZZ_CHECK(strlen(back) <= length);
        free(back);
    }
    for (int32_t id = -1; id <= rd_tokenizer_size(tokenizer); id++) {
        const char *piece = rd_tokenizer_piece(tokenizer, id);
        FUZZ_CHECK(!piece == (id < 0 || id >= rd_tokenizer_size(tokenizer)));
    }
    FUZZ_CHECK(rd_tokenizer_unk(tokenizer) < rd_tokenizer_size(tokenizer));
    FUZZ_CHECK(rd_tokenizer_eos(tokenizer) < rd_tokenizer_size(tokenizer));
    free(ids.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part text = fuzz_cut(data, size, 0);
    size_t skipped = text.n < size ? text.n + 1 : size;
    rd_tokenizer *tokenizer;
    if (rd_tokenizer_open(&tokenizer, fuzz_file(0, data + skipped, size - skipped)) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return 0;
    }
    use(tokenizer, text.bytes, text.n);
    rd_tokenizer_close(tokenizer);
    return 0;
}
