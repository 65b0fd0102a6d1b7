#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "convert/foreign.h"
#include "convert/marian.h"
#include "io/yaml.h"

static const char SETTINGS[] = "special:model.yml";

/* The text of a setting, `default_value` if there is none. */
static const char *text_of(const rd_foreign *r, const char *key, const char *default_value) {
    const char *text = json_string_value(json_object_get(r->values, key));
    return text ? text : default_value;
}

static rd_status unsupported(const rd_foreign *r, const char *key) {
    return rd_error(RD_ERR_UNSUPPORTED, "%s: %s: %.60s is not supported", r->path, key,
                    text_of(r, key, "(a list)"));
}

/* Settings that must have their default if they are set at all. */
static rd_status check_architecture(const rd_foreign *r) {
    static const struct {
        const char *key, *value;
    } expected[] = {{"type", "transformer"},
                    {"transformer-decoder-autoreg", "self-attention"},
                    {"transformer-ffn-depth", "2"},
                    {"layer-normalization", "false"},
                    {"right-left", "false"},
                    {"transformer-no-projection", "false"},
                    {"transformer-no-bias", "false"},
                    {"transformer-no-affine", "false"},
                    {"transformer-rnn-projection", "false"},
                    {"transformer-train-position-embeddings", "false"},
                    {"transformer-train-positions", "false"},
                    {"ulr", "false"},
                    {"factors-dim-emb", "0"},
                    {"lemma-dim-emb", "0"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (strcmp(text_of(r, expected[i].key, expected[i].value), expected[i].value) != 0)
            return unsupported(r, expected[i].key);
    if (strcmp(text_of(r, "type", ""), "transformer") != 0)
        return rd_error(RD_ERR_FORMAT, "%s: its settings name no type", r->path);
    const char *decoder_depth = text_of(r, "transformer-decoder-ffn-depth", "0");
    if (strcmp(decoder_depth, "0") != 0 && strcmp(decoder_depth, "2") != 0)
        return unsupported(r, "transformer-decoder-ffn-depth");
    if (json_array_size(json_object_get(r->values, "transformer-tied-layers")) > 0)
        return unsupported(r, "transformer-tied-layers");
    return RD_OK;
}

/* The operations of a place without dropout: "a" adds, "n" normalizes. */
static rd_status operations(const rd_foreign *r, const char *key, const char *default_value,
                            char out[4]) {
    int n = 0;
    for (const char *c = text_of(r, key, default_value); *c; c++) {
        if (*c == 'd') continue;
        if ((*c != 'a' && *c != 'n') || n == 3) return unsupported(r, key);
        out[n++] = *c;
    }
    out[n] = '\0';
    return RD_OK;
}

/* Layer norms: after each sublayer. Marian's computation with norms before them differs from
 * version to version, and between training and decoding: keys and values may go without. */
static rd_status read_norms(const rd_foreign *r) {
    char before[4], after[4], top[4], embedding[4];
    RD_TRY(operations(r, "transformer-preprocess", "", before));
    RD_TRY(operations(r, "transformer-postprocess", "dan", after));
    RD_TRY(operations(r, "transformer-postprocess-top", "", top));
    RD_TRY(operations(r, "transformer-postprocess-emb", "d", embedding));
    if (strchr(before, 'n'))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: transformer-preprocess: pre-norm transformers are not supported; "
                        "versions of Marian differ in what they compute",
                        r->path);
    if (*before) return unsupported(r, "transformer-preprocess");
    if (strcmp(after, "an") != 0) return unsupported(r, "transformer-postprocess");
    if (*top) return unsupported(r, "transformer-postprocess-top");
    if (*embedding && strcmp(embedding, "n") != 0)
        return unsupported(r, "transformer-postprocess-emb");
    r->recipe->model.layernorm_embedding = *embedding != '\0';
    return RD_OK;
}

static rd_status read_shape(const rd_foreign *r) {
    static const char *const keys[][2] = {{"dim-emb", "encoder-embed-dim"},
                                          {"enc-depth", "encoder-layers"},
                                          {"dec-depth", "decoder-layers"},
                                          {"transformer-heads", "encoder-attention-heads"},
                                          {"transformer-heads", "decoder-attention-heads"},
                                          {"transformer-dim-ffn", "encoder-ffn-embed-dim"},
                                          {"transformer-dim-ffn", "decoder-ffn-embed-dim"},
                                          {"transformer-ffn-activation", "activation-fn"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = text_of(r, keys[i][0], NULL);
        if (!value) return rd_error(RD_ERR_FORMAT, "%s: its settings lack %s", r->path, keys[i][0]);
        RD_TRY(rd_foreign_set(r, keys[i][1], keys[i][0], value));
    }
    const char *decoder_ffn = text_of(r, "transformer-decoder-dim-ffn", "0");
    if (strcmp(decoder_ffn, "0") != 0)
        RD_TRY(
            rd_foreign_set(r, "decoder-ffn-embed-dim", "transformer-decoder-dim-ffn", decoder_ffn));
    if (r->recipe->model.activation == RD_GELU) /* theirs is x * sigmoid(1.702 x) */
        return unsupported(r, "transformer-ffn-activation");
    if (r->recipe->model.d_model % 2) return unsupported(r, "dim-emb");
    return RD_OK;
}

static bool is_true(const rd_foreign *r, const char *key) {
    return strcmp(text_of(r, key, "false"), "true") == 0;
}

static rd_status read_network(const rd_foreign *r) {
    rd_model_config *c = &r->recipe->model;
    RD_TRY(check_architecture(r));
    RD_TRY(read_norms(r));
    RD_TRY(read_shape(r));
    c->share_all_embeddings = is_true(r, "tied-embeddings-all");
    c->share_decoder_input_output_embed = c->share_all_embeddings || is_true(r, "tied-embeddings");
    c->output_bias = true; /* that nothing ends in a pad */
    c->layer_norm_eps = 1e-6f;
    c->position_layout = RD_POSITIONS_MARIAN;
    c->decoder_start = RD_START_PAD; /* which has no embedding */
    return RD_OK;
}

rd_status rd_marian_read_settings(rd_recipe *recipe, const rd_npz *npz) {
    rd_stored_tensor array;
    char *text, name[256];
    json_t *settings = NULL;
    RD_TRY(rd_npz_find(npz, SETTINGS, &array));
    if (strcmp(array.dtype, "I8") != 0 && strcmp(array.dtype, "U8") != 0)
        return rd_error(RD_ERR_FORMAT, "%s: array %s is not a text", npz->path, SETTINGS);
    RD_TRY(rd_npz_load(npz, &array, &text));
    size_t length = strnlen(text, array.n_bytes); /* a NUL ends it */
    snprintf(name, sizeof name, "%.200s, %s", npz->path, SETTINGS);
    rd_status status = rd_yaml_parse(&settings, name, text, length);
    free(text);
    const rd_foreign r = {npz->path, NULL, settings, recipe};
    if (status == RD_OK) status = read_network(&r);
    json_decref(settings);
    return status;
}

/* Off, or the one weight of the one model. */
static bool changes_nothing(const json_t *value) {
    const char *text = json_string_value(value);
    if (json_is_array(value) && json_array_size(value) < 2)
        return json_array_size(value) == 0 || changes_nothing(json_array_get(value, 0));
    if (!text) return !value || json_is_null(value);
    char *end;
    double number = rd_strtod(text, &end);
    return strcmp(text, "false") == 0 || (*end == '\0' && (number == 0 || number == 1));
}

static rd_status warn(const rd_foreign *r, rd_text *warnings) {
    static const char *const keys[] = {
        "output-sampling", "weights",      "n-best", "shortlist",     "alignment",
        "word-scores",     "force-decode", "tsv",    "no-spm-decode", "max-length-crop"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(r->values, keys[i]);
        if (changes_nothing(value)) continue;
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        if (!text) return rd_error(RD_ERR_MEMORY, "out of memory");
        rd_status status =
            rd_text_printf(warnings, "%s: %s: %.60s has no effect here\n", r->path, keys[i], text);
        free(text);
        RD_TRY(status);
    }
    return RD_OK;
}

rd_status rd_marian_read_search(rd_recipe *recipe, const char *path, const json_t *decoder,
                                rd_text *warnings) {
    const rd_foreign r = {path, NULL, decoder, recipe};
    RD_TRY(rd_foreign_set(&r, "beam", "beam-size", text_of(&r, "beam-size", "12")));
    RD_TRY(rd_foreign_set(&r, "lenpen", "normalize", text_of(&r, "normalize", "0")));
    RD_TRY(rd_foreign_set(&r, "max-len-a", "max-length-factor",
                          text_of(&r, "max-length-factor", "3")));
    RD_TRY(rd_foreign_set(&r, "max-len-b", "max-length-factor", "0"));
    char *end;
    const char *penalty = text_of(&r, "word-penalty", "0");
    if (rd_strtod(penalty, &end) != 0 || end == penalty) return unsupported(&r, "word-penalty");
    if (!is_true(&r, "allow-unk")) RD_TRY(rd_foreign_set(&r, "unkpen", "allow-unk", "1000000"));
    return warnings ? warn(&r, warnings) : RD_OK;
}
