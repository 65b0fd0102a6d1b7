/* Checkpoints of fairseq to model directories. */
#include <stdlib.h>

#include "base/memory.h"
#include "convert/fairseq.h"
#include "convert/import.h"

static rd_places places_of(const rd_importer *im, const char *ours) {
    (void)im;
    return rd_fairseq_places_of(ours);
}

static bool is_spare(const rd_importer *im, const char *theirs) {
    return rd_fairseq_is_spare(&im->recipe->model, theirs);
}

static const rd_import_layout layout = {.places_of = places_of,
                                        .is_spare = is_spare,
                                        .reason = "its settings and dictionaries imply",
                                        .whole = "a transformer with its settings"};

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
static rd_status find_final_norms(rd_importer *im) {
    const rd_tensor_file *file = im->file;
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

static rd_status read_checkpoint(rd_importer *im, rd_fairseq_checkpoint *checkpoint,
                                 const char *path) {
    RD_TRY(rd_fairseq_open(checkpoint, path));
    RD_TRY(rd_fairseq_read_config(checkpoint, im->recipe));
    char *directory = rd_path_parent(path);
    if (!directory) return RD_ERR_MEMORY;
    rd_status status =
        rd_fairseq_take_vocabulary(checkpoint, directory, im->to, im->recipe, im->warnings);
    free(directory);
    RD_TRY(status);
    im->file = &checkpoint->file;
    RD_TRY(find_final_norms(im));
    return rd_import_tensors(im);
}

/* The checkpoint: PATH is one, or a directory with one; *path NULL: neither. */
static rd_status find_file(const char *from, char **path) {
    if (!rd_ends_with(from, ".pt")) return rd_fairseq_find(from, path);
    *path = rd_strdup(from);
    return *path ? RD_OK : RD_ERR_MEMORY;
}

static rd_status import_model(rd_importer *im) {
    rd_fairseq_checkpoint checkpoint = {0};
    char *path;
    im->layout = &layout;
    RD_TRY(find_file(im->from, &path));
    rd_status status = read_checkpoint(im, &checkpoint, path);
    im->file = NULL;
    rd_fairseq_close(&checkpoint);
    free(path);
    return status;
}

static rd_status is_it(const rd_importer *im, bool *found) {
    char *path;
    RD_TRY(find_file(im->from, &path));
    *found = path != NULL;
    free(path);
    return RD_OK;
}

const rd_family rd_family_fairseq = {is_it, NULL, import_model, RD_VOCABULARY_ANY, 0};
