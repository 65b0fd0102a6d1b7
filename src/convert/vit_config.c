/* Shapes of vision transformers: from config.json if Hugging Face's has them, else from the tensors
 * themselves; and the form of their pictures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "convert/hf.h"
#include "convert/vit.h"
#include "io/json.h"
#include "recipe/recipe_keys.h"

typedef struct {
    rd_importer *im;
    rd_vit_names *names;
    const char *path;
    const json_t *config; /* of a directory */
    rd_recipe *recipe;
} reader;

static rd_status unsupported(const reader *r, const char *what) {
    return rd_foreign_unsupported(&(rd_foreign){.path = r->path, .file = "config.json"}, what);
}

static rd_status set(const reader *r, const char *ours, const char *text) {
    rd_status status = rd_recipe_set_key(r->recipe, rd_recipe_find_key(ours), text);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "%s", r->path);
}

static rd_status set_number(const reader *r, const char *ours, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(r, ours, text);
}

/* ---- Shapes of tensors ---- */

/* The tensor that ours is there: its shape[0] is the number of outputs, wherever it lies. */
static rd_status shape_of(const reader *r, const char *ours, rd_stored_tensor *tensor) {
    const rd_places places = rd_vit_places_of(r->names, ours);
    RD_TRY(rd_import_find(r->im, places.items[0].name, tensor));
    tensor->name = ours; /* the other name is gone with its place */
    if (tensor->rank > 0 && tensor->n > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: %s is empty", r->path, places.items[0].name);
}

static bool has(const reader *r, const char *ours) {
    const rd_places places = rd_vit_places_of(r->names, ours);
    return places.n > 0 && rd_import_has(r->im, places.items[0].name);
}

static int64_t count_layers(const reader *r) {
    int64_t n = 0;
    for (char name[64]; n < 1000; n++) {
        snprintf(name, sizeof name, "encoder.layers.%lld.fc1.bias", (long long)n);
        if (!has(r, name)) break;
    }
    return n;
}

/* timm's heads are of 64, except in its largest models and one other, which have 16 of them. */
static rd_status timm_heads(const reader *r, int64_t width, int64_t *heads) {
    static const char *const of_16[] = {"_huge_",     "_giant_",  "_giantopt_",
                                        "_gigantic_", "_so400m_", "_base_patch16_gap_"};
    const char *name = json_string_value(json_object_get(r->config, "architecture"));
    const json_t *said = json_object_get(json_object_get(r->config, "model_args"), "num_heads");
    *heads = width % 64 == 0 ? width / 64 : 0;
    for (size_t i = 0; name && i < sizeof of_16 / sizeof *of_16; i++)
        if (strstr(name, of_16[i])) *heads = 16;
    if (said) *heads = json_integer_value(said);
    return *heads > 0 && width % *heads == 0
               ? RD_OK
               : rd_error(RD_ERR_UNSUPPORTED,
                          "%s: %.60s: a width of %lld is of no known number of "
                          "heads",
                          r->path, name ? name : "no architecture", (long long)width);
}

/* Of timm's models that end in a mean, those with gelu by tanh. */
static bool has_gelu_tanh(const reader *r) {
    static const char *const names[] = {"_base_patch32_siglip_gap_",
                                        "_large_patch16_siglip_gap_512",
                                        "_so400m_patch16_siglip_gap_", "_giantopt_"};
    const char *name = json_string_value(json_object_get(r->config, "architecture"));
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strstr(name, names[i])) return true;
    return false;
}

/* Google's arrays say how many there are. */
static rd_status count_heads(const reader *r, int64_t width, int64_t *heads) {
    rd_stored_tensor query;
    if (r->names->format != RD_VIT_GOOGLE) return timm_heads(r, width, heads);
    RD_TRY(shape_of(r, "encoder.layers.0.self_attn.q_proj.weight", &query));
    if (query.rank != 3) return rd_error(RD_ERR_FORMAT, "%s: %s has no heads", r->path, query.name);
    *heads = query.shape[1];
    return RD_OK;
}

