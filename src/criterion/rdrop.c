/* The public criterion, in double precision: the definition that the fused kernel is tested
 * against. */
#include "rdrop/criterion.h"

#include <math.h>
#include <stddef.h>

#include "base/error.h"

/* lse of one row of logits, shifted by its maximum so that nothing overflows. */
static rd_status log_sum_exp(const float *logits, int64_t vocab, int64_t row, double *lse) {
    double max = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < vocab; i++) {
        if (!isfinite(logits[i]))
            return rd_error(RD_ERR_NUMERIC,
                            "criterion: logit %lld of row %lld is %f, expected a finite number",
                            (long long)i, (long long)row, (double)logits[i]);
        if ((double)logits[i] > max) max = (double)logits[i];
    }
    for (int64_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - max);
    *lse = max + log(sum);
    return RD_OK;
}

static void zero(float *row, int64_t vocab) {
    for (int64_t i = 0; row && i < vocab; i++) row[i] = 0.0f;
}

static rd_status one_row(const rd_criterion_config *config, int64_t row, int64_t vocab,
                         const float *a, const float *b, int32_t target, float *da, float *db,
                         rd_criterion_sums *sums) {
    double lse_a = 0.0, lse_b = 0.0, eps = (double)config->label_smoothing, alpha = (double)config->reg_alpha;
    RD_TRY(log_sum_exp(a, vocab, row, &lse_a));
    RD_TRY(log_sum_exp(b, vocab, row, &lse_b));
    double kl_pq = 0.0, kl_qp = 0.0, smooth = 0.0;
    for (int64_t i = 0; i < vocab; i++) {
        double log_p = (double)a[i] - lse_a, log_q = (double)b[i] - lse_b;
        kl_pq += exp(log_p) * (log_p - log_q);
        kl_qp += exp(log_q) * (log_q - log_p);
        smooth -= log_p + log_q;
    }
    double nll = lse_a - (double)a[target] + lse_b - (double)b[target];
    sums->nll += nll;
    sums->label_smoothed += (1.0 - eps) * nll + eps / (double)vocab * smooth;
    sums->kl += 0.5 * (kl_pq + kl_qp);
    sums->n_tokens += 1;
    if (!da) return RD_OK;
    for (int64_t i = 0; i < vocab; i++) {
        double log_p = (double)a[i] - lse_a, log_q = (double)b[i] - lse_b;
        double p = exp(log_p), q = exp(log_q);
        double wanted = eps / (double)vocab + (i == target ? 1.0 - eps : 0.0);
        da[i] = (float)(p - wanted + 0.5 * alpha * (p * (log_p - log_q - kl_pq) + p - q));
        db[i] = (float)(q - wanted + 0.5 * alpha * (q * (log_q - log_p - kl_qp) + q - p));
    }
    return RD_OK;
}

rd_status rd_criterion_rdrop(const rd_criterion_config *config, int64_t n_rows, int64_t vocab_size,
                             const float *logits1, const float *logits2, const int32_t *targets,
                             float *dlogits1, float *dlogits2, rd_criterion_sums *sums) {
    if (n_rows < 0 || vocab_size < 1 ||
        !(config->label_smoothing >= 0.0f && config->label_smoothing < 1.0f) ||
        !(config->reg_alpha >= 0.0f) || !dlogits1 != !dlogits2)
        return rd_error(RD_ERR_ARGUMENT,
                        "criterion: expected n_rows >= 0, vocab_size >= 1, label_smoothing in "
                        "[0, 1), reg_alpha >= 0, both gradients or neither");
    *sums = (rd_criterion_sums){0};
    for (int64_t r = 0; r < n_rows; r++) {
        float *da = dlogits1 ? dlogits1 + r * vocab_size : NULL;
        float *db = dlogits2 ? dlogits2 + r * vocab_size : NULL;
        if (targets[r] == config->pad_id) {
            zero(da, vocab_size);
            zero(db, vocab_size);
            continue;
        }
        if (targets[r] < 0 || targets[r] >= vocab_size)
            return rd_error(RD_ERR_ARGUMENT,
                            "criterion: target %d of row %lld is outside [0, %lld)",
                            (int)targets[r], (long long)r, (long long)vocab_size);
        RD_TRY(one_row(config, r, vocab_size, logits1 + r * vocab_size, logits2 + r * vocab_size,
                       targets[r], da, db, sums));
    }
    sums->loss = sums->label_smoothed + (double)config->reg_alpha * sums->kl;
    return RD_OK;
}
