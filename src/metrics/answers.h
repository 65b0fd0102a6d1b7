/* Answers of models that are not text: a label or a number a line. Their metrics need all lines at
 * once (for ranks, and for classes that only the files name), so files are read whole; a resample
 * says how often each line counts. A metric is a row of the table in answer_metrics.c. */
#ifndef RD_METRICS_ANSWERS_H
#define RD_METRICS_ANSWERS_H

#include "metrics/metric.h"
#include "metrics/report.h"

typedef struct rd_answer_metric rd_answer_metric;

enum { RD_MOST_SHOWN_CLASSES = 1000 }; /* of a confusion matrix */

/* The request. */
typedef struct {
    int n_systems, n_metrics;
    const char *const *systems; /* [n_systems] paths, as in rd_scored_files */
    const char *reference;
    const rd_answer_metric *metrics[RD_SCORING_MAX_METRICS];
    const char *positive; /* label of F1; NULL: "1" */
} rd_answers_config;

/* NULL: there is none of that name. */
const rd_answer_metric *rd_find_answer_metric(const char *name);

/* Row 0 is the reference, 1 + s system s. */
typedef struct {
    int64_t n;
    int n_rows;
    int32_t n_labels;
    char **labels;    /* [n_labels] in numeric order if all are numbers, else by their bytes */
    int32_t positive; /* of labels; n_labels where no line has it */
    int32_t *classes; /* [n_rows, n] of labels; NULL: no metric has classes */
    double *numbers;  /* [n_rows, n]; NULL: no metric has numbers */
} rd_answers;

/* RD_ERR_ARGUMENT: `positive` is missing, or not a label. RD_ERR_FORMAT for a line that is empty or
 * not a label, or not a number where there should be one. */
rd_status rd_answers_read(const rd_answers_config *config, rd_answers *answers);
void rd_answers_free(rd_answers *answers);

/* Pairs of reference and answer, each with the data that metrics need. */
typedef struct {
    int64_t n;
    int32_t n_labels, positive;
    int32_t *labels, *predictions;
    double *x, *y;              /* numbers of references and answers */
    int64_t *x_order, *y_order; /* rd_order_numbers */
} rd_answer_pairs;

/* Those of system `first` and, after them, of system `second` (-1: none). Release them always. */
rd_status rd_answer_pairs_make(const rd_answers *answers, int first, int second,
                               rd_answer_pairs *pairs);
void rd_answer_pairs_free(rd_answer_pairs *pairs);

/* Working memory of one thread. */
typedef struct {
    rd_class_counts *counts; /* [n_labels] */
    double *ranks;           /* [2, n] */
} rd_answer_room;

rd_status rd_answer_room_make(const rd_answer_pairs *pairs, rd_answer_room *room);
void rd_answer_room_free(rd_answer_room *room);

struct rd_answer_metric {
    const char *name, *label; /* as it is asked for; in reports */
    bool has_classes, has_positive;
    /* A metric's score: of classes by room->counts, of numbers by times [n], how often each counts;
     * NULL: once. */
    double (*score)(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room);
};

/* scores: [n_metrics] in [0, 100], correlations in [-100, 100], NaN for one that is not defined.
 * times: [n] how often each pair counts; NULL: once. room->counts are then those of classes. */
void rd_answer_scores(int n_metrics, const rd_answer_metric *const *metrics,
                      const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room,
                      double *scores);

/* Scores and tests. Warnings are added to `warnings`, a line each. RD_ERR_NUMERIC: a correlation is
 * not defined. */
rd_status rd_answers_report(const rd_answers_config *config, const rd_answers *answers,
                            const rd_report_config *how, rd_report *report, rd_text *warnings);

/* The classes of a system and its confusion matrix (up to RD_MOST_SHOWN_CLASSES): as members of a
 * JSON object, and as tables for people. */
rd_status rd_answers_members(const rd_answers *answers, int system, int width, rd_text *out);
rd_status rd_answers_table(const rd_answers *answers, int system, int width, rd_text *out);

#endif
