/* Lines of a text file, gzipped or plain (told apart by content), streamed: lines of up to 64 MiB,
 * LF or CRLF, with or without a final newline. */
#ifndef RD_DATA_CORPUS_H
#define RD_DATA_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum {
    RD_UTF8_STRICT, /* an invalid byte is an error naming file, line and byte */
    RD_UTF8_REPAIR, /* invalid bytes become U+FFFD, as a stream from the world needs */
    RD_UTF8_ANY     /* lines are bytes, as names of files are */
} rd_utf8_policy;

typedef struct rd_corpus rd_corpus;

/* path "-" reads standard input. */
rd_status rd_corpus_open(rd_corpus **corpus, const char *path, rd_utf8_policy policy);
void rd_corpus_close(rd_corpus *corpus);                /* NULL is fine */
void rd_corpus_stop_by(rd_corpus *corpus, int stop_fd); /* as rd_byte_source_stop_by */

/* Call before the first line: a byte order mark then stays a part of it, and is otherwise left
 * out. */
void rd_corpus_keep_mark(rd_corpus *corpus);

/* The next line without its line end, NUL-terminated (it may also contain NUL bytes: trust length);
 * *line = NULL at the end. Valid until the next call. A truncated or corrupt gz is an error. */
rd_status rd_corpus_next(rd_corpus *corpus, const char **line, size_t *length);

/* Whether the next line is already read, so asking for it does not wait. */
bool rd_corpus_has_line(const rd_corpus *corpus);
/* And whether there is anything in it. */
bool rd_corpus_has_text(const rd_corpus *corpus);

int64_t rd_corpus_line_number(const rd_corpus *corpus); /* of the line last returned; first is 1 */
const char *rd_corpus_path(const rd_corpus *corpus);    /* "standard input" for "-" */

/* Whether bytes of the lines read so far became U+FFFD; the message says of how many lines. */
enum { RD_CORPUS_MESSAGE = 512 };
bool rd_corpus_was_repaired(const rd_corpus *corpus, char message[static RD_CORPUS_MESSAGE]);

/* Reads two files in step; *a = *b = NULL at the common end. Unequal line counts are an error that
 * names both files and both counts. */
rd_status rd_corpus_next_pair(rd_corpus *a, rd_corpus *b, const char **line_a, size_t *length_a,
                              const char **line_b, size_t *length_b);

/* The error of two files read in step when one has ended: counts the rest of the other. */
rd_status rd_corpus_unequal(rd_corpus *a, rd_corpus *b);

#endif
