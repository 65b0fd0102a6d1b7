/* Reads the lines of systems and references in step, a block at a time. */
#ifndef RD_METRICS_LINE_READER_H
#define RD_METRICS_LINE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "rdrop/metrics.h"

/* Paths may be gzipped and "-". A reference file named *.jsonl (or .jsonl.gz) holds on each line a
 * JSON list of references, as many as there are for that line, or one string; a system's, one
 * string. */
typedef struct {
    int n_systems, n_refs;
    const char *const *systems; /* [n_systems] */
    const char *const *refs;    /* [n_refs] */
    int32_t refs_per_line;      /* of a text file, parted by tabs; 0: a line is one reference */
} rd_scored_files;

/* A block of lines: of line i, texts[first[i]] and on are one text of each system, then the
 * references, up to first[i + 1]. */
typedef struct {
    int64_t n, *first;
    rd_line *texts;
    rd_text bytes;
    int64_t *starts; /* while reading: where texts begin in bytes */
    int64_t n_texts, first_capacity, texts_capacity, starts_capacity;
} rd_line_block;

typedef struct rd_line_reader rd_line_reader;

/* keep_marks: a byte order mark is part of the first line, as in sacreBLEU; else it is left out. */
rd_status rd_line_reader_open(rd_line_reader **reader, const rd_scored_files *files,
                              bool keep_marks);
void rd_line_reader_close(rd_line_reader *reader);
/* Up to `most` lines; n = 0 at the common end. Trailing white space is removed, as sacreBLEU's
 * program does. Unequal line counts, invalid UTF-8 and empty lists of references are errors. */
rd_status rd_line_reader_next(rd_line_reader *reader, int64_t most, rd_line_block *block);
void rd_line_block_free(rd_line_block *block);

#endif
