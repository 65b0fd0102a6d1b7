/* Files read whole or mapped into memory, directories, and paths. Writing is io/output.h's. */
#ifndef RD_BASE_FILE_H
#define RD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

rd_status rd_read_file(const char *path, size_t limit, char **bytes,
                       size_t *n); /* NUL added; free() */

/* Reading by mmap: bytes stay valid until unmap. An empty file maps to size 0. */
typedef struct {
    const char *bytes;
    size_t size;
} rd_mapping;

rd_status rd_map_file(rd_mapping *mapping, const char *path);
void rd_unmap_file(rd_mapping *mapping);

bool rd_file_exists(const char *path);
bool rd_is_directory(const char *path);                                      /* or a link to one */
rd_status rd_has_file(const char *directory, const char *name, bool *found); /* DIR/NAME */
rd_status rd_remove_file(const char *directory, const char *name); /* DIR/NAME, if it is there */
bool rd_is_same_file(const char *path, const char *other); /* or directory; false: not there */
rd_status rd_make_directories(const char *path); /* like mkdir -p; the new ones outlive a crash */

/* Fsyncs the directory of PATH: a rename outlives a crash only once that is on disk. */
rd_status rd_sync_directory_of(const char *path);

/* "DIR/NAME" in a malloc'ed string, NULL without memory. rd_path_parent: "DIR", "." where PATH is
 * a bare name. */
char *rd_path_join(const char *directory, const char *name);
char *rd_path_parent(const char *path);

#endif
