/* BERT, RoBERTa and XLM-R directories of Hugging Face to model directories. */
#include <string.h>

#include "convert/bert.h"
#include "convert/foreign.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "recipe/recipe_keys.h"

static rd_bert_family family_of(const rd_importer *im) {
    return *(const rd_bert_family *)im->own;
}

static rd_places places_of(const rd_importer *im, const char *ours) {
    return rd_bert_places_of(family_of(im), &im->recipe->model, ours);
}

static bool has(const rd_importer *im, const char *ours) {
    const rd_places places = places_of(im, ours);
    return rd_import_choose(im, &places) != NULL;
}

/* Copies of others, or of the number of a position. */
static const char *const copies[] = {"position_ids", "decoder.bias",   "predictions.bias",
                                     "lm_head.bias", "decoder.weight", NULL};

static const rd_import_layout layout = {
    .places_of = places_of, .copies = copies, .reason = "config.json implies"};

/* ---- The head ---- */

static rd_status unsupported(const rd_importer *im, const char *what) {
    return rd_foreign_unsupported(&(rd_foreign){.path = im->from, .file = "config.json"}, what);
}

/* The dropout rate of their head, before its outputs. */
static float classifier_dropout(const rd_importer *im) {
    const json_t *rate = json_object_get(im->config, "classifier_dropout");
    double value = json_number_value(rate);
    return json_is_number(rate) && value >= 0.0 && value < 1.0 ? (float)value
                                                               : im->recipe->model.dropout;
}

static rd_status read_labels(rd_importer *im) {
    const json_t *names = json_object_get(im->config, "id2label");
    for (int32_t i = 0; i < im->recipe->model.num_classes; i++) {
        char number[16], unnamed[24];
        snprintf(number, sizeof number, "%d", (int)i);
        rd_hf_default_label(i, unnamed);
        const char *name = json_string_value(json_object_get(names, number));
        if (!name) name = unnamed;
        rd_status status = rd_labels_add(&im->labels, name, strlen(name));
        if (status != RD_OK) return rd_error_prefix(status, "%s/config.json: id2label", im->from);
    }
    return RD_OK;
}

static rd_status read_classifier(rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    rd_stored_tensor tensor;
    const char *problem = json_string_value(json_object_get(im->config, "problem_type"));
    if (!has(im, "classification_head.dense.weight"))
        return unsupported(im, "a classifier of tokens");
    if (problem && strcmp(problem, "multi_label_classification") == 0)
        return unsupported(im, "problem_type multi_label_classification");
    const rd_places places = places_of(im, "classification_head.out_proj.weight");
    RD_TRY(rd_import_find(im, rd_import_choose(im, &places)->name, &tensor));
    int64_t rows = tensor.rank > 0 ? tensor.shape[0] : 0;
    if (rows < 1 || rows > 100000)
        return rd_error(RD_ERR_FORMAT, "%s: %s has %lld rows", tensor.path, tensor.name,
                        (long long)rows);
    c->head = rows == 1 ? RD_HEAD_VALUE : RD_HEAD_CLASSES;
    c->num_classes = rows == 1 ? 0 : (int32_t)rows;
    c->head_transform = RD_TRANSFORM_TANH;
    c->pooling = RD_POOL_FIRST;
    c->classifier_dropout = classifier_dropout(im);
    c->pooler_dropout = family_of(im) == RD_BERT ? 0.0f : c->classifier_dropout;
    if (problem && strcmp(problem, "regression") == 0 && rows > 1)
        return unsupported(im, "a regression of several numbers");
    return c->head == RD_HEAD_CLASSES ? read_labels(im) : RD_OK;
}

static rd_status read_token_head(const rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    c->head = RD_HEAD_TOKENS;
    c->head_transform = RD_TRANSFORM_NORM;
    c->output_bias = has(im, "encoder.output_projection.bias");
    if (family_of(im) != RD_BERT && c->activation != RD_GELU)
        return unsupported(im, "a hidden_act other than gelu in a masked language model");
    if (json_is_false(json_object_get(im->config, "tie_word_embeddings")))
        c->share_all_embeddings = false;
    return RD_OK;
}

/* By the tensors that are there. A pooler is worth more to fine-tuning than a masked language
 * model's head. */
static rd_status read_head(rd_importer *im) {
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
static rd_status take_vocabulary(rd_importer *im) {
    const rd_model_config *c = &im->recipe->model;
    bool xlm = family_of(im) == RD_XLM_ROBERTA;
    rd_tokenizer *source, *target;
    if (xlm) RD_TRY(rd_xlm_vocabulary_read(im->from, im->to));
    RD_TRY(rd_vocabularies_open(xlm ? im->to : im->from, RD_VOCABULARY_JOINT, &source, &target));
    rd_status status = rd_import_take_vocabulary(im, source, c->src_vocab);
    rd_vocabularies_close(source, target);
    RD_TRY(status);
    if (!xlm) RD_TRY(rd_vocabularies_copy(im->from, im->to, RD_VOCABULARY_JOINT));
    if (c->bos_id >= 0 && c->eos_id >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: the vocabulary lacks %s", im->from,
                    family_of(im) == RD_BERT ? "[CLS] or [SEP]" : "<s> or </s>");
}

static rd_status read_config(rd_importer *im) {
    (void)rd_is_bert(im->config, im->own);
    return rd_bert_read_config(family_of(im), im->from, im->config, im->recipe);
}

static rd_status import_model(rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    im->layout = &layout;
    RD_TRY(read_config(im));
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(read_head(im));
    RD_TRY(rd_sentence_transformers_read_longest(im->recipe, im->from));
    RD_TRY(rd_recipe_set_key(im->recipe, rd_recipe_find_key("task"),
                             c->head == RD_HEAD_TOKENS ? "masked_lm" : "sentence_prediction"));
    im->recipe->table.regression = c->head == RD_HEAD_VALUE;
    RD_TRY(take_vocabulary(im));
    if (im->labels.n > 0) RD_TRY(rd_labels_write(&im->labels, im->to));
    RD_TRY(rd_import_tensors(im));
    return rd_import_warn(im, c->share_all_embeddings);
}

static rd_status is_it(const rd_importer *im, bool *found) {
    rd_bert_family family;
    *found = rd_is_bert(im->config, &family);
    return RD_OK;
}

const rd_family rd_family_bert = {is_it, read_config, import_model, RD_VOCABULARY_ANY,
                                  sizeof(rd_bert_family)};
