#include "io/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"

typedef struct {
    gzFile to; /* closes a descriptor of its own */
    int fd;    /* the same file, to be synced when all is written */
} packer;

/* 0 is an error, with the errno of the write that failed. */
static ssize_t write_packed(void *cookie, const char *bytes, size_t n) {
    enum { MOST = 1 << 30 };
    const packer *p = cookie;
    return gzwrite(p->to, bytes, (unsigned)(n < MOST ? n : MOST));
}

static int close_packed(void *cookie) {
    packer *p = cookie;
    bool written = gzclose_w(p->to) == Z_OK;
    /* Pipes and devices keep nothing that could be synced. */
    if (written && fsync(p->fd) != 0) written = errno == EINVAL || errno == EROFS;
    int saved = errno;
    if (close(p->fd) != 0 && written) written = false, saved = errno;
    free(p);
    errno = saved;
    return written ? 0 : -1;
}

static packer *open_packer(int fd) {
    packer *p = rd_calloc(1, sizeof *p);
    int own = p ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (own >= 0 && (p->to = gzdopen(own, "wb"))) {
        p->fd = fd;
        return p;
    }
    if (own >= 0) close(own), errno = ENOMEM;
    free(p);
    return NULL;
}

FILE *rd_gzip_stream(int fd) {
    const cookie_io_functions_t functions = {.write = write_packed, .close = close_packed};
    packer *p = open_packer(fd);
    FILE *stream = p ? fopencookie(p, "wb", functions) : NULL;
    if (p && !stream) {
        int saved = errno;
        gzclose_w(p->to);
        free(p);
        errno = saved;
    }
    return stream;
}
