/* The settings in a checkpoint of fairseq: its "args", or its "cfg" since 0.10.1. */
#include <stdlib.h>
#include <string.h>

#include "convert/fairseq.h"
#include "convert/foreign.h"

rd_status rd_fairseq_find(const char *directory, char **path) {
    static const char *const names[] = {"model.pt", "checkpoint_best.pt", "checkpoint_last.pt"};
    *path = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *path = rd_path_join(directory, names[i]);
        if (!*path) return RD_ERR_MEMORY;
        if (rd_file_exists(*path)) return RD_OK;
        free(*path);
        *path = NULL;
    }
    return RD_OK;
}

/* NULL: there is no such setting, or it is None. */
static const json_t *setting_of(const rd_fairseq_checkpoint *c, const char *key) {
    const json_t *value = rd_foreign_value(c->model, key);
    return value ? value : rd_foreign_value(c->task, key);
}

const char *rd_fairseq_text(const rd_fairseq_checkpoint *c, const char *key) {
    return json_string_value(setting_of(c, key));
}

static rd_status read_settings(rd_fairseq_checkpoint *c) {
    const rd_pickle_value *root = c->file.torch->value, *args = rd_pickle_get(root, "args");
    const rd_pickle_value *cfg = rd_pickle_get(root, "cfg");
    rd_pickle *pickle = &c->file.torch->pickle;
    bool old = rd_pickle_dict(args) != NULL;
    if (!old && !rd_pickle_dict(cfg))
        return rd_error(RD_ERR_FORMAT,
                        "%s: neither args nor cfg are in it: no checkpoint of fairseq", c->path);
    RD_TRY(rd_pickle_settings(pickle, old ? args : rd_pickle_get(cfg, "model"), &c->model));
    return rd_pickle_settings(pickle, old ? NULL : rd_pickle_get(cfg, "task"), &c->task);
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Its name: of the architecture, or of the model that it is one of. */
static const char *name_of(const json_t *settings, const char *key) {
    const char *name = json_string_value(json_object_get(settings, key));
    return name ? name : json_string_value(json_object_get(settings, "_name"));
}

/* By names: plain transformers, and tasks whose data are pairs of lines or one text. Models of many
 * languages (M2M-100, mBART) put tokens of languages where these have none. */
static rd_status check_kind(rd_fairseq_checkpoint *c) {
    static const char *const others[] = {"transformer_from_pretrained", "transformer_pointer",
                                         "transformer_monotonic",       "transformer_moe",
                                         "transformer_modular",         "transformer_ulm"};
    const char *arch = name_of(c->model, "arch");
    const char *task = json_string_value(json_object_get(c->model, "task"));
    if (!task) task = name_of(c->task, "task");
    bool known = arch && begins_with(arch, "transformer");
    for (size_t i = 0; known && i < sizeof others / sizeof *others; i++)
        known = !begins_with(arch, others[i]);
    if (!known)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: a model of the architecture %.60s; those of transformer and "
                        "transformer_lm are supported",
                        c->path, arch ? arch : "(none)");
    c->is_lm = begins_with(arch, "transformer_lm");
    bool fits = !task || (c->is_lm ? strstr(task, "language_modeling") != NULL
                                   : strstr(task, "translation") != NULL);
    if (fits && (!task || (!strstr(task, "multi") && !strstr(task, "pretrained")))) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: a model of the task %.60s; those of translation and language_modeling are "
                    "supported",
                    c->path, task);
}

rd_status rd_fairseq_open(rd_fairseq_checkpoint *c, const char *path) {
    *c = (rd_fairseq_checkpoint){.path = path};
    RD_TRY(rd_tensor_file_open_torch(&c->file, path));
    RD_TRY(read_settings(c));
    return check_kind(c);
}

void rd_fairseq_close(rd_fairseq_checkpoint *c) {
    rd_tensor_file_close(&c->file);
    json_decref(c->model);
    json_decref(c->task);
    *c = (rd_fairseq_checkpoint){0};
}

static rd_status unsupported(const rd_fairseq_checkpoint *c, const char *setting) {
    return rd_error(RD_ERR_UNSUPPORTED, "%s: its setting %s is not supported", c->path, setting);
}

