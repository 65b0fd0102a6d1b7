/* From the decoder's output to logits: of the whole vocabulary, or of chosen pieces alone. */
#ifndef RD_MODEL_PROJECTION_H
#define RD_MODEL_PROJECTION_H

#include <stdint.h>

#include "base/memory.h"
#include "layers/layer.h"
#include "model/transformer.h"

typedef struct {
    int64_t n_pieces;        /* whose logits it gives */
    rd_tensor weights;       /* [n_pieces, d_model] */
    const float *bias;       /* [n_pieces], or NULL */
    const rd_packed *packed; /* instead of `weights`, or NULL */
    rd_packed *own_packed;   /* of chosen pieces; or NULL */
} rd_projection;

/* The model's own; nothing to release until it is restricted. */
rd_projection rd_projection_whole(const rd_model *model);

/* Copies the rows of pieces: [n_pieces], rounded as the model's are. Memory comes from the arena.
 */
rd_status rd_projection_restrict(rd_projection *projection, const rd_model *model, rd_arena *arena,
                                 int64_t n_pieces, const int32_t *pieces);
void rd_projection_free(rd_projection *projection);

/* logits: [n, n_pieces] of x: [n, d_model]. */
rd_status rd_projection_logits(const rd_projection *projection, const rd_step *step, int64_t n,
                               int64_t d_model, rd_mixed x, float *logits);

#endif
