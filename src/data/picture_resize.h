/* Pictures made larger and smaller as Pillow does, byte for byte. */
#ifndef RD_DATA_PICTURE_RESIZE_H
#define RD_DATA_PICTURE_RESIZE_H

#include "data/picture.h"

typedef enum { RD_BILINEAR, RD_BICUBIC } rd_resampling;

/* A part of a picture, in pixels. */
typedef struct {
    int32_t x, y, width, height;
} rd_box;

/* to: [height, width, channels] = the part `box` (inside the picture) of `from`, antialiased.
 * scratch: any picture but those two, overwritten. */
rd_status rd_picture_resize(rd_picture *to, rd_picture *scratch, const rd_picture *from, rd_box box,
                            int32_t width, int32_t height, rd_resampling resampling);

#endif
