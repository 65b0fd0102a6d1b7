/* A recipe: everything a training run needs, from one YAML file whose keys have the names of
 * fairseq's flags. Each module has a table of its keys (base/key.h); recipe_keys.c puts them
 * together. */
#ifndef RD_RECIPE_RECIPE_H
#define RD_RECIPE_RECIPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "criterion/adaptive_kl.h"
#include "data/binarize_text.h"
#include "data/blocks.h"
#include "data/masking.h"
#include "data/noise.h"
#include "data/picture_input.h"
#include "data/table.h"
#include "optim/optim.h"
#include "rdrop/criterion.h"
#include "model/position_resize.h"
#include "rdrop/model.h"
#include "rdrop/search.h"

typedef struct {
    char *source_lang, *target_lang; /* source-lang, target-lang: file suffixes of the corpora */
    /* Prefixes of the raw corpora: the files PREFIX.LANG or PREFIX.LANG.gz. Relative paths are
     * relative to the data directory. trainpref may list several, separated by commas. */
    char *trainpref, *validpref, *testpref;
    char *class_names; /* of pictures, in the order of their numbers, comma-separated; "": found */
    char *prepare; /* script that makes the raw corpora, relative to the recipe file that names it;
                      "" if none */
    char *vocab_from; /* folder of an existing vocabulary; "": train one; see finetune_from_model */
    char *vocab_type; /* unigram | bpe | words | characters */
    int64_t threshold; /* words and characters that come fewer times are unknown */
    int32_t n_words;   /* nwords: of them kept, with the special ones; 0: all */
    int32_t vocab_size_src, vocab_size_tgt; /* both vocab-size when joined-dictionary */
    bool joined_dictionary;
    float character_coverage;
    bool byte_fallback, mask_piece;
    char *normalization; /* a name of SentencePiece's rules, or auto: nmt_nfkc for a vocabulary
                            of sources alone, else identity */
    char *user_defined_symbols; /* pieces that text is never cut within, comma-separated */
    int64_t vocab_sentences;    /* lines sampled to train the vocabulary on; 0: all */
    int32_t min_source_len, max_source_len, min_target_len,
        max_target_len;     /* tokens, without eos */
    bool truncate_source;   /* longer sources are cut to max_source_len, not dropped */
    float max_ratio;        /* of the longer side to the shorter; 0: no limit */
    float sampling_alpha;   /* sentencepiece-alpha: subword regularization in training; 0: off */
    int32_t sampling_nbest; /* sentencepiece-nbest */
    /* Of a text for a language model: */
    int32_t tokens_per_sample; /* of a block; 0: as many as the model has positions */
    rd_break_mode break_mode;  /* sample-break-mode: where blocks end */
    rd_line_end line_end;
} rd_data_config;

/* Tables of sentences with classes or numbers: of the task sentence_prediction. Then trainpref and
 * its like are names of tables, with or without .gz. */
typedef struct {
    rd_table_format format, format_unnamed; /* unnamed: by whose names auto cannot go */
    rd_quoting quoting;
    bool header;
    char *sentence1, *sentence2, *label; /* columns, by name or number; sentence2 "": none */
    char *labels;                        /* in their order, with commas; "": as found, sorted */
    bool regression;                     /* a number is predicted */
    int32_t longest;                     /* tokens of an example, special ones included */
} rd_table_settings;

typedef struct {
    char *finetune_from_model; /* model directory to start from; "": random weights. Then the
                                  default of data.vocab_from */
    char *freeze;              /* parts that are not trained, separated by commas; "": none */
    char *extend_vocab;        /* symbols added to the vocabulary of finetune_from_model */
    rd_position_interpolation position_interpolation;
    bool padding_idx; /* pad's embedding gets no gradient where pad is read */
    uint64_t seed;
    int64_t max_tokens, max_sentences; /* per micro-batch */
    int64_t max_tokens_valid;
    rd_augmentation augmentation;  /* of pictures */
    rd_noise_config noise;         /* of sources, when batches are made */
    rd_masking_config masking;     /* of masked_lm */
    int64_t max_update, max_epoch; /* 0: no limit; at least one must be set */
    int32_t update_freq;
    int32_t n_passes; /* of R-Drop; one without it */
    int32_t patience; /* validations without improvement before stopping; 0: never */
    float label_smoothing, reg_alpha;
    rd_kl_reduction kl_reduction;     /* of classes */
    rd_adaptive_kl adaptive_kl;       /* of tokens, over an adaptive softmax */
    char *class_weights;              /* "": all 1; task/class_weights.h */
    int64_t reg_alpha_warmup_updates; /* reg-alpha grows linearly from 0 over these updates */
    int64_t validate_interval_updates;
    int64_t save_interval_updates; /* 0: at each validation */
    int32_t validate_interval;     /* epochs; used when validate_interval_updates is 0 */
    int32_t keep_last;             /* keep-last-n: checkpoints kept for averaging */
    int64_t eval_bleu_sentences;   /* validation sentences translated; 0: all */
    char *eval_bleu_tokenizer;     /* rdrop/metrics.h; "": rd_metric_tokenizer_for(target_lang) */
    char *best_checkpoint_metric;  /* the name of a result of the task (task/task.h) */
    int32_t eval_bleu_beam;
    int32_t log_interval;       /* updates between progress lines */
    float ema_decay;            /* 0: no exponential moving average */
    int32_t threads;            /* 0: all cores */
    int64_t batches_per_update; /* of all workers; 0: update_freq times their number */
    char *worker_speeds;        /* "2,1,1": shares of an update's batches; "": equal */
    int32_t workers;            /* threads that train together (dist/comm.h); 0: chosen */
    int32_t worker_timeout;     /* seconds without a sign of another process */
    rd_precision precision;     /* of matrix products; the rest is float32 */
    int32_t average_last;       /* checkpoints averaged by the average stage */
    bool shard_optimizer;       /* of processes: each has a part of the optimizer's state */
    bool reduce_bf16;           /* of processes: gradients travel as bfloat16 */
    bool eval_bleu, eval_bleu_lowercase;
    bool checkpoint_activations; /* memory for time, with the same weights */
    bool tensorboard;            /* event files in save_dir/tensorboard */
} rd_train_config;

