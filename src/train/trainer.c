#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "dist/threads.h"
#include "recipe/model_dir.h"
#include "task/task.h"
#include "train/run.h"

enum { MOST_SKIPPED = 10 }; /* updates in a row without a finite loss */

static int64_t last_update(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    int64_t some = rd_run_batches_per_update(run);
    int64_t per_epoch = (rd_run_n_batches(run) + some - 1) / some;
    int64_t by_epochs = t->max_epoch > 0 ? t->max_epoch * per_epoch : INT64_MAX;
    int64_t by_updates = t->max_update > 0 ? t->max_update : INT64_MAX;
    int64_t last = by_epochs < by_updates ? by_epochs : by_updates;
    return last == INT64_MAX ? 0 : last;
}

static rd_train_event event_of(const rd_run *run, rd_train_kind kind) {
    return (rd_train_event){.kind = kind,
                            .update = run->state.update,
                            .epoch = run->state.epoch,
                            .seconds = run->state.seconds};
}

static rd_status report_progress(rd_run *run, const rd_meters *w, rd_train_kind kind) {
    double n = w->sums.n_tokens > 0 ? (double)w->sums.n_tokens : (double)NAN;
    rd_train_event event = event_of(run, kind);
    event.last_update = last_update(run);
    event.loss = w->sums.loss / n;
    event.nll = w->sums.nll / n;
    event.kl = w->sums.kl / n;
    event.lr = rd_learning_rate(&run->recipe->optim, run->state.update);
    event.gnorm = w->updates ? w->gnorm / (double)w->updates : 0.0;
    event.tokens_per_second = w->seconds > 0.0 ? (double)w->tokens / w->seconds : 0.0;
    return rd_run_report(run, &event);
}

/* Why training is over, or NULL. */
static const char *finished(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    if (t->max_update > 0 && run->state.update >= t->max_update) return "max-update reached";
    if (t->max_epoch > 0 && run->state.epoch > t->max_epoch) return "max-epoch reached";
    if (t->patience > 0 && run->state.validations_without_improvement >= t->patience)
        return "patience exhausted";
    return NULL;
}

/* Whether validation is due at this state, and has not been done. It depends only on the state, so
 * a resumed run decides as the one that it continues. */
static bool validation_due(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    const rd_progress_state *s = &run->state;
    if (s->update == s->validated_update) return false;
    if (finished(run)) return true;
    if (t->validate_interval_updates > 0) return s->update % t->validate_interval_updates == 0;
    return s->next_batch == 0 && (s->epoch - 1) % t->validate_interval == 0;
}

static rd_status too_many_skipped(const rd_run *run) {
    char kept[96] = "no checkpoint was saved yet";
    if (run->saved_update >= 0)
        snprintf(kept, sizeof kept, "checkpoint_last holds the weights of update %lld",
                 (long long)run->saved_update);
    return rd_error(RD_ERR_NUMERIC,
                    "the loss was not finite %d times in a row after update %lld: training "
                    "diverged; %s. Lower lr, or set clip-norm, and start again",
                    MOST_SKIPPED, (long long)run->state.update, kept);
}

/* The next update of the epoch, counted and reported. */
static rd_status next_update(rd_run *run, rd_meters *w) {
    rd_progress_state *s = &run->state;
    bool skipped = false;
    RD_TRY(rd_run_update(run, w, &skipped));
    s->skipped_in_a_row = skipped ? s->skipped_in_a_row + 1 : 0;
    if (!skipped) {
        bool due = s->update % run->recipe->train.log_interval == 0;
        RD_TRY(report_progress(run, w, due ? RD_TRAIN_UPDATE : RD_TRAIN_STEP));
        if (due) *w = (rd_meters){0};
        return RD_OK;
    }
    rd_train_event event = event_of(run, RD_TRAIN_SKIPPED);
    event.reason = "loss or gradient not finite";
    RD_TRY(rd_run_report(run, &event));
    return s->skipped_in_a_row >= MOST_SKIPPED ? rd_comm_agree(run->comm, too_many_skipped(run))
                                               : RD_OK;
}

/* Trains from the state's place in its epoch to the epoch's end, or until it is time to validate or
 * stop. */
