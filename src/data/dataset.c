/* The file: a header, then per sentence its class or number (a double), if it has one, the ids of
 * both sides and, if kept, both texts; then the index of where each sentence starts. All integers
 * little-endian int32 or int64. */
#include "data/dataset.h"

#include <stdbool.h>
#include <stddef.h>
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
    int64_t n_pairs;
    int64_t index_offset; /* bytes; the index holds n_pairs records */
    uint32_t flags;       /* KEEPS_TEXT, CLASSES, NUMBERS */
    uint32_t index_crc;   /* of the index */
    uint32_t data_crc;    /* of everything between header and index */
    uint32_t header_crc;  /* of the fields above */
} header;

enum { KEEPS_TEXT = 1, CLASSES = 2, NUMBERS = 4 };

typedef struct {
    int64_t offset; /* bytes from the start of the file: answer, src ids, tgt ids, src text, tgt
                       text, padding */
    int32_t n_src, n_tgt, src_text, tgt_text;
} record;

static const rd_magic MAGIC = {"RDDATA02", "a binarized dataset", "; make it with rdrop-preprocess",
                               "run rdrop-preprocess again"};

struct rd_dataset {
    rd_mapping mapping;
    char *path;
    header head; /* a copy: the file may be written to while it is in use */
};

static size_t answer_bytes(const header *head) {
    return head->flags & (CLASSES | NUMBERS) ? sizeof(double) : 0;
}

static size_t record_bytes(const record *r, const header *head) {
    return answer_bytes(head) + ((size_t)r->n_src + (size_t)r->n_tgt) * 4 + (size_t)r->src_text +
           (size_t)r->tgt_text;
}

/* A second sentence may be missing. */
static int32_t shortest_target(const header *head) {
    return head->flags & (CLASSES | NUMBERS) ? 0 : 1;
}

/* Whether a pair lies between the header and the index. */
static bool lies_inside(const record *r, const header *head) {
    return r->n_src >= 1 && r->n_tgt >= shortest_target(head) && r->src_text >= 0 &&
           r->tgt_text >= 0 && r->offset % 4 == 0 && r->offset >= (int64_t)sizeof *head &&
           r->offset <= head->index_offset &&
           record_bytes(r, head) <= (size_t)(head->index_offset - r->offset);
}

/* Whether it is as it was written, and consistent. */
static rd_status check(const rd_mapping *mapping, header *head, const char *path) {
    RD_TRY(rd_magic_check(&MAGIC, mapping->bytes, mapping->size, sizeof *head, path));
    memcpy(head, mapping->bytes, sizeof *head);
    if (head->header_crc != rd_crc32(0, head, offsetof(header, header_crc)) ||
        !rd_identity_is_sound(&head->identity))
        return rd_error(RD_ERR_FORMAT, "%s: its header is damaged; run rdrop-preprocess again",
                        path);
    int64_t size = (int64_t)mapping->size, n = head->n_pairs, index = head->index_offset;
    if (n < 0 || n > size / (int64_t)sizeof(record) || index < (int64_t)sizeof *head || index % 8 ||
        index > size || size - index != n * (int64_t)sizeof(record))
        return rd_error(RD_ERR_FORMAT, "%s: truncated; run rdrop-preprocess again", path);
    const record *records = (const record *)(const void *)(mapping->bytes + index);
    if (head->index_crc != rd_crc32(0, records, (size_t)n * sizeof(record)) ||
        head->data_crc != rd_crc32(0, mapping->bytes + sizeof *head, (size_t)index - sizeof *head))
        return rd_error(RD_ERR_FORMAT, "%s: its checksum is wrong; run rdrop-preprocess again",
                        path);
    for (int64_t i = 0; i < n; i++) {
        const record copy = records[i], *r = &copy;
        if (!lies_inside(r, head))
            return rd_error(RD_ERR_FORMAT, "%s: sentence %lld lies outside the file", path,
                            (long long)i);
        const int32_t *ids =
            (const int32_t *)(const void *)(mapping->bytes + r->offset + answer_bytes(head));
        for (int64_t k = 0; k < (int64_t)r->n_src + r->n_tgt; k++)
            if (ids[k] < 0 ||
                ids[k] >= (k < r->n_src ? head->identity.src_vocab : head->identity.tgt_vocab))
                return rd_error(RD_ERR_FORMAT,
                                "%s: sentence %lld holds token %d, outside the vocabulary", path,
                                (long long)i, (int)ids[k]);
    }
    return RD_OK;
}

