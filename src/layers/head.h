/* The head: from the last stack's output to logits. For tokens, one output a row; for whole
 * sequences (classes, a number), one output a sequence, from a pool of its rows.
 *     pool -> dropout -> transform -> dropout -> output projection */
#ifndef RD_LAYERS_HEAD_H
#define RD_LAYERS_HEAD_H

#include "layers/adaptive.h"
#include "layers/layer.h"
#include "layers/residual.h"

typedef struct {
    int64_t n_out;     /* logits: the vocabulary, or a chosen part of it; classes; 1, a number */
    rd_weight weight;  /* [n_out, width] */
    rd_weight bias;    /* [n_out]; value NULL: none */
    rd_packed *packed; /* of the weight, in a model that only translates; or NULL */

    rd_adaptive_softmax adaptive; /* instead of the four above; n_tails 0: none */

    rd_pooling pooling;
    rd_weight attention; /* [width], of RD_POOL_ATTENTION */
    rd_head_transform transform;
    rd_activation activation; /* of RD_TRANSFORM_NORM */
    rd_weight dense;          /* [width, width], of the transform */
    rd_weight dense_bias;     /* [width] */
    rd_packed *packed_dense;
    rd_norm norm;                        /* of RD_TRANSFORM_NORM */
    float dropout_before, dropout_after; /* the transform; before: only where rows are pooled */
    int32_t site;                        /* of the first dropout; site + 1: of the second */
} rd_head;

/* Whether logits are of sequences. */
static inline bool rd_head_pools(const rd_head *head) {
    return head->pooling != RD_POOL_NONE;
}

/* Logits of one output a row, without pooling and transform: [rows, n_out] of x: [rows, width].
 * Those of an adaptive softmax are log-probabilities. */
rd_status rd_head_logits(const rd_head *head, const rd_step *step, int64_t rows, int64_t width,
                         rd_activations x, float *logits);

/* The projection's input, and data kept for the backward pass. */
typedef struct {
    int64_t rows;     /* sequences, or rows where nothing is pooled */
    rd_activations x; /* [sequences->rows, width], and its rows' shares; of RD_POOL_ATTENTION */
    float *shares;
    rd_activations pooled; /* [rows, width], after dropout */
    rd_activations h;      /* [rows, width] before bias and activation */
    rd_residual_saved norm;
    rd_activations features; /* [rows, width] */
} rd_head_saved;

/* Pool and transform of x: [sequences->rows, width]. A head that pools works only in float32. */
rd_status rd_head_features(const rd_head *head, const rd_step *step, const rd_sequences *sequences,
                           int64_t width, rd_activations x, rd_head_saved *saved);
/* dfeatures: [saved->rows, width] float32, used up. dx: [sequences->rows, width] is
 * overwritten; where nothing is pooled it may be dfeatures. */
rd_status rd_head_features_backward(const rd_head *head, const rd_step *step,
                                    const rd_sequences *sequences, int64_t width,
                                    rd_head_saved *saved, float *dfeatures, float *dx);

/* Logits of the features: [saved->rows, n_out]. */
rd_status rd_head_logits_of(const rd_head *head, const rd_step *step, int64_t width,
                            const rd_head_saved *saved, float *logits);
/* All of a pooling head's backward pass. dlogits: [sequences, n_out]; the head's gradients
 * accumulate; dx: [sequences->rows, width] is overwritten. */
rd_status rd_head_backward(const rd_head *head, const rd_step *step, const rd_sequences *sequences,
                           int64_t width, rd_head_saved *saved, float *dlogits, float *dx);

/* *subset: a head of chosen outputs of another one: copies of its rows, packed as that is. */
rd_status rd_head_choose(rd_head *subset, const rd_head *whole, int64_t width, int64_t n_chosen,
                         const int32_t *chosen);
/* Of a head that rd_head_choose made; {0} is fine. */
void rd_head_subset_free(rd_head *subset);

#endif
