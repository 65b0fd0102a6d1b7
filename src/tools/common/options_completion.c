/* Completion of a command line in bash and zsh, from a program's table. */
#include <string.h>

#include "tools/common/options.h"

/* "rdrop_train" */
static rd_status function_name(const options_program *program, rd_text *out) {
    for (const char *at = program->name; *at; at++)
        RD_TRY(rd_text_append(out, *at == '-' ? "_" : at, 1));
    return RD_OK;
}

/* Calls add(key, out) for each option. */
static rd_status each_option(const options_program *program,
                             rd_status (*add)(const rd_key *key, rd_text *out), rd_text *out) {
    for (const options_group *group = program->groups; group->heading; group++)
        for (const rd_key *key = group->keys; key->name; key++)
            if (options_is_offered(group, key)) RD_TRY(add(key, out));
    return RD_OK;
}

static rd_status bash_word(const rd_key *key, rd_text *out) {
    return rd_text_printf(out, "--%s ", key->name);
}

/* The words that may follow an option that takes a name. */
static rd_status bash_values(const rd_key *key, rd_text *out) {
    if (!key->names || !options_take_value(key)) return RD_OK;
    RD_TRY(rd_text_printf(out, "    --%s) words=\"", key->name));
    for (int i = 0; key->names[i]; i++)
        RD_TRY(rd_text_printf(out, "%s%s", i ? " " : "", key->names[i]));
    return rd_text_printf(out, "\" ;;\n");
}

rd_status options_bash(const options_program *program, rd_text *out) {
    RD_TRY(rd_text_printf(out, "_"));
    RD_TRY(function_name(program, out));
    RD_TRY(rd_text_printf(out, "() {\n    local current=${COMP_WORDS[COMP_CWORD]} words=\n"
                               "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n"));
    RD_TRY(each_option(program, bash_values, out));
    RD_TRY(rd_text_printf(out, "    *) case $current in -*) words=\""));
    RD_TRY(each_option(program, bash_word, out));
    RD_TRY(rd_text_printf(out, "--help --version\" ;; esac ;;\n    esac\n"
                               "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
                               "complete -o default -F _"));
    RD_TRY(function_name(program, out));
    return rd_text_printf(out, " %s\n", program->name);
}

/* Help inside '[...]' of a quoted word of zsh. */
static rd_status zsh_help(const char *help, rd_text *out) {
    for (const char *at = help; *at; at++) {
        if (*at == '\'')
            RD_TRY(rd_text_append(out, "'\\''", 4));
        else if (*at == '[' || *at == ']' || *at == ':' || *at == '\\')
            RD_TRY(rd_text_printf(out, "\\%c", *at));
        else
            RD_TRY(rd_text_append(out, at, 1));
    }
    return RD_OK;
}

static rd_status zsh_option(const rd_key *key, rd_text *out) {
    RD_TRY(rd_text_printf(out, "    '--%s[", key->name));
    RD_TRY(zsh_help(key->help, out));
    RD_TRY(rd_text_append(out, "]", 1));
    if (options_take_value(key) && key->names) {
        RD_TRY(rd_text_printf(out, ":name:("));
        for (int i = 0; key->names[i]; i++)
            RD_TRY(rd_text_printf(out, "%s%s", i ? " " : "", key->names[i]));
        RD_TRY(rd_text_append(out, ")", 1));
    } else if (options_take_value(key)) {
        RD_TRY(rd_text_printf(out, ":value:_files"));
    }
    return rd_text_printf(out, "' \\\n");
}

rd_status options_zsh(const options_program *program, rd_text *out) {
    RD_TRY(rd_text_printf(out, "#compdef %s\n_arguments \\\n", program->name));
    RD_TRY(each_option(program, zsh_option, out));
    return rd_text_printf(out,
                          "    '--help[a summary]' '--version[the version]' '*:file:_files'\n");
}
