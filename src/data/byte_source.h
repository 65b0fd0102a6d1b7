/* Bytes of a file or of standard input, decompressed if they are gzip (told apart by content). It
 * returns the bytes of a pipe as soon as there are any. zlib's own file functions wait for a full
 * buffer, so nobody could translate line by line with them. */
#ifndef RD_DATA_BYTE_SOURCE_H
#define RD_DATA_BYTE_SOURCE_H

#include <stddef.h>

#include "base/error.h"

typedef struct rd_byte_source rd_byte_source;

/* path "-" reads standard input. Errors are not prefixed with the path, which the caller knows. */
rd_status rd_byte_source_open(rd_byte_source **source, const char *path);
void rd_byte_source_close(rd_byte_source *source); /* NULL is fine */

/* Reading ends with RD_ERR_INTERRUPTED, at once if it waits, when the descriptor `stop_fd` has
 * something to read; 0: never. */
void rd_byte_source_stop_by(rd_byte_source *source, int stop_fd);

/* Up to `room` bytes (> 0) to out; *n = 0 only at the end. Several gzip members are read as one;
 * RD_ERR_FORMAT when one is damaged or cut short, or something else follows the last. */
rd_status rd_byte_source_read(rd_byte_source *source, char *out, size_t room, size_t *n);
/* n bytes; *got < n only at the end. */
rd_status rd_byte_source_fill(rd_byte_source *source, void *out, size_t n, size_t *got);

#endif
