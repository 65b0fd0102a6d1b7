#include "io/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum { DEEPEST = 64, MOST_ANCHORS = 1000, FREE_COST = 256 << 20 };
enum { DEEPEST_JSON = 8, LARGEST_FILE = 1 << 28 };

/* Bytes of memory that a token's node takes, as libyaml's or as JSON: at most. */
enum { COLLECTION_COST = 256, SCALAR_COST = 104, EMPTY_COST = 104, MARK_COST = 24 };

typedef struct {
    int depth, anchors;
    bool in_list[DEEPEST + 1]; /* whether a depth's collection is a "[...]" */
    size_t cost;
} counts;

static void open_collection(counts *c, bool list) {
    if (++c->depth <= DEEPEST) c->in_list[c->depth] = list;
    c->cost += COLLECTION_COST;
}

/* NULL, or which limit this token exceeds. */
static const char *count(counts *c, const yaml_token_t *token) {
    switch (token->type) {
    case YAML_FLOW_SEQUENCE_START_TOKEN:
        open_collection(c, true);
        break;
    case YAML_FLOW_MAPPING_START_TOKEN:
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
    case YAML_BLOCK_MAPPING_START_TOKEN:
        open_collection(c, false);
        break;
    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
    case YAML_BLOCK_END_TOKEN:
        if (c->depth > 0) c->depth--;
        break;
    case YAML_SCALAR_TOKEN:
        c->cost += SCALAR_COST + token->data.scalar.length;
        break;
    case YAML_FLOW_ENTRY_TOKEN:
    case YAML_BLOCK_ENTRY_TOKEN:
        c->cost += EMPTY_COST;
        break;
    case YAML_KEY_TOKEN: /* "[a: b]" is a list of mappings */
        c->cost += c->in_list[c->depth] ? COLLECTION_COST : MARK_COST;
        break;
    case YAML_ANCHOR_TOKEN:
        if (++c->anchors > MOST_ANCHORS) return "more anchors than 1000";
        break;
    case YAML_TAG_DIRECTIVE_TOKEN:
        return "a %TAG directive, which nothing here needs";
    default:
        c->cost += MARK_COST;
    }
    return c->depth > DEEPEST ? "lists or mappings more than 64 deep inside one another" : NULL;
}

static rd_status check(yaml_parser_t *parser, const char *path, size_t n) {
    counts c = {0};
    for (bool ended = false; !ended;) {
        yaml_token_t token;
        if (!yaml_parser_scan(parser, &token))
            return parser->error == YAML_MEMORY_ERROR
                       ? rd_error(RD_ERR_MEMORY, "%s: out of memory", path)
                       : RD_OK;
        size_t line = token.start_mark.line + 1;
        const char *problem = count(&c, &token);
        ended = token.type == YAML_STREAM_END_TOKEN || token.type == YAML_NO_TOKEN;
        yaml_token_delete(&token);
        if (problem) return rd_error(RD_ERR_FORMAT, "%s:%zu: %s", path, line, problem);
        if (c.cost > FREE_COST + 3 * n)
            return rd_error(RD_ERR_FORMAT,
                            "%s:%zu: too many values for its size: it would take far more memory "
                            "than its %zu bytes",
                            path, line, n);
    }
    return RD_OK;
}

rd_status rd_yaml_check(const char *path, const char *bytes, size_t n) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, n);
    rd_status status = check(&parser, path, n);
    yaml_parser_delete(&parser);
    return status;
}

static rd_status no_memory(const char *path) {
    return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
}

static rd_status load(rd_yaml *yaml, yaml_document_t *document) {
    yaml_parser_t *parser = &yaml->parser;
    if (yaml_parser_load(parser, document)) return RD_OK;
    if (parser->error == YAML_MEMORY_ERROR) return no_memory(yaml->path);
    return rd_error(RD_ERR_FORMAT, "%s:%zu: not valid YAML: %s", yaml->path,
                    parser->problem_mark.line + 1, parser->problem ? parser->problem : "damaged");
}

rd_status rd_yaml_open(rd_yaml *yaml, const char *path, const char *bytes, size_t n) {
    *yaml = (rd_yaml){.path = path};
    RD_TRY(rd_yaml_check(path, bytes, n));
    if (!yaml_parser_initialize(&yaml->parser)) return no_memory(path);
    yaml_parser_set_input_string(&yaml->parser, (const unsigned char *)bytes, n);
    rd_status status = load(yaml, &yaml->document);
    if (status != RD_OK) yaml_parser_delete(&yaml->parser);
    return status;
}

void rd_yaml_close(rd_yaml *yaml) {
    yaml_document_delete(&yaml->document);
    yaml_parser_delete(&yaml->parser);
}

