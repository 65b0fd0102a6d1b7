/* YAML as JSON: mappings become objects, sequences arrays, and every scalar a text, whatever it
 * looks like ("no", "1", "null"): what settings mean is for who reads them. */
#ifndef RD_IO_YAML_FILE_H
#define RD_IO_YAML_FILE_H

#include <jansson.h>

#include "base/error.h"

/* Of bytes[0..n), a mapping in which no key may come twice; `path` for messages. Release *root,
 * NULL on failure, with json_decref. */
rd_status rd_yaml_parse(json_t **root, const char *path, const char *bytes, size_t n);
rd_status rd_yaml_read(json_t **root, const char *directory, const char *name);

#endif
