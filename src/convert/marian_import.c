#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/convert.h"
#include "convert/import.h"
#include "io/json.h"
#include "convert/marian.h"
#include "io/output.h"
#include "io/yaml.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

typedef struct {
    char *directory, *model; /* the folder, and the name of the file in it */
    json_t *decoder;         /* decoder.yml */
    rd_npz npz;
    rd_recipe *recipe;
    rd_parameters parameters;
    int64_t rows[2];   /* pieces of source and target */
    rd_text *warnings; /* or NULL */
} marian_import;

static rd_status read_decoder(marian_import *im, const char *name) {
    RD_TRY(rd_yaml_read(&im->decoder, im->directory, name));
    rd_status status = rd_marian_read_search(im->recipe, name, im->decoder, im->warnings);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "%s", im->directory);
}

/* A .npz file: its settings for decoding are MODEL.npz.decoder.yml, as Marian calls them, or
 * decoder.yml. */
static rd_status find_by_file(marian_import *im, const char *from) {
    im->model = rd_strdup(rd_marian_base_name(from));
    im->directory = rd_path_parent(from);
    size_t room = strlen(from) + 16;
    char *name = rd_malloc(room, 1);
    bool found = false;
    rd_status status = im->model && im->directory && name ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        snprintf(name, room, "%s.decoder.yml", im->model);
        status = rd_has_file(im->directory, name, &found);
    }
    if (status == RD_OK) status = read_decoder(im, found ? name : "decoder.yml");
    free(name);
    return status;
}

/* For a directory, the file that its decoder.yml names. */
static rd_status find_by_decoder(marian_import *im, const char *from) {
    im->directory = rd_strdup(from);
    if (!im->directory) return RD_ERR_MEMORY;
    RD_TRY(read_decoder(im, "decoder.yml"));
    const json_t *models = json_object_get(im->decoder, "models");
    const char *model = json_string_value(json_array_get(models, 0));
    if (!model || json_array_size(models) != 1)
        return rd_error(RD_ERR_FORMAT,
                        "%s/decoder.yml: does not name one model; of several import one by its "
                        ".npz file",
                        from);
    im->model = rd_strdup(rd_marian_base_name(model));
    return im->model ? RD_OK : RD_ERR_MEMORY;
}

