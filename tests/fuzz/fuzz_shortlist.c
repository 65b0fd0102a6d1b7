/* Shortlists, as they are and with their checksum put right, which only a hostile file has. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "data/shortlist.h"
#include "data/shortlist_file.h"
#include "fuzz.h"

static void open_one(const uint8_t *data, size_t size) {
    rd_shortlist *shortlist;
    if (rd_shortlist_open(&shortlist, fuzz_file(0, data, size)) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    int32_t src_vocab = rd_shortlist_identity(shortlist)->src_vocab;
    int32_t tgt_vocab = rd_shortlist_identity(shortlist)->tgt_vocab;
    if (tgt_vocab < 1 << 20) { /* any number may stand there; a model's must be equal */
        bool *chosen = calloc((size_t)tgt_vocab, sizeof *chosen);
        FUZZ_CHECK(chosen);
        for (int32_t src = 0; src < src_vocab; src++)
            rd_shortlist_choose(shortlist, &src, 1, chosen);
        free(chosen);
    }
    rd_shortlist_close(shortlist);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rd_shortlist_header head;
    open_one(data, size);
    if (size < sizeof head) return 0;
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes);
    memcpy(bytes, data, size);
    memcpy(&head, data, sizeof head);
    memcpy(head.magic, RD_SHORTLIST_MAGIC, sizeof head.magic);
    head.crc = rd_crc32(0, &head, offsetof(rd_shortlist_header, crc));
    head.crc = rd_crc32(head.crc, bytes + sizeof head, size - sizeof head);
    memcpy(bytes, &head, sizeof head);
    open_one(bytes, size);
    free(bytes);
    return 0;
}