/* Where the value of a key comes from. */
typedef enum {
    RD_BY_DEFAULT,
    RD_BY_ARCH,
    RD_INHERITED, /* written in a recipe that the one with the task extends: perhaps for another */
    RD_WRITTEN_DOWN /* with the task, or in a recipe that extends it, or by --set */
} rd_key_origin;

typedef struct {
    char *name;             /* file name without directory and .yaml */
    char *directory;        /* where the recipe file is */
    char *script;           /* path of the script that makes the raw corpora; NULL: none */
    rd_key_origin *origins; /* [rd_recipe_key_count()] */
    char *task;             /* what is learned: "translation" */
    char *vocabulary; /* fingerprint that the vocabulary must have (data/vocab_files.h); "": any */
    rd_data_config data;
    rd_table_settings table;
    rd_model_config model;
    rd_picture_form pictures; /* what the model's pictures are like */
    rd_optim_config optim;
    rd_train_config train;
    rd_search_options search; /* beam, lenpen, max-len-a, ... : defaults for translating */
    char *compare;            /* recipes whose scores recipes/run.sh shows as well, "" if none */
    char *score_metrics;      /* metrics of the score stage, e.g. "bleu,chrf" */
    bool score_lowercase;
    char *score_tokenizer; /* as eval_bleu_tokenizer */
    /* Scores of a text by a language model, as in rdrop-lm. */
    int32_t score_tokens_per_sample, score_context_window;
    rd_break_mode score_break_mode;
} rd_recipe;

/* RD_ERR_ARGUMENT if the file `output` is the recipe `path` or one that it extends: those are read,
 * and must not be overwritten. */
rd_status rd_recipe_refuse_output(const char *path, const char *output);

/* Reads `path`, following `extends:` (a recipe file relative to this one); then applies each of
 * `settings` ("key=value", as --set gives them) in order. An unknown or ill-typed key, a value out
 * of range or keys that contradict each other: RD_ERR_FORMAT naming file, line and the nearest
 * known key. */
rd_status rd_recipe_load(rd_recipe **recipe, const char *path, const char *const *settings,
                         int n_settings);
/* The config.yaml of a model directory: the same, but it need not say when training ends. */
rd_status rd_recipe_load_config(rd_recipe **recipe, const char *path);
/* A recipe with every key at its default and no name. */
rd_status rd_recipe_new(rd_recipe **recipe);
void rd_recipe_free(rd_recipe *recipe);

/* Appends the keys of a group (data, model, train, search or score) with their values; group NULL:
 * all, as a recipe that loads back to the same struct. */
rd_status rd_recipe_write(const rd_recipe *recipe, const char *group, rd_text *out);
/* The same for the keys that a model directory keeps: task, languages, vocabulary, shape,
 * search. */
rd_status rd_recipe_write_config(const rd_recipe *recipe, rd_text *out);

bool rd_recipe_is_written(const rd_recipe *recipe, const char *key); /* in a file, or by --set */
/* Adds a line for each written key that has no effect without another, which is not set. group: of
 * keys ("data"); NULL: all. */
rd_status rd_recipe_warn_of_idle(const rd_recipe *recipe, const char *group, rd_text *warnings);
/* Whether vocab-size is set and differs from the number of pieces; message: [room] then has the
 * warning. */
bool rd_recipe_vocab_size_differs(const rd_recipe *recipe, int32_t source, int32_t target,
                                  char *message, size_t room);

/* One line per key: name, type, default, meaning; for --help-recipe. */
void rd_recipe_describe(FILE *out);

#endif
