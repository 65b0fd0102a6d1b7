/* Recipes as text: files of keys and values, and the list of all keys. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "recipe/recipe.h"
#include "recipe/recipe_keys.h"

rd_status rd_recipe_write_keys(const rd_recipe *recipe, const char *group,
                               bool (*wanted)(const rd_recipe *, const rd_key *), rd_text *out) {
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        if (group && strcmp(rd_recipe_group_of(key)->name, group) != 0) continue;
        if (!wanted(recipe, key)) continue;
        RD_TRY(rd_text_printf(out, "%s: ", key->name));
        RD_TRY(rd_recipe_format_key(recipe, key, out));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

static bool any_key(const rd_recipe *recipe, const rd_key *key) {
    (void)recipe;
    (void)key;
    return true;
}

rd_status rd_recipe_write(const rd_recipe *recipe, const char *group, rd_text *out) {
    return rd_recipe_write_keys(recipe, group, any_key, out);
}

/* Columns are kept, so that tables like those that a model was trained on can be predicted; and
 * what a language model has learnt to read at once. */
static bool is_of_config(const rd_recipe *recipe, const rd_key *key) {
    if (rd_is_listed("task source-lang target-lang joined-dictionary vocabulary line-end",
                     key->name))
        return true;
    if (rd_is_listed("tokens-per-sample sample-break-mode", key->name))
        return strcmp(recipe->task, "language_modeling") == 0;
    if (rd_recipe_group_of(key)->keys == rd_table_keys)
        return strcmp(recipe->task, "sentence_prediction") == 0;
    const char *group = rd_recipe_group_of(key)->name;
    return strcmp(group, "model") == 0 || strcmp(group, "search") == 0;
}

rd_status rd_recipe_write_config(const rd_recipe *recipe, rd_text *out) {
    return rd_recipe_write_keys(recipe, NULL, is_of_config, out);
}

static void describe_line(FILE *out, const char *name, const char *type, const char *default_value,
                          const char *help) {
    fprintf(out, "%-34s %-7s %-13s %s\n", name, type,
            default_value && *default_value ? default_value : "-", help);
}

static void describe_key(FILE *out, const rd_key *key) {
    describe_line(out, key->name, rd_key_type_name(key), key->default_value, key->help);
    for (int n = 0; key->names && key->names[n]; n++)
        fprintf(out, "%s%s%s", n ? ", " : "    one of: ", key->names[n],
                key->names[n + 1] ? "" : "\n");
    /* One that is another key's name means that key. */
    const char *at = key->aliases, *found;
    size_t n;
    while (at && (found = rd_next_name(&at, &n))) {
        char alias[64];
        snprintf(alias, sizeof alias, "%.*s", (int)n, found);
        if (rd_recipe_find_key(alias) == key) fprintf(out, "    also: %s\n", alias);
    }
}

void rd_recipe_describe(FILE *out) {
    char archs[RD_ARCH_NAMES_ROOM];
    rd_recipe_list_archs(archs);
    for (const rd_key *directive = rd_directive_keys; directive->name; directive++) {
        describe_key(out, directive);
        if (strcmp(directive->name, "arch") == 0) fprintf(out, "    one of: %s\n", archs);
    }
    const char *group = NULL;
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        const char *name = rd_recipe_group_of(key)->name;
        if (!group || strcmp(group, name) != 0) fprintf(out, "\n%s\n", name);
        group = name;
        describe_key(out, key);
    }
}
