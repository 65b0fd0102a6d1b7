#include <stdio.h>
#include <string.h>

#include "convert/hf.h"

const rd_foreign_key rd_hf_model_keys[] = {
    {"d_model", "encoder-embed-dim", NULL},
    {"encoder_layers", "encoder-layers", NULL},
    {"encoder_ffn_dim", "encoder-ffn-embed-dim", NULL},
    {"encoder_attention_heads", "encoder-attention-heads", NULL},
    {"decoder_layers", "decoder-layers", NULL},
    {"decoder_ffn_dim", "decoder-ffn-embed-dim", NULL},
    {"decoder_attention_heads", "decoder-attention-heads", NULL},
    {"max_position_embeddings", "max-source-positions", NULL},
    {"max_position_embeddings", "max-target-positions", NULL},
    {"vocab_size", "src-vocab", NULL},
    {"pad_token_id", "pad-id", NULL},
    {"eos_token_id", "eos-id", NULL},
    {NULL, NULL, NULL},
};
const rd_foreign_key rd_hf_rate_keys[] = {{"dropout", "dropout", NULL},
                                          {"attention_dropout", "attention-dropout", NULL},
                                          {"activation_dropout", "activation-dropout", NULL},
                                          {NULL, NULL, NULL}};

rd_status rd_hf_check_head(const char *directory, const json_t *config, const char *const *known,
                           const char *supported) {
    const json_t *list = json_object_get(config, "architectures");
    const char *name = json_string_value(json_array_get(list, 0));
    if (!name || !strstr(name, "For")) return RD_OK;
    for (; *known; known++)
        if (rd_ends_with(name, *known)) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/config.json: the head of %.60s is not supported: those that %s are",
                    directory, name, supported);
}

/* The first name of each is written: older versions of transformers know it, and CTranslate2. */
static const struct {
    const char *name;
    rd_activation activation;
} activations[] = {{"relu", RD_RELU},           {"gelu", RD_GELU},
                   {"gelu_new", RD_GELU_TANH},  {"gelu_pytorch_tanh", RD_GELU_TANH},
                   {"gelu_fast", RD_GELU_TANH}, {"swish", RD_SWISH},
                   {"silu", RD_SWISH},          {"tanh", RD_TANH}};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

rd_status rd_hf_read_activation(const char *directory, const json_t *config, const char *key,
                                const char *otherwise, rd_activation *activation) {
    const json_t *value = rd_foreign_value(config, key);
    const char *name = value ? json_string_value(value) : otherwise;
    for (int i = 0; name && i < N_ACTIVATIONS; i++) {
        *activation = activations[i].activation;
        if (strcmp(name, activations[i].name) == 0) return RD_OK;
    }
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/config.json: %s: %.60s is not supported; expected gelu, gelu_new, "
                    "gelu_pytorch_tanh, gelu_fast, relu, silu, swish or tanh",
                    directory, key, name ? name : "what is no text");
}

const char *rd_hf_activation_name(rd_activation activation) {
    int i = 0;
    while (activations[i].activation != activation) i++; /* each has a row */
    return activations[i].name;
}

rd_places rd_hf_places_of(const rd_model_config *config, const char *ours) {
    rd_places places = {0};
    bool all = config->share_all_embeddings, output = config->share_decoder_input_output_embed;
    if (strcmp(ours, "encoder.embed_tokens.weight") == 0) {
        if (all) rd_places_add(&places, "model.shared.weight");
        rd_places_add(&places, "model.encoder.embed_tokens.weight");
        if (all) rd_places_add(&places, "model.decoder.embed_tokens.weight");
        if (all) rd_places_add(&places, "lm_head.weight");
    } else if (strcmp(ours, "decoder.embed_tokens.weight") == 0) {
        rd_places_add(&places, "model.decoder.embed_tokens.weight");
        if (output) rd_places_add(&places, "lm_head.weight");
    } else if (strcmp(ours, "decoder.output_projection.weight") == 0) {
        rd_places_add(&places, "lm_head.weight");
    } else if (strcmp(ours, "decoder.output_projection.bias") == 0) {
        rd_places_add(&places, "final_logits_bias");
    } else {
        rd_places_add(&places, "model.%s", ours);
    }
    for (int i = 0, n = places.n; i < n; i++)
        if (strncmp(places.items[i].name, "model.", 6) == 0)
            rd_places_add(&places, "%s", places.items[i].name + 6);
    return places;
}
