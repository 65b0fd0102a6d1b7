/* checkpoint_last: everything a training needs to continue as if it had never stopped. Dropout,
 * shuffling and sampling are functions of counters, so counters, weights and moments are the whole
 * state, except the rounding errors of reduce-bf16, which begin at 0 again. */
#ifndef RD_TRAIN_CHECKPOINT_H
#define RD_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/parameters.h"
#include "optim/optimizer.h"

typedef struct {
    int64_t update;            /* updates done */
    int64_t epoch, next_batch; /* where in the data the next update starts; epochs count from 1 */
    int64_t skipped_updates;   /* non-finite losses so far */
    int64_t skipped_in_a_row;
    int64_t validated_update; /* of the last validation; 0 before the first */
    int64_t validations_without_improvement;
    double best_metric; /* larger is better (a loss is negated); NAN before the first */
    char metric[32];    /* which: a best-checkpoint-metric, padded with NUL */
    int64_t best_update;
    double seconds; /* spent training, over all runs */
} rd_progress_state;

/* Weights, first and second moments and, with has_ema, their average, one after the other. */
typedef struct {
    int count; /* 3 or 4 */
    int64_t n; /* floats of each */
    /* block: [n], until the next call. */
    rd_status (*get)(void *self, int i, const float **block);
    void *self;
} rd_checkpoint_blocks;

/* Atomic; a checksum covers all of it. settings: a text that the checkpoint keeps (settings.h). The
 * checkpoint that was at `path` moves to `previous`. */
rd_status rd_checkpoint_save(const char *path, const char *previous, const char *settings,
                             const rd_progress_state *state, const rd_checkpoint_blocks *blocks);

/* values: [n] = a sound checkpoint's block from float `begin` on. */
rd_status rd_checkpoint_read_part(const char *path, int block, int64_t begin, int64_t n,
                                  float *values);

/* Receives the settings of a checkpoint before anything else is taken from it. */
typedef struct {
    rd_status (*accept)(void *self, const char *path, const char *settings);
    void *self;
} rd_checkpoint_judge;

/* RD_ERR_FORMAT: the file is damaged. RD_ERR_UNSUPPORTED: it is of another version of the program.
 * RD_ERR_ARGUMENT: it is sound, but of another recipe. The optimizer's state is read where
 * the optimizer has all of it; a part is for rd_checkpoint_read_part. */
rd_status rd_checkpoint_load(const char *path, const rd_checkpoint_judge *judge,
                             rd_progress_state *state, rd_parameters *parameters,
                             rd_optimizer *optimizer);

/* A checkpoint's header; the rest of the file is not read. */
typedef struct {
    int64_t n; /* parameters */
    bool has_ema;
    rd_progress_state state;
    char *settings; /* malloc'ed */
} rd_checkpoint_info;
rd_status rd_checkpoint_read_info(const char *path, rd_checkpoint_info *info);
void rd_checkpoint_info_free(rd_checkpoint_info *info);

/* values: [n_parameters] = mean of the weights in `paths`, safetensors files of this model;
 * RD_ERR_FORMAT if one says that it belongs to another. */
rd_status rd_checkpoint_average(const rd_parameters *parameters, const rd_weights_owner *owner,
                                const char *const *paths, int n_paths, float *values);

#endif
