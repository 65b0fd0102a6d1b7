/* Hugging Face's names for our settings and tensors in MarianMT and BART. */
#ifndef RD_CONVERT_BART_H
#define RD_CONVERT_BART_H

#include <jansson.h>

#include "base/text.h"
#include "convert/foreign.h"
#include "convert/places.h"
#include "recipe/recipe.h"

/* Keys of config.json and of a recipe that mean the same, and those that may be missing there; a
 * NULL name ends them. */
extern const rd_foreign_key rd_bart_keys[], rd_bart_rate_keys[];

/* Where one of our tensors may be in their files. A tied tensor is stored once, under any of its
 * names; a model without its output layer (BartModel) has names without "model.". */
rd_places rd_bart_places_of(const rd_model_config *config, const char *ours);

/* Sets the model and search of a recipe from the files of a directory; `config` is config.json.
 * RD_ERR_UNSUPPORTED: this program cannot compute such a model. The tensors decide whether there
 * are a bias and learned positions. warnings (NULL: none are wanted) receives a line for each
 * setting that has no effect here. */
rd_status rd_bart_read_config(rd_recipe *recipe, const char *directory, json_t *config,
                              rd_text *warnings);

/* A model on its way to a MarianMT or BART directory. */
typedef struct {
    const char *from, *to;
    const rd_recipe *recipe;
    bool bart;         /* else MarianMT */
    bool joint;        /* one vocabulary of its own, spm.model */
    bool mapped;       /* its vocabulary came from such a directory and goes back as it is */
    int32_t positions; /* rows of the tables of positions */
    /* Known with the vocabulary. */
    bool separate;              /* two vocabularies */
    int32_t src_rows, tgt_rows; /* embeddings written */
    int32_t pad, start;         /* ids in the new vocabulary */
    /* [tgt_vocab] new ids of the target's pieces, malloc'ed; NULL: the same */
    int32_t *target_rows;
} rd_bart_export;

/* The files besides the weights (bart_export_files.c), the vocabulary first: of two vocabularies of
 * SentencePiece's own ids it makes one, in which a piece of both has one id. */
rd_status rd_bart_write_vocabulary(rd_bart_export *export);
rd_status rd_bart_write_config(const rd_bart_export *export);

#endif
