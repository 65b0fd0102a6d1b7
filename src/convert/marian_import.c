/* Models of Marian itself to model directories. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/import.h"
#include "convert/marian.h"
#include "io/yaml.h"

/* Of a model. */
typedef struct {
    char *directory, *model; /* the folder, and the name of the file in it */
    json_t *decoder;         /* decoder.yml */
} marian_files;

static rd_status read_decoder(rd_importer *im, marian_files *f, const char *name) {
    RD_TRY(rd_yaml_read(&f->decoder, f->directory, name));
    rd_status status = rd_marian_read_search(im->recipe, name, f->decoder, im->warnings);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "%s", f->directory);
}

/* A .npz file: its settings for decoding are MODEL.npz.decoder.yml, as Marian calls them, or
 * decoder.yml. */
static rd_status find_by_file(rd_importer *im, marian_files *f) {
    f->model = rd_strdup(rd_marian_base_name(im->from));
    f->directory = rd_path_parent(im->from);
    size_t room = strlen(im->from) + 16;
    char *name = rd_malloc(room, 1);
    bool found = false;
    rd_status status = f->model && f->directory && name ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        snprintf(name, room, "%s.decoder.yml", f->model);
        status = rd_has_file(f->directory, name, &found);
    }
    if (status == RD_OK) status = read_decoder(im, f, found ? name : "decoder.yml");
    free(name);
    return status;
}

/* For a directory, the file that its decoder.yml names. */
static rd_status find_by_decoder(rd_importer *im, marian_files *f) {
    f->directory = rd_strdup(im->from);
    if (!f->directory) return RD_ERR_MEMORY;
    RD_TRY(read_decoder(im, f, "decoder.yml"));
    const json_t *models = json_object_get(f->decoder, "models");
    const char *model = json_string_value(json_array_get(models, 0));
    if (!model || json_array_size(models) != 1)
        return rd_error(RD_ERR_FORMAT,
                        "%s/decoder.yml: does not name one model; of several import one by its "
                        ".npz file",
                        im->from);
    f->model = rd_strdup(rd_marian_base_name(model));
    return f->model ? RD_OK : RD_ERR_MEMORY;
}

static rd_status open_npz(rd_importer *im, const marian_files *f) {
    char *path = rd_path_join(f->directory, f->model);
    rd_status status = path ? rd_npz_open(&im->npz, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

/* ---- Tensors ---- */

/* An importer's own are int64_t[2]: pieces of source and target, which have embeddings. */
static rd_status count_pieces(const rd_importer *im) {
    int64_t *rows = im->own;
    static const char *const tables[2] = {"encoder.embed_tokens.weight",
                                          "decoder.embed_tokens.weight"};
    for (int i = 0; i < 2; i++) {
        const rd_places places = rd_marian_places_of(tables[i]);
        const rd_place *place = rd_import_choose(im, &places);
        rd_stored_tensor stored;
        RD_TRY(rd_import_find(im, place ? place->name : places.items[1].name, &stored));
        rows[i] = stored.rank > 1 ? stored.shape[stored.rank - 2] : 0;
        if (rows[i] < 2 || rows[i] > 1 << 24)
            return rd_error(RD_ERR_FORMAT, "%s: array %s is no table of embeddings", im->npz.path,
                            stored.name);
    }
    return RD_OK;
}

/* Ours have a row for the pad, too, and for both vocabularies. */
static rd_places places_of(const rd_importer *im, const char *ours) {
    const int64_t *rows = im->own, all = im->recipe->model.src_vocab;
    rd_places places = rd_marian_places_of(ours);
    if (strstr(ours, "encoder.embed_tokens"))
        places.missing = all - rows[0];
    else if (strstr(ours, "embed_tokens") || strstr(ours, "output_projection"))
        places.missing = all - rows[1];
    return places;
}

static bool is_spare(const rd_importer *im, const char *theirs) {
    (void)im;
    return strncmp(theirs, "special:", strlen("special:")) == 0;
}

static const rd_import_layout layout = {.places_of = places_of,
                                        .is_spare = is_spare,
                                        .reason = "its settings imply",
                                        .whole = "a transformer with its settings"};

/* The pad comes after the larger vocabulary. */
static rd_status read_weights(rd_importer *im) {
    const int64_t *rows = im->own;
    rd_model_config *c = &im->recipe->model;
    im->layout = &layout;
    RD_TRY(count_pieces(im));
    c->pad_id = (int32_t)(rows[0] > rows[1] ? rows[0] : rows[1]);
    c->src_vocab = c->tgt_vocab = c->pad_id + 1;
    RD_TRY(rd_import_tensors(im));
    const rd_parameter *bias =
        rd_parameters_find(&im->parameters, "decoder.output_projection.bias");
    for (int64_t i = rows[1]; i < bias->shape[0]; i++)
        im->parameters.values[bias->offset + i] = RD_IMPOSSIBLE_BIAS;
    return RD_OK;
}

/* ---- The model ---- */

static rd_status read_files(rd_importer *im, marian_files *f) {
    RD_TRY(im->npz.path ? find_by_file(im, f) : find_by_decoder(im, f));
    if (!im->npz.path) RD_TRY(open_npz(im, f));
    RD_TRY(rd_marian_read_settings(im->recipe, &im->npz));
    RD_TRY(read_weights(im));
    RD_TRY(rd_marian_write_vocabulary(im->recipe, f->directory, f->decoder, im->own, im->to));
    im->recipe->model.bos_id = im->recipe->model.eos_id;
    return rd_import_check_vocabulary(im->recipe, im->to);
}

static rd_status import_model(rd_importer *im) {
    marian_files files = {0};
    rd_status status = read_files(im, &files);
    json_decref(files.decoder);
    free(files.directory);
    free(files.model);
    return status;
}

/* Of a file. */
static rd_status read_config(rd_importer *im) {
    const int64_t *rows = im->own;
    RD_TRY(rd_marian_read_settings(im->recipe, &im->npz));
    RD_TRY(count_pieces(im));
    im->recipe->model.src_vocab = (int32_t)rows[0];
    im->recipe->model.tgt_vocab = (int32_t)rows[1];
    return RD_OK;
}

static rd_status is_it(const rd_importer *im, bool *found) {
    *found = im->npz.path != NULL;
    return *found ? RD_OK : rd_has_file(im->from, "decoder.yml", found);
}

const rd_family rd_family_marian = {is_it, read_config, import_model, RD_VOCABULARY_ANY,
                                    2 * sizeof(int64_t)};
