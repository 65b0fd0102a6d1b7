/* Hugging Face directories, imported and described. Parts: config.json, vocab.json,
 * generation_config.json, model.safetensors.index.json (empty: one file), header of the safetensors
 * file, its data. */
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "convert/info.h"
#include "fuzz.h"

/* The header's length, the header, the rest of the input. */
static void place_tensors(const char *name, const uint8_t *data, size_t size, fuzz_part header) {
    const char *rest = header.bytes + header.n, *end = (const char *)data + size;
    if (rest < end) rest++;
    size_t n = header.n ? (size_t)(end - rest) : 0;
    uint64_t length = header.n;
    char *bytes = malloc(8 + header.n + n);
    FUZZ_CHECK(bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header.bytes, header.n);
    if (n) memcpy(bytes + 8 + header.n, rest, n);
    fuzz_place(name, 4, bytes, 8 + header.n + n);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"config.json", "vocab.json", "generation_config.json",
                                        "model.safetensors.index.json"};
    fuzz_part parts[5];
    rd_text text = {0};
    for (int i = 0; i < 5; i++) parts[i] = fuzz_cut(data, size, i);
    for (int i = 0; i < 4; i++)
        fuzz_place(names[i], i, i < 2 || parts[i].n ? parts[i].bytes : NULL, parts[i].n);
    place_tensors(parts[3].n ? "shard" : "model.safetensors", data, size, parts[4]);
    if (size % 4 == 0) /* half of the work, on a part of the inputs */
        FUZZ_CHECK(rd_info(fuzz_folder(), &text) == RD_OK || *rd_last_error());
    rd_text_free(&text);
    fuzz_import();
    return 0;
}
