/* Binarized datasets, as they are and with their checksums put right, which only a hostile file
 * has. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "data/batch.h"
#include "fuzz.h"

static volatile int64_t sum;

static void read_all(const rd_dataset *dataset) {
    int32_t src_vocab = rd_dataset_identity(dataset)->src_vocab;
    int32_t tgt_vocab = rd_dataset_identity(dataset)->tgt_vocab;
    for (int64_t i = 0; i < rd_dataset_size(dataset); i++) {
        rd_pair p = rd_dataset_get(dataset, i);
        for (int32_t k = 0; k < p.n_src; k++) FUZZ_CHECK(p.src[k] >= 0 && p.src[k] < src_vocab);
        for (int32_t k = 0; k < p.n_tgt; k++) FUZZ_CHECK(p.tgt[k] >= 0 && p.tgt[k] < tgt_vocab);
        for (int32_t k = 0; p.src_text && k < p.src_text_length; k++) sum += p.src_text[k];
        for (int32_t k = 0; p.tgt_text && k < p.tgt_text_length; k++) sum += p.tgt_text[k];
    }
}

static void batch_all(const rd_dataset *dataset) {
    rd_batcher *batcher;
    rd_batcher_config config = {.max_tokens = 64, .seed = 1};
    if (rd_batcher_new(&batcher, dataset, &config) != RD_OK) return;
    rd_batch batch = {0};
    FUZZ_CHECK(rd_batcher_set_epoch(batcher, 1) == RD_OK);
    for (int64_t i = 0; i < rd_batcher_size(batcher); i++)
        FUZZ_CHECK(rd_batcher_get(batcher, i, &batch) == RD_OK);
    rd_batch_free(&batch);
    rd_batcher_free(batcher);
}

static void open_one(const uint8_t *data, size_t size) {
    rd_dataset *dataset;
    if (rd_dataset_open(&dataset, fuzz_file(0, data, size)) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    read_all(dataset);
    batch_all(dataset);
    rd_dataset_close(dataset);
}

/* The header's layout is data/dataset.c's. */
enum { INDEX_OFFSET = 264, INDEX_CRC = 276, DATA_CRC = 280, HEADER_CRC = 284, HEADER = 288 };

static void put_crc(uint8_t *at, const uint8_t *from, size_t n) {
    uint32_t crc = rd_crc32(0, from, n);
    memcpy(at, &crc, sizeof crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    open_one(data, size);
    if (size < HEADER) return 0;
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes);
    memcpy(bytes, data, size);
    memcpy(bytes, "RDDATA02", 8);
    uint64_t index;
    memcpy(&index, bytes + INDEX_OFFSET, sizeof index);
    if (index >= HEADER && index <= size) {
        put_crc(bytes + INDEX_CRC, bytes + index, size - index);
        put_crc(bytes + DATA_CRC, bytes + HEADER, index - HEADER);
    }
    put_crc(bytes + HEADER_CRC, bytes, HEADER_CRC);
    open_one(bytes, size);
    free(bytes);
    return 0;
}
