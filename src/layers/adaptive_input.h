/* Adaptive input (Baevski and Auli 2019), as in fairseq: words by falling frequency, in bands; the
 * rarer a band's words, the narrower its embeddings, and each band has a projection that widens
 * them to the model's width. */
#ifndef RD_LAYERS_ADAPTIVE_INPUT_H
#define RD_LAYERS_ADAPTIVE_INPUT_H

#include "layers/adaptive.h"
#include "layers/layer.h"

typedef struct {
    int64_t first, n_words; /* ids of its words: first .. first + n_words */
    int32_t dim;
    rd_weight words;      /* [n_words, dim] */
    rd_weight projection; /* [width, dim], without bias */
} rd_adaptive_band;

typedef struct {
    int32_t n_bands; /* 0: no adaptive input */
    rd_adaptive_band bands[RD_MAX_CUTOFFS + 1];
} rd_adaptive_input;

/* The embeddings of a pass as a table: that of tokens[r] is row places[r], in the arena.
 * tokens: [rows]. */
typedef struct {
    float *table;                      /* [rows, width], band after band */
    int32_t *places;                   /* [rows] */
    int32_t *words;                    /* [rows] of the table: in its band, from 0 */
    int64_t first[RD_MAX_CUTOFFS + 2]; /* [n_bands + 1] row of the table */
} rd_adaptive_embeddings;

rd_status rd_adaptive_input_forward(const rd_adaptive_input *input, const rd_step *step,
                                    int64_t rows, int64_t width, const int32_t *tokens,
                                    rd_adaptive_embeddings *out);

/* Makes room for the gradient of the table: dtable: [rows, width] as of forward, zeros. */
rd_status rd_adaptive_input_gradient(const rd_adaptive_input *input, const rd_step *step,
                                     int64_t rows, int64_t width, const int32_t *tokens,
                                     rd_adaptive_embeddings *dtable);
/* The gradients of all bands accumulate; dtable->table is used up. */
rd_status rd_adaptive_input_backward(const rd_adaptive_input *input, const rd_step *step,
                                     int64_t width, const rd_adaptive_embeddings *dtable);

#endif
