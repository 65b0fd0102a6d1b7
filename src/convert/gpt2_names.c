#include <stdio.h>
#include <stdlib.h>
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
static const char *const outside[][2] = {
    {"decoder.embed_tokens.weight", "transformer.wte.weight"},
    {"decoder.embed_positions.weight", "transformer.wpe.weight"},
    {"decoder.layer_norm.weight", "transformer.ln_f.weight"},
    {"decoder.layer_norm.bias", "transformer.ln_f.bias"},
    {"decoder.output_projection.weight", "lm_head.weight"}};

static void set_name(rd_gpt2_place *place, const char *name) {
    snprintf(place->name, sizeof place->name, "%s", name);
}

void rd_gpt2_place_of(const char *ours, rd_gpt2_place *place) {
    static const char prefix[] = "decoder.layers.";
    *place = (rd_gpt2_place){.parts = 1};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (strcmp(ours, outside[i][0]) == 0) set_name(place, outside[i][1]);
    if (strncmp(ours, prefix, strlen(prefix)) != 0) return;
    char *rest;
    long layer = strtol(ours + strlen(prefix), &rest, 10);
    for (size_t i = 0; i < sizeof in_layer / sizeof *in_layer; i++) {
        if (*rest != '.' || strcmp(rest + 1, in_layer[i].ours) != 0) continue;
        snprintf(place->name, sizeof place->name, "transformer.h.%ld.%s", layer,
                 in_layer[i].theirs);
        place->transposed = in_layer[i].transposed;
        place->part = in_layer[i].part;
        place->parts = in_layer[i].parts;
    }
}
