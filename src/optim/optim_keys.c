#include "optim/optim_keys.h"

#include "optim/optim.h"

static const char *const optimizers[] = {"adam", "nag", "sgd", NULL}; /* rd_optim_kind */
static const char *const schedulers[] = {"fixed", "inverse_sqrt", "polynomial_decay", "cosine",
                                         NULL}; /* rd_lr_scheduler */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_optim_config, field)
const rd_key rd_optim_keys[] = {
    {"optimizer", RD_KEY_ENUM, RD_AT(kind), 0, 0, "adam", optimizers, .effect = RD_EFFECT_MODEL,
     .help = "adam, nag (Nesterov's momentum) or sgd (with momentum)"},
    {"momentum", RD_KEY_DOUBLE, RD_AT(momentum), 0, 0.9999999, "0.9", .help = "of nag and sgd"},
    {"adam-betas", RD_KEY_PAIR, RD_AT(adam_beta1), 0, 0.9999999, "[0.9, 0.999]",
     .help = "Adam's decay rates"},
    {"adam-eps", RD_KEY_DOUBLE, RD_AT(adam_eps), 1e-30, 1, "1e-8", .help = "Adam's epsilon"},
    {"adam-eps-last", RD_KEY_BOOL, RD_AT(adam_eps_last), 0, 0, "false",
     .help =
         "epsilon is added after Adam's bias correction, as torch.optim.AdamW does; else before "
         "it, as fairseq"},
    {"weight-decay", RD_KEY_DOUBLE, RD_AT(weight_decay), 0, 1, "0",
     .help = "weight decay; PyTorch's SGD has decoupled-weight-decay: false"},
    {"decoupled-weight-decay", RD_KEY_BOOL, RD_AT(decoupled_weight_decay), 0, 0, "true",
     .help = "AdamW, as fairseq's adam; else L2 added to the gradient, as PyTorch's sgd"},
    {"no-decay-bias-norm", RD_KEY_BOOL, RD_AT(no_decay_bias_norm), 0, 0, "false",
     .help = "no weight decay on biases and layer norms"},
    {"lr", RD_KEY_DOUBLE, RD_AT(lr), 0, 100, "5e-4", .help = "peak learning rate",
     .aliases = "learning-rate"},
    {"lr-scheduler", RD_KEY_ENUM, RD_AT(lr_scheduler), 0, 0, "inverse_sqrt", schedulers,
     .help = "learning-rate schedule"},
    {"warmup-updates", RD_KEY_INT64, RD_AT(warmup_updates), 0, 1e15, "4000",
     .help = "updates of linear warmup"},
    {"warmup-init-lr", RD_KEY_DOUBLE, RD_AT(warmup_init_lr), 0, 100, "0",
     .help = "learning rate at update 0"},
    {"total-num-update", RD_KEY_INT64, RD_AT(total_num_update), 0, 1e15, "0",
     .help = "polynomial_decay, cosine: where the decay ends; 0: at max-update"},
    {"end-learning-rate", RD_KEY_DOUBLE, RD_AT(end_learning_rate), 0, 100, "0",
     .help = "polynomial_decay, cosine: rate at the end", .aliases = "min-lr"},
    {"lr-period-updates", RD_KEY_INT64, RD_AT(lr_period_updates), 0, 1e15, "0",
     .help = "cosine that starts again after so many updates; 0: once, to total-num-update"},
    {"t-mult", RD_KEY_DOUBLE, RD_AT(t_mult), 1, 1000, "1",
     .help = "cosine: each period is so many times as long as the one before"},
    {"lr-shrink", RD_KEY_DOUBLE, RD_AT(lr_shrink), 0, 1, "0.1",
     .help = "cosine: rates of a period are so many times those of the one before"},
    {"power", RD_KEY_DOUBLE, RD_AT(power), 0, 100, "1", .help = "polynomial_decay: exponent"},
    {"clip-norm", RD_KEY_DOUBLE, RD_AT(clip_norm), 0, 1e30, "0",
     .help = "largest gradient norm; 0: any"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
