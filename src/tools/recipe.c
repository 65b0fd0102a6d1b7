/* rdrop-recipe: shows what a recipe comes to, for people and for recipes/run.sh. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "recipe/recipe_keys.h"
#include "tools/common/start.h"

static const char help[] =
    "Usage: rdrop-recipe RECIPE [--set KEY=VALUE]... [--get KEY]\n"
    "       rdrop-recipe --help-recipe\n"
    "Checks a recipe and prints all its keys with their values, defaults included.\n"
    "      --set KEY=VALUE   override a key of the recipe; may be repeated\n"
    "      --get KEY         print one value only\n"
    "      --help-recipe     all keys: type, default, meaning\n";

static int fail(int code) {
    fprintf(stderr, "rdrop-recipe: %s\n", rd_last_error());
    return code;
}

static int usage(const char *message) {
    fprintf(stderr, "rdrop-recipe: %s (see rdrop-recipe --help)\n", message);
    return 2;
}

/* Strings bare, for shell scripts; everything else as the recipe writes it. */
static int print_one(const rd_recipe *recipe, const char *name) {
    const rd_key *key = rd_recipe_find_key(name);
    if (!key) {
        fprintf(stderr, "rdrop-recipe: no key '%s'\n", name);
        return 2;
    }
    if (key->type == RD_KEY_STRING) {
        puts(*(char *const *)((const char *)recipe + key->offset));
        return 0;
    }
    char text[256];
    if (rd_recipe_format_key(recipe, key, text, sizeof text) != RD_OK) return fail(1);
    puts(text);
    return 0;
}

static int print_all(const rd_recipe *recipe) {
    if (rd_recipe_write(recipe, stdout) != RD_OK) return fail(1);
    return 0;
}

int main(int argc, char **argv) {
    start_program();
    static const struct option options[] = {{"set", required_argument, NULL, 's'},
                                            {"get", required_argument, NULL, 'g'},
                                            {"help-recipe", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char **settings = rd_calloc((size_t)argc, sizeof *settings);
    if (!settings) return fail(1);
    int n_settings = 0, option;
    const char *get = NULL;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 's')
            settings[n_settings++] = optarg;
        else if (option == 'g')
            get = optarg;
        else {
            free(settings);
            if (option == 'r') rd_recipe_describe(stdout);
            if (option == 'h') fputs(help, stdout);
            return option == '?' ? usage("unknown option, or one without its value") : 0;
        }
    }
    rd_recipe *recipe = NULL;
    int code;
    if (optind + 1 != argc)
        code = usage("expected one recipe file");
    else if (rd_recipe_load(&recipe, argv[optind], settings, n_settings) != RD_OK)
        code = fail(1);
    else
        code = get ? print_one(recipe, get) : print_all(recipe);
    free(settings);
    rd_recipe_free(recipe);
    if (fflush(stdout) != 0 && code == 0) {
        fputs("rdrop-recipe: cannot write to standard output\n", stderr);
        code = 1;
    }
    return code;
}
