#include "criterion/sequence.h"

rd_status rd_sequence_forward(const rd_step *step, const rd_head *head, const rd_output *out,
                              int64_t given, rd_sequence_outputs *o) {
    int64_t passes = step->n_passes, n = out->sequences->n_seqs / passes, n_out = head->n_out;
    *o = (rd_sequence_outputs){.n = n, .n_out = n_out};
    if (given != n)
        return rd_error(RD_ERR_ARGUMENT, "the loss of sequences: %lld labels for %lld sequences",
                        (long long)given, (long long)n);
    if (out->dx) {
        o->d_first = rd_step_rows(step, 2 * n, n_out);
        o->d_second = o->d_first ? o->d_first + n * n_out : NULL;
        if (!o->d_first) return RD_ERR_MEMORY;
    }
    o->first = rd_step_rows(step, passes * n, n_out);
    if (!o->first) return RD_ERR_MEMORY;
    o->second = passes == 2 ? o->first + n * n_out : o->first;
    RD_TRY(rd_head_features(head, step, out->sequences, out->width, out->x, &o->saved));
    return rd_head_logits_of(head, step, out->width, &o->saved, o->first);
}

rd_status rd_sequence_backward(const rd_step *step, const rd_head *head, const rd_output *out,
                               rd_sequence_outputs *o, const rd_criterion_sums *of_both,
                               rd_criterion_sums *sums) {
    double share = step->n_passes == 2 ? 1.0 : 0.5;
    sums->loss += share * of_both->loss;
    sums->label_smoothed += share * of_both->label_smoothed;
    sums->nll += share * of_both->nll;
    sums->kl += share * of_both->kl;
    sums->n_tokens += of_both->n_tokens;
    return out->dx ? rd_head_backward(head, step, out->sequences, out->width, &o->saved, o->d_first,
                                      out->dx)
                   : RD_OK;
}
