/* Training: recipe and binarized data in, model directory out. */
#ifndef RD_TRAIN_TRAINER_H
#define RD_TRAIN_TRAINER_H

#include <signal.h>

#include "dist/comm.h"
#include "recipe/recipe.h"
#include "task/task.h"

/* Events that a training reports to the program that runs it. Losses are in nats, per the task's
 * loss_unit. */
typedef enum {
    RD_TRAIN_STARTED,
    RD_TRAIN_STEP,   /* after each update, for displays: means since the last _UPDATE */
    RD_TRAIN_UPDATE, /* every log-interval updates */
    RD_TRAIN_VALID,
    RD_TRAIN_SKIPPED,
    RD_TRAIN_FINISHED,
    RD_TRAIN_WARNING, /* of what has no effect; after STARTED */
    RD_TRAIN_CHANGED, /* a setting that has changed; after STARTED */
    RD_TRAIN_NOTE     /* what is good to know, such as what is frozen; after STARTED */
} rd_train_kind;

typedef struct {
    rd_train_kind kind;
    int64_t update, epoch, last_update; /* last_update: where training will stop, 0 if unknown */
    double loss, nll, kl;               /* training: over the updates since the last _UPDATE; NAN:
                                         * they had nothing to predict */
    double lr, gnorm;
    double tokens_per_second;  /* or examples, by the task's counts_examples */
    double seconds;            /* trained so far */
    const rd_results *results; /* VALID */
    bool best;                 /* VALID: the best so far */
    int64_t n_parameters, n_train, n_valid, resumed_from; /* STARTED */
    const rd_task *task;                                  /* STARTED */
    const char *workers;         /* STARTED: how many workers and threads, and why */
    const double *worker_speeds; /* [n_workers] FINISHED: tokens_per_second of each of several
                                  * while it computes */
    int n_workers;
    int64_t peak_memory; /* FINISHED: bytes, of this process */
    const char *reason;  /* FINISHED: why; SKIPPED: what was not finite; WARNING, CHANGED and NOTE:
                          * what to say */
} rd_train_event;

typedef void (*rd_train_listener)(void *self, const rd_train_event *event);

/* data_dir: train.bin, valid.bin and the vocabularies, from rdrop-preprocess. save_dir receives
 * checkpoint_last (training resumes from it if it exists), checkpoint_previous (from this one if
 * the last is damaged), checkpoint_best.safetensors, checkpoints/ (the last keep-last-n),
 * train.jsonl, report.html, and model/, the directory to translate with (best weights), which is
 * made, and later touched, only when there are weights for it. A directory of another model,
 * vocabulary or task is refused with RD_ERR_ARGUMENT. So is, unless `other` is NULL, one whose data
 * or settings differ in what changes updates, and *other, false before, is then true. *stop
 * becoming nonzero (a signal handler's doing) saves and returns RD_ERR_INTERRUPTED; NULL: never.
 * comm: of several ranks (dist/ranks.h), which all call this; the first one uses save_dir and
 * listener. NULL: there is one process. */
rd_status rd_train(rd_comm *comm, rd_recipe *recipe, const char *data_dir, const char *save_dir,
                   rd_train_listener listener, void *self, const volatile sig_atomic_t *stop,
                   bool *other);

/* Writes one page of up to 8 trainings, given by their save_dirs, which may still be running:
 * curves over each other, and the settings that differ. */
rd_status rd_train_compare(const char *const *save_dirs, int n, const char *path);

/* Replaces the weights of save_dir/model by the mean of the last average-last checkpoints. */
rd_status rd_train_average(rd_recipe *recipe, const char *data_dir, const char *save_dir,
                           int *n_averaged);

#endif
