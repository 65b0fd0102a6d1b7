/* Adam as in fairseq, learning-rate schedules, clipping. */
#ifndef RD_OPTIM_OPTIM_H
#define RD_OPTIM_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RD_LR_FIXED,
    RD_LR_INVERSE_SQRT,
    RD_LR_POLYNOMIAL_DECAY,
    RD_LR_COSINE
} rd_lr_scheduler;

typedef struct {
    double lr; /* peak learning rate */
    double adam_beta1, adam_beta2, adam_eps;
    double weight_decay;
    bool decoupled_weight_decay; /* AdamW, as fairseq's adam; otherwise L2 added to the gradient */
    double clip_norm;            /* 0: no clipping */
    rd_lr_scheduler lr_scheduler;
    int64_t warmup_updates;
    double warmup_init_lr;    /* lr at update 0 */
    int64_t total_num_update; /* polynomial_decay and cosine: where the decay ends */
    double end_learning_rate; /* polynomial_decay and cosine: lr at the end */
    double power;             /* polynomial_decay */
} rd_optim_config;

/* Whether the rate falls to its end at total_num_update. */
static inline bool rd_lr_decays(rd_lr_scheduler scheduler) {
    return scheduler == RD_LR_POLYNOMIAL_DECAY || scheduler == RD_LR_COSINE;
}

#endif
