#include "data/tar.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/byte_source.h"

enum { BLOCK = 512, LONGEST_NAME = 4096, LONGEST_EXTENSION = 1 << 20 };

/* Where the fields of a header lie, and their sizes. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    SIZE_SIZE = 12,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155
};

struct rd_tar {
    rd_byte_source *source;
    char *path;
    char name[LONGEST_NAME];
    int64_t left; /* bytes of the member that are not read yet */
    int64_t padding;
    bool ended;
};

rd_status rd_tar_open(rd_tar **tar, const char *path) {
    rd_tar *t = *tar = rd_calloc(1, sizeof *t);
    if (!t) return RD_ERR_MEMORY;
    t->path = rd_strdup(path);
    rd_status status = t->path ? rd_byte_source_open(&t->source, path) : RD_ERR_MEMORY;
    if (status == RD_OK) return RD_OK;
    rd_error_prefix(status, "%s", path);
    rd_tar_close(t);
    *tar = NULL;
    return status;
}

void rd_tar_close(rd_tar *tar) {
    if (!tar) return;
    rd_byte_source_close(tar->source);
    free(tar->path);
    free(tar);
}

/* *got < n only at the end. */
static rd_status read_bytes(rd_tar *t, void *to, size_t n, size_t *got) {
    rd_status status = rd_byte_source_fill(t->source, to, n, got);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "%s", t->path);
}

static rd_status read_exactly(rd_tar *t, void *to, size_t n) {
    size_t got;
    RD_TRY(read_bytes(t, to, n, &got));
    return got == n ? RD_OK : rd_error(RD_ERR_FORMAT, "%s: a tar archive cut short", t->path);
}

rd_status rd_tar_read(rd_tar *tar, void *to, size_t n) {
    RD_TRY(read_exactly(tar, to, n));
    tar->left -= (int64_t)n;
    return RD_OK;
}

static rd_status skip(rd_tar *t, int64_t n) {
    char scratch[16 * BLOCK];
    while (n > 0) {
        size_t some = n < (int64_t)sizeof scratch ? (size_t)n : sizeof scratch;
        RD_TRY(read_exactly(t, scratch, some));
        n -= (int64_t)some;
    }
    return RD_OK;
}

/* An octal number, or, with the top bit of the first byte set, a binary one; -1: neither. */
static int64_t parse_number(const uint8_t *field, int n) {
    int64_t value = 0;
    int i = 0;
    if (field[0] & 0x80) {
        for (i = 1; i < n; i++) {
            if (value >> 54) return -1;
            value = value << 8 | field[i];
        }
        return field[0] == 0x80 ? value : -1;
    }
    while (i < n && field[i] == ' ') i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) value = value * 8 + (field[i] - '0');
    return i == n || field[i] == ' ' || field[i] == '\0' ? value : -1;
}

