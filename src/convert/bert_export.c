/* Model directories of BERT's or RoBERTa's architecture to Hugging Face directories. */
#include <string.h>

#include "base/file.h"
#include "convert/bert.h"
#include "convert/export.h"
#include "data/vocab_files.h"
#include "io/json.h"

typedef struct {
    const char *from, *to;
    rd_bert_family family;
    const rd_recipe *recipe;
    rd_labels labels;
} bert_export;

static rd_status unsupported(const bert_export *e, const char *what) {
    return rd_error(RD_ERR_UNSUPPORTED, "%s: neither a BERT nor a RoBERTa: %s", e->from, what);
}

/* Which of them it is. */
static rd_status plan(bert_export *e) {
    const rd_model_config *c = &e->recipe->model;
    bool pieces, first = c->pooling < RD_POOL_MEAN || c->head == RD_HEAD_NONE;
    if (c->encoder.normalize_before) return unsupported(e, "it is pre-norm");
    if (!c->encoder.learned_pos) return unsupported(e, "its positions are sinusoidal");
    if (!c->layernorm_embedding || !c->no_scale_embedding)
        return unsupported(e, "it lacks layernorm-embedding or no-scale-embedding");
    if (!c->prepend_bos) return unsupported(e, "it lacks prepend-bos");
    if (c->segment_types < 1) return unsupported(e, "it has no segments (segment-types)");
    if (c->head == RD_HEAD_TOKENS ? c->head_transform != RD_TRANSFORM_NORM || !c->output_bias
                                  : c->head_transform == RD_TRANSFORM_NORM || !first)
        return unsupported(e, "its head is another");
    if (c->head != RD_HEAD_TOKENS && c->head != RD_HEAD_NONE &&
        c->head_transform != RD_TRANSFORM_TANH)
        return unsupported(e, "its head lacks head-transform: tanh");
    RD_TRY(rd_has_file(e->from, "source.spm", &pieces));
    if (c->position_layout == RD_POSITIONS_MARIAN) return unsupported(e, "its position-layout");
    e->family = c->position_layout == RD_POSITIONS_HF_MARIAN ? RD_BERT
                : pieces                                     ? RD_XLM_ROBERTA
                                                             : RD_ROBERTA;
    if (e->family != RD_BERT && c->head == RD_HEAD_TOKENS && c->activation != RD_GELU)
        return unsupported(e, "RoBERTa's head of masked tokens knows the activation gelu alone");
    return RD_OK;
}

/* Positions that count as a family's go with its kind of vocabulary. */
static rd_status check_vocabulary(const bert_export *e) {
    static const struct {
        rd_tokenizer_type type;
        const char *refusal;
    } wanted[] = {{RD_TOKENIZER_WORDPIECE,
                   "its vocabulary is not WordPiece, as BERT's (position-layout: marian) is"},
                  {RD_TOKENIZER_BYTE_BPE, "its vocabulary is not byte-level BPE, as RoBERTa's "
                                          "(position-layout: fairseq) is"},
                  {RD_TOKENIZER_SENTENCEPIECE, "its vocabulary is not XLM-R's"}};
    rd_tokenizer *tokenizer;
    RD_TRY(rd_vocabularies_open_one(e->from, &tokenizer));
    bool fits = rd_tokenizer_kind_of(tokenizer) == wanted[e->family].type;
    rd_tokenizer_close(tokenizer);
    return fits ? RD_OK : unsupported(e, wanted[e->family].refusal);
}

/* Registers the file's tensors under their names: the same tensors in the same order. */
static rd_status add_tensors(const bert_export *e, const rd_parameters *p, rd_parameters *out) {
    const rd_model_config *c = &e->recipe->model;
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        const rd_places places = rd_bert_places_of(e->family, c, item->name);
        int best = c->head == RD_HEAD_NONE && places.n > 1; /* without the prefix */
        if (places.n == 0) return unsupported(e, item->name);
        RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), item->shape[0], item->shape[1],
                                 "%s", places.items[best].name));
    }
    return RD_OK;
}

