/* R-Drop's losses, with gradients: for target tokens, for classes, for numbers, and the distance
 * between two passes alone, to be added to your own loss.
 *
 * R-Drop (Liang et al., NeurIPS 2021, arXiv:2106.14448, equation 4) passes every example through
 * the network twice with independent dropout and penalises the distance between the two output
 * distributions P1 and P2. For one example of class y (a target token is one), with
 * eps = label_smoothing (Szegedy et al. 2016) and C classes (the vocabulary):
 *
 *     CE(P)  = (1 - eps) * -log P[y] + eps / C * sum_c -log P[c]
 *     KL     = 1/2 * (KL(P1 || P2) + KL(P2 || P1))
 *     loss   = CE(P1) + CE(P2) + reg_alpha * KL
 *
 * This is the convention of the authors' fairseq code. Gradients flow through both sides of both KL
 * terms.
 *
 * Losses are sums over the rows that count: divide loss and gradients by n_tokens for the mean.
 * Gradients are overwritten; elements beyond float's range become the largest float. Pass NULL for
 * both to compute only the sums. Their arrays may be the logits' own. Logits may have any
 * magnitude. All functions fail with RD_ERR_ARGUMENT on a label out of range, and with
 * RD_ERR_NUMERIC on a number that is not finite. */
#ifndef RDROP_CRITERION_H
#define RDROP_CRITERION_H

#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sums over the rows that count; nothing is divided by n_tokens. */
typedef struct {
    double loss;           /* label_smoothed + reg_alpha * kl, times n_tokens with RD_KL_SUM */
    double label_smoothed; /* CE, summed over both passes */
    double nll;            /* -log P[y], summed over both passes */
    double kl;             /* half the sum of both directions; nats */
    int64_t n_tokens;      /* rows of one pass: target tokens, or examples */
} rd_criterion_sums;

/* ---- Target tokens ---- */

typedef struct {
    float label_smoothing; /* eps, in [0, 1) */
    float reg_alpha;       /* weight of the KL term, >= 0 */
    int32_t pad_id;        /* rows with this target do not count; may be negative, such as -100 */
} rd_criterion_config;

/* logits1, logits2:   [n_rows, vocab_size]
 * targets:            [n_rows], each pad_id or in [0, vocab_size)
 * dlogits1, dlogits2: [n_rows, vocab_size] gradient of `loss` */
RD_API rd_status rd_criterion_rdrop(const rd_criterion_config *config, int64_t n_rows,
                                    int64_t vocab_size, const float *logits1, const float *logits2,
                                    const int32_t *targets, float *dlogits1, float *dlogits2,
                                    rd_criterion_sums *sums);

/* ---- Classes ---- */

/* The KL's scale. `sum` multiplies it by the number of rows that count, so after the division by
 * n_tokens the loss is mean CE + reg_alpha * sum of KL. The authors' code for GLUE and images does
 * this; the KL then weighs more in larger batches. */
typedef enum { RD_KL_MEAN, RD_KL_SUM } rd_kl_reduction;

typedef struct {
    float label_smoothing; /* eps, in [0, 1) */
    float reg_alpha;       /* weight of the KL term, >= 0 */
    rd_kl_reduction kl_reduction;
    /* [n_classes] >= 0, or NULL: all 1. CE's term of class c counts class_weights[c] times, as in
     * PyTorch's cross_entropy before its division; the KL is not weighted. */
    const float *class_weights;
    /* For examples mixed from two (mixup, Zhang et al. 2017; cutmix, Yun et al. 2019), else both
     * NULL: CE = share * CE of the label + (1 - share) * CE of the other label. */
    const int32_t *other_labels; /* [n_rows] each in [0, n_classes) where the row counts */
    const float *shares;         /* [n_rows] each in [0, 1] */
} rd_class_config;

/* logits1, logits2:   [n_rows, n_classes]
 * labels:             [n_rows], each in [0, n_classes), or negative: the row does not count
 * dlogits1, dlogits2: [n_rows, n_classes] gradient of `loss`, which under RD_KL_SUM is
 *                     label_smoothed + reg_alpha * n_tokens * kl */
RD_API rd_status rd_criterion_classes(const rd_class_config *config, int64_t n_rows,
                                      int64_t n_classes, const float *logits1, const float *logits2,
                                      const int32_t *labels, float *dlogits1, float *dlogits2,
                                      rd_criterion_sums *sums);

/* ---- Numbers ---- */

/* For one number per example: loss = (v1 - y)^2 + (v2 - y)^2 + reg_alpha * (v1 - v2)^2.
 * values1, values2:   [n_rows]
 * targets:            [n_rows]
 * dvalues1, dvalues2: [n_rows] gradient of `loss`
 * sums: label_smoothed and nll are the squared errors of both passes, kl the squared distances. */
RD_API rd_status rd_criterion_values(float reg_alpha, int64_t n_rows, const float *values1,
                                     const float *values2, const float *targets, float *dvalues1,
                                     float *dvalues2, rd_criterion_sums *sums);

/* ---- The distance between two passes alone ---- */

/* *kl = the sum or the mean of KL over the rows that count; with none, 0.
 * p_logits, q_logits: [n_rows, n_classes]
 * mask:               [n_rows] 0: the row does not count; NULL: all count
 * dp, dq:             [n_rows, n_classes] gradient of *kl */
RD_API rd_status rd_rdrop_kl(const float *p_logits, const float *q_logits, int64_t n_rows,
                             int64_t n_classes, const uint8_t *mask, rd_kl_reduction reduction,
                             double *kl, float *dp, float *dq);

#ifdef __cplusplus
}
#endif
#endif
