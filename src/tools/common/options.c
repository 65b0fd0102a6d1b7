#include "tools/common/options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

bool options_take_value(const rd_key *key) {
    return key->type != RD_KEY_BOOL && key->type != RD_KEY_CONSTANT;
}

/* An option as it was typed: its key, and whose it is. */
typedef struct {
    const options_group *group;
    const rd_key *key;
    const char *word;   /* of argv: --NAME, --NAME=VALUE, -N */
    const char *dashed; /* --NAME or -N, for messages */
    const char *value;  /* after "=", or NULL */
} typed_option;

bool options_is_offered(const options_group *group, const rd_key *key) {
    for (int i = 0; group->only && group->only[i]; i++)
        if (strcmp(group->only[i], key->name) == 0) return true;
    return !group->only;
}

/* Whether a name, or an alias that is not a letter, begins with `start`. */
static bool begins_with(const rd_key *key, const char *start) {
    size_t n = strlen(start);
    if (strncmp(key->name, start, n) == 0) return true;
    const char *at = key->aliases, *alias;
    size_t length;
    while (at && (alias = rd_next_name(&at, &length)))
        if (length > 1 && length >= n && memcmp(alias, start, n) == 0) return true;
    return false;
}

static bool is_called(const rd_key *key, const char *name) {
    return strcmp(key->name, name) == 0;
}

/* How many options `fits` finds; the last of them goes into `option`, all into `list`. */
static int find(const options_program *program, const char *name,
                bool (*fits)(const rd_key *, const char *), typed_option *option, rd_text *list) {
    int n = 0;
    for (const options_group *group = program->groups; group->heading; group++)
        for (const rd_key *key = group->keys; key->name; key++) {
            if (!options_is_offered(group, key) || !fits(key, name)) continue;
            option->group = group;
            option->key = key;
            if (list) (void)rd_text_printf(list, "%s--%s", n ? ", " : "", key->name);
            n++;
        }
    return n;
}

static int unknown(const options_program *program, const char *dashed, const char *name) {
    typed_option option;
    const char letter[] = {*name, '\0'};
    if (dashed[1] != '-' && name[1] && find(program, letter, rd_key_is, &option, NULL) &&
        options_take_value(option.key))
        return options_usage(program, "unknown option '%s'; did you mean '-%c %s'?", dashed, *name,
                             name + 1);
    const rd_key *setting = program->find_setting ? program->find_setting(name) : NULL;
    if (setting)
        return options_usage(program,
                             "unknown option '%s'; a recipe's key is set by --set %s=VALUE", dashed,
                             setting->name);
    rd_nearest_name nearest = rd_nearest_start(name);
    for (const options_group *group = program->groups; group->heading; group++)
        for (const rd_key *key = group->keys; key->name; key++)
            if (options_is_offered(group, key)) {
                const rd_key one[] = {*key, {.name = NULL}};
                rd_nearest_try_keys(&nearest, one);
            }
    rd_nearest_try(&nearest, "help");
    rd_nearest_try(&nearest, "version");
    if (nearest.name)
        return options_usage(program, "unknown option '%s'; did you mean '--%s'?", dashed,
                             nearest.name);
    return options_usage(program, "unknown option '%s'", dashed);
}

/* The option that dashed[] names; -1, or the code to exit with. */
static int look_up(const options_program *program, typed_option *option) {
    const char *name = option->dashed + strspn(option->dashed, "-");
    if (option->dashed[1] == '-') name = option->dashed + 2;
    if (!*name) return options_usage(program, "unknown option '%s'", option->word);
    if (find(program, name, is_called, option, NULL) > 0) return -1;
    if (find(program, name, rd_key_is, option, NULL) > 0) return -1;
    if (option->dashed[1] != '-') return unknown(program, option->dashed, name);
    rd_text list = {0};
    int n = find(program, name, begins_with, option, &list), code = -1;
    if (n == 0) code = unknown(program, option->dashed, name);
    if (n > 1)
        code = options_usage(program, "option '%s' may be any of %s", option->dashed,
                             list.data ? list.data : "several");
    rd_text_free(&list);
    return code;
}

