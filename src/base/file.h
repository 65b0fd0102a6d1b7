/* Files that are either complete or absent, and files mapped into memory. */
#ifndef RD_BASE_FILE_H
#define RD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Writing: open gives a stream on "PATH.tmp.PID"; commit flushes, fsyncs, renames it to PATH and
 * fsyncs the directory; abort removes it. A crash at any moment leaves the old PATH untouched.
 * After either call the struct is empty. Write errors may be checked only at commit (ferror). */
typedef struct {
    FILE *stream;
    char *path, *temporary;
} rd_atomic_file;

rd_status rd_atomic_open(rd_atomic_file *file, const char *path);
rd_status rd_atomic_commit(rd_atomic_file *file);
/* The same, and a file already at PATH moves to `kept`; a crash may leave it there and none at
 * PATH.
 */
rd_status rd_atomic_commit_keeping(rd_atomic_file *file, const char *kept);
void rd_atomic_abort(rd_atomic_file *file); /* harmless on an empty or committed file */

/* A directory that appears whole or not at all: open makes "PATH.tmp.PID" beside it, and the
 * directories above; PATH must not be there, or be an empty directory. What the caller does is
 * written to `temporary`; close moves it to PATH when `status` is RD_OK, and otherwise removes it.
 */
typedef struct {
    char *path, *temporary;
} rd_atomic_directory;

rd_status rd_atomic_directory_open(rd_atomic_directory *directory, const char *path);
rd_status rd_atomic_directory_close(rd_atomic_directory *directory, rd_status status);

/* The whole of a small file in one call. */
rd_status rd_write_file(const char *path, const void *bytes, size_t n);
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
rd_status rd_make_directories(const char *path); /* like mkdir -p */

/* "DIR/NAME" in a malloc'ed string, NULL without memory. */
char *rd_path_join(const char *directory, const char *name);

#endif
