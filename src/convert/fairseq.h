/* Checkpoints of fairseq: the settings of its transformers for translation and of its language
 * models, and the names of their tensors in all versions of it. */
#ifndef RD_CONVERT_FAIRSEQ_H
#define RD_CONVERT_FAIRSEQ_H

#include <jansson.h>

#include "base/text.h"
#include "convert/places.h"
#include "io/torch_file.h"
#include "recipe/recipe.h"

typedef struct {
    const char *path;
    rd_tensor_file file;
    json_t *model, *task; /* the settings of either; those of old versions are all in `model` */
    bool is_lm;
} rd_fairseq_checkpoint;

/* The checkpoint of a directory, malloc'ed: model.pt, checkpoint_best.pt or checkpoint_last.pt, the
 * first that is there; *path NULL: none is. */
rd_status rd_fairseq_find(const char *directory, char **path);

/* Opens a .pt file; RD_ERR_UNSUPPORTED for any other kind of model. Close in any case. */
rd_status rd_fairseq_open(rd_fairseq_checkpoint *checkpoint, const char *path);
void rd_fairseq_close(rd_fairseq_checkpoint *checkpoint);

/* A setting that is a text; NULL: there is none. */
const char *rd_fairseq_text(const rd_fairseq_checkpoint *checkpoint, const char *key);

/* Sets the task, languages and network of a recipe; the sizes of the vocabularies come from the
 * dictionaries. RD_ERR_UNSUPPORTED: this program cannot compute such a model. */
rd_status rd_fairseq_read_config(const rd_fairseq_checkpoint *checkpoint, rd_recipe *recipe);

/* Where one of our tensors may be, in checkpoints of all versions. */
rd_places rd_fairseq_places_of(const char *ours);

/* Whether a checkpoint of this model may have a tensor that no place names: a copy of another, or a
 * computed one. */
bool rd_fairseq_is_spare(const rd_model_config *config, const char *theirs);

/* Makes the vocabulary of the model directory `to` from the dictionaries, and the codes of
 * subword-nmt or the SentencePiece model, in `from`; sets the recipe's settings about them, and
 * warns (NULL: no warnings) if there are neither codes nor model. */
rd_status rd_fairseq_take_vocabulary(const rd_fairseq_checkpoint *checkpoint, const char *from,
                                     const char *to, rd_recipe *recipe, rd_text *warnings);

#endif
