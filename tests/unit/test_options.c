/* The table of a command line: how words become values, and which words make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/common/options.h"

typedef enum { RED, GREEN } colour;
static const char *const colours[] = {"red", "green", NULL};

typedef struct {
    int32_t count;
    float share;
    bool loud;
} settings;

typedef struct {
    options_list operands, files, metrics, set;
    const char *name;
    colour colour;
    settings settings;
} arguments;

static const rd_key own[] = {
    {"file", RD_KEY_LIST, offsetof(arguments, files), .help = "a file", .aliases = "f input"},
    {"metric", RD_KEY_WORDS, offsetof(arguments, metrics), .names = colours, .help = "m"},
    {"set", RD_KEY_LIST, offsetof(arguments, set), .help = "a setting"},
    {"name", RD_KEY_WORD, offsetof(arguments, name), .default_value = "nobody", .help = "n"},
    {"colour", RD_KEY_ENUM, offsetof(arguments, colour), .names = colours, .help = "c"},
    {"green", RD_KEY_CONSTANT, offsetof(arguments, colour), GREEN, .help = "--colour green"},
    {.name = NULL}};
static const rd_key shared[] = {
    {"count", RD_KEY_INT32, offsetof(settings, count), 1, 9, "5", .help = "h",
     .aliases = "n-count"},
    {"share", RD_KEY_FLOAT, offsetof(settings, share), 0, 1, "0.5", .help = "h"},
    {"shade", RD_KEY_FLOAT, offsetof(settings, share), 0, 1, .help = "not an option"},
    {"loud", RD_KEY_BOOL, offsetof(settings, loud), .default_value = "false", .help = "h"},
    {.name = NULL}};
static const rd_key recipe[] = {{"depth", RD_KEY_INT32, 1000, 1, 6, "3", .help = "d"},
                                {"text", RD_KEY_STRING, 2000, .help = "t"},
                                {.name = NULL}};
static const char *const some[] = {"count", "share", "loud", NULL};
static const options_group groups[] = {
    {.heading = "Own", .keys = own},
    {.heading = "Shared", .keys = shared, .only = some, .offset = offsetof(arguments, settings)},
    {.heading = "Recipe", .keys = recipe, .are_settings = true, .offset = offsetof(arguments, set)},
    {.heading = NULL}};
static const options_relation relations[] = {{"file", OPTIONS_IS_REQUIRED, "FILE"},
                                             {"loud", OPTIONS_EXCLUDES, "share"},
                                             {"depth", OPTIONS_NEEDS, "name"},
                                             {.name = NULL}};
static const options_section sections[] = {{"Notes", ".dots. And back\\slashes\n  an example"},
                                           {.heading = NULL}};
static const char *const synopsis[] = {"WORD...", NULL};
static const options_program program = {.name = "toy",
                                        .summary = "a toy",
                                        .synopsis = synopsis,
                                        .description = "Does nothing.",
                                        .operand = "WORD",
                                        .least_operands = 1,
                                        .most_operands = 2,
                                        .operands = offsetof(arguments, operands),
                                        .groups = groups,
                                        .relations = relations,
                                        .sections = sections};

/* Parses words that blanks separate; *a and *given are for the caller to look at and to release. */
static int parse(const char *words, char copy[256], arguments *a, options_given *given) {
    char *argv[32] = {"toy"}, *rest = copy;
    int argc = 1;
    snprintf(copy, 256, "%s", words);
    for (char *word; (word = strsep(&rest, " "));) argv[argc++] = word;
    *a = (arguments){.name = NULL};
    return options_parse(given, &program, a, argc, argv);
}

