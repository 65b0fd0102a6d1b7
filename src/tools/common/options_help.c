/* --help and the man page, from a program's table. */
#include <string.h>

#include "base/text.h"
#include "tools/common/options.h"

enum { WIDTH = 80, COLUMN = 28 }; /* of --help, and where it explains */

/* The name of an option's value: FILE, N; NULL if it has none. */
static const char *value_name(const rd_key *key) {
    if (!options_take_value(key)) return NULL;
    if (key->value) return key->value;
    if (key->names) return "NAME";
    switch (key->type) {
    case RD_KEY_INT32:
    case RD_KEY_INT64:
    case RD_KEY_UINT64:
        return "N";
    case RD_KEY_FLOAT:
    case RD_KEY_DOUBLE:
        return "X";
    default:
        return "TEXT";
    }
}

/* The alias of one letter, or '\0'. */
static char letter_of(const rd_key *key) {
    const char *at = key->aliases, *alias;
    size_t n;
    while (at && (alias = rd_next_name(&at, &n)))
        if (n == 1) return *alias;
    return '\0';
}

/* The key's help, then in brackets the names that it takes, and its default. */
static rd_status explain(const options_group *group, const rd_key *key, rd_text *out) {
    bool has_default = key->default_value && *key->default_value && !group->defaults_vary &&
                       strcmp(key->default_value, "false") != 0;
    RD_TRY(rd_text_printf(out, "%s", key->help));
    for (int i = 0; key->names && key->names[i]; i++)
        RD_TRY(rd_text_printf(out, "%s%s", i ? ", " : " (", key->names[i]));
    if (has_default)
        RD_TRY(rd_text_printf(out, "%s%s", key->names ? "; default " : " (default ",
                              key->default_value));
    return key->names || has_default ? rd_text_append(out, ")", 1) : RD_OK;
}

/* Breaks words into lines of at most WIDTH; `column` is where the first word goes, and where lines
 * begin. */
static rd_status wrap(rd_text *out, const char *text, size_t length, int column) {
    int used = column;
    const char *end = text + length;
    while (text < end) {
        size_t word = 0;
        while (text + word < end && text[word] != ' ') word++;
        bool first = used == column;
        if (!first && used + 1 + (int)word > WIDTH) {
            RD_TRY(rd_text_printf(out, "\n%*s", column, ""));
            used = column;
            first = true;
        }
        RD_TRY(rd_text_printf(out, "%s%.*s", first ? "" : " ", (int)word, text));
        used += (int)word + !first;
        text += word;
        while (text < end && *text == ' ') text++;
    }
    return rd_text_append(out, "\n", 1);
}

static rd_status wrap_option(rd_text *out, const char *label, const char *help) {
    int length = (int)strlen(label);
    RD_TRY(rd_text_append(out, label, strlen(label)));
    if (length + 2 > COLUMN)
        RD_TRY(rd_text_printf(out, "\n%*s", COLUMN, ""));
    else
        RD_TRY(rd_text_printf(out, "%*s", COLUMN - length, ""));
    return wrap(out, help, strlen(help), COLUMN);
}

/* "  -r, --ref FILE" */
static rd_status label_of(const rd_key *key, rd_text *label) {
    char letter = letter_of(key);
    const char *value = value_name(key);
    rd_text_clear(label);
    if (letter) RD_TRY(rd_text_printf(label, "  -%c, ", letter));
    RD_TRY(rd_text_printf(label, "%s--%s%s%s", letter ? "" : "      ", key->name, value ? " " : "",
                          value ? value : ""));
    return key->type == RD_KEY_WORDS ? rd_text_append(label, "...", 3) : RD_OK;
}

static rd_status help_group(const options_group *group, rd_text *out, rd_text *label,
                            rd_text *help) {
    RD_TRY(rd_text_printf(out, "\n%s\n", group->heading));
    for (const rd_key *key = group->keys; key->name; key++) {
        if (!options_is_offered(group, key)) continue;
        rd_text_clear(help);
        RD_TRY(label_of(key, label));
        RD_TRY(explain(group, key, help));
        RD_TRY(wrap_option(out, label->data, help->data));
    }
    return RD_OK;
}

