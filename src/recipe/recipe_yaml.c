/* Recipe files to a flat list of assignments. */
#include "recipe/recipe_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/output.h"
#include "io/yaml.h"
#include "recipe/recipe.h"

enum { LARGEST_FILE = 256 * 1024, DEEPEST_EXTENDS = 16, MOST_KEYS = 1000 };

rd_status rd_assignments_add(rd_assignments *assignments, const char *key, const char *value,
                             const char *file, int line) {
    RD_TRY(rd_reserve(&assignments->items, &assignments->capacity, assignments->count + 1,
                      sizeof *assignments->items));
    rd_assignment item = {.key = rd_strdup(key), .line = line};
    if (value) item.value = rd_strdup(value);
    if (file) item.file = rd_strdup(file);
    assignments->items[assignments->count++] = item;
    return item.key && (!value || item.value) && (!file || item.file) ? RD_OK : RD_ERR_MEMORY;
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

static const char expected[] = "expected a plain value or a list of them";

/* A list of scalars, with the separator of a list of texts or, if that is NULL, as "[a, b]". */
static rd_status list_text(rd_yaml *yaml, const yaml_node_t *node, const char *separator,
                           rd_text *text) {
    const yaml_node_item_t *first = node->data.sequence.items.start;
    const char *between = separator ? separator : ", ";
    if (!separator) RD_TRY(rd_text_append(text, "[", 1));
    for (const yaml_node_item_t *item = first; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&yaml->document, *item);
        const char *scalar = entry ? rd_yaml_scalar(entry) : NULL;
        if (!scalar || text->length > LARGEST_FILE) return rd_yaml_error(yaml, node, expected);
        if (rd_yaml_is_null(entry))
            return rd_yaml_error(yaml, entry, "an item without a value; a text is quoted");
        if (separator && strstr(scalar, separator))
            return rd_yaml_error(yaml, entry,
                                 *separator == ',' ? "an item with a comma, which separates items"
                                                   : "an item with a blank, which separates items");
        RD_TRY(rd_text_printf(text, "%s%s", item == first ? "" : between, scalar));
    }
    return separator ? RD_OK : rd_text_append(text, "]", 1);
}

/* The value of a key as text. */
static rd_status value_text(rd_yaml *yaml, const char *name, const yaml_node_t *node,
                            rd_text *text) {
    const char *scalar = rd_yaml_scalar(node);
    const rd_key *key = rd_recipe_find_key(name);
    rd_text_clear(text);
    if (scalar) return rd_text_append(text, scalar, strlen(scalar));
    if (node->type != YAML_SEQUENCE_NODE) return rd_yaml_error(yaml, node, expected);
    if (key && key->type == RD_KEY_STRING && !key->separator)
        return rd_yaml_error(yaml, node, "expected one text, not a list");
    return list_text(yaml, node, key ? key->separator : NULL, text);
}

/* Words that blanks separate may be symbols such as [ENT]. */
static bool is_list(const rd_key *key, const char *value) {
    return key && key->separator && *value == '[' && (*key->separator != ' ' || strchr(value, ','));
}

rd_status rd_recipe_setting_text(const char *name, const char *value, rd_text *text) {
    rd_yaml yaml;
    if (!is_list(rd_recipe_find_key(name), value))
        return rd_text_append(text, value, strlen(value));
    RD_TRY(rd_yaml_open(&yaml, name, value, strlen(value)));
    const yaml_node_t *node = yaml_document_get_root_node(&yaml.document);
    rd_status status = node ? value_text(&yaml, name, node, text) : RD_OK;
    if (status == RD_OK) status = rd_yaml_refuse_second(&yaml);
    rd_yaml_close(&yaml);
    return status;
}

/* Whether both set one value: aliases, and vocab-size, which is both sides'. */
static bool mean_one_thing(const char *a, const char *b) {
    const rd_key *key = rd_recipe_find_key(a);
    if (key)
        return rd_recipe_find_key(b) == key ||
               (strcmp(b, "vocab-size") == 0 && mean_one_thing(b, a));
    return strcmp(a, "vocab-size") == 0 && strncmp(b, "vocab-size-", 11) == 0;
}

