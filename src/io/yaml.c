#include "io/yaml.h"

#include <stdbool.h>
#include <yaml.h>

enum { DEEPEST = 64, MOST_ANCHORS = 1000, FREE_COST = 40 << 20 };

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

/* NULL, or what is too much with this token. */
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