/* Lines are wrapped, unless they begin with a blank. */
static rd_status help_text(rd_text *out, const char *text) {
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        if (*at == ' ' || length == 0)
            RD_TRY(rd_text_printf(out, "%.*s\n", (int)length, at));
        else
            RD_TRY(wrap(out, at, length, 0));
        at += length + (at[length] == '\n');
    }
    return RD_OK;
}

static rd_status help_with(const options_program *program, rd_text *out, rd_text *label,
                           rd_text *help) {
    for (int i = 0; program->synopsis[i]; i++)
        RD_TRY(rd_text_printf(out, "%s %s %s\n", i ? "      " : "Usage:", program->name,
                              program->synopsis[i]));
    RD_TRY(help_text(out, program->description));
    if (program->operand_help) {
        RD_TRY(rd_text_printf(label, "  %s", program->operand));
        RD_TRY(rd_text_append(out, "\n", 1));
        RD_TRY(wrap_option(out, label->data, program->operand_help));
    }
    for (const options_group *group = program->groups; group->heading; group++)
        RD_TRY(help_group(group, out, label, help));
    RD_TRY(rd_text_append(out, "\n", 1));
    RD_TRY(wrap_option(out, "  -h, --help", "this text"));
    RD_TRY(wrap_option(out, "      --version", "the version"));
    for (const options_section *section = program->sections; section && section->heading;
         section++) {
        RD_TRY(rd_text_printf(out, "\n%s\n", section->heading));
        RD_TRY(help_text(out, section->text));
    }
    return RD_OK;
}

rd_status options_help(const options_program *program, rd_text *out) {
    rd_text label = {0}, help = {0};
    rd_status status = help_with(program, out, &label, &help);
    rd_text_free(&label);
    rd_text_free(&help);
    return status;
}

/* Text as roff takes it: a backslash or a dash means itself, and so does a dot that begins a line.
 */
static rd_status roff(rd_text *out, const char *text, size_t n) {
    bool line_begins = out->length == 0 || out->data[out->length - 1] == '\n';
    for (size_t i = 0; i < n; i++) {
        if (line_begins && (text[i] == '.' || text[i] == '\''))
            RD_TRY(rd_text_append(out, "\\&", 2));
        line_begins = text[i] == '\n';
        if (text[i] == '\\')
            RD_TRY(rd_text_append(out, "\\e", 2));
        else if (text[i] == '-')
            RD_TRY(rd_text_append(out, "\\-", 2));
        else
            RD_TRY(rd_text_append(out, &text[i], 1));
    }
    return RD_OK;
}

static rd_status roff_all(rd_text *out, const char *text) {
    return roff(out, text, strlen(text));
}

/* Paragraphs; lines that begin with a blank are an example. */
static rd_status man_text(rd_text *out, const char *text) {
    bool example = false;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        if ((*at == ' ') != example) {
            example = !example;
            RD_TRY(rd_text_printf(out, example ? ".PP\n.EX\n" : ".EE\n.PP\n"));
        } else if (length == 0 || (!example && at != text)) {
            RD_TRY(rd_text_printf(out, ".PP\n"));
        }
        RD_TRY(roff(out, at, length));
        if (length) RD_TRY(rd_text_append(out, "\n", 1));
        at += length + (at[length] == '\n');
    }
    return example ? rd_text_printf(out, ".EE\n") : RD_OK;
}

static rd_status man_option(const options_group *group, const rd_key *key, rd_text *out,
                            rd_text *help) {
    char letter = letter_of(key);
    const char *value = value_name(key);
    RD_TRY(rd_text_printf(out, ".TP\n"));
    if (letter) RD_TRY(rd_text_printf(out, "\\fB\\-%c\\fR, ", letter));
    RD_TRY(rd_text_printf(out, "\\fB\\-\\-"));
    RD_TRY(roff_all(out, key->name));
    RD_TRY(rd_text_printf(out, "\\fR"));
    if (value) RD_TRY(rd_text_printf(out, " \\fI%s\\fR", value));
    RD_TRY(rd_text_printf(out, key->type == RD_KEY_WORDS ? "...\n" : "\n"));
    rd_text_clear(help);
    RD_TRY(explain(group, key, help));
    RD_TRY(roff_all(out, help->data));
    return rd_text_append(out, "\n", 1);
}

