/* The command line of a program, from one table, by which it is parsed and from which --help and
 * the man page are written.
 *
 * It accepts --name VALUE and --name=VALUE, unambiguous beginnings of a name, -n VALUE for an alias
 * of one letter, and -name for any name, as sacreBLEU's -tok. Options and operands mix; after "--"
 * there are only operands. Every program has -h, --help and --version. */
#ifndef RD_TOOLS_COMMON_OPTIONS_H
#define RD_TOOLS_COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/key.h"
#include "base/text.h"

/* The field of a RD_KEY_LIST or RD_KEY_WORDS, and of operands: words of argv, in order. */
typedef struct {
    const char **items; /* [n] */
    int n;
} options_list;

typedef struct {
    const char *heading; /* in --help */
    const rd_key *keys;
    size_t offset;           /* in the program's arguments: of the struct that the keys are of */
    const char *const *only; /* those of the keys that are options; NULL: all */
    /* The keys are of a recipe: --threads 4 adds "threads=4" to the options_list at `offset`. */
    bool are_settings;
    bool defaults_vary; /* default_value may not hold; --help leaves it out */
} options_group;

/* Options that exclude each other, or need another; and those that must be given. */
typedef struct {
    const char *name;
    enum { OPTIONS_EXCLUDES, OPTIONS_NEEDS, OPTIONS_IS_REQUIRED } relation;
    const char *other;
} options_relation;

typedef struct {
    const char *heading, *text; /* text is wrapped; lines that begin with a blank are kept */
} options_section;

typedef struct {
    const char *name, *summary;  /* "rdrop-train", "a recipe and ... in, ... out" */
    const char *const *synopsis; /* command lines without the program's name; NULL ends them */
    const char *description;     /* as a section's text */
    const char *operand, *operand_help;              /* "RECIPE"; NULL: takes none */
    int least_operands, most_operands;               /* most_operands < 0: any number */
    size_t operands;                                 /* in the arguments: of an options_list */
    const rd_key *(*find_setting)(const char *name); /* what --set may set; or NULL */
    const options_group *groups;                     /* a NULL heading ends each of these */
    const options_relation *relations;               /* a NULL name; or NULL */
    const options_section *sections;                 /* after the options in --help; or NULL */
    /* Groups of keys that are no options, for the man page, from index 0; a NULL heading is after
     * the last. Or NULL. */
    options_group (*describe)(int index);
} options_program;

/* A parsed command line: the options in order, and their values. */
typedef struct {
    const options_program *program;
    void *arguments;
    const rd_key **keys; /* [n] */
    const char **values; /* [n] */
    int n;
    char **owned; /* [n_owned] values that are not words of argv */
    int n_owned, argc;
} options_given;

/* Fills `arguments`: default values, then what is given. Returns -1 to continue, else the status to
 * exit with: after printing the requested help, or an error about the command line. options_free
 * releases everything allocated, whatever was returned. */
int options_parse(options_given *given, const options_program *program, void *arguments, int argc,
                  char **argv);
void options_free(options_given *given);

/* Whether the option was given, by its name or an alias. */
bool options_has(const options_given *given, const char *name);

/* Sets the given ones of `keys` again, in another struct of their kind. Texts in it are borrowed
 * from the command line; those that it had stay their owner's. */
void options_apply(const options_given *given, const rd_key *keys, void *object);

/* Prints what is wrong with the command line and returns 2; or what failed, and returns 1. */
__attribute__((format(printf, 2, 3))) int options_usage(const options_program *program,
                                                        const char *format, ...);
int options_fail(const options_program *program);

/* The exit status of a program whose work ended so: 0; or after printing what failed, except when
 * errno is EPIPE (the output's reader has left), 1, and 2 for RD_ERR_ARGUMENT. */
int options_end(const options_program *program, rd_status status);

/* One line on standard error. */
__attribute__((format(printf, 2, 3))) void options_warn(const options_program *program,
                                                        const char *format, ...);

/* A warning for each line of a text, which may be empty. */
void options_warn_lines(const options_program *program, const rd_text *lines);

/* Prints to standard output; returns 0, or 1 after an error message that it cannot be written
 * to. */
int options_print(const options_program *program, const char *text);

/* Whether the key of the group is an option, and whether it must have a value. */
bool options_is_offered(const options_group *group, const rd_key *key);
bool options_take_value(const rd_key *key);

rd_status options_help(const options_program *program, rd_text *out);
rd_status options_man(const options_program *program, rd_text *out);

/* Scripts that complete command lines of the program. */
rd_status options_bash(const options_program *program, rd_text *out);
rd_status options_zsh(const options_program *program, rd_text *out);

#endif
