/* The residual connection and layer norm around a sublayer f.
 *     post-norm: y = norm(x + dropout(f(x) + bias))
 *     pre-norm:  y = x + dropout(f(norm(x)) + bias)
 * f leaves its last bias to this module. A forward pass is begin, f, end; a backward pass is
 * end_backward, f's backward, begin_backward. */
#ifndef RD_LAYERS_RESIDUAL_H
#define RD_LAYERS_RESIDUAL_H

#include "layers/layer.h"

typedef struct {
    rd_norm norm;
    rd_weight bias; /* the sublayer's last bias */
    bool pre_norm;
    float dropout;
    int32_t site;
    /* Stochastic depth (Huang et al. 2016), only with pre-norm: how often f is skipped for a
     * sequence; where it is kept it counts 1 / (1 - drop_path) times. */
    float drop_path;
    int32_t path_site;
} rd_residual;

/* Kept for the backward pass. */
typedef struct {
    const float *paths; /* [rows] what f counts in each; NULL: 1 */
    const float *sum;   /* [rows, width] what was normalised */
    rd_norm_stats stats;
} rd_residual_saved;

/* Draws the factor of f in each sequence; call before begin. */
rd_status rd_residual_draw_paths(const rd_step *step, const rd_residual *residual,
                                 rd_residual_saved *saved, const rd_sequences *sequences);

/* *input: what f must be given. */
rd_status rd_residual_begin(const rd_step *step, const rd_residual *residual,
                            rd_residual_saved *saved, int64_t rows, int64_t width, rd_activations x,
                            rd_activations *input);
/* h: f's result; *y: the sublayer's output, a residual stream. Post-norm, y reuses h's buffer. With
 * both formats, products read the bfloat16 one, and y's float32 form reuses x's. */
rd_status rd_residual_end(const rd_step *step, const rd_residual *residual,
                          rd_residual_saved *saved, int64_t rows, int64_t width, rd_activations x,
                          rd_activations h, rd_activations *y);

/* dx holds dL/dy and becomes the gradient that bypasses f. *dh: dL/dh. f's backward must write
 * dL/dinput as `*dinput = *beta * *dinput + ...`. */
rd_status rd_residual_end_backward(const rd_step *step, const rd_residual *residual,
                                   const rd_residual_saved *saved, int64_t rows, int64_t width,
                                   float *dx, rd_activations *dh, float **dinput, float *beta);
/* Afterwards dx holds dL/dx. */
rd_status rd_residual_begin_backward(const rd_step *step, const rd_residual *residual,
                                     const rd_residual_saved *saved, int64_t rows, int64_t width,
                                     float *dx, const float *dinput);

/* Room for a layer norm's mean and rstd, from the arena. */
rd_status rd_norm_statistics(const rd_step *step, rd_residual_saved *saved, int64_t rows);

/* A layer norm on its own: the one at the end of a pre-norm stack. *y: for matrix products. */
rd_status rd_norm_forward(const rd_step *step, const rd_norm *norm, rd_residual_saved *saved,
                          int64_t rows, int64_t width, const float *x, rd_activations *y);
rd_status rd_norm_backward(const rd_step *step, const rd_norm *norm, const rd_residual_saved *saved,
                           int64_t rows, int64_t width, float *dx, bool accumulate,
                           const float *dy);

#endif
