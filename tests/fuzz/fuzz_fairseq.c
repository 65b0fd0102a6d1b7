/* Checkpoints of fairseq, imported and described. Parts: settings of the model, settings of the
 * task (empty: the layout before 0.10.1), tensors, dict.txt, dict.de.txt, bpecodes. A setting is a
 * line of a name and a value, a tensor one of a name and a shape; all tensors share a storage. */
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "convert/info.h"
#include "fuzz.h"

enum { VALUES = 2048 };

static void add(rd_text *text, const void *bytes, size_t n) {
    FUZZ_CHECK(rd_text_append(text, bytes, n) == RD_OK);
}

static void add_text(rd_text *pickle, const char *bytes, size_t n) {
    uint32_t length = (uint32_t)n;
    add(pickle, "X", 1);
    add(pickle, &length, 4);
    add(pickle, bytes, n);
}

static void add_integer(rd_text *pickle, long value) {
    int32_t number = (int32_t)value;
    add(pickle, "J", 1);
    add(pickle, &number, 4);
}

static void add_float(rd_text *pickle, double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    bits = __builtin_bswap64(bits);
    add(pickle, "G", 1);
    add(pickle, &bits, 8);
}

static void add_value(rd_text *pickle, fuzz_part part) {
    char text[32] = "";
    memcpy(text, part.bytes, part.n < sizeof text ? part.n : sizeof text - 1);
    size_t digits = strspn(text, "-0123456789"), number = strspn(text, "-0123456789.");
    if (strcmp(text, "None") == 0)
        add(pickle, "N", 1);
    else if (strcmp(text, "True") == 0)
        add(pickle, "\x88", 1);
    else if (strcmp(text, "False") == 0)
        add(pickle, "\x89", 1);
    else if (part.n > 0 && digits == part.n)
        add_integer(pickle, strtol(text, NULL, 10));
    else if (part.n > 0 && number == part.n)
        add_float(pickle, strtod(text, NULL));
    else
        add_text(pickle, part.bytes, part.n);
}

static fuzz_part take_until(fuzz_part *rest, char end) {
    const char *at = rest->n ? memchr(rest->bytes, end, rest->n) : NULL;
    fuzz_part taken = {rest->bytes, at ? (size_t)(at - rest->bytes) : rest->n};
    size_t skipped = taken.n + (at ? 1 : 0);
    *rest = (fuzz_part){rest->bytes + skipped, rest->n - skipped};
    return taken;
}

static void add_settings(rd_text *pickle, const char *name, fuzz_part lines) {
    add_text(pickle, name, strlen(name));
    add(pickle, "}(", 2);
    while (lines.n > 0) {
        fuzz_part line = take_until(&lines, '\n'), key = take_until(&line, ' ');
        add_text(pickle, key.bytes, key.n);
        add_value(pickle, line);
    }
    add(pickle, "u", 1);
}

/* Contiguous, from the storage's first value. */
static void add_tensor(rd_text *pickle, fuzz_part line) {
    static const char storage[] = "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"
                                  "ctorch\nFloatStorage\nX\x01\0\0\0"
                                  "0X\x03\0\0\0cpuM\0\x08tQK\0(";
    fuzz_part name = take_until(&line, ' ');
    long shape[4], step = 1;
    int rank = 0;
    for (; line.n > 0 && rank < 4; rank++) {
        char digits[8] = "";
        fuzz_part size = take_until(&line, ' ');
        memcpy(digits, size.bytes, size.n < sizeof digits ? size.n : sizeof digits - 1);
        shape[rank] = strtol(digits, NULL, 10);
    }
    add_text(pickle, name.bytes, name.n);
    add(pickle, storage, sizeof storage - 1);
    for (int i = 0; i < rank; i++) add_integer(pickle, shape[i]);
    add(pickle, "t(", 2);
    for (int i = 0; i < rank; i++) step *= shape[i] ? shape[i] : 1;
    for (int i = 0; i < rank; i++) {
        step /= shape[i] ? shape[i] : 1;
        add_integer(pickle, step);
    }
    add(pickle, "t\x89NtR", 5);
}

static void add_checkpoint(rd_text *pickle, fuzz_part model, fuzz_part task, fuzz_part tensors) {
    add(pickle, "\x80\x02}(", 4);
    if (task.n > 0) {
        add_text(pickle, "cfg", 3);
        add(pickle, "}(", 2);
        add_settings(pickle, "model", model);
        add_settings(pickle, "task", task);
        add(pickle, "u", 1);
    } else
        add_settings(pickle, "args", model);
    add_text(pickle, "model", 5);
    add(pickle, "}(", 2);
    while (tensors.n > 0) add_tensor(pickle, take_until(&tensors, '\n'));
    add(pickle, "uu.", 3);
}

static void place_checkpoint(const rd_text *pickle) {
    static const float values[VALUES] = {3.0f, -0.25f, 1.0f, 2.5f};
    fuzz_zip zip = {0};
    fuzz_zip_add(&zip, "a/data.pkl", 10, pickle->data, (size_t)pickle->length);
    fuzz_zip_add(&zip, "a/data/0", 8, (const char *)values, sizeof values);
    fuzz_zip_end(&zip);
    fuzz_place("model.pt", 0, zip.files.data, (size_t)zip.files.length);
    fuzz_zip_free(&zip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"dict.txt", "dict.de.txt", "bpecodes"};
    fuzz_part parts[6];
    rd_text pickle = {0}, text = {0};
    for (int i = 0; i < 6; i++) parts[i] = fuzz_cut(data, size, i);
    add_checkpoint(&pickle, parts[0], parts[1], parts[2]);
    place_checkpoint(&pickle);
    rd_text_free(&pickle);
    for (int i = 0; i < 3; i++)
        fuzz_place(names[i], 1 + i, parts[3 + i].n ? parts[3 + i].bytes : NULL, parts[3 + i].n);
    if (size % 4 == 0) /* half of the work, on a part of the inputs */
        FUZZ_CHECK(rd_info(fuzz_folder(), &text) == RD_OK || *rd_last_error());
    rd_text_free(&text);
    fuzz_import();
    return 0;
}
