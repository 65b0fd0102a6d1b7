#include "data/picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/picture_codec.h"

rd_status rd_picture_reshape(rd_picture *picture, int64_t width, int64_t height, int32_t channels) {
    if (width < 1 || height < 1)
        return rd_error(RD_ERR_FORMAT, "a picture of %lld x %lld pixels", (long long)width,
                        (long long)height);
    if (width > RD_LONGEST_SIDE || height > RD_LONGEST_SIDE || width * height > RD_MOST_PIXELS)
        return rd_error(RD_ERR_FORMAT, "%lld x %lld pixels; at most %d, and %d a side, are decoded",
                        (long long)width, (long long)height, (int)RD_MOST_PIXELS,
                        (int)RD_LONGEST_SIDE);
    RD_TRY(rd_reserve(&picture->samples, &picture->capacity, width * height * channels, 1));
    picture->width = (int32_t)width;
    picture->height = (int32_t)height;
    picture->channels = channels;
    return RD_OK;
}

void rd_picture_free(rd_picture *picture) {
    free(picture->samples);
    *picture = (rd_picture){0};
}

static const uint8_t RAW_MAGIC[4] = {'R', 'D', 'P', 'X'};

/* Little-endian 32 bits. */
static void put_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void rd_raw_picture_header(uint8_t header[RD_RAW_PICTURE_HEADER], int32_t width, int32_t height,
                           int32_t channels) {
    memcpy(header, RAW_MAGIC, sizeof RAW_MAGIC);
    put_u32(header + 4, (uint32_t)width);
    put_u32(header + 8, (uint32_t)height);
    put_u32(header + 12, (uint32_t)channels);
}

static rd_status decode_raw(rd_picture *picture, const uint8_t *bytes, size_t n) {
    if (n < RD_RAW_PICTURE_HEADER) return rd_error(RD_ERR_FORMAT, "cut short");
    uint32_t channels = get_u32(bytes + 12);
    if (channels != 1 && channels != 3)
        return rd_error(RD_ERR_FORMAT, "samples of %u channels; expected 1 or 3", channels);
    RD_TRY(rd_picture_reshape(picture, get_u32(bytes + 4), get_u32(bytes + 8), (int32_t)channels));
    size_t size = (size_t)picture->width * (size_t)picture->height * channels;
    if (n - RD_RAW_PICTURE_HEADER != size)
        return rd_error(RD_ERR_FORMAT, "%zu samples, expected %zu", n - RD_RAW_PICTURE_HEADER,
                        size);
    memcpy(picture->samples, bytes + RD_RAW_PICTURE_HEADER, size);
    return RD_OK;
}

/* In place: samples of fewer channels begin at or before those that they are made of, of more end
 * at or after them. */
static void to_grey(rd_picture *picture) {
    int64_t n = (int64_t)picture->width * picture->height;
    uint8_t *s = picture->samples;
    for (int64_t i = 0; i < n; i++) s[i] = rd_luma(s + 3 * i);
    picture->channels = 1;
}

static rd_status to_colour(rd_picture *picture) {
    int64_t n = (int64_t)picture->width * picture->height;
    RD_TRY(rd_picture_reshape(picture, picture->width, picture->height, 3));
    uint8_t *s = picture->samples;
    for (int64_t i = n - 1; i >= 0; i--) s[3 * i + 2] = s[3 * i + 1] = s[3 * i] = s[i];
    return RD_OK;
}

typedef struct {
    const char *magic;
    size_t at, n;
    rd_status (*decode)(rd_picture *picture, const uint8_t *bytes, size_t n); /* NULL: not read */
    const char *name;
} format;

static const format formats[] = {{"\xFF\xD8\xFF", 0, 3, rd_jpeg_decode, "JPEG"},
                                 {"\x89PNG\r\n\x1A\n", 0, 8, rd_png_decode, "PNG"},
                                 {"RDPX", 0, 4, decode_raw, "raw"},
                                 {"GIF8", 0, 4, NULL, "GIF"},
                                 {"WEBP", 8, 4, NULL, "WebP"},
                                 {"BM", 0, 2, NULL, "BMP"},
                                 {"II*\0", 0, 4, NULL, "TIFF"},
                                 {"MM\0*", 0, 4, NULL, "TIFF"},
                                 {"ftypavif", 4, 8, NULL, "AVIF"},
                                 {"ftyphei", 4, 7, NULL, "HEIF"}};
enum { N_FORMATS = sizeof formats / sizeof *formats };

rd_status rd_picture_decode(rd_picture *picture, const void *bytes, size_t n, int32_t channels) {
    const format *f = formats, *end = formats + N_FORMATS;
    while (f < end &&
           (n < f->at + f->n || memcmp((const char *)bytes + f->at, f->magic, f->n) != 0))
        f++;
    if (n == 0) return rd_error(RD_ERR_FORMAT, "empty; expected a JPEG or PNG picture");
    if (f == end) return rd_error(RD_ERR_FORMAT, "neither a JPEG nor a PNG picture");
    if (!f->decode)
        return rd_error(RD_ERR_FORMAT, "a %s picture, which is not read here; convert it to PNG",
                        f->name);
    rd_status status = f->decode(picture, bytes, n);
    if (status == RD_ERR_FORMAT) return rd_error_prefix(status, "%s", f->name);
    RD_TRY(status);
    if (channels == 1 && picture->channels == 3) to_grey(picture);
    return channels == 3 && picture->channels == 1 ? to_colour(picture) : RD_OK;
}
