/* Opening and closing a training, and its files. */
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "optim/optim_keys.h"
#include "recipe/data_record.h"
#include "recipe/recipe_keys.h"
#include "task/keys.h"
#include "train/settings.h"

/* A training continues its own model only. */
static rd_status accept_checkpoint(void *self, const char *path, const char *settings) {
    rd_run *run = self;
    RD_TRY(rd_settings_compare(run, path, settings));
    free(run->resumed_settings);
    return (run->resumed_settings = rd_strdup(settings)) ? RD_OK : RD_ERR_MEMORY;
}

/* NAG's momentum is in units of the rate that made it: by what it is multiplied to be in those of
 * this recipe's rate. */
static rd_status scale_of_momentum(const rd_run *run, double *scale) {
    const rd_optim_config *now = &run->recipe->optim;
    rd_recipe *then; /* its optimizer is the checkpoint's */
    rd_status status = RD_OK;
    *scale = 1.0;
    if (now->kind != RD_NAG) return RD_OK;
    RD_TRY(rd_recipe_new(&then));
    for (const rd_key *key = rd_optim_keys; status == RD_OK && key->name; key++) {
        char *value = NULL;
        status = rd_settings_get(run->resumed_settings, key->name, &value);
        if (status == RD_OK && value) status = rd_recipe_set_key(then, key, value);
        free(value);
    }
    double before = rd_learning_rate(&then->optim, run->state.update);
    if (status == RD_OK && before > 0.0) *scale = rd_learning_rate(now, run->state.update) / before;
    rd_recipe_free(then);
    return status;
}

void rd_run_scale_momentum(const rd_run *run, float *m, int64_t n) {
    for (int64_t i = 0; run->momentum_scale != 1.0 && i < n; i++)
        m[i] = (float)(run->momentum_scale * (double)m[i]);
}

/* RD_OK with *found false if there is none. */
static rd_status load_checkpoint(rd_run *run, const char *path, bool *found) {
    *found = rd_file_exists(path);
    if (!*found) return RD_OK;
    const rd_checkpoint_judge judge = {accept_checkpoint, run};
    RD_TRY(rd_checkpoint_load(path, &judge, &run->state, &run->model->parameters, &run->optimizer));
    run->resumed_update = run->state.update;
    RD_TRY(scale_of_momentum(run, &run->momentum_scale));
    rd_run_scale_momentum(run, run->optimizer.m, run->optimizer.n);
    free(run->resumed_path);
    run->resumed_path = rd_strdup(path);
    if (!run->resumed_path) return RD_ERR_MEMORY;
    bool other_metric =
        strncmp(run->state.metric, run->metric->name, sizeof run->state.metric) != 0;
    if (!run->other_results && !other_metric) return RD_OK;
    run->state.best_metric = NAN; /* it says nothing about another set, or another metric */
    run->state.validations_without_improvement = 0;
    return RD_OK;
}

/* checkpoint_last is damaged, or a kill came between the two renames of a save. A damaged file is
 * moved out of the way of the next save, which would put it in the place of the sound one. */
static rd_status load_previous(rd_run *run, const char *last, bool *found) {
    bool damaged = rd_file_exists(last);
    char *previous = rd_run_path(run, "checkpoint_previous");
    char *aside = rd_run_path(run, "checkpoint_damaged");
    char *problem = damaged ? rd_strdup(rd_last_error()) : NULL;
    rd_status status = previous && aside && (problem || !damaged)
                           ? load_checkpoint(run, previous, found)
                           : RD_ERR_MEMORY;
    if (damaged && (status == RD_ERR_FORMAT || (status == RD_OK && !*found)))
        status = rd_error(RD_ERR_FORMAT,
                          "%s, and there is no sound checkpoint_previous; choose another "
                          "--save-dir to start anew",
                          problem);
    else if (status == RD_OK && damaged && rename(last, aside) != 0)
        status = rd_error(RD_ERR_IO, "%s: cannot rename to %s: %s", last, aside, strerror(errno));
    else if (status == RD_OK && damaged)
        status = rd_text_printf(&run->warnings,
                                "%s; it is now checkpoint_damaged, and training goes on from "
                                "checkpoint_previous\n",
                                problem);
    free(previous);
    free(aside);
    free(problem);
    return status;
}

