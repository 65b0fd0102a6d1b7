/* One update: forward and backward of its batches, and the optimizer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "train/run.h"

enum { BATCHES_AHEAD = 4 }; /* made while one is trained on */

static rd_status set_epoch(const rd_run *run) {
    const rd_batch_source *all = &run->train_batches;
    return run->first ? RD_OK : all->set_epoch(all->self, run->state.epoch);
}

/* Workers that share the source wait for each other: none of them still reads, and none reads on
 * before it is dealt. */
rd_status rd_run_start_epoch(rd_run *run) {
    int64_t first = run->state.next_batch;
    rd_prefetch_stop(run->batches);
    run->batches = NULL;
    rd_deal_free(&run->deal);
    if (run->comm->shared) RD_TRY(rd_comm_meet(run->comm));
    RD_TRY(rd_comm_agree(run->comm, set_epoch(run)));
    run->dealt_epoch = run->state.epoch;
    RD_TRY(rd_deal_make(&run->deal, &run->train_batches, run->comm, run->speeds, first,
                        rd_run_batches_per_update(run)));
    rd_batch_source mine = rd_deal_source(&run->deal);
    return rd_prefetch_start(&run->batches, &mine, 0, BATCHES_AHEAD);
}

static float alpha_at(const rd_train_config *t, int64_t update) {
    double warmup = (double)t->reg_alpha_warmup_updates;
    double share = warmup > 0.0 ? ((double)update + 1.0) / warmup : 1.0;
    return (float)((double)t->reg_alpha * (share < 1.0 ? share : 1.0));
}

/* A worker's part of an update, or all of it. */
typedef struct {
    rd_status outcome;
    int32_t passes;
    rd_criterion_sums sums;
    int64_t tokens;
    double seconds; /* of forward and backward passes */
} part;

static int64_t tokens_of(const rd_task *task, const rd_batch *batch) {
    if (task->counts_examples) return batch->n;
    return rd_tokens_total(&batch->source) + rd_tokens_total(&batch->target);
}

/* A worker that has its last batch of the update: the others may have its gradients. */
static void tell_complete(void *self, const float *from) {
    rd_comm_sum_ready(self, from);
}

/* Forward and backward of the worker's next batches. All are taken even when one's loss is not
 * finite, so that the next update starts after them. */
static rd_status accumulate(rd_run *run, part *p) {
    const rd_train_config *t = &run->recipe->train;
    float alpha = alpha_at(t, run->state.update);
    rd_step step = {.arena = &run->arena,
                    .training = true,
                    .bf16 = run->bf16,
                    .checkpoint_activations = t->checkpoint_activations,
                    .seed = t->seed,
                    .update = run->state.update,
                    .n_passes = alpha > 0.0f ? t->n_passes : 1,
                    .padding = t->padding_idx ? &run->recipe->model.pad_id : NULL,
                    .profile = &run->profile};
    rd_criterion criterion = rd_task_criterion(run->task, run->data, run->recipe, alpha);
    rd_status outcome = RD_OK;
    int64_t i, end;
    p->passes = step.n_passes;
    for (rd_deal_next(&run->deal, &i, &end); i < end; i++) {
        const rd_batch *batch;
        RD_TRY(rd_check_stop(run->stop));
        RD_TRY(rd_prefetch_next(run->batches, &batch));
        rd_profile_end(&run->profile, RD_PART_DATA);
        if (outcome != RD_OK) continue;
        double start = rd_seconds();
        step.micro_batch = rd_deal_micro_batch(&run->deal, i);
        if (i + 1 == end) step.complete = (rd_gradient_listener){tell_complete, run->comm};
        outcome = rd_network_loss(run->model, &step, batch, &criterion, true, &p->sums);
        rd_arena_reset(&run->arena);
        if (outcome != RD_OK && outcome != RD_ERR_NUMERIC) return outcome;
        p->tokens += tokens_of(run->task, batch);
        p->seconds += rd_seconds() - start;
    }
    return outcome;
}

