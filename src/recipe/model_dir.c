#include "recipe/model_dir.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/output.h"
#include "ops/packed.h"
#include "recipe/recipe_keys.h"

static const char CONFIG[] = "config.yaml", WEIGHTS[] = "model.safetensors";

rd_status rd_model_dir_read(rd_model_dir *d, const char *path) {
    *d = (rd_model_dir){.path = rd_strdup(path)};
    if (!d->path) return RD_ERR_MEMORY;
    bool ours, foreign; /* a Hugging Face directory is a model, too, but not yet ours */
    struct stat info;
    if (!rd_file_exists(path)) return rd_error(RD_ERR_IO, "%s: no such model directory", path);
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        return rd_error(RD_ERR_IO, "%s: not a directory; name the model's directory, not a file",
                        path);
    RD_TRY(rd_has_file(path, CONFIG, &ours));
    RD_TRY(rd_has_file(path, "config.json", &foreign));
    if (!ours && foreign)
        return rd_error(RD_ERR_IO,
                        "%s: a directory of another program's model (config.json); make one of "
                        "ours with rdrop-convert --import %s --output DIR",
                        path, path);
    if (!ours)
        return rd_error(RD_ERR_IO,
                        "%s: no config.yaml; a model directory is what rdrop-train writes: "
                        "model.safetensors, config.yaml and the vocabulary",
                        path);
    char *config = rd_path_join(path, CONFIG);
    rd_status status = config ? rd_recipe_load_config(&d->recipe, config) : RD_ERR_MEMORY;
    free(config);
    return status;
}

rd_status rd_model_dir_open(rd_model_dir *d, const char *path) {
    char found[RD_SHA256_HEX];
    RD_TRY(rd_model_dir_read(d, path));
    const char *expected = d->recipe->vocabulary;
    if (!*expected) return RD_OK;
    RD_TRY(rd_vocabularies_fingerprint(path, RD_VOCABULARY_ANY, found));
    if (strcmp(found, expected) == 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: its vocabulary (%.12s...) is not the one that the model was made with "
                    "(%.12s...); were files taken from two models?",
                    path, found, expected);
}

void rd_model_dir_close(rd_model_dir *d) {
    rd_recipe_free(d->recipe);
    free(d->path);
    *d = (rd_model_dir){0};
}

/* Models from elsewhere may have rows for ids that no piece has. */
static bool fits(const rd_tokenizer *tokenizer, int32_t rows) {
    int32_t size = rd_tokenizer_size(tokenizer);
    return size == rows || (size < rows && rd_tokenizer_is_mapped(tokenizer));
}

/* A vocabulary of another model would give fluent nonsense. Older directories have no fingerprint,
 * but sizes give most mix-ups away. */
static rd_status check_sizes(const rd_model_dir *d, const rd_tokenizer *source,
                             const rd_tokenizer *target) {
    const rd_model_config *config = &d->recipe->model;
    if (!fits(source, config->src_vocab) || !fits(target, config->tgt_vocab))
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabularies have %d and %d pieces, but config.yaml says %d and "
                        "%d; were its files taken from two models?",
                        d->path, rd_tokenizer_size(source), rd_tokenizer_size(target),
                        config->src_vocab, config->tgt_vocab);
    if (rd_tokenizer_eos(source) != config->eos_id || rd_tokenizer_eos(target) != config->eos_id)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabularies end sentences with pieces %d and %d, the model "
                        "with %d",
                        d->path, rd_tokenizer_eos(source), rd_tokenizer_eos(target),
                        config->eos_id);
    return RD_OK;
}

rd_status rd_model_dir_vocabularies(const rd_model_dir *d, rd_tokenizer **source,
                                    rd_tokenizer **target) {
    RD_TRY(rd_vocabularies_open(d->path, RD_VOCABULARY_ANY, source, target));
    rd_status status = check_sizes(d, *source, *target);
    if (status == RD_OK) return RD_OK;
    rd_vocabularies_close(*source, *target);
    *source = *target = NULL;
    return status;
}

rd_status rd_model_dir_labels(const rd_model_dir *d, rd_labels *labels) {
    int32_t n_classes = d->recipe->model.num_classes;
    RD_TRY(rd_labels_read(labels, d->path));
    if (labels->n == n_classes) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: labels.txt has %lld classes, but config.yaml says %d",
                    d->path, (long long)labels->n, (int)n_classes);
}

rd_status rd_model_dir_identity(const rd_model_dir *d, rd_identity *identity) {
    const rd_recipe *r = d->recipe;
    char found[RD_SHA256_HEX];
    const char *vocabulary = r->vocabulary;
    if (!*vocabulary) {
        RD_TRY(rd_vocabularies_fingerprint(d->path, RD_VOCABULARY_ANY, found));
        vocabulary = found;
    }
    RD_TRY(
        rd_identity_make(identity, r->task, r->data.source_lang, r->data.target_lang, vocabulary));
    identity->src_vocab = r->model.src_vocab;
    identity->tgt_vocab = r->model.tgt_vocab;
    identity->prepend_bos = r->model.prepend_bos;
    return RD_OK;
}

rd_weights_owner rd_recipe_owner(const rd_recipe *recipe) {
    return (rd_weights_owner){.task = recipe->task, .vocabulary = recipe->vocabulary};
}

