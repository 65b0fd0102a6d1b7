/* Pictures of files that hold samples as they are: MNIST's idx files and CIFAR's binary ones. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/byte_source.h"
#include "data/picture.h"
#include "data/picture_source_kind.h"

static rd_status read_exactly(rd_byte_source *source, const char *path, void *to, size_t n) {
    size_t got;
    rd_status status = rd_byte_source_fill(source, to, n, &got);
    if (status != RD_OK) return rd_error_prefix(status, "%s", path);
    return got == n ? RD_OK : rd_error(RD_ERR_FORMAT, "%s: cut short", path);
}

/* *bytes gets the header, and room for `samples` after it. */
static rd_status begin_raw(rd_text *bytes, int32_t width, int32_t height, int32_t channels,
                           uint8_t **samples) {
    int64_t n = RD_RAW_PICTURE_HEADER + (int64_t)width * height * channels;
    RD_TRY(rd_text_reserve(bytes, (size_t)n));
    bytes->length = n;
    rd_raw_picture_header((uint8_t *)bytes->data, width, height, channels);
    *samples = (uint8_t *)bytes->data + RD_RAW_PICTURE_HEADER;
    return RD_OK;
}

/* ---- idx: a magic number, the sizes in big-endian 32 bits, the bytes ---- */

typedef struct {
    rd_byte_source *pictures, *labels;
    char *path, *labels_path;
    int64_t n, number;
    int32_t width, height;
    uint8_t *skipped; /* [height, width] */
} idx;

static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* sizes: [n_sizes], of unsigned bytes. */
static rd_status read_idx_header(rd_byte_source **source, const char *path, int n_sizes,
                                 uint32_t *sizes) {
    uint8_t header[16];
    rd_status status = rd_byte_source_open(source, path);
    if (status != RD_OK) return rd_error_prefix(status, "%s", path);
    RD_TRY(read_exactly(*source, path, header, (size_t)(4 + 4 * n_sizes)));
    if (big_endian(header) != 0x800U + (uint32_t)n_sizes)
        return rd_error(RD_ERR_FORMAT,
                        "%s: not an idx file of bytes in %d dimensions (it begins with %08x)", path,
                        n_sizes, big_endian(header));
    for (int i = 0; i < n_sizes; i++) sizes[i] = big_endian(header + 4 + 4 * i);
    return RD_OK;
}

/* "...-images-idx3-ubyte.gz" to "...-labels-idx1-ubyte.gz", or without ".gz", whichever is there.
 */
static rd_status find_labels(idx *x) {
    static const char of_pictures[] = "images-idx3", of_labels[] = "labels-idx1";
    char *labels = rd_strdup(x->path), *slash = labels ? strrchr(labels, '/') : NULL;
    if (!labels) return RD_ERR_MEMORY;
    char *at = strstr(slash ? slash : labels, of_pictures);
    x->labels_path = labels;
    if (!at)
        return rd_error(RD_ERR_FORMAT,
                        "%s: expected ...%s-ubyte, so that the labels are in ...%s-ubyte", x->path,
                        of_pictures, of_labels);
    memcpy(at, of_labels, sizeof of_labels - 1);
    if (!rd_file_exists(labels) && rd_ends_with(labels, ".gz"))
        labels[strlen(labels) - strlen(".gz")] = '\0';
    return RD_OK;
}

static rd_status idx_open(void **self, const char *path, const char *prefix) {
    (void)prefix;
    uint32_t sizes[3] = {0}, n_labels = 0;
    idx *x = *self = rd_calloc(1, sizeof *x);
    if (!x) return RD_ERR_MEMORY;
    x->path = rd_strdup(path);
    if (!x->path) return RD_ERR_MEMORY;
    RD_TRY(find_labels(x));
    RD_TRY(read_idx_header(&x->pictures, path, 3, sizes));
    RD_TRY(read_idx_header(&x->labels, x->labels_path, 1, &n_labels));
    if (sizes[0] != n_labels)
        return rd_error(RD_ERR_FORMAT, "%s has %u pictures, %s %u labels", path, sizes[0],
                        x->labels_path, n_labels);
    if (sizes[1] < 1 || sizes[1] > RD_LONGEST_SIDE || sizes[2] < 1 || sizes[2] > RD_LONGEST_SIDE ||
        (int64_t)sizes[1] * sizes[2] > RD_MOST_PIXELS)
        return rd_error(RD_ERR_FORMAT, "%s: pictures of %u x %u pixels", path, sizes[2], sizes[1]);
    x->n = sizes[0];
    x->height = (int32_t)sizes[1];
    x->width = (int32_t)sizes[2];
    x->skipped = rd_malloc((size_t)x->width * (size_t)x->height, 1);
    return x->skipped ? RD_OK : RD_ERR_MEMORY;
}

