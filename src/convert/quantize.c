/* A model directory with weights rounded to 8 bits. */
#include "base/file.h"
#include "convert/convert.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

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