rd_status rd_yaml_refuse_second(rd_yaml *yaml) {
    yaml_document_t second;
    RD_TRY(load(yaml, &second));
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    rd_status status =
        root ? rd_yaml_error(yaml, root, "a second YAML document; expected one") : RD_OK;
    yaml_document_delete(&second);
    return status;
}

rd_status rd_yaml_root(rd_yaml *yaml, const yaml_node_t **root) {
    *root = yaml_document_get_root_node(&yaml->document);
    if (!*root)
        return rd_error(RD_ERR_FORMAT, "%s: empty; expected 'key: value' lines", yaml->path);
    if ((*root)->type == YAML_MAPPING_NODE) return RD_OK;
    return rd_yaml_error(yaml, *root, "expected 'key: value' lines");
}

const char *rd_yaml_scalar(const yaml_node_t *node) {
    if (node->type != YAML_SCALAR_NODE) return NULL;
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool rd_yaml_is_null(const yaml_node_t *node) {
    const char *text = rd_yaml_scalar(node);
    if (!text || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    return !*text || rd_is_listed("~ null Null NULL", text);
}

rd_status rd_yaml_error(const rd_yaml *yaml, const yaml_node_t *node, const char *what) {
    return rd_error(RD_ERR_FORMAT, "%s:%zu: %s", yaml->path, node->start_mark.line + 1, what);
}

/* A document on its way to JSON. */
typedef struct {
    rd_yaml *yaml;
    int last; /* the node that came last; libyaml numbers nodes as they come, so an alias refers to
               * an earlier one */
} conversion;

static rd_status take_node(conversion *c, const yaml_node_t *parent, int id,
                           const yaml_node_t **node) {
    *node = yaml_document_get_node(&c->yaml->document, id);
    if (!*node || id <= c->last)
        return rd_yaml_error(c->yaml, *node ? *node : parent,
                             "expected a text, a list or a mapping, without aliases");
    c->last = id;
    return RD_OK;
}

static rd_status to_json(conversion *c, const yaml_node_t *node, int depth, json_t **value);

static rd_status add_items(conversion *c, const yaml_node_t *list, int depth, json_t *array) {
    const yaml_node_item_t *end = list->data.sequence.items.top;
    for (const yaml_node_item_t *item = list->data.sequence.items.start; item < end; item++) {
        const yaml_node_t *node;
        json_t *value;
        RD_TRY(take_node(c, list, *item, &node));
        RD_TRY(to_json(c, node, depth, &value));
        if (json_array_append_new(array, value) != 0) return no_memory(c->yaml->path);
    }
    return RD_OK;
}

static rd_status add_pairs(conversion *c, const yaml_node_t *mapping, int depth, json_t *object) {
    const yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *key, *node;
        json_t *value;
        RD_TRY(take_node(c, mapping, pair->key, &key));
        const char *name = rd_yaml_scalar(key);
        if (!name) return rd_yaml_error(c->yaml, key, "a key that is not a text");
        if (json_object_get(object, name))
            return rd_yaml_error(c->yaml, key, "a key that is given twice");
        RD_TRY(take_node(c, mapping, pair->value, &node));
        RD_TRY(to_json(c, node, depth, &value));
        if (json_object_set_new(object, name, value) != 0) return no_memory(c->yaml->path);
    }
    return RD_OK;
}

static rd_status fill(conversion *c, const yaml_node_t *node, int depth, json_t *value) {
    if (node->type == YAML_MAPPING_NODE) return add_pairs(c, node, depth + 1, value);
    return node->type == YAML_SEQUENCE_NODE ? add_items(c, node, depth + 1, value) : RD_OK;
}

static rd_status to_json(conversion *c, const yaml_node_t *node, int depth, json_t **value) {
    const char *text = rd_yaml_scalar(node);
    bool mapping = node->type == YAML_MAPPING_NODE;
    if (!text && !mapping && node->type != YAML_SEQUENCE_NODE)
        return rd_yaml_error(c->yaml, node, "expected a text, a list or a mapping");
    if (depth == DEEPEST_JSON)
        return rd_yaml_error(c->yaml, node, "lists or mappings too deep inside others");
    *value = text ? json_string(text) : mapping ? json_object() : json_array();
    if (!*value) return no_memory(c->yaml->path);
    rd_status status = fill(c, node, depth, *value);
    if (status == RD_OK) return RD_OK;
    json_decref(*value);
    *value = NULL;
    return status;
}

rd_status rd_yaml_parse(json_t **root, const char *path, const char *bytes, size_t n) {
    rd_yaml yaml;
    const yaml_node_t *node;
    *root = NULL;
    RD_TRY(rd_yaml_open(&yaml, path, bytes, n));
    rd_status status = rd_yaml_root(&yaml, &node);
    if (status == RD_OK) status = to_json(&(conversion){.yaml = &yaml, .last = 1}, node, 0, root);
    rd_yaml_close(&yaml);
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