static bool is_on(const rd_fairseq_checkpoint *c, const char *key) {
    const json_t *value = setting_of(c, key);
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) > 0);
}

/* Settings that change the computation in a way that is not supported here. */
static rd_status check_settings(const rd_fairseq_checkpoint *c) {
    static const char *const off[] = {"no_token_positional_embeddings",
                                      "cross_self_attention",
                                      "no_cross_attention",
                                      "char_inputs",
                                      "character_embeddings",
                                      "base_layers",
                                      "scale_fc",
                                      "scale_attn",
                                      "scale_heads",
                                      "scale_resids",
                                      "self_target",
                                      "past_target",
                                      "add_bos_token"};
    static const char *const none[] = {"encoder_layers_to_keep", "decoder_layers_to_keep",
                                       "encoder_xformers_att_config",
                                       "decoder_xformers_att_config"};
    static const char *const widths[] = {"encoder_embed_dim", "decoder_input_dim",
                                         "decoder_output_dim"};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++)
        if (is_on(c, off[i])) return unsupported(c, off[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (setting_of(c, none[i])) return unsupported(c, none[i]);
    const json_t *width = setting_of(c, "decoder_embed_dim");
    for (size_t i = c->is_lm ? 1 : 0; i < sizeof widths / sizeof *widths; i++) {
        const json_t *other = setting_of(c, widths[i]);
        if (width && other && !json_equal(width, other)) return unsupported(c, widths[i]);
    }
    if (!c->is_lm && setting_of(c, "adaptive_softmax_cutoff"))
        return unsupported(c, "adaptive_softmax_cutoff");
    return !c->is_lm && is_on(c, "adaptive_input") ? unsupported(c, "adaptive_input") : RD_OK;
}

static rd_status set_text(const rd_fairseq_checkpoint *c, rd_recipe *recipe, const char *ours,
                          const char *theirs, const char *value) {
    return rd_foreign_set(&(rd_foreign){.path = c->path, .recipe = recipe}, ours, theirs, value);
}

static rd_status set(const rd_fairseq_checkpoint *c, rd_recipe *recipe, const char *ours,
                     const char *theirs) {
    const rd_foreign f = {.path = c->path, .recipe = recipe};
    const json_t *value = setting_of(c, theirs);
    return value ? rd_foreign_set_value(&f, ours, theirs, value) : RD_OK;
}

/* Both sides; a language model is a decoder. */
static const char *const both[][2] = {
    {"decoder_embed_dim", "encoder-embed-dim"},
    {"decoder_layers", "decoder-layers"},
    {"decoder_attention_heads", "decoder-attention-heads"},
    {"decoder_ffn_embed_dim", "decoder-ffn-embed-dim"},
    {"decoder_normalize_before", "decoder-normalize-before"},
    {"decoder_learned_pos", "decoder-learned-pos"},
    {"no_decoder_final_norm", "no-decoder-final-norm"},
    {"share_decoder_input_output_embed", "share-decoder-input-output-embed"},
    {"layernorm_embedding", "layernorm-embedding"},
    {"no_scale_embedding", "no-scale-embedding"},
    {"dropout", "dropout"},
    {"attention_dropout", "attention-dropout"},
    {"relu_dropout", "activation-dropout"},
    {"activation_dropout", "activation-dropout"},
    {"max_target_positions", "max-target-positions"},
};
static const char *const of_translation[][2] = {
    {"encoder_embed_dim", "encoder-embed-dim"},
    {"encoder_layers", "encoder-layers"},
    {"encoder_attention_heads", "encoder-attention-heads"},
    {"encoder_ffn_embed_dim", "encoder-ffn-embed-dim"},
    {"encoder_normalize_before", "encoder-normalize-before"},
    {"encoder_learned_pos", "encoder-learned-pos"},
    {"max_source_positions", "max-source-positions"},
    {"share_all_embeddings", "share-all-embeddings"},
    {"source_lang", "source-lang"},
    {"target_lang", "target-lang"},
};
static const char *const of_lm[][2] = {
    {"adaptive_input", "adaptive-input"},
    {"adaptive_input_cutoff", "adaptive-input-cutoff"},
    {"adaptive_input_factor", "adaptive-input-factor"},
    {"adaptive_softmax_cutoff", "adaptive-softmax-cutoff"},
    {"adaptive_softmax_factor", "adaptive-softmax-factor"},
    {"adaptive_softmax_dropout", "adaptive-softmax-dropout"},
    {"tie_adaptive_weights", "tie-adaptive-weights"},
    {"tie_adaptive_proj", "tie-adaptive-proj"},
    {"tokens_per_sample", "tokens-per-sample"},
};

static rd_status copy_keys(const rd_fairseq_checkpoint *c, rd_recipe *recipe,
                           const char *const keys[][2], size_t n) {
    for (size_t i = 0; i < n; i++) RD_TRY(set(c, recipe, keys[i][1], keys[i][0]));
    return RD_OK;
}

/* Numbers of heads show in no tensor's shape. */
static rd_status check_heads(const rd_fairseq_checkpoint *c) {
    static const char *const keys[] = {"decoder_attention_heads", "encoder_attention_heads"};
    for (int i = 0; i < (c->is_lm ? 1 : 2); i++)
        if (!json_is_integer(setting_of(c, keys[i])))
            return rd_error(RD_ERR_FORMAT, "%s: its settings lack %s", c->path, keys[i]);
    return RD_OK;
}

static rd_status read_activation(const rd_fairseq_checkpoint *c, rd_recipe *recipe) {
    static const char *const names[][2] = {{"relu", "relu"},
                                           {"gelu", "gelu"},
                                           {"swish", "swish"},
                                           {"gelu_fast", "gelu_tanh"},
                                           {"gelu_accurate", "gelu_tanh"}};
    const char *name = rd_fairseq_text(c, "activation_fn");
    if (!name) name = "relu";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i][0]) == 0)
            return set_text(c, recipe, "activation-fn", "activation_fn", names[i][1]);
    return unsupported(c, "activation_fn");
}

