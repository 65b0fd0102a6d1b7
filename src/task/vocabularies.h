/* The vocabularies in a folder of data, which every task on text opens first. */
#ifndef RD_TASK_VOCABULARIES_H
#define RD_TASK_VOCABULARIES_H

#include "base/text.h"
#include "data/dataset.h"
#include "data/identity.h"
#include "data/labels.h"
#include "data/vocab_files.h"
#include "recipe/recipe.h"
#include "rdrop/tokenizer.h"

/* Opens them (*target == *source where one is both) and completes the recipe by them: fingerprint,
 * sizes, special ids. RD_ERR_FORMAT if the recipe is for another vocabulary; its settings without
 * effect are added to `warnings`, a line each. Close both in any case. */
rd_status rd_task_open_vocabularies(rd_recipe *recipe, const char *data_dir, rd_tokenizer **source,
                                    rd_tokenizer **target, rd_text *warnings);

/* Makes the data's vocabulary, or classes, those of the recipe; RD_ERR_FORMAT if it says that it is
 * for others. */
rd_status rd_task_take_fingerprint(rd_recipe *recipe, const char *data_dir,
                                   rd_vocabulary_kind kind);

/* The classes of data, which must be `names`, a list with commas between, unless that is empty.
 * RD_ERR_FORMAT where they have none. */
rd_status rd_task_read_labels(rd_labels *labels, const char *data_dir, const char *names);

/* Ids stand for pieces, so data must belong to this recipe's task and vocabularies: RD_ERR_FORMAT
 * names the file `path` and the first difference. sizes: the numbers of the identity. */
rd_status rd_task_check_identity(const rd_recipe *recipe, const rd_identity *sizes,
                                 const rd_identity *found, const char *path);

/* Opens a file of such data. RD_ERR_FORMAT also where it holds no `items` ("sentences"). Close
 * *dataset in any case. */
rd_status rd_task_open_dataset(const rd_recipe *recipe, const rd_identity *sizes, const char *items,
                               const char *path, rd_dataset **dataset);

#endif