static void idx_close(void *self) {
    idx *x = self;
    if (!x) return;
    rd_byte_source_close(x->pictures);
    rd_byte_source_close(x->labels);
    free(x->path);
    free(x->labels_path);
    free(x->skipped);
    free(x);
}

static rd_status idx_next(void *self, bool with_bytes, rd_labelled_picture *picture, bool *more) {
    idx *x = self;
    uint8_t label, *samples = x->skipped;
    if (x->number == x->n) return RD_OK;
    *more = true;
    RD_TRY(read_exactly(x->labels, x->labels_path, &label, 1));
    if (with_bytes) RD_TRY(begin_raw(&picture->bytes, x->width, x->height, 1, &samples));
    RD_TRY(read_exactly(x->pictures, x->path, samples, (size_t)x->width * (size_t)x->height));
    RD_TRY(rd_text_printf(&picture->label, "%d", label));
    picture->numbered = true;
    return rd_text_printf(&picture->name, "%s: picture %lld", x->path, (long long)++x->number);
}

const rd_picture_source_kind rd_picture_idx = {idx_open, idx_next, idx_close};

/* ---- CIFAR ---- */

rd_status rd_cifar_labels(const char *path, int64_t size, int *n_labels) {
    for (*n_labels = 1; *n_labels <= 2; ++*n_labels)
        if (size > 0 && size % (RD_CIFAR_SAMPLES + *n_labels) == 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: %lld bytes are no whole number of CIFAR's records (%d or %d bytes)", path,
                    (long long)size, RD_CIFAR_SAMPLES + 1, RD_CIFAR_SAMPLES + 2);
}

rd_status rd_cifar_picture(const char *path, int64_t number, const uint8_t *record, int n_labels,
                           bool with_bytes, rd_labelled_picture *picture) {
    enum { PIXELS = RD_CIFAR_SIDE * RD_CIFAR_SIDE };
    uint8_t *samples;
    RD_TRY(rd_text_printf(&picture->label, "%d", record[n_labels - 1]));
    picture->numbered = true;
    RD_TRY(rd_text_printf(&picture->name, "%s: picture %lld", path, (long long)number + 1));
    if (!with_bytes) return RD_OK;
    RD_TRY(begin_raw(&picture->bytes, RD_CIFAR_SIDE, RD_CIFAR_SIDE, 3, &samples));
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < PIXELS; i++) samples[3 * i + c] = record[n_labels + c * PIXELS + i];
    return RD_OK;
}

typedef struct {
    rd_byte_source *source;
    char *path;
    int64_t n, number;
    int n_labels;
} cifar;

static rd_status cifar_open(void **self, const char *path, const char *prefix) {
    (void)prefix;
    struct stat info = {.st_size = 0};
    cifar *c = *self = rd_calloc(1, sizeof *c);
    if (!c) return RD_ERR_MEMORY;
    c->path = rd_strdup(path);
    if (!c->path) return RD_ERR_MEMORY;
    rd_status status = rd_byte_source_open(&c->source, path);
    if (status != RD_OK) return rd_error_prefix(status, "%s", path);
    if (rd_ends_with(path, ".gz"))
        return rd_error(RD_ERR_FORMAT,
                        "%s: CIFAR's files are read as they are; decompress it "
                        "(gzip -d)",
                        path);
    stat(path, &info);
    RD_TRY(rd_cifar_labels(path, info.st_size, &c->n_labels));
    c->n = info.st_size / (RD_CIFAR_SAMPLES + c->n_labels);
    return RD_OK;
}

static void cifar_close(void *self) {
    cifar *c = self;
    if (!c) return;
    rd_byte_source_close(c->source);
    free(c->path);
    free(c);
}

static rd_status cifar_next(void *self, bool with_bytes, rd_labelled_picture *picture, bool *more) {
    cifar *c = self;
    uint8_t record[RD_CIFAR_SAMPLES + 2] = {0};
    if (c->number == c->n) return RD_OK;
    *more = true;
    RD_TRY(read_exactly(c->source, c->path, record, (size_t)(RD_CIFAR_SAMPLES + c->n_labels)));
    return rd_cifar_picture(c->path, c->number++, record, c->n_labels, with_bytes, picture);
}

const rd_picture_source_kind rd_picture_cifar = {cifar_open, cifar_next, cifar_close};
