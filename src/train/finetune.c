/* Training that starts from a model, not from random weights. Optimizer and schedule start anew. */
#include <stdlib.h>

#include "base/file.h"
#include "data/vocab_files.h"
#include "train/run.h"

rd_status rd_run_adopt_shape(rd_run *run) {
    const char *directory = run->recipe->train.finetune_from_model;
    if (!*directory) return RD_OK;
    char *path = rd_path_join(directory, "config.yaml");
    rd_recipe *start = NULL;
    bool prepends = run->recipe->model.prepend_bos;
    rd_status status = path ? rd_recipe_load(&start, path, NULL, 0) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        rd_model_config shape = start->model, *own = &run->recipe->model;
        shape.dropout = own->dropout;
        shape.attention_dropout = own->attention_dropout;
        shape.activation_dropout = own->activation_dropout;
        *own = shape;
    }
    if (status == RD_OK && start->data.joined_dictionary != run->recipe->data.joined_dictionary)
        status = rd_error(RD_ERR_FORMAT, "%s: joined-dictionary is %s there, unlike in the recipe",
                          path, start->data.joined_dictionary ? "true" : "false");
    if (status == RD_OK && start->model.prepend_bos != prepends)
        status = rd_error(RD_ERR_FORMAT, "%s: prepend-bos is %s there, unlike in the recipe", path,
                          prepends ? "false" : "true");
    if (status != RD_OK) rd_error_prefix(status, "finetune-from-model");
    rd_recipe_free(start);
    free(path);
    return status;
}

/* Weights are of pieces, so the data must be of the same. */
static rd_status check_vocabularies(const rd_run *run, const char *directory) {
    rd_tokenizer *source, *target;
    RD_TRY(rd_vocabularies_open(directory, RD_VOCABULARY_ANY, &source, &target));
    rd_status status =
        rd_vocabularies_same(run->source, source, "source", run->data_dir, directory);
    if (status == RD_OK)
        status = rd_vocabularies_same(run->target, target, "target", run->data_dir, directory);
    rd_vocabularies_close(source, target);
    return status;
}

rd_status rd_run_load_start(rd_run *run) {
    const char *directory = run->recipe->train.finetune_from_model;
    if (!*directory) return RD_OK;
    rd_parameters *p = &run->model->parameters;
    char *path = rd_path_join(directory, "model.safetensors");
    rd_status status = path ? check_vocabularies(run, directory) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_parameters_load(p, p->values, path);
    if (status != RD_OK) rd_error_prefix(status, "finetune-from-model");
    free(path);
    return status;
}
