/* Scores of systems as text, JSON, LaTeX, Markdown and HTML. Functions append to a text: nothing is
 * printed before everything is known to be right. */
#ifndef RD_METRICS_REPORT_H
#define RD_METRICS_REPORT_H

#include "metrics/metric.h"
#include "metrics/scoring.h"

typedef enum {
    RD_REPORT_TEXT,
    RD_REPORT_JSON,
    RD_REPORT_LATEX,
    RD_REPORT_MARKDOWN
} rd_report_format;

typedef enum { RD_TEST_NONE, RD_TEST_CONFIDENCE, RD_TEST_PAIRED_BS, RD_TEST_PAIRED_AR } rd_test;

typedef struct {
    rd_report_format format;
    rd_test test; /* paired tests compare with the first system */
    int64_t trials;
    uint64_t seed;
    int width; /* digits after the point; -1: 1 in text and tables, all in JSON */
    bool brief, score_only;
} rd_report_config;

/* One score: of one system by one metric. */
typedef struct {
    double score, mean, interval, p_value;
    rd_metric_parts parts;
    bool has_interval, has_p_value;
    char details[256];
    rd_text members; /* of its JSON object, beyond what all have; each begins with a comma */
} rd_report_cell;

typedef struct {
    int metric, which;
    char name[32], signature[256];
} rd_report_column;

typedef struct {
    int n_systems, n_columns;
    const char *const *systems;
    rd_report_column columns[RD_SCORING_MAX_METRICS * RD_METRIC_MAX_SCORES];
    rd_report_cell *cells; /* [n_systems, n_columns] */
} rd_report;

/* The cell of a system from its scores in each trial: the interval and, for --paired-bs, the
 * p-value against `baseline`, the first system's. scores: [trials], are sorted; baseline: [trials];
 * differences: [trials] are overwritten. And that of --paired-ar from those of the two shuffled
 * systems. Trials that differ as much as the systems do count, as in Riezler and Maxwell; sacreBLEU
 * does not count them, and finds two equal outputs significantly different. */
void rd_report_set_bootstrap(rd_report *report, const rd_report_config *how, int system, int column,
                             const double *baseline, double *scores, double *differences);
void rd_report_set_randomization(rd_report *report, const rd_report_config *how, int system,
                                 int column, const double *a, const double *b, double *differences);

/* As JSON: the shortest digits of the number rounded to `width` digits after the point (-1: not
 * rounded); a string. */
rd_status rd_report_number(double number, int width, rd_text *out);
rd_status rd_report_string(const char *text, rd_text *out);

/* Characters on the screen, near enough: code points; and `text` with blanks up to `width`. */
int rd_report_characters(const char *text);
rd_status rd_report_padded(const char *text, int width, rd_text *out);

/* Computes scores and tests; confidence and paired tests need scoring->lines. */
rd_status rd_report_make(const rd_scoring_config *config, const rd_scoring *scoring,
                         const rd_report_config *how, rd_report *report);
void rd_report_free(rd_report *report);
rd_status rd_report_write(const rd_report *report, const rd_report_config *how, rd_text *out);

/* A line of tab-separated scores for every line of the input, under a line of names. */
rd_status rd_report_lines(const rd_scoring_config *config, const rd_scoring *scoring,
                          const rd_report_config *how, rd_text *out);
/* One line per line of the input with everything, as sacreBLEU --sentence-level prints it. */
rd_status rd_report_sentences(const rd_scoring_config *config, const rd_scoring *scoring,
                              const rd_report_config *how, rd_text *out);

/* The `worst` lines of the first system by the first metric, or (diff) the lines where the first
 * two systems differ most, as one self-contained HTML page that marks the n-grams shared with a
 * reference. Reads the files again. */
rd_status rd_report_html(const rd_scoring_config *config, const rd_scoring *scoring, bool diff,
                         int64_t worst, rd_text *out);

#endif