rd_status rd_dataset_open(rd_dataset **out, const char *path) {
    *out = NULL;
    rd_dataset *dataset = rd_calloc(1, sizeof *dataset);
    if (!dataset) return RD_ERR_MEMORY;
    dataset->path = rd_strdup(path);
    rd_status status = dataset->path ? rd_map_file(&dataset->mapping, path) : RD_ERR_MEMORY;
    if (status == RD_OK) status = check(&dataset->mapping, &dataset->head, path);
    if (status != RD_OK) {
        rd_dataset_close(dataset);
        return status;
    }
    *out = dataset;
    return RD_OK;
}

void rd_dataset_close(rd_dataset *dataset) {
    if (!dataset) return;
    rd_unmap_file(&dataset->mapping);
    free(dataset->path);
    free(dataset);
}

int64_t rd_dataset_size(const rd_dataset *dataset) {
    return dataset->head.n_pairs;
}

const rd_identity *rd_dataset_identity(const rd_dataset *dataset) {
    return &dataset->head.identity;
}

rd_answer_kind rd_dataset_answers(const rd_dataset *dataset) {
    uint32_t flags = dataset->head.flags;
    return flags & CLASSES ? RD_CLASSES : flags & NUMBERS ? RD_NUMBERS : RD_UNLABELLED;
}

uint64_t rd_dataset_checksum(const rd_dataset *dataset) {
    return (uint64_t)dataset->head.data_crc << 32 | dataset->head.index_crc;
}

/* The file may have changed: the place of a pair may now be anything. */
rd_pair rd_dataset_get(const rd_dataset *dataset, int64_t index) {
    record copy, *r = &copy;
    const char *bytes = dataset->mapping.bytes;
    memcpy(r, bytes + dataset->head.index_offset + index * (int64_t)sizeof *r, sizeof *r);
    if (!lies_inside(r, &dataset->head)) return (rd_pair){0};
    size_t answer = answer_bytes(&dataset->head);
    const int32_t *ids = (const int32_t *)(const void *)(bytes + r->offset + answer);
    const char *text = (const char *)(ids + r->n_src + r->n_tgt);
    bool kept = dataset->head.flags & KEEPS_TEXT;
    double value = 0.0;
    memcpy(&value, bytes + r->offset, answer);
    return (rd_pair){.src = ids,
                     .tgt = ids + r->n_src,
                     .n_src = r->n_src,
                     .n_tgt = r->n_tgt,
                     .src_text = kept ? text : NULL,
                     .tgt_text = kept ? text + r->src_text : NULL,
                     .src_text_length = r->src_text,
                     .tgt_text_length = r->tgt_text,
                     .value = value};
}

static rd_status changed(const rd_dataset *dataset, int64_t index) {
    return rd_error(RD_ERR_FORMAT,
                    "%s: pair %lld is no longer what it was: another program wrote to the file "
                    "while it was in use; run rdrop-preprocess again",
                    dataset->path, (long long)index + 1);
}

/* to = ids[0..n); RD_ERR_FORMAT, without a message, if one is not a piece of the vocabulary. */
static rd_status copy_ids(rd_ids *to, const int32_t *ids, int32_t n, int32_t vocab) {
    RD_TRY(rd_reserve(&to->data, &to->capacity, n, sizeof *ids));
    if (n > 0) memcpy(to->data, ids, sizeof *ids * (size_t)n);
    to->length = n;
    for (int32_t i = 0; i < n; i++)
        if (to->data[i] < 0 || to->data[i] >= vocab) return RD_ERR_FORMAT;
    return RD_OK;
}

rd_status rd_dataset_read(const rd_dataset *dataset, int64_t index, rd_ids *src, rd_ids *tgt,
                          rd_pair *pair) {
    *pair = rd_dataset_get(dataset, index);
    if (!pair->src) return changed(dataset, index);
    rd_status status = copy_ids(src, pair->src, pair->n_src, dataset->head.identity.src_vocab);
    if (status == RD_OK)
        status = copy_ids(tgt, pair->tgt, pair->n_tgt, dataset->head.identity.tgt_vocab);
    pair->src = src->data;
    pair->tgt = tgt->data;
    return status == RD_ERR_FORMAT ? changed(dataset, index) : status;
}

