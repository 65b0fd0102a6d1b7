/* The inside of one training, shared by the files of train/. */
#ifndef RD_TRAIN_RUN_H
#define RD_TRAIN_RUN_H

#include <signal.h>
#include <stdio.h>

#include <jansson.h>

#include "base/text.h"
#include "data/prefetch.h"
#include "dist/comm.h"
#include "task/task.h"
#include "train/checkpoint.h"
#include "train/deal.h"
#include "train/trainer.h"

/* The tokens that a worker has computed, and the time that took, not counting reading, waiting and
 * adding. */
typedef struct {
    int64_t tokens;
    double seconds;
} rd_worker_meter;

typedef struct rd_run {
    rd_recipe *recipe;
    const char *data_dir, *save_dir; /* save_dir: NULL also for all workers but the first */
    rd_comm *comm;                   /* NULL: `alone` */
    rd_comm alone;
    const struct rd_run *first; /* the run whose model and data this worker shares; NULL: its own */
    int n_workers;              /* that train together; before they have met, too */
    char *workers;              /* how many, of how many threads, and why */
    double *speeds;             /* [comm->size]; NULL: all the same */
    rd_worker_meter *measured;  /* [comm->size] of all updates; NULL: not kept */
    const rd_task *task;
    void *data;                   /* the task's, as its `open` made it */
    const rd_result_kind *metric; /* best-checkpoint-metric */
    rd_batch_source train_batches;
    rd_model *model;
    rd_optimizer optimizer;
    rd_arena arena;
    rd_progress_state state;
    int64_t dealt_epoch;    /* of train_batches; 0: none yet */
    rd_deal deal;           /* of that epoch, from the state's place on */
    rd_prefetch *batches;   /* this worker's of the deal */
    int64_t saved_update;   /* of checkpoint_last; -1: there is none */
    rd_text warnings;       /* a line each */
    rd_text notes;          /* other notes at the start, a line each */
    rd_text changes;        /* settings that differ between the checkpoint and the run, a line each:
                             * "dropout 0.1 -> 0.3" */
    bool other_results;     /* one of them is what results of validation are of: its data,
                             * and what its loss or its BLEU is made with */
    char *resumed_settings; /* of the checkpoint; NULL: there was none */
    char *resumed_path;     /* the checkpoint */
    int64_t resumed_update; /* of the checkpoint */
    double momentum_scale;  /* of the first rank: of what it resumes */
    uint32_t start_checksum; /* of the weights of finetune-from-model */
    bool locked;             /* whether save_dir is held, by the two descriptors below */
    int directory, lock_file;
    bool unsaved; /* a training has begun there and saved no checkpoint_last yet; the file `lock`
                   * records it, and outlasts a kill */
    FILE *log;    /* train.jsonl */
    FILE *tensorboard;  /* this start's event file; NULL: none is wanted */
    bool bf16;          /* matrix products of training read bfloat16 copies */
    int n_threads;      /* of a worker */
    rd_profile profile; /* of all updates */
    rd_train_listener listener;
    void *self;
    const volatile sig_atomic_t *stop; /* NULL: never; looked at before each batch of an update */
    /* Set where the checkpoint's settings are others; NULL: they may change. */
    bool *other_training;
} rd_run;

/* Opens vocabularies and data, and makes the model; fills the recipe's vocabulary fields. Without a
 * save_dir, training starts anew and nothing is saved: for measuring. */
rd_status rd_run_open(rd_run *run, bool with_training);
void rd_run_close(rd_run *run);

/* m: [n] of a checkpoint's momentum, brought to this run's rate (momentum_scale). */
void rd_run_scale_momentum(const rd_run *run, float *m, int64_t n);

/* Opens a worker that shares the model, the data and the optimizer of `first`, which is open and
 * must outlive it. */
rd_status rd_run_attach(rd_run *run, const rd_run *first, rd_comm *comm);

/* Joins processes into one training; `opened`: the status of opening this one. Refuses those that
 * disagree with the first, and gives the others its weights and place. A single worker's is
 * `opened`. */
rd_status rd_run_join(rd_run *run, rd_status opened);

/* How many workers train together, and with how many threads each: the recipe's numbers, or ones
 * that suit the model and the processors. */
rd_status rd_run_choose_workers(rd_run *run);

/* Once the run's workers have met: worker-speeds, for so many of them, and room for measured ones.
 */
rd_status rd_run_prepare_workers(rd_run *run);

/* Tokens, or pictures, a second of each of several workers: malloc'ed; NULL: none is known. */
double *rd_run_measured_speeds(const rd_run *run);

/* Sums over updates. */
typedef struct {
    rd_criterion_sums sums;
    double gnorm, seconds;
    int64_t updates, tokens; /* source and target tokens, each pair counted once */
    int32_t passes;          /* of the last update */
} rd_meters;

