/* config.json and generation_config.json of a MarianMT or BART directory. */
#include <string.h>

#include "convert/bart.h"
#include "convert/hf.h"
#include "io/json.h"

/* The files of one directory; a generation setting may be in either. */
typedef struct {
    rd_foreign f; /* config.json */
    json_t *config, *generation, *tokenizer;
    bool bart; /* else MarianMT */
} reader;

static const json_t *generation_setting(const reader *r, const char *key) {
    const json_t *value = rd_foreign_value(r->generation, key);
    return value ? value : rd_foreign_value(r->config, key);
}

/* The first of several, where it is a list. */
static const json_t *first_of(const json_t *value) {
    return json_is_array(value) ? json_array_get(value, 0) : value;
}

static rd_status copy_keys(const reader *r) {
    for (const rd_foreign_key *key = rd_bart_keys; key->theirs; key++) {
        const json_t *value = first_of(rd_foreign_value(r->config, key->theirs));
        if (!value)
            return rd_error(RD_ERR_FORMAT, "%s/config.json: %s is missing", r->f.path, key->theirs);
        RD_TRY(rd_foreign_set_value(&r->f, key->ours, key->theirs, value));
    }
    return rd_foreign_set_present(&r->f, rd_bart_rate_keys);
}

/* The network may be one that generates, with its output layer or without (BartModel). */
static rd_status check_architecture(reader *r) {
    static const char *const heads[] = {"ForConditionalGeneration", NULL};
    const char *type = json_string_value(json_object_get(r->config, "model_type"));
    r->bart = type && strcmp(type, "bart") == 0;
    if (!type || (!r->bart && strcmp(type, "marian") != 0))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/config.json: models of type %.60s are not supported; those of type "
                        "marian, bart, gpt2, bert, roberta, xlm-roberta, vit and deit are",
                        r->f.path, type ? type : "(none)");
    RD_TRY(rd_hf_check_head(r->f.path, r->config, heads,
                            "generate (BartForConditionalGeneration, MarianMTModel)"));
    static const char *const absent[] = {"normalize_before", "add_final_layer_norm"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (rd_json_flag(r->config, absent[i], false))
            return rd_foreign_unsupported(&r->f, absent[i]);
    if (rd_json_flag(r->config, "normalize_embedding", r->bart) != r->bart)
        return rd_foreign_unsupported(&r->f, "this normalize_embedding");
    return RD_OK;
}

/* The decoder's first token, as one of the special ones. */
static rd_status read_start(const reader *r) {
    const json_t *value = generation_setting(r, "decoder_start_token_id");
    const json_t *bos = generation_setting(r, "bos_token_id");
    rd_model_config *c = &r->f.recipe->model;
    c->bos_id = json_is_integer(bos) && json_integer_value(bos) >= 0 &&
                        json_integer_value(bos) < c->tgt_vocab
                    ? (int32_t)json_integer_value(bos)
                    : c->eos_id;
    if (!json_is_integer(value))
        return rd_error(RD_ERR_FORMAT, "%s/config.json: decoder_start_token_id is missing",
                        r->f.path);
    json_int_t start = json_integer_value(value);
    if (start != c->pad_id && start != c->eos_id && start != c->bos_id)
        return rd_foreign_unsupported(&r->f,
                                      "a decoder_start_token_id that is neither pad, eos nor bos");
    c->decoder_start = start == c->pad_id   ? RD_START_PAD
                       : start == c->eos_id ? RD_START_EOS
                                            : RD_START_BOS;
    return RD_OK;
}

/* One embedding of both sides; learned positions, whose table has two rows more, whatever
 * the pad is. */
static rd_status read_bart(const reader *r) {
    rd_model_config *c = &r->f.recipe->model;
    if (!rd_json_flag(r->config, "tie_word_embeddings", true))
        return rd_foreign_unsupported(&r->f, "a tie_word_embeddings that is false");
    if (c->pad_id != 1) return rd_foreign_unsupported(&r->f, "a pad_token_id other than 1");
    c->share_all_embeddings = c->share_decoder_input_output_embed = true;
    c->layernorm_embedding = c->prepend_bos = true;
    c->encoder.learned_pos = c->decoder.learned_pos = true;
    return RD_OK;
}

static rd_status read_marian(const reader *r) {
    rd_model_config *c = &r->f.recipe->model;
    const json_t *decoder_vocab = rd_foreign_value(r->config, "decoder_vocab_size");
    bool shared = rd_json_flag(r->config, "share_encoder_decoder_embeddings", true);
    bool tied = rd_json_flag(r->config, "tie_word_embeddings", true);
    if (decoder_vocab && !shared)
        RD_TRY(rd_foreign_set_value(&r->f, "tgt-vocab", "decoder_vocab_size", decoder_vocab));
    c->share_all_embeddings = shared && tied;
    c->share_decoder_input_output_embed = tied;
    c->position_layout = RD_POSITIONS_HF_MARIAN;
    return RD_OK;
}

static rd_status read_model(reader *r) {
    rd_model_config *c = &r->f.recipe->model;
    RD_TRY(check_architecture(r));
    RD_TRY(copy_keys(r));
    RD_TRY(
        rd_hf_read_activation(r->f.path, r->config, "activation_function", "gelu", &c->activation));
    c->tgt_vocab = c->src_vocab;
    c->no_scale_embedding = !rd_json_flag(r->config, "scale_embedding", false);
    RD_TRY(r->bart ? read_bart(r) : read_marian(r));
    return read_start(r);
}

static rd_status read_languages(const reader *r) {
    const char *source = json_string_value(json_object_get(r->tokenizer, "source_lang"));
    const char *target = json_string_value(json_object_get(r->tokenizer, "target_lang"));
    if (source) RD_TRY(rd_foreign_set(&r->f, "source-lang", "source_lang", source));
    return target ? rd_foreign_set(&r->f, "target-lang", "target_lang", target) : RD_OK;
}

static rd_status read_all(reader *r, rd_text *warnings) {
    RD_TRY(rd_hf_read_generation(r->f.path, &r->generation));
    RD_TRY(rd_json_read_optional(r->f.path, "tokenizer_config.json", &r->tokenizer));
    RD_TRY(read_model(r));
    RD_TRY(rd_hf_read_search(r->f.recipe, r->f.path, r->config, r->generation, r->bart, warnings));
    return read_languages(r);
}

rd_status rd_bart_read_config(rd_recipe *recipe, const char *directory, json_t *config,
                              rd_text *warnings) {
    reader r = {.f = {directory, "config.json", config, recipe}, .config = config};
    rd_status status = read_all(&r, warnings);
    json_decref(r.generation);
    json_decref(r.tokenizer);
    return status;
}
