#include "recipe/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/vocab.h"
#include "recipe/recipe_keys.h"

/* Puts the place of an assignment before the current message. */
static rd_status located(rd_status status, const rd_assignment *item) {
    if (status != RD_ERR_FORMAT) return status;
    if (item->file) return rd_error_prefix(status, "%s:%d", item->file, item->line);
    return rd_error_prefix(status, "--set %.80s=%.80s", item->key, item->value);
}

static rd_status unknown_key(const char *name) {
    const char *nearest = rd_recipe_nearest_key(name);
    if (nearest)
        return rd_error(RD_ERR_FORMAT, "unknown key '%.80s'; did you mean '%s'?", name, nearest);
    return rd_error(RD_ERR_FORMAT, "unknown key '%.80s'; rdrop-recipe --help-recipe lists all keys",
                    name);
}

static rd_status set_named(rd_recipe *recipe, const char *name, const char *value,
                           rd_key_origin origin) {
    const rd_key *key = rd_recipe_find_key(name);
    if (!key) return unknown_key(name);
    recipe->origins[rd_recipe_key_index(key)] = origin;
    return rd_recipe_set_key(recipe, key, value);
}

/* Also in fairseq's spelling: transformer_iwslt_de_en. */
static bool is_arch(const char *written, const char *name) {
    for (; *name && (*written == *name || (*written == '_' && *name == '-')); name++) written++;
    return *written == *name;
}

/* only: the one key that is set; NULL: all. */
static rd_status apply_arch(rd_recipe *recipe, const char *name, const rd_key *only) {
    for (int i = 0; i < rd_recipe_n_archs; i++) {
        if (!is_arch(name, rd_recipe_archs[i].name)) continue;
        for (const rd_arch_value *v = rd_recipe_archs[i].values; v->key; v++)
            if (!only || rd_recipe_find_key(v->key) == only)
                RD_TRY(set_named(recipe, v->key, v->value, RD_BY_ARCH));
        return RD_OK;
    }
    char names[RD_ARCH_NAMES_ROOM];
    rd_recipe_list_archs(names);
    return rd_error(RD_ERR_FORMAT, "arch is '%.60s'; expected one of %s", name, names);
}

/* NULL: it is not set, or no longer. */
static const rd_assignment *last_of(const rd_assignments *assignments, const char *key) {
    for (int64_t i = assignments->count - 1; i >= 0; i--)
        if (strcmp(assignments->items[i].key, key) == 0)
            return assignments->items[i].value ? &assignments->items[i] : NULL;
    return NULL;
}

static bool are_of_one_file(const rd_assignment *a, const rd_assignment *b) {
    return a->file && b->file ? strcmp(a->file, b->file) == 0 : a->file == b->file;
}

/* The first assignment of the file that sets the task: those before it may be of another task. */
static int64_t first_of_task(const rd_assignments *assignments) {
    int64_t i = assignments->count - 1;
    while (i >= 0 && strcmp(assignments->items[i].key, "task") != 0) i--;
    while (i > 0 && are_of_one_file(&assignments->items[i - 1], &assignments->items[i])) i--;
    return i < 0 ? 0 : i;
}

static rd_status set_defaults(rd_recipe *recipe) {
    recipe->origins = rd_calloc((size_t)rd_recipe_key_count(), sizeof *recipe->origins);
    if (!recipe->origins) return RD_ERR_MEMORY;
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        RD_TRY(rd_key_set_defaults((char *)recipe + group->offset, group->keys));
    return RD_OK;
}

rd_status rd_recipe_new(rd_recipe **out) {
    *out = NULL;
    rd_recipe *recipe = rd_calloc(1, sizeof *recipe);
    if (!recipe) return RD_ERR_MEMORY;
    rd_status status = set_defaults(recipe);
    if (status == RD_OK)
        *out = recipe;
    else
        rd_recipe_free(recipe);
    return status;
}

/* What an extended recipe says of the key is taken back; the arch's value is not. */
static rd_status unset(rd_recipe *recipe, const char *name, const rd_assignment *arch) {
    const rd_key *key = rd_recipe_find_key(name);
    if (!key) return unknown_key(name);
    RD_TRY(set_named(recipe, name, key->default_value ? key->default_value : "", RD_BY_DEFAULT));
    return arch ? apply_arch(recipe, arch->value, key) : RD_OK;
}

