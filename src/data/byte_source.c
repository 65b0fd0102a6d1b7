#include "data/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/memory.h"

enum { RAW_BYTES = 1 << 16, GZIP_WINDOW_BITS = 15 + 16 /* with gzip headers */ };

struct rd_byte_source {
    int fd, stop_fd;
    bool looked, gzip;  /* whether the first bytes have been seen, and which format they show */
    bool ended;         /* no more raw bytes */
    bool in_member;     /* inside a gzip member */
    unsigned char *raw; /* [RAW_BYTES], of which [start, end) is not yet used */
    size_t start, end;
    z_stream inflater;
};

rd_status rd_byte_source_open(rd_byte_source **source, const char *path) {
    rd_byte_source *s = *source = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    s->raw = rd_malloc(RAW_BYTES, 1);
    /* Opening a FIFO does not wait for its writer: reading does, which can be stopped. */
    s->fd =
        strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    rd_status status = s->raw ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK && s->fd < 0)
        status = rd_error(RD_ERR_IO, "cannot open: %s", strerror(errno));
    if (status != RD_OK) {
        rd_byte_source_close(s);
        *source = NULL;
    }
    return status;
}

void rd_byte_source_close(rd_byte_source *source) {
    if (!source) return;
    if (source->gzip) inflateEnd(&source->inflater);
    if (source->fd >= 0) close(source->fd);
    free(source->raw);
    free(source);
}

void rd_byte_source_stop_by(rd_byte_source *source, int stop_fd) {
    source->stop_fd = stop_fd;
}

/* Until there is something to read, or its end; interrupted when asked to stop. A signal alone is
 * not enough to wait for: it may come just before the wait, or to another thread. */
static rd_status wait_for_input(const rd_byte_source *s) {
    struct pollfd waits[] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop_fd, .events = POLLIN}};
    while (poll(waits, s->stop_fd > 0 ? 2 : 1, -1) < 0)
        if (errno != EINTR) return RD_OK; /* the read gives the error */
    return s->stop_fd > 0 && waits[1].revents ? rd_error(RD_ERR_INTERRUPTED, "stopped by a signal")
                                              : RD_OK;
}

/* Appends the bytes of one read to the unused raw bytes. */
static rd_status read_raw(rd_byte_source *s) {
    if (s->start > 0) {
        memmove(s->raw, s->raw + s->start, s->end - s->start);
        s->end -= s->start;
        s->start = 0;
    }
    ssize_t n;
    do {
        RD_TRY(wait_for_input(s));
        n = read(s->fd, s->raw + s->end, RAW_BYTES - s->end);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0) return rd_error(RD_ERR_IO, "cannot read: %s", strerror(errno));
    s->end += (size_t)n;
    s->ended = n == 0;
    return RD_OK;
}

static bool gzip_magic(const rd_byte_source *s) {
    return s->end - s->start >= 2 && s->raw[s->start] == 0x1F && s->raw[s->start + 1] == 0x8B;
}

/* Formats that begin with bytes that no text begins with, and the command that makes text of them
 * (NULL: read here). */
typedef struct {
    enum { COMPRESSED, ENCODED } kind;
    const char *name, *magic, *command;
    size_t n;
} format;

static const format formats[] = {
    {COMPRESSED, "gzip", "\x1F\x8B", NULL, 2},
    {COMPRESSED, "xz",
     "\xFD"
     "7zXZ",
     "xz -dc", 6}, /* and a NUL */
    {COMPRESSED, "LZMA", "\x5D\x00\x00", "xz -dc", 3},
    {COMPRESSED, "7-Zip", "7z\xBC\xAF\x27\x1C", "7z e -so", 6},
    {COMPRESSED, "compress", "\x1F\x9D", "gzip -dc", 2},
    {COMPRESSED, "bzip2", "BZh91AY&SY", "bzip2 -dc", 10},
    {COMPRESSED, "Zstandard", "\x28\xB5\x2F\xFD", "zstd -dc", 4},
    {COMPRESSED, "LZ4", "\x04\x22\x4D\x18", "lz4 -dc", 4},
    {COMPRESSED, "ZIP", "PK\x03\x04", "unzip -p", 4},
    {ENCODED, "UTF-16", "\xFF\xFE", "iconv -f UTF-16 -t UTF-8", 2},
    {ENCODED, "UTF-16", "\xFE\xFF", "iconv -f UTF-16 -t UTF-8", 2},
};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* How many of the first n bytes are the format's; bzip2's fourth is any digit but 0. */
static size_t common(const format *f, const unsigned char *bytes, size_t n) {
    size_t i = 0;
    while (i < f->n && i < n) {
        bool level = f->magic[0] == 'B' && i == 3 && bytes[i] >= '1' && bytes[i] <= '9';
        if (!level && bytes[i] != (unsigned char)f->magic[i]) break;
        i++;
    }
    return i;
}