static bool is_allowed(const rd_key *key, const char *name, size_t n) {
    for (int i = 0; key->names[i]; i++)
        if (strlen(key->names[i]) == n && memcmp(key->names[i], name, n) == 0) return true;
    return false;
}

/* The first of a list's names, n bytes long, that is not one of the key's; NULL: there is none. */
static const char *not_allowed(const rd_key *key, const char *value, size_t *n) {
    const char *name = NULL;
    while (key->names && (name = rd_next_name(&value, n)) && is_allowed(key, name, *n)) continue;
    return name;
}

static rd_status check_names(const rd_key *key, const char *value) {
    size_t n;
    const char *wrong = not_allowed(key, value, &n), *ignored;
    if (!wrong) return RD_OK;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)n, wrong);
    rd_key one = *key;
    one.type = RD_KEY_WORD;
    one.offset = 0;
    return rd_key_set(&ignored, &one, name);
}

static rd_status add_word(options_given *given, options_list *list, const char *word) {
    if (!list->items) list->items = rd_calloc((size_t)given->argc + 1, sizeof *list->items);
    if (!list->items) return RD_ERR_MEMORY;
    list->items[list->n++] = word;
    return RD_OK;
}

/* A recipe's key: checked now, set when the recipe is read. */
static rd_status add_setting(options_given *given, const typed_option *option, const rd_key *key,
                             const char *value) {
    union {
        char *string;
        double pair[2];
    } scratch = {.pair = {0, 0}};
    rd_key alone = *key;
    alone.offset = 0;
    if (key->type == RD_KEY_STRING) scratch.string = NULL;
    rd_status status = rd_key_set(&scratch, &alone, value);
    if (key->type == RD_KEY_STRING) free(scratch.string);
    RD_TRY(status);
    rd_text setting = {0};
    RD_TRY(rd_text_printf(&setting, "%s=%s", option->key->name, value));
    given->owned[given->n_owned++] = setting.data;
    options_list *settings = (void *)((char *)given->arguments + option->group->offset);
    return add_word(given, settings, setting.data);
}

static rd_status store(options_given *given, const typed_option *option, const char *value) {
    char *object = (char *)given->arguments + option->group->offset;
    rd_key key = *option->key;
    key.name = option->dashed; /* which messages begin with */
    if (option->group->are_settings) return add_setting(given, option, &key, value);
    switch (key.type) {
    case RD_KEY_LIST:
    case RD_KEY_WORDS:
        RD_TRY(check_names(&key, value));
        return add_word(given, (options_list *)(void *)(object + key.offset), value);
    case RD_KEY_CONSTANT: {
        int constant = (int)key.low;
        memcpy(object + key.offset, &constant, sizeof constant);
        return RD_OK;
    }
    default:
        return rd_key_set(object, &key, value);
    }
}

/* The last one counts, so that a script's can be overridden; of two files one must not be passed
 * over in silence. */
static void warn_of_second(const options_given *given, const typed_option *option,
                           const char *value) {
    for (int i = given->n - 1; option->key->type == RD_KEY_WORD && i >= 0; i--)
        if (given->keys[i] == option->key) {
            if (strcmp(given->values[i], value) != 0)
                options_warn(given->program, "%s is given twice: '%s' counts, and not '%s'",
                             option->dashed, value, given->values[i]);
            return;
        }
}

/* Stores one value, and records it. */
static int take(options_given *given, const typed_option *option, const char *value) {
    warn_of_second(given, option, value);
    rd_status status = store(given, option, value);
    if (status == RD_ERR_MEMORY) return options_fail(given->program);
    if (status != RD_OK) return options_usage(given->program, "%s", rd_last_error());
    given->keys[given->n] = option->key;
    given->values[given->n++] = value;
    return -1;
}

/* Whether the word can be one more value of an option that takes several. */
static bool is_further_value(const rd_key *key, const char *word) {
    size_t n;
    return word && word[0] != '-' && !not_allowed(key, word, &n);
}