struct rd_dataset_writer {
    rd_atomic_file file;
    header head;
    record *records;
    int64_t capacity, at; /* at: bytes written */
    uint32_t crc;
};

static void put(rd_dataset_writer *writer, const void *bytes, size_t n) {
    if (n == 0) return;                       /* fwrite must not be given NULL */
    fwrite(bytes, 1, n, writer->file.stream); /* errors surface at commit */
    writer->crc = rd_crc32(writer->crc, bytes, n);
    writer->at += (int64_t)n;
}

rd_status rd_dataset_writer_open(rd_dataset_writer **out, const char *path,
                                 const rd_identity *identity, bool keep_text) {
    *out = NULL;
    rd_dataset_writer *writer = rd_calloc(1, sizeof *writer);
    if (!writer) return RD_ERR_MEMORY;
    rd_status status = rd_atomic_open(&writer->file, path);
    if (status != RD_OK) {
        free(writer);
        return status;
    }
    memcpy(writer->head.magic, MAGIC.bytes, sizeof writer->head.magic);
    writer->head.identity = *identity;
    writer->head.flags = keep_text ? KEEPS_TEXT : 0;
    fwrite(&writer->head, sizeof writer->head, 1, writer->file.stream); /* final values at finish */
    writer->at = sizeof writer->head;
    *out = writer;
    return RD_OK;
}

void rd_dataset_writer_answers(rd_dataset_writer *writer, rd_answer_kind kind) {
    if (kind != RD_UNLABELLED) writer->head.flags |= kind == RD_CLASSES ? CLASSES : NUMBERS;
}

rd_status rd_dataset_writer_add(rd_dataset_writer *writer, const rd_pair *pair) {
    bool keep = writer->head.flags & KEEPS_TEXT;
    if (pair->n_src < 1 || pair->n_tgt < shortest_target(&writer->head))
        return rd_error(RD_ERR_ARGUMENT,
                        "dataset: both sides hold at least eos, found lengths %d and %d",
                        (int)pair->n_src, (int)pair->n_tgt);
    record r = {.offset = writer->at,
                .n_src = pair->n_src,
                .n_tgt = pair->n_tgt,
                .src_text = keep ? pair->src_text_length : 0,
                .tgt_text = keep ? pair->tgt_text_length : 0};
    RD_TRY(rd_reserve(&writer->records, &writer->capacity, writer->head.n_pairs + 1, sizeof r));
    writer->records[writer->head.n_pairs++] = r;
    put(writer, &pair->value, answer_bytes(&writer->head));
    put(writer, pair->src, sizeof(int32_t) * (size_t)pair->n_src);
    put(writer, pair->tgt, sizeof(int32_t) * (size_t)pair->n_tgt);
    if (keep) {
        put(writer, pair->src_text, (size_t)pair->src_text_length);
        put(writer, pair->tgt_text, (size_t)pair->tgt_text_length);
    }
    put(writer, "\0\0\0\0\0\0\0", (size_t)(-writer->at & 7)); /* ids stay aligned */
    return RD_OK;
}

rd_status rd_dataset_writer_finish(rd_dataset_writer *writer) {
    header *head = &writer->head;
    size_t index_bytes = (size_t)head->n_pairs * sizeof(record);
    head->index_offset = writer->at;
    head->data_crc = writer->crc;
    head->index_crc = rd_crc32(0, writer->records, index_bytes);
    head->header_crc = rd_crc32(0, head, offsetof(header, header_crc));
    if (index_bytes) fwrite(writer->records, 1, index_bytes, writer->file.stream);
    rd_status status = rd_atomic_commit_head(&writer->file, head, sizeof *head);
    free(writer->records);
    free(writer);
    return status;
}

void rd_dataset_writer_abort(rd_dataset_writer *writer) {
    if (!writer) return;
    rd_atomic_abort(&writer->file);
    free(writer->records);
    free(writer);
}
