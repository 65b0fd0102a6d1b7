/* What imports, and what exports, share. */
#ifndef RD_CONVERT_IMPORT_H
#define RD_CONVERT_IMPORT_H

#include "data/vocab_files.h"
#include "model/parameters.h"
#include "recipe/recipe.h"

/* Whether a Hugging Face directory has one vocabulary or two. */
rd_status rd_import_vocabulary_kind(const char *directory, rd_vocabulary_kind *kind);

/* Sets what a recipe says of its vocabulary, from the vocabulary files of a folder
 * (data/vocab_files.h); they must suit the model. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory);

/* Writes model.safetensors and config.yaml. */
rd_status rd_import_save(const rd_recipe *recipe, const rd_parameters *parameters, const char *to);

/* The recipe and the model of a model directory, both to be freed, also after a failure. */
rd_status rd_convert_load(const char *directory, rd_recipe **recipe, rd_model **model);

#endif
