/* Scoring files: systems and references are read in step, a block of lines at a time, and lines are
 * scored in parallel. Memory does not grow with the number of lines unless statistics are kept. */
#ifndef RD_METRICS_SCORING_H
#define RD_METRICS_SCORING_H

#include "base/text.h"
#include "rdrop/metrics.h"

enum { RD_SCORING_MAX_METRICS = 8 };

/* Paths may be gzipped and "-". A reference file named *.jsonl (or .jsonl.gz) holds on each line a
 * JSON list of references, as many as there are for that line, or one string; a system's, one
 * string. */
typedef struct {
    int n_systems, n_refs, n_metrics;
    const char *const *systems; /* [n_systems] */
    const char *const *refs;    /* [n_refs] */
    int32_t refs_per_line;      /* of a text file, parted by tabs; 0: a line is one reference */
    const rd_metric_config *metrics;
    bool keep_lines; /* for resampling and per-line scores */
} rd_scoring_config;

typedef struct {
    int64_t n_lines;
    int n_refs;                          /* references per line, -1 if it varies */
    int width;                           /* statistics per system: of all metrics, end to end */
    int offsets[RD_SCORING_MAX_METRICS]; /* of each metric in those */
    double *sums;                        /* [n_systems, width] */
    double *lines;                       /* [n_lines, n_systems, width] if kept, else NULL */
    int64_t lines_capacity;
    int64_t *tokenized; /* [n_systems] lines that end in " .": probably not detokenized */
} rd_scoring;

rd_status rd_score_files(const rd_scoring_config *config, rd_scoring *scoring);
void rd_scoring_free(rd_scoring *scoring);

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
rd_status rd_line_reader_open(rd_line_reader **reader, const rd_scoring_config *config,
                              bool keep_marks);
void rd_line_reader_close(rd_line_reader *reader);
/* Up to `most` lines; n = 0 at the common end. Trailing white space is removed, as sacreBLEU's
 * program does. Unequal line counts, invalid UTF-8 and empty lists of references are errors. */
rd_status rd_line_reader_next(rd_line_reader *reader, int64_t most, rd_line_block *block);
void rd_line_block_free(rd_line_block *block);

#endif
