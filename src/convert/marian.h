/* Models of Marian itself (https://marian-nmt.github.io): a .npz file with the settings of the
 * network inside, and a decoder.yml that names it and its vocabularies. */
#ifndef RD_CONVERT_MARIAN_H
#define RD_CONVERT_MARIAN_H

#include <jansson.h>

#include "base/text.h"
#include "convert/places.h"
#include "io/npz.h"
#include "recipe/recipe.h"

/* Sets the network of a recipe from the settings, which are an array of the file; the sizes of the
 * vocabularies come from the arrays. RD_ERR_UNSUPPORTED for networks that this program cannot
 * compute. */
rd_status rd_marian_read_settings(rd_recipe *recipe, const rd_npz *npz);

/* Sets the search of a recipe from decoder.yml; `path` for messages. warnings (NULL: none are
 * wanted) receives a line for each setting that has no effect here. */
rd_status rd_marian_read_search(rd_recipe *recipe, const char *path, const json_t *decoder,
                                rd_text *warnings);

/* Which array one of our tensors may be. */
rd_places rd_marian_places_of(const char *ours);

/* Makes source.spm, target.spm and vocab.json, and for two vocabularies target_vocab.json, in `to`
 * from the files in `from` that the list `vocabs` of decoder.yml names, and sets eos_id. rows: [2]
 * pieces of source and target, which have embeddings; <pad> gets the recipe's pad_id. */
rd_status rd_marian_write_vocabulary(rd_recipe *recipe, const char *from, const json_t *decoder,
                                     const int64_t rows[2], const char *to);

/* The last part of a path that a setting names: models and their files are moved together. */
const char *rd_marian_base_name(const char *path);

#endif
