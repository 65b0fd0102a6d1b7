/* One update: forward and backward of its batches, and the optimizer. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "train/run.h"

enum { BATCHES_AHEAD = 4 }; /* made while one is trained on */

rd_status rd_run_start_epoch(rd_run *run) {
    rd_prefetch_stop(run->batches);
    run->batches = NULL;
    RD_TRY(run->train_batches.set_epoch(run->train_batches.self, run->state.epoch));
    run->dealt_epoch = run->state.epoch;
    int64_t n = rd_run_n_batches(run), first = run->state.next_batch;
    return rd_prefetch_start(&run->batches, &run->train_batches, first < n ? first : n,
                             BATCHES_AHEAD);
}

static float alpha_at(const rd_train_config *t, int64_t update) {
    double warmup = (double)t->reg_alpha_warmup_updates;
    double share = warmup > 0.0 ? ((double)update + 1.0) / warmup : 1.0;
    return (float)((double)t->reg_alpha * (share < 1.0 ? share : 1.0));
}

/* Forward and backward of the next n batches. All are taken even when one's loss is not finite, so
 * that the next update starts after them. */
static rd_status accumulate(rd_run *run, int64_t n, rd_meters *w, rd_criterion_sums *sums) {
    const rd_train_config *t = &run->recipe->train;
    float alpha = alpha_at(t, run->state.update);
    rd_step step = {.arena = &run->arena,
                    .training = true,
                    .bf16 = run->bf16,
                    .checkpoint_activations = t->checkpoint_activations,
                    .seed = t->seed,
                    .update = run->state.update,
                    .n_passes = alpha > 0.0f ? 2 : 1,
                    .padding = t->padding_idx ? &run->recipe->model.pad_id : NULL,
                    .profile = &run->profile};
    rd_criterion criterion = rd_task_criterion(run->task, run->data, run->recipe, alpha);
    rd_status outcome = RD_OK;
    w->passes = step.n_passes;
    for (int64_t i = 0; i < n; i++) {
        const rd_batch *batch;
        if (run->stop && *run->stop) return rd_error(RD_ERR_INTERRUPTED, "stopped by a signal");
        RD_TRY(rd_prefetch_next(run->batches, &batch));
        rd_profile_end(&run->profile, RD_PART_DATA);
        if (outcome != RD_OK) continue;
        step.micro_batch = (int32_t)i;
        outcome = rd_network_loss(run->model, &step, batch, &criterion, true, sums);
        rd_arena_reset(&run->arena);
        if (outcome != RD_OK && outcome != RD_ERR_NUMERIC) return outcome;
        w->tokens += batch->pictures.length > 0
                         ? batch->n
                         : rd_tokens_total(&batch->source) + rd_tokens_total(&batch->target);
    }
    return outcome;
}

/* One update; *skipped when something was not finite and the weights stay as they were. */
static rd_status one_update(rd_run *run, int64_t n_batches, rd_meters *w, bool *skipped) {
    rd_parameters *p = &run->model->parameters;
    rd_criterion_sums sums = {0};
    rd_status status = accumulate(run, n_batches, w, &sums);
    if (status == RD_ERR_INTERRUPTED) run->dealt_epoch = 0;
    if (status != RD_OK && status != RD_ERR_NUMERIC) {
        memset(p->grads, 0, sizeof(float) * (size_t)p->total);
        return status;
    }
    rd_profile_end(&run->profile, RD_PART_REST);
    double scale = sums.n_tokens > 0 ? 1.0 / (double)sums.n_tokens : 0.0;
    rd_optimizer_drop_frozen(&run->optimizer, p->grads);
    double norm = status == RD_OK ? rd_gradient_norm(p->grads, p->total, scale) : NAN;
    *skipped = !isfinite(norm);
    if (*skipped) {
        memset(p->grads, 0, sizeof(float) * (size_t)p->total);
        run->state.skipped_updates++;
        return RD_OK;
    }
    rd_optimizer_step(&run->optimizer, &run->recipe->optim, run->state.update + 1, scale, norm,
                      p->values, p->grads, (double)run->recipe->train.ema_decay);
    if (run->bf16) RD_TRY(rd_parameters_refresh_bf16(p));
    rd_profile_end(&run->profile, RD_PART_OPTIMIZER);
    run->state.update++;
    w->sums.loss += sums.loss;
    w->sums.nll += sums.nll / w->passes;
    w->sums.kl += sums.kl;
    w->sums.n_tokens += sums.n_tokens;
    w->gnorm += norm;
    w->updates++;
    return RD_OK;
}

rd_status rd_run_update(rd_run *run, rd_meters *w, bool *skipped) {
    rd_progress_state *s = &run->state;
    int64_t n = rd_run_n_batches(run), freq = run->recipe->train.update_freq;
    int64_t first = s->next_batch, end = n - first > freq ? first + freq : n;
    double start = rd_seconds();
    rd_profile_start(&run->profile);
    RD_TRY(one_update(run, end - first, w, skipped));
    rd_profile_end(&run->profile, RD_PART_REST);
    double spent = rd_seconds() - start;
    w->seconds += spent;
    s->seconds += spent;
    s->next_batch = end;
    return RD_OK;
}
