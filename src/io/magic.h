/* The first eight bytes of this project's own binary files: which file it is, and digits of its
 * version. */
#ifndef RD_IO_MAGIC_H
#define RD_IO_MAGIC_H

#include <stddef.h>

#include "base/error.h"

typedef struct {
    char bytes[9];      /* "RDDATA02" */
    const char *what;   /* "a binarized dataset" */
    const char *remade; /* after that: "; make it with rdrop-preprocess" */
    const char *renew;  /* what to do if it is of another version: "run rdrop-preprocess again" */
} rd_magic;

/* Whether a file of `size` bytes begins with it, and has room for a header of so many bytes.
 * RD_ERR_UNSUPPORTED for one of another version, with both. */
rd_status rd_magic_check(const rd_magic *magic, const char *bytes, size_t size, size_t header,
                         const char *path);

#endif