static void words_become_values(void **state) {
    (void)state;
    char copy[256];
    arguments a;
    options_given given;
    assert_int_equal(parse("one --file a -f b -input=c --fi d --count=7 two --loud -n-count 8 "
                           "--metric red red,green --green --depth 4 --name - --set x=y",
                           copy, &a, &given),
                     -1);
    assert_int_equal(a.operands.n, 2);
    assert_string_equal(a.operands.items[1], "two");
    assert_int_equal(a.files.n, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(a.files.items[i][0], 'a' + i);
    assert_int_equal(a.settings.count, 8); /* the last one holds */
    assert_true(a.settings.loud && a.settings.share == 0.5F);
    assert_int_equal(a.metrics.n, 2);
    assert_string_equal(a.metrics.items[1], "red,green");
    assert_int_equal(a.colour, GREEN);
    assert_string_equal(a.name, "-");
    assert_int_equal(a.set.n, 2); /* those of --set and of the recipe's keys, in order */
    assert_string_equal(a.set.items[0], "depth=4");
    assert_string_equal(a.set.items[1], "x=y");
    assert_true(options_has(&given, "count") && options_has(&given, "n-count"));
    assert_false(options_has(&given, "share"));
    settings other = {.count = 2, .share = 0.25F};
    options_apply(&given, shared, &other);
    assert_true(other.count == 8 && other.loud && other.share == 0.25F);
    options_free(&given);
}

static void defaults_hold_and_several_values_end(void **state) {
    (void)state;
    char copy[256];
    arguments a;
    options_given given;
    assert_int_equal(parse("-file --metric=red --metric green word --loud=false --share 0.5 -- -x",
                           copy, &a, &given),
                     2); /* --file has no value: --metric is none */
    options_free(&given);
    assert_int_equal(
        parse("-file f --metric=red --metric green word --loud=false --share 0.25 -- -x", copy, &a,
              &given),
        -1);
    assert_int_equal(a.metrics.n, 2); /* "word" is no colour */
    assert_int_equal(a.operands.n, 2);
    assert_string_equal(a.operands.items[1], "-x");
    assert_string_equal(a.name, "nobody");
    assert_true(a.settings.count == 5 && a.settings.share == 0.25F && !a.settings.loud);
    options_free(&given);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const lines[] = {
        "w",                         /* --file is required */
        "--file f",                  /* a word, too */
        "w w w --file f",            /* three are too many */
        "w --file f --c 3",          /* count or colour */
        "w --file f --shade 1",      /* a key that is no option */
        "w --file f --count 10",     /* out of range */
        "w --file f --count x",      /* no number */
        "w --file f --count",        /* no value */
        "w --file f --green=1",      /* takes none */
        "w --file f --loud=perhaps", /* true or false */
        "w --file f --metric blue",  /* no such name */
        "w --file f --metric red,blue",
        "w --file f --loud --share 1", /* exclude each other */
        "w --file f --depth 3",        /* needs --name */
        "w --file f --name n --depth 7",
        "w --file f -ff",
        "w --file f --",
        "w --file f -",
        "w --file f --=3",
    };
    char copy[256];
    arguments a;
    options_given given;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int code = parse(lines[i], copy, &a, &given);
        int expected = i == 16 || i == 17 ? -1 : 2; /* "--" and "-" are no options */
        if (code != expected) print_error("%s: %d\n", lines[i], code);
        assert_int_equal(code, expected);
        options_free(&given);
    }
}

static void help_and_man_name_all(void **state) {
    (void)state;
    rd_text help = {0}, man = {0};
    assert_int_equal(options_help(&program, &help), RD_OK);
    assert_int_equal(options_man(&program, &man), RD_OK);
    static const char *const in_help[] = {"Usage: toy WORD...\n",
                                          "  -f, --file TEXT           a file\n",
                                          "--metric NAME...",
                                          "(red, green)",
                                          "      --green               ",
                                          "--count N             h (default 5)",
                                          "--depth N",
                                          "\n.dots. And back\\slashes\n  an example\n"};
    static const char *const in_man[] = {
        ".SH NAME\ntoy \\- a toy\n", "\\fB\\-f\\fR, \\fB\\-\\-file\\fR \\fITEXT\\fR\na file\n",
        "\\fB\\-\\-depth\\fR \\fIN\\fR\n",
        "\\&.dots. And back\\eslashes\n.PP\n.EX\n  an example\n.EE\n"};
    for (size_t i = 0; i < sizeof in_help / sizeof *in_help; i++)
        assert_non_null(strstr(help.data, in_help[i]));
    for (size_t i = 0; i < sizeof in_man / sizeof *in_man; i++)
        assert_non_null(strstr(man.data, in_man[i]));
    assert_null(strstr(help.data, "shade"));
    assert_null(strstr(help.data, "n-count"));
    rd_text_free(&help);
    rd_text_free(&man);
}

static void the_nearest_name_is_found(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"cuont", "count"}, {"nn-count", "count"}, {"lod", "loud"}, {"something-else", NULL}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rd_nearest_name nearest = rd_nearest_start(names[i][0]);
        rd_nearest_try_keys(&nearest, shared);
        if (names[i][1])
            assert_string_equal(nearest.name, names[i][1]);
        else
            assert_null(nearest.name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_become_values),
                                       cmocka_unit_test(defaults_hold_and_several_values_end),
                                       cmocka_unit_test(nonsense_is_refused),
                                       cmocka_unit_test(help_and_man_name_all),
                                       cmocka_unit_test(the_nearest_name_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
