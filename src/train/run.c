/* Opening and closing a training, and its files. */
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "data/vocab_files.h"
#include "recipe/special_ids.h"

static rd_vocabulary_kind vocabulary_kind(const rd_run *run) {
    return run->recipe->data.joined_dictionary ? RD_VOCABULARY_JOINT : RD_VOCABULARY_SEPARATE;
}

static rd_status open_vocabularies(rd_run *run) {
    RD_TRY(rd_vocabularies_open(run->data_dir, vocabulary_kind(run), &run->source, &run->target));
    return rd_recipe_take_vocabularies(run->recipe, run->source, run->target, run->data_dir);
}

/* What the model could not read, which is better known now than at the first validation. */
static rd_status check_lengths(const rd_dataset *dataset, const rd_model_config *c,
                               const char *path) {
    for (int64_t i = 0; i < rd_dataset_size(dataset); i++) {
        rd_pair pair = rd_dataset_get(dataset, i);
        if (pair.n_src > c->max_source_positions || pair.n_tgt > c->max_target_positions)
            return rd_error(RD_ERR_FORMAT,
                            "%s: pair %lld has %d and %d tokens, but the model takes up to %d and "
                            "%d (max-source-positions and max-target-positions)",
                            path, (long long)i + 1, (int)pair.n_src, (int)pair.n_tgt,
                            (int)c->max_source_positions, (int)c->max_target_positions);
    }
    return RD_OK;
}

static rd_status open_data(const rd_run *run, const char *name, rd_dataset **dataset) {
    char *path = rd_path_join(run->data_dir, name);
    rd_status status = path ? rd_dataset_open(dataset, path) : RD_ERR_MEMORY;
    int32_t n_src = rd_tokenizer_size(run->source), n_tgt = rd_tokenizer_size(run->target);
    if (status == RD_OK &&
        (rd_dataset_src_vocab(*dataset) != n_src || rd_dataset_tgt_vocab(*dataset) != n_tgt))
        status =
            rd_error(RD_ERR_FORMAT,
                     "%s: binarized with vocabularies of %d and %d pieces, but those beside it "
                     "have %d and %d; run rdrop-preprocess again",
                     path, (int)rd_dataset_src_vocab(*dataset), (int)rd_dataset_tgt_vocab(*dataset),
                     (int)n_src, (int)n_tgt);
    if (status == RD_OK && rd_dataset_size(*dataset) == 0)
        status = rd_error(RD_ERR_FORMAT, "%s: holds no sentences", path);
    if (status == RD_OK) status = check_lengths(*dataset, &run->recipe->model, path);
    free(path);
    return status;
}

static rd_status open_batches(rd_run *run) {
    const rd_recipe *r = run->recipe;
    RD_TRY(open_data(run, "train.bin", &run->train_data));
    RD_TRY(open_data(run, "valid.bin", &run->valid_data));
    if (rd_noise_wanted(&r->train.noise))
        RD_TRY(rd_noise_new(&run->noise, &r->train.noise, run->source));
    rd_batcher_config config = {.max_tokens = r->train.max_tokens,
                                .max_sentences = r->train.max_sentences,
                                .seed = r->train.seed,
                                .src_tokenizer = run->source,
                                .tgt_tokenizer = run->target,
                                .sampling_alpha = r->data.sampling_alpha,
                                .sampling_nbest = r->data.sampling_nbest,
                                .prepend_bos = r->model.prepend_bos,
                                .noise = run->noise};
    RD_TRY(rd_batcher_new(&run->train_batches, run->train_data, &config));
    rd_batcher_config valid = {.max_tokens = r->train.max_tokens_valid > 0
                                                 ? r->train.max_tokens_valid
                                                 : r->train.max_tokens,
                               .max_sentences = r->train.max_sentences,
                               .seed = r->train.seed,
                               .noise = run->noise}; /* the same at every validation */
    return rd_batcher_new(&run->valid_batches, run->valid_data, &valid);
}

/* model/ is a complete model directory but for its weights, which come with the first validation.
 */
static rd_status start_model_directory(const rd_run *run) {
    char *directory = rd_run_path(run, "model"), *config = rd_run_path(run, "model/config.yaml");
    rd_status status = directory && config ? rd_make_directories(directory) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_recipe_save(run->recipe, config);
    if (status == RD_OK)
        status = rd_vocabularies_copy(run->data_dir, directory, vocabulary_kind(run));
    free(directory);
    free(config);
    return status;
}

/* RD_OK with *found false where there is none. */
static rd_status load_checkpoint(rd_run *run, const char *path, bool *found) {
    *found = rd_file_exists(path);
    if (!*found) return RD_OK;
    return rd_checkpoint_load(path, &run->state, &run->model->parameters, &run->optimizer);
}

/* checkpoint_last is damaged, or a kill came between the two renames of a save. What is damaged is
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
        status = rd_error(
            RD_ERR_FORMAT,
            "%s, and there is no sound checkpoint_previous; remove both to start anew", problem);
    else if (status == RD_OK && damaged && rename(last, aside) != 0)
        status = rd_error(RD_ERR_IO, "%s: cannot rename to %s: %s", last, aside, strerror(errno));
    else if (status == RD_OK && damaged)
        snprintf(run->warning, sizeof run->warning,
                 "%.700s; it is now checkpoint_damaged, and training goes on from "
                 "checkpoint_previous",
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
    char *checkpoints = rd_run_path(run, "checkpoints");
    rd_status status = checkpoints ? rd_make_directories(checkpoints) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_run_lock(run);
    if (status == RD_OK) status = resume(run);
    if (status == RD_OK) status = rd_run_tidy(run);
    if (status == RD_OK) status = start_model_directory(run);
    if (status == RD_OK) status = rd_run_open_log(run);
    free(checkpoints);
    return status;
}

rd_status rd_run_open(rd_run *run, bool with_training) {
    const rd_recipe *r = run->recipe;
    rd_set_threads(r->train.threads);
    RD_TRY(rd_run_adopt_shape(run));
    RD_TRY(open_vocabularies(run));
    RD_TRY(rd_model_new(&run->model, &r->model, r->train.seed));
    if (!with_training) return rd_run_lock(run);
    RD_TRY(open_batches(run));
    RD_TRY(rd_run_load_start(run));
    RD_TRY(rd_gemm_choose(r->train.precision, &run->bf16));
    RD_TRY(rd_model_prepare_training(run->model, run->bf16));
    const rd_parameters *p = &run->model->parameters;
    RD_TRY(rd_optimizer_new(&run->optimizer, p->total, p->values, r->train.ema_decay > 0.0f));
    run->state = (rd_progress_state){.epoch = 1, .best_metric = NAN};
    return run->save_dir ? open_save_dir(run) : RD_OK;
}

void rd_run_close(rd_run *run) {
    if (run->log) fclose(run->log);
    json_decref(run->samples);
    rd_run_unlock(run);
    rd_prefetch_stop(run->batches);
    rd_batcher_free(run->train_batches);
    rd_batcher_free(run->valid_batches);
    rd_noise_free(run->noise);
    rd_dataset_close(run->train_data);
    rd_dataset_close(run->valid_data);
    rd_optimizer_free(&run->optimizer);
    rd_model_free(run->model);
    rd_arena_free(&run->arena);
    rd_vocabularies_close(run->source, run->target);
}
