#include "task/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/model_check.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"
#include "recipe/special_ids.h"

/* A recipe may say which vocabulary it is for. */
static rd_status check_fingerprint(rd_pairs *p) {
    char found[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_fingerprint(p->data_dir, rd_recipe_vocabulary_kind(p->recipe), found));
    const char *wanted = p->recipe->vocabulary;
    if (*wanted && strcmp(wanted, found) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: vocabulary %.12s..., but the recipe is for %.12s...",
                        p->data_dir, found, wanted);
    return rd_recipe_set_key(p->recipe, rd_recipe_find_key("vocabulary"), found);
}

/* vocab-from is for rdrop-preprocess, and need not be there any more; but where it names another
 * vocabulary than the data's, the recipe is not the one that they were made with. */
static rd_status warn_of_vocab_from(const rd_pairs *p, rd_text *warnings) {
    const char *from = p->recipe->data.vocab_from, *start = p->recipe->train.finetune_from_model;
    char there[RD_SHA256_HEX];
    if (!*from || strcmp(from, start) == 0) return RD_OK; /* a start is compared piece by piece */
    rd_vocabulary_kind kind = rd_recipe_vocabulary_kind(p->recipe);
    if (rd_vocabularies_fingerprint(from, kind, there) != RD_OK ||
        strcmp(there, p->recipe->vocabulary) == 0)
        return RD_OK;
    return rd_text_printf(warnings,
                          "vocab-from is %s, but %s has another vocabulary (%.12s..., not "
                          "%.12s...)\n",
                          from, p->data_dir, p->recipe->vocabulary, there);
}

static rd_status warn_of_key(const rd_pairs *p, const char *key, const char *ours,
                             const char *theirs, const char *file, rd_text *warnings) {
    if (!rd_recipe_is_written(p->recipe, key) || strcmp(ours, theirs) == 0) return RD_OK;
    return rd_text_printf(warnings, "%s has no effect: it is %s, but %s/%s was made with %s\n", key,
                          *ours ? ours : "empty", p->data_dir, file, *theirs ? theirs : "none");
}

/* The file of a vocabulary records how it was trained, which the recipe cannot change any more. */
static rd_status warn_of_file(const rd_pairs *p, const char *name, rd_text *warnings) {
    const rd_data_config *d = &p->recipe->data;
    rd_spm_settings made = {0};
    char *path = rd_path_join(p->data_dir, name), *bytes = NULL;
    size_t n;
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && rd_file_exists(path)) {
        status = rd_read_file(path, INT32_MAX, &bytes, &n);
        if (status == RD_OK) status = rd_spm_read_settings(bytes, n, &made);
        if (status == RD_OK)
            status = warn_of_key(p, "vocab-type", d->vocab_type, made.type, name, warnings);
        if (status == RD_OK && strcmp(d->normalization, "auto") != 0)
            status = warn_of_key(p, "normalization", d->normalization, made.normalization, name,
                                 warnings);
        if (status == RD_OK)
            status = warn_of_key(p, "user-defined-symbols", d->user_defined_symbols,
                                 made.symbols.data ? made.symbols.data : "", name, warnings);
    }
    rd_text_free(&made.symbols);
    free(bytes);
    free(path);
    return status;
}

static rd_status warn_of_training(const rd_pairs *p, rd_text *warnings) {
    if (*p->recipe->data.vocab_from || *p->recipe->train.finetune_from_model) return RD_OK;
    static const char *const names[] = {"spm.model", "source.spm", "target.spm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        RD_TRY(warn_of_file(p, names[i], warnings));
    return RD_OK;
}

static rd_status open_vocabularies(rd_pairs *p, rd_text *warnings) {
    RD_TRY(rd_vocabularies_open(p->data_dir, rd_recipe_vocabulary_kind(p->recipe), &p->source,
                                &p->target));
    RD_TRY(check_fingerprint(p));
    RD_TRY(warn_of_vocab_from(p, warnings));
    RD_TRY(warn_of_training(p, warnings));
    char warning[256];
    if (rd_recipe_vocab_size_differs(p->recipe, rd_tokenizer_size(p->source),
                                     rd_tokenizer_size(p->target), warning, sizeof warning))
        RD_TRY(rd_text_printf(warnings, "%s of %s\n", warning, p->data_dir));
    p->recipe->data.vocab_size_src = rd_tokenizer_size(p->source);
    p->recipe->data.vocab_size_tgt = rd_tokenizer_size(p->target);
    return rd_recipe_take_vocabularies(p->recipe, p->source, p->target, p->data_dir);
}

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

/* Ids are of pieces, so the data must be of this vocabulary. */
static rd_status check_identity(const rd_pairs *p, const rd_dataset *dataset, const char *path) {
    const rd_recipe *r = p->recipe;
    rd_identity expected;
    RD_TRY(rd_identity_make(&expected, r->task, r->data.source_lang, r->data.target_lang,
                            r->vocabulary));
    expected.src_vocab = rd_tokenizer_size(p->source); /* a model may have more embeddings */
    expected.tgt_vocab = rd_tokenizer_size(p->target);
    expected.prepend_bos = r->model.prepend_bos;
    rd_status status = rd_identity_check(rd_dataset_identity(dataset), &expected);
    if (status == RD_OK) return RD_OK;
    rd_error_prefix(status, "%s", path);
    char message[1024];
    snprintf(message, sizeof message, "%s", rd_last_error());
    return rd_error(status, "%s; run rdrop-preprocess again", message);
}

static rd_status open_data(const rd_pairs *p, const char *name, rd_dataset **dataset) {
    char *path = rd_path_join(p->data_dir, name);
    rd_status status = path ? rd_dataset_open(dataset, path) : RD_ERR_MEMORY;
    const rd_model_config *c = &p->recipe->model;
    if (status == RD_OK) status = check_identity(p, *dataset, path);
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
                                .noise = p->noise};
    RD_TRY(rd_batcher_new(&p->splits[RD_TRAINING_DATA].batches, p->splits[RD_TRAINING_DATA].data,
                          &config));
    rd_batcher_config valid = {.max_tokens = r->train.max_tokens_valid > 0
                                                 ? r->train.max_tokens_valid
                                                 : r->train.max_tokens,
                               .max_sentences = r->train.max_sentences,
                               .seed = r->train.seed,
                               .max_src = r->model.max_source_positions,
                               .max_tgt = r->model.max_target_positions,
                               .noise = p->noise}; /* the same at every validation */
    return rd_batcher_new(&p->splits[RD_VALIDATION_DATA].batches,
                          p->splits[RD_VALIDATION_DATA].data, &valid);
}

rd_status rd_pairs_open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    rd_pairs *p = rd_calloc(1, sizeof *p);
    *self = p;
    if (!p) return RD_ERR_MEMORY;
    p->recipe = recipe;
    p->data_dir = data_dir;
    return open_vocabularies(p, warnings);
}

void rd_pairs_close(void *self) {
    rd_pairs *p = self;
    if (!p) return;
    for (int split = 0; split < 2; split++) {
        rd_batcher_free(p->splits[split].batches);
        rd_dataset_close(p->splits[split].data);
    }
    rd_noise_free(p->noise);
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
