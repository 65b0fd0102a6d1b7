/* Cross-attention as weights over the source, for alignments. */
#ifndef RD_MODEL_CROSS_WEIGHTS_H
#define RD_MODEL_CROSS_WEIGHTS_H

#include <stdint.h>

/* weights: [n] that a query gives the n tokens of its source, averaged over the heads.
 * q: [heads * head_dim], biases added; kv: [n, 2 * heads * head_dim], keys in front;
 * scratch: [n]. */
void rd_cross_weights(int32_t heads, int64_t head_dim, const float *q, int64_t n, const float *kv,
                      float *weights, float *scratch);

#endif