static rd_status set_by_tensors(const reader *r) {
    rd_stored_tensor patches, positions, hidden;
    bool google = r->names->format == RD_VIT_GOOGLE;
    int64_t heads = 0;
    RD_TRY(shape_of(r, "encoder.patches.weight", &patches));
    RD_TRY(shape_of(r, "encoder.embed_positions.weight", &positions));
    RD_TRY(shape_of(r, "encoder.layers.0.fc1.bias", &hidden));
    if (patches.rank != 4 || positions.rank != 3)
        return rd_error(RD_ERR_FORMAT, "%s: patches and positions of unknown shapes", r->path);
    int64_t width = positions.shape[2], patch = patches.shape[google ? 0 : 2];
    int64_t tokens = r->recipe->model.picture.class_tokens;
    int64_t side = positions.shape[1] > tokens
                       ? (int64_t)llround(sqrt((double)(positions.shape[1] - tokens)))
                       : 0;
    if (side < 1 || side * side != positions.shape[1] - tokens)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: its %lld positions are of no square", r->path,
                        (long long)positions.shape[1]);
    RD_TRY(count_heads(r, width, &heads));
    RD_TRY(set_number(r, "encoder-embed-dim", width));
    RD_TRY(set_number(r, "encoder-layers", count_layers(r)));
    RD_TRY(set_number(r, "encoder-attention-heads", heads));
    RD_TRY(set_number(r, "encoder-ffn-embed-dim", hidden.shape[0]));
    RD_TRY(set_number(r, "patch-size", patch));
    RD_TRY(set_number(r, "picture-size", side * patch));
    RD_TRY(set_number(r, "picture-channels", patches.shape[google ? 2 : 1]));
    return set(r, "layer-norm-eps", "1e-06");
}

/* ---- Hugging Face's config.json ---- */

const rd_foreign_key rd_vit_keys[] = {{"hidden_size", "encoder-embed-dim", "768"},
                                      {"num_hidden_layers", "encoder-layers", "12"},
                                      {"num_attention_heads", "encoder-attention-heads", "12"},
                                      {"intermediate_size", "encoder-ffn-embed-dim", "3072"},
                                      {"layer_norm_eps", "layer-norm-eps", "1e-12"},
                                      {"hidden_dropout_prob", "dropout", "0"},
                                      {"attention_probs_dropout_prob", "attention-dropout", "0"},
                                      {"image_size", "picture-size", "224"},
                                      {"patch_size", "patch-size", "16"},
                                      {"num_channels", "picture-channels", "3"},
                                      {NULL, NULL, NULL}};

static rd_status set_by_config(const reader *r) {
    const rd_foreign f = {r->path, "config.json", r->config, r->recipe};
    RD_TRY(rd_foreign_set_numbers(&f, rd_vit_keys));
    RD_TRY(rd_hf_read_activation(r->path, r->config, "hidden_act", "gelu",
                                 &r->recipe->model.activation));
    r->recipe->model.activation_dropout = 0.0f;
    return json_is_false(json_object_get(r->config, "qkv_bias")) ? unsupported(r, "qkv_bias: false")
                                                                 : RD_OK;
}

/* ---- Pictures ---- */

/* "a,b,c", or "a" where all are the same: a number for each channel. */
static rd_status set_list(const reader *r, const char *ours, const json_t *list) {
    char text[128] = "";
    size_t n = json_array_size(list);
    if (n == 0) return RD_OK;
    bool same = true, numbers = n == (size_t)r->recipe->model.picture.channels;
    for (size_t i = 0; i < n; i++) {
        same = same && json_equal(json_array_get(list, 0), json_array_get(list, i));
        numbers = numbers && json_is_number(json_array_get(list, i));
    }
    if (!numbers)
        return rd_error(RD_ERR_FORMAT, "%s: the numbers of %s are not one for each of %d channels",
                        r->path, ours, (int)r->recipe->model.picture.channels);
    for (size_t i = 0; i < (same ? 1 : n); i++) {
        char number[32];
        size_t used = strlen(text);
        rd_shortest_double(json_number_value(json_array_get(list, i)), number);
        snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "," : "", number);
    }
    return set(r, ours, text);
}

/* A number, or {"height": n, "width": n}; *shorter: {"shortest_edge": n}. 0: none. */
static int64_t size_of(const json_t *size, bool *shorter) {
    const json_t *edge = json_object_get(size, "shortest_edge");
    *shorter = edge != NULL;
    if (json_is_integer(size)) return json_integer_value(size);
    if (edge) return json_integer_value(edge);
    int64_t height = json_integer_value(json_object_get(size, "height"));
    return json_integer_value(json_object_get(size, "width")) == height ? height : 0;
}

/* What a processor has by default, by its name or the model's; 0: unknown. */
static int64_t usual_resample(const reader *r, const json_t *p) {
    static const struct {
        const char *name;
        int64_t code;
    } usual[] = {{"ViT", 2}, {"vit", 2}, {"DeiT", 3}, {"deit", 3}, {"CLIP", 3}};
    const char *name = json_string_value(json_object_get(p, "image_processor_type"));
    if (!name) name = json_string_value(json_object_get(p, "feature_extractor_type"));
    if (!name) name = json_string_value(json_object_get(r->config, "model_type"));
    for (size_t i = 0; name && i < sizeof usual / sizeof *usual; i++)
        if (strncmp(name, usual[i].name, strlen(usual[i].name)) == 0) return usual[i].code;
    return 0;
}