/* The sum of all bytes, those of the checksum itself as blanks. */
static bool checksum_is_right(const uint8_t header[BLOCK]) {
    int64_t sum = 0, claimed = parse_number(header + CHECKSUM, CHECKSUM_SIZE);
    for (int i = 0; i < BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : header[i];
    return sum == claimed;
}

static bool is_zero(const uint8_t header[BLOCK]) {
    for (int i = 0; i < BLOCK; i++)
        if (header[i]) return false;
    return true;
}

/* Set by extension headers for the member after them; a size of -1: not set. */
typedef struct {
    rd_text name;
    int64_t size;
} extension;

static rd_status damaged_extension(const rd_tar *t) {
    return rd_error(RD_ERR_FORMAT, "%s: damaged extended header", t->path);
}

/* Lines "LENGTH KEY=VALUE\n"; the path and the size matter here. */
static rd_status parse_pax(const rd_tar *t, const char *data, size_t n, extension *e) {
    for (size_t at = 0; at < n;) {
        char *end;
        unsigned long length = strtoul(data + at, &end, 10);
        if (length == 0 || length > n - at) return damaged_extension(t);
        const char *line = end + 1, *stop = data + at + length;
        if (*end != ' ' || line >= stop || stop[-1] != '\n') return damaged_extension(t);
        if (stop - line > 5 && memcmp(line, "path=", 5) == 0) {
            rd_text_clear(&e->name);
            RD_TRY(rd_text_append(&e->name, line + 5, (size_t)(stop - 1 - line - 5)));
        } else if (stop - line > 5 && memcmp(line, "size=", 5) == 0) {
            e->size = strtoll(line + 5, NULL, 10);
            if (e->size < 0 || e->size > INT64_MAX / 2) return damaged_extension(t);
        } else if (stop - line > 11 && memcmp(line, "GNU.sparse.", 11) == 0) {
            return rd_error(RD_ERR_FORMAT, "%s: holds a sparse file, which is not read here",
                            t->path);
        }
        at += length;
    }
    return RD_OK;
}

/* The data of an extension header: NUL added. */
static rd_status read_extension(rd_tar *t, int64_t size, char type, extension *e) {
    if (size > LONGEST_EXTENSION)
        return rd_error(RD_ERR_FORMAT, "%s: an extended header of %lld bytes", t->path,
                        (long long)size);
    char *data = rd_malloc((size_t)size + 1, 1);
    if (!data) return RD_ERR_MEMORY;
    rd_status status = read_exactly(t, data, (size_t)size);
    data[size] = '\0';
    if (status == RD_OK) status = skip(t, -size & (BLOCK - 1));
    if (status == RD_OK && type == 'x') status = parse_pax(t, data, (size_t)size, e);
    if (status == RD_OK && type == 'L') {
        rd_text_clear(&e->name);
        status = rd_text_append(&e->name, data, strlen(data));
    }
    free(data);
    return status;
}

static rd_status set_name(rd_tar *t, const uint8_t header[BLOCK], const extension *e) {
    bool posix = memcmp(header + MAGIC, "ustar\0", 6) == 0 && header[PREFIX];
    const char *name = (const char *)header + NAME, *prefix = (const char *)header + PREFIX;
    int length = 0;
    if (e->name.length > 0)
        length = snprintf(t->name, sizeof t->name, "%s", e->name.data);
    else
        length = snprintf(t->name, sizeof t->name, "%.*s%s%.*s", posix ? PREFIX_SIZE : 0, prefix,
                          posix ? "/" : "", NAME_SIZE, name);
    if (length >= (int)sizeof t->name)
        return rd_error(RD_ERR_FORMAT, "%s: a name of %d bytes", t->path, length);
    while (strncmp(t->name, "./", 2) == 0) memmove(t->name, t->name + 2, strlen(t->name + 2) + 1);
    return RD_OK;
}

/* Whether a name stays inside the folder that it would be unpacked to. */
static bool stays_inside(const char *name) {
    if (*name == '/') return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
    }
    return true;
}

static rd_status odd_member(const rd_tar *t, const char *why) {
    char shown[256];
    rd_escape(shown, sizeof shown, t->name);
    return rd_error(RD_ERR_FORMAT, "%s: member %s: %s", t->path, shown, why);
}

/* *found: the header is of a regular file; otherwise it and its data are read. */
static rd_status read_header(rd_tar *t, const uint8_t header[BLOCK], extension *e, bool *found) {
    char type = (char)header[TYPE];
    int64_t size = parse_number(header + SIZE, SIZE_SIZE);
    *found = false;
    if (!checksum_is_right(header) || size < 0)
        return rd_error(RD_ERR_FORMAT, "%s: not a tar archive, or damaged (a header's checksum)",
                        t->path);
    if (type == 'x' || type == 'L' || type == 'g' || type == 'K')
        return read_extension(t, size, type, e);
    RD_TRY(set_name(t, header, e));
    if (e->size >= 0) size = e->size;
    if (!stays_inside(t->name)) return odd_member(t, "a name that leads outside");
    if (type == '5') return skip(t, size + (-size & (BLOCK - 1)));
    if (type != '0' && type != '\0' && type != '7')
        return odd_member(t, type == '1' || type == '2' ? "a link, expected a regular file"
                                                        : "expected a regular file");
    t->left = size;
    t->padding = -size & (BLOCK - 1);
    *found = true;
    return RD_OK;
}

static rd_status next(rd_tar *t, extension *e, bool *found) {
    uint8_t header[BLOCK];
    size_t got;
    RD_TRY(skip(t, t->left));
    RD_TRY(skip(t, t->padding));
    t->left = t->padding = 0;
    *found = false;
    while (!*found && !t->ended) {
        RD_TRY(read_bytes(t, header, BLOCK, &got));
        if (got > 0 && got < BLOCK)
            return rd_error(RD_ERR_FORMAT, "%s: a tar archive cut short", t->path);
        t->ended = got == 0 || is_zero(header);
        if (!t->ended) RD_TRY(read_header(t, header, e, found));
        if (!t->ended && (header[TYPE] == '5' || *found)) { /* extensions are of one member */
            rd_text_clear(&e->name);
            e->size = -1;
        }
    }
    return RD_OK;
}

rd_status rd_tar_next(rd_tar *tar, rd_tar_member *member) {
    extension e = {.size = -1};
    bool found;
    *member = (rd_tar_member){0};
    rd_status status = next(tar, &e, &found);
    rd_text_free(&e.name);
    RD_TRY(status);
    if (found) *member = (rd_tar_member){tar->name, tar->left};
    return RD_OK;
}
