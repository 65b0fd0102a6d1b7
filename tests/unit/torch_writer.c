#include "torch_writer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/output.h"
#include "golden.h"
#include "io/safetensors.h"

/* A magic number, a version, a description of the machine. */
static const char prelude[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                              "\x80\x02M\xe9\x03."
                              "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";

static void add(rd_text *text, const void *bytes, size_t n) {
    must(rd_text_append(text, bytes, n));
}

static void add_number(rd_text *text, char op, int32_t number) {
    add(text, &op, 1);
    add(text, &number, sizeof number);
}

static void add_text(rd_text *text, const char *string) {
    add_number(text, 'X', (int32_t)strlen(string));
    add(text, string, strlen(string));
}

rd_text torch_file_of(const char *body, size_t n, const float *values, int64_t n_values) {
    rd_text file = {0};
    add(&file, prelude, sizeof prelude - 1);
    add(&file, body, n);
    add(&file, "\x80\x02]", 3);
    if (values) {
        add_text(&file, "0");
        add(&file, "a", 1);
    }
    add(&file, ".", 1);
    if (values) {
        add(&file, &n_values, sizeof n_values);
        add(&file, values, (size_t)n_values * sizeof *values);
    }
    return file;
}

static void add_tuple(rd_text *body, const int64_t *numbers, int32_t n) {
    add(body, "(", 1);
    for (int32_t i = 0; i < n; i++) add_number(body, 'J', (int32_t)numbers[i]);
    add(body, "t", 1);
}

/* The storages are keyed by the numbers of their tensors. */
static void add_tensor(rd_text *body, const rd_stored_tensor *t, const char *key) {
    static const char rebuild[] = "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage";
    int64_t strides[RD_TENSOR_RANK] = {0}, step = 1;
    for (int32_t d = t->rank - 1; d >= 0; step *= t->shape[d--]) strides[d] = step;
    add_text(body, t->name);
    add(body, rebuild, sizeof rebuild - 1);
    must(rd_text_printf(body, "ctorch\n%sStorage\n",
                        strcmp(t->dtype, "BF16") == 0  ? "BFloat16"
                        : strcmp(t->dtype, "F16") == 0 ? "Half"
                                                       : "Float"));
    add_text(body, key);
    add_text(body, "cpu");
    add_number(body, 'J', (int32_t)t->n);
    add(body, "tQK\0", 4);
    add_tuple(body, t->shape, t->rank);
    add_tuple(body, strides, t->rank);
    add(body,
        "\x89"
        "ccollections\nOrderedDict\n)RtR",
        30);
}

void torch_write_tensors(const char *path, const char *safetensors, int first, int step) {
    rd_tensor_file file;
    rd_text body = {0}, keys = {0}, data = {0};
    const char *name;
    json_t *value;
    int i = 0;
    must(rd_tensor_file_open(&file, safetensors));
    add(&body, "\x80\x02}(", 4);
    add(&keys, "\x80\x02](", 4);
    json_object_foreach(file.header, name, value) {
        rd_stored_tensor tensor;
        char key[16];
        if (!rd_tensor_file_has(&file, name) || i++ % step != first) continue;
        must(rd_tensor_file_find(&file, name, &tensor));
        snprintf(key, sizeof key, "%d", i);
        add_tensor(&body, &tensor, key);
        add_text(&keys, key);
        add(&data, &tensor.n, sizeof tensor.n);
        add(&data, tensor.bytes, tensor.n_bytes);
    }
    add(&body, "u.", 2);
    add(&keys, "e.", 2);
    rd_text all = {0};
    add(&all, prelude, sizeof prelude - 1);
    add(&all, body.data, (size_t)body.length);
    add(&all, keys.data, (size_t)keys.length);
    add(&all, data.data, (size_t)data.length);
    must(rd_write_file(path, all.data, (size_t)all.length));
    rd_text_free(&all);
    rd_text_free(&body);
    rd_text_free(&keys);
    rd_text_free(&data);
    rd_tensor_file_close(&file);
}
