/* Pictures made larger and smaller as Pillow 13 does, byte for byte. */
#ifndef RD_DATA_PICTURE_RESIZE_H
#define RD_DATA_PICTURE_RESIZE_H

#include "data/picture.h"

typedef enum { RD_BILINEAR, RD_BICUBIC } rd_resampling;

/* A part of a picture, in pixels. */
typedef struct {
    int32_t x, y, width, height;
} rd_box;

/* The part of a result that is wanted. */
typedef struct {
    int64_t x, y;
    int32_t width, height;
} rd_resized_part;

/* `box` (inside the picture) of `from` is resized to width x height, antialiased. to:
 * [part->height, part->width, channels] of that. scratch: any picture but those two, overwritten.
 */
rd_status rd_picture_resize(rd_picture *to, rd_picture *scratch, const rd_picture *from, rd_box box,
                            int64_t width, int64_t height, const rd_resized_part *part,
                            rd_resampling resampling);

#endif
