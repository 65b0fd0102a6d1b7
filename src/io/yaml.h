/* YAML with libyaml's document API: its nodes know their lines, and it keeps aliases as references,
 * so that a file cannot unfold into something large. */
#ifndef RD_IO_YAML_H
#define RD_IO_YAML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/error.h"

/* Refuses bytes[0..n) that would cost too much to parse: collections more than 64 deep (libyaml
 * takes the square of the depth), more than 1,000 anchors, tags' directives, and more nodes than
 * three times the bytes and 256 MiB of memory hold. Linear in n; `path` for messages. Text that is
 * not YAML passes; the parser refuses it. */
rd_status rd_yaml_check(const char *path, const char *bytes, size_t n);

typedef struct {
    const char *path;
    yaml_parser_t parser;
    yaml_document_t document;
} rd_yaml;

/* The first document of bytes[0..n), checked as above; path and bytes must outlive it. */
rd_status rd_yaml_open(rd_yaml *yaml, const char *path, const char *bytes, size_t n);
void rd_yaml_close(rd_yaml *yaml); /* only after a successful open */

/* An error if the file has another document. */
rd_status rd_yaml_refuse_second(rd_yaml *yaml);

/* RD_OK when the document is a mapping. */
rd_status rd_yaml_root(rd_yaml *yaml, const yaml_node_t **root);

/* The text of a scalar; NULL for anything else and for text with a NUL inside. */
const char *rd_yaml_scalar(const yaml_node_t *node);

/* Whether it is a plain null, ~ or nothing, as YAML writes "no value"; in quotes these are texts.
 */
bool rd_yaml_is_null(const yaml_node_t *node);

/* RD_ERR_FORMAT: the file, the node's line, and `what`. */
rd_status rd_yaml_error(const rd_yaml *yaml, const yaml_node_t *node, const char *what);

/* The document as JSON: mappings become objects, sequences arrays, and every scalar a text,
 * whatever it looks like ("no", "1", "null"): the reader decides what settings mean. It must be a
 * mapping, without aliases, in which no key comes twice. Release *root, NULL on failure, with
 * json_decref. */
rd_status rd_yaml_parse(json_t **root, const char *path, const char *bytes, size_t n);
rd_status rd_yaml_read(json_t **root, const char *directory, const char *name);

#endif
