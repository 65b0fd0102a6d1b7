/* The files that sentence-transformers puts next to an encoder: how to make one vector of a
 * sentence. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/bert.h"
#include "io/json.h"

static const char POOLING[] = "1_Pooling", SETTINGS[] = "sentence_bert_config.json";

enum { LARGEST_LIST = 1 << 20 };

static rd_status unsupported(const char *directory, const char *file, const char *what) {
    char shown[96];
    rd_escape(shown, sizeof shown, what);
    return rd_error(RD_ERR_UNSUPPORTED, "%s/%s: %s is not supported", directory, file, shown);
}

/* modules.json, a list; *modules NULL if it does not exist. */
static rd_status read_modules(const char *directory, json_t **modules) {
    char *path = rd_path_join(directory, "modules.json"), *bytes = NULL;
    size_t n;
    *modules = NULL;
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && rd_file_exists(path)) status = rd_read_file(path, LARGEST_LIST, &bytes, &n);
    if (bytes) status = rd_json_parse(modules, path, bytes, n);
    free(bytes);
    free(path);
    return status;
}

/* Vectors come from the transformer, are pooled, and have a length of 1. *pooling: the folder that
 * says how. */
static rd_status check_modules(const char *directory, const json_t *modules, const char **pooling) {
    static const char *const known[] = {".Transformer", ".Pooling", ".Normalize"};
    json_t *module;
    size_t i;
    json_array_foreach(modules, i, module) {
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *path = json_string_value(json_object_get(module, "path"));
        bool found = false;
        for (size_t k = 0; type && k < sizeof known / sizeof *known; k++)
            found = found || rd_ends_with(type, known[k]);
        if (!found)
            return unsupported(directory, "modules.json", type ? type : "a module without type");
        if (path && rd_ends_with(type, ".Pooling")) *pooling = path;
    }
    return RD_OK;
}

/* The mean over the root of the length has the same direction as the mean. */
static rd_status take_mode(const char *directory, const char *file, const char *mode,
                           rd_pooling *pooling) {
    if (!strcmp(mode, "mean") || !strcmp(mode, "mean_tokens") ||
        !strcmp(mode, "mean_sqrt_len_tokens"))
        *pooling = RD_POOL_MEAN;
    else if (!strcmp(mode, "cls") || !strcmp(mode, "cls_token"))
        *pooling = RD_POOL_FIRST;
    else
        return unsupported(directory, file, mode);
    return RD_OK;
}

/* "pooling_mode": "mean", a list of one of these or, before sentence-transformers 5.4,
 * "pooling_mode_mean_tokens": true; the default is the mean. */
static rd_status read_modes(const char *directory, const char *file, const json_t *config,
                            rd_pooling *pooling) {
    static const char prefix[] = "pooling_mode_";
    const json_t *named = json_object_get(config, "pooling_mode"), *value;
    const char *key;
    int n = 0;
    *pooling = RD_POOL_MEAN;
    if (json_is_array(named) && json_array_size(named) == 1) named = json_array_get(named, 0);
    if (json_is_string(named)) return take_mode(directory, file, json_string_value(named), pooling);
    if (named) return unsupported(directory, file, "this pooling_mode");
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        if (strncmp(key, prefix, strlen(prefix)) != 0 || !json_is_true(value)) continue;
        if (n++ > 0) return unsupported(directory, file, key);
        RD_TRY(take_mode(directory, file, key + strlen(prefix), pooling));
    }
    return RD_OK;
}

/* *found: the folder says so. */
static rd_status read_pooling(const char *directory, const char *folder, rd_pooling *pooling,
                              bool *found) {
    rd_text file = {0};
    json_t *config = NULL;
    *found = false;
    rd_status status = rd_text_printf(&file, "%s/config.json", folder);
    if (status == RD_OK) status = rd_has_file(directory, file.data, found);
    *pooling = RD_POOL_FIRST;
    if (status == RD_OK && *found) status = rd_json_read(directory, file.data, &config);
    if (status == RD_OK && *found) status = read_modes(directory, file.data, config, pooling);
    json_decref(config);
    rd_text_free(&file);
    return status;
}

static rd_status warn_of_pooling(const char *directory, rd_text *warnings) {
    return rd_text_printf(warnings,
                          "%s: no files of sentence-transformers: rdrop-predict --embed pools the "
                          "first token, where sentence-transformers would take the mean (--pooling "
                          "mean)\n",
                          directory);
}