static void add_part(part *total, const part *p) {
    rd_criterion_sums_add(&total->sums, &p->sums, 1.0);
    total->tokens += p->tokens;
}

/* All workers' parts in their order; the outcome is that of all: a loss that is not finite is
 * everyone's, and so is a stop. */
static rd_status join_parts(rd_comm *comm, const part *mine, part *all, part *total) {
    bool failed = false, finite = true;
    RD_TRY(rd_comm_gather(comm, mine, sizeof *mine, all));
    *total = (part){.passes = mine->passes};
    for (int i = 0; i < comm->size; i++) {
        failed |= all[i].outcome != RD_OK && all[i].outcome != RD_ERR_NUMERIC;
        finite &= all[i].outcome != RD_ERR_NUMERIC;
        add_part(total, &all[i]);
    }
    rd_status own = mine->outcome == RD_ERR_NUMERIC ? RD_OK : mine->outcome;
    if (failed)
        RD_TRY(rd_comm_agree(comm, own)); /* which a loss that is not finite must not hide */
    return finite ? RD_OK : RD_ERR_NUMERIC;
}

static void measure_workers(rd_run *run, const part *all) {
    for (int i = 0; run->measured && i < run->comm->size; i++) {
        run->measured[i].tokens += all[i].tokens;
        run->measured[i].seconds += all[i].seconds;
    }
}