static rd_status run_epoch(rd_run *run, rd_meters *w) {
    const rd_train_config *t = &run->recipe->train;
    rd_progress_state *s = &run->state;
    if (run->dealt_epoch != s->epoch) RD_TRY(rd_run_start_epoch(run));
    int64_t n = rd_run_n_batches(run);
    while (s->next_batch < n) {
        int64_t before = s->update;
        RD_TRY(next_update(run, w));
        if (s->next_batch < n && (finished(run) || validation_due(run))) return RD_OK;
        if (s->update > before && t->save_interval_updates > 0 &&
            s->update % t->save_interval_updates == 0)
            RD_TRY(rd_run_save_last(run));
    }
    s->epoch++;
    s->next_batch = 0;
    return RD_OK;
}

/* Most of the memory is a batch's, and grows with its size. */
static rd_status out_of_memory(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    bool by_tokens = t->max_tokens > 0 && !run->task->counts_examples;
    return rd_error_suffix(RD_ERR_MEMORY,
                           "a lower %s (now %lld, with %s raised as much) needs less memory",
                           by_tokens ? "max-tokens" : "max-sentences",
                           (long long)(by_tokens ? t->max_tokens : t->max_sentences),
                           t->batches_per_update > 0 ? "batches-per-update" : "update-freq");
}

static rd_status train_until_done(rd_run *run, const volatile sig_atomic_t *stop) {
    rd_meters w = {0};
    for (;;) {
        if (validation_due(run))
            RD_TRY(rd_run_validate(run, stop));
        else if (finished(run))
            return RD_OK;
        else
            RD_TRY(run_epoch(run, &w));
    }
}

static rd_status train_all(rd_run *run, const volatile sig_atomic_t *stop) {
    rd_status status = train_until_done(run, stop);
    if (status == RD_ERR_MEMORY) return out_of_memory(run);
    if (status != RD_ERR_INTERRUPTED) return status;
    run->comm->agreed = false; /* so that all stop; only the first one may fail to save */
    RD_TRY(rd_run_save_last(run));
    RD_TRY(rd_run_write_html(run));
    run->comm->agreed = true;
    return rd_error(RD_ERR_INTERRUPTED,
                    "stopped by a signal after update %lld; start again to go on",
                    (long long)run->state.update);
}

static rd_status report_line(rd_run *run, rd_train_kind kind, const char *prefix, const char *line,
                             size_t n) {
    rd_text reason = {0};
    rd_status status = rd_text_printf(&reason, "%s%.*s", prefix, (int)n, line);
    rd_train_event event = event_of(run, kind);
    event.reason = reason.data;
    if (status == RD_OK) status = rd_run_report(run, &event);
    rd_text_free(&reason);
    return status;
}

/* An event for each line. */
static rd_status report_lines(rd_run *run, const rd_text *lines, rd_train_kind kind,
                              const char *prefix) {
    for (const char *line = lines->data; line && *line;) {
        size_t n = strcspn(line, "\n");
        RD_TRY(report_line(run, kind, prefix, line, n));
        line += n + (line[n] == '\n');
    }
    return RD_OK;
}

/* Recipes for large corpora have a long warm-up, which small ones never get out of. */
static rd_status warn_of_warmup(rd_run *run) {
    int64_t warmup = run->recipe->optim.warmup_updates, last = last_update(run);
    if (run->comm->rank > 0 || last == 0 || warmup <= last) return RD_OK;
    return rd_text_printf(&run->warnings,
                          "warmup-updates is %lld, but training ends at update %lld: the rate does "
                          "not reach lr\n",
                          (long long)warmup, (long long)last);
}

static rd_status report_start(rd_run *run) {
    rd_train_event event = event_of(run, RD_TRAIN_STARTED);
    event.last_update = last_update(run);
    event.n_parameters = rd_model_n_parameters(run->model);
    event.n_train = run->task->n_examples(run->data, RD_TRAINING_DATA);
    event.n_valid = run->task->n_examples(run->data, RD_VALIDATION_DATA);
    event.task = run->task;
    event.workers = run->workers;
    event.resumed_from = run->state.update;
    RD_TRY(rd_run_report(run, &event));
    RD_TRY(warn_of_warmup(run));
    RD_TRY(report_lines(run, &run->warnings, RD_TRAIN_WARNING, ""));
    RD_TRY(report_lines(run, &run->notes, RD_TRAIN_NOTE, ""));
    return report_lines(run, &run->changes, RD_TRAIN_CHANGED, "changed: ");
}