static rd_status man_heading(rd_text *out, const char *macro, const char *heading) {
    RD_TRY(rd_text_printf(out, "%s \"", macro));
    RD_TRY(roff_all(out, heading));
    return rd_text_append(out, "\"\n", 2);
}

/* A key of a file, as it is written there. */
static rd_status man_key(const options_group *group, const rd_key *key, rd_text *out,
                         rd_text *help) {
    RD_TRY(rd_text_printf(out, ".TP\n\\fB"));
    RD_TRY(roff_all(out, key->name));
    RD_TRY(rd_text_printf(out, "\\fR: \\fI%s\\fR\n", rd_key_type_name(key)));
    rd_text_clear(help);
    RD_TRY(explain(group, key, help));
    RD_TRY(roff_all(out, help->data));
    return rd_text_append(out, "\n", 1);
}

static rd_status man_keys(options_group (*describe)(int index), rd_text *out, rd_text *help) {
    RD_TRY(rd_text_printf(out, ".SH \"KEYS OF A RECIPE\"\n"));
    options_group group;
    for (int i = 0; (group = describe(i)).heading; i++) {
        RD_TRY(man_heading(out, ".SS", group.heading));
        for (const rd_key *key = group.keys; key->name; key++)
            RD_TRY(man_key(&group, key, out, help));
    }
    return RD_OK;
}

static rd_status man_synopsis(const options_program *program, rd_text *out) {
    RD_TRY(rd_text_printf(out, ".SH SYNOPSIS\n"));
    for (int i = 0; program->synopsis[i]; i++) {
        RD_TRY(rd_text_printf(out, "%s.B ", i ? ".br\n" : ""));
        RD_TRY(roff_all(out, program->name));
        RD_TRY(rd_text_append(out, "\n", 1));
        RD_TRY(roff_all(out, program->synopsis[i]));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

static rd_status man_with(const options_program *program, rd_text *out, rd_text *help) {
    RD_TRY(rd_text_printf(out, ".TH \"%s\" 1 \"\" \"rdrop %s\" \"User Commands\"\n.SH NAME\n",
                          program->name, rd_version()));
    RD_TRY(roff_all(out, program->name));
    RD_TRY(rd_text_printf(out, " \\- "));
    RD_TRY(roff_all(out, program->summary));
    RD_TRY(rd_text_append(out, "\n", 1));
    RD_TRY(man_synopsis(program, out));
    RD_TRY(rd_text_printf(out, ".SH DESCRIPTION\n"));
    RD_TRY(man_text(out, program->description));
    RD_TRY(rd_text_printf(out, ".SH OPTIONS\n"));
    if (program->operand_help) {
        RD_TRY(rd_text_printf(out, ".TP\n\\fI%s\\fR\n", program->operand));
        RD_TRY(roff_all(out, program->operand_help));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    for (const options_group *group = program->groups; group->heading; group++) {
        RD_TRY(man_heading(out, ".SS", group->heading));
        for (const rd_key *key = group->keys; key->name; key++)
            if (options_is_offered(group, key)) RD_TRY(man_option(group, key, out, help));
    }
    RD_TRY(rd_text_printf(out,
                          ".SS \"All programs\"\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\n"
                          "a summary of this page\n.TP\n\\fB\\-\\-version\\fR\nthe version\n"));
    if (program->describe) RD_TRY(man_keys(program->describe, out, help));
    for (const options_section *section = program->sections; section && section->heading;
         section++) {
        RD_TRY(man_heading(out, ".SH", section->heading));
        RD_TRY(man_text(out, section->text));
    }
    return RD_OK;
}

rd_status options_man(const options_program *program, rd_text *out) {
    rd_text help = {0};
    rd_status status = man_with(program, out, &help);
    rd_text_free(&help);
    return status;
}
