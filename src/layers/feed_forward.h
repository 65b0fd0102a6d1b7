/* The position-wise feed-forward network: W2 dropout(act(W1 x + b1)); b2 belongs to the residual.
 */
#ifndef RD_LAYERS_FEED_FORWARD_H
#define RD_LAYERS_FEED_FORWARD_H

#include "layers/layer.h"

typedef struct {
    rd_weight weight1, bias1;     /* [ffn_dim, width], [ffn_dim] */
    rd_weight weight2;            /* [width, ffn_dim] */
    rd_packed *packed1, *packed2; /* of the weights, in a model that only translates; or NULL */
    int32_t ffn_dim;
    rd_activation activation;
    float dropout; /* activation-dropout */
    int32_t site;
} rd_feed_forward;

typedef struct {
    rd_activations x; /* [rows, width] */
    rd_activations h; /* [rows, ffn_dim] before bias and activation; the backward pass uses it up */
} rd_feed_forward_saved;

/* *y: [rows, width], before the last bias. */
rd_status rd_feed_forward_forward(const rd_step *step, const rd_feed_forward *ffn,
                                  rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                  rd_activations x, rd_activations *y);
/* dx = beta * dx + dL/dx. */
rd_status rd_feed_forward_backward(const rd_step *step, const rd_feed_forward *ffn,
                                   const rd_feed_forward_saved *saved, int64_t rows, int64_t width,
                                   rd_activations dy, float *dx, float beta);

#endif
