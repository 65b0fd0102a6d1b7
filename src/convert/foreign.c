#include "convert/foreign.h"

#include <stdlib.h>

#include "recipe/recipe_keys.h"

json_t *rd_foreign_value(const json_t *values, const char *key) {
    json_t *value = json_object_get(values, key);
    return json_is_null(value) ? NULL : value;
}

/* Puts the file's name before the message. */
static rd_status locate(const rd_foreign *f, rd_status status) {
    return rd_error_prefix(status, "%s%s%s", f->path, f->file ? "/" : "", f->file ? f->file : "");
}

rd_status rd_foreign_unsupported(const rd_foreign *f, const char *what) {
    return locate(f, rd_error(RD_ERR_UNSUPPORTED, "%s is not supported", what));
}

rd_status rd_foreign_set(const rd_foreign *f, const char *ours, const char *theirs,
                         const char *text) {
    rd_status status = rd_recipe_set_key(f->recipe, rd_recipe_find_key(ours), text);
    if (status != RD_ERR_FORMAT) return status;
    return locate(f, rd_error_prefix(status, "%s", theirs));
}

rd_status rd_foreign_set_value(const rd_foreign *f, const char *ours, const char *theirs,
                               const json_t *value) {
    if (json_is_string(value)) return rd_foreign_set(f, ours, theirs, json_string_value(value));
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    if (!text) return rd_error(RD_ERR_MEMORY, "out of memory");
    rd_status status = rd_foreign_set(f, ours, theirs, text);
    free(text);
    return status;
}

static rd_status set_number(const rd_foreign *f, const rd_foreign_key *key) {
    const json_t *value = rd_foreign_value(f->values, key->theirs);
    if (!value && key->otherwise) return rd_foreign_set(f, key->ours, key->theirs, key->otherwise);
    if (json_is_number(value)) return rd_foreign_set_value(f, key->ours, key->theirs, value);
    return locate(
        f, rd_error(RD_ERR_FORMAT, "%s is %s", key->theirs, value ? "not a number" : "missing"));
}

rd_status rd_foreign_set_numbers(const rd_foreign *f, const rd_foreign_key *keys) {
    for (; keys->theirs; keys++) RD_TRY(set_number(f, keys));
    return RD_OK;
}

rd_status rd_foreign_set_present(const rd_foreign *f, const rd_foreign_key *keys) {
    for (; keys->theirs; keys++)
        if (rd_foreign_value(f->values, keys->theirs)) RD_TRY(set_number(f, keys));
    return RD_OK;
}