static rd_status set_resampling(const reader *r, const json_t *p) {
    const json_t *resample = json_object_get(p, "resample");
    int64_t code = json_is_integer(resample) ? json_integer_value(resample) : usual_resample(r, p);
    if (code == 2 || code == 3)
        return set(r, "picture-resampling", code == 2 ? "bilinear" : "bicubic");
    if (!json_is_integer(resample))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/preprocessor_config.json: resample is missing, and the default of this "
                        "image_processor_type unknown",
                        r->path);
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/preprocessor_config.json: resample %lld is not supported; expected 2 "
                    "(bilinear) or 3 (bicubic)",
                    r->path, (long long)code);
}

static rd_status read_processor(const reader *r, const json_t *p) {
    bool shorter = false, of_crop;
    int64_t model = r->recipe->model.picture.size;
    int64_t size = size_of(json_object_get(p, "size"), &shorter);
    bool crops = json_is_true(json_object_get(p, "do_center_crop"));
    int64_t crop = crops ? size_of(json_object_get(p, "crop_size"), &of_crop) : size;
    if (json_is_false(json_object_get(p, "do_resize")) ||
        json_is_false(json_object_get(p, "do_rescale")))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/preprocessor_config.json: pictures that are not resized, or not "
                        "rescaled, are not supported",
                        r->path);
    const json_t *factor = json_object_get(p, "rescale_factor");
    if (factor && fabs(json_number_value(factor) * 255.0 - 1.0) > 1e-6)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/preprocessor_config.json: rescale_factor %g is not supported; expected "
                        "1/255",
                        r->path, json_number_value(factor));
    if (crop != model || size < crop)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s/preprocessor_config.json: makes pictures of %lld pixels, but the model "
                        "reads %lld",
                        r->path, (long long)crop, (long long)model);
    RD_TRY(set_resampling(r, p));
    RD_TRY(set_number(r, "picture-resize", crops || shorter ? size : 0));
    r->recipe->pictures.stretch = crops && !shorter;
    r->recipe->pictures.crop_floor = crops || shorter;
    if (json_is_false(json_object_get(p, "do_normalize"))) {
        RD_TRY(set(r, "picture-mean", "0"));
        return set(r, "picture-std", "1");
    }
    RD_TRY(set_list(r, "picture-mean", json_object_get(p, "image_mean")));
    return set_list(r, "picture-std", json_object_get(p, "image_std"));
}

/* Arguments that other settings or the tensors say as well. */
static rd_status check_arguments(const reader *r) {
    static const char *const known[] = {"num_heads",   "img_size",    "patch_size",  "embed_dim",
                                        "depth",       "mlp_ratio",   "num_classes", "in_chans",
                                        "class_token", "global_pool", NULL};
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(r->config, "model_args"), key, value) {
        int i = 0;
        while (known[i] && strcmp(known[i], key) != 0) i++;
        if (!known[i])
            return rd_error(RD_ERR_UNSUPPORTED, "%s: model_args with %.40s is not supported",
                            r->path, key);
    }
    return RD_OK;
}

/* Refuses features that timm's names do not show and this program does not have. */
static rd_status check_timm(const reader *r, const json_t *p) {
    const char *architecture = json_string_value(json_object_get(r->config, "architecture"));
    const char *pool = json_string_value(json_object_get(r->config, "global_pool"));
    const char *mode = json_string_value(json_object_get(p, "crop_mode"));
    const json_t *size = json_object_get(p, "input_size");
    bool tokens = r->recipe->model.picture.class_tokens > 0;
    RD_TRY(check_arguments(r));
    if (architecture && strstr(architecture, "quickgelu")) return unsupported(r, "quickgelu");
    if (pool && strcmp(pool, tokens ? "token" : "avg") != 0)
        return unsupported(r, "this global_pool");
    if (mode && strcmp(mode, "center") != 0 && strcmp(mode, "squash") != 0)
        return unsupported(r, "this crop_mode");
    for (size_t i = 1; size && i < 3; i++)
        if (json_integer_value(json_array_get(size, i)) != r->recipe->model.picture.size)
            return unsupported(r, "an input_size that is not the positions'");
    return RD_OK;
}

static rd_status read_interpolation(const reader *r, const json_t *p) {
    const char *name = json_string_value(json_object_get(p, "interpolation"));
    bool bilinear = name && strcmp(name, "bilinear") == 0;
    if (name && !bilinear && strcmp(name, "bicubic") != 0)
        return unsupported(r, "an interpolation other than bilinear and bicubic");
    return set(r, "picture-resampling", bilinear ? "bilinear" : "bicubic");
}