/* Its path too; NULL when the status is not RD_OK. */
static rd_status own_weights(const rd_model_dir *d, char **path) {
    const rd_weights_owner owner = rd_recipe_owner(d->recipe);
    *path = rd_model_dir_weights_path(d);
    rd_status status = *path ? rd_weights_check_owner(*path, &owner) : RD_ERR_MEMORY;
    if (status == RD_OK) return RD_OK;
    free(*path);
    *path = NULL;
    return status;
}

char *rd_model_dir_weights_path(const rd_model_dir *d) {
    return rd_path_join(d->path, WEIGHTS);
}

rd_status rd_model_dir_load(const rd_model_dir *d, rd_model **model) {
    char *path;
    RD_TRY(own_weights(d, &path));
    rd_status status = rd_model_load(model, &d->recipe->model, path);
    free(path);
    return status;
}

rd_status rd_model_dir_load_packed(const rd_model_dir *d, rd_precision precision,
                                   rd_model **model) {
    char *path;
    RD_TRY(own_weights(d, &path));
    bool int8 = false;
    rd_status status = RD_OK;
    /* Weights that are already rounded lose nothing more. */
    if (precision == RD_PRECISION_AUTO && rd_packed_has_int8())
        status = rd_weights_are_int8(path, &int8);
    if (int8) precision = RD_PRECISION_INT8;
    if (status == RD_OK) status = rd_model_load_packed(model, &d->recipe->model, path, precision);
    free(path);
    return status;
}

rd_status rd_model_dir_load_values(const rd_model_dir *d, const rd_parameters *parameters,
                                   float *values) {
    char *path;
    RD_TRY(own_weights(d, &path));
    rd_status status = rd_parameters_load(parameters, values, path);
    free(path);
    return status;
}

/* Whether weights of the directory at `path` could be of this recipe: the same vocabulary (its
 * fingerprint in `recipe`), the same shape. */
static bool is_same_model(const char *path, const rd_recipe *recipe) {
    rd_model_dir old;
    bool same = rd_model_dir_open(&old, path) == RD_OK &&
                strcmp(old.recipe->vocabulary, recipe->vocabulary) == 0;
    const rd_key *key;
    for (int i = 0; same && (key = rd_recipe_key(i)); i++)
        same = !rd_recipe_is_of_shape(key) || rd_recipe_same_value(recipe, old.recipe, key);
    rd_model_dir_close(&old);
    return same;
}

bool rd_model_dir_has(const char *name) {
    const char *vocabulary[RD_MOST_VOCABULARY_FILES + 1];
    rd_vocabularies_list(vocabulary);
    for (int i = 0; vocabulary[i]; i++)
        if (strcmp(name, vocabulary[i]) == 0) return true;
    return strcmp(name, CONFIG) == 0 || strcmp(name, WEIGHTS) == 0;
}

static rd_status write_config(const char *path, const rd_recipe *recipe) {
    rd_text text = {0};
    rd_status status = rd_recipe_write_config(recipe, &text);
    if (status == RD_OK) status = rd_write_file(path, text.data, (size_t)text.length);
    rd_text_free(&text);
    return status;
}

/* The recipe's is that of the vocabulary already in `path`, or must be that of the one that comes
 * there, if the weights were made with one. */
static rd_status set_fingerprint(rd_recipe *recipe, const char *path, const char *vocabulary,
                                 rd_vocabulary_kind kind) {
    char found[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_fingerprint(vocabulary ? vocabulary : path, kind, found));
    const char *wanted = recipe->vocabulary;
    if (vocabulary && *wanted && strcmp(wanted, found) != 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabulary was replaced since the model was opened (%.12s... -> "
                        "%.12s...); put the other one back",
                        vocabulary, wanted, found);
    return rd_recipe_set_key(recipe, rd_recipe_find_key("vocabulary"), found);
}

static rd_status save(const char *path, const char *config, const char *weights, rd_recipe *recipe,
                      const char *vocabulary, rd_vocabulary_kind kind,
                      const rd_parameters *parameters, rd_weight_form form) {
    RD_TRY(rd_recipe_check(recipe));
    RD_TRY(rd_make_directories(path));
    RD_TRY(set_fingerprint(recipe, path, vocabulary, kind));
    if (!is_same_model(path, recipe)) {
        RD_TRY(rd_remove_file(path, WEIGHTS));
        if (vocabulary) RD_TRY(rd_vocabularies_copy(vocabulary, path, kind));
    }
    RD_TRY(write_config(config, recipe));
    const rd_weights_owner owner = rd_recipe_owner(recipe);
    return form == RD_WEIGHTS_INT8
               ? rd_parameters_save_int8(parameters, parameters->values, &owner, weights)
               : rd_parameters_save(parameters, parameters->values, &owner, weights);
}

rd_status rd_model_dir_save(const char *path, rd_recipe *recipe, const char *vocabulary,
                            rd_vocabulary_kind kind, const rd_parameters *parameters,
                            rd_weight_form form) {
    char *config = rd_path_join(path, CONFIG), *weights = rd_path_join(path, WEIGHTS);
    rd_status status = config && weights
                           ? save(path, config, weights, recipe, vocabulary, kind, parameters, form)
                           : RD_ERR_MEMORY;
    free(config);
    free(weights);
    return status;
}
