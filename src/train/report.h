/* report.html: a training at a glance. The history comes from train.jsonl, so it covers all runs of
 * a training; the page is one self-contained file. */
#ifndef RD_TRAIN_REPORT_H
#define RD_TRAIN_REPORT_H

#include <jansson.h>

#include "base/text.h"
#include "task/task.h"
#include "train/numbers.h"

/* A quantity over updates. */
typedef struct {
    double x, y;
} rd_point;
typedef struct {
    rd_point *points;
    int64_t n, capacity;
} rd_curve;

double rd_curve_mean(const rd_curve *curve); /* 0 without points */

enum { RD_HISTORY_SAMPLES = 100 }; /* validations, the latest, whose samples are kept */

typedef struct {
    rd_curve curves[RD_CURVES];
    const rd_task *task;               /* which the log names */
    rd_curve results[RD_MOST_RESULTS]; /* of validation, one for each of the task's kinds */
    rd_curve changed;                  /* updates that settings changed at; y is not used */
    rd_curve restarts;                 /* updates that a later run started after, likewise */
    json_t *changes;                   /* the "changed" events, in order */
    json_t *validations; /* the "valid" events, in order; old ones without their samples */
    int64_t n_runs;      /* how often the training was started */
    char *reason;        /* why it ended; NULL: it has not */
} rd_train_history;

/* Leaves out incomplete lines, and the work of a killed run after the checkpoint from which the
 * next run started. */
rd_status rd_train_history_read(rd_train_history *history, const char *path);
void rd_train_history_free(rd_train_history *history);

/* One diagram. Curves that are empty are left out; so is a chart without any curve. */
enum { RD_CHART_SERIES = 8 };
typedef struct {
    const char *title;
    struct {
        const char *name; /* as HTML has it */
        const rd_curve *curve;
    } series[RD_CHART_SERIES]; /* a NULL curve ends them */
    bool from_zero;            /* the y axis starts at 0 */
    double x_end;              /* of the x axis, which starts at 0 */
    double marked;             /* an x to mark with a line ("best"); NAN: none */
    const rd_curve *changed;   /* more of them, where settings changed; NULL: none */
    const rd_curve *restarts;  /* and where training was started again; NULL: none */
} rd_chart;

rd_status rd_chart_write(const rd_chart *chart, rd_text *out);

/* A page up to its heading, which is the title. refreshes: one left open is read again. */
rd_status rd_page_begin(rd_text *out, const char *title, bool refreshes);
/* Appends a text, in which nothing is HTML. */
rd_status rd_page_put(rd_text *out, const char *text);

/* Appends a validation's confusion matrix, from train.jsonl, as a table; nothing for NULL. */
rd_status rd_matrix_write(const json_t *confusion, rd_text *out);

#endif