static rd_status open_npz(marian_import *im) {
    char *path = rd_path_join(im->directory, im->model);
    rd_status status = path ? rd_npz_open(&im->npz, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

rd_status rd_marian_count_pieces(const rd_npz *npz, int64_t rows[2]) {
    static const char *const tables[2] = {"encoder.embed_tokens.weight",
                                          "decoder.embed_tokens.weight"};
    for (int i = 0; i < 2; i++) {
        rd_marian_array array = rd_marian_array_of(npz, tables[i]);
        rd_stored_tensor stored;
        RD_TRY(rd_npz_find(npz, array.name, &stored));
        rows[i] = stored.rank > 1 ? stored.shape[stored.rank - 2] : 0;
        if (rows[i] < 2 || rows[i] > 1 << 24)
            return rd_error(RD_ERR_FORMAT, "%s: array %s is no table of embeddings", npz->path,
                            array.name);
    }
    return RD_OK;
}

/* The pad comes after the larger vocabulary. */
static rd_status size_vocabularies(marian_import *im) {
    rd_model_config *c = &im->recipe->model;
    RD_TRY(rd_marian_count_pieces(&im->npz, im->rows));
    c->pad_id = (int32_t)(im->rows[0] > im->rows[1] ? im->rows[0] : im->rows[1]);
    c->src_vocab = c->tgt_vocab = c->pad_id + 1;
    return RD_OK;
}

/* Rows of the tensor that the file has values for. */
static int64_t stored_rows(const marian_import *im, const rd_parameter *item) {
    if (strstr(item->name, "encoder.embed_tokens")) return im->rows[0];
    bool target = strstr(item->name, "embed_tokens") || strstr(item->name, "output_projection");
    return target ? im->rows[1] : item->shape[0];
}

static rd_status find(const marian_import *im, const rd_parameter *item, rd_marian_array *array,
                      rd_stored_tensor *stored) {
    int64_t rows = stored_rows(im, item), columns = item->shape[1];
    *array = rd_marian_array_of(&im->npz, item->name);
    RD_TRY(rd_npz_find(&im->npz, array->name, stored));
    return array->transposed ? rd_import_check_shape(im->npz.path, array->name, stored, columns,
                                                     rows, "its settings imply")
                             : rd_import_check_shape(im->npz.path, array->name, stored, rows,
                                                     columns, "its settings imply");
}

static rd_status read_array(const marian_import *im, const rd_parameter *item) {
    rd_marian_array array;
    rd_stored_tensor stored;
    char *bytes;
    RD_TRY(find(im, item, &array, &stored));
    RD_TRY(rd_npz_load(&im->npz, &stored, &bytes));
    float *values = rd_malloc((size_t)stored.n, sizeof *values);
    rd_status status = values ? rd_stored_tensor_read(&stored, values) : RD_ERR_MEMORY;
    float *to = im->parameters.values + item->offset;
    if (status == RD_OK && array.transposed)
        rd_import_transpose(to, values, stored_rows(im, item), item->shape[1] ? item->shape[1] : 1);
    else if (status == RD_OK)
        memcpy(to, values, sizeof *values * (size_t)stored.n);
    free(values);
    free(bytes);
    return status;
}

/* An array that no tensor of ours is belongs to a network that this is not. */
static rd_status check_count(const marian_import *im) {
    int64_t n = im->parameters.n, special = 0;
    const rd_model_config *c = &im->recipe->model;
    for (int64_t i = 0; i < im->npz.n; i++)
        special += strncmp(im->npz.names[i], "special:", 8) == 0;
    bool one_table = !c->share_all_embeddings && rd_npz_has(&im->npz, "Wemb");
    if (im->npz.n - special == n - one_table) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: %lld arrays of parameters, but a transformer with its settings has %lld",
                    im->npz.path, (long long)(im->npz.n - special), (long long)(n - one_table));
}

/* Every array is looked at before there is memory for any. */
static rd_status read_weights(marian_import *im) {
    rd_parameters *p = &im->parameters;
    rd_marian_array array;
    rd_stored_tensor stored;
    RD_TRY(size_vocabularies(im));
    RD_TRY(rd_model_register(p, &im->recipe->model));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(find(im, &p->items[i], &array, &stored));
    RD_TRY(check_count(im));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(read_array(im, &p->items[i]));
    const rd_parameter *bias = rd_parameters_find(p, "decoder.output_projection.bias");
    for (int64_t i = im->rows[1]; i < bias->shape[0]; i++)
        p->values[bias->offset + i] = RD_IMPOSSIBLE_BIAS;
    return RD_OK;
}

static rd_status import_all(marian_import *im, const char *from, const char *to) {
    struct stat info;
    bool directory = stat(from, &info) == 0 && S_ISDIR(info.st_mode);
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(directory ? find_by_decoder(im, from) : find_by_file(im, from));
    RD_TRY(open_npz(im));
    RD_TRY(rd_marian_read_settings(im->recipe, &im->npz));
    RD_TRY(read_weights(im));
    RD_TRY(rd_marian_write_vocabulary(im->recipe, im->directory, im->decoder, im->rows, to));
    im->recipe->model.bos_id = im->recipe->model.eos_id;
    RD_TRY(rd_import_check_vocabulary(im->recipe, to));
    return rd_model_dir_save(to, im->recipe, NULL, RD_VOCABULARY_ANY, &im->parameters,
                             RD_WEIGHTS_FP32);
}

rd_status rd_import_marian(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    RD_TRY(rd_atomic_directory_open(&made, to));
    marian_import im = {.warnings = warnings};
    rd_status status = import_all(&im, from, made.temporary);
    rd_npz_close(&im.npz);
    rd_parameters_free(&im.parameters);
    rd_recipe_free(im.recipe);
    json_decref(im.decoder);
    free(im.directory);
    free(im.model);
    return rd_atomic_directory_close(&made, status);
}
