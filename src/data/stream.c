/* The file: a header, the ids of all lines end to end, and after them each line's length. All
 * integers little-endian. */
#include "data/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/magic.h"
#include "io/output.h"

typedef struct {
    char magic[8];
    rd_identity identity;
    rd_stream_counts counts;
    uint32_t ids_crc, lines_crc;
    uint32_t unused;     /* 0; so that files have no padding */
    uint32_t header_crc; /* of the fields above */
} header;

static const rd_magic MAGIC = {"RDTEXT01", "a binarized text",
                               "; make it with rdrop-preprocess and a recipe of the task "
                               "language_modeling",
                               "run rdrop-preprocess again"};

struct rd_stream {
    rd_mapping mapping;
    char *path;
    header head; /* a copy: the file may be written to while it is in use */
    const int32_t *ids, *lines;
};

static rd_status check_header(const rd_mapping *mapping, header *head, const char *path) {
    RD_TRY(rd_magic_check(&MAGIC, mapping->bytes, mapping->size, sizeof *head, path));
    memcpy(head, mapping->bytes, sizeof *head);
    if (head->header_crc != rd_crc32(0, head, offsetof(header, header_crc)) ||
        !rd_identity_is_sound(&head->identity))
        return rd_error(RD_ERR_FORMAT, "%s: its header is damaged; run rdrop-preprocess again",
                        path);
    int64_t most = (int64_t)((mapping->size - sizeof *head) / sizeof(int32_t));
    const rd_stream_counts *c = &head->counts;
    if (c->tokens < 0 || c->lines < 0 || c->tokens > most || c->lines != most - c->tokens ||
        mapping->size % sizeof(int32_t))
        return rd_error(RD_ERR_FORMAT, "%s: truncated; run rdrop-preprocess again", path);
    return RD_OK;
}

static rd_status check_content(const rd_stream *s) {
    const header *head = &s->head;
    int64_t n = head->counts.tokens, sum = 0;
    if (head->ids_crc != rd_crc32(0, s->ids, (size_t)n * sizeof *s->ids) ||
        head->lines_crc != rd_crc32(0, s->lines, (size_t)head->counts.lines * sizeof *s->lines))
        return rd_error(RD_ERR_FORMAT, "%s: its checksum is wrong; run rdrop-preprocess again",
                        s->path);
    for (int64_t i = 0; i < head->counts.lines; i++) {
        if (s->lines[i] < 1)
            return rd_error(RD_ERR_FORMAT, "%s: line %lld has no token", s->path, (long long)i + 1);
        sum += s->lines[i];
    }
    if (sum != n)
        return rd_error(RD_ERR_FORMAT, "%s: its lines have %lld tokens, not %lld", s->path,
                        (long long)sum, (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (s->ids[i] < 0 || s->ids[i] >= head->identity.tgt_vocab)
            return rd_error(RD_ERR_FORMAT, "%s: token %d is outside the vocabulary of %d", s->path,
                            (int)s->ids[i], (int)head->identity.tgt_vocab);
    return RD_OK;
}

static rd_status open_file(rd_stream *s, const char *path) {
    s->path = rd_strdup(path);
    if (!s->path) return RD_ERR_MEMORY;
    RD_TRY(rd_map_file(&s->mapping, path));
    RD_TRY(check_header(&s->mapping, &s->head, path));
    s->ids = (const int32_t *)(const void *)(s->mapping.bytes + sizeof s->head);
    s->lines = s->ids + s->head.counts.tokens;
    return check_content(s);
}

rd_status rd_stream_open(rd_stream **stream, const char *path) {
    *stream = NULL;
    rd_stream *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    rd_status status = open_file(s, path);
    if (status == RD_OK)
        *stream = s;
    else
        rd_stream_close(s);
    return status;
}

void rd_stream_close(rd_stream *s) {
    if (!s) return;
    rd_unmap_file(&s->mapping);
    free(s->path);
    free(s);
}

const rd_identity *rd_stream_identity(const rd_stream *s) {
    return &s->head.identity;
}

const rd_stream_counts *rd_stream_sizes(const rd_stream *s) {
    return &s->head.counts;
}

uint64_t rd_stream_checksum(const rd_stream *s) {
    return (uint64_t)s->head.ids_crc << 32 | s->head.lines_crc;
}

int32_t rd_stream_line(const rd_stream *s, int64_t line) {
    return s->lines[line];
}

rd_status rd_stream_read(const rd_stream *s, int64_t first, int64_t n, rd_ids *ids) {
    if (first < 0 || n < 0 || first + n > s->head.counts.tokens)
        return rd_error(RD_ERR_ARGUMENT, "%s: tokens %lld to %lld of %lld", s->path,
                        (long long)first, (long long)(first + n), (long long)s->head.counts.tokens);
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + n, sizeof *ids->data));
    int32_t *to = ids->data + ids->length;
    memcpy(to, s->ids + first, sizeof *to * (size_t)n);
    for (int64_t i = 0; i < n; i++)
        if (to[i] < 0 || to[i] >= s->head.identity.tgt_vocab)
            return rd_error(RD_ERR_FORMAT,
                            "%s: token %lld is no longer what it was: another program wrote to the "
                            "file while it was in use; run rdrop-preprocess again",
                            s->path, (long long)(first + i));
    ids->length += n;
    return RD_OK;
}

