/* What data were made with: the keys of a recipe that only rdrop-preprocess applies, in a small
 * recipe next to the data. Without it a training could say, and keep in its model, what is not
 * true. */
#ifndef RD_RECIPE_DATA_RECORD_H
#define RD_RECIPE_DATA_RECORD_H

#include "base/text.h"
#include "recipe/recipe.h"

/* Writes DATA_DIR/made-with.yaml, atomically. */
rd_status rd_data_record_write(const rd_recipe *recipe, const char *data_dir);
/* Removes it, if it is there: data are about to be replaced. */
rd_status rd_data_record_remove(const char *data_dir);
/* RD_ERR_ARGUMENT if it is the recipe at this path, or one that it extends. */
rd_status rd_data_record_refuse_recipe(const char *recipe_path, const char *data_dir);

/* Gives the recipe the values of DATA_DIR/made-with.yaml, and adds a line to `warnings` for each
 * written key that says otherwise, or one if the file is missing: rdrop-preprocess was interrupted.
 * Data of another task change nothing. */
rd_status rd_data_record_take(rd_recipe *recipe, const char *data_dir, rd_text *warnings);

#endif
