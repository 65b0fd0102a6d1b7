/* Checkpoints of fairseq to model directories. */
#include <stdlib.h>
#include <string.h>

#include "io/output.h"
#include "base/memory.h"
#include "convert/convert.h"
#include "convert/fairseq.h"
#include "convert/import.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

typedef struct {
    const char *to;
    rd_text *warnings;
    rd_fairseq_checkpoint checkpoint;
    rd_recipe *recipe;
    rd_parameters parameters;
    json_t *left; /* names of tensors that nothing was made of yet */
} fairseq_import;

/* Finds the tensor in any of its places, and checks its shape. */
static rd_status find(const fairseq_import *im, const rd_parameter *item, rd_fairseq_place *place,
                      rd_stored_tensor *tensor) {
    const rd_tensor_file *file = &im->checkpoint.file;
    rd_fairseq_place places[RD_FAIRSEQ_PLACES];
    int n = rd_fairseq_places_of(item->name, places);
    *place = places[0];
    for (int i = n - 1; i >= 0; i--)
        if (rd_tensor_file_has(file, places[i].name)) *place = places[i];
    RD_TRY(rd_tensor_file_find(file, place->name, tensor));
    int64_t rows = item->shape[0] * place->parts, columns = item->shape[1];
    return rd_import_check_shape(file->path, place->name, tensor, rows, columns,
                                 "its settings and dictionaries imply");
}

static rd_status read_item(const fairseq_import *im, const rd_parameter *item) {
    rd_fairseq_place place;
    rd_stored_tensor tensor;
    int64_t n = rd_parameter_count(item);
    float *values = im->parameters.values + item->offset;
    RD_TRY(find(im, item, &place, &tensor));
    if (place.parts == 1) return rd_stored_tensor_read(&tensor, values);
    float *all = rd_malloc((size_t)tensor.n, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(&tensor, all);
    if (status == RD_OK) memcpy(values, all + place.part * n, (size_t)n * sizeof *all);
    free(all);
    return status;
}

/* The version of a stack's parameters; 1 if it names none. */
static rd_status version_of(const rd_tensor_file *file, const char *name, float *version) {
    rd_stored_tensor tensor;
    *version = 1.0f;
    if (!rd_tensor_file_has(file, name)) return RD_OK;
    RD_TRY(rd_tensor_file_find(file, name, &tensor));
    if (tensor.n == 1) return rd_stored_tensor_read(&tensor, version);
    return rd_error(RD_ERR_FORMAT, "%s: tensor %s is no version", file->path, name);
}

/* A pre-norm stack ends with a norm, unless it is older than that. */
static rd_status find_final_norms(fairseq_import *im) {
    const rd_tensor_file *file = &im->checkpoint.file;
    rd_model_config *c = &im->recipe->model;
    float encoder, decoder;
    RD_TRY(version_of(file, "encoder.version", &encoder));
    RD_TRY(version_of(file, "decoder.version", &decoder));
    if (c->decoder.normalize_before &&
        (decoder <= 2.0f || !rd_tensor_file_has(file, "decoder.layer_norm.weight")))
        c->no_decoder_final_norm = true;
    bool ends = encoder >= 2.0f && rd_tensor_file_has(file, "encoder.layer_norm.weight");
    if (c->encoder.layers == 0 || !c->encoder.normalize_before || ends) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: a pre-norm encoder without a norm at its end is not supported",
                    file->path);
}

/* A tensor that nothing is made of belongs to a model that this is not. */
static rd_status check_left(const fairseq_import *im) {
    const char *name;
    json_t *value;
    json_object_foreach(im->left, name, value) {
        if (rd_fairseq_is_spare(&im->recipe->model, name)) continue;
        char shown[128];
        rd_escape(shown, sizeof shown, name);
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: tensor %s is no part of a transformer with its settings",
                        im->checkpoint.path, shown);
    }
    return RD_OK;
}

/* Every tensor is looked at before there is memory for any. */
static rd_status read_weights(fairseq_import *im) {
    rd_parameters *p = &im->parameters;
    rd_fairseq_place place;
    rd_stored_tensor tensor;
    RD_TRY(find_final_norms(im));
    RD_TRY(rd_model_register(p, &im->recipe->model));
    im->left = json_copy(im->checkpoint.file.header);
    if (!im->left) return rd_error(RD_ERR_MEMORY, "%s: out of memory", im->checkpoint.path);
    for (int64_t i = 0; i < p->n; i++) {
        RD_TRY(find(im, &p->items[i], &place, &tensor));
        json_object_del(im->left, place.name);
    }
    RD_TRY(check_left(im));
    RD_TRY(rd_parameters_allocate_unset(p));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(read_item(im, &p->items[i]));
    return RD_OK;
}

static rd_status import_file(fairseq_import *im, const char *path) {
    char *from = rd_path_parent(path);
    if (!from) return RD_ERR_MEMORY;
    rd_status status = rd_recipe_new(&im->recipe);
    if (status == RD_OK) status = rd_fairseq_open(&im->checkpoint, path);
    if (status == RD_OK) status = rd_fairseq_read_config(&im->checkpoint, im->recipe);
    if (status == RD_OK)
        status =
            rd_fairseq_take_vocabulary(&im->checkpoint, from, im->to, im->recipe, im->warnings);
    if (status == RD_OK) status = read_weights(im);
    free(from);
    if (status != RD_OK) return status;
    return rd_model_dir_save(im->to, im->recipe, NULL, RD_VOCABULARY_ANY, &im->parameters,
                             RD_WEIGHTS_FP32);
}

/* Finds the checkpoint: PATH is one, or a directory with one. */
static rd_status find_file(const char *from, char **path) {
    if (rd_ends_with(from, ".pt")) {
        *path = rd_strdup(from);
        return *path ? RD_OK : RD_ERR_MEMORY;
    }
    RD_TRY(rd_fairseq_find(from, path));
    return *path
               ? RD_OK
               : rd_error(RD_ERR_IO,
                          "%s: neither model.pt, checkpoint_best.pt nor checkpoint_last.pt", from);
}

rd_status rd_import_fairseq(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    char *path;
    RD_TRY(find_file(from, &path));
    rd_status status = rd_atomic_directory_open(&made, to);
    if (status == RD_OK) {
        fairseq_import im = {.to = made.temporary, .warnings = warnings};
        status = import_file(&im, path);
        rd_fairseq_close(&im.checkpoint);
        rd_parameters_free(&im.parameters);
        rd_recipe_free(im.recipe);
        json_decref(im.left);
        status = rd_atomic_directory_close(&made, status);
    }
    free(path);
    return status;
}
