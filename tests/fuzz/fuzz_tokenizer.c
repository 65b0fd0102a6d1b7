/* SentencePiece models and tokenizer.json, and the same bytes as a vocab.txt (with a
 * tokenizer_config.json that is the text), a dict.txt and a characters.txt; and text through what
 * was accepted. Parts: a line of text, the model (which may hold form feeds itself). */
#include <stdio.h>
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
        bool inside = id >= 0 && id < rd_tokenizer_size(tokenizer);
        FUZZ_CHECK(!piece || inside);
        FUZZ_CHECK(piece || !inside || rd_tokenizer_is_mapped(tokenizer));
    }
    FUZZ_CHECK(rd_tokenizer_unk(tokenizer) < rd_tokenizer_size(tokenizer));
    FUZZ_CHECK(rd_tokenizer_eos(tokenizer) < rd_tokenizer_size(tokenizer));
    free(ids.data);
}

static void try(const char *path, fuzz_part text) {
    rd_tokenizer *tokenizer;
    if (rd_tokenizer_open(&tokenizer, path) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    use(tokenizer, text.bytes, text.n);
    rd_tokenizer_close(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"vocab.txt", "dict.txt", "characters.txt"};
    fuzz_part text = fuzz_cut(data, size, 0);
    size_t skipped = text.n < size ? text.n + 1 : size;
    const uint8_t *model = data + skipped;
    try(fuzz_file(0, model, size - skipped), text);
    bool json = text.n > 0 && text.bytes[0] == '{';
    fuzz_place("tokenizer_config.json", 1, json ? text.bytes : NULL, text.n);
    for (int i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), names[i]);
        fuzz_place(names[i], 2 + i, model, size - skipped);
        try(path, text);
    }
    return 0;
}
