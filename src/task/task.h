/* A task is data + model + criterion + validation: all that train/ knows about the thing it trains.
 * Each task has one file, and one row in the table of task.c. */
#ifndef RD_TASK_TASK_H
#define RD_TASK_TASK_H

#include <signal.h>
#include <stdbool.h>

#include <jansson.h>

#include "base/text.h"
#include "data/batch.h"
#include "dist/comm.h"
#include "model/network.h"
#include "recipe/recipe.h"

/* One result of a validation. */
typedef struct {
    const char *name;  /* in train.jsonl, and for best-checkpoint-metric */
    const char *label; /* for people */
    const char *chart; /* of report.html in which it is drawn; NULL: none of its own */
    int digits;        /* after the point, for people */
    bool larger_is_better;
    bool generates; /* needs the model's outputs as text, which takes time: not computed unless
                     * wanted */
} rd_result_kind;

enum { RD_MOST_RESULTS = 12 };

typedef struct {
    int n;
    struct {
        const rd_result_kind *kind;
        double value;
    } items[RD_MOST_RESULTS];
    /* For the report: {"labels": [classes], "counts": [classes * classes, a row a right class]};
     * NULL: none. */
    json_t *confusion;
    json_t *samples; /* for the report, [{"source", "reference", "hypothesis"}]; NULL: none */
} rd_results;

void rd_results_add(rd_results *results, const rd_result_kind *kind, double value);
void rd_results_free(rd_results *results);

typedef enum { RD_TRAINING_DATA, RD_VALIDATION_DATA } rd_split;

static inline int64_t rd_max_tokens(const rd_train_config *t, rd_split split) {
    return split == RD_VALIDATION_DATA && t->max_tokens_valid > 0 ? t->max_tokens_valid
                                                                  : t->max_tokens;
}

/* A validation's surroundings. */
typedef struct {
    const rd_model *model;
    rd_arena *arena;                   /* empty, and left empty */
    const volatile sig_atomic_t *stop; /* nonzero: RD_ERR_INTERRUPTED; NULL: never */
    rd_comm *comm; /* workers that share the validation; the results of the first one count */
} rd_validation;

/* Tasks as bits, for the table of keys. */
enum {
    RD_TRANSLATION = 1,
    RD_DENOISING = 2,
    RD_MASKED_LM = 4,
    RD_LANGUAGE_MODELING = 8,
    RD_SENTENCE_PREDICTION = 16,
    RD_IMAGE_CLASSIFICATION = 32
};

typedef struct {
    const char *name;                   /* as the key `task` has it */
    unsigned bit;                       /* of the tasks above */
    const char *examples;               /* what the data are: "pairs" */
    const char *loss_unit;              /* losses are means per: "token" */
    bool counts_examples;               /* for sizes of batches and speeds; false: tokens */
    const rd_result_kind *const *kinds; /* what validation gives; NULL ends them */
    /* Opens the vocabularies in data_dir and completes the recipe by them: sizes, special ids.
     * `recipe` and `data_dir` must last. Settings without effect are added to `warnings`, a line
     * each. close in any case. */
    rd_status (*open)(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings);
    void (*close)(void *self); /* NULL is fine */
    /* Opens both splits, once. */
    rd_status (*open_data)(void *self);
    rd_batch_source (*batches)(void *self, rd_split split);
    int64_t (*n_examples)(const void *self, rd_split split);
    uint64_t (*checksum)(const void *self, rd_split split);
    /* The criterion's loss. */
    rd_status (*loss)(const rd_criterion *self, const rd_step *step, const rd_head *head,
                      const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums);
    /* Of classes, [n_classes] or NULL: all 1; valid while the data are open. No function: NULL. */
    const float *(*class_weights)(const void *self);
    /* *results: empty; release it in any case. */
    rd_status (*validate)(void *self, const rd_validation *validation, rd_results *results);
} rd_task;

extern const rd_task rd_task_translation, rd_task_denoising, rd_task_language_modeling,
    rd_task_image_classification, rd_task_sentence_prediction, rd_task_masked_lm;

/* The task of that name; RD_ERR_ARGUMENT lists the existing ones. */
rd_status rd_task_find(const rd_task **task, const char *name);

/* The task's result of that name; RD_ERR_ARGUMENT lists the existing ones. */
rd_status rd_task_find_result(const rd_task *task, const char *name, const rd_result_kind **kind);

/* The recipe's task, and the one of its results that best-checkpoint-metric names; RD_ERR_ARGUMENT
 * if either does not exist, or the recipe sets a key that the task ignores. */
rd_status rd_task_check(const rd_recipe *recipe, const rd_task **task,
                        const rd_result_kind **metric);

/* The unit of speeds: "tokens", a pair's source and target counted once each; or the examples. */
const char *rd_task_speed_unit(const rd_task *task);

/* As the recipe has it, with the reg-alpha of this update. */
rd_criterion rd_task_criterion(const rd_task *task, const void *self, const rd_recipe *recipe,
                               float reg_alpha);

/* The results that every loss of tokens has. */
extern const rd_result_kind rd_result_loss, rd_result_nll, rd_result_ppl;

/* Computes these three over all batches of the validation set, without dropout. */
rd_status rd_task_add_losses(const rd_task *task, void *self, const rd_recipe *recipe,
                             const rd_validation *validation, rd_results *results);

#endif
