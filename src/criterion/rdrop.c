/* The public criteria of tokens and classes, in double precision: the definition that the fused
 * kernel is tested against. */
#include "rdrop/criterion.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "criterion/row.h"

/* Two passes' logits and their labels; d1, d2 NULL: no gradients. */
typedef struct {
    const rd_class_config *config;
    double alpha; /* of the KL */
    int64_t n_rows, n;
    const float *logits1, *logits2; /* [n_rows, n] */
    const int32_t *labels;          /* [n_rows] */
    float *d1, *d2;                 /* [n_rows, n] */
    const char *name;               /* of a label, in messages */
    int32_t skip;                   /* rows of this label do not count */
    bool skip_all_neg;              /* nor those of any negative one */
} job;

/* An example's wanted class, or its two. */
typedef struct {
    int32_t label, other;
    double share; /* the label's; the other has the rest */
} target;

static double weight_of(const rd_class_config *c, int64_t class) {
    return c->class_weights ? (double)c->class_weights[class] : 1.0;
}

/* CE's factor of -log P[class]. */
static double wanted(const rd_class_config *c, const target *t, int64_t class, int64_t n) {
    double eps = (double)c->label_smoothing, hit = 0.0;
    if (class == t->label) hit += t->share;
    if (class == t->other) hit += 1.0 - t->share;
    return weight_of(c, class) * (eps / (double)n + (1.0 - eps) * hit);
}

static void add_cross_entropy(const rd_class_config *c, const target *t, int64_t n, const float *a,
                              const rd_normalizer *norm, rd_criterion_sums *sums) {
    double eps = (double)c->label_smoothing, smooth = 0.0;
    for (int64_t i = 0; i < n; i++) smooth -= weight_of(c, i) * rd_log_prob(a[i], norm);
    double nll = -t->share * weight_of(c, t->label) * rd_log_prob(a[t->label], norm);
    if (t->share < 1.0)
        nll -= (1.0 - t->share) * weight_of(c, t->other) * rd_log_prob(a[t->other], norm);
    sums->nll += nll;
    sums->label_smoothed += (1.0 - eps) * nll + eps / (double)n * smooth;
}

static rd_status one_row(const job *j, int64_t row, const target *t, rd_criterion_sums *sums) {
    const rd_class_config *c = j->config;
    int64_t n = j->n, at = row * n;
    const float *a = j->logits1 + at, *b = j->logits2 + at;
    rd_row_kl kl;
    RD_TRY(rd_row_kl_of(a, b, n, row, &kl));
    add_cross_entropy(c, t, n, a, &kl.norm_p, sums);
    add_cross_entropy(c, t, n, b, &kl.norm_q, sums);
    sums->kl += 0.5 * (kl.pq + kl.qp);
    sums->n_tokens += 1;
    if (!j->d1) return RD_OK;
    double total = c->class_weights ? 0.0 : 1.0; /* of what is wanted */
    for (int64_t i = 0; c->class_weights && i < n; i++) total += wanted(c, t, i, n);
    for (int64_t i = 0; i < n; i++) {
        rd_kl_gradient g = rd_row_kl_gradient(&kl, a[i], b[i]);
        double w = wanted(c, t, i, n);
        j->d1[at + i] = rd_clamp_to_float(total * g.p - w + j->alpha * g.dp);
        j->d2[at + i] = rd_clamp_to_float(total * g.q - w + j->alpha * g.dq);
    }
    return RD_OK;
}

static rd_status check_label(int32_t label, int64_t row, int64_t n, const char *name) {
    if (label >= 0 && label < n) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "criterion: %s %d of row %lld is outside [0, %lld)", name,
                    (int)label, (long long)row, (long long)n);
}

static rd_status target_of(const job *j, int64_t row, target *t) {
    const rd_class_config *c = j->config;
    *t = (target){j->labels[row], -1, 1.0};
    RD_TRY(check_label(t->label, row, j->n, j->name));
    if (!c->other_labels) return RD_OK;
    t->other = c->other_labels[row];
    t->share = (double)c->shares[row];
    if (!(t->share >= 0.0 && t->share <= 1.0))
        return rd_error(RD_ERR_ARGUMENT, "criterion: share %g of row %lld is outside [0, 1]",
                        t->share, (long long)row);
    return check_label(t->other, row, j->n, "other label");
}

