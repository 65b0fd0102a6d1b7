/* Files and directories that appear whole or not at all, and the places that may be written to. */
#ifndef RD_IO_OUTPUT_H
#define RD_IO_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Writing: open gives a stream on a new file of random name next to PATH; commit flushes and
 * fsyncs it, renames it to PATH and fsyncs the directory; abort removes it. A crash at any moment
 * leaves the old PATH untouched. The new file has the mode of the old one and, where that is
 * allowed, its owner. After either call the struct is empty. Write errors may be checked only at
 * commit (ferror). */
typedef struct {
    FILE *stream;
    char *path, *temporary; /* temporary NULL: written into PATH as it comes */
    bool gzip;              /* what the stream is given is packed */
} rd_atomic_file;

/* A file in a directory that the program fills. What is at PATH must be a regular file, or nothing:
 * a symbolic link, a device or a pipe is refused. */
rd_status rd_atomic_open(rd_atomic_file *file, const char *path);
/* A file that the user named. A symbolic link stays, and the file that it leads to is replaced.
 * Devices and pipes are written into, as are "-", which is standard output, and /dev/fd/N; abort
 * cannot take back bytes that went there. A file whose name ends with ".gz" is gzipped. */
rd_status rd_output_open(rd_atomic_file *file, const char *path);
bool rd_output_is_standard(const char *path); /* whether that is standard output */

rd_status rd_atomic_commit(rd_atomic_file *file);
/* The same, with the first n bytes written anew: a header that only the end of writing completes.
 * Only for rd_atomic_open. */
rd_status rd_atomic_commit_head(rd_atomic_file *file, const void *head, size_t n);
/* As rd_atomic_commit, and a file already at PATH moves to `kept`; a crash may leave it there and
 * none at PATH. Only for rd_atomic_open. */
rd_status rd_atomic_commit_keeping(rd_atomic_file *file, const char *kept);
void rd_atomic_abort(rd_atomic_file *file); /* harmless on an empty or committed file */
/* Commits if `status` is RD_OK; else aborts, and returns it. */
rd_status rd_atomic_close(rd_atomic_file *file, rd_status status);

/* Flushes everything written so far. RD_ERR_IO, with errno as the failed write left it, if some of
 * it could not be written, now or before. */
rd_status rd_output_flush(FILE *stream);

/* The whole of a small file in one call, opened by rd_atomic_open or rd_output_open. */
rd_status rd_write_file(const char *path, const void *bytes, size_t n);
rd_status rd_write_output(const char *path, const void *bytes, size_t n);
/* FROM/NAME to TO/AS. */
rd_status rd_copy_file(const char *from, const char *name, const char *to, const char *as);

/* A directory that the user named, and that appears whole or not at all. PATH must not be there, or
 * be an empty directory, perhaps at the end of a symbolic link. Open makes an empty one to write
 * to, `temporary`, and the directories above; with `status` RD_OK close renames it to PATH, or
 * moves its contents into the directory that was there. Otherwise it removes it. */
typedef struct {
    char *path, *temporary;
    bool into; /* PATH is there, and `temporary` inside */
} rd_atomic_directory;

rd_status rd_atomic_directory_open(rd_atomic_directory *directory, const char *path);
rd_status rd_atomic_directory_close(rd_atomic_directory *directory, rd_status status);

/* With all that is in it; links are removed, not followed. */
void rd_remove_directory(const char *path);

/* "PATH.tmp." and 16 random digits, malloc'ed: a name that nobody can have put a link at. And
 * whether a file has such a name; a killed program may leave one. */
rd_status rd_temporary_path(const char *path, char **temporary);
bool rd_is_temporary(const char *name);

/* A regular file that is changed in place, made when `flags` have O_CREAT: *fd, for the caller to
 * close. Never through a symbolic link, nor one with another name (a hard link). */
rd_status rd_open_in_place(const char *path, int flags, int *fd);

/* RD_ERR_IO with a message that names the symbolic link at PATH, when there is one. */
rd_status rd_refuse_link(const char *path);

/* RD_ERR_ARGUMENT if writing `output` (NULL or "-": standard output) would destroy the regular file
 * `input` (NULL: none; "-": standard input). */
rd_status rd_refuse_input(const char *output, const char *input);
/* The same for every file in `directory`; RD_OK if that cannot be read. */
rd_status rd_refuse_inputs_in(const char *output, const char *directory);

/* Where the symbolic links at the end of PATH lead, malloc'ed; there may be nothing. */
rd_status rd_follow_links(const char *path, char **target);

#endif
