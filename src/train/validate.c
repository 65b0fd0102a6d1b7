/* Validation and what is kept after it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "train/run.h"

static rd_status validation_loss(rd_run *run, const volatile sig_atomic_t *stop,
                                 rd_criterion_sums *sums) {
    rd_batch batch = {0};
    rd_step step = {.ops = rd_backend(), .arena = &run->arena, .n_passes = 1};
    rd_criterion criterion = {rd_token_loss, run->recipe->train.label_smoothing, 0.0f};
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < rd_batcher_size(run->valid_batches); i++) {
        status = stop && *stop ? rd_error(RD_ERR_INTERRUPTED, "stopped by a signal")
                               : rd_batcher_get(run->valid_batches, i, &batch);
        if (status == RD_OK)
            status = rd_network_loss(run->model, &step, &batch, &criterion, false, sums);
        rd_arena_reset(&run->arena);
    }
    rd_batch_free(&batch);
    if (status == RD_ERR_NUMERIC)
        return rd_error(RD_ERR_NUMERIC,
                        "the validation loss is not finite after update %lld: training diverged. "
                        "Lower lr, or set clip-norm, and start again",
                        (long long)run->state.update);
    return status;
}

/* Trades the weights for their moving average and, called again, back. */
static void swap_ema(rd_run *run) {
    float *values = run->model->parameters.values, *ema = run->optimizer.ema;
    for (int64_t i = 0; ema && i < run->optimizer.n; i++) {
        float kept = values[i];
        values[i] = ema[i];
        ema[i] = kept;
    }
}

static rd_status save_weights(const rd_run *run, const char *name) {
    char *path = rd_run_path(run, name);
    rd_status status = path ? rd_model_save(run->model, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

static rd_status prune_checkpoints(const rd_run *run) {
    char **paths = NULL;
    int n = 0;
    rd_status status = rd_run_checkpoints(run, &paths, &n);
    for (int i = 0; i < n && paths; i++) {
        if (status == RD_OK && i < n - run->recipe->train.keep_last) unlink(paths[i]);
        free(paths[i]);
    }
    free(paths);
    return status;
}

static rd_status save_after_validation(rd_run *run, bool best) {
    char name[64];
    RD_TRY(rd_run_check_save_dir(run));
    if (best) {
        RD_TRY(save_weights(run, "checkpoint_best.safetensors"));
        RD_TRY(save_weights(run, "model/model.safetensors"));
    }
    if (run->recipe->train.keep_last < 1) return RD_OK;
    snprintf(name, sizeof name, "checkpoints/%08lld.safetensors", (long long)run->state.update);
    RD_TRY(save_weights(run, name));
    return prune_checkpoints(run);
}

static bool all_finite(const float *values, int64_t n) {
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) sum += 0.0f * values[i]; /* 0, or NaN */
    return sum == 0.0f;
}

rd_status rd_run_save_last(rd_run *run) {
    const rd_parameters *p = &run->model->parameters;
    if (!all_finite(p->values, p->total))
        return rd_error(RD_ERR_NUMERIC,
                        "the weights are not finite after update %lld: training diverged, and they "
                        "are not saved. Lower lr, or set clip-norm, and start again",
                        (long long)run->state.update);
    RD_TRY(rd_run_check_save_dir(run));
    RD_TRY(rd_run_sync_log(run));
    char *path = rd_run_path(run, "checkpoint_last");
    char *previous = rd_run_path(run, "checkpoint_previous");
    rd_status status = path && previous
                           ? rd_checkpoint_save(path, previous, &run->state,
                                                &run->model->parameters, &run->optimizer)
                           : RD_ERR_MEMORY;
    if (status == RD_OK) run->saved_update = run->state.update;
    free(path);
    free(previous);
    return status;
}

/* What best-checkpoint-metric names; larger is better. */
static double metric_of(const rd_run *run, double loss, const rd_train_scores *scores) {
    const char *name = run->recipe->train.best_checkpoint_metric;
    return strcmp(name, "bleu") == 0     ? scores->bleu
           : strcmp(name, "rouge1") == 0 ? scores->rouge1
           : strcmp(name, "rouge2") == 0 ? scores->rouge2
           : strcmp(name, "rougeL") == 0 ? scores->rougeL
                                         : -loss;
}

/* Counts the validation; whether it is the best so far. Another metric starts anew. */
static bool judge(rd_progress_state *state, const char *name, double metric) {
    state->validated_update = state->update;
    if (strncmp(state->metric, name, sizeof state->metric) != 0) state->best_metric = NAN;
    memset(state->metric, 0, sizeof state->metric);
    memcpy(state->metric, name, strnlen(name, sizeof state->metric));
    bool best = isnan(state->best_metric) || metric > state->best_metric;
    state->validations_without_improvement = best ? 0 : state->validations_without_improvement + 1;
    if (best) {
        state->best_metric = metric;
        state->best_update = state->update;
    }
    return best;
}

/* With the weights to judge and keep in place. */
static rd_status validate(rd_run *run, const volatile sig_atomic_t *stop, rd_train_event *event) {
    rd_criterion_sums sums = {0};
    RD_TRY(validation_loss(run, stop, &sums));
    json_decref(run->samples);
    run->samples = NULL;
    RD_TRY(rd_run_generate(run, stop, &event->scores, &run->samples));
    event->scored = rd_run_scores(run);
    event->loss = sums.loss / (double)sums.n_tokens;
    event->nll = sums.nll / (double)sums.n_tokens;
    event->best = judge(&run->state, run->recipe->train.best_checkpoint_metric,
                        metric_of(run, event->loss, &event->scores));
    return save_after_validation(run, event->best);
}

rd_status rd_run_validate(rd_run *run, const volatile sig_atomic_t *stop) {
    const rd_progress_state *state = &run->state;
    rd_train_event event = {.kind = RD_TRAIN_VALID,
                            .update = state->update,
                            .epoch = state->epoch - (state->next_batch == 0), /* the one done */
                            .seconds = state->seconds};
    swap_ema(run);
    rd_status status = validate(run, stop, &event);
    swap_ema(run);
    RD_TRY(status);
    /* Told first: a kill between the two makes the next run validate, and tell, again. */
    RD_TRY(rd_run_report(run, &event));
    RD_TRY(rd_run_save_last(run));
    return rd_run_write_html(run);
}
