/* Scoring files: lines are read in blocks, and those of a block are scored in parallel. Memory does
 * not grow with the number of lines unless statistics are kept. */
#ifndef RD_METRICS_SCORING_H
#define RD_METRICS_SCORING_H

#include "metrics/line_reader.h"
#include "rdrop/metrics.h"

enum { RD_SCORING_MAX_METRICS = 8 };

typedef struct {
    rd_scored_files files;
    int n_metrics;
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

#endif