/* Batches of the dealt epoch. */
static inline int64_t rd_run_n_batches(const rd_run *run) {
    return run->train_batches.size(run->train_batches.self);
}

/* Batches that all workers together take for an update. */
int64_t rd_run_batches_per_update(const rd_run *run);

/* Whether each worker steps only its slices of the weights (rd_comm_slice), and whether its
 * optimizer has only their state. */
bool rd_run_steps_slices(const rd_run *run);
bool rd_run_has_part(const rd_run *run);

/* The weights that this worker steps: all of them, or its slices. `at`: of its optimizer's state.
 */
int64_t rd_run_n_slices(const rd_run *run);
rd_slice rd_run_slice(const rd_run *run, int64_t i);

/* Deals the state's epoch and starts making its batches: before the first update of each epoch. */
rd_status rd_run_start_epoch(rd_run *run);

/* The next update of the dealt epoch, added to *w; *skipped if something was not finite, and the
 * weights stay as they were. RD_ERR_INTERRUPTED: stopped between two of its batches; the update
 * counts as not begun, and the epoch must be dealt again. */
rd_status rd_run_update(rd_run *run, rd_meters *w, bool *skipped);

/* With finetune-from-model: takes the model's shape (all except its head, dropout and cutoff) into
 * the recipe, and its weights into the run's model. Otherwise does nothing. */
rd_status rd_run_adopt_shape(rd_run *run);
rd_status rd_run_load_start(rd_run *run);
/* Whether the data's classes are not those of the model directory `start`, in the same order. */
rd_status rd_run_has_other_labels(const rd_run *run, const char *start, bool *other);

/* Divides the optimizer's weights into those that are trained or decay and those that do not
 * (freeze, no-decay-bias-norm). RD_ERR_FORMAT for parts that do not
 * exist, or that the model does not have. */
rd_status rd_run_freeze(rd_run *run);

/* Names of everything that a training keeps in save_dir, except report.html, which is made anew
 * from them; NULL ends them. */
extern const char *const rd_run_files[], *const rd_run_folders[];

/* One process at a time may use a directory: a second one is refused, with the pid of the first. A
 * killed process holds nothing. Symbolic links in the directory are refused: nothing is read,
 * written or removed through one. */
rd_status rd_run_lock(rd_run *run);
void rd_run_unlock(rd_run *run);

/* Makes the directory, and checkpoints/ inside, and locks it. */
rd_status rd_run_open_save_dir(rd_run *run);

/* Call before each save: checks that the directory is still the locked one, and that those inside
 * have not become links. */
rd_status rd_run_check_save_dir(const rd_run *run);

/* Call before a training that has no checkpoint to continue from: refuses a directory with files of
 * another training, unless that was killed before its first save. It marks the new one as
 * unsaved. */
rd_status rd_run_begin_anew(rd_run *run);
/* Records in the directory that nothing is saved there yet; with false, that something is. */
rd_status rd_run_mark_unsaved(rd_run *run, bool unsaved);

/* Removes files that a killed training left half written, and numbered checkpoints of updates after
 * the state's, which will be made again. */
rd_status rd_run_tidy(const rd_run *run);

/* Makes save_dir/model from the model as it is. Nothing there is touched at any other time. */
rd_status rd_run_save_model(const rd_run *run);

/* Validates, saves checkpoints (best, last, numbered), and reports. If *stop is set, it leaves that
 * undone and returns RD_ERR_INTERRUPTED. */
rd_status rd_run_validate(rd_run *run, const volatile sig_atomic_t *stop);
rd_status rd_run_save_last(rd_run *run);

rd_status rd_run_open_log(rd_run *run);
rd_status rd_run_sync_log(const rd_run *run); /* before anything that counts the same updates is
                                               * saved */

/* Sends the event to the listener and train.jsonl. */
rd_status rd_run_report(rd_run *run, const rd_train_event *event);

/* With `tensorboard: true`: makes save_dir/tensorboard/events.out.tfevents.*, and adds an update's
 * or a validation's numbers to it. */
rd_status rd_tensorboard_open(rd_run *run);
rd_status rd_tensorboard_write(rd_run *run, const rd_train_event *event);

/* report.html, from train.jsonl and the state. */
rd_status rd_run_write_html(const rd_run *run);

/* save_dir/NAME, malloc'ed. */
char *rd_run_path(const rd_run *run, const char *name);

/* The numbered checkpoints, oldest first; free *paths in any case. */
rd_status rd_run_checkpoints(const rd_run *run, char ***paths, int *n);
void rd_run_free_paths(char **paths, int n);

#endif
