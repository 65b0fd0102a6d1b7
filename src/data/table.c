#include "data/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "base/memory.h"
#include "base/text.h"

enum { LONGEST_ROW = 64 << 20 }; /* bytes: a quote that is never closed is found out by then */

/* A field's place in the row's text: that may still move. */
typedef struct {
    int64_t at, length;
} place;

struct rd_table {
    rd_corpus *corpus;
    rd_table_config config;
    char delimiter;
    bool quoted, json;
    int64_t line;                    /* of the row */
    int64_t wanted[RD_MOST_COLUMNS]; /* places of the columns in a row, from 0 */
    int64_t width;                   /* columns of every row; 0: not known yet */
    rd_text text;                    /* of the row's fields, each NUL-terminated */
    place *fields;                   /* [n_fields] */
    int64_t n_fields, capacity;
    json_t *object; /* of the row, in JSON lines */
    rd_field row[RD_MOST_COLUMNS];
};

static rd_status begin_field(rd_table *t) {
    RD_TRY(rd_reserve(&t->fields, &t->capacity, t->n_fields + 1, sizeof *t->fields));
    t->fields[t->n_fields++] = (place){.at = t->text.length};
    return RD_OK;
}

static rd_status end_field(rd_table *t) {
    place *field = &t->fields[t->n_fields - 1];
    field->length = t->text.length - field->at;
    return rd_text_append(&t->text, "", 1);
}

static rd_status not_closed(const rd_table *t) {
    return rd_error(RD_ERR_FORMAT,
                    "%s:%lld: column %lld begins with a quote that is never closed; where quotes "
                    "mean nothing, set table-quoting: no",
                    rd_table_path(t), (long long)t->line, (long long)t->n_fields);
}

/* The rest of a line that is being cut. */
typedef struct {
    const char *at, *end;
} cursor;

/* A field after its opening quote, with the lines that it continues on. */
static rd_status read_quoted(rd_table *t, cursor *c) {
    for (;;) {
        const char *quote = memchr(c->at, '"', (size_t)(c->end - c->at));
        const char *end = quote ? quote : c->end;
        RD_TRY(rd_text_append(&t->text, c->at, (size_t)(end - c->at)));
        if (t->text.length > LONGEST_ROW) return not_closed(t);
        if (quote && quote + 1 < c->end && quote[1] == '"') {
            RD_TRY(rd_text_append(&t->text, "\"", 1));
            c->at = quote + 2;
        } else if (quote) {
            c->at = quote + 1;
            return RD_OK;
        } else {
            size_t n;
            RD_TRY(rd_corpus_next(t->corpus, &c->at, &n));
            if (!c->at) return not_closed(t);
            c->end = c->at + n;
            RD_TRY(rd_text_append(&t->text, "\n", 1));
        }
    }
}

static rd_status read_plain(rd_table *t, cursor *c) {
    const char *end =
        t->config.whole_lines ? NULL : memchr(c->at, t->delimiter, (size_t)(c->end - c->at));
    if (!end) end = c->end;
    RD_TRY(rd_text_append(&t->text, c->at, (size_t)(end - c->at)));
    c->at = end;
    return RD_OK;
}

static rd_status split(rd_table *t, const char *line, size_t n) {
    cursor c = {line, line + n};
    t->n_fields = 0;
    rd_text_clear(&t->text);
    for (;;) {
        bool quoted = t->quoted && c.at < c.end && *c.at == '"';
        RD_TRY(begin_field(t));
        if (quoted) c.at++;
        RD_TRY(quoted ? read_quoted(t, &c) : read_plain(t, &c));
        RD_TRY(end_field(t));
        if (c.at == c.end) return RD_OK;
        if (*c.at != t->delimiter)
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: text after the closing quote of column %lld; expected the "
                            "next column, or \"\" for a quote inside",
                            rd_table_path(t), (long long)t->line, (long long)t->n_fields);
        c.at++;
    }
}

/* "a, b, c": the columns of the row, of a header that lacks one. */
static void list_columns(const rd_table *t, char *list, size_t room) {
    *list = '\0';
    for (int64_t i = 0; i < t->n_fields; i++) {
        size_t n = strlen(list);
        char name[48];
        rd_escape(name, sizeof name, t->text.data + t->fields[i].at);
        snprintf(list + n, room - n, "%s%s", i ? ", " : "", name);
    }
}

/* A number of a column from 1; 0 where `text` is none. */
static int64_t number_of(const char *text) {
    char *end;
    if (*text < '1' || *text > '9') return 0;
    long long number = strtoll(text, &end, 10);
    return *end || number > INT32_MAX ? 0 : number;
}

