/* What sentence-transformers puts next to an encoder: how one vector is made of a sentence. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/bert.h"
#include "io/json.h"
#include "io/output.h"

static const char POOLING[] = "1_Pooling";

enum { LARGEST_LIST = 1 << 20 };

static rd_status unsupported(const char *directory, const char *file, const char *what) {
    char shown[96];
    rd_escape(shown, sizeof shown, what);
    return rd_error(RD_ERR_UNSUPPORTED, "%s/%s: %s is not supported", directory, file, shown);
}

/* modules.json, a list; *modules NULL where it is not there. */
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

/* Vectors come from the transformer, are pooled, and have a length of 1. */
static rd_status check_modules(const char *directory) {
    static const char *const known[] = {".Transformer", ".Pooling", ".Normalize"};
    json_t *modules, *module;
    size_t i;
    RD_TRY(read_modules(directory, &modules));
    rd_status status = RD_OK;
    json_array_foreach(modules, i, module) {
        const char *type = json_string_value(json_object_get(module, "type"));
        bool found = false;
        for (size_t k = 0; type && k < sizeof known / sizeof *known; k++)
            found = found || rd_ends_with(type, known[k]);
        if (!found && status == RD_OK)
            status = unsupported(directory, "modules.json", type ? type : "a module without type");
    }
    json_decref(modules);
    return status;
}

/* The mean over the root of the length points where the mean does. */
static rd_status read_pooling(const char *directory, rd_pooling *pooling) {
    static const char prefix[] = "pooling_mode_", file[] = "1_Pooling/config.json";
    json_t *config, *value;
    const char *key;
    int n = 0;
    RD_TRY(rd_json_read_optional(directory, file, &config));
    rd_status status = RD_OK;
    *pooling = RD_POOL_FIRST;
    json_object_foreach(config, key, value) {
        if (strncmp(key, prefix, strlen(prefix)) != 0 || !json_is_true(value)) continue;
        bool mean = strcmp(key, "pooling_mode_mean_tokens") == 0 ||
                    strcmp(key, "pooling_mode_mean_sqrt_len_tokens") == 0;
        bool known = mean || strcmp(key, "pooling_mode_cls_token") == 0;
        if (mean) *pooling = RD_POOL_MEAN;
        if (status == RD_OK && (!known || n++ > 0)) status = unsupported(directory, file, key);
    }
    json_decref(config);
    return status;
}

static rd_status read_limits(rd_recipe *recipe, const char *directory) {
    static const char file[] = "sentence_bert_config.json";
    json_t *config;
    RD_TRY(rd_json_read_optional(directory, file, &config));
    json_int_t longest = json_integer_value(json_object_get(config, "max_seq_length"));
    bool lower = json_is_true(json_object_get(config, "do_lower_case"));
    json_decref(config);
    if (lower) return unsupported(directory, file, "do_lower_case");
    if (longest >= 3 && longest <= recipe->model.max_source_positions)
        recipe->table.longest = (int32_t)longest;
    return RD_OK;
}

rd_status rd_sentence_transformers_read(rd_recipe *recipe, const char *directory) {
    RD_TRY(check_modules(directory));
    RD_TRY(read_pooling(directory, &recipe->model.pooling));
    return read_limits(recipe, directory);
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
    RD_TRY(rd_json_write(
        directory, "sentence_bert_config.json",
        json_pack("{s:i, s:b}", "max_seq_length", (int)recipe->table.longest, "do_lower_case", 0)));
    return rd_json_write(directory, "modules.json",
                         json_pack("[o, o, o]", module(0, "", "Transformer"),
                                   module(1, POOLING, "Pooling"),
                                   module(2, "2_Normalize", "Normalize")));
}
