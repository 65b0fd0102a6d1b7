/* A text as one stream of token ids, in an mmap-able file, from which a language model learns. Each
 * line of the text ends with the same token. */
#ifndef RD_DATA_STREAM_H
#define RD_DATA_STREAM_H

#include <stdint.h>

#include "base/error.h"
#include "data/identity.h"
#include "rdrop/tokenizer.h"

/* Counts of a whole text. Words are separated by blanks, and each line's end counts as one, too: a
 * model of words predicts as many tokens, so its perplexity is comparable with perplexity per
 * word. */
typedef struct {
    int64_t tokens, lines, words, unknown;
} rd_stream_counts;

typedef struct rd_stream rd_stream;

/* Checks header and checksums. RD_ERR_UNSUPPORTED for a file of another version. */
rd_status rd_stream_open(rd_stream **stream, const char *path);
void rd_stream_close(rd_stream *stream); /* NULL is fine */
const rd_identity *rd_stream_identity(const rd_stream *stream);
const rd_stream_counts *rd_stream_sizes(const rd_stream *stream);
uint64_t rd_stream_checksum(const rd_stream *stream);

/* Tokens of a line, its end included; 0 <= line < lines. */
int32_t rd_stream_line(const rd_stream *stream, int64_t line);

/* Appends tokens first .. first + n - 1 to *ids, checked to be in the vocabulary. RD_ERR_FORMAT if
 * another program has changed the file since. */
rd_status rd_stream_read(const rd_stream *stream, int64_t first, int64_t n, rd_ids *ids);

/* Writing, line by line, then finish (atomic rename) or abort; both release the writer. */
typedef struct rd_stream_writer rd_stream_writer;

rd_status rd_stream_writer_open(rd_stream_writer **writer, const char *path,
                                const rd_identity *identity);
/* ids: [n], the line's end included; words: of the text, without it; unk: -1: there is none. */
rd_status rd_stream_writer_add(rd_stream_writer *writer, const int32_t *ids, int32_t n,
                               int64_t words, int32_t unk);
rd_status rd_stream_writer_finish(rd_stream_writer *writer, rd_stream_counts *counts);
void rd_stream_writer_abort(rd_stream_writer *writer); /* NULL is fine */

#endif
