/* JPEG, by libjpeg-turbo, whose errors are jumps out of it. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "data/picture_codec.h"

/* Scans at most: each costs a pass over the whole picture, and one needs only a few bytes. */
enum { MOST_SCANS = 100 };

typedef struct {
    struct jpeg_error_mgr errors; /* first: libjpeg's functions are given this one */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    bool has_started, ended; /* reading rows; at the end of the file */
    jmp_buf out;
    rd_status status;
} decoder;

static decoder *decoder_of(j_common_ptr jpeg) {
    return (decoder *)(void *)jpeg->err;
}

static void fail(j_common_ptr jpeg) {
    decoder *d = decoder_of(jpeg);
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    bool memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    d->status = memory ? rd_error(RD_ERR_MEMORY, "out of memory")
                       : rd_error(RD_ERR_FORMAT, "broken (%s)", message);
    longjmp(d->out, 1);
}

/* Warnings are of data that are decoded all the same, except one: that they are not all there. The
 * end of the file is no such thing where the only scan is decoded to its end, and just its mark is
 * missing: one that lacks data is told later (JWRN_HIT_MARKER), but not of arithmetic codes. */
static void warn(j_common_ptr jpeg, int level) {
    decoder *d = decoder_of(jpeg);
    int code = jpeg->err->msg_code;
    if (level >= 0 || (code != JWRN_JPEG_EOF && !(code == JWRN_HIT_MARKER && d->ended))) return;
    d->ended = true;
    if (code == JWRN_JPEG_EOF && d->has_started && !d->jpeg.arith_code &&
        !jpeg_has_multiple_scans(&d->jpeg))
        return;
    d->status = rd_error(RD_ERR_FORMAT, "cut short");
    longjmp(d->out, 1);
}

static void say_nothing(j_common_ptr jpeg) {
    (void)jpeg;
}

static void count_scans(j_common_ptr jpeg) {
    decoder *d = decoder_of(jpeg);
    if (!jpeg->is_decompressor || d->jpeg.input_scan_number <= MOST_SCANS) return;
    d->status = rd_error(RD_ERR_FORMAT, "more than %d scans", MOST_SCANS);
    longjmp(d->out, 1);
}

/* A product of two samples, as of numbers between 0 and 1. */
static int scaled(int a, int b) {
    int product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

/* row: [width] of four samples to three, in place. They are read as inverted ink, as Adobe's
 * programs store them, and as Pillow reads those of other programs, too. */
static void cmyk_to_rgb(uint8_t *row, int64_t width) {
    for (int64_t i = 0; i < width; i++) {
        uint8_t ink[4];
        for (int c = 0; c < 4; c++) ink[c] = (uint8_t)(255 - row[4 * i + c]);
        int white = 255 - ink[3];
        for (int c = 0; c < 3; c++) {
            int left = white - scaled(ink[c], white);
            row[3 * i + c] = (uint8_t)(left < 0 ? 0 : left);
        }
    }
}

static void read_rows(decoder *d, rd_picture *picture) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    bool four = jpeg->output_components == 4;
    int64_t width = picture->width;
    JSAMPARRAY wide = NULL;
    if (four)
        wide = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, (JDIMENSION)(4 * width), 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = picture->samples + jpeg->output_scanline * width * picture->channels;
        JSAMPROW row = four ? wide[0] : to;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (!four) continue;
        cmyk_to_rgb(row, width);
        memcpy(to, row, (size_t)(3 * width));
    }
}

/* Errors of libjpeg end in the caller's setjmp. */
static void decode(decoder *d, rd_picture *picture, const uint8_t *bytes, size_t n) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_create_decompress(jpeg);
    d->progress.progress_monitor = count_scans;
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)n);
    jpeg_read_header(jpeg, TRUE);
    bool grey = jpeg->num_components == 1;
    d->status = rd_picture_reshape(picture, jpeg->image_width, jpeg->image_height, grey ? 1 : 3);
    if (d->status != RD_OK) return;
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    d->has_started = true;
    read_rows(d, picture);
    jpeg_finish_decompress(jpeg);
}

rd_status rd_jpeg_decode(rd_picture *picture, const uint8_t *bytes, size_t n) {
    decoder d;
    memset(&d, 0, sizeof d);
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail;
    d.errors.emit_message = warn;
    d.errors.output_message = say_nothing;
    if (setjmp(d.out) == 0) decode(&d, picture, bytes, n);
    jpeg_destroy_decompress(&d.jpeg);
    return d.status;
}