/* Versions before 0.9 have --no-tie-adaptive-proj and no norm at the end, or --decoder-final-norm.
 */
static void read_old_lm(const rd_fairseq_checkpoint *c, rd_model_config *config) {
    const json_t *untied = setting_of(c, "no_tie_adaptive_proj");
    const json_t *norm = setting_of(c, "decoder_final_norm");
    if (untied) config->no_decoder_final_norm = true;
    if (json_is_false(untied)) config->tie_adaptive_proj = true;
    if (norm) config->no_decoder_final_norm = !json_is_true(norm);
}

static rd_status read_lm(const rd_fairseq_checkpoint *c, rd_recipe *recipe) {
    rd_model_config *m = &recipe->model;
    RD_TRY(copy_keys(c, recipe, of_lm, sizeof of_lm / sizeof *of_lm));
    m->encoder = (rd_stack_config){.heads = m->decoder.heads, .ffn_dim = m->decoder.ffn_dim};
    m->decoder.normalize_before = true; /* always so there */
    read_old_lm(c, m);
    if (!setting_of(c, "max_target_positions"))
        RD_TRY(set(c, recipe, "max-target-positions", "tokens_per_sample"));
    return set_text(c, recipe, "task", "task", "language_modeling");
}

rd_status rd_fairseq_read_config(const rd_fairseq_checkpoint *c, rd_recipe *recipe) {
    rd_model_config *m = &recipe->model;
    RD_TRY(check_settings(c));
    RD_TRY(check_heads(c));
    RD_TRY(copy_keys(c, recipe, both, sizeof both / sizeof *both));
    RD_TRY(read_activation(c, recipe));
    m->position_layout = RD_POSITIONS_FAIRSEQ;
    m->decoder_start = RD_START_EOS;
    m->bos_id = 0;
    m->pad_id = 1;
    m->eos_id = 2;
    m->unk_id = 3;
    if (c->is_lm) return read_lm(c, recipe);
    recipe->search.min_len = 1; /* as fairseq-generate: no output is empty */
    recipe->search.max_len_a = 0.0f;
    recipe->search.max_len_b = 200.0f;
    RD_TRY(copy_keys(c, recipe, of_translation, sizeof of_translation / sizeof *of_translation));
    if (!setting_of(c, "decoder_ffn_embed_dim")) m->decoder.ffn_dim = m->encoder.ffn_dim;
    return RD_OK;
}