/* timm's pretrained_cfg, which older files have in the place of all: the shorter side, or with
 * "squash" both, become size / crop_pct. What is missing is as timm has it by default. */
static rd_status read_pretrained(const reader *r) {
    const json_t *inner = json_object_get(r->config, "pretrained_cfg");
    const json_t *p = inner ? inner : r->config;
    RD_TRY(check_timm(r, p));
    const char *mode = json_string_value(json_object_get(p, "crop_mode"));
    double share = json_number_value(json_object_get(p, "crop_pct"));
    int64_t size = r->recipe->model.picture.size;
    RD_TRY(read_interpolation(r, p));
    if (share > 1.0) return unsupported(r, "a crop_pct above 1");
    if (share <= 0.0) share = 0.875;
    RD_TRY(set_number(r, "picture-resize", (int64_t)floor((double)size / share)));
    r->recipe->pictures.stretch = mode && strcmp(mode, "squash") == 0;
    if (r->recipe->model.picture.channels == 3) {
        RD_TRY(set(r, "picture-mean", "0.485,0.456,0.406"));
        RD_TRY(set(r, "picture-std", "0.229,0.224,0.225"));
    }
    RD_TRY(set_list(r, "picture-mean", json_object_get(p, "mean")));
    return set_list(r, "picture-std", json_object_get(p, "std"));
}

static rd_status set_pictures(const reader *r) {
    json_t *processor = NULL;
    if (r->names->format == RD_VIT_TIMM) return read_pretrained(r);
    if (r->names->format == RD_VIT_GOOGLE) return RD_OK; /* 0.5, whole, bilinear: the defaults */
    RD_TRY(rd_json_read_optional(r->path, "preprocessor_config.json", &processor));
    rd_status status = json_object_size(processor) > 0 ? read_processor(r, processor) : RD_OK;
    json_decref(processor);
    return status;
}

/* The first of the prefixes with which the positions' name is there. */
static rd_status find_prefix(const reader *r) {
    static const char *const prefixes[3][4] = {
        {"vit.", "deit.", "", NULL}, {"", NULL}, {"", "opt/target/", "params/", NULL}};
    static const char ours[] = "encoder.embed_positions.weight";
    for (const char *const *prefix = prefixes[r->names->format]; *prefix; prefix++) {
        r->names->prefix = *prefix;
        if (has(r, ours)) return RD_OK;
    }
    return rd_error(RD_ERR_FORMAT, "%s: no vision transformer: it has no %s", r->path,
                    rd_vit_places_of(r->names, ours).items[0].name);
}

static rd_status name_tensors(const reader *r) {
    rd_vit_names *names = r->names;
    *names = (rd_vit_names){.class_tokens = 2};
    names->format = !r->config                                   ? RD_VIT_GOOGLE
                    : json_object_get(r->config, "architecture") ? RD_VIT_TIMM
                                                                 : RD_VIT_HF;
    if (names->format != RD_VIT_GOOGLE) RD_TRY(rd_tensor_set_open(&r->im->tensors, r->path));
    RD_TRY(find_prefix(r));
    names->newer = names->format == RD_VIT_GOOGLE; /* until its names are not there */
    if (!has(r, "encoder.layers.0.fc1.weight")) names->newer = false;
    const rd_places tokens = rd_vit_places_of(names, "encoder.class_token");
    names->class_tokens = 0;
    for (int i = 0; i < tokens.n && rd_import_has(r->im, tokens.items[i].name); i++)
        names->class_tokens++;
    r->recipe->model.picture.class_tokens = names->class_tokens;
    return RD_OK;
}

rd_status rd_vit_read_config(rd_importer *im) {
    rd_vit_names *names = im->own;
    const reader r = {im, names, im->from, im->config, im->recipe};
    rd_model_config *c = &im->recipe->model;
    RD_TRY(name_tensors(&r));
    c->encoder.normalize_before = c->encoder.learned_pos = true;
    c->activation = has_gelu_tanh(&r) ? RD_GELU_TANH : RD_GELU;
    c->dropout = 0.0f;
    RD_TRY(names->format == RD_VIT_HF ? set_by_config(&r) : set_by_tensors(&r));
    names->channels = c->picture.channels;
    c->decoder.layers = 0;
    c->decoder.heads = c->encoder.heads;
    c->pooling = c->picture.class_tokens > 0 ? RD_POOL_FIRST : RD_POOL_MEAN;
    c->zero_init_head = true;
    return set_pictures(&r);
}
