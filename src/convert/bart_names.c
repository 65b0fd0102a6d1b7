#include <string.h>

#include "convert/bart.h"

const rd_foreign_key rd_bart_keys[] = {
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
const rd_foreign_key rd_bart_rate_keys[] = {{"dropout", "dropout", NULL},
                                            {"attention_dropout", "attention-dropout", NULL},
                                            {"activation_dropout", "activation-dropout", NULL},
                                            {NULL, NULL, NULL}};

rd_places rd_bart_places_of(const rd_model_config *config, const char *ours) {
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
