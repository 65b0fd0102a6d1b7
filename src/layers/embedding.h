/* Token embedding, scaled, plus position embedding; normalised in some models (BART); dropped out.
 */
#ifndef RD_LAYERS_EMBEDDING_H
#define RD_LAYERS_EMBEDDING_H

#include "layers/residual.h"

typedef struct {
    rd_weight tokens;    /* [vocab, width] */
    rd_weight positions; /* [n_positions, width]; grad NULL when sinusoidal */
    float scale;         /* of the token embedding */
    rd_norm norm;        /* of the sum; weight.value NULL: none */
    float dropout;
    int32_t site;
} rd_embedding;

/* tokens, positions: [rows]. *out: [rows, width], a residual stream. saved: of the norm. */
rd_status rd_embedding_forward(const rd_step *step, const rd_embedding *embedding,
                               rd_residual_saved *saved, int64_t rows, int64_t width,
                               const int32_t *tokens, const int32_t *positions,
                               rd_activations *out);

/* dout: [rows, width], destroyed. */
rd_status rd_embedding_backward(const rd_step *step, const rd_embedding *embedding,
                                const rd_residual_saved *saved, int64_t rows, int64_t width,
                                const int32_t *tokens, const int32_t *positions, float *dout);

/* The sinusoidal table, [n, width]: the first half of each row are sines, the second cosines, of
 * position times the layout's i-th frequency. */
void rd_sinusoidal_positions(float *table, int64_t n, int64_t width, rd_position_layout layout);

#endif
