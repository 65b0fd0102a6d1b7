/* Hugging Face's names for our settings and tensors in GPT-2. */
#ifndef RD_CONVERT_GPT2_H
#define RD_CONVERT_GPT2_H

#include <jansson.h>

#include "base/text.h"
#include "convert/places.h"
#include "recipe/recipe.h"

/* Sets the model and search of a recipe from config.json, except special ids, which are the
 * vocabulary's. RD_ERR_UNSUPPORTED: this program cannot compute such a model. */
rd_status rd_gpt2_read_config(const char *directory, const json_t *config, rd_recipe *recipe);

/* Adds a line if the embeddings have a dropout of their own. */
rd_status rd_gpt2_warn_config(const json_t *config, rd_text *warnings);

/* Writes the config.json of the model of a directory. RD_ERR_UNSUPPORTED for one that GPT-2 cannot
 * be. */
rd_status rd_gpt2_write_config(const char *from, const rd_recipe *recipe, const char *to);

/* Where one of our tensors is in theirs: products there are x W, so matrices are stored transposed;
 * and query, key and value are the thirds of one tensor. A model without a head has names without
 * "transformer.". */
rd_places rd_gpt2_places_of(const rd_model_config *config, const char *ours);

#endif