static rd_status report_end(rd_run *run) {
    double *speeds = rd_run_measured_speeds(run);
    rd_train_event event = event_of(run, RD_TRAIN_FINISHED);
    event.peak_memory = rd_peak_memory();
    event.worker_speeds = speeds;
    event.n_workers = speeds ? run->comm->size : 0;
    event.reason = finished(run);
    rd_status status = rd_run_report(run, &event);
    free(speeds);
    RD_TRY(status);
    RD_TRY(rd_run_sync_log(run));
    return rd_run_write_html(run);
}

/* The mean of files of weights, [n], in the place of the run's, and a model of it. */
static rd_status make_model_of(rd_run *run, const char *const *paths, int n) {
    const rd_weights_owner owner = rd_recipe_owner(run->recipe);
    rd_parameters *p = &run->model->parameters;
    RD_TRY(rd_checkpoint_average(p, &owner, paths, n, p->values));
    return rd_run_save_model(run);
}

/* A model that somebody has removed is made again of the best weights. */
static rd_status restore_model(rd_run *run) {
    if (run->comm->rank > 0 || !run->save_dir) return RD_OK;
    char *weights = rd_run_path(run, "model/model.safetensors");
    char *config = rd_run_path(run, "model/config.yaml");
    char *best = rd_run_path(run, "checkpoint_best.safetensors");
    rd_status status = weights && config && best ? RD_OK : RD_ERR_MEMORY;
    bool whole = status != RD_OK || (rd_file_exists(weights) && rd_file_exists(config));
    if (!whole && rd_file_exists(best)) status = make_model_of(run, (const char *const *)&best, 1);
    free(weights);
    free(config);
    free(best);
    return status;
}

static rd_status train(rd_run *run) {
    RD_TRY(report_start(run));
    RD_TRY(train_all(run, run->stop));
    RD_TRY(restore_model(run));
    return report_end(run);
}

/* A thread that is one of several workers. */
static rd_status train_as(void *self, rd_comm *comm) {
    rd_run *first = self, run = {0};
    if (comm->rank == 0) {
        first->comm = comm;
        RD_TRY(rd_run_prepare_workers(first));
        return train(first);
    }
    rd_status status = rd_run_attach(&run, first, comm);
    if (status == RD_OK) status = train(&run);
    rd_run_close(&run);
    return status;
}

static rd_status open_and_train(rd_run *run) {
    rd_status status = rd_run_open(run, true);
    RD_TRY(rd_run_join(run, status));
    rd_set_threads(run->recipe->train.threads);
    if (run->n_workers > run->comm->size) {
        rd_comm *alone = run->comm;
        status = rd_comm_run_threads(run->n_workers, run->recipe->train.threads, train_as, run);
        run->comm = alone;
        return status;
    }
    RD_TRY(rd_run_prepare_workers(run));
    return train(run);
}

rd_status rd_train(rd_comm *comm, rd_recipe *recipe, const char *data_dir, const char *save_dir,
                   rd_train_listener listener, void *self, const volatile sig_atomic_t *stop,
                   bool *other) {
    bool first = !comm || comm->rank == 0;
    rd_run run = {.recipe = recipe,
                  .data_dir = data_dir,
                  .save_dir = first ? save_dir : NULL,
                  .comm = comm,
                  .listener = first ? listener : NULL,
                  .self = self,
                  .stop = stop,
                  .other_training = other};
    rd_status status = open_and_train(&run);
    rd_run_close(&run);
    return status;
}

static rd_status average(rd_run *run, char ***paths, int *n, int *n_averaged) {
    RD_TRY(rd_run_open(run, false));
    RD_TRY(rd_run_checkpoints(run, paths, n));
    if (*n == 0)
        return rd_error(RD_ERR_IO, "%s/checkpoints: holds no checkpoints to average; train first",
                        run->save_dir);
    int last = run->recipe->train.average_last;
    *n_averaged = *n < last ? *n : last;
    return make_model_of(run, (const char *const *)*paths + *n - *n_averaged, *n_averaged);
}

rd_status rd_train_average(rd_recipe *recipe, const char *data_dir, const char *save_dir,
                           int *n_averaged) {
    rd_run run = {.recipe = recipe, .data_dir = data_dir, .save_dir = save_dir};
    char **paths = NULL;
    int n = 0;
    rd_status status = average(&run, &paths, &n, n_averaged);
    rd_run_free_paths(paths, n);
    rd_run_close(&run);
    return status;
}
