#include <stdio.h>
#include <string.h>

#include "convert/gpt2.h"

/* Endings of names in a layer. */
static const struct {
    const char *ours, *theirs;
    bool transposed;
    int part, parts;
} in_layer[] = {{"self_attn_layer_norm.weight", "ln_1.weight", false, 0, 1},
                {"self_attn_layer_norm.bias", "ln_1.bias", false, 0, 1},
                {"self_attn.q_proj.weight", "attn.c_attn.weight", true, 0, 3},
                {"self_attn.k_proj.weight", "attn.c_attn.weight", true, 1, 3},
                {"self_attn.v_proj.weight", "attn.c_attn.weight", true, 2, 3},
                {"self_attn.q_proj.bias", "attn.c_attn.bias", false, 0, 3},
                {"self_attn.k_proj.bias", "attn.c_attn.bias", false, 1, 3},
                {"self_attn.v_proj.bias", "attn.c_attn.bias", false, 2, 3},
                {"self_attn.out_proj.weight", "attn.c_proj.weight", true, 0, 1},
                {"self_attn.out_proj.bias", "attn.c_proj.bias", false, 0, 1},
                {"final_layer_norm.weight", "ln_2.weight", false, 0, 1},
                {"final_layer_norm.bias", "ln_2.bias", false, 0, 1},
                {"fc1.weight", "mlp.c_fc.weight", true, 0, 1},
                {"fc1.bias", "mlp.c_fc.bias", false, 0, 1},
                {"fc2.weight", "mlp.c_proj.weight", true, 0, 1},
                {"fc2.bias", "mlp.c_proj.bias", false, 0, 1}};
static const char *const outside[][2] = {{"decoder.embed_tokens.weight", "wte.weight"},
                                         {"decoder.embed_positions.weight", "wpe.weight"},
                                         {"decoder.layer_norm.weight", "ln_f.weight"},
                                         {"decoder.layer_norm.bias", "ln_f.bias"}};

static void add(rd_places *places, const char *name, bool transposed, int part, int parts) {
    static const char *const prefixes[] = {"transformer.", ""};
    for (int i = 0; i < 2; i++) {
        rd_place *place = rd_places_add(places, "%s%s", prefixes[i], name);
        place->layout = transposed ? RD_LAYOUT_TRANSPOSED : RD_LAYOUT_OURS;
        place->part = part;
        place->parts = parts;
    }
}

rd_places rd_gpt2_places_of(const rd_model_config *c, const char *ours) {
    rd_places places = {0};
    long layer;
    size_t skipped = rd_layer_prefix(ours, "decoder", &layer);
    bool tied = c->share_decoder_input_output_embed || c->share_all_embeddings;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (strcmp(ours, outside[i][0]) == 0) add(&places, outside[i][1], false, 0, 1);
    for (size_t i = 0; skipped > 0 && i < sizeof in_layer / sizeof *in_layer; i++) {
        char name[64];
        if (strcmp(ours + skipped, in_layer[i].ours) != 0) continue;
        snprintf(name, sizeof name, "h.%ld.%s", layer, in_layer[i].theirs);
        add(&places, name, in_layer[i].transposed, in_layer[i].part, in_layer[i].parts);
    }
    if (strcmp(ours, tied ? outside[0][0] : "decoder.output_projection.weight") == 0)
        rd_places_add(&places, "lm_head.weight");
    return places;
}
