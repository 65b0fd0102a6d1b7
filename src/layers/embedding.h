/* Token embedding, scaled, plus position embedding and, in BERT, segment embedding; normalised in
 * some models (BART, BERT); dropped out. */
#ifndef RD_LAYERS_EMBEDDING_H
#define RD_LAYERS_EMBEDDING_H

#include "layers/adaptive_input.h"
#include "layers/residual.h"

typedef struct {
    rd_adaptive_input adaptive; /* in the place of `tokens`; n_bands 0: none */
    rd_weight tokens;           /* [vocab, width] */
    rd_weight positions;        /* [n_positions, width]; grad NULL when sinusoidal */
    rd_weight segments;         /* [segment_types, width]; value NULL: none, else there is a norm */
    float scale;                /* of the token embedding */
    rd_norm norm;               /* of the sum; weight.value NULL: none */
    float dropout;
    int32_t site;
} rd_embedding;

/* The ids that rows are embeddings of. */
typedef struct {
    const int32_t *tokens, *positions; /* [rows] */
    const int32_t *segments;           /* [rows]; NULL: all 0 */
} rd_embedded;

/* *out: [rows, width], a residual stream. saved: of the norm. */
rd_status rd_embedding_forward(const rd_step *step, const rd_embedding *embedding,
                               rd_residual_saved *saved, int64_t rows, int64_t width,
                               const rd_embedded *input, rd_activations *out);

/* dout: [rows, width], destroyed. */
rd_status rd_embedding_backward(const rd_step *step, const rd_embedding *embedding,
                                const rd_residual_saved *saved, int64_t rows, int64_t width,
                                const rd_embedded *input, float *dout);

/* The sinusoidal table, [n, width]: the first half of each row are sines, the second cosines, of
 * position times the layout's i-th frequency. */
void rd_sinusoidal_positions(float *table, int64_t n, int64_t width, rd_position_layout layout);

#endif
