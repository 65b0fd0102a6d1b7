/* Names of vision transformers' tensors elsewhere. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "convert/vit.h"

typedef struct {
    const char *ours, *theirs[3]; /* by rd_vit_format; without .weight and .bias */
} renaming;

static const renaming outer[] = {
    {"encoder.patches",
     {"embeddings.patch_embeddings.projection", "patch_embed.proj", "embedding"}},
    {"encoder.class_token", {"embeddings.cls_token", "cls_token", "cls"}},
    {"encoder.embed_positions",
     {"embeddings.position_embeddings", "pos_embed", "Transformer/posembed_input/pos_embedding"}},
    {"encoder.layer_norm", {"layernorm", "norm", "Transformer/encoder_norm"}},
    {"classification_head.dense", {"", "pre_logits.fc", "pre_logits"}},
    {"classification_head.out_proj", {"classifier", "head", "head"}}};
static const renaming inner[] = {
    {"self_attn.q_proj",
     {"attention.attention.query", "attn.qkv", "MultiHeadDotProductAttention_1/query"}},
    {"self_attn.k_proj",
     {"attention.attention.key", "attn.qkv", "MultiHeadDotProductAttention_1/key"}},
    {"self_attn.v_proj",
     {"attention.attention.value", "attn.qkv", "MultiHeadDotProductAttention_1/value"}},
    {"self_attn.out_proj",
     {"attention.output.dense", "attn.proj", "MultiHeadDotProductAttention_1/out"}},
    {"self_attn_layer_norm", {"layernorm_before", "norm1", "LayerNorm_0"}},
    {"final_layer_norm", {"layernorm_after", "norm2", "LayerNorm_2"}},
    {"fc1", {"intermediate.dense", "mlp.fc1", "MlpBlock_3/Dense_0"}},
    {"fc2", {"output.dense", "mlp.fc2", "MlpBlock_3/Dense_1"}}};
/* big_vision numbers the parts of a layer anew for each kind. */
static const char *const renumbered[][2] = {
    {"MultiHeadDotProductAttention_1", "MultiHeadDotProductAttention_0"},
    {"LayerNorm_2", "LayerNorm_1"},
    {"MlpBlock_3", "MlpBlock_0"}};

enum {
    N_OUTER = sizeof outer / sizeof *outer,
    N_INNER = sizeof inner / sizeof *inner,
    N_RENUMBERED = sizeof renumbered / sizeof *renumbered
};

static const char *look_up(const renaming *list, int n, const char *ours, size_t length,
                           rd_vit_format format) {
    for (int i = 0; i < n; i++)
        if (strlen(list[i].ours) == length && strncmp(list[i].ours, ours, length) == 0)
            return list[i].theirs[format];
    return NULL;
}

/* ".weight" and ".bias" in their spelling: Google calls gains of norms scales, matrices kernels. */
static const char *ending_of(const rd_vit_names *names, const char *part, const char *ours) {
    bool bias = rd_ends_with(ours, ".bias"), norm = strstr(part, "orm") != NULL;
    if (rd_ends_with(ours, "class_token") || rd_ends_with(ours, "embed_positions.weight"))
        return "";
    if (names->format != RD_VIT_GOOGLE) return bias ? ".bias" : ".weight";
    return bias ? "/bias" : norm ? "/scale" : "/kernel";
}

static void add_of_layer(const rd_vit_names *names, long layer, const char *part,
                         const char *ending, rd_places *places) {
    static const char *const before[] = {"encoder.layer.", "blocks.", "Transformer/encoderblock_"};
    const char *renamed = "";
    for (int i = 0; names->newer && i < N_RENUMBERED; i++) {
        size_t n = strlen(renumbered[i][0]);
        if (strncmp(part, renumbered[i][0], n) != 0) continue;
        renamed = renumbered[i][1];
        part += n;
        break;
    }
    rd_places_add(places, "%s%s%ld%c%s%s%s", names->prefix, before[names->format], layer,
                  names->format == RD_VIT_GOOGLE ? '/' : '.', renamed, part, ending);
}

static bool is_head(const char *ours) {
    return strncmp(ours, "classification_head.", 20) == 0;
}

/* Query, key and value are the thirds of one tensor in timm's; Google's matrices are [in, out]. */
static void lay_out(const rd_vit_names *names, const char *ours, rd_place *place) {
    bool qkv = strstr(ours, ".q_proj.") || strstr(ours, ".k_proj.") || strstr(ours, ".v_proj.");
    if (names->format == RD_VIT_TIMM && qkv) {
        place->parts = 3;
        place->part = strstr(ours, ".k_proj.") ? 1 : strstr(ours, ".v_proj.") ? 2 : 0;
    }
    if (names->format != RD_VIT_GOOGLE || !rd_ends_with(ours, ".weight") || strstr(ours, "norm") ||
        strstr(ours, "embed_positions"))
        return;
    bool patches = strcmp(ours, "encoder.patches.weight") == 0;
    place->layout = patches ? RD_LAYOUT_PIXELS : RD_LAYOUT_TRANSPOSED;
    place->channels = names->channels;
}

/* A tensor for each class token. */
static void add_tokens(const rd_vit_names *names, const char *first, rd_places *places) {
    static const char *const second[] = {"embeddings.distillation_token", "dist_token", NULL};
    places->rows = true;
    rd_places_add(places, "%s%s", names->prefix, first);
    if (names->class_tokens == 2 && second[names->format])
        rd_places_add(places, "%s%s", names->prefix, second[names->format]);
}

rd_places rd_vit_places_of(const rd_vit_names *names, const char *ours) {
    long layer;
    size_t skipped = rd_layer_prefix(ours, "encoder", &layer);
    const char *dot = strrchr(ours, '.'), *name = ours + skipped;
    bool tokens = rd_ends_with(ours, "class_token");
    size_t n = tokens ? strlen(name) : (size_t)(dot - name);
    const char *part = skipped > 0 ? look_up(inner, N_INNER, name, n, names->format)
                                   : look_up(outer, N_OUTER, name, n, names->format);
    rd_places places = {.optional = names->no_head && is_head(ours)};
    if (!part || !*part) return places;
    const char *ending = ending_of(names, part, ours);
    if (tokens)
        add_tokens(names, part, &places);
    else if (skipped > 0)
        add_of_layer(names, layer, part, ending, &places);
    else
        rd_places_add(&places, "%s%s%s",
                      is_head(ours) && names->format == RD_VIT_HF ? "" : names->prefix, part,
                      ending);
    lay_out(names, ours, &places.items[0]);
    return places;
}