struct rd_stream_writer {
    rd_atomic_file file;
    header head;
    int32_t *lines; /* [head.counts.lines] */
    int64_t capacity;
};

rd_status rd_stream_writer_open(rd_stream_writer **out, const char *path,
                                const rd_identity *identity) {
    *out = NULL;
    rd_stream_writer *w = rd_calloc(1, sizeof *w);
    if (!w) return RD_ERR_MEMORY;
    rd_status status = rd_atomic_open(&w->file, path);
    if (status != RD_OK) {
        free(w);
        return status;
    }
    memcpy(w->head.magic, MAGIC.bytes, sizeof w->head.magic);
    w->head.identity = *identity;
    fwrite(&w->head, sizeof w->head, 1, w->file.stream); /* final values at finish */
    *out = w;
    return RD_OK;
}

rd_status rd_stream_writer_add(rd_stream_writer *w, const int32_t *ids, int32_t n, int64_t words,
                               int32_t unk) {
    rd_stream_counts *c = &w->head.counts;
    if (n < 1) return rd_error(RD_ERR_ARGUMENT, "text: a line has at least its end");
    RD_TRY(rd_reserve(&w->lines, &w->capacity, c->lines + 1, sizeof *w->lines));
    w->lines[c->lines++] = n;
    c->tokens += n;
    c->words += words + 1;
    for (int32_t i = 0; i < n; i++) c->unknown += ids[i] == unk;
    fwrite(ids, sizeof *ids, (size_t)n, w->file.stream); /* errors surface at commit */
    w->head.ids_crc = rd_crc32(w->head.ids_crc, ids, sizeof *ids * (size_t)n);
    return RD_OK;
}

rd_status rd_stream_writer_finish(rd_stream_writer *w, rd_stream_counts *counts) {
    header *head = &w->head;
    size_t n = (size_t)head->counts.lines;
    head->lines_crc = rd_crc32(0, w->lines, n * sizeof *w->lines);
    head->header_crc = rd_crc32(0, head, offsetof(header, header_crc));
    if (n > 0) fwrite(w->lines, sizeof *w->lines, n, w->file.stream);
    rd_status status = rd_atomic_commit_head(&w->file, head, sizeof *head);
    if (counts) *counts = head->counts;
    free(w->lines);
    free(w);
    return status;
}

void rd_stream_writer_abort(rd_stream_writer *w) {
    if (!w) return;
    rd_atomic_abort(&w->file);
    free(w->lines);
    free(w);
}
