/* config.json of BERT, RoBERTa and XLM-R. */
#include <string.h>

#include "convert/bert.h"
#include "convert/hf.h"

const char *const rd_bert_family_names[] = {"bert", "roberta", "xlm-roberta", NULL};

bool rd_is_bert(const json_t *config, rd_bert_family *family) {
    const char *type = json_string_value(json_object_get(config, "model_type"));
    for (int i = 0; type && rd_bert_family_names[i]; i++) {
        *family = (rd_bert_family)i;
        if (strcmp(type, rd_bert_family_names[i]) == 0) return true;
    }
    return false;
}

static const rd_foreign_key shared_keys[] = {
    {"hidden_size", "encoder-embed-dim", NULL},
    {"num_hidden_layers", "encoder-layers", NULL},
    {"num_attention_heads", "encoder-attention-heads", NULL},
    {"intermediate_size", "encoder-ffn-embed-dim", NULL},
    {"vocab_size", "src-vocab", NULL},
    {"type_vocab_size", "segment-types", "2"},
    {"layer_norm_eps", "layer-norm-eps", "1e-12"},
    {"hidden_dropout_prob", "dropout", "0.1"},
    {"attention_probs_dropout_prob", "attention-dropout", "0.1"},
    {NULL, NULL, NULL}};

static rd_status check_supported(const rd_foreign *r) {
    static const char *const heads[] = {"ForMaskedLM", "ForPreTraining",
                                        "ForSequenceClassification", NULL};
    RD_TRY(rd_hf_check_head(r->path, r->values, heads,
                            "classify whole texts (..ForSequenceClassification) or tell masked "
                            "tokens (..ForMaskedLM)"));
    const char *positions =
        json_string_value(rd_foreign_value(r->values, "position_embedding_type"));
    if (positions && strcmp(positions, "absolute") != 0)
        return rd_foreign_unsupported(r, "a position_embedding_type other than absolute");
    if (json_is_true(rd_foreign_value(r->values, "is_decoder")))
        return rd_foreign_unsupported(r, "is_decoder");
    const json_t *embedding = rd_foreign_value(r->values, "embedding_size");
    if (embedding && !json_equal(embedding, rd_foreign_value(r->values, "hidden_size")))
        return rd_foreign_unsupported(r, "an embedding_size other than hidden_size");
    return RD_OK;
}

/* RoBERTa's tables of positions begin with rows of no meaning, up to the pad's. */
static rd_status read_positions(const rd_foreign *r, rd_bert_family family) {
    rd_model_config *c = &r->recipe->model;
    const json_t *rows = rd_foreign_value(r->values, "max_position_embeddings"),
                 *pad = rd_foreign_value(r->values, "pad_token_id");
    json_int_t n = rows ? json_integer_value(rows) : 512;
    c->pad_id = (int32_t)(json_is_integer(pad) ? json_integer_value(pad) : family != RD_BERT);
    if (c->pad_id < 0 || c->pad_id >= c->src_vocab)
        return rd_error(RD_ERR_FORMAT, "%s/config.json: pad_token_id is outside the vocabulary",
                        r->path);
    if (family != RD_BERT) n -= c->pad_id + 1;
    if (n < 1 || n > 1000000)
        return rd_error(RD_ERR_FORMAT,
                        "%s/config.json: max_position_embeddings is no number of "
                        "positions",
                        r->path);
    c->position_layout = family == RD_BERT ? RD_POSITIONS_HF_MARIAN : RD_POSITIONS_FAIRSEQ;
    c->max_source_positions = c->max_target_positions = (int32_t)n;
    return RD_OK;
}

rd_status rd_bert_read_config(rd_bert_family family, const char *directory, const json_t *config,
                              rd_recipe *recipe) {
    const rd_foreign r = {directory, "config.json", config, recipe};
    rd_model_config *c = &recipe->model;
    RD_TRY(check_supported(&r));
    RD_TRY(rd_foreign_set_numbers(&r, shared_keys));
    RD_TRY(rd_hf_read_activation(directory, config, "hidden_act", "gelu", &c->activation));
    RD_TRY(read_positions(&r, family));
    c->tgt_vocab = c->src_vocab;
    c->decoder.layers = 0;
    c->decoder.heads = c->encoder.heads;
    c->encoder.learned_pos = c->layernorm_embedding = c->no_scale_embedding = true;
    c->prepend_bos = c->share_all_embeddings = true;
    return RD_OK;
}

/* ---- Writing ---- */

static const char *architecture(rd_bert_family family, rd_head_kind head) {
    static const char *const names[][3] = {
        {"BertForMaskedLM", "BertForSequenceClassification", "BertModel"},
        {"RobertaForMaskedLM", "RobertaForSequenceClassification", "RobertaModel"},
        {"XLMRobertaForMaskedLM", "XLMRobertaForSequenceClassification", "XLMRobertaModel"}};
    return names[family][head == RD_HEAD_TOKENS ? 0 : head == RD_HEAD_NONE ? 2 : 1];
}

static void put_shape(rd_object *o, rd_bert_family family, const rd_recipe *recipe) {
    const rd_model_config *c = &recipe->model;
    int64_t positions = c->max_source_positions + (family == RD_BERT ? 0 : c->pad_id + 1);
    rd_put(o, "hidden_act", json_string(rd_hf_activation_name(c->activation)));
    rd_put(o, "max_position_embeddings", json_integer(positions));
    rd_put(o, "position_embedding_type", json_string("absolute"));
    rd_put(o, "pad_token_id", json_integer(c->pad_id));
    rd_put(o, "bos_token_id", json_integer(c->bos_id));
    rd_put(o, "eos_token_id", json_integer(c->eos_id));
    rd_put_keys(o, recipe, shared_keys);
}

static void put_head(rd_object *o, const rd_model_config *c, const rd_labels *labels) {
    static const char *const value[] = {"LABEL_0"};
    bool number = c->head == RD_HEAD_VALUE;
    if (c->head == RD_HEAD_TOKENS)
        rd_put(o, "tie_word_embeddings", json_boolean(c->share_all_embeddings));
    if (c->head != RD_HEAD_CLASSES && !number) return;
    if (number)
        rd_put_labels(o, 1, value);
    else
        rd_put_labels(o, labels->n, (const char *const *)labels->names);
    rd_put(o, "problem_type", json_string(number ? "regression" : "single_label_classification"));
    rd_put(o, "classifier_dropout", json_real((double)c->classifier_dropout));
}

rd_status rd_bert_write_config(rd_bert_family family, const rd_recipe *recipe,
                               const rd_labels *labels, const char *directory) {
    rd_object o =
        rd_object_of_model(rd_bert_family_names[family], architecture(family, recipe->model.head));
    put_shape(&o, family, recipe);
    put_head(&o, &recipe->model, labels);
    return rd_object_write(&o, directory, "config.json");
}
