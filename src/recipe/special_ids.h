/* The special ids of a vocabulary, and which of them a recipe needs. */
#ifndef RD_RECIPE_SPECIAL_IDS_H
#define RD_RECIPE_SPECIAL_IDS_H

#include "rdrop/tokenizer.h"
#include "recipe/recipe.h"

/* Sets the vocabulary sizes and special ids of recipe->model from the two vocabularies. A piece
 * that they lack has id -1, or with finetune-from-model the id in that model (call it after the
 * shape is the model's); the model may also have more embeddings than pieces. Both vocabularies
 * need an end of sentence with one id; pad and bos are needed only where a setting uses them: else
 * RD_ERR_FORMAT, which names the setting. `directory` is for messages. */
rd_status rd_recipe_take_vocabularies(rd_recipe *recipe, const rd_tokenizer *source,
                                      const rd_tokenizer *target, const char *directory);

#endif
