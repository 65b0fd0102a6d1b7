/* The criterion's interface: from the last stack's output to a loss and its
 * gradient. */
#ifndef RD_CRITERION_CRITERION_H
#define RD_CRITERION_CRITERION_H

#include "criterion/adaptive_kl.h"
#include "data/batch.h"
#include "layers/head.h"
#include "rdrop/criterion.h"

typedef struct rd_criterion rd_criterion;

/* sums += share * more; n_tokens is added whole. */
static inline void rd_criterion_sums_add(rd_criterion_sums *sums, const rd_criterion_sums *more,
                                         double share) {
    sums->loss += share * more->loss;
    sums->label_smoothed += share * more->label_smoothed;
    sums->nll += share * more->nll;
    sums->kl += share * more->kl;
    sums->n_tokens += more->n_tokens;
}

/* The last stack's output, each pass under the one before. */
typedef struct {
    const rd_sequences *sequences; /* of all passes */
    int64_t rows, width;           /* rows of one pass */
    rd_activations x;              /* [step->n_passes * rows, width] */
    float *dx;                     /* as x; NULL: no gradient is wanted */
} rd_output;

struct rd_criterion {
    /* Adds to *sums; reg_alpha counts only with several passes. With out->dx, it is overwritten
     * with dL/dx, and the head's gradients accumulate theirs. With one pass, sums are those of that
     * pass alone. RD_ERR_NUMERIC: the loss is not finite. */
    rd_status (*loss)(const rd_criterion *self, const rd_step *step, const rd_head *head,
                      const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums);
    float label_smoothing, reg_alpha;
    rd_kl_reduction kl_reduction; /* of classes; counts the examples of a micro-batch */
    const float *class_weights;   /* [classes] as rd_class_config has them; NULL: all 1 */
    rd_adaptive_kl adaptive_kl;   /* of tokens of an adaptive softmax */
};

/* For target tokens, one a row, or the labels that count, if the batch has them: label-smoothed
 * cross-entropy and R-Drop's KL over the vocabulary (token_loss.c). */
rd_status rd_token_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums);

/* For classes, batch->labels, one a sequence: rd_criterion_classes. */
rd_status rd_class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums);

/* For one number a sequence, batch->values: rd_criterion_values. */
rd_status rd_value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums);

/* Tokens whose logits rd_token_loss computes at once. */
int64_t rd_token_loss_chunk(int64_t passes, int64_t n_tokens, int64_t vocab);

#endif
