/* Names and arrays of vision transformers elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "convert/import.h"
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
static const char *ending_of(const rd_vit_file *file, const char *part, const char *ours) {
    bool bias = rd_ends_with(ours, ".bias"), norm = strstr(part, "orm") != NULL;
    if (rd_ends_with(ours, "class_token") || rd_ends_with(ours, "embed_positions.weight"))
        return "";
    if (file->format != RD_VIT_GOOGLE) return bias ? ".bias" : ".weight";
    return bias ? "/bias" : norm ? "/scale" : "/kernel";
}

static void name_layer(const rd_vit_file *file, long layer, const char *part, const char *ending,
                       rd_vit_place *place) {
    char before[64], renamed[80];
    snprintf(before, sizeof before,
             file->format == RD_VIT_HF     ? "encoder.layer.%ld."
             : file->format == RD_VIT_TIMM ? "blocks.%ld."
                                           : "Transformer/encoderblock_%ld/",
             layer);
    for (int i = 0; file->newer && i < N_RENUMBERED; i++) {
        size_t n = strlen(renumbered[i][0]);
        if (strncmp(part, renumbered[i][0], n) != 0) continue;
        snprintf(renamed, sizeof renamed, "%s%s", renumbered[i][1], part + n);
        part = renamed;
        break;
    }
    snprintf(place->name, sizeof place->name, "%s%s%s%s", file->prefix, before, part, ending);
}

static bool is_head(const char *ours) {
    return strncmp(ours, "classification_head.", 20) == 0;
}

static rd_vit_layout layout_of(const rd_vit_file *file, const char *ours) {
    if (rd_ends_with(ours, "class_token")) return RD_VIT_TOKENS;
    if (file->format == RD_VIT_TIMM &&
        (strstr(ours, ".q_proj.") || strstr(ours, ".k_proj.") || strstr(ours, ".v_proj.")))
        return RD_VIT_THIRD;
    if (file->format != RD_VIT_GOOGLE || !rd_ends_with(ours, ".weight") || strstr(ours, "norm") ||
        strstr(ours, "embed_positions"))
        return RD_VIT_AS_OURS;
    return strcmp(ours, "encoder.patches.weight") == 0 ? RD_VIT_PIXELS : RD_VIT_TRANSPOSED;
}

void rd_vit_place_of(const rd_vit_file *file, const char *ours, rd_vit_place *place) {
    long layer;
    size_t skipped = rd_import_layer_prefix(ours, &layer);
    const char *dot = strrchr(ours, '.'), *name = ours + skipped;
    bool whole = rd_ends_with(ours, "class_token");
    size_t n = whole ? strlen(name) : (size_t)(dot - name);
    const char *part = skipped > 0 ? look_up(inner, N_INNER, name, n, file->format)
                                   : look_up(outer, N_OUTER, name, n, file->format);
    *place = (rd_vit_place){.layout = layout_of(file, ours)};
    if (!part || !*part) return;
    const char *ending = ending_of(file, part, ours);
    place->third = strstr(ours, ".k_proj.") ? 1 : strstr(ours, ".v_proj.") ? 2 : 0;
    if (skipped > 0)
        name_layer(file, layer, part, ending, place);
    else
        snprintf(place->name, sizeof place->name, "%s%s%s",
                 is_head(ours) && file->format == RD_VIT_HF ? "" : file->prefix, part, ending);
    if (place->layout != RD_VIT_TOKENS || file->format == RD_VIT_GOOGLE) return;
    snprintf(place->second, sizeof place->second, "%s%s", file->prefix,
             file->format == RD_VIT_HF ? "embeddings.distillation_token" : "dist_token");
    if (!rd_vit_has(file, place->second)) place->second[0] = '\0';
}

bool rd_vit_has(const rd_vit_file *file, const char *name) {
    return file->format == RD_VIT_GOOGLE ? rd_npz_has(&file->npz, name)
                                         : rd_tensor_set_find(&file->tensors, name) != NULL;
}

rd_status rd_vit_find(const rd_vit_file *file, const char *name, rd_stored_tensor *tensor) {
    if (file->format == RD_VIT_GOOGLE) return rd_npz_find(&file->npz, name, tensor);
    const rd_tensor_file *found = rd_tensor_set_find(&file->tensors, name);
    return found ? rd_tensor_file_find(found, name, tensor)
                 : rd_error(RD_ERR_FORMAT, "tensor %s is missing", name);
}

rd_status rd_vit_read(const rd_vit_file *file, const char *name, rd_stored_tensor *tensor,
                      float **values) {
    char *bytes = NULL;
    RD_TRY(rd_vit_find(file, name, tensor));
    if (file->format == RD_VIT_GOOGLE) RD_TRY(rd_npz_load(&file->npz, tensor, &bytes));
    *values = rd_malloc((size_t)tensor->n, sizeof **values);
    rd_status status = *values ? rd_stored_tensor_read(tensor, *values) : RD_ERR_MEMORY;
    free(bytes);
    if (status == RD_OK) return RD_OK;
    free(*values);
    *values = NULL;
    return status;
}

/* Tensors that classes do not depend on: those of pre-training, and an optimizer's state. */
static bool is_idle(const rd_vit_file *file, const char *name) {
    if (file->format == RD_VIT_GOOGLE)
        return strncmp(name, file->prefix, strlen(file->prefix)) != 0 ||
               strncmp(name, "opt/state/", strlen("opt/state/")) == 0;
    return file->format == RD_VIT_HF &&
           (strstr(name, "pooler.dense.") || strstr(name, "embeddings.mask_token") ||
            strncmp(name, "decoder.", strlen("decoder.")) == 0);
}

