/* Learned positions of one grid of patches made those of another, as models are fine-tuned at other
 * resolutions. */
#ifndef RD_MODEL_POSITION_RESIZE_H
#define RD_MODEL_POSITION_RESIZE_H

#include <stdint.h>

#include "base/error.h"

typedef enum {
    RD_POSITIONS_GOOGLE,       /* linear, corners on corners (scipy's zoom of order 1) */
    RD_POSITIONS_HUGGING_FACE, /* bicubic, as torch's interpolate without antialiasing */
    RD_POSITIONS_TIMM,         /* bicubic with antialiasing */
    RD_POSITIONS_TIMM_BILINEAR /* as timm resizes those of .npz files */
} rd_position_interpolation;

/* to: [kept + to_side^2, width] of from: [kept + from_side^2, width]; the first `kept` rows, of
 * class tokens, stay. */
rd_status rd_positions_resize(float *to, int64_t to_side, const float *from, int64_t from_side,
                              int64_t kept, int64_t width, rd_position_interpolation interpolation);

#endif
