/* How a recipe's tables are read, to make data from them and to predict. */
#ifndef RD_RECIPE_TABLES_H
#define RD_RECIPE_TABLES_H

#include "data/binarize_table.h"
#include "recipe/recipe.h"

/* The columns of binarize_table.h, or the sentences' alone. Strings are the settings'. */
rd_table_config rd_table_columns(const rd_table_settings *settings, bool with_answers);

/* How the recipe's model reads sentences. RD_ERR_FORMAT if the vocabulary lacks the tokens that
 * begin and end them. */
rd_status rd_table_reader(const rd_recipe *recipe, const rd_tokenizer *tokenizer,
                          rd_sentence_reader *reader);

#endif