static void zero_gradient(const job *j, int64_t row) {
    if (!j->d1) return;
    memset(j->d1 + row * j->n, 0, sizeof *j->d1 * (size_t)j->n);
    memset(j->d2 + row * j->n, 0, sizeof *j->d2 * (size_t)j->n);
}

static bool counts(const job *j, int64_t row) {
    return j->labels[row] != j->skip && !(j->skip_all_neg && j->labels[row] < 0);
}

static rd_status all_rows(const job *j, rd_criterion_sums *sums) {
    *sums = (rd_criterion_sums){0};
    for (int64_t r = 0; r < j->n_rows; r++) {
        target t;
        if (!counts(j, r)) {
            zero_gradient(j, r);
            continue;
        }
        RD_TRY(target_of(j, r, &t));
        RD_TRY(one_row(j, r, &t, sums));
    }
    sums->loss = sums->label_smoothed + j->alpha * sums->kl;
    return RD_OK;
}

static bool in_range(float label_smoothing, float reg_alpha) {
    return label_smoothing >= 0.0f && label_smoothing < 1.0f && reg_alpha >= 0.0f &&
           isfinite(reg_alpha);
}

rd_status rd_criterion_rdrop(const rd_criterion_config *config, int64_t n_rows, int64_t vocab_size,
                             const float *logits1, const float *logits2, const int32_t *targets,
                             float *dlogits1, float *dlogits2, rd_criterion_sums *sums) {
    if (n_rows < 0 || vocab_size < 1 || !in_range(config->label_smoothing, config->reg_alpha) ||
        !dlogits1 != !dlogits2)
        return rd_error(RD_ERR_ARGUMENT,
                        "criterion: expected n_rows >= 0, vocab_size >= 1, label_smoothing in "
                        "[0, 1), reg_alpha >= 0, both gradients or neither");
    const rd_class_config c = {.label_smoothing = config->label_smoothing};
    const job j = {.config = &c,
                   .alpha = (double)config->reg_alpha,
                   .n_rows = n_rows,
                   .n = vocab_size,
                   .logits1 = logits1,
                   .logits2 = logits2,
                   .labels = targets,
                   .d1 = dlogits1,
                   .d2 = dlogits2,
                   .name = "target",
                   .skip = config->pad_id};
    return all_rows(&j, sums);
}

static rd_status check_weights(const rd_class_config *config, int64_t n_classes) {
    for (int64_t i = 0; config->class_weights && i < n_classes; i++)
        if (!(config->class_weights[i] >= 0.0f && isfinite(config->class_weights[i])))
            return rd_error(RD_ERR_ARGUMENT,
                            "criterion: the weight of class %lld is %g, expected at least 0",
                            (long long)i, (double)config->class_weights[i]);
    return RD_OK;
}

rd_status rd_criterion_classes(const rd_class_config *config, int64_t n_rows, int64_t n_classes,
                               const float *logits1, const float *logits2, const int32_t *labels,
                               float *dlogits1, float *dlogits2, rd_criterion_sums *sums) {
    if (n_rows < 0 || n_classes < 1 || !in_range(config->label_smoothing, config->reg_alpha) ||
        !dlogits1 != !dlogits2 || !config->other_labels != !config->shares ||
        (config->kl_reduction != RD_KL_MEAN && config->kl_reduction != RD_KL_SUM))
        return rd_error(RD_ERR_ARGUMENT,
                        "criterion: expected n_rows >= 0, n_classes >= 1, label_smoothing in "
                        "[0, 1), reg_alpha >= 0, both gradients or neither, other_labels and "
                        "shares or neither, kl_reduction RD_KL_MEAN or RD_KL_SUM");
    RD_TRY(check_weights(config, n_classes));
    job j = {.config = config,
             .alpha = (double)config->reg_alpha,
             .n_rows = n_rows,
             .n = n_classes,
             .logits1 = logits1,
             .logits2 = logits2,
             .labels = labels,
             .d1 = dlogits1,
             .d2 = dlogits2,
             .name = "label",
             .skip = -1,
             .skip_all_neg = true};
    if (config->kl_reduction == RD_KL_SUM) {
        int64_t n = 0;
        for (int64_t r = 0; r < n_rows; r++) n += counts(&j, r);
        j.alpha *= (double)n;
    }
    return all_rows(&j, sums);
}