/* The option at argv[*at], with its values; leaves *at at the last word that belongs to it. */
static int take_option(options_given *given, typed_option *option, char **argv, int *at) {
    const options_program *program = given->program;
    int code = look_up(program, option);
    if (code >= 0) return code;
    const rd_key *key = option->key;
    if (!key) return options_usage(program, "unknown option '%s'", option->dashed);
    if (!options_take_value(key)) {
        if (option->value && key->type == RD_KEY_CONSTANT)
            return options_usage(program, "option '%s' takes no value", option->dashed);
        return take(given, option, option->value ? option->value : "true");
    }
    const char *value = option->value ? option->value : argv[++*at];
    if (!value) return options_usage(program, "option '%s' needs a value", option->dashed);
    if (!option->value && strncmp(value, "--", 2) == 0)
        return options_usage(program, "option '%s' needs a value, found '%s'", option->dashed,
                             value);
    code = take(given, option, value);
    while (code < 0 && key->type == RD_KEY_WORDS && is_further_value(key, argv[*at + 1]))
        code = take(given, option, argv[++*at]);
    return code;
}

static int print_text(const options_program *program,
                      rd_status (*make)(const options_program *, rd_text *)) {
    rd_text text = {0};
    int code =
        make(program, &text) == RD_OK ? options_print(program, text.data) : options_fail(program);
    rd_text_free(&text);
    return code;
}

static rd_status version(const options_program *program, rd_text *out) {
    return rd_text_printf(out, "%s %s\n", program->name, rd_version());
}

/* The options that every program has; -1: none of them. */
static int take_common(const options_program *program, const char *word) {
    if (!strcmp(word, "-h") || !strcmp(word, "-help") || !strcmp(word, "--help"))
        return print_text(program, options_help);
    if (!strcmp(word, "-version") || !strcmp(word, "--version"))
        return print_text(program, version);
    /* For who builds a package: not in --help. */
    if (!strcmp(word, "--man")) return print_text(program, options_man);
    if (!strcmp(word, "--completion=bash")) return print_text(program, options_bash);
    if (!strcmp(word, "--completion=zsh")) return print_text(program, options_zsh);
    return -1;
}

static int take_operand(options_given *given, const char *word) {
    const options_program *program = given->program;
    options_list *operands = (void *)((char *)given->arguments + program->operands);
    if (!program->operand) {
        typed_option option;
        bool reads = find(program, "input", rd_key_is, &option, NULL) > 0;
        return options_usage(program, "unexpected argument '%s'%s", word,
                             reads ? "; a file to read is --input FILE" : "");
    }
    if (program->most_operands == 1 && operands->n == 1)
        return options_usage(program, "expected one %s, found '%s' as well", program->operand,
                             word);
    if (program->most_operands >= 0 && operands->n == program->most_operands)
        return options_usage(program, "expected at most %d %s, found '%s' as well",
                             program->most_operands, program->operand, word);
    return add_word(given, operands, word) == RD_OK ? -1 : options_fail(program);
}

/* argv[*at] and what belongs to it. */
static int take_word(options_given *given, char **argv, int *at) {
    char *word = argv[*at];
    if (word[0] != '-' || !word[1]) return take_operand(given, word);
    int code = take_common(given->program, word);
    if (code >= 0) return code;
    size_t length = strcspn(word, "=");
    char *dashed = rd_strdup(word);
    if (!dashed) return options_fail(given->program);
    given->owned[given->n_owned++] = dashed;
    dashed[length] = '\0';
    typed_option option = {
        .word = word, .dashed = dashed, .value = word[length] ? word + length + 1 : NULL};
    return take_option(given, &option, argv, at);
}

static int take_words(options_given *given, char **argv) {
    bool only_operands = false;
    for (int at = 1; argv[at]; at++) {
        int code = -1;
        if (only_operands)
            code = take_operand(given, argv[at]);
        else if (strcmp(argv[at], "--") == 0)
            only_operands = true;
        else
            code = take_word(given, argv, &at);
        if (code >= 0) return code;
    }
    return -1;
}

