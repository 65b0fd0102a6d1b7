#include "task/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "task/vocabularies.h"

/* Fails now, not at the first validation, on a pair longer than the model's positions. */
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

static rd_status open_data(const rd_pairs *p, const char *name, rd_dataset **dataset) {
    char *path = rd_path_join(p->data_dir, name);
    rd_status status = path ? rd_dataset_open(dataset, path) : RD_ERR_MEMORY;
    const rd_model_config *c = &p->recipe->model;
    if (status == RD_OK)
        status = rd_task_check_identity(p->recipe, p->source, p->target,
                                        rd_dataset_identity(*dataset), path);
    if (status == RD_OK && rd_dataset_size(*dataset) == 0)
        status = rd_error(RD_ERR_FORMAT, "%s: holds no sentences", path);
    if (status == RD_OK) status = check_lengths(*dataset, c, path);
    free(path);
    return status;
}

rd_status rd_pairs_open_data(void *self) {
    rd_pairs *p = self;
    const rd_recipe *r = p->recipe;
    RD_TRY(open_data(p, "train.bin", &p->splits[RD_TRAINING_DATA].data));
    RD_TRY(open_data(p, "valid.bin", &p->splits[RD_VALIDATION_DATA].data));
    if (rd_noise_wanted(&r->train.noise))
        RD_TRY(rd_noise_new(&p->noise, &r->train.noise, p->source));
    rd_batcher_config config = {.max_tokens = r->train.max_tokens,
                                .max_sentences = r->train.max_sentences,
                                .seed = r->train.seed,
                                .src_tokenizer = p->source,
                                .tgt_tokenizer = p->target,
                                .sampling_alpha = r->data.sampling_alpha,
                                .sampling_nbest = r->data.sampling_nbest,
                                .prepend_bos = r->model.prepend_bos,
                                .max_src = r->model.max_source_positions,
                                .max_tgt = r->model.max_target_positions,
                                .noise = p->noise,
                                .masking = p->masking};
    RD_TRY(rd_batcher_new(&p->splits[RD_TRAINING_DATA].batches, p->splits[RD_TRAINING_DATA].data,
                          &config));
    rd_batcher_config valid = {.max_tokens = rd_max_tokens(&r->train, RD_VALIDATION_DATA),
                               .max_sentences = r->train.max_sentences,
                               .seed = 1, /* masks are the same at all validations of all seeds */
                               .max_src = r->model.max_source_positions,
                               .max_tgt = r->model.max_target_positions,
                               .noise = p->noise,
                               .masking = p->masking};
    return rd_batcher_new(&p->splits[RD_VALIDATION_DATA].batches,
                          p->splits[RD_VALIDATION_DATA].data, &valid);
}

rd_status rd_pairs_open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    rd_pairs *p = rd_calloc(1, sizeof *p);
    *self = p;
    if (!p) return RD_ERR_MEMORY;
    p->recipe = recipe;
    p->data_dir = data_dir;
    return rd_task_open_vocabularies(recipe, data_dir, &p->source, &p->target, warnings);
}

void rd_pairs_close(void *self) {
    rd_pairs *p = self;
    if (!p) return;
    for (int split = 0; split < 2; split++) {
        rd_batcher_free(p->splits[split].batches);
        rd_dataset_close(p->splits[split].data);
    }
    rd_noise_free(p->noise);
    rd_masking_free(p->masking);
    rd_metric_tokenizer_close(p->scored_words);
    rd_vocabularies_close(p->source, p->target);
    free(p);
}

rd_batch_source rd_pairs_batches(void *self, rd_split split) {
    return rd_batcher_source(((rd_pairs *)self)->splits[split].batches);
}

int64_t rd_pairs_n_examples(const void *self, rd_split split) {
    return rd_dataset_size(((const rd_pairs *)self)->splits[split].data);
}

uint64_t rd_pairs_checksum(const void *self, rd_split split) {
    return rd_dataset_checksum(((const rd_pairs *)self)->splits[split].data);
}
