/* PNG, by libpng, whose errors are jumps out of it. */
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <png.h>

#include "data/picture_codec.h"

typedef struct {
    const uint8_t *at;
    size_t left;
    bool cut;
    png_structp png;
    png_infop info;
    rd_status status;
} decoder;

static void fail(png_structp png, png_const_charp message) {
    decoder *d = png_get_error_ptr(png);
    bool memory = strstr(message, "emory") != NULL; /* "Out of memory", "Insufficient memory" */
    d->status = d->cut   ? rd_error(RD_ERR_FORMAT, "cut short")
                : memory ? rd_error(RD_ERR_MEMORY, "out of memory")
                         : rd_error(RD_ERR_FORMAT, "broken (%s)", message);
    png_longjmp(png, 1);
}

static void say_nothing(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t n) {
    decoder *d = png_get_io_ptr(png);
    d->cut = n > d->left;
    if (d->cut) png_error(png, "cut short");
    memcpy(to, d->at, n);
    d->at += n;
    d->left -= n;
}

/* 8-bit grey or colour, whatever the file has. */
static void set_form(const decoder *d) {
    png_set_strip_16(d->png);
    png_set_expand(d->png);
    png_set_strip_alpha(d->png);
}

static void read_rows(const decoder *d, const rd_picture *picture, int passes) {
    size_t stride = (size_t)picture->width * (size_t)picture->channels;
    for (int pass = 0; pass < passes; pass++) /* each fills in what those before left out */
        for (int32_t y = 0; y < picture->height; y++)
            png_read_row(d->png, picture->samples + (size_t)y * stride, NULL);
}

/* Errors of libpng end in the caller's setjmp. */
static void decode(decoder *d, rd_picture *picture) {
    png_set_read_fn(d->png, d, read_bytes);
    png_set_user_limits(d->png, RD_MOST_PIXELS, RD_MOST_PIXELS);
    png_read_info(d->png, d->info);
    bool colour = png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_COLOR;
    d->status = rd_picture_reshape(picture, png_get_image_width(d->png, d->info),
                                   png_get_image_height(d->png, d->info), colour ? 3 : 1);
    if (d->status != RD_OK) return;
    set_form(d);
    int passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    if (png_get_rowbytes(d->png, d->info) != row) png_error(d->png, "rows of an odd length");
    read_rows(d, picture, passes);
}

rd_status rd_png_decode(rd_picture *picture, const uint8_t *bytes, size_t n) {
    decoder d = {.at = bytes, .left = n};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, fail, say_nothing);
    if (!d.png) return rd_error(RD_ERR_MEMORY, "out of memory");
    d.info = png_create_info_struct(d.png);
    if (!d.info)
        d.status = rd_error(RD_ERR_MEMORY, "out of memory");
    else if (setjmp(png_jmpbuf(d.png)) == 0)
        decode(&d, picture);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return d.status;
}
