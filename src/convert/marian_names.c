#include <stdio.h>
#include <string.h>

#include "convert/marian.h"

/* The tensors of a layer: weights and biases PLACE_Wx and PLACE_bx, or, without an x, a norm. */
static const struct {
    const char *ours, *place, *x;
} parts[] = {{"self_attn.q_proj", "self", "q"},
             {"self_attn.k_proj", "self", "k"},
             {"self_attn.v_proj", "self", "v"},
             {"self_attn.out_proj", "self", "o"},
             {"encoder_attn.q_proj", "context", "q"},
             {"encoder_attn.k_proj", "context", "k"},
             {"encoder_attn.v_proj", "context", "v"},
             {"encoder_attn.out_proj", "context", "o"},
             {"fc1", "ffn", "1"},
             {"fc2", "ffn", "2"},
             {"self_attn_layer_norm", "self_Wo", NULL},
             {"encoder_attn_layer_norm", "context_Wo", NULL},
             {"final_layer_norm", "ffn_ffn", NULL}};

static void add_of_layer(rd_places *places, const char *side, long layer, const char *part) {
    const char *kind = strrchr(part, '.') + 1;
    bool weight = strcmp(kind, "weight") == 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = strlen(parts[i].ours);
        if (strncmp(part, parts[i].ours, n) != 0 || part + n + 1 != kind) continue;
        rd_place *place =
            rd_places_add(places, "%s_l%ld_%s_%s%s", side, layer + 1, parts[i].place,
                          parts[i].x ? (weight ? "W" : "b") : (weight ? "ln_scale" : "ln_bias"),
                          parts[i].x ? parts[i].x : "");
        if (parts[i].x && weight) place->layout = RD_LAYOUT_TRANSPOSED;
    }
}

rd_places rd_marian_places_of(const char *ours) {
    const char *side = strncmp(ours, "decoder.", 8) == 0 ? "decoder" : "encoder", *rest = ours + 8;
    bool weight = strstr(rest, "weight") != NULL;
    rd_places places = {0};
    long layer;
    size_t skipped = rd_layer_prefix(ours, side, &layer);
    if (skipped > 0) {
        add_of_layer(&places, side, layer, ours + skipped);
    } else if (strncmp(rest, "embed_tokens", 12) == 0) {
        rd_places_add(&places, "Wemb"); /* of both sides */
        rd_places_add(&places, "%s_Wemb", side);
    } else if (strncmp(rest, "layernorm_embedding", 19) == 0) {
        rd_places_add(&places, "%s_emb_ln_%s_pre", side, weight ? "scale" : "bias");
    } else if (!weight) {
        rd_places_add(&places, "decoder_ff_logit_out_b");
    } else {
        rd_places_add(&places, "decoder_ff_logit_out_Wt");
        rd_places_add(&places, "decoder_ff_logit_out_W")->layout = RD_LAYOUT_TRANSPOSED;
    }
    return places;
}
