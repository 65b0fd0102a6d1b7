/* Validation and what is kept after it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "rdrop/metrics.h"
#include "train/run.h"
#include "translate/translate.h"

static rd_status validation_loss(rd_run *run, const volatile sig_atomic_t *stop,
                                 rd_criterion_sums *sums) {
    rd_batch batch = {0};
    rd_step step = {.ops = rd_backend(), .arena = &run->arena, .n_passes = 1};
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < rd_batcher_size(run->valid_batches); i++) {
        status = stop && *stop ? rd_error(RD_ERR_INTERRUPTED, "stopped by a signal")
                               : rd_batcher_get(run->valid_batches, i, &batch);
        if (status == RD_OK)
            status = rd_seq2seq_loss(run->model, &step, &batch, run->recipe->train.label_smoothing,
                                     0.0f, false, sums);
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

/* The validation set's reference lines: its text where the dataset keeps it, else its tokens. */
static rd_status reference_text(const rd_run *run, const rd_pair *pair, char **text) {
    if (!pair->tgt_text)
        return rd_tokenizer_decode(run->target, pair->tgt, pair->n_tgt, text, NULL);
    *text = rd_malloc((size_t)pair->tgt_text_length + 1, 1);
    if (!*text) return RD_ERR_MEMORY;
    memcpy(*text, pair->tgt_text, (size_t)pair->tgt_text_length);
    (*text)[pair->tgt_text_length] = '\0';
    return RD_OK;
}

static rd_status validation_bleu(rd_run *run, double *bleu) {
    const rd_train_config *t = &run->recipe->train;
    int64_t n = rd_dataset_size(run->valid_data);
    if (t->eval_bleu_sentences > 0 && t->eval_bleu_sentences < n) n = t->eval_bleu_sentences;
    rd_token_span *sources = rd_calloc((size_t)n, sizeof *sources);
    char **hypotheses = rd_calloc((size_t)n, sizeof *hypotheses),
         **references = rd_calloc((size_t)n, sizeof *references);
    rd_status status = sources && hypotheses && references ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        rd_pair pair = rd_dataset_get(run->valid_data, i);
        sources[i] = (rd_token_span){pair.src, pair.n_src};
        status = reference_text(run, &pair, &references[i]);
    }
    const rd_model *model = run->model;
    rd_translate_job job = {
        .models = &model, .n_models = 1, .search = run->recipe->search, .threads = t->threads};
    job.search.beam = t->eval_bleu_beam;
    job.search.n_best = 1;
    if (status == RD_OK) status = rd_translate_to_text(&job, run->target, n, sources, hypotheses);
    if (status == RD_OK)
        status = rd_bleu_corpus(n, (const char *const *)hypotheses, (const char *const *)references,
                                t->eval_bleu_lowercase, bleu);
    for (int64_t i = 0; i < n; i++) {
        if (hypotheses) free(hypotheses[i]);
        if (references) free(references[i]);
    }
    free(sources);
    free(hypotheses);
    free(references);
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
    if (best) {
        RD_TRY(save_weights(run, "checkpoint_best.safetensors"));
        RD_TRY(save_weights(run, "model/model.safetensors"));
    }
    if (run->recipe->train.keep_last < 1) return RD_OK;
    snprintf(name, sizeof name, "checkpoints/%08lld.safetensors", (long long)run->state.update);
    RD_TRY(save_weights(run, name));
    return prune_checkpoints(run);
}

rd_status rd_run_save_last(rd_run *run) {
    char *path = rd_run_path(run, "checkpoint_last");
    rd_status status =
        path ? rd_checkpoint_save(path, &run->state, &run->model->parameters, &run->optimizer)
             : RD_ERR_MEMORY;
    if (status == RD_OK) run->saved_update = run->state.update;
    free(path);
    return status;
}

rd_status rd_run_validate(rd_run *run, const volatile sig_atomic_t *stop) {
    const rd_train_config *t = &run->recipe->train;
    rd_progress_state *state = &run->state;
    rd_criterion_sums sums = {0};
    double bleu = -1.0;
    swap_ema(run);
    rd_status status = validation_loss(run, stop, &sums);
    if (status == RD_OK && t->eval_bleu) status = validation_bleu(run, &bleu);
    if (status != RD_OK) {
        swap_ema(run);
        return status;
    }
    double n = (double)sums.n_tokens, loss = sums.loss / n;
    double metric = !strcmp(t->best_checkpoint_metric, "bleu") && t->eval_bleu ? bleu : -loss;
    bool best = isnan(state->best_metric) || metric > state->best_metric;
    if (best) {
        state->best_metric = metric;
        state->best_update = state->update;
        state->validations_without_improvement = 0;
    } else {
        state->validations_without_improvement++;
    }
    state->validated_update = state->update;
    status = save_after_validation(run, best);
    swap_ema(run);
    if (status == RD_OK) status = rd_run_save_last(run);
    rd_train_event event = {.kind = RD_TRAIN_VALID,
                            .update = state->update,
                            .epoch = state->epoch - (state->next_batch == 0), /* the one done */
                            .loss = loss,
                            .nll = sums.nll / n,
                            .bleu = bleu,
                            .best = best,
                            .seconds = state->seconds};
    rd_run_report(run, &event);
    return status;
}
