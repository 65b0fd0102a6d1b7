/* rdrop-recipe: shows all settings of a recipe, for people and for recipes/run.sh, which it also
 * starts. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/file.h"
#include "data/vocab_files.h"
#include "recipe/recipe_keys.h"
#include "task/task.h"
#include "tools/common/options.h"
#include "tools/common/start.h"

static const char *const group_names[] = {"data", "model", "train", "search", "score", NULL};

typedef struct {
    options_list recipe, settings, groups;
    const char *get;
    bool help_recipe, vocabulary_files;
} arguments;

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key options[] = {
    {"set", RD_KEY_LIST, RD_AT(settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {"get", RD_KEY_WORD, RD_AT(get), .value = "KEY",
     .help = "print the value of one key; of prepare, where the script is"},
    {"group", RD_KEY_WORDS, RD_AT(groups), .value = "GROUP", .names = group_names,
     .help = "print the keys of these groups"},
    {"help-recipe", RD_KEY_BOOL, RD_AT(help_recipe),
     .help = "all keys, group by group: type, default, meaning"},
    {"vocabulary-files", RD_KEY_BOOL, RD_AT(vocabulary_files),
     .help = "the names of all files that may make a vocabulary, one a line"},
    {.name = NULL}};
/* clang-format on */

static const options_group groups[] = {{.heading = "Options", .keys = options}, {.heading = NULL}};
/* For the man page. */
static options_group describe(int index) {
    if (index == 0) return (options_group){.heading = "Of the file", .keys = rd_directive_keys};
    const rd_recipe_group *group = &rd_recipe_groups[index - 1];
    return (options_group){.heading = group->heading, .keys = group->keys};
}

static const options_relation relations[] = {{"get", OPTIONS_EXCLUDES, "group"}, {.name = NULL}};
static const options_section sections[] = {{"Exit status", "0 done, 1 failed, 2 wrong usage."},
                                           {.heading = NULL}};
static const char *const synopsis[] = {"RECIPE [--set KEY=VALUE]... [--get KEY | --group GROUP...]",
                                       "--help-recipe", "--vocabulary-files",
                                       "run NAME [OPTION of recipes/run.sh]...", NULL};
static const options_program program = {
    .name = "rdrop-recipe",
    .summary = "shows all settings of a recipe",
    .synopsis = synopsis,
    .description = "Checks a recipe and prints all its keys with their values, defaults included.\n"
                   "`run NAME` goes from the recipe to scores with the programs next to this one: "
                   "it starts recipes/run.sh of the checkout, or of the installed copy, which then "
                   "writes into out/NAME of the current directory; `run --help` has its options.",
    .operand = "RECIPE",
    .operand_help = "YAML file",
    .most_operands = 1,
    .operands = RD_AT(recipe),
    .find_setting = rd_recipe_find_key,
    .groups = groups,
    .relations = relations,
    .sections = sections,
    .describe = describe};
#undef RD_AT

/* Strings bare, for shell scripts; everything else as the recipe writes it. */
static int print_one(const rd_recipe *recipe, const char *name) {
    const rd_key *key = rd_recipe_find_key(name), *directive = rd_key_find(rd_directive_keys, name);
    if (directive)
        return options_usage(&program, "no value of '%s' is kept: it means %s", name,
                             directive->help);
    if (!key) {
        const char *nearest = rd_recipe_nearest_key(name);
        return options_usage(&program, "no key '%s'%s%s%s", name, nearest ? "; did you mean '" : "",
                             nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (key->type == RD_KEY_STRING) {
        bool script = recipe->script && strcmp(name, "prepare") == 0;
        puts(script ? recipe->script : rd_recipe_string(recipe, key));
        return 0;
    }
    rd_text text = {0};
    rd_status status = rd_recipe_format_key(recipe, key, &text);
    if (status == RD_OK) puts(text.data);
    rd_text_free(&text);
    return status == RD_OK ? 0 : options_fail(&program);
}

static bool has_group(const options_list *list, const char *name) {
    for (int i = 0; i < list->n; i++)
        if (rd_is_listed(list->items[i], name)) return true;
    return false;
}

static int print_recipe(const rd_recipe *recipe, const arguments *a) {
    if (a->get) return print_one(recipe, a->get);
    rd_text text = {0};
    rd_status status = a->groups.n ? RD_OK : rd_recipe_write(recipe, NULL, &text);
    for (int i = 0; status == RD_OK && group_names[i]; i++)
        if (has_group(&a->groups, group_names[i]))
            status = rd_recipe_write(recipe, group_names[i], &text);
    if (status == RD_OK && text.data) fputs(text.data, stdout);
    rd_text_free(&text);
    return status == RD_OK ? 0 : options_fail(&program);
}

static int print_vocabulary_files(void) {
    const char *names[RD_MOST_VOCABULARY_FILES + 1];
    rd_vocabularies_list(names);
    for (int i = 0; names[i]; i++) puts(names[i]);
    return 0;
}

static int run(const arguments *a) {
    rd_recipe *recipe = NULL;
    if (a->vocabulary_files) return print_vocabulary_files();
    if (a->help_recipe) {
        rd_recipe_describe(stdout);
        return 0;
    }
    if (a->recipe.n == 0) return options_usage(&program, "expected one RECIPE");
    if (rd_recipe_load(&recipe, a->recipe.items[0], a->settings.items, a->settings.n) != RD_OK)
        return options_fail(&program);
    /* Said now, not when all stages before the training are done. */
    const rd_task *task;
    const rd_result_kind *metric;
    int code = rd_task_check(recipe, &task, &metric) == RD_OK ? print_recipe(recipe, a)
                                                              : options_fail(&program);
    rd_recipe_free(recipe);
    return code;
}

/* The folder that this program is in, malloc'ed. */
static rd_status own_folder(char **folder) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 1) return rd_error(RD_ERR_IO, "/proc/self/exe: cannot read: %s", strerror(errno));
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    return (*folder = rd_strdup(path)) ? RD_OK : RD_ERR_MEMORY;
}

/* Installed, the scripts are in ../share/rdrop/recipes of the programs; in a checkout, in
 * ../recipes of the build. */
static rd_status find_script(const char *folder, rd_text *script) {
    static const char *const places[] = {"../share/rdrop/recipes/run.sh", "../recipes/run.sh"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        rd_text_clear(script);
        RD_TRY(rd_text_printf(script, "%s/%s", folder, places[i]));
        if (rd_file_exists(script->data)) return RD_OK;
    }
    return rd_error(RD_ERR_IO, "no run.sh in %s/%s or %s/%s", folder, places[0], folder, places[1]);
}

/* Becomes run.sh with the arguments after `run`; returns only if that fails. */
static rd_status become_script(char **words, char **folder, rd_text *script) {
    RD_TRY(own_folder(folder));
    RD_TRY(find_script(*folder, script));
    if (setenv("RDROP_BIN", *folder, 0) != 0) return RD_ERR_MEMORY;
    words[0] = script->data; /* in the place of "run" */
    words[-1] = "bash";
    execvp("bash", words - 1);
    return rd_error(RD_ERR_IO, "cannot start bash: %s", strerror(errno));
}

static int run_script(char **words) {
    char *folder = NULL;
    rd_text script = {0};
    become_script(words, &folder, &script);
    rd_text_free(&script);
    free(folder);
    return options_fail(&program);
}

int main(int argc, char **argv) {
    start_program();
    if (argc > 1 && strcmp(argv[1], "run") == 0) return run_script(argv + 1);
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