static rd_status find_named(rd_table *t, int i) {
    const char *wanted = t->config.columns[i];
    char list[512];
    int found = 0;
    for (int64_t k = t->n_fields - 1; k >= 0; k--)
        if (strcmp(t->text.data + t->fields[k].at, wanted) == 0) {
            t->wanted[i] = k;
            found++;
        }
    if (found > 1)
        return rd_error(RD_ERR_FORMAT, "%s:1: %d columns are called '%.80s' (%s)", rd_table_path(t),
                        found, wanted, t->config.settings[i]);
    if (found == 1) return RD_OK;
    t->wanted[i] = number_of(wanted) - 1;
    if (t->wanted[i] >= 0 && t->wanted[i] < t->n_fields) return RD_OK;
    list_columns(t, list, sizeof list);
    const char *advice = t->n_fields > 1 ? ""
                         : strchr(list, ';')
                             ? " (semicolons separate nothing: make them tabs or commas)"
                             : " (if these are several, set table-format)";
    return rd_error(RD_ERR_FORMAT, "%s:1: no column '%.80s' (%s); there are: %s%s",
                    rd_table_path(t), wanted, t->config.settings[i], list, advice);
}

static rd_status find_numbered(rd_table *t, int i) {
    t->wanted[i] = number_of(t->config.columns[i]) - 1;
    if (t->wanted[i] >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s is '%.80s', but %s is read without a header, so that columns have numbers, "
                    "from 1",
                    t->config.settings[i], t->config.columns[i], rd_table_path(t));
}

/* *line NULL at the end. */
static rd_status next_line(rd_table *t, const char **line, size_t *n) {
    RD_TRY(rd_corpus_next(t->corpus, line, n));
    t->line = rd_corpus_line_number(t->corpus);
    return RD_OK;
}

static rd_status read_header(rd_table *t) {
    const char *line;
    size_t n;
    RD_TRY(next_line(t, &line, &n));
    if (!line) return rd_error(RD_ERR_FORMAT, "%s: empty; expected a header", rd_table_path(t));
    RD_TRY(split(t, line, n));
    for (int i = 0; i < t->config.n_columns; i++) RD_TRY(find_named(t, i));
    t->width = t->n_fields;
    return RD_OK;
}

bool rd_field_is_blank(const rd_field *field) {
    const char *s = field->text, *end = s + field->length;
    for (int space; s < end && (space = rd_space_at(s, end)) > 0;) s += space;
    return s == end;
}

rd_table_format rd_table_format_of(const char *path) {
    static const struct {
        const char *ending;
        rd_table_format format;
    } endings[] = {{".csv", RD_TABLE_CSV},
                   {".tsv", RD_TABLE_TSV},
                   {".jsonl", RD_TABLE_JSONL},
                   {".json", RD_TABLE_JSONL}};
    size_t n = strlen(path);
    if (rd_ends_with(path, ".gz")) n -= 3;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t k = strlen(endings[i].ending);
        if (n >= k && strncmp(path + n - k, endings[i].ending, k) == 0) return endings[i].format;
    }
    return RD_TABLE_AUTO;
}

static rd_status open_table(rd_table *t, const char *path) {
    const rd_table_config *c = &t->config;
    rd_table_format format = c->format == RD_TABLE_AUTO ? rd_table_format_of(path) : c->format;
    t->json = format == RD_TABLE_JSONL;
    t->delimiter = format == RD_TABLE_CSV ? ',' : '\t';
    t->quoted =
        c->quoting == RD_QUOTING_AUTO ? format == RD_TABLE_CSV : c->quoting == RD_QUOTING_YES;
    RD_TRY(rd_corpus_open(&t->corpus, path, c->policy));
    if (t->json) return RD_OK;
    if (c->header) return read_header(t);
    for (int i = 0; i < c->n_columns; i++) RD_TRY(find_numbered(t, i));
    return RD_OK;
}

rd_status rd_table_open(rd_table **table, const char *path, const rd_table_config *config) {
    rd_table *t = *table = rd_calloc(1, sizeof *t);
    if (!t) return RD_ERR_MEMORY;
    t->config = *config;
    rd_status status = open_table(t, path);
    if (status == RD_OK) return RD_OK;
    rd_table_close(t);
    *table = NULL;
    return status;
}

void rd_table_stop_by(rd_table *t, int stop_fd) {
    rd_corpus_stop_by(t->corpus, stop_fd);
}

void rd_table_close(rd_table *t) {
    if (!t) return;
    rd_corpus_close(t->corpus);
    json_decref(t->object);
    rd_text_free(&t->text);
    free(t->fields);
    free(t);
}

/* All rows are as wide as the header, or else as the first one. */
static rd_status check_width(rd_table *t) {
    const rd_table_config *c = &t->config;
    if (t->width == 0)
        for (int i = 0; i < c->n_columns; i++)
            if (t->wanted[i] >= t->n_fields)
                return rd_error(RD_ERR_FORMAT, "%s:%lld: %lld column%s, but %s is %lld",
                                rd_table_path(t), (long long)t->line, (long long)t->n_fields,
                                t->n_fields == 1 ? "" : "s", c->settings[i],
                                (long long)t->wanted[i] + 1);
    if (t->width == 0) t->width = t->n_fields;
    if (t->n_fields == t->width) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s:%lld: %lld column%s; expected %lld, as in the first row",
                    rd_table_path(t), (long long)t->line, (long long)t->n_fields,
                    t->n_fields == 1 ? "" : "s", (long long)t->width);
}

