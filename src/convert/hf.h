/* Hugging Face's names for our settings and tensors in MarianMT and BART, and code that its other
 * families share. */
#ifndef RD_CONVERT_HF_H
#define RD_CONVERT_HF_H

#include <jansson.h>

#include "base/text.h"
#include "convert/foreign.h"
#include "convert/places.h"
#include "recipe/recipe.h"

/* Keys of config.json and of a recipe that mean the same, and those that may be missing there; a
 * NULL name ends them. */
extern const rd_foreign_key rd_hf_model_keys[], rd_hf_rate_keys[];

/* The tensors of unlike heads have the same names: an architecture that config.json names
 * ("BertForTokenClassification") must end as one of `known` (NULL ends them). One without "For" has
 * no head, or the one that is the family's own. supported: for the message, what those do. */
rd_status rd_hf_check_head(const char *directory, const json_t *config, const char *const *known,
                           const char *supported);

/* Activations, which all families call the same. Reading takes the value of `key` in config.json,
 * or `otherwise` if it has none; RD_ERR_UNSUPPORTED for one that we do not have. */
rd_status rd_hf_read_activation(const char *directory, const json_t *config, const char *key,
                                const char *otherwise, rd_activation *activation);
const char *rd_hf_activation_name(rd_activation activation);

/* Where one of our tensors may be in their files. A tied tensor is stored once, under any of its
 * names; a model without its output layer (BartModel) has names without "model.". */
rd_places rd_hf_places_of(const rd_model_config *config, const char *ours);

/* A JSON object being filled; `failed` for lack of memory. */
typedef struct {
    json_t *root;
    bool failed;
} rd_object;
rd_object rd_object_new(void);
/* A config.json, of a model_type and an architecture. */
rd_object rd_object_of_model(const char *type, const char *architecture);
/* Takes the value, which is NULL for lack of memory. */
void rd_put(rd_object *o, const char *key, json_t *value);
/* Numbers of a recipe under their names there; NULL ends the list. */
void rd_put_keys(rd_object *o, const rd_recipe *recipe, const rd_foreign_key *keys);
/* id2label and label2id of classes. */
void rd_put_labels(rd_object *o, int64_t n, const char *const *names);
/* As a file; the object is gone then. */
rd_status rd_object_write(const rd_object *o, const char *directory, const char *name);

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
} rd_hf_export;

/* The files besides the weights (hf_export_files.c), the vocabulary first: of two vocabularies of
 * SentencePiece's own ids it makes one, in which a piece of both has one id. */
rd_status rd_hf_write_vocabulary(rd_hf_export *export);
rd_status rd_hf_write_config(const rd_hf_export *export);
/* How it searches: of GPT-2 as well. */
rd_status rd_hf_write_generation_config(const rd_hf_export *export);

/* Sets the model and search of a recipe from the files of a directory; `config` is config.json.
 * RD_ERR_UNSUPPORTED: this program cannot compute such a model. The tensors decide whether there
 * are a bias and learned positions. warnings (NULL: none are wanted) receives a line for each
 * setting that has no effect here. */
rd_status rd_hf_read_config(rd_recipe *recipe, const char *directory, json_t *config,
                            rd_text *warnings);

/* *generation: of generation_config.json, NULL where there is none; release it with json_decref. */
rd_status rd_hf_read_generation(const char *directory, json_t **generation);
/* The part of it that sets the search (hf_search.c), by generation_config.json alone if there is
 * one. */
rd_status rd_hf_read_search(rd_recipe *recipe, const char *directory, json_t *config,
                            json_t *generation, bool bart, rd_text *warnings);

/* Appends a line to `warnings` for each setting that asks for something this program does not do
 * (hf_warnings.c); own_file: they are from generation_config.json, else from config.json. */
rd_status rd_hf_warn_settings(const rd_model_config *model, json_t *settings, bool own_file,
                              rd_text *warnings);

/* A line for each search setting that generation_config.json has no field for. */
rd_status rd_hf_warn_of_search(const char *from, const rd_recipe *recipe, rd_text *warnings);

#endif