/* sentence-transformers puts a default prompt before every sentence; this program does not. */
static rd_status warn_of_prompt(const char *directory, rd_text *warnings) {
    static const char file[] = "config_sentence_transformers.json";
    json_t *config;
    RD_TRY(rd_json_read_optional(directory, file, &config));
    const char *name = json_string_value(json_object_get(config, "default_prompt_name"));
    const char *prompt =
        json_string_value(json_object_get(json_object_get(config, "prompts"), name ? name : ""));
    rd_status status = RD_OK;
    if (prompt && *prompt)
        status = rd_text_printf(warnings,
                                "%s/%s: sentence-transformers begins every sentence with "
                                "\"%s\", which has to be in the text here\n",
                                directory, file, prompt);
    json_decref(config);
    return status;
}

/* {} where there are none. *name: the file, which older versions of sentence-transformers named
 * after the family of the model. */
static rd_status read_settings(const char *directory, json_t **config, const char **name) {
    static const char *const names[] = {SETTINGS,
                                        "sentence_roberta_config.json",
                                        "sentence_distilbert_config.json",
                                        "sentence_camembert_config.json",
                                        "sentence_albert_config.json",
                                        "sentence_xlm-roberta_config.json",
                                        "sentence_xlnet_config.json"};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++)
        RD_TRY(rd_has_file(directory, *name = names[i], &found));
    return rd_json_read_optional(directory, *name, config);
}

static rd_status check_case(const char *directory) {
    json_t *config;
    const char *name;
    RD_TRY(read_settings(directory, &config, &name));
    bool lower = json_is_true(json_object_get(config, "do_lower_case"));
    json_decref(config);
    return lower ? unsupported(directory, name, "do_lower_case") : RD_OK;
}

rd_status rd_sentence_transformers_read(rd_recipe *recipe, const char *directory,
                                        rd_text *warnings) {
    json_t *modules;
    const char *pooling = POOLING;
    bool said = false;
    RD_TRY(check_case(directory));
    RD_TRY(read_modules(directory, &modules));
    rd_status status = check_modules(directory, modules, &pooling);
    if (status == RD_OK) status = read_pooling(directory, pooling, &recipe->model.pooling, &said);
    if (status == RD_OK && !modules && !said && warnings)
        status = warn_of_pooling(directory, warnings);
    if (status == RD_OK && warnings) status = warn_of_prompt(directory, warnings);
    json_decref(modules);
    return status;
}

rd_status rd_sentence_transformers_read_longest(rd_recipe *recipe, const char *directory) {
    json_t *config, *tokenizer;
    const char *name;
    RD_TRY(read_settings(directory, &config, &name));
    double longest = json_number_value(json_object_get(config, "max_seq_length"));
    json_decref(config);
    RD_TRY(rd_json_read_optional(directory, "tokenizer_config.json", &tokenizer));
    if (longest < 3) longest = json_number_value(json_object_get(tokenizer, "model_max_length"));
    json_decref(tokenizer);
    if (longest > recipe->model.max_source_positions) longest = recipe->model.max_source_positions;
    if (longest >= 3) recipe->table.longest = (int32_t)longest;
    return RD_OK;
}

static json_t *module(int number, const char *path, const char *type) {
    char name[2] = {(char)('0' + number), '\0'};
    return json_pack("{s:i, s:s, s:s, s:s+}", "idx", number, "name", name, "path", path, "type",
                     "sentence_transformers.models.", type);
}

rd_status rd_sentence_transformers_write(const rd_recipe *recipe, const char *directory) {
    bool mean = recipe->model.pooling == RD_POOL_MEAN;
    char *pooling = rd_path_join(directory, POOLING);
    rd_status status = pooling ? rd_make_directories(pooling) : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = rd_json_write(pooling, "config.json",
                               json_pack("{s:i, s:b, s:b}", "word_embedding_dimension",
                                         (int)recipe->model.d_model, "pooling_mode_cls_token",
                                         (int)!mean, "pooling_mode_mean_tokens", (int)mean));
    free(pooling);
    RD_TRY(status);
    int32_t longest = recipe->table.longest, positions = recipe->model.max_source_positions;
    RD_TRY(rd_json_write(directory, SETTINGS,
                         json_pack("{s:i, s:b}", "max_seq_length",
                                   (int)(longest < positions ? longest : positions),
                                   "do_lower_case", 0)));
    return rd_json_write(directory, "modules.json",
                         json_pack("[o, o, o]", module(0, "", "Transformer"),
                                   module(1, POOLING, "Pooling"),
                                   module(2, "2_Normalize", "Normalize")));
}