/* Untied, the bias of all tokens is there twice: `out` gets its own values, with both. */
static rd_status repeat_bias(const bert_export *e, const rd_parameters *p, rd_parameters *out) {
    static const char ours[] = "encoder.output_projection.bias";
    const rd_parameter *bias = rd_parameters_find(p, ours);
    const rd_places places = rd_bert_places_of(e->family, &e->recipe->model, ours);
    RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), bias->shape[0], 0, "%s",
                             places.items[1].name));
    RD_TRY(rd_parameters_allocate_unset(out));
    memcpy(out->values, p->values, sizeof *p->values * (size_t)p->total);
    memcpy(out->values + p->total, p->values + bias->offset,
           sizeof *p->values * (size_t)bias->shape[0]);
    return RD_OK;
}

static rd_status write_weights(const bert_export *e, const rd_exporter *exporter) {
    rd_parameters out = {0};
    const rd_parameters *p = &exporter->model->parameters;
    const rd_model_config *c = &e->recipe->model;
    bool untied = c->head == RD_HEAD_TOKENS && !c->share_all_embeddings;
    rd_status status = add_tensors(e, p, &out);
    if (status == RD_OK && untied) status = repeat_bias(e, p, &out);
    if (status == RD_OK) status = rd_export_save(exporter, &out, untied ? out.values : p->values);
    rd_parameters_free(&out);
    return status;
}

static rd_status write_vocabulary(const bert_export *e) {
    if (e->family == RD_XLM_ROBERTA) return rd_xlm_vocabulary_write(e->from, e->to);
    return rd_vocabularies_copy(e->from, e->to, RD_VOCABULARY_JOINT);
}

/* BertTokenizer uses these, not tokenizer.json. */
static rd_status copy_rules(const bert_export *e, json_t *config) {
    static const char *const keys[][2] = {{"lowercase", "do_lower_case"},
                                          {"strip_accents", "strip_accents"},
                                          {"handle_chinese_chars", "tokenize_chinese_chars"}};
    json_t *tokenizer;
    RD_TRY(rd_json_read_optional(e->to, "tokenizer.json", &tokenizer));
    const json_t *rules = json_object_get(tokenizer, "normalizer");
    bool whole = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(rules, keys[i][0]);
        if (value) whole = json_object_set(config, keys[i][1], value) == 0 && whole;
    }
    json_decref(tokenizer);
    return whole ? RD_OK : rd_error(RD_ERR_MEMORY, "tokenizer_config.json: out of memory");
}

static rd_status write_tokenizer_config(const bert_export *e) {
    static const char *const classes[] = {"BertTokenizer", "RobertaTokenizer",
                                          "XLMRobertaTokenizer"};
    json_t *root;
    bool there;
    RD_TRY(rd_has_file(e->to, "tokenizer_config.json", &there));
    if (there) return RD_OK;
    root = json_pack("{s:s, s:i}", "tokenizer_class", classes[e->family], "model_max_length",
                     (int)e->recipe->model.max_source_positions);
    rd_status status = e->family == RD_BERT && root ? copy_rules(e, root) : RD_OK;
    if (status == RD_OK) return rd_json_write(e->to, "tokenizer_config.json", root);
    json_decref(root);
    return status;
}

static rd_status write_files(bert_export *e, const rd_exporter *exporter) {
    if (e->recipe->model.head == RD_HEAD_CLASSES) RD_TRY(rd_labels_read(&e->labels, e->from));
    RD_TRY(write_vocabulary(e));
    RD_TRY(write_weights(e, exporter));
    RD_TRY(rd_bert_write_config(e->family, e->recipe, &e->labels, e->to));
    if (e->recipe->model.head == RD_HEAD_NONE)
        RD_TRY(rd_sentence_transformers_write(e->recipe, e->to));
    return write_tokenizer_config(e);
}

rd_status rd_export_bert(const rd_exporter *exporter) {
    bert_export e = {.from = exporter->from, .to = exporter->to, .recipe = exporter->recipe};
    RD_TRY(plan(&e));
    RD_TRY(check_vocabulary(&e));
    rd_status status = write_files(&e, exporter);
    rd_labels_free(&e.labels);
    return status;
}
