#include "base/json.h"

#include <string.h>

#include "base/text.h"

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

/* transformers writes int(1e30) where it means no limit. */
static rd_status parse_widened(json_t **root, const char *bytes, size_t n, json_error_t *error) {
    rd_text text = {0};
    rd_status status = widen_integers(&text, bytes, n);
    if (status == RD_OK)
        *root = json_loadb(text.data, (size_t)text.length, JSON_REJECT_DUPLICATES, error);
    rd_text_free(&text);
    return status;
}

rd_status rd_json_parse(json_t **root, const char *path, const char *bytes, size_t n) {
    json_error_t error = {.text = ""};
    *root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &error);
    if (!*root && json_error_code(&error) == json_error_numeric_overflow)
        RD_TRY(parse_widened(root, bytes, n, &error));
    if (*root) return RD_OK;
    if (rd_json_no_memory(&error)) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    return rd_error(RD_ERR_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
}