static rd_status assign(rd_recipe *recipe, const rd_assignment *item, const rd_assignment *arch,
                        rd_key_origin origin) {
    static const char *const sizes[] = {"vocab-size-src", "vocab-size-tgt"};
    bool both = strcmp(item->key, "vocab-size") == 0;
    if (strcmp(item->key, "arch") == 0) return RD_OK; /* applied before all others */
    if (strcmp(item->key, "extends") == 0)
        return rd_error(RD_ERR_FORMAT, "extends belongs in a recipe file");
    for (int i = 0; i < (both ? 2 : 1); i++) {
        const char *name = both ? sizes[i] : item->key;
        rd_status status = item->value ? set_named(recipe, name, item->value, origin)
                                       : unset(recipe, name, arch);
        if (status != RD_OK) return both ? rd_error_prefix(status, "vocab-size") : status;
    }
    return RD_OK;
}

/* Defaults, then the arch, then what is written down: explicit keys win wherever they are. */
static rd_status resolve(rd_recipe *recipe, const rd_assignments *assignments) {
    RD_TRY(set_defaults(recipe));
    const rd_assignment *arch = last_of(assignments, "arch");
    if (arch) {
        rd_status status = apply_arch(recipe, arch->value, NULL);
        if (status != RD_OK) return located(status, arch);
    }
    int64_t first = first_of_task(assignments);
    for (int64_t i = 0; i < assignments->count; i++) {
        rd_status status = assign(recipe, &assignments->items[i], arch,
                                  i < first ? RD_INHERITED : RD_WRITTEN_DOWN);
        if (status != RD_OK) return located(status, &assignments->items[i]);
    }
    /* Residual connections and cross-attention need one width; fairseq names it twice. */
    const rd_assignment *encoder = last_of(assignments, "encoder-embed-dim");
    const rd_assignment *decoder = last_of(assignments, "decoder-embed-dim");
    if (encoder && decoder && strtol(encoder->value, NULL, 10) != strtol(decoder->value, NULL, 10))
        return located(rd_error(RD_ERR_FORMAT,
                                "decoder-embed-dim %.20s differs from encoder-embed-dim %.20s; "
                                "both must be the same",
                                decoder->value, encoder->value),
                       decoder);
    return RD_OK;
}

/* name and directory of "recipes/x.yaml": "x" and "recipes". */
static rd_status name_recipe(rd_recipe *recipe, const char *path) {
    const char *slash = strrchr(path, '/');
    recipe->name = rd_strdup(slash ? slash + 1 : path);
    recipe->directory = rd_path_parent(path);
    if (!recipe->name || !recipe->directory) return RD_ERR_MEMORY;
    char *dot = strrchr(recipe->name, '.');
    if (dot && dot != recipe->name) *dot = '\0';
    return RD_OK;
}

/* A script's path is relative to the file that names it: this recipe, or one that it extends. */
static rd_status find_script(rd_recipe *recipe, const char *path,
                             const rd_assignments *assignments) {
    const rd_assignment *prepare = last_of(assignments, "prepare");
    if (!prepare || !*recipe->data.prepare) return RD_OK;
    recipe->script = rd_recipe_beside(prepare->file ? prepare->file : path, recipe->data.prepare);
    return recipe->script ? RD_OK : RD_ERR_MEMORY;
}

static rd_status add_setting(rd_assignments *assignments, const char *setting) {
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting)
        return rd_error(RD_ERR_FORMAT, "--set %.80s: expected key=value", setting);
    rd_text key = {0}, value = {0};
    rd_status status = rd_text_append(&key, setting, (size_t)(equals - setting));
    if (status == RD_OK) status = rd_recipe_setting_text(key.data, equals + 1, &value);
    if (status == RD_OK)
        status = rd_assignments_add(assignments, key.data, value.data ? value.data : "", NULL, 0);
    rd_text_free(&key);
    rd_text_free(&value);
    return status;
}

/* The recipe of a file and settings, without those of a model that it starts from. assignments:
 * receives what they set; or NULL. */
static rd_status load_own(rd_recipe **out, const char *path, const char *const *settings,
                          int n_settings, rd_assignments *assignments) {
    rd_assignments own = {0}, *all = assignments ? assignments : &own;
    rd_recipe *recipe = *out = rd_calloc(1, sizeof *recipe);
    if (!recipe) return RD_ERR_MEMORY;
    rd_status status = name_recipe(recipe, path);
    if (status == RD_OK) status = rd_recipe_read_file(all, path);
    for (int i = 0; status == RD_OK && i < n_settings; i++) status = add_setting(all, settings[i]);
    if (status == RD_OK) status = resolve(recipe, all);
    if (status == RD_OK) status = find_script(recipe, path, all);
    rd_assignments_free(&own);
    return status;
}

