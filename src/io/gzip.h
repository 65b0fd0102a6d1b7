/* A stream that compresses. */
#ifndef RD_IO_GZIP_H
#define RD_IO_GZIP_H

#include <stdio.h>

/* A stream that gzips everything written to it into the descriptor, which the stream then owns;
 * fclose writes the end, and syncs a file to the disk. It has no fileno(). NULL, with errno, on
 * failure: fd stays the caller's. */
FILE *rd_gzip_stream(int fd);

#endif