/* Whether it was given, and not to say no. */
static bool is_wanted(const options_given *given, const char *name) {
    bool wanted = false;
    for (int i = 0; i < given->n; i++)
        if (rd_key_is(given->keys[i], name))
            wanted = given->keys[i]->type != RD_KEY_BOOL || strcmp(given->values[i], "true") == 0;
    return wanted;
}

static int check(const options_given *given) {
    const options_program *program = given->program;
    const options_list *operands = (void *)((char *)given->arguments + program->operands);
    if (program->operand && operands->n < program->least_operands)
        return options_usage(program, "expected %s%s", program->most_operands == 1 ? "one " : "",
                             program->operand);
    for (const options_relation *r = program->relations; r && r->name; r++) {
        bool has = options_has(given, r->name), other = r->other && options_has(given, r->other);
        if (r->relation == OPTIONS_EXCLUDES && is_wanted(given, r->name) &&
            is_wanted(given, r->other))
            return options_usage(program, "--%s and --%s exclude each other", r->name, r->other);
        if (r->relation == OPTIONS_NEEDS && has && !other)
            return options_usage(program, "--%s means nothing without --%s", r->name, r->other);
        if (r->relation == OPTIONS_IS_REQUIRED && !has)
            return options_usage(program, "expected --%s %s", r->name, r->other);
    }
    return -1;
}

static rd_status begin(options_given *given, int argc) {
    size_t room = (size_t)argc + 1;
    given->argc = argc;
    given->keys = rd_calloc(room, sizeof *given->keys);
    given->values = rd_calloc(room, sizeof *given->values);
    given->owned = rd_calloc(2 * room, sizeof *given->owned);
    if (!given->keys || !given->values || !given->owned) return RD_ERR_MEMORY;
    for (const options_group *group = given->program->groups; group->heading; group++)
        for (const rd_key *key = group->keys; key->name; key++) {
            bool is_list = key->type == RD_KEY_LIST || key->type == RD_KEY_WORDS;
            if (!key->default_value || is_list || group->are_settings ||
                !options_is_offered(group, key))
                continue;
            RD_TRY(rd_key_set((char *)given->arguments + group->offset, key, key->default_value));
        }
    return RD_OK;
}

int options_parse(options_given *given, const options_program *program, void *arguments, int argc,
                  char **argv) {
    *given = (options_given){.program = program, .arguments = arguments};
    if (begin(given, argc) != RD_OK) return options_fail(program);
    int code = take_words(given, argv);
    return code < 0 ? check(given) : code;
}

static void free_list(options_list *list) {
    free(list->items);
    *list = (options_list){0};
}

void options_free(options_given *given) {
    char *arguments = given->arguments;
    for (const options_group *group = given->program->groups; group->heading; group++) {
        if (group->are_settings) {
            free_list((options_list *)(void *)(arguments + group->offset));
            continue;
        }
        for (const rd_key *key = group->keys; key->name; key++)
            if (key->type == RD_KEY_LIST || key->type == RD_KEY_WORDS)
                free_list((options_list *)(void *)(arguments + group->offset + key->offset));
            else if (key->type == RD_KEY_STRING && options_is_offered(group, key))
                free(*(char **)(void *)(arguments + group->offset + key->offset));
    }
    if (given->program->operand)
        free_list((options_list *)(void *)(arguments + given->program->operands));
    for (int i = 0; i < given->n_owned; i++) free(given->owned[i]);
    free(given->owned);
    free(given->keys);
    free(given->values);
}

bool options_has(const options_given *given, const char *name) {
    for (int i = 0; i < given->n; i++)
        if (rd_key_is(given->keys[i], name)) return true;
    return false;
}

void options_apply(const options_given *given, const rd_key *keys, void *object) {
    for (int i = 0; i < given->n; i++)
        for (const rd_key *key = keys; key->name; key++) {
            if (key != given->keys[i]) continue;
            void *field = (char *)object + key->offset;
            if (key->type == RD_KEY_STRING)
                *(char **)field = (char *)(uintptr_t)given->values[i];
            else
                (void)rd_key_set(object, key, given->values[i]);
        }
}
