#include "io/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/output.h"

enum { LARGEST_FILE = 1 << 28 };
enum { DEEPEST = 64, FREE_COST = 256 << 20 };

/* Bytes of memory that jansson takes for each: at most, with its tables half empty and its blocks
 * rounded up. A string's or key's own bytes come on top. */
enum { OBJECT_COST = 256, ARRAY_COST = 144, STRING_COST = 136, NUMBER_COST = 32, ITEM_COST = 24 };

typedef struct {
    const char *at, *end;
    int64_t line;
    int depth, deepest;
    size_t cost, longest; /* of the texts of tokens */
} scan;

/* A string, from its opening quote on. */
static void skip_string(scan *s) {
    const char *start = ++s->at;
    while (s->at < s->end && *s->at != '"') s->at += *s->at == '\\' && s->end - s->at > 1 ? 2 : 1;
    size_t n = (size_t)(s->at - start);
    if (s->at < s->end) s->at++;
    s->cost += STRING_COST + n;
    if (n > s->longest) s->longest = n;
}

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

/* A number, true, false or null. */
static void skip_word(scan *s) {
    const char *start = s->at;
    while (s->at < s->end && is_word(*s->at)) s->at++;
    size_t n = (size_t)(s->at - start);
    s->cost += NUMBER_COST;
    if (n > s->longest) s->longest = n;
}

static void skip_mark(scan *s) {
    char c = *s->at++;
    bool opens = c == '{' || c == '[';
    if (opens && ++s->depth > s->deepest) s->deepest = s->depth;
    if (c == '}' || c == ']') s->depth--;
    if (opens) s->cost += c == '{' ? OBJECT_COST : ARRAY_COST;
    if (c == ',') s->cost += ITEM_COST;
    if (c == '\n') s->line++;
}

/* As far as the text is JSON its tokens are the parser's; beyond that the parser does not come. */
rd_status rd_json_check(const char *path, int64_t line, const char *bytes, size_t n) {
    scan s = {.at = bytes, .end = bytes + n, .line = line};
    while (s.at < s.end) {
        if (*s.at == '"')
            skip_string(&s);
        else if (is_word(*s.at))
            skip_word(&s);
        else
            skip_mark(&s);
        if (s.deepest > DEEPEST)
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: lists or objects more than %d deep inside one another", path,
                            (long long)s.line, DEEPEST);
        if (s.cost + 2 * s.longest > FREE_COST + 3 * n)
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: too many values for its size: it would take far more memory "
                            "than its %zu bytes",
                            path, (long long)s.line, n);
    }
    return RD_OK;
}

enum { LONGEST_INTEGER = 18 }; /* digits that any 64-bit integer holds */

bool rd_json_no_memory(const json_error_t *error) {
    return !*error->text || json_error_code(error) == json_error_out_of_memory;
}

/* Appends the JSON text with integers of more digits as real numbers. */
static rd_status widen_integers(rd_text *out, const char *bytes, size_t n) {
    bool in_string = false;
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        size_t digits = 0;
        while (!in_string && i + digits < n && strchr("0123456789", bytes[i + digits]) &&
               bytes[i + digits])
            digits++;
        bool real = i > 0 && (bytes[i - 1] == '.' || strchr("eE+", bytes[i - 1]));
        bool part = i + digits < n && strchr(".eE", bytes[i + digits]) && bytes[i + digits];
        if (digits > LONGEST_INTEGER && !real && !part) {
            RD_TRY(rd_text_append(out, bytes + kept, i + digits - kept));
            RD_TRY(rd_text_append(out, ".0", 2));
            kept = i + digits;
        }
        bool escape = in_string && bytes[i] == '\\';
        if (digits == 0 && bytes[i] == '"') in_string = !in_string;
        i += digits ? digits : escape ? 2 : 1;
    }
    return rd_text_append(out, bytes + kept, n - kept);
}

