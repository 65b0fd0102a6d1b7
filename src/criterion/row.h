/* One row of two passes' logits, in double precision. */
#ifndef RD_CRITERION_ROW_H
#define RD_CRITERION_ROW_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "rdrop/status.h"

/* Subtracted from a logit, they give its log-probability. They stay apart: next to a maximum of
 * 1e17 their sum would lose log z altogether. */
typedef struct {
    double max, log_z; /* of one row; z: the sum of exp(logit - max) */
} rd_normalizer;

static inline double rd_log_prob(float logit, const rd_normalizer *n) {
    return ((double)logit - n->max) - n->log_z;
}

/* Both directions of the KL between two rows of logits: [n]. */
typedef struct {
    rd_normalizer norm_p, norm_q;
    double pq, qp;
} rd_row_kl;

/* `row` is named when a logit is not finite (RD_ERR_NUMERIC). */
rd_status rd_row_kl_of(const float *p, const float *q, int64_t n, int64_t row, rd_row_kl *kl);

/* Gradient of the symmetric KL with respect to both rows of logits. */
typedef struct {
    double p, q;   /* probabilities */
    double dp, dq; /* of the KL to the logits that they are of */
} rd_kl_gradient;

static inline rd_kl_gradient rd_row_kl_gradient(const rd_row_kl *kl, float p_logit, float q_logit) {
    double log_p = rd_log_prob(p_logit, &kl->norm_p), log_q = rd_log_prob(q_logit, &kl->norm_q);
    double p = exp(log_p), q = exp(log_q);
    return (rd_kl_gradient){.p = p,
                            .q = q,
                            .dp = 0.5 * (p * (log_p - log_q - kl->pq) + p - q),
                            .dq = 0.5 * (q * (log_q - log_p - kl->qp) + q - p)};
}

/* Logits near float's limits have gradients beyond it: the largest float replaces them. */
static inline float rd_clamp_to_float(double x) {
    return (float)fmin(fmax(x, (double)-FLT_MAX), (double)FLT_MAX);
}

#endif
