/* Pictures of 8-bit samples, decoded from the bytes of a file: JPEG, PNG, or samples as they are.
 */
#ifndef RD_DATA_PICTURE_H
#define RD_DATA_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Pixels at most: a small file can claim to be a picture that no memory holds. */
enum { RD_MOST_PIXELS = 89478485, RD_LONGEST_SIDE = 65535 };

typedef struct {
    int32_t width, height, channels; /* channels 1: grey; 3: red, green, blue */
    uint8_t *samples;                /* [height, width, channels] */
    int64_t capacity;                /* bytes that samples has room for */
} rd_picture;

/* Grey of a pixel, rgb: [3], as Pillow and ITU-R BT.601 have it. */
static inline uint8_t rd_luma(const uint8_t *rgb) {
    return (uint8_t)((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

/* Of that size, its samples not set; {0} is an empty picture. RD_ERR_FORMAT beyond the limits
 * above. */
rd_status rd_picture_reshape(rd_picture *picture, int64_t width, int64_t height, int32_t channels);
void rd_picture_free(rd_picture *picture);

/* Decodes a file's bytes; they tell their format. Grey, palette, 16-bit (the upper 8 bits), CMYK
 * and transparent pictures (without their transparency) become `channels` channels, 1 or 3, by
 * Pillow's formulas, except for 16-bit grey, which Pillow turns otherwise; an animation gives its
 * first frame. EXIF's orientation is ignored, as in torchvision. RD_ERR_FORMAT with the reason when
 * it is another format, broken, cut short or too large; the caller adds the name. */
rd_status rd_picture_decode(rd_picture *picture, const void *bytes, size_t n, int32_t channels);

/* Samples as they are, as a file of their own: a header, and then [height, width, channels]. For
 * archives that hold no files. */
enum { RD_RAW_PICTURE_HEADER = 16 };
void rd_raw_picture_header(uint8_t header[RD_RAW_PICTURE_HEADER], int32_t width, int32_t height,
                           int32_t channels);

#endif