/* How a model was made to read its data: fine-tuning reads it the same way, unless the recipe says
 * otherwise, which training then refuses. Without such a model directory (yet) nothing is taken. */
static rd_status adopt_from_model(rd_recipe *recipe, const rd_assignments *assignments) {
    static const char *const keys[] = {"joined-dictionary", "prepend-bos", "line-end"};
    const char *directory = recipe->train.finetune_from_model;
    char *path = *directory ? rd_path_join(directory, "config.yaml") : NULL;
    if (!path) return *directory ? RD_ERR_MEMORY : RD_OK;
    rd_recipe *model = NULL;
    rd_status status = RD_OK;
    if (rd_file_exists(path)) {
        status = load_own(&model, path, NULL, 0, NULL);
        if (status != RD_OK) status = rd_error_prefix(status, "finetune-from-model");
    }
    for (size_t i = 0; model && status == RD_OK && i < sizeof keys / sizeof *keys; i++) {
        const rd_key *key = rd_recipe_find_key(keys[i]);
        if (!last_of(assignments, keys[i])) status = rd_recipe_copy_key(recipe, model, key);
    }
    rd_recipe_free(model);
    free(path);
    return status;
}

static rd_status complete(rd_recipe *recipe, const char *path,
                          rd_status (*check)(const rd_recipe *)) {
    rd_status status = rd_recipe_check(recipe);
    if (status == RD_OK) status = rd_recipe_choose_score(recipe);
    if (status == RD_OK) status = check(recipe);
    if (status != RD_OK) return rd_error_prefix(status, "%s", path);
    /* A decay without an end of its own ends with training. */
    if (rd_lr_decays(&recipe->optim) && recipe->optim.total_num_update == 0)
        recipe->optim.total_num_update = recipe->train.max_update;
    if (*recipe->data.vocab_from) return RD_OK;
    /* the pieces that the weights are of */
    return rd_recipe_set_key(recipe, rd_recipe_find_key("vocab-from"),
                             recipe->train.finetune_from_model);
}

/* config: of a model, which says all of it itself. */
static rd_status load(rd_recipe **out, const char *path, const char *const *settings,
                      int n_settings, bool config, rd_status (*check)(const rd_recipe *)) {
    rd_assignments assignments = {0};
    rd_status status = load_own(out, path, settings, n_settings, &assignments);
    if (status == RD_OK && !config) status = adopt_from_model(*out, &assignments);
    if (status == RD_OK) status = complete(*out, path, check);
    rd_assignments_free(&assignments);
    if (status == RD_OK) return RD_OK;
    rd_recipe_free(*out);
    *out = NULL;
    return status;
}

rd_status rd_recipe_load(rd_recipe **recipe, const char *path, const char *const *settings,
                         int n_settings) {
    return load(recipe, path, settings, n_settings, false, rd_recipe_check_training);
}

static rd_status accept(const rd_recipe *recipe) {
    (void)recipe;
    return RD_OK;
}

rd_status rd_recipe_load_config(rd_recipe **recipe, const char *path) {
    return load(recipe, path, NULL, 0, true, accept);
}

void rd_recipe_free(rd_recipe *recipe) {
    if (!recipe) return;
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++)
        if (key->type == RD_KEY_STRING) free((char *)(uintptr_t)rd_recipe_string(recipe, key));
    free(recipe->name);
    free(recipe->directory);
    free(recipe->script);
    free(recipe->origins);
    free(recipe);
}

bool rd_recipe_is_written(const rd_recipe *recipe, const char *name) {
    return recipe->origins[rd_recipe_key_index(rd_recipe_find_key(name))] >= RD_INHERITED;
}

bool rd_recipe_vocab_size_differs(const rd_recipe *recipe, int32_t source, int32_t target,
                                  char *message, size_t room) {
    const rd_data_config *d = &recipe->data;
    if (rd_vocab_is_dictionary(d->vocab_type)) return false;
    bool differs[2] = {
        rd_recipe_is_written(recipe, "vocab-size-src") && d->vocab_size_src != source,
        rd_recipe_is_written(recipe, "vocab-size-tgt") && d->vocab_size_tgt != target};
    if (!differs[0] && !differs[1]) return false;
    snprintf(message, room, "vocab-size%s is %d, but the %svocabulary has %d pieces",
             d->joined_dictionary ? ""
             : differs[0]         ? "-src"
                                  : "-tgt",
             differs[0] ? d->vocab_size_src : d->vocab_size_tgt,
             d->joined_dictionary ? ""
             : differs[0]         ? "source "
                                  : "target ",
             differs[0] ? source : target);
    return true;
}
