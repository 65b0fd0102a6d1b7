/* Recipe files to a flat list of assignments, with libyaml's document API: its nodes know their
 * lines, and it keeps aliases as references, so that a file cannot unfold into something large. */
#include "recipe/recipe_keys.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/yaml.h"

enum { LARGEST_FILE = 256 * 1024, DEEPEST_EXTENDS = 16, MOST_KEYS = 1000 };

rd_status rd_assignments_add(rd_assignments *assignments, const char *key, const char *value,
                             const char *file, int line) {
    RD_TRY(rd_reserve(&assignments->items, &assignments->capacity, assignments->count + 1,
                      sizeof *assignments->items));
    rd_assignment item = {.key = rd_strdup(key), .value = rd_strdup(value), .line = line};
    if (file) item.file = rd_strdup(file);
    assignments->items[assignments->count++] = item;
    return item.key && item.value && (!file || item.file) ? RD_OK : RD_ERR_MEMORY;
}

void rd_assignments_free(rd_assignments *assignments) {
    for (int64_t i = 0; i < assignments->count; i++) {
        free(assignments->items[i].key);
        free(assignments->items[i].value);
        free(assignments->items[i].file);
    }
    free(assignments->items);
    *assignments = (rd_assignments){0};
}

static rd_status at(const char *path, const yaml_node_t *node, const char *what) {
    return rd_error(RD_ERR_FORMAT, "%s:%zu: %s", path, node->start_mark.line + 1, what);
}

/* The text of a scalar; NULL for anything else and for text with a NUL inside. */
static const char *scalar_of(const yaml_node_t *node) {
    if (node->type != YAML_SCALAR_NODE) return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* A value as text: a scalar as it is, a list of scalars as "[a, b]". */
static rd_status value_text(yaml_document_t *document, const yaml_node_t *node, const char *path,
                            rd_text *text) {
    const char *scalar = scalar_of(node);
    rd_text_clear(text);
    if (scalar) return rd_text_append(text, scalar, strlen(scalar));
    if (node->type != YAML_SEQUENCE_NODE)
        return at(path, node, "expected a plain value or a list of two numbers");
    RD_TRY(rd_text_append(text, "[", 1));
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(document, *item);
        scalar = entry ? scalar_of(entry) : NULL;
        if (!scalar || text->length > 256)
            return at(path, node, "expected a plain value or a list of two numbers");
        RD_TRY(rd_text_printf(text, "%s%s", text->length > 1 ? ", " : "", scalar));
    }
    return rd_text_append(text, "]", 1);
}

static rd_status refuse_duplicate(const rd_assignments *assignments, int64_t first,
                                  const char *path, const yaml_node_t *node, const char *key) {
    for (int64_t i = first; i < assignments->count; i++)
        if (strcmp(assignments->items[i].key, key) == 0)
            return rd_error(RD_ERR_FORMAT, "%s:%zu: key '%s' is given twice, first on line %d",
                            path, node->start_mark.line + 1, key, assignments->items[i].line);
    return RD_OK;
}

static rd_status read_mapping(rd_assignments *assignments, yaml_document_t *document,
                              const char *path, rd_text *text) {
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (!root) return rd_error(RD_ERR_FORMAT, "%s: empty; expected 'key: value' lines", path);
    if (root->type != YAML_MAPPING_NODE) return at(path, root, "expected 'key: value' lines");
    int64_t first = assignments->count;
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(document, pair->value);
        const char *name = key ? scalar_of(key) : NULL;
        if (!name || !value) return at(path, root, "a key is not plain text");
        if (assignments->count - first == MOST_KEYS) return at(path, key, "more keys than 1000");
        RD_TRY(refuse_duplicate(assignments, first, path, key, name));
        RD_TRY(value_text(document, value, path, text));
        int line = (int)key->start_mark.line + 1;
        RD_TRY(rd_assignments_add(assignments, name, text->data ? text->data : "", path, line));
    }
    return RD_OK;
}

static rd_status load_document(yaml_parser_t *parser, yaml_document_t *document, const char *path) {
    if (yaml_parser_load(parser, document)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s:%zu: not valid YAML: %s", path,
                    parser->problem_mark.line + 1,
                    parser->problem ? parser->problem : "out of memory");
}

static rd_status refuse_second(yaml_parser_t *parser, const char *path) {
    yaml_document_t second;
    RD_TRY(load_document(parser, &second, path));
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    rd_status status = root ? at(path, root, "a second YAML document; expected one") : RD_OK;
    yaml_document_delete(&second);
    return status;
}

static rd_status parse(rd_assignments *assignments, const char *path, const char *bytes,
                       size_t size) {
    yaml_parser_t parser;
    yaml_document_t document;
    RD_TRY(rd_yaml_check(path, bytes, size));
    if (!yaml_parser_initialize(&parser)) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size);
    rd_status status = load_document(&parser, &document, path);
    if (status == RD_OK) {
        rd_text text = {0};
        status = read_mapping(assignments, &document, path, &text);
        if (status == RD_OK && yaml_document_get_root_node(&document))
            status = refuse_second(&parser, path);
        rd_text_free(&text);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}

static rd_status read_one(rd_assignments *assignments, const char *path) {
    char *bytes = NULL;
    size_t size = 0;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &size));
    rd_status status = parse(assignments, path, bytes, size);
    free(bytes);
    return status;
}

/* `name` relative to the directory of the file `path`. */
static char *relative_to(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    if (*name == '/' || !slash) return rd_strdup(name);
    rd_text joined = {0};
    if (rd_text_printf(&joined, "%.*s/%s", (int)(slash - path), path, name) != RD_OK) {
        rd_text_free(&joined);
        return NULL;
    }
    return joined.data;
}

static rd_status read_chain(rd_assignments *assignments, const char *path, int depth) {
    if (depth > DEEPEST_EXTENDS)
        return rd_error(RD_ERR_FORMAT,
                        "%s: more than %d recipes extend one another; is there a "
                        "cycle of 'extends'?",
                        path, DEEPEST_EXTENDS);
    rd_assignments own = {0};
    rd_status status = read_one(&own, path);
    for (int64_t i = 0; status == RD_OK && i < own.count; i++) {
        if (strcmp(own.items[i].key, "extends") != 0) continue;
        char *parent = relative_to(path, own.items[i].value);
        status = parent ? read_chain(assignments, parent, depth + 1) : RD_ERR_MEMORY;
        if (status == RD_ERR_IO) /* the parent's name alone would not say who wants it */
            status = rd_error_prefix(status, "%s:%d: extends", path, own.items[i].line);
        free(parent);
    }
    for (int64_t i = 0; status == RD_OK && i < own.count; i++) {
        const rd_assignment *item = &own.items[i];
        if (strcmp(item->key, "extends") == 0) continue;
        status = rd_assignments_add(assignments, item->key, item->value, item->file, item->line);
    }
    rd_assignments_free(&own);
    return status;
}

rd_status rd_recipe_read_file(rd_assignments *assignments, const char *path) {
    return read_chain(assignments, path, 0);
}
