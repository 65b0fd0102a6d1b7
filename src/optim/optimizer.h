/* The optimizer's state and its step; configuration in optim.h. */
#ifndef RD_OPTIM_OPTIMIZER_H
#define RD_OPTIM_OPTIMIZER_H

#include "base/error.h"
#include "dist/comm.h"
#include "model/parameters.h"
#include "optim/optim.h"

/* The learning rate of update `update` (1 is the first), as in fairseq's schedulers: with a warmup
 * from 0 the first has rate 0, and only fills Adam's moments (fixed: 1 / warmup of lr). */
double rd_learning_rate(const rd_optim_config *config, int64_t update);

/* Weights begin .. begin + n. */
typedef struct {
    int64_t begin, n;
    bool decays, frozen; /* frozen: they stay as they are, and so does all their state */
} rd_optim_range;

/* The state of all weights, or of those n that this process steps, end to end. */
typedef struct {
    float *m, *v; /* [n] first and second moments; nag, sgd: m is the momentum, v unused */
    float *ema;   /* [n] exponential moving average of the weights, NULL when off */
    int64_t n;
    rd_optim_range *ranges; /* [n_ranges] of all weights in order; NULL: one range, which decays */
    int64_t n_ranges;
    bool freezes; /* some of them */
} rd_optimizer;

/* values: [n], the start of the average; a process with a part of the state sets its own later. */
rd_status rd_optimizer_new(rd_optimizer *optimizer, int64_t n, const float *values, bool with_ema);
/* exempt_vectors: vectors, which are biases and norms, have no weight decay. frozen:
 * [parameters->n] true for parameters that are not trained; NULL: none. */
rd_status rd_optimizer_divide(rd_optimizer *optimizer, const rd_parameters *parameters,
                              bool exempt_vectors, const bool *frozen);
/* Gradients of frozen weights count for nothing: sets them to 0, before the norm is taken. */
void rd_optimizer_drop_frozen(const rd_optimizer *optimizer, float *grads);
void rd_optimizer_free(rd_optimizer *optimizer);

/* L2 norm of grads * scale. */
double rd_gradient_norm(const float *grads, int64_t n, double scale);

/* One update of a slice of the weights, whose state the optimizer has from slice.at on; the rest
 * stays as it is. Adam (Kingma & Ba 2015, as fairseq: eps is added to the uncorrected sqrt(v), or
 * with adam_eps_last to the corrected one), NAG as in fairseq, or SGD with momentum as in PyTorch.
 * values, grads: of all weights; grads are multiplied by `scale`, clipped to clip_norm given their
 * norm after scaling, used and zeroed. update counts from 1. The moving average, if any, decays by
 * ema_decay, in the first updates by (1 + update) / (10 + update). */
void rd_optimizer_step(rd_optimizer *optimizer, const rd_optim_config *config, int64_t update,
                       double scale, double norm, rd_slice slice, float *values, float *grads,
                       double ema_decay);

#endif
