#include "task/pairs.h"

#include <stdlib.h>

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

static rd_status open_split(rd_pairs *p, rd_split split, const char *name) {
    const rd_model_config *c = &p->recipe->model;
    const rd_identity sizes = {.src_vocab = rd_tokenizer_size(p->source),
                               .tgt_vocab = rd_tokenizer_size(p->target),
                               .prepend_bos = c->prepend_bos};
    rd_dataset **data = &p->splits[split].data;
    char *path = rd_path_join(p->data_dir, name);
    rd_status status =
        path ? rd_task_open_dataset(p->recipe, &sizes, "sentences", path, data) : RD_ERR_MEMORY;
    if (status == RD_OK) status = check_lengths(*data, c, path);
    free(path);
    return status;
}

/* Validation reads what was written, and its masks are the same at all times and for all seeds. */
static rd_status make_batches(rd_pairs *p, rd_split split) {
    const rd_recipe *r = p->recipe;
    bool training = split == RD_TRAINING_DATA;
    const rd_batcher_config config = {.max_tokens = rd_max_tokens(&r->train, split),
                                      .max_sentences = r->train.max_sentences,
                                      .seed = training ? r->train.seed : 1,
                                      .src_tokenizer = p->source,
                                      .tgt_tokenizer = p->target,
                                      .sampling_alpha = training ? r->data.sampling_alpha : 0.0f,
                                      .sampling_nbest = r->data.sampling_nbest,
                                      .prepend_bos = r->model.prepend_bos,
                                      .max_src = r->model.max_source_positions,
                                      .max_tgt = r->model.max_target_positions,
                                      .noise = p->noise,
                                      .masking = p->masking};
    return rd_batcher_new(&p->splits[split].batches, p->splits[split].data, &config);
}

rd_status rd_pairs_open_data(void *self) {
    rd_pairs *p = self;
    const rd_noise_config *noise = &p->recipe->train.noise;
    RD_TRY(open_split(p, RD_TRAINING_DATA, "train.bin"));
    RD_TRY(open_split(p, RD_VALIDATION_DATA, "valid.bin"));
    if (rd_noise_wanted(noise)) RD_TRY(rd_noise_new(&p->noise, noise, p->source));
    RD_TRY(make_batches(p, RD_TRAINING_DATA));
    return make_batches(p, RD_VALIDATION_DATA);
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
