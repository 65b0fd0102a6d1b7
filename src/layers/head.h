/* The output projection: from the last stack's output to logits. */
#ifndef RD_LAYERS_HEAD_H
#define RD_LAYERS_HEAD_H

#include "layers/layer.h"

typedef struct {
    int64_t n_out;     /* logits: the vocabulary, or a chosen part of it */
    rd_weight weight;  /* [n_out, width] */
    rd_weight bias;    /* [n_out]; value NULL: none */
    rd_packed *packed; /* of the weight, in a model that only translates; or NULL */
} rd_head;

/* logits: [rows, n_out] of x: [rows, width]. */
rd_status rd_head_logits(const rd_head *head, const rd_step *step, int64_t rows, int64_t width,
                         rd_activations x, float *logits);

/* A head of chosen outputs of another one: copies of its rows, packed as that is. */
typedef struct {
    rd_head head;
    rd_packed *packed; /* of head; or NULL */
    float *rows;       /* [n_out, width], then [n_out] of the bias */
} rd_head_subset;

rd_status rd_head_choose(rd_head_subset *subset, const rd_head *whole, int64_t width,
                         int64_t n_chosen, const int32_t *chosen);
void rd_head_subset_free(rd_head_subset *subset); /* {0} is fine */

#endif
