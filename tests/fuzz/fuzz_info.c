/* --info of a model that was trained here: its settings, the header of its weights, and the history
 * of its training. Parts: config.yaml, header of the safetensors file, train.jsonl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/info.h"
#include "fuzz.h"
#include "train/report.h"

static void place_weights(fuzz_part header) {
    static const char zeros[4096];
    rd_text file = {0};
    uint64_t n = header.n;
    FUZZ_CHECK(rd_text_append(&file, (const char *)&n, sizeof n) == RD_OK);
    FUZZ_CHECK(rd_text_append(&file, header.bytes, header.n) == RD_OK);
    FUZZ_CHECK(rd_text_append(&file, zeros, sizeof zeros) == RD_OK);
    fuzz_place("model.safetensors", 1, file.data, (size_t)file.length);
    rd_text_free(&file);
}

static void describe(const char *path) {
    rd_text text = {0};
    if (rd_info(path, &text) == RD_OK)
        FUZZ_CHECK(text.length > 0 && rd_text_is_clean(text.data, (size_t)text.length, false));
    else
        FUZZ_CHECK(*rd_last_error() &&
                   rd_text_is_clean(rd_last_error(), strlen(rd_last_error()), false));
    rd_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part config = fuzz_cut(data, size, 0), header = fuzz_cut(data, size, 1);
    fuzz_part events = fuzz_cut(data, size, 2);
    rd_train_history history = {0};
    char path[128];
    fuzz_place("config.yaml", 0, config.bytes, config.n);
    fuzz_place("train.jsonl", 2, events.bytes, events.n);
    place_weights(header);
    describe(fuzz_folder());
    snprintf(path, sizeof path, "%s/model.safetensors", fuzz_folder());
    describe(path);
    snprintf(path, sizeof path, "%s/train.jsonl", fuzz_folder());
    if (rd_train_history_read(&history, path) != RD_OK) FUZZ_CHECK(*rd_last_error());
    rd_train_history_free(&history);
    return 0;
}