rd_status rd_json_load(json_t **root, const char *bytes, size_t n, size_t flags,
                       json_error_t *error) {
    rd_text text = {0};
    *error = (json_error_t){.text = ""};
    *root = json_loadb(bytes, n, flags, error);
    if (*root || json_error_code(error) != json_error_numeric_overflow) return RD_OK;
    rd_status status = widen_integers(&text, bytes, n);
    if (status == RD_OK) *root = json_loadb(text.data, (size_t)text.length, flags, error);
    rd_text_free(&text);
    return status;
}

rd_status rd_json_parse(json_t **root, const char *path, const char *bytes, size_t n) {
    json_error_t error;
    *root = NULL;
    RD_TRY(rd_json_check(path, 1, bytes, n));
    RD_TRY(rd_json_load(root, bytes, n, JSON_REJECT_DUPLICATES, &error));
    if (*root) return RD_OK;
    if (rd_json_no_memory(&error)) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    return rd_error(RD_ERR_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
}

static rd_status parse_line(json_t **value, const char *path, const char *text, size_t n) {
    json_error_t error;
    *value = NULL;
    if (rd_json_check(path, 0, text, n) != RD_OK) return RD_OK;
    *value = json_loadb(text, n, 0, &error);
    if (*value || !rd_json_no_memory(&error)) return RD_OK;
    return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
}

rd_status rd_json_each_line(FILE *file, const char *path, rd_json_line take, void *self) {
    char *text = NULL;
    size_t room = 0;
    rd_status status = RD_OK;
    for (ssize_t n; status == RD_OK && (n = getline(&text, &room, file)) > 0;) {
        json_t *value;
        status = parse_line(&value, path, text, (size_t)n);
        if (status == RD_OK) status = take(self, text, (size_t)n, value);
        json_decref(value);
    }
    free(text);
    /* getline also stops when memory runs out, which is no error of the file. */
    if (status == RD_OK && !feof(file))
        status = rd_error(ferror(file) ? RD_ERR_IO : RD_ERR_MEMORY, "%s: cannot read on: %s", path,
                          strerror(errno));
    return status;
}

static rd_status read_object(json_t **root, const char *path) {
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &n));
    rd_status status = rd_json_parse(root, path, bytes, n);
    free(bytes);
    RD_TRY(status);
    if (json_is_object(*root)) return RD_OK;
    json_decref(*root);
    *root = NULL;
    return rd_error(RD_ERR_FORMAT, "%s: not a JSON object", path);
}

rd_status rd_json_read(const char *directory, const char *name, json_t **root) {
    char *path = rd_path_join(directory, name);
    *root = NULL;
    if (!path) return RD_ERR_MEMORY;
    rd_status status = read_object(root, path);
    free(path);
    return status;
}

rd_status rd_json_read_optional(const char *directory, const char *name, json_t **root) {
    bool found;
    *root = NULL;
    RD_TRY(rd_has_file(directory, name, &found));
    if (found) return rd_json_read(directory, name, root);
    *root = json_object();
    return *root ? RD_OK : rd_error(RD_ERR_MEMORY, "out of memory");
}

rd_status rd_json_read_beside(const char *path, const char *name, json_t **root) {
    char *directory = rd_path_parent(path);
    *root = NULL;
    rd_status status = directory ? rd_json_read_optional(directory, name, root) : RD_ERR_MEMORY;
    free(directory);
    return status;
}

static rd_status write_text(const char *path, const char *text) {
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    fprintf(file.stream, "%s\n", text);
    return rd_atomic_commit(&file);
}

bool rd_json_flag(const json_t *object, const char *key, bool otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

rd_status rd_json_write(const char *directory, const char *name, json_t *root) {
    char *text =
        root ? json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7)) : NULL;
    char *path = rd_path_join(directory, name);
    json_decref(root);
    rd_status status = text && path
                           ? write_text(path, text)
                           : rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
    free(text);
    free(path);
    return status;
}

rd_status rd_json_write_line(FILE *output, json_t *root) {
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(7)) : NULL;
    json_decref(root);
    if (!text) return rd_error(RD_ERR_MEMORY, "out of memory");
    fprintf(output, "%s\n", text);
    free(text);
    return RD_OK;
}
