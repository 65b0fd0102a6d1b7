/* The formats of picture.h, one function each: into as many channels as the file has (1 or 3). */
#ifndef RD_DATA_PICTURE_CODEC_H
#define RD_DATA_PICTURE_CODEC_H

#include "data/picture.h"

rd_status rd_jpeg_decode(rd_picture *picture, const uint8_t *bytes, size_t n);
rd_status rd_png_decode(rd_picture *picture, const uint8_t *bytes, size_t n);

#endif
