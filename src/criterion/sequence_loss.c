/* The losses of whole sequences: a class, or a number, of each. Both share the head's forward and
 * backward passes, and pairs of passes. */
#include "criterion/criterion.h"

/* Two passes' logits, and room for their gradients (both NULL: none is wanted). */
typedef struct {
    int64_t n, n_out;            /* sequences, and outputs of the head */
    const float *first, *second; /* [n, n_out] */
    float *d_first, *d_second;   /* [n, n_out] */
} pass_pair;

/* The loss of two passes (rdrop/criterion.h) with R-Drop's term times alpha, whose sums and
 * gradients it overwrites. */
typedef rd_status (*pair_loss)(const rd_criterion *self, const rd_batch *batch, float alpha,
                               const pass_pair *pair, rd_criterion_sums *sums);

/* logits: [passes, n, n_out], each pass under the one before; dlogits: room for their gradient,
 * NULL when none is wanted. */
typedef struct {
    int64_t passes, n, n_out; /* n: sequences of one pass; n_out: head outputs */
    float *logits, *dlogits;
    rd_head_saved saved;
} outputs;

static rd_status forward(const rd_step *step, const rd_head *head, const rd_output *out,
                         int64_t given, outputs *o) {
    int64_t passes = step->n_passes, n = out->sequences->n_seqs / passes, n_out = head->n_out;
    *o = (outputs){.passes = passes, .n = n, .n_out = n_out};
    if (given != n)
        return rd_error(RD_ERR_ARGUMENT, "the loss of sequences: %lld labels for %lld sequences",
                        (long long)given, (long long)n);
    o->logits = rd_step_rows(step, passes * n, n_out);
    if (out->dx) o->dlogits = rd_step_rows(step, passes * n, n_out);
    if (!o->logits || (out->dx && !o->dlogits)) return RD_ERR_MEMORY;
    RD_TRY(rd_head_features(head, step, out->sequences, out->width, out->x, &o->saved));
    return rd_head_logits_of(head, step, out->width, &o->saved, o->logits);
}

static void add_gradient(float *sum, const float *d, int64_t n, float share) {
    for (int64_t i = 0; sum && i < n; i++) sum[i] += share * d[i];
}

/* Adds to *sums, and fills o->dlogits. One pass is a pair with itself, whose half counts. Of n
 * passes each is in n - 1 pairs, so the mean over pairs is the sum of the pairs' losses with 2 / n
 * of alpha, divided by n - 1. */
static rd_status all_pairs(const rd_criterion *self, const rd_step *step, const rd_batch *batch,
                           const outputs *o, pair_loss of_pair, rd_criterion_sums *sums) {
    int64_t size = o->n * o->n_out, passes = o->passes;
    double share = passes == 1 ? 0.5 : 1.0 / (double)(passes - 1);
    float alpha = passes == 1 ? 0.0f : 2.0f * self->reg_alpha / (float)passes;
    rd_criterion_sums pair_sums = {0}, total = {0};
    float *d = o->dlogits ? rd_step_rows(step, 2 * o->n, o->n_out) : NULL;
    if (o->dlogits && !d) return RD_ERR_MEMORY;
    if (d) rd_op_zero((rd_activations){.f32 = o->dlogits}, passes * size);
    for (int64_t i = 0; i < passes; i++)
        for (int64_t j = passes == 1 ? 0 : i + 1; j < passes; j++) {
            const pass_pair pair = {.n = o->n,
                                    .n_out = o->n_out,
                                    .first = o->logits + i * size,
                                    .second = o->logits + j * size,
                                    .d_first = d,
                                    .d_second = d ? d + size : NULL};
            RD_TRY(of_pair(self, batch, alpha, &pair, &pair_sums));
            rd_criterion_sums_add(&total, &pair_sums, share);
            if (!d) continue;
            add_gradient(o->dlogits + i * size, d, size, passes == 1 ? 1.0f : (float)share);
            if (j > i) add_gradient(o->dlogits + j * size, pair.d_second, size, (float)share);
        }
    if (passes > 2) total.kl /= 0.5 * (double)passes; /* the mean over pairs */
    total.n_tokens = pair_sums.n_tokens;              /* of one pass */
    rd_criterion_sums_add(sums, &total, 1.0);
    return RD_OK;
}

/* As rd_criterion's `loss`: the losses of all passes, and the mean of R-Drop's term over their
 * pairs; for one pass, half of the loss of the pass with itself. RD_ERR_ARGUMENT unless the batch
 * has `given` things to predict, one a sequence. */
static rd_status sequence_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                               const rd_batch *batch, const rd_output *out, int64_t given,
                               pair_loss of_pair, rd_criterion_sums *sums) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    outputs o;
    RD_TRY(forward(step, head, out, given, &o));
    RD_TRY(all_pairs(self, step, batch, &o, of_pair, sums));
    if (out->dx)
        RD_TRY(
            rd_head_backward(head, step, out->sequences, out->width, &o.saved, o.dlogits, out->dx));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* Label-smoothed cross-entropy, and R-Drop's KL. */
static rd_status class_pair(const rd_criterion *self, const rd_batch *batch, float alpha,
                            const pass_pair *pair, rd_criterion_sums *sums) {
    bool mixed = batch->shares.length > 0;
    const rd_class_config config = {.label_smoothing = self->label_smoothing,
                                    .reg_alpha = alpha,
                                    .kl_reduction = self->kl_reduction,
                                    .class_weights = self->class_weights,
                                    .other_labels = mixed ? batch->other_labels.data : NULL,
                                    .shares = mixed ? batch->shares.data : NULL};
    return rd_criterion_classes(&config, pair->n, pair->n_out, pair->first, pair->second,
                                batch->labels.data, pair->d_first, pair->d_second, sums);
}

rd_status rd_class_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    return sequence_loss(self, step, head, batch, out, batch->labels.length, class_pair, sums);
}

/* Squared errors, and R-Drop's squared distance. */
static rd_status value_pair(const rd_criterion *self, const rd_batch *batch, float alpha,
                            const pass_pair *pair, rd_criterion_sums *sums) {
    (void)self;
    return rd_criterion_values(alpha, pair->n, pair->first, pair->second, batch->values.data,
                               pair->d_first, pair->d_second, sums);
}

rd_status rd_value_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    return sequence_loss(self, step, head, batch, out, batch->values.length, value_pair, sums);
}
