/* Zip archives by libzip, with its errors as ours. */
#ifndef RD_IO_ZIP_FILE_H
#define RD_IO_ZIP_FILE_H

#include <stdbool.h>
#include <zip.h>

#include "base/error.h"

/* libzip's error about the archive at `path`. */
static inline rd_status rd_zip_failed(const char *path, zip_error_t *error) {
    bool memory = zip_error_code_zip(error) == ZIP_ER_MEMORY;
    return rd_error(memory ? RD_ERR_MEMORY : RD_ERR_FORMAT, "%s: %s", path,
                    memory ? "out of memory" : zip_error_strerror(error));
}

/* To read. Close with zip_discard; NULL on failure. */
rd_status rd_zip_open(zip_t **archive, const char *path);

/* bytes: [n], the next of an entry. *ended: nothing comes after them, and the entry's checksum,
 * which libzip compares at its end, is right. Fewer than n are RD_ERR_FORMAT. */
rd_status rd_zip_read(zip_file_t *entry, const char *path, char *bytes, size_t n, bool *ended);

#endif
