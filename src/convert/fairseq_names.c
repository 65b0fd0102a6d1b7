#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "convert/fairseq.h"

/* Names end with one of these. Query, key and value were one matrix before 0.8. */
static const struct {
    const char *ours, *theirs;
    int32_t part;
} projections[] = {{"q_proj.weight", "in_proj_weight", 0}, {"k_proj.weight", "in_proj_weight", 1},
                   {"v_proj.weight", "in_proj_weight", 2}, {"q_proj.bias", "in_proj_bias", 0},
                   {"k_proj.bias", "in_proj_bias", 1},     {"v_proj.bias", "in_proj_bias", 2}};

/* Norms of a layer had numbers before 0.6; those of encoders count without attention to another. */
static const struct {
    const char *ours;
    int encoder, decoder;
} norms[] = {{"self_attn_layer_norm.", 0, 0},
             {"encoder_attn_layer_norm.", -1, 1},
             {"final_layer_norm.", 1, 2}};

static void add_old_norm(const char *ours, rd_places *places) {
    bool decoder = strncmp(ours, "decoder.", 8) == 0;
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        const char *at = strstr(ours, norms[i].ours);
        if (!at || at == ours || at[-1] != '.' || !strstr(ours, ".layers.")) continue;
        rd_places_add(places, "%.*slayer_norms.%d.%s", (int)(at - ours), ours,
                      decoder ? norms[i].decoder : norms[i].encoder, at + strlen(norms[i].ours));
    }
}

rd_places rd_fairseq_places_of(const char *ours) {
    rd_places places = {0};
    rd_places_add(&places, "%s", ours);
    for (size_t i = 0; i < sizeof projections / sizeof *projections; i++) {
        if (!rd_ends_with(ours, projections[i].ours)) continue;
        int n = (int)(strlen(ours) - strlen(projections[i].ours));
        rd_place *place = rd_places_add(&places, "%.*s%s", n, ours, projections[i].theirs);
        place->part = projections[i].part;
        place->parts = 3;
    }
    add_old_norm(ours, &places);
    if (strcmp(ours, "decoder.output_projection.weight") == 0)
        rd_places_add(&places, "decoder.embed_out");
    return places;
}

/* Copies that 0.12 keeps of an encoder's layers, "encoder.layers.0.fc1_weight". */
static bool is_packed_copy(const char *theirs) {
    static const char *const names[] = {"in_proj_weight", "in_proj_bias", "out_proj_weight",
                                        "out_proj_bias",  "fc1_weight",   "fc1_bias",
                                        "fc2_weight",     "fc2_bias"};
    static const char prefix[] = "encoder.layers.";
    if (strncmp(theirs, prefix, sizeof prefix - 1) != 0) return false;
    const char *rest = theirs + sizeof prefix - 1;
    rest += strspn(rest, "0123456789");
    for (size_t i = 0; *rest == '.' && i < sizeof names / sizeof *names; i++)
        if (strcmp(rest + 1, names[i]) == 0) return true;
    return false;
}

bool rd_fairseq_is_spare(const rd_model_config *c, const char *theirs) {
    static const char *const computed[] = {".version", "._float_tensor",
                                           ".embed_positions.weights"};
    static const char *const outputs[] = {"decoder.output_projection.weight", "decoder.embed_out"};
    static const char softmax[] = "decoder.adaptive_softmax.";
    for (size_t i = 0; i < sizeof computed / sizeof *computed; i++)
        if (rd_ends_with(theirs, computed[i])) return true;
    if (is_packed_copy(theirs)) return true;
    bool tied = c->share_all_embeddings || c->share_decoder_input_output_embed;
    for (size_t i = 0; tied && i < sizeof outputs / sizeof *outputs; i++)
        if (strcmp(theirs, outputs[i]) == 0) return true;
    if (c->share_all_embeddings && strcmp(theirs, "decoder.embed_tokens.weight") == 0) return true;
    return c->tie_adaptive_weights && strncmp(theirs, softmax, sizeof softmax - 1) == 0;
}