/* The format that all the first bytes are of; *undecided: more bytes must tell. */
static const format *recognize(const unsigned char *bytes, size_t n, bool *undecided) {
    *undecided = false;
    for (int i = 0; i < N_FORMATS; i++) {
        size_t same = common(&formats[i], bytes, n);
        if (same == formats[i].n) return &formats[i];
        *undecided |= same == n;
    }
    return NULL;
}

static rd_status look(rd_byte_source *s) {
    bool undecided = true;
    const format *found = NULL;
    while (!found && undecided && !s->ended) {
        RD_TRY(read_raw(s));
        found = recognize(s->raw, s->end, &undecided);
    }
    s->looked = true;
    if (!found) return RD_OK;
    if (found->command && found->kind == ENCODED)
        return rd_error(RD_ERR_FORMAT, "text in %s, which is not read here; convert it (%s)",
                        found->name, found->command);
    if (found->command)
        return rd_error(RD_ERR_FORMAT,
                        "compressed by %s, which is not read here; decompress it (%s) or use gzip",
                        found->name, found->command);
    if (inflateInit2(&s->inflater, GZIP_WINDOW_BITS) != Z_OK)
        return rd_error(RD_ERR_MEMORY, "out of memory");
    s->gzip = s->in_member = true;
    return RD_OK;
}

static rd_status read_plain(rd_byte_source *s, char *out, size_t room, size_t *n) {
    if (s->start == s->end && !s->ended) RD_TRY(read_raw(s));
    *n = s->end - s->start < room ? s->end - s->start : room;
    if (*n) memcpy(out, s->raw + s->start, *n);
    s->start += *n;
    return RD_OK;
}

/* Between members: starts the next one, or finds the end. */
static rd_status next_member(rd_byte_source *s) {
    while (!s->ended && s->end - s->start < 2) RD_TRY(read_raw(s));
    if (s->start == s->end) return RD_OK;
    if (!gzip_magic(s)) return rd_error(RD_ERR_FORMAT, "gzip data followed by something else");
    if (inflateReset(&s->inflater) != Z_OK) return rd_error(RD_ERR_MEMORY, "out of memory");
    s->in_member = true;
    return RD_OK;
}

static rd_status read_gzip(rd_byte_source *s, char *out, size_t room, size_t *n) {
    *n = 0;
    while (*n == 0) {
        if (!s->in_member) RD_TRY(next_member(s));
        if (!s->in_member) return RD_OK;
        if (s->start == s->end && !s->ended) RD_TRY(read_raw(s));
        if (s->start == s->end) return rd_error(RD_ERR_FORMAT, "truncated gzip");
        z_stream *z = &s->inflater;
        z->next_in = s->raw + s->start;
        z->avail_in = (uInt)(s->end - s->start);
        z->next_out = (unsigned char *)out;
        z->avail_out = (uInt)(room < 1 << 30 ? room : 1 << 30);
        uInt before = z->avail_out;
        int code = inflate(z, Z_NO_FLUSH);
        s->start = s->end - z->avail_in;
        *n = before - z->avail_out;
        if (code == Z_STREAM_END)
            s->in_member = false;
        else if (code == Z_MEM_ERROR)
            return rd_error(RD_ERR_MEMORY, "out of memory");
        else if (code != Z_OK)
            return rd_error(RD_ERR_FORMAT, "damaged gzip (%s)", z->msg ? z->msg : "zlib");
    }
    return RD_OK;
}

rd_status rd_byte_source_read(rd_byte_source *source, char *out, size_t room, size_t *n) {
    *n = 0;
    if (!source->looked) RD_TRY(look(source));
    return source->gzip ? read_gzip(source, out, room, n) : read_plain(source, out, room, n);
}

rd_status rd_byte_source_fill(rd_byte_source *source, void *out, size_t n, size_t *got) {
    size_t some = 1;
    for (*got = 0; *got < n && some > 0; *got += some)
        RD_TRY(rd_byte_source_read(source, (char *)out + *got, n - *got, &some));
    return RD_OK;
}
