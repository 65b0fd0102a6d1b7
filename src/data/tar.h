/* The regular files of a tar archive, read one after another, without unpacking: ustar, GNU's and
 * POSIX's (pax), gzipped or not. */
#ifndef RD_DATA_TAR_H
#define RD_DATA_TAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rd_tar rd_tar;

typedef struct {
    const char *name; /* without a leading "./"; NULL: there are no more */
    int64_t size;     /* bytes */
} rd_tar_member;

rd_status rd_tar_open(rd_tar **tar, const char *path);
void rd_tar_close(rd_tar *tar); /* NULL is fine */

/* The next regular file; the unread rest of the one before is skipped, as are directories.
 * RD_ERR_FORMAT, with the archive's path, if it is damaged or cut short, and for links, devices,
 * sparse files, and names that lead outside ("/", ".."). The name is valid until the next call. */
rd_status rd_tar_next(rd_tar *tar, rd_tar_member *member);

/* The next n bytes of the member; so many must be left. */
rd_status rd_tar_read(rd_tar *tar, void *to, size_t n);

#endif
