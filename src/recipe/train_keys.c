/* Keys of training, without those of the optimizer and the noise. */
#include <stddef.h>

#include "recipe/recipe_keys.h"

static const char *const precisions[] = {"auto", "fp32", "bf16", NULL}; /* rd_precision */

static const char *const adaptive_kls[] = {"exact", "cluster", NULL}; /* rd_adaptive_kl */
static const char *const reductions[] = {"mean", "sum", NULL};        /* rd_kl_reduction */

static const char *const interpolations[] = {"google", "huggingface", "timm", "timm-bilinear",
                                             NULL}; /* rd_position_interpolation */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_train_config, field)
const rd_key rd_train_keys[] = {
    {"finetune-from-model", RD_KEY_STRING, RD_AT(finetune_from_model), 0, 0, "",
     .effect = RD_EFFECT_NONE,
     .help = "model directory whose shape and weights training starts from (and joined-dictionary "
             "and prepend-bos, where they are not set)"},
    {"extend-vocab", RD_KEY_STRING, RD_AT(extend_vocab), 0, 0, "", .separator = " ",
     .help = "symbols, separated by blanks, to add to finetune-from-model's vocabulary: each "
             "is one piece, whose embedding begins as the mean of the others"},
    {"freeze", RD_KEY_STRING, RD_AT(freeze), 0, 0, "", .separator = ",",
     .help = "parts that are not trained, separated by commas: encoder, decoder (both without the "
             "parts that follow), embeddings (with positions), output (if it is not tied), "
             "output-bias"},
    {"padding-idx", RD_KEY_BOOL, RD_AT(padding_idx), 0, 0, "false",
     .help = "pad's embedding gets no gradient where encoder and decoder read it, as in PyTorch"},
    {"position-interpolation", RD_KEY_ENUM, RD_AT(position_interpolation), 0, 0, "google",
     interpolations,
     .help = "finetune-from-model at another picture-size: whose way of resizing its positions"},
    {"seed", RD_KEY_UINT64, RD_AT(seed), 0, 0, "1", .help = "seed of weights, order and dropout"},
    {"max-tokens", RD_KEY_INT64, RD_AT(max_tokens), 0, 1e9, "4096",
     .help = "tokens per batch: of each pair the longer side, once for all passes; 0: no limit"},
    {"max-sentences", RD_KEY_INT64, RD_AT(max_sentences), 0, 1e9, "0",
     .help = "sentences per batch; 0: no limit", .aliases = "batch-size"},
    {"max-tokens-valid", RD_KEY_INT64, RD_AT(max_tokens_valid), 0, 1e9, "0",
     .effect = RD_EFFECT_COURSE, .help = "tokens per batch in validation; 0: max-tokens"},
    {"update-freq", RD_KEY_INT32, RD_AT(update_freq), 1, 1e6, "1",
     .help = "batches accumulated per update"},
    {"max-update", RD_KEY_INT64, RD_AT(max_update), 0, 1e15, "0", .effect = RD_EFFECT_COURSE,
     .help = "updates to train; 0: no limit"},
    {"max-epoch", RD_KEY_INT64, RD_AT(max_epoch), 0, 1e9, "0", .effect = RD_EFFECT_COURSE,
     .help = "epochs to train; 0: no limit"},
    {"patience", RD_KEY_INT32, RD_AT(patience), 0, 1e6, "0", .effect = RD_EFFECT_COURSE,
     .help = "validations without improvement before stopping; 0: never"},
    {"label-smoothing", RD_KEY_FLOAT, RD_AT(label_smoothing), 0, 0.99, "0",
     .help = "label smoothing"},
    {"reg-alpha", RD_KEY_FLOAT, RD_AT(reg_alpha), 0, 1000, "0",
     .help = "weight of R-Drop's KL; 0: one pass, no R-Drop"},
    {"n-passes", RD_KEY_INT32, RD_AT(n_passes), 2, 16, "2",
     .help = "passes of R-Drop: each has its cross-entropy, and the KL is the mean over all pairs "
             "of them"},
    {"kl-reduction", RD_KEY_ENUM, RD_AT(kl_reduction), 0, 0, "mean", reductions,
     .help = "R-Drop's KL of classes: mean over the examples, or their sum in a batch, which makes "
             "it weigh more the larger a batch is"},
    {"class-weights", RD_KEY_STRING, RD_AT(class_weights), 0, 0, "", .separator = ",",
     .help = "weight of each class's cross-entropy: NAME=WEIGHT, separated by commas, others "
             "1; or balanced: each class as much as any other. Validation's loss is not weighted"},
    {"kl-adaptive", RD_KEY_ENUM, RD_AT(adaptive_kl), 0, 0, "exact", adaptive_kls,
     .help = "R-Drop's KL over an adaptive softmax: of the whole distribution, or as its authors "
             "have it, of the head and of the cluster that the target is in"},
    {"reg-alpha-warmup-updates", RD_KEY_INT64, RD_AT(reg_alpha_warmup_updates), 0, 1e15, "0",
     .help = "updates over which reg-alpha grows from 0"},
    {"validate-interval-updates", RD_KEY_INT64, RD_AT(validate_interval_updates), 0, 1e15, "0",
     .effect = RD_EFFECT_COURSE, .help = "updates between validations; 0: by epochs"},
    {"validate-interval", RD_KEY_INT32, RD_AT(validate_interval), 1, 1e6, "1",
     .effect = RD_EFFECT_COURSE, .help = "epochs between validations"},
    {"save-interval-updates", RD_KEY_INT64, RD_AT(save_interval_updates), 0, 1e15, "0",
     .effect = RD_EFFECT_COURSE, .help = "updates between checkpoints; 0: at each validation"},
    {"keep-last-n", RD_KEY_INT32, RD_AT(keep_last), 1, 100000, "10", .effect = RD_EFFECT_COURSE,
     .help = "checkpoints kept", .aliases = "keep-last-epochs"},
    {"eval-bleu", RD_KEY_BOOL, RD_AT(eval_bleu), 0, 0, "false", .effect = RD_EFFECT_COURSE,
     .help = "translate the validation set for BLEU and ROUGE"},
    {"eval-bleu-beam", RD_KEY_INT32, RD_AT(eval_bleu_beam), 1, 1024, "5",
     .effect = RD_EFFECT_COURSE, .help = "beam of validation"},
    {"eval-bleu-sentences", RD_KEY_INT64, RD_AT(eval_bleu_sentences), 0, 1e15, "0",
     .effect = RD_EFFECT_COURSE, .help = "sentences translated in validation; 0: all"},
    {"eval-bleu-lowercase", RD_KEY_BOOL, RD_AT(eval_bleu_lowercase), 0, 0, "false",
     .effect = RD_EFFECT_COURSE, .help = "lowercased BLEU in validation"},
    {"eval-bleu-tokenizer", RD_KEY_STRING, RD_AT(eval_bleu_tokenizer), 0, 0, "",
     .effect = RD_EFFECT_COURSE,
     .help = "rdrop-score's --tokenize for BLEU and, unless it is 13a, ROUGE in validation; "
             "empty: by target-lang"},
    {"best-checkpoint-metric", RD_KEY_STRING, RD_AT(best_checkpoint_metric), 0, 0, "loss",
     .effect = RD_EFFECT_COURSE,
     .help = "result of validation that makes a checkpoint the best: loss; for texts "
             "also nll and ppl, for language models bits and word-ppl; for translations bleu, "
             "chrf, rouge1, rouge2, rougeL, which imply eval-bleu; for sentences accuracy, f1 (of "
             "the second of two labels), matthews, pearson, spearman; for pictures accuracy, top5, "
             "ece"},
    {"log-interval", RD_KEY_INT32, RD_AT(log_interval), 1, 1e9, "100", .effect = RD_EFFECT_COURSE,
     .help = "updates between progress lines"},
    {"ema-decay", RD_KEY_FLOAT, RD_AT(ema_decay), 0, 0.9999999, "0",
     .help = "exponential moving average of the weights, which is validated, saved and averaged by "
             "average-last; at update t it decays by (1 + t) / (10 + t) at most; 0: none"},
    {"threads", RD_KEY_INT32, RD_AT(threads), 0, 65536, "0", .effect = RD_EFFECT_NONE,
     .help = "threads; 0: all cores, or OMP_NUM_THREADS of them"},
    {"workers", RD_KEY_INT32, RD_AT(workers), 0, 4096, "0", .effect = RD_EFFECT_NONE,
     .help = "threads of this process that each take whole batches and meet once an update, each "
             "with its own `threads`; update-freq is for each. 0: chosen, and printed"},
    {"batches-per-update", RD_KEY_INT64, RD_AT(batches_per_update), 0, 1e6, "0",
     .help = "batches accumulated per update over all workers, however many they are; 0: "
             "update-freq times the workers"},
    {"worker-speeds", RD_KEY_STRING, RD_AT(worker_speeds), 0, 0, "", .separator = ",",
     .effect = RD_EFFECT_COURSE,
     .help =
         "how fast each worker is, as in 2,1,1, or as a training prints at its end: decides how "
         "many of an update's batches each takes; empty: all are the same"},
    {"shard-optimizer", RD_KEY_BOOL, RD_AT(shard_optimizer), 0, 0, "true",
     .effect = RD_EFFECT_COURSE,
     .help = "of several processes (mpirun) each keeps and steps its part of the optimizer's "
             "state; the same weights, but with reduce-bf16, which rounds other sums"},
    {"reduce-bf16", RD_KEY_BOOL, RD_AT(reduce_bf16), 0, 0, "false",
     .help = "send gradients between processes as bfloat16; rounding errors are added to the "
             "next ones"},
    {"worker-timeout", RD_KEY_INT32, RD_AT(worker_timeout), 1, 86400, "60",
     .effect = RD_EFFECT_NONE,
     .help = "seconds after which a process that gives no sign ends the training of all"},
    {"precision", RD_KEY_ENUM, RD_AT(precision), 0, 0, "auto", precisions,
     .help = "matrix products in fp32, bf16, or auto: bf16 where it is faster"},
    {"checkpoint-activations", RD_KEY_BOOL, RD_AT(checkpoint_activations), 0, 0, "false",
     .effect = RD_EFFECT_NONE,
     .help = "keep only the layers' inputs and compute the rest again: less memory, more time, "
             "same weights"},
    {"tensorboard", RD_KEY_BOOL, RD_AT(tensorboard), 0, 0, "false", .effect = RD_EFFECT_NONE,
     .help = "also write event files that TensorBoard opens, in SAVE-DIR/tensorboard"},
    {"average-last", RD_KEY_INT32, RD_AT(average_last), 1, 100000, "10", .effect = RD_EFFECT_NONE,
     .help = "checkpoints averaged after training"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