static rd_status read_fields(rd_table *t, const char *line, size_t n) {
    RD_TRY(split(t, line, n));
    RD_TRY(check_width(t));
    for (int i = 0; i < t->config.n_columns; i++) {
        const place *field = &t->fields[t->wanted[i]];
        t->row[i] = (rd_field){t->text.data + field->at, (size_t)field->length};
    }
    return RD_OK;
}

/* Appends a value as text. */
static rd_status append_value(rd_table *t, int i, const json_t *value) {
    char number[32];
    if (json_is_string(value))
        return rd_text_append(&t->text, json_string_value(value), json_string_length(value));
    if (json_is_boolean(value))
        return rd_text_printf(&t->text, "%s", json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        return rd_text_printf(&t->text, "%lld", (long long)json_integer_value(value));
    /* an integer that JSON's reader has rounded */
    if (json_is_real(value) && fabs(json_real_value(value)) >= 0x1p63 &&
        floor(json_real_value(value)) == json_real_value(value))
        return rd_error(RD_ERR_FORMAT,
                        "%s:%lld: '%.80s' (%s) is a number of more than 64 bits; "
                        "write it as a text",
                        rd_table_path(t), (long long)t->line, t->config.columns[i],
                        t->config.settings[i]);
    if (json_is_real(value)) {
        rd_shortest_double(json_real_value(value), number);
        return rd_text_printf(&t->text, "%s", number);
    }
    if (json_is_null(value)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s:%lld: '%.80s' (%s) is %s; expected a text or a number",
                    rd_table_path(t), (long long)t->line, t->config.columns[i],
                    t->config.settings[i],
                    value ? "a list or an object" : "missing from the object");
}

/* The row's object, checked to be one. */
static rd_status parse_object(rd_table *t, const char *line, size_t n) {
    json_error_t error;
    json_decref(t->object);
    t->object = NULL;
    RD_TRY(rd_json_check(rd_table_path(t), t->line, line, n));
    RD_TRY(rd_json_load(&t->object, line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error));
    if (json_is_object(t->object)) return RD_OK;
    if (!t->object && rd_json_no_memory(&error))
        return rd_error(RD_ERR_MEMORY, "%s: out of memory", rd_table_path(t));
    return rd_error(RD_ERR_FORMAT, "%s:%lld: %s%s; expected an object a line", rd_table_path(t),
                    (long long)t->line,
                    t->object ? "no object" : "not JSON: ", t->object ? "" : error.text);
}

static rd_status read_object(rd_table *t, const char *line, size_t n) {
    RD_TRY(parse_object(t, line, n));
    t->n_fields = 0;
    rd_text_clear(&t->text);
    for (int i = 0; i < t->config.n_columns; i++) {
        RD_TRY(begin_field(t));
        RD_TRY(append_value(t, i, json_object_get(t->object, t->config.columns[i])));
        RD_TRY(end_field(t));
    }
    for (int i = 0; i < t->config.n_columns; i++)
        t->row[i] = (rd_field){t->text.data + t->fields[i].at, (size_t)t->fields[i].length};
    return RD_OK;
}

/* In a table of one column an empty line is a row: the empty text. */
static bool has_one_column(const rd_table *t) {
    if (t->json) return false;
    for (int i = 0; i < t->config.n_columns; i++)
        if (t->wanted[i] > 0) return false;
    return t->width <= 1;
}

/* After an empty line: only others may follow. */
static rd_status check_rest_is_empty(rd_table *t) {
    const char *line = "";
    size_t n = 0;
    int64_t first = t->line;
    while (line && n == 0) RD_TRY(next_line(t, &line, &n));
    if (!line) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s:%lld: the line is empty; empty lines may only be at the end of a table",
                    rd_table_path(t), (long long)first);
}

rd_status rd_table_next(rd_table *t, const rd_field **row) {
    const char *line;
    size_t n;
    *row = NULL;
    RD_TRY(next_line(t, &line, &n));
    if (!line) return RD_OK;
    if (n == 0 && !has_one_column(t)) return check_rest_is_empty(t);
    RD_TRY(t->json ? read_object(t, line, n) : read_fields(t, line, n));
    *row = t->row;
    return RD_OK;
}

bool rd_table_has_row(const rd_table *t) {
    return has_one_column(t) ? rd_corpus_has_line(t->corpus) : rd_corpus_has_text(t->corpus);
}

bool rd_table_was_repaired(const rd_table *t, char message[static RD_CORPUS_MESSAGE]) {
    return rd_corpus_was_repaired(t->corpus, message);
}

const char *rd_table_path(const rd_table *t) {
    return rd_corpus_path(t->corpus);
}

int64_t rd_table_line(const rd_table *t) {
    return t->line;
}
