/* Label-smoothed cross-entropy with R-Drop.
 *
 * R-Drop (Liang et al., NeurIPS 2021, arXiv:2106.14448, equation 4) passes every example through
 * the network twice with independent dropout and penalises the distance between the two output
 * distributions P1 and P2. For one target token y, with eps = label_smoothing, V = vocab_size:
 *
 *     CE(P)  = (1 - eps) * -log P[y] + eps / V * sum_v -log P[v]
 *     KL     = 1/2 * (KL(P1 || P2) + KL(P2 || P1))
 *     loss   = CE(P1) + CE(P2) + reg_alpha * KL
 *
 * the convention of the authors' fairseq code. Gradients flow through both sides of both KL terms.
 */
#ifndef RDROP_CRITERION_H
#define RDROP_CRITERION_H

#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    float label_smoothing; /* eps, in [0, 1) */
    float reg_alpha;       /* weight of the KL term, >= 0 */
    int32_t pad_id;        /* rows with this target count nowhere; negative: no such rows */
} rd_criterion_config;

/* Sums over the rows that count; nothing is divided by n_tokens. */
typedef struct {
    double loss;           /* label_smoothed + reg_alpha * kl */
    double label_smoothed; /* CE, summed over both passes */
    double nll;            /* -log P[y], summed over both passes */
    double kl;             /* half the sum of both directions; nats */
    int64_t n_tokens;      /* target tokens of one pass */
} rd_criterion_sums;

/* logits1, logits2:   [n_rows, vocab_size], finite, of any magnitude
 * targets:            [n_rows], each pad_id or in [0, vocab_size)
 * dlogits1, dlogits2: [n_rows, vocab_size], overwritten with the gradient of `loss`, elements
 * beyond float's range with the largest float; may be the logits themselves; both NULL to compute
 * the sums only Fails with RD_ERR_ARGUMENT on a target out of range, RD_ERR_NUMERIC on a non-finite
 * logit. */
RD_API rd_status rd_criterion_rdrop(const rd_criterion_config *config, int64_t n_rows,
                                    int64_t vocab_size, const float *logits1, const float *logits2,
                                    const int32_t *targets, float *dlogits1, float *dlogits2,
                                    rd_criterion_sums *sums);

#ifdef __cplusplus
}
#endif
#endif
