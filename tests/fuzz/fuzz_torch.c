/* Files of PyTorch: every tensor read, settings listed. The first byte says what the rest is: 'f' a
 * whole file; 'p' the pickle of a file without zip, 'z' of one with, whose storages "0" and "1"
 * have 64 bytes. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "io/torch_file.h"

enum { STORAGE = 64, LARGEST = 1 << 16 };
static const char storage[STORAGE] = "\0\0\x80\x3f\0\0\0\x40\0\0\0\xc0\1\1\0\0\x80\x7f";

static void add(rd_text *text, const void *bytes, size_t n) {
    FUZZ_CHECK(rd_text_append(text, bytes, n) == RD_OK);
}

static const char *place_pickles(const char *bytes, size_t n) {
    static const char before[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                                 "\x80\x02M\xe9\x03."
                                 "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
    static const char after[] = "\x80\x02](X\x01\0\0\0"
                                "0X\x01\0\0\0"
                                "1e.";
    static const uint64_t count = STORAGE / 4;
    rd_text file = {0};
    add(&file, before, sizeof before - 1);
    add(&file, bytes, n);
    add(&file, after, sizeof after - 1);
    for (int i = 0; i < 2; i++) {
        add(&file, &count, sizeof count);
        add(&file, storage, STORAGE);
    }
    const char *path = fuzz_file(0, file.data, (size_t)file.length);
    rd_text_free(&file);
    return path;
}

static const char *place_zip(const char *bytes, size_t n) {
    fuzz_zip zip = {0};
    fuzz_zip_add(&zip, "a/data.pkl", 10, bytes, n);
    fuzz_zip_add(&zip, "a/data/0", 8, storage, STORAGE);
    fuzz_zip_add(&zip, "a/data/1", 8, storage, STORAGE);
    fuzz_zip_end(&zip);
    const char *path = fuzz_file(0, zip.files.data, (size_t)zip.files.length);
    fuzz_zip_free(&zip);
    return path;
}

static void list_settings(rd_torch_file *file, const rd_pickle_value *value) {
    json_t *settings;
    FUZZ_CHECK(rd_pickle_settings(&file->pickle, value, &settings) == RD_OK || *rd_last_error());
    json_decref(settings);
}

static void read_all(const rd_tensor_file *file) {
    static float values[LARGEST];
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        rd_stored_tensor tensor;
        if (rd_tensor_file_find(file, name, &tensor) == RD_OK && tensor.n <= LARGEST &&
            rd_stored_tensor_read(&tensor, values) == RD_OK)
            continue;
        FUZZ_CHECK(*rd_last_error() || tensor.n > LARGEST);
    }
    const rd_pickle_value *root = file->torch->value, *cfg = rd_pickle_get(root, "cfg");
    list_settings(file->torch, root);
    list_settings(file->torch, rd_pickle_get(root, "args"));
    if (cfg) list_settings(file->torch, rd_pickle_get(cfg, "model"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rd_tensor_file file;
    if (size == 0) return 0;
    const char *bytes = (const char *)data + 1;
    const char *path = *data == 'p'   ? place_pickles(bytes, size - 1)
                       : *data == 'z' ? place_zip(bytes, size - 1)
                                      : fuzz_file(0, bytes, size - 1);
    if (rd_tensor_file_open_torch(&file, path) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return 0;
    }
    read_all(&file);
    rd_tensor_file_close(&file);
    return 0;
}
