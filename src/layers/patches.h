/* Pictures as an encoder's input: cut into patches and projected, as one product; or made into
 * tokens by a stem of convolutions (Hassani et al. 2021), each followed by the positive part and
 * max pooling over 3 x 3 pixels, 2 apart. Then class tokens first, learned positions, and dropout.
 *
 * All passes of R-Drop see the same pictures, so everything before dropout is computed once. */
#ifndef RD_LAYERS_PATCHES_H
#define RD_LAYERS_PATCHES_H

#include "layers/layer.h"

enum {
    RD_MOST_CONVOLUTIONS = 4,
    RD_CONVOLUTION_KERNEL = 3,
    RD_POOL_KERNEL = 3,
    RD_POOL_STRIDE = 2
};

/* 3 x 3 pixels, 1 apart, as many out as in; without a bias. */
typedef struct {
    int64_t n_in, n_out;
    rd_weight weight; /* [n_out, 9 * n_in], of windows as rd_windows has them: of the first [n_in,
                       * 3, 3], of others [3, 3, n_in] */
} rd_convolution;

typedef struct {
    int64_t side, channels; /* of the pictures */
    int64_t patch;          /* side of a patch */
    rd_weight weight, bias; /* [width, channels * patch * patch], [width]; without a stem */
    int32_t n_convolutions; /* 0: no stem */
    rd_convolution convolutions[RD_MOST_CONVOLUTIONS];
    rd_weight class_token; /* [class_tokens, width] */
    rd_weight positions;   /* [rd_patches_length, width] */
    int64_t class_tokens;
    float dropout;
    int32_t site;
} rd_patches;

/* Rows of a picture: its patches and class tokens. */
int64_t rd_patches_length(const rd_patches *patches);

/* Kept for the backward pass. */
typedef struct {
    rd_activations unfolded; /* [n * patches, channels * patch * patch] */
    struct {
        const float *in;   /* [n, side, side, n_in], the first one's as the pictures are */
        const float *out;  /* [n, side, side, n_out] of the convolution */
        const float *pool; /* [n, half, half, n_out] */
    } convolutions[RD_MOST_CONVOLUTIONS];
} rd_patches_saved;

/* pictures: [n, channels, side, side]; *out: [step->n_passes * n * length, width], a residual
 * stream. */
rd_status rd_patches_forward(const rd_step *step, const rd_patches *patches,
                             rd_patches_saved *saved, int64_t n, int64_t width,
                             const float *pictures, rd_activations *out);

/* dout: as out, destroyed. */
rd_status rd_patches_backward(const rd_step *step, const rd_patches *patches,
                              const rd_patches_saved *saved, int64_t n, int64_t width, float *dout);

#endif
