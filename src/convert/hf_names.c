#include <stdio.h>
#include <string.h>

#include "convert/hf.h"

const rd_hf_key rd_hf_model_keys[] = {
    {"d_model", "encoder-embed-dim"},
    {"encoder_layers", "encoder-layers"},
    {"encoder_ffn_dim", "encoder-ffn-embed-dim"},
    {"encoder_attention_heads", "encoder-attention-heads"},
    {"decoder_layers", "decoder-layers"},
    {"decoder_ffn_dim", "decoder-ffn-embed-dim"},
    {"decoder_attention_heads", "decoder-attention-heads"},
    {"max_position_embeddings", "max-source-positions"},
    {"max_position_embeddings", "max-target-positions"},
    {"vocab_size", "src-vocab"},
    {"pad_token_id", "pad-id"},
    {"eos_token_id", "eos-id"},
    {NULL, NULL},
};

void rd_hf_names(const rd_model_config *config, const char *ours, char room[RD_HF_NAMES][128],
                 const char *names[RD_HF_NAMES + 1]) {
    int n = 0;
    bool all = config->share_all_embeddings, output = config->share_decoder_input_output_embed;
    const char *candidates[RD_HF_NAMES / 2] = {NULL};
    static const char prefix[] = "model.";
    if (strcmp(ours, "encoder.embed_tokens.weight") == 0) {
        if (all) candidates[n++] = "model.shared.weight";
        candidates[n++] = "model.encoder.embed_tokens.weight";
        if (all) candidates[n++] = "model.decoder.embed_tokens.weight";
        if (all) candidates[n++] = "lm_head.weight";
    } else if (strcmp(ours, "decoder.embed_tokens.weight") == 0) {
        candidates[n++] = "model.decoder.embed_tokens.weight";
        if (output) candidates[n++] = "lm_head.weight";
    } else if (strcmp(ours, "decoder.output_projection.weight") == 0) {
        candidates[n++] = "lm_head.weight";
    } else if (strcmp(ours, "decoder.output_projection.bias") == 0) {
        candidates[n++] = "final_logits_bias";
    }
    for (int i = 0; i < n; i++) snprintf(room[i], sizeof room[i], "%s", candidates[i]);
    if (n == 0) snprintf(room[n++], sizeof room[0], "%s%s", prefix, ours);
    int found = 0;
    for (int i = 0; i < n; i++) names[found++] = room[i];
    for (int i = 0; i < n; i++)
        if (strncmp(room[i], prefix, strlen(prefix)) == 0)
            names[found++] = room[i] + strlen(prefix);
    while (found <= RD_HF_NAMES) names[found++] = NULL;
}
