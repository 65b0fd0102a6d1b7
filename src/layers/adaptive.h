/* Adaptive softmax (Grave et al. 2017), as in fairseq: words by falling frequency, the first ones
 * in a head together with a class for each band of rarer words, a band in a tail of its own over a
 * narrower projection.
 *     log P(w) = log head(w)                             for a word of the head
 *     log P(w) = log head(class i) + log tail_i(w)       for a word of band i */
#ifndef RD_LAYERS_ADAPTIVE_H
#define RD_LAYERS_ADAPTIVE_H

#include "layers/layer.h"
#include "rdrop/model.h"

typedef struct {
    int64_t first, n_words; /* ids of its words: first .. first + n_words */
    int32_t dim;            /* width of its words */
    bool transposed; /* projection is adaptive input's, tied: [width, dim]; else [dim, width] */
    rd_weight projection; /* without bias */
    rd_weight words;      /* [n_words, dim] */
} rd_adaptive_tail;

typedef struct {
    int32_t n_tails; /* 0: no adaptive softmax */
    int64_t n_head;  /* words of the head: ids 0 .. n_head */
    /* [n_head + n_tails, width]: words, then classes. Tied, it is adaptive input's first table,
     * which class_proj follows: parameters registered one right after the other lie so. */
    rd_weight head;
    rd_adaptive_tail tails[RD_MAX_CUTOFFS];
    float dropout; /* on the module's input, and on each tail's projection */
    int32_t site;  /* of the input's dropout; site + 1 + i: of tail i's projection */
} rd_adaptive_softmax;

/* Words of the head and of all tails. */
int64_t rd_adaptive_vocab(const rd_adaptive_softmax *softmax);

/* The tail that a word is in; -1: the head. */
int rd_adaptive_band_of(const rd_adaptive_softmax *softmax, int32_t word);

/* A tail's projection. y: [rows, dim] of x: [rows, width]. */
void rd_adaptive_project(const rd_step *step, const rd_adaptive_tail *tail, int64_t rows,
                         int64_t width, rd_activations x, rd_activations y);
/* Its backward pass: the projection's gradient accumulates, dx: [rows, width] = beta * dx +
 * dL/dx. */
void rd_adaptive_project_backward(const rd_step *step, const rd_adaptive_tail *tail, int64_t rows,
                                  int64_t width, rd_activations x, rd_activations dy, float beta,
                                  float *dx);

/* log_probs: [rows, rd_adaptive_vocab] of x: [rows, width], without dropout. */
rd_status rd_adaptive_log_probs(const rd_adaptive_softmax *softmax, const rd_step *step,
                                int64_t rows, int64_t width, rd_activations x, float *log_probs);

#endif
