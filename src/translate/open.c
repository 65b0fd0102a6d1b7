#include "translate/lines.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/vocab_files.h"
#include "recipe/model_dir.h"
#include "search/options.h"

/* The contents of one directory, before it joins the others. */
typedef struct {
    rd_model_dir files;
    rd_identity identity;
    rd_model *model;
    rd_tokenizer *source, *target;
} model_directory;

static void directory_close(model_directory *d) {
    rd_model_free(d->model);
    rd_vocabularies_close(d->source, d->target);
    rd_model_dir_close(&d->files);
    *d = (model_directory){0};
}

static rd_status copy_options(rd_translate_options *options, const rd_search_options *search) {
    RD_TRY(rd_search_options_copy(&options->search, search));
    options->search.n_best = 1; /* how many are wanted is the caller's to say */
    return RD_OK;
}

static rd_status check_stacks(const rd_model_config *c, const char *path) {
    if (c->encoder.layers > 0 && c->decoder.layers > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: no model that translates: it has no %s; use %s", path,
                    c->encoder.layers > 0 ? "decoder" : "encoder",
                    c->encoder.layers > 0 ? "rdrop-predict" : "rdrop-lm");
}

static rd_status read_directory(model_directory *d, const char *path, rd_precision precision) {
    RD_TRY(rd_model_dir_open(&d->files, path));
    RD_TRY(check_stacks(&d->files.recipe->model, path));
    RD_TRY(rd_model_dir_identity(&d->files, &d->identity));
    RD_TRY(rd_model_dir_vocabularies(&d->files, &d->source, &d->target));
    return rd_model_dir_load_packed(&d->files, precision, &d->model);
}

/* Models of an ensemble vote on the same pieces, so these must be equal, not just as many. */
static rd_status same_vocabulary(const rd_tokenizer *a, const rd_tokenizer *b, const char *side,
                                 const char *directory_a, const char *directory_b) {
    rd_status status = rd_vocabularies_same(a, b, side, directory_a, directory_b);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "an ensemble");
}

/* Takes over the directory's contents. */
static rd_status add_directory(rd_translator *t, model_directory *d, const char *first_directory,
                               const char *directory) {
    const rd_model_config *config = rd_model_get_config(d->model);
    if (t->n_models == 0) {
        const rd_recipe *recipe = d->files.recipe;
        if (!(t->source_lang = rd_strdup(recipe->data.source_lang))) return RD_ERR_MEMORY;
        RD_TRY(copy_options(&t->defaults, &recipe->search));
        t->identity = d->identity;
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
        model_directory d = {0};
        status = read_directory(&d, directories[i], precision);
        if (status == RD_OK) status = add_directory(t, &d, directories[0], directories[i]);
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
    rd_search_options_free(&t->defaults.search);
    rd_vocabularies_close(t->source, t->target);
    free(t);
}

rd_translate_options rd_translator_defaults(const rd_translator *translator) {
    return translator->defaults;
}
