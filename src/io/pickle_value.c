/* The meaning of a pickle's objects, as far as they are dicts and settings. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "io/pickle.h"

enum { MOST_WRAPPED = 64 };

bool rd_pickle_is(const rd_pickle_value *value, const char *name) {
    return value && value->kind == RD_PICKLE_OBJECT && strcmp(value->object->name, name) == 0;
}

static bool is_of(const rd_pickle_value *value, const char *package) {
    return value && value->kind == RD_PICKLE_OBJECT &&
           strncmp(value->object->name, package, strlen(package)) == 0;
}

/* The value of a text key in keys and values; the last, as in Python. */
static const rd_pickle_value *find(const rd_pickle_value *pairs, const char *key) {
    size_t length = strlen(key);
    for (int64_t i = pairs ? pairs->n - 2 : -1; i >= 0; i -= 2) {
        const rd_pickle_value *k = pairs->items[i];
        if (k->kind == RD_PICKLE_TEXT && (size_t)k->n == length &&
            memcmp(k->text, key, length) == 0)
            return pairs->items[i + 1];
    }
    return NULL;
}

/* An object's attributes; NULL: it has none. */
static const rd_pickle_value *attributes(const rd_pickle_value *value) {
    const rd_pickle_value *state = value->object->state;
    return state && state->kind == RD_PICKLE_DICT ? state : NULL;
}

const rd_pickle_value *rd_pickle_dict(const rd_pickle_value *value) {
    static const char *const dicts[] = {"collections.OrderedDict", "collections.defaultdict",
                                        "collections.Counter", "builtins.dict", "__builtin__.dict"};
    for (int i = 0; value && i < MOST_WRAPPED; i++) {
        if (value->kind == RD_PICKLE_DICT) return value;
        if (value->kind != RD_PICKLE_OBJECT) return NULL;
        for (size_t k = 0; k < sizeof dicts / sizeof *dicts; k++)
            if (rd_pickle_is(value, dicts[k]))
                return value->n == 0 || value->object->keyed ? value : NULL;
        const rd_pickle_value *own = attributes(value);
        if (!is_of(value, "omegaconf.")) return own;
        value = find(own, "_content");
    }
    return NULL;
}

const rd_pickle_value *rd_pickle_get(const rd_pickle_value *value, const char *key) {
    return find(rd_pickle_dict(value), key);
}

/* The value itself, or the contents of an omegaconf node or an enumeration. */
static const rd_pickle_value *plain(const rd_pickle_value *value) {
    for (int i = 0; value && value->kind == RD_PICKLE_OBJECT && i < MOST_WRAPPED; i++) {
        const rd_pickle_object *object = value->object;
        const rd_pickle_value *next = NULL;
        if (is_of(value, "omegaconf.nodes."))
            next = find(attributes(value), "_val");
        else if (is_of(value, "fairseq.") && !object->state && object->arguments->n == 1)
            next = object->arguments->items[0]; /* an enumeration is made of its value */
        if (!next) return value;
        value = next;
    }
    return value;
}

static bool is_text(const rd_pickle_value *value) {
    return value->kind == RD_PICKLE_TEXT && rd_utf8_invalid_at(value->text, (size_t)value->n) < 0;
}

/* Whether a setting may have this value. */
static bool is_plain(const rd_pickle_value *value) {
    return value->kind == RD_PICKLE_NONE || value->kind == RD_PICKLE_BOOL ||
           value->kind == RD_PICKLE_INT ||
           (value->kind == RD_PICKLE_FLOAT && isfinite(value->number)) || is_text(value);
}

/* NULL without memory. */
static json_t *to_json(const rd_pickle_value *value) {
    switch (value->kind) {
    case RD_PICKLE_BOOL:
        return json_boolean(value->integer);
    case RD_PICKLE_INT:
        return json_integer(value->integer);
    case RD_PICKLE_FLOAT:
        return json_real(value->number);
    case RD_PICKLE_TEXT:
        return json_stringn(value->text, (size_t)value->n);
    default:
        return json_null();
    }
}

/* Keys with a NUL no setting has. */
static rd_status add_setting(rd_pickle *pickle, json_t *settings, const rd_pickle_value *key,
                             const rd_pickle_value *value) {
    enum { COST = 256 }; /* of a value and its place in the object, at most */
    if (!is_text(key) || strlen(key->text) != (size_t)key->n || !is_plain(value)) return RD_OK;
    size_t n = value->kind == RD_PICKLE_TEXT ? (size_t)value->n : 0;
    RD_TRY(rd_pickle_charge(pickle, COST + (size_t)key->n + n));
    if (json_object_set_new(settings, key->text, to_json(value)) == 0) return RD_OK;
    return rd_error(RD_ERR_MEMORY, "%s: out of memory", pickle->path);
}

rd_status rd_pickle_settings(rd_pickle *pickle, const rd_pickle_value *value, json_t **settings) {
    const rd_pickle_value *pairs = rd_pickle_dict(value);
    *settings = json_object();
    if (!*settings) return rd_error(RD_ERR_MEMORY, "%s: out of memory", pickle->path);
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && pairs && i < pairs->n; i += 2)
        status = add_setting(pickle, *settings, pairs->items[i], plain(pairs->items[i + 1]));
    if (status == RD_OK) return RD_OK;
    json_decref(*settings);
    *settings = NULL;
    return status;
}
