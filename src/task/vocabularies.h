/* The vocabularies in a folder of data: what every task on text opens first. */
#ifndef RD_TASK_VOCABULARIES_H
#define RD_TASK_VOCABULARIES_H

#include "base/text.h"
#include "data/identity.h"
#include "data/vocab_files.h"
#include "recipe/recipe.h"
#include "rdrop/tokenizer.h"

/* Opens them (*target == *source where one is both) and completes the recipe by them: fingerprint,
 * sizes, special ids. RD_ERR_FORMAT where the recipe is for another vocabulary; what it says
 * without effect comes into `warnings`, a line each. Close both in any case. */
rd_status rd_task_open_vocabularies(rd_recipe *recipe, const char *data_dir, rd_tokenizer **source,
                                    rd_tokenizer **target, rd_text *warnings);

/* The data's vocabulary, or classes, become those of the recipe, which may say that it is for
 * others (RD_ERR_FORMAT). */
rd_status rd_task_take_fingerprint(rd_recipe *recipe, const char *data_dir,
                                   rd_vocabulary_kind kind);

/* Ids are of pieces, so data must be of this recipe's task and vocabularies: RD_ERR_FORMAT naming
 * the file `path` and the first difference. */
rd_status rd_task_check_identity(const rd_recipe *recipe, const rd_tokenizer *source,
                                 const rd_tokenizer *target, const rd_identity *found,
                                 const char *path);

#endif
