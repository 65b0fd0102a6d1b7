/* Models of Marian, imported and described. Parts: decoder.yml, vocab.yml, the settings, then
 * arrays: a line with the name, a line with the header, the data. Or, after an empty decoder.yml, a
 * whole .npz file. Or, after a vertical tab, two bytes that say how long it is, a SentencePiece
 * model that is the vocabulary, then such a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/convert.h"
#include "convert/info.h"
#include "fuzz.h"

static void add(rd_text *text, const void *bytes, size_t n) {
    FUZZ_CHECK(rd_text_append(text, bytes, n) == RD_OK);
}

/* The array as a .npy file. */
static void add_array(fuzz_zip *a, const char *name, size_t n_name, const char *header,
                      size_t n_header, const char *data, size_t n) {
    rd_text bytes = {0}, full = {0};
    uint16_t length = (uint16_t)n_header;
    add(&bytes, "\x93NUMPY\1\0", 8);
    add(&bytes, &length, 2);
    add(&bytes, header, length);
    add(&bytes, data, n);
    add(&full, name, n_name);
    add(&full, ".npy", 4);
    fuzz_zip_add(a, full.data, (size_t)full.length, bytes.data, (size_t)bytes.length);
    rd_text_free(&full);
    rd_text_free(&bytes);
}

static void add_settings(fuzz_zip *a, fuzz_part settings) {
    char header[96];
    int n = snprintf(header, sizeof header,
                     "{'descr': '|i1', 'fortran_order': False, 'shape': (%zu,)}", settings.n);
    add_array(a, "special:model.yml", 17, header, (size_t)n, settings.bytes, settings.n);
}

static void add_part(fuzz_zip *a, fuzz_part part) {
    const char *end = part.bytes + part.n;
    const char *header = part.n ? memchr(part.bytes, '\n', part.n) : NULL;
    const char *data = header ? memchr(header + 1, '\n', (size_t)(end - header - 1)) : NULL;
    if (!data) return;
    add_array(a, part.bytes, (size_t)(header - part.bytes), header + 1, (size_t)(data - header - 1),
              data + 1, (size_t)(end - data - 1));
}

static void place_model(const uint8_t *data, size_t size, fuzz_part settings) {
    fuzz_zip a = {0};
    add_settings(&a, settings);
    for (int i = 3; i < 64; i++) {
        fuzz_part part = fuzz_cut(data, size, i);
        if (part.n == 0) break;
        add_part(&a, part);
    }
    fuzz_zip_end(&a);
    fuzz_place("model.npz", 2, a.files.data, (size_t)a.files.length);
    fuzz_zip_free(&a);
}

static void place_parts(const uint8_t *data, size_t size) {
    static const char usual[] = "models: [model.npz]\nvocabs: [vocab.yml, vocab.yml]\n";
    fuzz_part decoder = fuzz_cut(data, size, 0), vocab = fuzz_cut(data, size, 1);
    fuzz_place("vocab.yml", 1, vocab.bytes, vocab.n);
    if (decoder.n > 0) {
        fuzz_place("decoder.yml", 0, decoder.bytes, decoder.n);
        place_model(data, size, fuzz_cut(data, size, 2));
    } else {
        size_t skipped = 1 + vocab.n + 1 < size ? 1 + vocab.n + 1 : size;
        fuzz_place("decoder.yml", 0, usual, sizeof usual - 1);
        fuzz_place("model.npz", 2, data + skipped, size - skipped);
    }
}

static void place_pieces(const uint8_t *data, size_t size) {
    static const char usual[] = "models: [model.npz]\nvocabs: [vocab.spm, vocab.spm]\n";
    size_t n = (size_t)data[0] | (size_t)data[1] << 8;
    if (n > size - 2) n = size - 2;
    fuzz_place("decoder.yml", 0, usual, sizeof usual - 1);
    fuzz_place("vocab.spm", 1, data + 2, n);
    fuzz_place("model.npz", 2, data + 2 + n, size - 2 - n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rd_text text = {0};
    if (size >= 3 && data[0] == '\v')
        place_pieces(data + 1, size - 1);
    else
        place_parts(data, size);
    if (size % 4 == 0) /* half of the work, on a part of the inputs */
        FUZZ_CHECK(rd_info(fuzz_folder(), &text) == RD_OK || *rd_last_error());
    rd_text_free(&text);
    fuzz_import();
    return 0;
}
