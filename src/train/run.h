/* The inside of one training, shared by the files of train/. */
#ifndef RD_TRAIN_RUN_H
#define RD_TRAIN_RUN_H

#include <stdio.h>

#include <jansson.h>

#include "data/batch.h"
#include "data/prefetch.h"
#include "model/network.h"
#include "rdrop/metrics.h"
#include "rdrop/tokenizer.h"
#include "train/checkpoint.h"
#include "train/trainer.h"

typedef struct {
    rd_recipe *recipe;
    const char *data_dir, *save_dir;
    rd_tokenizer *source, *target; /* the same one when the vocabulary is joint */
    rd_dataset *train_data, *valid_data;
    rd_noise *noise; /* of all sources; NULL: none */
    rd_batcher *train_batches, *valid_batches;
    rd_metric_tokenizer *scored_words;      /* of BLEU; NULL without scores */
    const rd_metric_tokenizer *rouge_words; /* that, or NULL: rouge-score's */
    rd_model *model;
    rd_optimizer optimizer;
    rd_arena arena;
    rd_progress_state state;
    int64_t dealt_epoch;  /* of train_batches; 0: none yet */
    rd_prefetch *batches; /* of that epoch, from the state's place on */
    int64_t saved_update; /* of checkpoint_last; -1: there is none */
    char warning[1024];   /* what was wrong with checkpoint_last; "": nothing */
    int lock;             /* descriptor + 1 of save_dir/lock; 0: not held */
    FILE *log;            /* train.jsonl */
    json_t *samples;      /* of the last validation; see rd_run_generate */
    bool bf16;            /* matrix products of training read bfloat16 copies */
    rd_profile profile;   /* of all updates */
    rd_train_listener listener;
    void *self;
} rd_run;

/* Opens vocabularies and data, and makes the model; fills the recipe's vocabulary fields. Without a
 * save_dir, training starts anew and nothing is saved: for measuring. */
rd_status rd_run_open(rd_run *run, bool with_training);
void rd_run_close(rd_run *run);

/* Sums over updates. */
typedef struct {
    rd_criterion_sums sums;
    double gnorm, seconds;
    int64_t updates, tokens; /* source and target tokens, each pair counted once */
    int32_t passes;          /* of the last update */
} rd_window;

/* Deals the state's epoch and starts making its batches: before the first update of each epoch. */
rd_status rd_run_deal(rd_run *run);

/* The next update of the dealt epoch, added to *w; *skipped when something was not finite and the
 * weights stay as they were. */
rd_status rd_run_update(rd_run *run, rd_window *w, bool *skipped);

/* With finetune-from-model: the model's shape (all but its dropout rates) into the recipe; and its
 * weights into the run's model. Nothing without. */
rd_status rd_run_adopt_shape(rd_run *run);
rd_status rd_run_load_start(rd_run *run);

/* One process at a time: another's is refused by its pid. A killed one holds nothing. */
rd_status rd_run_lock(rd_run *run);
void rd_run_unlock(rd_run *run);

/* Removes what a killed training left half written, and numbered checkpoints of updates after the
 * state's: those will be made again. */
rd_status rd_run_tidy(const rd_run *run);

/* Validates, keeps what is to be kept (best, last, numbered checkpoints), and reports. *stop: leave
 * it undone and return RD_ERR_INTERRUPTED. */
rd_status rd_run_validate(rd_run *run, const volatile sig_atomic_t *stop);
rd_status rd_run_save_last(rd_run *run);

/* Whether validation translates the validation set, for scores. */
bool rd_run_scores(const rd_run *run);

/* Translates the validation set and scores it if rd_run_scores, else just the samples: a handful of
 * sentences, always the same, [{"source", "reference", "hypothesis"}]; release *samples. *stop as
 * for rd_run_validate. */
rd_status rd_run_generate(const rd_run *run, const volatile sig_atomic_t *stop,
                          rd_train_scores *scores, json_t **samples);

rd_status rd_run_open_log(rd_run *run);

/* Sends the event to the listener and train.jsonl. */
rd_status rd_run_report(rd_run *run, const rd_train_event *event);

/* report.html, from train.jsonl and the state. */
rd_status rd_run_write_html(const rd_run *run);

/* save_dir/NAME, malloc'ed. */
char *rd_run_path(const rd_run *run, const char *name);

/* The numbered checkpoints, oldest first; *paths and each path malloc'ed. */
rd_status rd_run_checkpoints(const rd_run *run, char ***paths, int *n);

#endif
