/* A model directory with weights rounded to 8 bits. */
#include <stdlib.h>

#include "base/file.h"
#include "convert/convert.h"
#include "convert/import.h"
#include "data/vocab_files.h"
#include "model/transformer.h"
#include "recipe/recipe.h"

static rd_status write_model(const char *to, const rd_recipe *recipe, const rd_model *model) {
    char *config = rd_path_join(to, "config.yaml");
    char *weights = rd_path_join(to, "model.safetensors");
    rd_status status = config && weights ? rd_recipe_save(recipe, config) : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = rd_parameters_save_int8(&model->parameters, model->parameters.values, weights);
    free(config);
    free(weights);
    return status;
}

rd_status rd_quantize(const char *from, const char *to) {
    rd_atomic_directory made;
    rd_recipe *recipe = NULL;
    rd_model *model = NULL;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_status status = rd_convert_load(from, &recipe, &model);
    if (status == RD_OK) status = rd_vocabularies_copy(from, made.temporary, RD_VOCABULARY_ANY);
    if (status == RD_OK) status = write_model(made.temporary, recipe, model);
    rd_model_free(model);
    rd_recipe_free(recipe);
    return rd_atomic_directory_close(&made, status);
}
