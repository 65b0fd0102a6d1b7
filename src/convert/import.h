/* Shared by the imports. */
#ifndef RD_CONVERT_IMPORT_H
#define RD_CONVERT_IMPORT_H

#include "base/string_table.h"
#include "data/vocab_files.h"
#include "io/safetensors.h"
#include "recipe/recipe.h"

/* Whether a file's tensor has this shape (columns 0: a vector), leading dimensions of 1 left out.
 * reason: "config.json implies", for the message. */
rd_status rd_import_check_shape(const char *path, const char *name, const rd_stored_tensor *tensor,
                                int64_t rows, int64_t columns, const char *reason);

/* The bias of pieces that must not be chosen: no probability, yet no trouble in any float type. */
#define RD_IMPOSSIBLE_BIAS (-1e4f)

/* Appends a line to `warnings` that names the tensors that are not among `used`, except those whose
 * names end as one of `copies` (NULL ends them), which are copies of others. */
rd_status rd_import_warn_unused(const rd_tensor_set *tensors, const rd_string_table *used,
                                const char *const *copies, rd_text *warnings);

/* Appends a line to `warnings` if there is a tensor called `copy`, which config.json ties to
 * `name`, and its values differ from those of `name`, [n]. */
rd_status rd_import_warn_copy(const rd_tensor_set *tensors, const char *copy, const char *name,
                              const float *values, int64_t n, rd_text *warnings);

/* "encoder.layers.N." of our name of a tensor: its length, 0 where it is none, and N. */
size_t rd_import_layer_prefix(const char *ours, long *layer);

/* to: [rows, columns] = from: [columns, rows]. */
void rd_import_transpose(float *to, const float *from, int64_t rows, int64_t columns);

/* Whether a Hugging Face directory has one vocabulary or two. */
rd_status rd_import_vocabulary_kind(const char *directory, rd_vocabulary_kind *kind);

/* Sets a recipe's settings about its vocabulary from the vocabulary files of a folder
 * (data/vocab_files.h); they must suit the model. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory);

#endif
