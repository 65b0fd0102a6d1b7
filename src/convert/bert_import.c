/* BERT, RoBERTa and XLM-R directories of Hugging Face to model directories. */
#include <stdlib.h>
#include <string.h>

#include "convert/bert.h"
#include "convert/convert.h"
#include "convert/import.h"
#include "data/labels.h"
#include "data/vocab_files.h"
#include "io/json.h"
#include "io/output.h"
#include "io/safetensors.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"

typedef struct {
    const char *from, *to;
    rd_text *warnings; /* or NULL */
    json_t *config;
    rd_bert_family family;
    rd_recipe *recipe;
    rd_tensor_set tensors;
    rd_parameters parameters;
    rd_labels labels;
    rd_string_table *used; /* names of tensors */
} bert_import;

/* The file that has the tensor called `ours` here, NULL if none does; *name: its name there. */
static const rd_tensor_file *look_up(const bert_import *im, const char *ours, rd_bert_names *names,
                                     const char **name) {
    rd_bert_names_of(im->family, &im->recipe->model, ours, names);
    for (int i = 0; i < names->n; i++) {
        const rd_tensor_file *file = rd_tensor_set_find(&im->tensors, names->room[i]);
        *name = names->room[i];
        if (file) return file;
    }
    *name = names->n > 0 ? names->room[0] : ours;
    return NULL;
}

static bool has(const bert_import *im, const char *ours) {
    rd_bert_names names;
    const char *name;
    return look_up(im, ours, &names, &name) != NULL;
}

/* Finds the tensor under any of its names and checks its shape. */
static rd_status find(const bert_import *im, const rd_parameter *item, rd_stored_tensor *tensor) {
    rd_bert_names names;
    const char *name;
    int32_t id;
    const rd_tensor_file *file = look_up(im, item->name, &names, &name);
    if (!file) return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from, name);
    RD_TRY(rd_tensor_file_find(file, name, tensor));
    RD_TRY(rd_string_add(im->used, name, strlen(name), &id));
    return rd_import_check_shape(file->path, name, tensor, item->shape[0], item->shape[1],
                                 "config.json implies");
}

/* ---- The head ---- */

static rd_status unsupported(const bert_import *im, const char *what) {
    return rd_error(RD_ERR_UNSUPPORTED, "%s/config.json: %s is not supported", im->from, what);
}

/* The dropout rate of their head, before its outputs. */
static float classifier_dropout(const bert_import *im) {
    const json_t *rate = json_object_get(im->config, "classifier_dropout");
    double value = json_number_value(rate);
    return json_is_number(rate) && value >= 0.0 && value < 1.0 ? (float)value
                                                               : im->recipe->model.dropout;
}

/* Classes are named by id2label, or numbered. */
static rd_status read_labels(bert_import *im) {
    const json_t *names = json_object_get(im->config, "id2label");
    for (int32_t i = 0; i < im->recipe->model.num_classes; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)i);
        const char *name = json_string_value(json_object_get(names, number));
        if (!name) name = number;
        rd_status status = rd_labels_add(&im->labels, name, strlen(name));
        if (status != RD_OK) return rd_error_prefix(status, "%s/config.json: id2label", im->from);
    }
    return RD_OK;
}

static rd_status read_classifier(bert_import *im) {
    rd_model_config *c = &im->recipe->model;
    rd_bert_names names;
    rd_stored_tensor tensor;
    const char *name, *problem = json_string_value(json_object_get(im->config, "problem_type"));
    if (!has(im, "classification_head.dense.weight"))
        return unsupported(im, "a classifier of tokens");
    if (problem && strcmp(problem, "multi_label_classification") == 0)
        return unsupported(im, "problem_type multi_label_classification");
    const rd_tensor_file *file = look_up(im, "classification_head.out_proj.weight", &names, &name);
    RD_TRY(rd_tensor_file_find(file, name, &tensor));
    int64_t rows = tensor.rank > 0 ? tensor.shape[0] : 0;
    if (rows < 1 || rows > 100000)
        return rd_error(RD_ERR_FORMAT, "%s: %s has %lld rows", file->path, name, (long long)rows);
    c->head = rows == 1 ? RD_HEAD_VALUE : RD_HEAD_CLASSES;
    c->num_classes = rows == 1 ? 0 : (int32_t)rows;
    c->head_transform = RD_TRANSFORM_TANH;
    c->pooling = RD_POOL_FIRST;
    c->classifier_dropout = classifier_dropout(im);
    c->pooler_dropout = im->family == RD_BERT ? 0.0f : c->classifier_dropout;
    if (problem && strcmp(problem, "regression") == 0 && rows > 1)
        return unsupported(im, "a regression of several numbers");
    return c->head == RD_HEAD_CLASSES ? read_labels(im) : RD_OK;
}

static rd_status read_token_head(const bert_import *im) {
    rd_model_config *c = &im->recipe->model;
    c->head = RD_HEAD_TOKENS;
    c->head_transform = RD_TRANSFORM_NORM;
    c->output_bias = has(im, "encoder.output_projection.bias");
    if (im->family != RD_BERT && c->activation != RD_GELU)
        return unsupported(im, "a hidden_act other than gelu in a masked language model");
    if (json_is_false(json_object_get(im->config, "tie_word_embeddings")))
        c->share_all_embeddings = false;
    return RD_OK;
}

/* By the tensors that are there. A pooler is worth more to fine-tuning than a masked language
 * model's head. */