/* Whatever comes of a worker's batches, it takes part in the sum of gradients, and tells then. */
static rd_status all_parts(rd_run *run, part *total) {
    const rd_parameters *p = &run->model->parameters;
    part mine = {.passes = 0};
    RD_TRY(rd_comm_sum_start(run->comm, p->grads, p->total));
    mine.outcome = accumulate(run, &mine);
    rd_profile_end(&run->profile, RD_PART_REST);
    *total = mine;
    if (run->comm->size == 1) return mine.outcome;
    RD_TRY(rd_comm_sum_finish(run->comm));
    part *all = rd_malloc((size_t)run->comm->size, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    rd_status status = join_parts(run->comm, &mine, all, total);
    if (status == RD_OK) measure_workers(run, all);
    rd_profile_end(&run->profile, RD_PART_WORKERS);
    free(all);
    return status;
}

/* *norm: of all workers' gradients, which are added, each slice by its worker; times `scale`. */
static rd_status take_norm(rd_run *run, double scale, double *norm) {
    const rd_parameters *p = &run->model->parameters;
    rd_optimizer_drop_frozen(&run->optimizer, p->grads);
    if (run->comm->size == 1) {
        *norm = rd_gradient_norm(p->grads, p->total, scale);
        return RD_OK;
    }
    double squares = 0.0;
    for (int64_t i = 0; i < rd_comm_buckets(p->total); i++) {
        rd_slice slice = rd_comm_slice(run->comm, p->total, i, run->comm->rank);
        squares += rd_op_sum_of_squares(p->grads + slice.begin, slice.n);
    }
    RD_TRY(rd_comm_sum_f64(run->comm, &squares));
    *norm = sqrt(squares) * scale;
    return RD_OK;
}

/* Workers step their slices and give each other the weights; or all the same gradient's. */
static rd_status step_weights(rd_run *run, double scale, double norm) {
    const rd_train_config *t = &run->recipe->train;
    rd_parameters *p = &run->model->parameters;
    bool sliced = rd_run_steps_slices(run);
    if (!sliced && run->comm->size > 1) {
        RD_TRY(rd_comm_collect_sum(run->comm, p->grads, p->total));
        rd_profile_end(&run->profile, RD_PART_WORKERS);
    }
    for (int64_t i = 0; i < rd_run_n_slices(run); i++) {
        rd_slice slice = rd_run_slice(run, i);
        rd_optimizer_step(&run->optimizer, &run->recipe->optim, run->state.update + 1, scale, norm,
                          slice, p->values, p->grads, (double)t->ema_decay);
        if (run->bf16 && run->comm->shared)
            rd_op_to_bf16(p->bf16 + slice.begin, p->values + slice.begin, slice.n);
    }
    if (sliced) {
        rd_profile_end(&run->profile, RD_PART_OPTIMIZER);
        RD_TRY(rd_comm_collect(run->comm, p->values, p->total));
        rd_profile_end(&run->profile, RD_PART_WORKERS);
    }
    return run->bf16 && !run->comm->shared ? rd_parameters_refresh_bf16(p) : RD_OK;
}

static void count_update(rd_run *run, const part *total, double norm, rd_meters *w) {
    run->state.update++;
    w->sums.loss += total->sums.loss;
    w->sums.nll += total->sums.nll / w->passes;
    w->sums.kl += total->sums.kl;
    w->sums.n_tokens += total->sums.n_tokens;
    w->gnorm += norm;
    w->updates++;
}

/* One update; *skipped when something was not finite and the weights stay as they were. */
static rd_status one_update(rd_run *run, rd_meters *w, bool *skipped) {
    rd_parameters *p = &run->model->parameters;
    part total = {.passes = 0};
    rd_status status = all_parts(run, &total);
    if (status == RD_ERR_INTERRUPTED) run->dealt_epoch = 0;
    if (status != RD_OK && status != RD_ERR_NUMERIC) {
        memset(p->grads, 0, sizeof(float) * (size_t)p->total);
        return status;
    }
    w->passes = total.passes;
    w->tokens += total.tokens;
    rd_profile_end(&run->profile, RD_PART_REST);
    double scale = total.sums.n_tokens > 0 ? 1.0 / (double)total.sums.n_tokens : 0.0, norm = NAN;
    if (status == RD_OK) RD_TRY(take_norm(run, scale, &norm));
    *skipped = !isfinite(norm);
    if (*skipped) {
        memset(p->grads, 0, sizeof(float) * (size_t)p->total);
        rd_comm_sum_forget(run->comm, p->total);
        run->state.skipped_updates++;
        return RD_OK;
    }
    RD_TRY(step_weights(run, scale, norm));
    rd_profile_end(&run->profile, RD_PART_OPTIMIZER);
    count_update(run, &total, norm, w);
    return RD_OK;
}

int64_t rd_run_batches_per_update(const rd_run *run) {
    const rd_train_config *t = &run->recipe->train;
    return t->batches_per_update > 0 ? t->batches_per_update
                                     : (int64_t)t->update_freq * run->comm->size;
}

bool rd_run_steps_slices(const rd_run *run) {
    return run->comm->size > 1 && (run->comm->shared || run->recipe->train.shard_optimizer);
}

bool rd_run_has_part(const rd_run *run) {
    return rd_run_steps_slices(run) && !run->comm->shared;
}

int64_t rd_run_n_slices(const rd_run *run) {
    return rd_run_steps_slices(run) ? rd_comm_buckets(run->model->parameters.total) : 1;
}

rd_slice rd_run_slice(const rd_run *run, int64_t i) {
    int64_t n = run->model->parameters.total;
    if (!rd_run_steps_slices(run)) return (rd_slice){0, n, 0};
    rd_slice slice = rd_comm_slice(run->comm, n, i, run->comm->rank);
    if (run->comm->shared) slice.at = slice.begin;
    return slice;
}

rd_status rd_run_update(rd_run *run, rd_meters *w, bool *skipped) {
    rd_progress_state *s = &run->state;
    int64_t n = rd_run_n_batches(run), some = rd_run_batches_per_update(run);
    int64_t first = s->next_batch, end = n - first > some ? first + some : n;
    double start = rd_seconds();
    rd_profile_start(&run->profile);
    RD_TRY(one_update(run, w, skipped));
    rd_profile_end(&run->profile, RD_PART_REST);
    double spent = rd_seconds() - start;
    w->seconds += spent;
    s->seconds += spent;
    s->next_batch = end;
    return RD_OK;
}
