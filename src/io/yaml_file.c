#include "io/yaml_file.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "io/yaml.h"

enum { DEEPEST = 8, LARGEST_FILE = 1 << 28 };

typedef struct {
    yaml_parser_t parser;
    const char *path;
} reader;

static rd_status next(reader *r, yaml_event_t *event) {
    if (yaml_parser_parse(&r->parser, event)) return RD_OK;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return rd_error(RD_ERR_MEMORY, "%s: out of memory", r->path);
    return rd_error(RD_ERR_FORMAT, "%s:%zu: not YAML: %s", r->path, r->parser.problem_mark.line + 1,
                    r->parser.problem ? r->parser.problem : "damaged");
}

static rd_status at(const reader *r, const yaml_event_t *event, const char *what) {
    return rd_error(RD_ERR_FORMAT, "%s:%zu: %s", r->path, event->start_mark.line + 1, what);
}

/* The text of a scalar; NULL for anything else and for text with a NUL inside. */
static const char *scalar_of(const yaml_event_t *event) {
    if (event->type != YAML_SCALAR_EVENT) return NULL;
    const char *text = (const char *)event->data.scalar.value;
    return strlen(text) == event->data.scalar.length ? text : NULL;
}

static rd_status read_value(reader *r, const yaml_event_t *event, int depth, json_t **value);

static rd_status read_items(reader *r, int depth, json_t *array) {
    for (;;) {
        yaml_event_t event;
        json_t *item = NULL;
        RD_TRY(next(r, &event));
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        rd_status status = end ? RD_OK : read_value(r, &event, depth, &item);
        yaml_event_delete(&event);
        if (end || status != RD_OK) return status;
        if (json_array_append_new(array, item) != 0)
            return rd_error(RD_ERR_MEMORY, "%s: out of memory", r->path);
    }
}

/* Reads a key's value. */
static rd_status read_pair(reader *r, const yaml_event_t *key, int depth, json_t *object) {
    const char *text = scalar_of(key);
    yaml_event_t event;
    json_t *value = NULL;
    if (!text) return at(r, key, "a key that is not a text");
    if (json_object_get(object, text)) return at(r, key, "a key that is given twice");
    RD_TRY(next(r, &event));
    rd_status status = read_value(r, &event, depth, &value);
    yaml_event_delete(&event);
    if (status == RD_OK && json_object_set_new(object, text, value) != 0)
        status = rd_error(RD_ERR_MEMORY, "%s: out of memory", r->path);
    return status;
}

static rd_status read_pairs(reader *r, int depth, json_t *object) {
    for (;;) {
        yaml_event_t event;
        RD_TRY(next(r, &event));
        bool end = event.type == YAML_MAPPING_END_EVENT;
        rd_status status = end ? RD_OK : read_pair(r, &event, depth, object);
        yaml_event_delete(&event);
        if (end || status != RD_OK) return status;
    }
}

/* An alias could make a small file a large value, or an endless one. */
static rd_status read_value(reader *r, const yaml_event_t *event, int depth, json_t **value) {
    const char *text = scalar_of(event);
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    if (!text && !mapping && event->type != YAML_SEQUENCE_START_EVENT)
        return at(r, event, "expected a text, a list or a mapping, without aliases");
    if (depth == DEEPEST) return at(r, event, "lists or mappings too deep inside others");
    *value = text ? json_string(text) : mapping ? json_object() : json_array();
    if (!*value) return rd_error(RD_ERR_MEMORY, "%s: out of memory", r->path);
    rd_status status = text      ? RD_OK
                       : mapping ? read_pairs(r, depth + 1, *value)
                                 : read_items(r, depth + 1, *value);
    if (status == RD_OK) return RD_OK;
    json_decref(*value);
    *value = NULL;
    return status;
}

/* Of a stream of documents the first. */
static rd_status read_root(reader *r, json_t **root) {
    for (;;) {
        yaml_event_t event;
        RD_TRY(next(r, &event));
        bool start =
            event.type == YAML_STREAM_START_EVENT || event.type == YAML_DOCUMENT_START_EVENT;
        rd_status status = RD_OK;
        if (!start)
            status = event.type == YAML_MAPPING_START_EVENT
                         ? read_value(r, &event, 0, root)
                         : at(r, &event, "expected 'key: value' lines");
        yaml_event_delete(&event);
        if (!start) return status;
    }
}

rd_status rd_yaml_parse(json_t **root, const char *path, const char *bytes, size_t n) {
    reader r = {.path = path};
    *root = NULL;
    RD_TRY(rd_yaml_check(path, bytes, n));
    if (!yaml_parser_initialize(&r.parser))
        return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, n);
    rd_status status = read_root(&r, root);
    yaml_parser_delete(&r.parser);
    return status;
}

rd_status rd_yaml_read(json_t **root, const char *directory, const char *name) {
    char *path = rd_path_join(directory, name), *bytes = NULL;
    size_t n = 0;
    *root = NULL;
    rd_status status = path ? rd_read_file(path, LARGEST_FILE, &bytes, &n) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_yaml_parse(root, path, bytes, n);
    free(bytes);
    free(path);
    return status;
}