static rd_status read_head(bert_import *im) {
    rd_model_config *c = &im->recipe->model;
    c->head = RD_HEAD_CLASSES;
    if (has(im, "classification_head.out_proj.weight")) return read_classifier(im);
    c->head = RD_HEAD_NONE;
    bool pooler = has(im, "classification_head.dense.weight");
    if (!pooler && has(im, "encoder.lm_head.dense.weight")) return read_token_head(im);
    c->head_transform = pooler ? RD_TRANSFORM_TANH : RD_TRANSFORM_NONE;
    return rd_sentence_transformers_read(im->recipe, im->from, im->warnings);
}

/* ---- The vocabulary ---- */

/* Opened in the user's directory, so that errors name that file; XLM-R's is another one here. */
static rd_status open_vocabulary(const bert_import *im, rd_tokenizer **source,
                                 rd_tokenizer **target) {
    bool xlm = im->family == RD_XLM_ROBERTA;
    if (xlm) RD_TRY(rd_xlm_vocabulary_read(im->from, im->to));
    RD_TRY(rd_vocabularies_open(xlm ? im->to : im->from, RD_VOCABULARY_JOINT, source, target));
    rd_status status = xlm ? RD_OK : rd_vocabularies_copy(im->from, im->to, RD_VOCABULARY_JOINT);
    if (status != RD_OK) rd_vocabularies_close(*source, *target);
    return status;
}

static rd_status take_vocabulary(const bert_import *im) {
    rd_recipe *r = im->recipe;
    rd_model_config *c = &r->model;
    rd_tokenizer *source, *target;
    RD_TRY(open_vocabulary(im, &source, &target));
    int32_t size = rd_tokenizer_size(source);
    c->bos_id = rd_tokenizer_bos(source);
    c->eos_id = rd_tokenizer_eos(source);
    c->unk_id = rd_tokenizer_unk(source);
    rd_vocabularies_close(source, target);
    r->data.joined_dictionary = true;
    r->data.vocab_size_src = r->data.vocab_size_tgt = c->src_vocab;
    if (size > c->src_vocab)
        return rd_error(RD_ERR_FORMAT,
                        "%s: ids of the vocabulary up to %d, but the model has embeddings of %d",
                        im->from, (int)size - 1, (int)c->src_vocab);
    if (c->bos_id >= 0 && c->eos_id >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: the vocabulary lacks %s", im->from,
                    im->family == RD_BERT ? "[CLS] or [SEP]" : "<s> or </s>");
}

/* ---- Weights ---- */

static rd_status read_weights(bert_import *im) {
    rd_parameters *p = &im->parameters;
    rd_stored_tensor tensor;
    RD_TRY(rd_model_register(p, &im->recipe->model));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(find(im, &p->items[i], &tensor));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++) {
        RD_TRY(find(im, &p->items[i], &tensor));
        RD_TRY(rd_stored_tensor_read(&tensor, p->values + p->items[i].offset));
    }
    return RD_OK;
}

/* A tied tensor may be there under several of its names. */
static rd_status warn_of_copies(const bert_import *im) {
    for (int64_t i = 0; i < im->parameters.n; i++) {
        const rd_parameter *item = &im->parameters.items[i];
        rd_bert_names names;
        const char *name;
        (void)look_up(im, item->name, &names, &name);
        for (int k = 0; im->recipe->model.share_all_embeddings && k < names.n; k++)
            if (names.room[k] != name)
                RD_TRY(rd_import_warn_copy(&im->tensors, names.room[k], name,
                                           im->parameters.values + item->offset,
                                           rd_parameter_count(item), im->warnings));
    }
    return RD_OK;
}

/* Copies of others, or of the number of a position. */
static const char *const copies[] = {"position_ids", "decoder.bias",   "predictions.bias",
                                     "lm_head.bias", "decoder.weight", NULL};

static rd_status import_all(bert_import *im) {
    RD_TRY(rd_json_read(im->from, "config.json", &im->config));
    if (!rd_is_bert(im->config, &im->family)) return unsupported(im, "this model_type");
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(rd_bert_read_config(im->family, im->from, im->config, im->recipe));
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(read_head(im));
    RD_TRY(rd_sentence_transformers_read_longest(im->recipe, im->from));
    RD_TRY(rd_recipe_set_key(im->recipe, rd_recipe_find_key("task"),
                             im->recipe->model.head == RD_HEAD_TOKENS ? "masked_lm"
                                                                      : "sentence_prediction"));
    im->recipe->table.regression = im->recipe->model.head == RD_HEAD_VALUE;
    RD_TRY(take_vocabulary(im));
    if (im->labels.n > 0) RD_TRY(rd_labels_write(&im->labels, im->to));
    RD_TRY(read_weights(im));
    if (im->warnings) RD_TRY(warn_of_copies(im));
    if (im->warnings) RD_TRY(rd_import_warn_unused(&im->tensors, im->used, copies, im->warnings));
    return rd_model_dir_save(im->to, im->recipe, NULL, RD_VOCABULARY_ANY, &im->parameters,
                             RD_WEIGHTS_FP32);
}

rd_status rd_import_bert(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_string_table used = {0};
    bert_import im = {.from = from, .to = made.temporary, .warnings = warnings, .used = &used};
    rd_status status = import_all(&im);
    rd_tensor_set_close(&im.tensors);
    rd_parameters_free(&im.parameters);
    rd_labels_free(&im.labels);
    rd_recipe_free(im.recipe);
    json_decref(im.config);
    rd_string_table_free(&used);
    return rd_atomic_directory_close(&made, status);
}
