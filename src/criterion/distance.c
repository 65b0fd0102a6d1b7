/* The public criteria of the distance between two passes: for numbers with their errors, and for
 * distributions alone. */
#include <string.h>

#include "base/error.h"
#include "criterion/row.h"
#include "rdrop/criterion.h"

static rd_status one_value(double alpha, int64_t row, double a, double b, double y, double *da,
                           double *db, rd_criterion_sums *sums) {
    if (!isfinite(a) || !isfinite(b) || !isfinite(y))
        return rd_error(RD_ERR_NUMERIC,
                        "criterion: row %lld has values %g and %g and target %g, expected finite "
                        "numbers",
                        (long long)row, a, b, y);
    double errors = (a - y) * (a - y) + (b - y) * (b - y);
    sums->nll += errors;
    sums->label_smoothed += errors;
    sums->kl += (a - b) * (a - b);
    sums->n_tokens += 1;
    *da = 2.0 * (a - y) + 2.0 * alpha * (a - b);
    *db = 2.0 * (b - y) + 2.0 * alpha * (b - a);
    return RD_OK;
}

rd_status rd_criterion_values(float reg_alpha, int64_t n_rows, const float *values1,
                              const float *values2, const float *targets, float *dvalues1,
                              float *dvalues2, rd_criterion_sums *sums) {
    if (n_rows < 0 || !(reg_alpha >= 0.0f && isfinite(reg_alpha)) || !dvalues1 != !dvalues2)
        return rd_error(RD_ERR_ARGUMENT, "criterion: expected n_rows >= 0, reg_alpha >= 0, both "
                                         "gradients or neither");
    *sums = (rd_criterion_sums){0};
    for (int64_t r = 0; r < n_rows; r++) {
        double da = 0.0, db = 0.0;
        RD_TRY(one_value((double)reg_alpha, r, (double)values1[r], (double)values2[r],
                         (double)targets[r], &da, &db, sums));
        if (!dvalues1) continue;
        dvalues1[r] = rd_clamp_to_float(da);
        dvalues2[r] = rd_clamp_to_float(db);
    }
    sums->loss = sums->label_smoothed + (double)reg_alpha * sums->kl;
    return RD_OK;
}

/* dp, dq: [n] gradient of share * KL; NULL: not wanted. */
static rd_status one_row(const float *p, const float *q, int64_t row, int64_t n, double share,
                         float *dp, float *dq, double *sum) {
    rd_row_kl kl;
    RD_TRY(rd_row_kl_of(p, q, n, row, &kl));
    *sum += share * 0.5 * (kl.pq + kl.qp);
    for (int64_t i = 0; dp && i < n; i++) {
        rd_kl_gradient g = rd_row_kl_gradient(&kl, p[i], q[i]);
        dp[i] = rd_clamp_to_float(share * g.dp);
        dq[i] = rd_clamp_to_float(share * g.dq);
    }
    return RD_OK;
}

rd_status rd_rdrop_kl(const float *p_logits, const float *q_logits, int64_t n_rows,
                      int64_t n_classes, const uint8_t *mask, rd_kl_reduction reduction, double *kl,
                      float *dp, float *dq) {
    if (n_rows < 0 || n_classes < 1 || !dp != !dq ||
        (reduction != RD_KL_MEAN && reduction != RD_KL_SUM))
        return rd_error(RD_ERR_ARGUMENT, "rd_rdrop_kl: expected n_rows >= 0, n_classes >= 1, both "
                                         "gradients or neither, RD_KL_MEAN or RD_KL_SUM");
    int64_t counting = 0;
    for (int64_t r = 0; r < n_rows; r++) counting += !mask || mask[r];
    double share = reduction == RD_KL_SUM || counting == 0 ? 1.0 : 1.0 / (double)counting;
    *kl = 0.0;
    for (int64_t r = 0; r < n_rows; r++) {
        int64_t at = r * n_classes;
        float *dp_row = dp ? dp + at : NULL, *dq_row = dq ? dq + at : NULL;
        if (!mask || mask[r]) {
            RD_TRY(one_row(p_logits + at, q_logits + at, r, n_classes, share, dp_row, dq_row, kl));
        } else if (dp) {
            memset(dp_row, 0, sizeof *dp * (size_t)n_classes);
            memset(dq_row, 0, sizeof *dq * (size_t)n_classes);
        }
    }
    return RD_OK;
}