static rd_status check_known(const rd_vit_file *file, const char *path,
                             const rd_string_table *known, const char *name, size_t n) {
    char shown[128], copy[160];
    snprintf(copy, sizeof copy, "%.*s", (int)n, name);
    if (rd_string_find(known, name, n) >= 0 || is_idle(file, copy)) return RD_OK;
    rd_escape(shown, sizeof shown, copy);
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: a vision transformer of another kind: nothing here is like its tensor %s",
                    path, shown);
}

rd_status rd_vit_check_all_known(const rd_vit_file *file, const char *path,
                                 const rd_string_table *known) {
    for (int64_t i = 0; i < file->npz.n; i++) {
        const char *name = file->npz.names[i];
        size_t n = strlen(name) - (rd_ends_with(name, ".npy") ? strlen(".npy") : 0);
        RD_TRY(check_known(file, path, known, name, n));
    }
    for (int64_t i = 0; i < file->tensors.n; i++) {
        const char *name;
        json_t *value;
        json_object_foreach(file->tensors.files[i].header, name, value) {
            if (strcmp(name, "__metadata__") != 0)
                RD_TRY(check_known(file, path, known, name, strlen(name)));
        }
    }
    return RD_OK;
}

/* The first of the prefixes with which the class token's or the positions' name is there. */
static rd_status find_prefix(rd_vit_file *file, const char *path) {
    static const char *const prefixes[3][4] = {
        {"vit.", "deit.", "", NULL}, {"", NULL}, {"", "opt/target/", "params/", NULL}};
    rd_vit_place place;
    for (int i = 0; prefixes[file->format][i]; i++) {
        file->prefix = prefixes[file->format][i];
        rd_vit_place_of(file, "encoder.embed_positions.weight", &place);
        if (rd_vit_has(file, place.name)) return RD_OK;
    }
    return rd_error(RD_ERR_FORMAT, "%s: no vision transformer: it has no %s", path, place.name);
}

rd_status rd_vit_open(rd_vit_file *file, const char *path, rd_vit_format format) {
    *file = (rd_vit_file){.format = format, .prefix = ""};
    char name[160];
    if (format != RD_VIT_GOOGLE) {
        RD_TRY(rd_tensor_set_open(&file->tensors, path));
        return find_prefix(file, path);
    }
    RD_TRY(rd_npz_open(&file->npz, path));
    RD_TRY(find_prefix(file, path));
    snprintf(name, sizeof name, "%sTransformer/encoderblock_0/MlpBlock_0/Dense_0/kernel",
             file->prefix);
    file->newer = rd_vit_has(file, name);
    return RD_OK;
}

void rd_vit_close(rd_vit_file *file) {
    rd_tensor_set_close(&file->tensors);
    rd_npz_close(&file->npz);
    *file = (rd_vit_file){.prefix = ""};
}
