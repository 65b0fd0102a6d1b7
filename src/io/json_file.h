/* The JSON files and plain copies that make up most of a Hugging Face directory. */
#ifndef RD_IO_JSON_FILE_H
#define RD_IO_JSON_FILE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

rd_status rd_json_exists(const char *directory, const char *name, bool *found);

/* An object; release with json_decref. */
rd_status rd_json_read(const char *directory, const char *name, json_t **root);
/* The same, {} where there is no such file. */
rd_status rd_json_read_optional(const char *directory, const char *name, json_t **root);

/* Takes `root` over, which may be NULL for want of memory. */
rd_status rd_json_write(const char *directory, const char *name, json_t *root);

/* FROM/NAME to TO/AS. */
rd_status rd_copy_file(const char *from, const char *name, const char *to, const char *as);

#endif
