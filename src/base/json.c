#include "base/json.h"

bool rd_json_no_memory(const json_error_t *error) {
    return !*error->text || json_error_code(error) == json_error_out_of_memory;
}

rd_status rd_json_parse(json_t **root, const char *path, const char *bytes, size_t n) {
    json_error_t error = {.text = ""};
    *root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &error);
    if (*root) return RD_OK;
    if (rd_json_no_memory(&error)) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    return rd_error(RD_ERR_FORMAT, "%s:%d: not JSON: %s", path, error.line, error.text);
}
