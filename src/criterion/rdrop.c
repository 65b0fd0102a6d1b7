/* The public criterion, in double precision: the definition that the fused kernel is tested
 * against. */
#include "rdrop/criterion.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "base/error.h"

/* Subtracted from a logit, they give its log-probability. They stay apart: next to a maximum of
 * 1e17 their sum would lose log z altogether. */
typedef struct {
    double max, log_z; /* of one row; z: the sum of exp(logit - max) */
} normalizer;

static double log_prob(float logit, const normalizer *n) {
    return ((double)logit - n->max) - n->log_z;
}

static rd_status normalize(const float *logits, int64_t vocab, int64_t row, normalizer *n) {
    double max = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < vocab; i++) {
        if (!isfinite(logits[i]))
            return rd_error(RD_ERR_NUMERIC,
                            "criterion: logit %lld of row %lld is %f, expected a finite number",
                            (long long)i, (long long)row, (double)logits[i]);
        if ((double)logits[i] > max) max = (double)logits[i];
    }
    for (int64_t i = 0; i < vocab; i++) sum += exp((double)logits[i] - max);
    *n = (normalizer){max, log(sum)};
    return RD_OK;
}

/* Logits near float's limits have gradients beyond it: the largest float replaces them. */
static float to_float(double x) {
    return (float)fmin(fmax(x, (double)-FLT_MAX), (double)FLT_MAX);
}

static void zero(float *row, int64_t vocab) {
    for (int64_t i = 0; row && i < vocab; i++) row[i] = 0.0f;
}

static rd_status one_row(const rd_criterion_config *config, int64_t row, int64_t vocab,
                         const float *a, const float *b, int32_t target, float *da, float *db,
                         rd_criterion_sums *sums) {
    double eps = (double)config->label_smoothing, alpha = (double)config->reg_alpha;
    normalizer norm_a = {0}, norm_b = {0};
    RD_TRY(normalize(a, vocab, row, &norm_a));
    RD_TRY(normalize(b, vocab, row, &norm_b));
    double kl_pq = 0.0, kl_qp = 0.0, smooth = 0.0;
    for (int64_t i = 0; i < vocab; i++) {
        double log_p = log_prob(a[i], &norm_a), log_q = log_prob(b[i], &norm_b);
        kl_pq += exp(log_p) * (log_p - log_q);
        kl_qp += exp(log_q) * (log_q - log_p);
        smooth -= log_p + log_q;
    }
    double nll = -log_prob(a[target], &norm_a) - log_prob(b[target], &norm_b);
    sums->nll += nll;
    sums->label_smoothed += (1.0 - eps) * nll + eps / (double)vocab * smooth;
    sums->kl += 0.5 * (kl_pq + kl_qp);
    sums->n_tokens += 1;
    if (!da) return RD_OK;
    for (int64_t i = 0; i < vocab; i++) {
        double log_p = log_prob(a[i], &norm_a), log_q = log_prob(b[i], &norm_b);
        double p = exp(log_p), q = exp(log_q);
        double wanted = eps / (double)vocab + (i == target ? 1.0 - eps : 0.0);
        da[i] = to_float(p - wanted + 0.5 * alpha * (p * (log_p - log_q - kl_pq) + p - q));
        db[i] = to_float(q - wanted + 0.5 * alpha * (q * (log_q - log_p - kl_qp) + q - p));
    }
    return RD_OK;
}

rd_status rd_criterion_rdrop(const rd_criterion_config *config, int64_t n_rows, int64_t vocab_size,
                             const float *logits1, const float *logits2, const int32_t *targets,
                             float *dlogits1, float *dlogits2, rd_criterion_sums *sums) {
    if (n_rows < 0 || vocab_size < 1 ||
        !(config->label_smoothing >= 0.0f && config->label_smoothing < 1.0f) ||
        !(config->reg_alpha >= 0.0f && isfinite(config->reg_alpha)) || !dlogits1 != !dlogits2)
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
