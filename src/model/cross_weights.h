/* Cross-attention as weights over the source, for alignments. */
#ifndef RD_MODEL_CROSS_WEIGHTS_H
#define RD_MODEL_CROSS_WEIGHTS_H

#include <stdint.h>

/* The weights that each row's query gives the tokens of its sentence, averaged over the heads.
 * q: [n_rows, heads * head_dim], biases added; kv: [n_src, 2 * heads * head_dim], keys in front;
 * sentence s is rows src_offsets[s] .. src_offsets[s + 1] of kv. weights: [n_rows, stride], the
 * first tokens of each row are written. scratch: as many. */
void rd_cross_weights(int64_t n_rows, int32_t heads, int64_t head_dim, const float *q,
                      const float *kv, const int32_t *sentences, const int32_t *src_offsets,
                      int64_t stride, float *weights, float *scratch);

#endif
