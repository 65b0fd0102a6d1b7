#include "translate/open.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/vocab_files.h"
#include "kernels/packed.h"
#include "model/parameters.h"
#include "recipe/recipe.h"

/* What one directory holds, before it joins the others. */
typedef struct {
    rd_model *model;
    rd_tokenizer *source, *target;
} model_directory;

static void directory_close(model_directory *d) {
    rd_model_free(d->model);
    rd_vocabularies_close(d->source, d->target);
    *d = (model_directory){0};
}

static rd_status holds(const char *directory, const char *name, bool *found) {
    char *path = rd_path_join(directory, name);
    if (!path) return RD_ERR_MEMORY;
    *found = rd_file_exists(path);
    free(path);
    return RD_OK;
}

/* Models from elsewhere may have rows for ids that no piece has. */
static bool fits(const rd_tokenizer *tokenizer, int32_t rows) {
    int32_t size = rd_tokenizer_size(tokenizer);
    return size == rows || (size < rows && rd_tokenizer_is_mapped(tokenizer));
}

/* A vocabulary of another model would give fluent nonsense; sizes give most mix-ups away. */
static rd_status check_sizes(const model_directory *d, const char *directory,
                             const rd_model_config *config) {
    if (!fits(d->source, config->src_vocab) || !fits(d->target, config->tgt_vocab))
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabularies have %d and %d pieces, but config.yaml says %d and "
                        "%d; were its files taken from two models?",
                        directory, rd_tokenizer_size(d->source), rd_tokenizer_size(d->target),
                        config->src_vocab, config->tgt_vocab);
    if (rd_tokenizer_eos(d->source) != config->eos_id ||
        rd_tokenizer_eos(d->target) != config->eos_id)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabularies end sentences with pieces %d and %d, the model "
                        "with %d",
                        directory, rd_tokenizer_eos(d->source), rd_tokenizer_eos(d->target),
                        config->eos_id);
    return RD_OK;
}

static rd_status open_weights(model_directory *d, const char *directory,
                              const rd_model_config *config, rd_precision precision) {
    char *path = rd_path_join(directory, "model.safetensors");
    if (!path) return RD_ERR_MEMORY;
    bool int8 = false;
    rd_status status = RD_OK;
    /* Of weights that are rounded already nothing more is lost. */
    if (precision == RD_PRECISION_AUTO && rd_packed_has_int8())
        status = rd_weights_are_int8(path, &int8);
    if (int8) precision = RD_PRECISION_INT8;
    if (status == RD_OK) status = rd_model_load_packed(&d->model, config, path, precision);
    free(path);
    return status;
}

static rd_translate_options options_of(const rd_search_options *search) {
    rd_translate_options options = {.search = *search};
    options.search.n_best = 1; /* how many are wanted is the caller's to say */
    return options;
}

static rd_status directory_open(model_directory *d, const char *directory, rd_precision precision,
                                rd_translate_options *defaults, char **source_lang) {
    *d = (model_directory){0};
    *source_lang = NULL;
    if (!rd_file_exists(directory))
        return rd_error(RD_ERR_IO, "%s: no such model directory", directory);
    bool configured;
    RD_TRY(holds(directory, "config.yaml", &configured));
    if (!configured)
        return rd_error(RD_ERR_IO,
                        "%s: no config.yaml; a model directory is what rdrop-train writes: "
                        "model.safetensors, config.yaml and the vocabulary",
                        directory);
    char *path = rd_path_join(directory, "config.yaml");
    if (!path) return RD_ERR_MEMORY;
    rd_recipe *recipe = NULL;
    rd_status status = rd_recipe_load(&recipe, path, NULL, 0);
    free(path);
    if (status == RD_OK)
        status = rd_vocabularies_open(directory, RD_VOCABULARY_ANY, &d->source, &d->target);
    if (status == RD_OK) status = check_sizes(d, directory, &recipe->model);
    if (status == RD_OK) status = open_weights(d, directory, &recipe->model, precision);
    if (status == RD_OK) *defaults = options_of(&recipe->search);
    if (status == RD_OK && recipe->data.source_lang &&
        !(*source_lang = rd_strdup(recipe->data.source_lang)))
        status = RD_ERR_MEMORY;
    rd_recipe_free(recipe);
    if (status != RD_OK) directory_close(d);
    return status;
}

/* Models of an ensemble vote on the same pieces, so these must be equal, not just as many. */
static rd_status same_vocabulary(const rd_tokenizer *a, const rd_tokenizer *b, const char *side,
                                 const char *directory_a, const char *directory_b) {
    rd_status status = rd_vocabularies_same(a, b, side, directory_a, directory_b);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "an ensemble");
}

/* Takes over what the directory holds. */
static rd_status add_directory(rd_translator *t, model_directory *d, const char *first_directory,
                               const char *directory) {
    const rd_model_config *config = rd_model_get_config(d->model);
    if (t->n_models == 0) {
        t->source = d->source;
        t->target = d->target;
        d->source = d->target = NULL;
        t->max_source_positions = config->max_source_positions;
        t->max_target_positions = config->max_target_positions;
    } else {
        RD_TRY(same_vocabulary(t->source, d->source, "source", first_directory, directory));
        RD_TRY(same_vocabulary(t->target, d->target, "target", first_directory, directory));
        if (config->max_source_positions < t->max_source_positions)
            t->max_source_positions = config->max_source_positions;
        if (config->max_target_positions < t->max_target_positions)
            t->max_target_positions = config->max_target_positions;
    }
    t->models[t->n_models++] = d->model;
    d->model = NULL;
    return RD_OK;
}

rd_status rd_translator_open(rd_translator **translator, const char *const *directories,
                             int32_t n_directories, rd_precision precision) {
    *translator = NULL;
    if (n_directories < 1) return rd_error(RD_ERR_ARGUMENT, "no model directory given");
    rd_translator *t = rd_calloc(1, sizeof *t);
    if (!t) return RD_ERR_MEMORY;
    t->models = rd_calloc((size_t)n_directories, sizeof(rd_model *));
    rd_status status = t->models ? RD_OK : RD_ERR_MEMORY;
    for (int32_t i = 0; status == RD_OK && i < n_directories; i++) {
        model_directory d;
        rd_translate_options defaults;
        char *source_lang = NULL;
        status = directory_open(&d, directories[i], precision, &defaults, &source_lang);
        if (status == RD_OK) status = add_directory(t, &d, directories[0], directories[i]);
        if (status == RD_OK && i == 0) t->defaults = defaults;
        if (i == 0)
            t->source_lang = source_lang;
        else
            free(source_lang);
        directory_close(&d);
    }
    if (status == RD_OK)
        *translator = t;
    else
        rd_translator_close(t);
    return status;
}

void rd_translator_close(rd_translator *t) {
    if (!t) return;
    for (int32_t i = 0; t->models && i < t->n_models; i++) rd_model_free(t->models[i]);
    free(t->models);
    free(t->source_lang);
    rd_vocabularies_close(t->source, t->target);
    free(t);
}

rd_translate_options rd_translator_defaults(const rd_translator *translator) {
    return translator->defaults;
}
