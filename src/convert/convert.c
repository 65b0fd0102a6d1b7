/* Imports and exports a model by its family, and rounds the weights of a model directory to 8 bits.
 */
#include "convert/convert.h"

#include <stdlib.h>

#include "base/file.h"
#include "convert/export.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "io/output.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

static rd_status read_and_save(const rd_family *family, rd_importer *im) {
    RD_TRY(family->import(im));
    const rd_hf_tokenizer tokenizer = {im->from, im->to, im->config, &im->recipe->model,
                                       im->warnings};
    RD_TRY(rd_hf_take_tokenizer(&tokenizer));
    return rd_model_dir_save(im->to, im->recipe, NULL, family->vocabulary, &im->parameters,
                             RD_WEIGHTS_FP32);
}

static rd_status import_as(const rd_family *family, rd_importer *im, const char *to) {
    rd_atomic_directory made;
    if (!family)
        return rd_error(RD_ERR_IO,
                        "%s: neither a .npz file nor a directory with a config.json (Hugging "
                        "Face), a decoder.yml (Marian) or a checkpoint (fairseq; also a .pt file "
                        "alone)",
                        im->from);
    RD_TRY(rd_atomic_directory_open(&made, to));
    im->to = made.temporary;
    return rd_atomic_directory_close(&made, read_and_save(family, im));
}

rd_status rd_import(const char *from, const char *to, rd_text *warnings) {
    rd_importer im;
    const rd_family *family;
    if (!rd_file_exists(from)) return rd_error(RD_ERR_IO, "%s: no such file or directory", from);
    rd_status status = rd_import_open(&im, from, &family);
    im.warnings = warnings;
    if (status == RD_OK) status = import_as(family, &im, to);
    rd_import_close(&im);
    return status;
}

rd_status rd_export_save(const rd_exporter *e, const rd_parameters *parameters,
                         const float *values) {
    char *path = rd_path_join(e->to, "model.safetensors");
    rd_status status = path ? rd_parameters_save(parameters, values, NULL, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

/* By the architecture. */
static rd_status export_as(const rd_exporter *e) {
    const rd_model_config *c = &e->recipe->model;
    if (c->picture.size > 0) return rd_export_vit(e);
    if (c->decoder.layers == 0) return rd_export_bert(e);
    return c->encoder.layers == 0 ? rd_export_gpt2(e) : rd_export_bart(e);
}

static rd_status warn_of_rounding(const rd_exporter *e, const rd_model_dir *directory) {
    char *path = rd_model_dir_weights_path(directory);
    bool int8 = false;
    rd_status status = path ? rd_weights_are_int8(path, &int8) : RD_ERR_MEMORY;
    free(path);
    if (status != RD_OK || !int8) return status;
    return rd_text_printf(e->warnings,
                          "%s: its weights are rounded to 8 bits; float32 goes out, with this "
                          "rounding\n",
                          e->from);
}

static rd_status open_and_export(rd_exporter *e, rd_model_dir *directory, rd_model **model) {
    RD_TRY(rd_model_dir_open(directory, e->from));
    RD_TRY(rd_model_dir_load(directory, model));
    e->recipe = directory->recipe;
    e->model = *model;
    if (e->warnings) RD_TRY(warn_of_rounding(e, directory));
    return export_as(e);
}

rd_status rd_export(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    rd_model_dir directory = {0};
    rd_model *model = NULL;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_exporter e = {.from = from, .to = made.temporary, .warnings = warnings};
    rd_status status = open_and_export(&e, &directory, &model);
    rd_model_free(model);
    rd_model_dir_close(&directory);
    return rd_atomic_directory_close(&made, status);
}

static rd_status quantize(const char *from, const char *to, rd_model_dir *directory,
                          rd_model **model) {
    RD_TRY(rd_model_dir_open(directory, from));
    RD_TRY(rd_model_dir_load(directory, model));
    return rd_model_dir_save(to, directory->recipe, from, RD_VOCABULARY_ANY, &(*model)->parameters,
                             RD_WEIGHTS_INT8);
}

rd_status rd_quantize(const char *from, const char *to) {
    rd_atomic_directory made;
    rd_model_dir directory = {0};
    rd_model *model = NULL;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_status status = quantize(from, made.temporary, &directory, &model);
    rd_model_free(model);
    rd_model_dir_close(&directory);
    return rd_atomic_directory_close(&made, status);
}
