/* A model directory, and the one module that knows its contents:
 *   config.yaml        task, languages, shape and search settings, and the vocabulary's fingerprint
 *   model.safetensors  the weights
 *   the vocabulary     its files (data/vocab_files.h)
 * Older ones, whose config.yaml has all keys of a training and no fingerprint, are read as well.
 * The module belongs to recipe/ because config.yaml is read and written by the table of keys. */
#ifndef RD_RECIPE_MODEL_DIR_H
#define RD_RECIPE_MODEL_DIR_H

#include <stdbool.h>

#include "data/identity.h"
#include "data/labels.h"
#include "data/vocab_files.h"
#include "model/parameters.h"
#include "recipe/recipe.h"

typedef struct {
    char *path;
    rd_recipe *recipe; /* of config.yaml; keys that it lacks have their defaults */
} rd_model_dir;

/* Reads config.yaml; _open also checks that the vocabulary is the one that the model was made with
 * (RD_ERR_FORMAT). Close in any case. */
rd_status rd_model_dir_read(rd_model_dir *directory, const char *path);
rd_status rd_model_dir_open(rd_model_dir *directory, const char *path);
void rd_model_dir_close(rd_model_dir *directory);

/* As for rd_vocabularies_open. Ends of sentences and sizes are those of the model. */
rd_status rd_model_dir_vocabularies(const rd_model_dir *directory, rd_tokenizer **source,
                                    rd_tokenizer **target);

/* The names of a model's classes. RD_ERR_FORMAT if their number is not that of config.yaml. */
rd_status rd_model_dir_labels(const rd_model_dir *directory, rd_labels *labels);

/* Task, languages, vocabulary and its sizes, which data and shortlists for the model must share. */
rd_status rd_model_dir_identity(const rd_model_dir *directory, rd_identity *identity);

/* The weights: as float32; packed for translating, where RD_PRECISION_AUTO becomes int8 for weights
 * that are already rounded; or into parameters of the same shape. */
rd_status rd_model_dir_load(const rd_model_dir *directory, rd_model **model);
rd_status rd_model_dir_load_packed(const rd_model_dir *directory, rd_precision precision,
                                   rd_model **model);
rd_status rd_model_dir_load_values(const rd_model_dir *directory, const rd_parameters *parameters,
                                   float *values);
/* The file of the weights, malloc'ed; NULL without memory. */
char *rd_model_dir_weights_path(const rd_model_dir *directory);

/* The model that weights of this recipe belong to; valid while the recipe is. */
rd_weights_owner rd_recipe_owner(const rd_recipe *recipe);

/* How many vocabularies the recipe's models have: one stack has one. */
static inline rd_vocabulary_kind rd_recipe_vocabulary_kind(const rd_recipe *recipe) {
    bool two_stacks = recipe->model.encoder.layers > 0 && recipe->model.decoder.layers > 0;
    if (recipe->model.picture.size > 0) return RD_VOCABULARY_LABELS;
    return recipe->data.joined_dictionary || !two_stacks ? RD_VOCABULARY_JOINT
                                                         : RD_VOCABULARY_SEPARATE;
}

typedef enum { RD_WEIGHTS_FP32, RD_WEIGHTS_INT8 } rd_weight_form;

/* Whether a model directory may have a file of this name. */
bool rd_model_dir_has(const char *name);

/* Makes `path` the directory of this model, with the vocabulary of the folder `vocabulary`, which
 * must be recipe->vocabulary if that is set (NULL: the one already there, whatever that is), and
 * sets recipe->vocabulary. Existing weights are replaced in one step,
 * and removed first if they are of another shape or vocabulary: at no moment are weights next to a
 * vocabulary that is not theirs. */
rd_status rd_model_dir_save(const char *path, rd_recipe *recipe, const char *vocabulary,
                            rd_vocabulary_kind kind, const rd_parameters *parameters,
                            rd_weight_form form);

#endif
