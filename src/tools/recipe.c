/* rdrop-recipe: shows what a recipe comes to, for people and for recipes/run.sh. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "recipe/recipe_keys.h"
#include "task/task.h"
#include "tools/common/options.h"
#include "tools/common/start.h"

static const char *const group_names[] = {"data", "model", "train", "search", "score", NULL};

typedef struct {
    options_list recipe, settings, groups;
    const char *get;
    bool help_recipe;
} arguments;

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key options[] = {
    {"set", RD_KEY_LIST, RD_AT(settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {"get", RD_KEY_WORD, RD_AT(get), .value = "KEY", .help = "print the value of one key"},
    {"group", RD_KEY_WORDS, RD_AT(groups), .value = "GROUP", .names = group_names,
     .help = "print the keys of these groups"},
    {"help-recipe", RD_KEY_BOOL, RD_AT(help_recipe),
     .help = "all keys, group by group: type, default, meaning"},
    {.name = NULL}};
/* clang-format on */

static const options_group groups[] = {{.heading = "Options", .keys = options}, {.heading = NULL}};
static const options_relation relations[] = {{"get", OPTIONS_EXCLUDES, "group"}, {.name = NULL}};
static const options_section sections[] = {{"Exit status", "0 done, 1 failed, 2 wrong usage."},
                                           {.heading = NULL}};
static const char *const synopsis[] = {"RECIPE [--set KEY=VALUE]... [--get KEY | --group GROUP...]",
                                       "--help-recipe", NULL};
static const options_program program = {
    .name = "rdrop-recipe",
    .summary = "shows what a recipe comes to",
    .synopsis = synopsis,
    .description = "Checks a recipe and prints all its keys with their values, defaults included.",
    .operand = "RECIPE",
    .operand_help = "YAML file",
    .most_operands = 1,
    .operands = RD_AT(recipe),
    .find_setting = rd_recipe_find_key,
    .groups = groups,
    .relations = relations,
    .sections = sections};
#undef RD_AT

/* Strings bare, for shell scripts; everything else as the recipe writes it. */
static int print_one(const rd_recipe *recipe, const char *name) {
    const rd_key *key = rd_recipe_find_key(name);
    if (!key) {
        const char *nearest = rd_recipe_nearest_key(name);
        return options_usage(&program, "no key '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                             nearest ? nearest : "", nearest ? "'?" : "");
    }
    char text[RD_KEY_TEXT_ROOM];
    if (key->type == RD_KEY_STRING) {
        puts(rd_recipe_string(recipe, key));
        return 0;
    }
    if (rd_recipe_format_key(recipe, key, text, sizeof text) != RD_OK)
        return options_fail(&program);
    puts(text);
    return 0;
}

static int has_group(const options_list *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        for (const char *at = list->items[i]; *at; at += strspn(at, ", ")) {
            size_t length = strcspn(at, ", ");
            if (strlen(name) == length && memcmp(at, name, length) == 0) return 1;
            at += length;
        }
    return 0;
}

static int print_recipe(const rd_recipe *recipe, const arguments *a) {
    if (a->get) return print_one(recipe, a->get);
    rd_status status = a->groups.n ? RD_OK : rd_recipe_write(recipe, stdout);
    for (int i = 0; status == RD_OK && group_names[i]; i++)
        if (has_group(&a->groups, group_names[i]))
            status = rd_recipe_write_group(recipe, group_names[i], stdout);
    return status == RD_OK ? 0 : options_fail(&program);
}

static int run(const arguments *a) {
    rd_recipe *recipe = NULL;
    if (a->help_recipe) {
        rd_recipe_describe(stdout);
        return 0;
    }
    if (a->recipe.n == 0) return options_usage(&program, "expected one RECIPE");
    if (rd_recipe_load(&recipe, a->recipe.items[0], a->settings.items, a->settings.n) != RD_OK)
        return options_fail(&program);
    /* Said now, not when all stages before the training are done. */
    int code = rd_task_check(recipe) == RD_OK ? print_recipe(recipe, a) : options_fail(&program);
    rd_recipe_free(recipe);
    return code;
}

int main(int argc, char **argv) {
    start_program();
    arguments a = {.get = NULL};
    options_given given;
    int code = options_parse(&given, &program, &a, argc, argv);
    if (code < 0) {
        code = run(&a);
        int printed = options_print(&program, "");
        if (code == 0) code = printed;
    }
    options_free(&given);
    return code;
}