static rd_status resume(rd_run *run) {
    char *path = rd_run_path(run, "checkpoint_last");
    if (!path) return RD_ERR_MEMORY;
    bool found = false;
    rd_status status = load_checkpoint(run, path, &found);
    if (status == RD_ERR_FORMAT || (status == RD_OK && !found))
        status = load_previous(run, path, &found);
    run->saved_update = found ? run->state.update : -1;
    if (status == RD_OK && run->bf16) status = rd_parameters_refresh_bf16(&run->model->parameters);
    free(path);
    return status;
}

static rd_status open_save_dir(rd_run *run) {
    RD_TRY(rd_run_open_save_dir(run));
    rd_text settings = {0};
    RD_TRY(resume(run));
    if (run->saved_update < 0) RD_TRY(rd_run_begin_anew(run));
    rd_status status = rd_settings_write(run, &settings); /* contradictions are found before
                                                           * anything is written */
    rd_text_free(&settings);
    RD_TRY(status);
    RD_TRY(rd_run_tidy(run));
    RD_TRY(rd_run_open_log(run));
    return rd_tensorboard_open(run);
}

/* Averaging reads no checkpoint_last, but is of its training. */
static rd_status check_last(rd_run *run) {
    rd_checkpoint_info info = {0};
    char *path = rd_run_path(run, "checkpoint_last");
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && rd_file_exists(path)) {
        status = rd_checkpoint_read_info(path, &info);
        if (status == RD_OK) status = rd_settings_compare(run, path, info.settings);
    }
    rd_checkpoint_info_free(&info);
    free(path);
    return status;
}

/* Each of several processes may have only the state of its slices. */
static rd_status open_optimizer(rd_run *run) {
    const rd_recipe *r = run->recipe;
    const rd_parameters *p = &run->model->parameters;
    int64_t n = p->total;
    if (rd_run_has_part(run)) n = rd_comm_own(run->comm, n, run->comm->rank);
    RD_TRY(rd_optimizer_new(&run->optimizer, n, p->values, r->train.ema_decay > 0.0f));
    return rd_run_freeze(run);
}

rd_status rd_run_open(rd_run *run, bool with_training) {
    const rd_recipe *r = run->recipe;
    if (!run->comm) {
        run->alone = RD_COMM_ALONE;
        run->comm = &run->alone;
    }
    rd_set_threads(r->train.threads);
    RD_TRY(rd_task_check(r, &run->task, &run->metric));
    RD_TRY(rd_run_adopt_shape(run));
    RD_TRY(rd_data_record_take(run->recipe, run->data_dir, &run->warnings));
    RD_TRY(run->task->open(&run->data, run->recipe, run->data_dir, &run->warnings));
    RD_TRY(rd_model_new(&run->model, &r->model, r->train.seed));
    if (!with_training) {
        RD_TRY(rd_run_lock(run));
        return check_last(run);
    }
    RD_TRY(rd_task_warn_of_ignored(run->task, r, &run->warnings));
    RD_TRY(rd_recipe_warn_of_idle(r, NULL, &run->warnings));
    RD_TRY(rd_run_choose_workers(run));
    RD_TRY(run->task->open_data(run->data));
    run->train_batches = run->task->batches(run->data, RD_TRAINING_DATA);
    RD_TRY(rd_run_load_start(run));
    RD_TRY(rd_gemm_choose(r->train.precision, &run->bf16));
    RD_TRY(rd_model_prepare_training(run->model, run->bf16));
    RD_TRY(open_optimizer(run));
    run->state = (rd_progress_state){.epoch = 1, .best_metric = NAN};
    return run->save_dir ? open_save_dir(run) : RD_OK;
}

void rd_run_close(rd_run *run) {
    if (run->log) fclose(run->log);
    if (run->tensorboard) fclose(run->tensorboard);
    rd_run_unlock(run);
    rd_prefetch_stop(run->batches);
    rd_deal_free(&run->deal);
    free(run->speeds);
    free(run->measured);
    if (run->first) {
        rd_model_free(run->model); /* the view of it */
        rd_arena_free(&run->arena);
        return;
    }
    if (run->task) run->task->close(run->data);
    rd_optimizer_free(&run->optimizer);
    rd_model_free(run->model);
    rd_arena_free(&run->arena);
    rd_text_free(&run->warnings);
    rd_text_free(&run->notes);
    rd_text_free(&run->changes);
    free(run->resumed_settings);
    free(run->resumed_path);
    free(run->workers);
}
