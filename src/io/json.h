/* JSON texts and files. */
#ifndef RD_IO_JSON_H
#define RD_IO_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Refuses bytes[0..n) that would cost too much to parse: lists and objects more than 64 deep, and
 * more values than three times the bytes and 256 MiB of memory hold. Linear in n. `line` is the
 * first one's number, for messages. */
rd_status rd_json_check(const char *path, int64_t line, const char *bytes, size_t n);

/* Of bytes[0..n), checked as above, in which no key may come twice; `path` for messages, with the
 * line. Release *root, which is NULL on failure, with json_decref. */
rd_status rd_json_parse(json_t **root, const char *path, const char *bytes, size_t n);

/* json_loadb, where integers of more than 64 bits become real numbers: transformers writes
 * int(1e30) where it means no limit. If it is not JSON, *root is NULL and *error says why. */
rd_status rd_json_load(json_t **root, const char *bytes, size_t n, size_t flags,
                       json_error_t *error);

/* Whether parsing ended for lack of memory. Jansson shows that in several ways: by a code, or by an
 * empty text. */
bool rd_json_no_memory(const json_error_t *error);

/* Of a file of JSON values, one a line: text[0..n) with its line break, which the last may lack.
 * value: NULL where the text is not JSON. */
typedef rd_status (*rd_json_line)(void *self, const char *text, size_t n, json_t *value);

/* Calls `take` for each line of an open file, up to its end; `path` for messages. */
rd_status rd_json_each_line(FILE *file, const char *path, rd_json_line take, void *self);

/* The file NAME of a directory, an object. Release *root with json_decref; NULL on failure. */
rd_status rd_json_read(const char *directory, const char *name, json_t **root);
/* {} where there is no such file. */
rd_status rd_json_read_optional(const char *directory, const char *name, json_t **root);
/* The same, of the file NAME next to the file `path`. */
rd_status rd_json_read_beside(const char *path, const char *name, json_t **root);

/* A boolean member; `otherwise` if there is none, or it is null or anything else. */
bool rd_json_flag(const json_t *object, const char *key, bool otherwise);

/* Both take over `root`, which may be NULL for lack of memory. */
rd_status rd_json_write(const char *directory, const char *name, json_t *root);
rd_status rd_json_write_line(FILE *output, json_t *root);

#endif
