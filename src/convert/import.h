/* What imports share. */
#ifndef RD_CONVERT_IMPORT_H
#define RD_CONVERT_IMPORT_H

#include "model/parameters.h"
#include "recipe/recipe.h"

/* Sets what a recipe says of its vocabulary, from the source.spm, target.spm and vocab.json, and
 * the target_vocab.json where there is one, of a folder; they must suit the model. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory);

/* Writes model.safetensors and config.yaml. */
rd_status rd_import_save(const rd_recipe *recipe, const rd_parameters *parameters, const char *to);

#endif
