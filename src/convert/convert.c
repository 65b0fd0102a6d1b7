/* Chooses the importer of a model, and rounds the weights of a model directory to 8 bits. */
#include "convert/convert.h"

#include <stdlib.h>

#include "base/file.h"
#include "convert/bert.h"
#include "convert/fairseq.h"
#include "convert/gpt2.h"
#include "io/json.h"
#include "io/output.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

/* Of a Hugging Face directory, by its model_type. */
static rd_status import_hf(const char *from, const char *to, rd_text *warnings) {
    json_t *config;
    rd_bert_family family;
    RD_TRY(rd_json_read(from, "config.json", &config));
    bool bert = rd_is_bert(config, &family), gpt2 = rd_is_gpt2(config);
    json_decref(config);
    if (gpt2) return rd_import_gpt2(from, to, warnings);
    return bert ? rd_import_bert(from, to, warnings) : rd_import_hf(from, to, warnings);
}

/* A checkpoint, or a directory with one. */
static rd_status is_fairseq(const char *from, bool *found) {
    char *path;
    *found = rd_ends_with(from, ".pt");
    if (*found) return RD_OK;
    RD_TRY(rd_fairseq_find(from, &path));
    *found = path != NULL;
    free(path);
    return RD_OK;
}

rd_status rd_import(const char *from, const char *to, rd_text *warnings) {
    bool hf, marian, fairseq, vit;
    if (!rd_file_exists(from)) return rd_error(RD_ERR_IO, "%s: no such file or directory", from);
    RD_TRY(rd_is_vit(from, &vit));
    if (vit) return rd_import_vit(from, to, warnings);
    if (rd_ends_with(from, ".npz")) return rd_import_marian(from, to, warnings);
    RD_TRY(rd_has_file(from, "config.json", &hf));
    RD_TRY(rd_has_file(from, "decoder.yml", &marian));
    if (hf) return import_hf(from, to, warnings);
    if (marian) return rd_import_marian(from, to, warnings);
    RD_TRY(is_fairseq(from, &fairseq));
    if (fairseq) return rd_import_fairseq(from, to, warnings);
    return rd_error(RD_ERR_IO,
                    "%s: neither a .npz file nor a directory with a config.json (Hugging Face), a "
                    "decoder.yml (Marian) or a checkpoint (fairseq; also a .pt file alone)",
                    from);
}

rd_status rd_export(const char *from, const char *to, rd_text *warnings) {
    rd_model_dir directory;
    rd_status status = rd_model_dir_read(&directory, from);
    bool no_decoder = status == RD_OK && directory.recipe->model.decoder.layers == 0;
    bool no_encoder = status == RD_OK && directory.recipe->model.encoder.layers == 0;
    bool of_pictures = status == RD_OK && directory.recipe->model.picture.size > 0;
    rd_model_dir_close(&directory);
    RD_TRY(status);
    if (of_pictures) return rd_export_vit(from, to, warnings);
    if (no_decoder) return rd_export_bert(from, to);
    return no_encoder ? rd_export_gpt2(from, to, warnings) : rd_export_hf(from, to, warnings);
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
