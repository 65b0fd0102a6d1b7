/* Validation, and the checkpoints kept after it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "recipe/model_dir.h"
#include "train/settings.h"

static void swap(float *a, float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Trades the weights for their moving average and, called again, back. */
static rd_status swap_ema(rd_run *run) {
    const rd_parameters *p = &run->model->parameters;
    if (!run->optimizer.ema) return RD_OK;
    for (int64_t i = 0; i < rd_run_n_slices(run); i++) {
        rd_slice slice = rd_run_slice(run, i);
        swap(p->values + slice.begin, run->optimizer.ema + slice.at, slice.n);
    }
    if (!rd_run_steps_slices(run)) return RD_OK;
    return rd_comm_collect(run->comm, p->values, p->total);
}

static rd_status save_weights(const rd_run *run, const char *name) {
    char *path = rd_run_path(run, name);
    const rd_weights_owner owner = rd_recipe_owner(run->recipe);
    const rd_parameters *p = &run->model->parameters;
    rd_status status = path ? rd_parameters_save(p, p->values, &owner, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

rd_status rd_run_save_model(const rd_run *run) {
    char *path = rd_run_path(run, "model");
    rd_status status = path ? rd_model_dir_save(path, run->recipe, run->data_dir,
                                                rd_recipe_vocabulary_kind(run->recipe),
                                                &run->model->parameters, RD_WEIGHTS_FP32)
                            : RD_ERR_MEMORY;
    free(path);
    return status;
}

static rd_status prune_checkpoints(const rd_run *run) {
    char **paths = NULL;
    int n = 0;
    rd_status status = rd_run_checkpoints(run, &paths, &n);
    for (int i = 0; status == RD_OK && i < n - run->recipe->train.keep_last; i++) unlink(paths[i]);
    rd_run_free_paths(paths, n);
    return status;
}

static rd_status save_after_validation(const rd_run *run, bool best) {
    char name[64];
    if (run->comm->rank > 0) return RD_OK;
    RD_TRY(rd_run_check_save_dir(run));
    if (best) {
        RD_TRY(save_weights(run, "checkpoint_best.safetensors"));
        RD_TRY(rd_run_save_model(run));
    }
    snprintf(name, sizeof name, "checkpoints/%08lld.safetensors", (long long)run->state.update);
    RD_TRY(save_weights(run, name));
    return prune_checkpoints(run);
}

static bool all_finite(const float *values, int64_t n) {
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) sum += 0.0f * values[i]; /* 0, or NaN */
    return sum == 0.0f;
}

/* Those that the weights were made with, until there is an update the checkpoint's, and that the
 * best result is of. */
static rd_status settings_of(const rd_run *run, rd_text *settings) {
    if (!run->resumed_settings || run->state.update > run->resumed_update)
        return rd_settings_write(run, settings);
    return rd_settings_keep(run, run->resumed_settings, settings);
}

/* For processes that each have a part of the optimizer's state: collects a block in `whole`, one
 * bucket after another. */
typedef struct {
    const rd_run *run;
    size_t *bytes; /* [comm->size] */
    float *whole;  /* [n parameters]; of the first rank */
} gathering;

/* Its slices are in the order of workers. */
static rd_status gather_bucket(const gathering *g, const float *mine, int64_t bucket) {
    rd_comm *comm = g->run->comm;
    int64_t n = g->run->model->parameters.total;
    for (int i = 0; i < comm->size; i++)
        g->bytes[i] = sizeof *mine * (size_t)rd_comm_slice(comm, n, bucket, i).n;
    float *to = g->whole ? g->whole + rd_comm_bucket(n, bucket).begin : NULL;
    return rd_comm_gather_first(comm, mine + rd_run_slice(g->run, bucket).at, g->bytes, to);
}

/* Of all weights and of a whole optimizer's state the block is there already. */
static rd_status gather_block(void *self, int i, const float **block) {
    const gathering *g = self;
    const rd_parameters *p = &g->run->model->parameters;
    const rd_optimizer *o = &g->run->optimizer;
    const float *const mine[] = {p->values, o->m, o->v, o->ema};
    bool whole = i == 0 || !rd_run_has_part(g->run);
    *block = whole ? mine[i] : g->whole;
    for (int64_t b = 0; !whole && b < rd_comm_buckets(p->total); b++)
        RD_TRY(gather_bucket(g, mine[i], b));
    return RD_OK;
}

static rd_status start_gathering(gathering *g) {
    const rd_comm *comm = g->run->comm;
    int64_t n = g->run->model->parameters.total;
    g->bytes = rd_malloc((size_t)comm->size, sizeof *g->bytes);
    if (comm->rank == 0) g->whole = rd_malloc((size_t)n, sizeof *g->whole);
    return g->bytes && (g->whole || comm->rank > 0) ? RD_OK : RD_ERR_MEMORY;
}

/* path, previous: NULL on all ranks except the first, to which the others send their parts. */
static rd_status save_state(rd_run *run, const char *path, const char *previous,
                            const char *settings) {
    gathering g = {.run = run};
    rd_checkpoint_blocks blocks = {.count = run->optimizer.ema ? 4 : 3,
                                   .n = run->model->parameters.total,
                                   .get = gather_block,
                                   .self = &g};
    rd_status status = rd_run_has_part(run) ? start_gathering(&g) : RD_OK;
    if (status == RD_OK && path)
        status = rd_checkpoint_save(path, previous, settings, &run->state, &blocks);
    const float *block;
    for (int i = 1; status == RD_OK && !path && i < blocks.count; i++)
        status = gather_block(&g, i, &block);
    free(g.bytes);
    free(g.whole);
    return status;
}

rd_status rd_run_save_last(rd_run *run) {
    if (run->comm->rank > 0) {
        run->saved_update = run->state.update;
        return rd_run_has_part(run) ? save_state(run, NULL, NULL, "") : RD_OK;
    }

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
    rd_text settings = {0};
    rd_status status = path && previous ? settings_of(run, &settings) : RD_ERR_MEMORY;
    if (status == RD_OK) status = save_state(run, path, previous, settings.data);
    rd_text_free(&settings);
    if (status == RD_OK) run->saved_update = run->state.update;
    if (status == RD_OK && run->unsaved) status = rd_run_mark_unsaved(run, false);
    free(path);
    free(previous);
    return status;
}

/* The metric that best-checkpoint-metric names, turned so that larger is better. */
static double metric_of(const rd_run *run, const rd_results *results) {
    for (int i = 0; i < results->n; i++)
        if (results->items[i].kind == run->metric)
            return run->metric->larger_is_better ? results->items[i].value
                                                 : -results->items[i].value;
    return NAN;
}

/* Counts the validation; whether it is the best so far. Another metric starts anew. */
static bool judge(rd_progress_state *state, const char *name, double metric) {
    state->validated_update = state->update;
    if (strncmp(state->metric, name, sizeof state->metric) != 0) state->best_metric = NAN;
    memset(state->metric, 0, sizeof state->metric);
    memcpy(state->metric, name, strnlen(name, sizeof state->metric));
    bool best = metric > state->best_metric || (isnan(state->best_metric) && !isnan(metric));
    state->validations_without_improvement = best ? 0 : state->validations_without_improvement + 1;
    if (best) {
        state->best_metric = metric;
        state->best_update = state->update;
    }
    return best;
}

/* The first worker's results to all others. */
static rd_status share_results(rd_run *run, rd_results *results) {
    struct {
        int n, kinds[RD_MOST_RESULTS];
        double values[RD_MOST_RESULTS];
    } shared = {.n = results->n};
    const rd_result_kind *const *kinds = run->task->kinds;
    for (int i = 0; run->comm->rank == 0 && i < results->n; i++) {
        while (kinds[shared.kinds[i]] != results->items[i].kind) shared.kinds[i]++;
        shared.values[i] = results->items[i].value;
    }
    RD_TRY(rd_comm_broadcast(run->comm, &shared, sizeof shared));
    if (run->comm->rank == 0) return RD_OK;
    results->n = 0;
    for (int i = 0; i < shared.n; i++)
        rd_results_add(results, kinds[shared.kinds[i]], shared.values[i]);
    return RD_OK;
}

/* With the weights to judge and keep in place. */
static rd_status validate(rd_run *run, const volatile sig_atomic_t *stop, rd_results *results,
                          bool *best) {
    rd_validation validation = {
        .model = run->model, .arena = &run->arena, .stop = stop, .comm = run->comm};
    rd_status status = run->task->validate(run->data, &validation, results);
    status = rd_comm_agree(run->comm, status);
    if (status == RD_ERR_NUMERIC)
        return rd_error(RD_ERR_NUMERIC,
                        "the validation loss is not finite after update %lld: training diverged. "
                        "Lower lr, or set clip-norm, and start again",
                        (long long)run->state.update);
    RD_TRY(status);
    RD_TRY(share_results(run, results));
    *best = judge(&run->state, run->metric->name, metric_of(run, results));
    RD_TRY(save_after_validation(run, *best));
    return rd_comm_meet(run->comm);
}

/* After a failure nothing continues, and nothing is put back. */
static rd_status validate_average(rd_run *run, const volatile sig_atomic_t *stop,
                                  rd_results *results, bool *best) {
    RD_TRY(swap_ema(run));
    rd_status status = validate(run, stop, results, best);
    if (status != RD_OK && status != RD_ERR_INTERRUPTED) return status;
    RD_TRY(swap_ema(run));
    return status;
}

/* Logged first: a kill between the two makes the next run validate, and log, again. */
static rd_status tell_and_save(rd_run *run, const rd_train_event *event) {
    RD_TRY(rd_run_report(run, event));
    RD_TRY(rd_run_save_last(run));
    return rd_run_write_html(run);
}

rd_status rd_run_validate(rd_run *run, const volatile sig_atomic_t *stop) {
    const rd_progress_state *state = &run->state;
    rd_results results = {0};
    rd_train_event event = {.kind = RD_TRAIN_VALID,
                            .update = state->update,
                            .epoch = state->epoch - (state->next_batch == 0), /* the one done */
                            .seconds = state->seconds,
                            .results = &results};
    rd_status status = validate_average(run, stop, &results, &event.best);
    if (status == RD_OK) status = tell_and_save(run, &event);
    rd_results_free(&results);
    return status;
}
