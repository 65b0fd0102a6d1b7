#include "criterion/row.h"

#include "base/error.h"

static rd_status normalize(const float *logits, int64_t n, int64_t row, rd_normalizer *normalizer) {
    double max = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(logits[i]))
            return rd_error(RD_ERR_NUMERIC,
                            "criterion: logit %lld of row %lld is %f, expected a finite number",
                            (long long)i, (long long)row, (double)logits[i]);
        if ((double)logits[i] > max) max = (double)logits[i];
    }
    for (int64_t i = 0; i < n; i++) sum += exp((double)logits[i] - max);
    *normalizer = (rd_normalizer){max, log(sum)};
    return RD_OK;
}

rd_status rd_row_kl_of(const float *p, const float *q, int64_t n, int64_t row, rd_row_kl *kl) {
    *kl = (rd_row_kl){0};
    RD_TRY(normalize(p, n, row, &kl->norm_p));
    RD_TRY(normalize(q, n, row, &kl->norm_q));
    for (int64_t i = 0; i < n; i++) {
        double log_p = rd_log_prob(p[i], &kl->norm_p), log_q = rd_log_prob(q[i], &kl->norm_q);
        kl->pq += exp(log_p) * (log_p - log_q);
        kl->qp += exp(log_q) * (log_q - log_p);
    }
    return RD_OK;
}