static bool are_equal(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An alias may repeat its key's value, as fairseq's decoder-embed-dim does. */
static rd_status refuse_duplicate(const rd_assignments *assignments, int64_t first,
                                  const char *path, const yaml_node_t *node, const char *key,
                                  const char *value) {
    for (int64_t i = first; i < assignments->count; i++) {
        const rd_assignment *a = &assignments->items[i];
        if (strcmp(a->key, key) == 0)
            return rd_error(RD_ERR_FORMAT, "%s:%zu: key '%s' is given twice, first on line %d",
                            path, node->start_mark.line + 1, key, a->line);
        if (mean_one_thing(a->key, key) && !are_equal(a->value, value))
            return rd_error(
                RD_ERR_FORMAT,
                "%s:%zu: '%s' and '%s' on line %d mean one thing; both must be the same", path,
                node->start_mark.line + 1, key, a->key, a->line);
    }
    return RD_OK;
}

static rd_status read_mapping(rd_assignments *assignments, rd_yaml *yaml, rd_text *text) {
    const yaml_node_t *root;
    RD_TRY(rd_yaml_root(yaml, &root));
    int64_t first = assignments->count;
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&yaml->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&yaml->document, pair->value);
        const char *name = key ? rd_yaml_scalar(key) : NULL;
        if (!name || !value) return rd_yaml_error(yaml, root, "a key is not plain text");
        if (assignments->count - first == MOST_KEYS)
            return rd_yaml_error(yaml, key, "more keys than 1000");
        RD_TRY(value_text(yaml, name, value, text));
        const char *set = rd_yaml_is_null(value) ? NULL : text->data ? text->data : "";
        RD_TRY(refuse_duplicate(assignments, first, yaml->path, key, name, set));
        int line = (int)key->start_mark.line + 1;
        RD_TRY(rd_assignments_add(assignments, name, set, yaml->path, line));
    }
    return RD_OK;
}

static rd_status parse(rd_assignments *assignments, const char *path, const char *bytes,
                       size_t size) {
    rd_yaml yaml;
    rd_text text = {0};
    RD_TRY(rd_yaml_open(&yaml, path, bytes, size));
    rd_status status = read_mapping(assignments, &yaml, &text);
    if (status == RD_OK) status = rd_yaml_refuse_second(&yaml);
    rd_text_free(&text);
    rd_yaml_close(&yaml);
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

char *rd_recipe_beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    if (*name == '/' || !slash) return rd_strdup(name);
    rd_text joined = {0};
    if (rd_text_printf(&joined, "%.*s/%s", (int)(slash - path), path, name) != RD_OK) {
        rd_text_free(&joined);
        return NULL;
    }
    return joined.data;
}

/* The work on each file of a chain, the last one first: collect its assignments, after those of the
 * recipes it extends, or, if none are wanted, only check its path. */
typedef struct {
    rd_assignments *assignments; /* NULL: not wanted */
    const char *output;          /* NULL, or a path that no file of the chain may have */
} chain;

static rd_status follow(const chain *c, const char *path, int depth);

/* The recipes that `path` extends. */
static rd_status follow_parents(const chain *c, const char *path, const rd_assignments *own,
                                int depth) {
    for (int64_t i = 0; i < own->count; i++) {
        if (strcmp(own->items[i].key, "extends") != 0 || !own->items[i].value) continue;
        char *parent = rd_recipe_beside(path, own->items[i].value);
        rd_status status = parent ? follow(c, parent, depth + 1) : RD_ERR_MEMORY;
        free(parent);
        if (status == RD_ERR_IO) /* the parent's name alone would not say which file extends it */
            return rd_error_prefix(status, "%s:%d: extends", path, own->items[i].line);
        RD_TRY(status);
    }
    return RD_OK;
}

static rd_status add_own(const chain *c, const rd_assignments *own) {
    for (int64_t i = 0; c->assignments && i < own->count; i++) {
        const rd_assignment *item = &own->items[i];
        if (strcmp(item->key, "extends") != 0)
            RD_TRY(
                rd_assignments_add(c->assignments, item->key, item->value, item->file, item->line));
    }
    return RD_OK;
}

static rd_status follow(const chain *c, const char *path, int depth) {
    if (depth > DEEPEST_EXTENDS)
        return rd_error(RD_ERR_FORMAT,
                        "%s: more than %d recipes extend one another; is there a "
                        "cycle of 'extends'?",
                        path, DEEPEST_EXTENDS);
    if (c->output) RD_TRY(rd_refuse_input(c->output, path));
    rd_assignments own = {0};
    rd_status status = read_one(&own, path);
    if (status == RD_OK) status = follow_parents(c, path, &own, depth);
    if (status == RD_OK) status = add_own(c, &own);
    rd_assignments_free(&own);
    return status;
}

rd_status rd_recipe_read_file(rd_assignments *assignments, const char *path) {
    return follow(&(chain){.assignments = assignments}, path, 0);
}

rd_status rd_recipe_refuse_output(const char *path, const char *output) {
    return follow(&(chain){.output = output}, path, 0);
}
