/* Shared by the imports: a model on its way into a model directory, and the table of the families
 * that models come from. */
#ifndef RD_CONVERT_IMPORT_H
#define RD_CONVERT_IMPORT_H

#include <jansson.h>

#include "base/string_table.h"
#include "convert/places.h"
#include "data/labels.h"
#include "data/vocab_files.h"
#include "io/npz.h"
#include "io/safetensors.h"
#include "model/parameters.h"
#include "recipe/recipe.h"

typedef struct rd_importer rd_importer;

/* How a family stores our tensors. */
typedef struct {
    rd_places (*places_of)(const rd_importer *im, const char *ours);
    /* Tensors that have no place and yet may be there, copies of others or computed: the endings of
     * their names, a NULL after the last; and, unless NULL, a function that knows more. */
    const char *const *copies;
    bool (*is_spare)(const rd_importer *im, const char *theirs);
    const char *reason; /* of shapes, for messages: "config.json implies" */
    const char *whole;  /* what any other tensor is no part of, and is refused; NULL: warned of */
    bool any_rank;      /* numbers of values count, whatever their dimensions */
} rd_import_layout;

struct rd_importer {
    const char *from, *to; /* to: NULL for a description */
    rd_text *warnings;     /* or NULL */
    json_t *config;        /* config.json of a directory that has one */
    rd_recipe *recipe;
    rd_parameters parameters;
    rd_labels labels;
    /* The tensors are in one of these. */
    rd_tensor_set tensors;
    const rd_tensor_file *file;
    rd_npz npz;
    const rd_import_layout *layout;
    void *own;            /* what the family's functions know besides */
    rd_string_table used; /* names of tensors */
};

typedef struct {
    rd_status (*is_it)(const rd_importer *im, bool *found);
    rd_status (*read_config)(rd_importer *im); /* for a description; NULL: fairseq's (info.c) */
    rd_status (*import)(rd_importer *im); /* recipe, parameters, and the vocabulary into `to` */
    rd_vocabulary_kind vocabulary;
    size_t own; /* bytes */
} rd_family;
extern const rd_family rd_family_vit, rd_family_gpt2, rd_family_bert, rd_family_bart,
    rd_family_marian, rd_family_fairseq;

/* Opens config.json or the .npz file, if there is one, makes an empty recipe, and finds the family,
 * with zeros for its own; *family NULL: it is none. Close in any case. */
rd_status rd_import_open(rd_importer *im, const char *from, const rd_family **family);
void rd_import_close(rd_importer *im);

/* ---- Tensors (import_tensors.c) ---- */

/* Whether a tensor of this name is there. */
bool rd_import_has(const rd_importer *im, const char *name);
/* RD_ERR_FORMAT: it is missing. */
rd_status rd_import_find(const rd_importer *im, const char *name, rd_stored_tensor *tensor);
/* The first of the places that is there, NULL if none is. */
const rd_place *rd_import_choose(const rd_importer *im, const rd_places *places);

/* Finds all tensors of the recipe's model and checks their shapes, then reads them. Every one is
 * looked at before there is memory for any: sizes are believed when the files have the data. */
rd_status rd_import_tensors(rd_importer *im);

/* Lines for tensors that are of no use. copies: also for those that are tied to one that was read
 * and have other values. */
rd_status rd_import_warn(const rd_importer *im, bool copies);

/* ---- Vocabularies ---- */

/* The bias of pieces that must not be chosen: no probability, yet no trouble in any float type. */
#define RD_IMPOSSIBLE_BIAS (-1e4f)

/* Whether a Hugging Face directory has one vocabulary or two. */
rd_status rd_import_vocabulary_kind(const char *directory, rd_vocabulary_kind *kind);

/* Makes special ids, except pad's, and the size those of a model's one vocabulary. rows: of the
 * model's embeddings. RD_ERR_FORMAT: the vocabulary has more ids. */
rd_status rd_import_take_vocabulary(rd_importer *im, const rd_tokenizer *tokenizer, int32_t rows);

/* Sets a recipe's settings about its vocabulary from the vocabulary files of a folder
 * (data/vocab_files.h); they must suit the model. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory);

#endif
