#include "task/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "task/keys.h"

static const rd_task *const tasks[] = {&rd_task_translation,         &rd_task_denoising,
                                       &rd_task_language_modeling,   &rd_task_image_classification,
                                       &rd_task_sentence_prediction, &rd_task_masked_lm};

enum { N_TASKS = sizeof tasks / sizeof *tasks };

void rd_results_add(rd_results *results, const rd_result_kind *kind, double value) {
    if (results->n == RD_MOST_RESULTS) return;
    results->items[results->n].kind = kind;
    results->items[results->n++].value = value;
}

void rd_results_free(rd_results *results) {
    json_decref(results->samples);
    json_decref(results->confusion);
    *results = (rd_results){0};
}

/* Appends a name to a list in words: "a, b, c". */
static void add_name(char *list, size_t room, const char *name) {
    size_t n = strlen(list);
    snprintf(list + n, room - n, "%s%s", n ? ", " : "", name);
}

rd_status rd_task_find(const rd_task **task, const char *name) {
    char names[256] = "";
    for (int i = 0; i < N_TASKS; i++) {
        *task = tasks[i];
        if (strcmp(tasks[i]->name, name) == 0) return RD_OK;
        add_name(names, sizeof names, tasks[i]->name);
    }
    *task = NULL;
    return rd_error(RD_ERR_ARGUMENT, "task: there is no '%s'; there are: %s", name, names);
}

rd_status rd_task_find_result(const rd_task *task, const char *name, const rd_result_kind **kind) {
    char names[256] = "";
    for (int i = 0; (*kind = task->kinds[i]); i++) {
        if (strcmp((*kind)->name, name) == 0) return RD_OK;
        add_name(names, sizeof names, (*kind)->name);
    }
    return rd_error(RD_ERR_ARGUMENT,
                    "best-checkpoint-metric: '%s' is nothing that the task %s is validated by; "
                    "there are: %s",
                    name, task->name, names);
}

rd_status rd_task_check(const rd_recipe *recipe, const rd_task **task,
                        const rd_result_kind **metric) {
    RD_TRY(rd_task_find(task, recipe->task));
    RD_TRY(rd_task_refuse_ignored(*task, recipe));
    return rd_task_find_result(*task, recipe->train.best_checkpoint_metric, metric);
}

const rd_result_kind rd_result_loss = {
    .name = "loss", .label = "loss", .chart = "Loss of validation, per token", .digits = 3};
const rd_result_kind rd_result_nll = {.name = "nll", .label = "nll", .digits = 3};
const rd_result_kind rd_result_ppl = {.name = "ppl", .label = "ppl", .digits = 2};

const char *rd_task_speed_unit(const rd_task *task) {
    return task->counts_examples ? task->examples : "tokens";
}

rd_criterion rd_task_criterion(const rd_task *task, const void *self, const rd_recipe *recipe,
                               float reg_alpha) {
    return (rd_criterion){.loss = task->loss,
                          .label_smoothing = recipe->train.label_smoothing,
                          .reg_alpha = reg_alpha,
                          .kl_reduction = recipe->train.kl_reduction,
                          .class_weights = task->class_weights ? task->class_weights(self) : NULL,
                          .adaptive_kl = recipe->train.adaptive_kl};
}

static rd_status sum_losses(const rd_task *task, const void *self, const rd_recipe *recipe,
                            const rd_validation *validation, const rd_batch_source *batches,
                            rd_batch *batch, rd_criterion_sums *sums) {
    rd_step step = {.arena = validation->arena, .n_passes = 1};
    rd_criterion criterion = rd_task_criterion(task, self, recipe, 0.0f);
    int64_t n = batches->size(batches->self);
    for (int64_t i = validation->comm->rank; i < n; i += validation->comm->size) {
        RD_TRY(rd_check_stop(validation->stop));
        RD_TRY(batches->get(batches->self, i, batch));
        rd_status status =
            rd_network_loss(validation->model, &step, batch, &criterion, false, sums);
        rd_arena_reset(validation->arena);
        RD_TRY(status);
    }
    return RD_OK;
}

/* Adds the workers' numbers, in their order, for all. */
static rd_status join_losses(rd_comm *comm, rd_criterion_sums *sums) {
    rd_criterion_sums *all = rd_malloc((size_t)comm->size, sizeof *all);
    rd_status status = all ? rd_comm_gather(comm, sums, sizeof *sums, all) : RD_ERR_MEMORY;
    for (int i = 0; status == RD_OK && i < comm->size; i++) {
        if (i == 0) *sums = (rd_criterion_sums){0};
        rd_criterion_sums_add(sums, &all[i], 1.0);
    }
    free(all);
    return status;
}

rd_status rd_task_add_losses(const rd_task *task, void *self, const rd_recipe *recipe,
                             const rd_validation *validation, rd_results *results) {
    rd_batch batch = {0};
    rd_criterion_sums sums = {0};
    rd_batch_source batches = task->batches(self, RD_VALIDATION_DATA);
    rd_status status = sum_losses(task, self, recipe, validation, &batches, &batch, &sums);
    rd_batch_free(&batch);
    RD_TRY(rd_comm_agree(validation->comm, status));
    if (validation->comm->size > 1) RD_TRY(join_losses(validation->comm, &sums));
    if (sums.n_tokens == 0)
        return rd_error(RD_ERR_FORMAT,
                        "validation: nothing in valid.bin can be predicted (only unknown tokens?)");
    double nll = sums.nll / (double)sums.n_tokens;
    rd_results_add(results, &rd_result_loss, sums.loss / (double)sums.n_tokens);
    rd_results_add(results, &rd_result_nll, nll);
    rd_results_add(results, &rd_result_ppl, exp(nll));
    return RD_OK;
}
