/* Adam and NAG as in fairseq, SGD as in PyTorch, learning-rate schedules, clipping. */
#ifndef RD_OPTIM_OPTIM_H
#define RD_OPTIM_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { RD_ADAM, RD_NAG, RD_SGD } rd_optim_kind;

typedef enum {
    RD_LR_FIXED,
    RD_LR_INVERSE_SQRT,
    RD_LR_POLYNOMIAL_DECAY,
    RD_LR_COSINE
} rd_lr_scheduler;

typedef struct {
    rd_optim_kind kind;
    double lr; /* peak learning rate */
    double adam_beta1, adam_beta2, adam_eps;
    bool adam_eps_last; /* eps is added after the bias correction of sqrt(v), as torch.optim.AdamW
                         * does; else before it, as fairseq's adam */
    double momentum;    /* nag, sgd */
    double weight_decay;
    bool decoupled_weight_decay; /* AdamW, as fairseq's adam; otherwise L2 added to the gradient */
    bool no_decay_bias_norm;     /* no weight decay on vectors: biases, and gains of layer norms */
    double clip_norm;            /* 0: no clipping */
    rd_lr_scheduler lr_scheduler;
    int64_t warmup_updates;
    double warmup_init_lr;    /* lr at update 0 */
    int64_t total_num_update; /* polynomial_decay and cosine: where the decay ends */
    double end_learning_rate; /* polynomial_decay and cosine: lr at the end */
    double power;             /* polynomial_decay */
    /* cosine that starts again: period i, from 0 on, has lr_period_updates * t_mult^i updates, and
     * both rates times lr_shrink^i; 0: one period, to total_num_update */
    int64_t lr_period_updates;
    double t_mult, lr_shrink;
} rd_optim_config;

/* Whether the rate falls to its end at total_num_update. */
static inline bool rd_lr_decays(const rd_optim_config *config) {
    return config->lr_scheduler == RD_LR_POLYNOMIAL_DECAY ||
           (config->lr_scheduler == RD_LR_COSINE && config->lr_period_updates == 0);
}

#endif
