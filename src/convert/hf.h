/* What the families of Hugging Face share: parts of config.json, generation_config.json, and the
 * tokenizer's files. */
#ifndef RD_CONVERT_HF_H
#define RD_CONVERT_HF_H

#include <jansson.h>

#include "base/text.h"
#include "convert/foreign.h"
#include "recipe/recipe.h"

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

/* A class that config.json does not name (it has no id2label of two with these names). */
void rd_hf_default_label(int32_t i, char name[24]);

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

/* *generation: of generation_config.json, NULL where there is none; release it with json_decref. */
rd_status rd_hf_read_generation(const char *directory, json_t **generation);
/* Sets the search of a recipe: by generation_config.json alone if there is one (hf_search.c). */
rd_status rd_hf_read_search(rd_recipe *recipe, const char *directory, json_t *config,
                            json_t *generation, bool bart, rd_text *warnings);

/* Appends a line to `warnings` for each setting that asks for something this program does not do
 * (hf_warnings.c); own_file: they are from generation_config.json, else from config.json. */
rd_status rd_hf_warn_settings(const rd_model_config *model, json_t *settings, bool own_file,
                              rd_text *warnings);

/* The vocabulary in the model directory `to`, which came from their directory `from`. Rules of
 * tokenizer.json and tokenizer_config.json that differ become those that transformers takes for the
 * tokenizer's class, which are written to tokenizer_config.json; warnings (may be NULL) receives a
 * line for each of them, and for what else is not the same here (hf_tokenizer.c). */
typedef struct {
    const char *from, *to;
    const json_t *config; /* config.json */
    const rd_model_config *model;
    rd_text *warnings;
} rd_hf_tokenizer;

rd_status rd_hf_take_tokenizer(const rd_hf_tokenizer *t);

/* Appends a line to `warnings` if a tokenizer.json puts other special tokens around a text than
 * this program does for a model_type, and one if it does around a pair (hf_template.c); types: of
 * tokens, count. */
rd_status rd_hf_warn_template(const json_t *tokenizer, const char *type, bool types,
                              rd_text *warnings);

/* What a generation_config.json is written from (hf_generation.c). */
typedef struct {
    const char *to;
    const rd_recipe *recipe;
    int32_t pad, start; /* ids there; pad -1: none */
    /* [tgt_vocab] ids there of the target's pieces; NULL: the same */
    const int32_t *target_rows;
    bool forbids_pad; /* there, and the piece that is pad here: they could be chosen */
} rd_hf_generation;

rd_status rd_hf_write_generation_config(const rd_hf_generation *g);
/* The ids in it that config.json has as well. */
void rd_hf_put_specials(const rd_hf_generation *g, rd_object *o);

/* A line for each search setting that generation_config.json has no field for. */
rd_status rd_hf_warn_of_search(const char *from, const rd_recipe *recipe, rd_text *warnings);

#endif
