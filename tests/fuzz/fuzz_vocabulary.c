/* Vocabularies of two files: a vocab.json with its merges.txt, and a vocab.json that numbers the
 * pieces of a SentencePiece model (made here); then text through what was accepted, encoded, drawn
 * and decoded. Parts: a line of text, vocab.json, merges.txt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fuzz.h"
#include "rdrop/tokenizer.h"

static void check_ids(const rd_tokenizer *tokenizer, const rd_ids *ids) {
    char *back = NULL;
    size_t length;
    for (int64_t i = 0; i < ids->length; i++)
        FUZZ_CHECK(ids->data[i] >= 0 && ids->data[i] < rd_tokenizer_size(tokenizer));
    if (rd_tokenizer_decode(tokenizer, ids->data, ids->length, &back, &length) == RD_OK)
        FUZZ_CHECK(rd_utf8_invalid_at(back, length) < 0);
    free(back);
    back = NULL;
    if (rd_tokenizer_decode(tokenizer, ids->data, ids->length, &back, NULL) == RD_OK)
        FUZZ_CHECK(rd_text_is_clean(back, strlen(back), false));
    free(back);
}

static void use(const rd_tokenizer *tokenizer, fuzz_part text) {
    rd_ids ids = {0};
    if (rd_tokenizer_encode(tokenizer, text.bytes, text.n, &ids) == RD_OK)
        check_ids(tokenizer, &ids);
    ids.length = 0;
    if (rd_tokenizer_sample(tokenizer, text.bytes, text.n, 0.2f, -1, 7, &ids) == RD_OK)
        check_ids(tokenizer, &ids);
    free(ids.data);
    for (int32_t id = -1; id <= rd_tokenizer_size(tokenizer); id++) {
        const char *piece = rd_tokenizer_piece(tokenizer, id);
        FUZZ_CHECK(!piece || (id >= 0 && id < rd_tokenizer_size(tokenizer)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part text = fuzz_cut(data, size, 0), vocab = fuzz_cut(data, size, 1);
    fuzz_part merges = fuzz_cut(data, size, 2);
    char path[128], model[128];
    rd_tokenizer *tokenizer;
    fuzz_place("vocab.json", 0, vocab.bytes, vocab.n);
    fuzz_place("merges.txt", 1, merges.bytes, merges.n);
    snprintf(path, sizeof path, "%s/vocab.json", fuzz_folder());
    snprintf(model, sizeof model, "%s/source.spm", fuzz_folder());
    for (int mapped = 0; mapped < 2; mapped++) {
        rd_status status = mapped ? rd_tokenizer_open_mapped(&tokenizer, model, path)
                                  : rd_tokenizer_open(&tokenizer, path);
        if (status == RD_OK)
            use(tokenizer, text);
        else
            FUZZ_CHECK(*rd_last_error());
        rd_tokenizer_close(tokenizer);
    }
    return 0;
}
