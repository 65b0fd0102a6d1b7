#include "criterion/sequence.h"

rd_status rd_sequence_forward(const rd_step *step, const rd_head *head, const rd_output *out,
                              int64_t given, rd_sequence_outputs *o) {
    int64_t passes = step->n_passes, n = out->sequences->n_seqs / passes, n_out = head->n_out;
    *o = (rd_sequence_outputs){.passes = passes, .n = n, .n_out = n_out};
    if (given != n)
        return rd_error(RD_ERR_ARGUMENT, "the loss of sequences: %lld labels for %lld sequences",
                        (long long)given, (long long)n);
    o->logits = rd_step_rows(step, passes * n, n_out);
    if (out->dx) o->dlogits = rd_step_rows(step, passes * n, n_out);
    if (!o->logits || (out->dx && !o->dlogits)) return RD_ERR_MEMORY;
    RD_TRY(rd_head_features(head, step, out->sequences, out->width, out->x, &o->saved));
    return rd_head_logits_of(head, step, out->width, &o->saved, o->logits);
}

static void add_sums(rd_criterion_sums *sums, const rd_criterion_sums *more, double share) {
    sums->loss += share * more->loss;
    sums->label_smoothed += share * more->label_smoothed;
    sums->nll += share * more->nll;
    sums->kl += share * more->kl;
}

static void add_gradient(float *sum, const float *d, int64_t n, float share) {
    for (int64_t i = 0; sum && i < n; i++) sum[i] += share * d[i];
}

/* One pass is a pair with itself, whose half counts. Of n passes each is in n - 1 pairs, so that
 * the mean over pairs is the pairs' losses with 2 / n of alpha, divided by n - 1. */
rd_status rd_sequence_loss(const rd_step *step, const rd_sequence_outputs *o, rd_pair_loss loss,
                           const void *self, float alpha, rd_criterion_sums *sums) {
    int64_t size = o->n * o->n_out, passes = o->passes;
    double share = passes == 1 ? 0.5 : 1.0 / (double)(passes - 1);
    rd_criterion_sums of_pair = {0}, total = {0};
    float *d = o->dlogits ? rd_step_rows(step, 2 * o->n, o->n_out) : NULL;
    float *d_second = d ? d + size : NULL;
    if (o->dlogits && !d) return RD_ERR_MEMORY;
    if (d) rd_op_zero((rd_activations){.f32 = o->dlogits}, passes * size);
    for (int64_t i = 0; i < passes; i++)
        for (int64_t j = passes == 1 ? 0 : i + 1; j < passes; j++) {
            RD_TRY(loss(self, passes == 1 ? 0.0f : 2.0f * alpha / (float)passes, o,
                        o->logits + i * size, o->logits + j * size, d, d_second, &of_pair));
            add_sums(&total, &of_pair, share);
            if (!d) continue;
            add_gradient(o->dlogits + i * size, d, size, passes == 1 ? 1.0f : (float)share);
            if (j > i) add_gradient(o->dlogits + j * size, d_second, size, (float)share);
        }
    if (passes > 2) total.kl /= 0.5 * (double)passes; /* the mean over pairs */
    add_sums(sums, &total, 1.0);
    sums->n_tokens += of_pair.n_tokens;
    return RD_OK;
}

rd_status rd_sequence_backward(const rd_step *step, const rd_head *head, const rd_output *out,
                               rd_sequence_outputs *o) {
    return out->dx ? rd_head_backward(head, step, out->sequences, out->width, &o->saved, o->dlogits,
                                      out->dx)
                   : RD_OK;
}
