#include "metrics/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/significance.h"

/* By how much a trial's difference may be less than the real one and count as no less: sums of
 * other lines are rounded otherwise. */
static const double TIE = 1e-9;

void rd_report_free(rd_report *report) {
    for (int k = 0; report->cells && k < report->n_systems * report->n_columns; k++)
        rd_text_free(&report->cells[k].members);
    free(report->cells);
    *report = (rd_report){0};
}

static void make_columns(const rd_scoring_config *config, const rd_scoring *scoring,
                         const rd_report_config *how, rd_report *report) {
    rd_signature_info info = {.n_refs = scoring->n_refs,
                              .trials = how->trials,
                              .seed = how->seed,
                              .brief = how->brief && how->format != RD_REPORT_JSON};
    if (how->test != RD_TEST_NONE) info.test = how->test == RD_TEST_PAIRED_AR ? "ar" : "bs";
    for (int m = 0; m < config->n_metrics; m++)
        for (int which = 0; which < rd_metric_n_scores(&config->metrics[m]); which++) {
            rd_report_column *column = &report->columns[report->n_columns++];
            column->metric = m;
            column->which = which;
            rd_metric_name(&config->metrics[m], which, column->name);
            rd_metric_signature(&config->metrics[m], &info, column->signature);
        }
}

/* Scores of one system in one column over trials; sums of trial t are at sums + t * stride. */
static void trial_scores(const rd_scoring_config *config, const rd_scoring *scoring,
                         const rd_report_column *column, const double *sums, int64_t stride,
                         int64_t trials, double *scores) {
    const rd_metric_config *metric = &config->metrics[column->metric];
    for (int64_t t = 0; t < trials; t++)
        scores[t] = rd_metric_score(metric, column->which,
                                    sums + t * stride + scoring->offsets[column->metric]);
}

void rd_report_set_bootstrap(rd_report *report, const rd_report_config *how, int system, int column,
                             const double *baseline, double *scores, double *differences) {
    rd_report_cell *cell = &report->cells[system * report->n_columns + column];
    int64_t trials = how->trials;
    if (system > 0 && how->test == RD_TEST_PAIRED_BS) {
        double mean = 0, real = fabs(report->cells[column].score - cell->score);
        for (int64_t t = 0; t < trials; t++) {
            differences[t] = fabs(scores[t] - baseline[t]);
            mean += differences[t] / (double)trials;
        }
        for (int64_t t = 0; t < trials; t++) differences[t] -= mean;
        cell->p_value = rd_p_value(differences, trials, real - TIE);
        cell->has_p_value = true;
    }
    rd_confidence(scores, trials, &cell->mean, &cell->interval);
    cell->has_interval = true;
}

void rd_report_set_randomization(rd_report *report, const rd_report_config *how, int system,
                                 int column, const double *a, const double *b,
                                 double *differences) {
    rd_report_cell *cell = &report->cells[system * report->n_columns + column];
    for (int64_t t = 0; t < how->trials; t++) differences[t] = fabs(a[t] - b[t]);
    double real = fabs(report->cells[column].score - cell->score);
    cell->p_value = rd_p_value(differences, how->trials, real - TIE);
    cell->has_p_value = true;
}

/* sums: [trials, n_systems, width]; work: [3, trials] */
static void bootstrap_columns(const rd_scoring_config *config, const rd_scoring *scoring,
                              const rd_report_config *how, rd_report *report, const double *sums,
                              double *work) {
    int64_t trials = how->trials, stride = (int64_t)config->files.n_systems * scoring->width;
    double *baseline = work, *scores = work + trials, *differences = scores + trials;
    for (int c = 0; c < report->n_columns; c++) {
        trial_scores(config, scoring, &report->columns[c], sums, stride, trials, baseline);
        for (int s = 0; s < config->files.n_systems; s++) {
            trial_scores(config, scoring, &report->columns[c], sums + s * scoring->width, stride,
                         trials, scores);
            rd_report_set_bootstrap(report, how, s, c, baseline, scores, differences);
        }
    }
}

/* sums: [trials, n_systems, 2, width]; work: [3, trials] */
static void randomization_columns(const rd_scoring_config *config, const rd_scoring *scoring,
                                  const rd_report_config *how, rd_report *report,
                                  const double *sums, double *work) {
    int64_t trials = how->trials, stride = 2 * (int64_t)config->files.n_systems * scoring->width;
    double *a = work, *b = work + trials, *differences = b + trials;
    for (int c = 0; c < report->n_columns; c++)
        for (int s = 1; s < config->files.n_systems; s++) {
            const double *shuffled = sums + 2 * s * scoring->width;
            trial_scores(config, scoring, &report->columns[c], shuffled, stride, trials, a);
            trial_scores(config, scoring, &report->columns[c], shuffled + scoring->width, stride,
                         trials, b);
            rd_report_set_randomization(report, how, s, c, a, b, differences);
        }
}

static rd_status run_test(const rd_scoring_config *config, const rd_scoring *scoring,
                          const rd_report_config *how, rd_report *report) {
    bool randomize = how->test == RD_TEST_PAIRED_AR;
    int64_t row = (int64_t)config->files.n_systems * scoring->width * (randomize ? 2 : 1);
    double *sums = rd_malloc((size_t)how->trials, (size_t)row * sizeof *sums);
    double *work = rd_malloc((size_t)how->trials, 3 * sizeof *work);
    rd_status status = sums && work ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK && randomize) {
        status = rd_randomization_sums(scoring->lines, scoring->n_lines, config->files.n_systems,
                                       scoring->width, how->trials, how->seed, sums);
        if (status == RD_OK) randomization_columns(config, scoring, how, report, sums, work);
    } else if (status == RD_OK) {
        status = rd_bootstrap_sums(scoring->lines, scoring->n_lines, (int)row, how->trials,
                                   how->seed, sums);
        if (status == RD_OK) bootstrap_columns(config, scoring, how, report, sums, work);
    }
    free(sums);
    free(work);
    return status;
}

rd_status rd_report_make(const rd_scoring_config *config, const rd_scoring *scoring,
                         const rd_report_config *how, rd_report *report) {
    *report = (rd_report){.n_systems = config->files.n_systems, .systems = config->files.systems};
    make_columns(config, scoring, how, report);
    report->cells =
        rd_calloc((size_t)report->n_systems * (size_t)report->n_columns, sizeof *report->cells);
    if (!report->cells) return RD_ERR_MEMORY;
    for (int s = 0; s < report->n_systems; s++)
        for (int c = 0; c < report->n_columns; c++) {
            const rd_report_column *column = &report->columns[c];
            const double *sums =
                scoring->sums + s * scoring->width + scoring->offsets[column->metric];
            rd_report_cell *cell = &report->cells[s * report->n_columns + c];
            const rd_metric_config *metric = &config->metrics[column->metric];
            cell->score = metric->metric->score(metric, column->which, sums, &cell->parts);
            rd_metric_details(metric, column->which, sums, cell->details);
        }
    rd_status status = how->test == RD_TEST_NONE ? RD_OK : run_test(config, scoring, how, report);
    if (status != RD_OK) rd_report_free(report);
    return status;
}

static int digits(const rd_report_config *how) {
    return how->width >= 0 ? how->width : 1;
}

/* A line's score counts only the n-gram orders it has, whatever the corpus score does. */
static rd_metric_config line_metric(const rd_metric_config *metric) {
    rd_metric_config line = *metric;
    line.effective_order = true;
    return line;
}

rd_status rd_report_lines(const rd_scoring_config *config, const rd_scoring *scoring,
                          const rd_report_config *how, rd_text *out) {
    rd_report report = {0};
    make_columns(config, scoring, how, &report);
    RD_TRY(rd_text_printf(out, "line"));
    for (int s = 0; s < config->files.n_systems; s++)
        for (int c = 0; c < report.n_columns; c++) {
            RD_TRY(rd_text_printf(out, "\t%s", report.columns[c].name));
            if (config->files.n_systems > 1)
                RD_TRY(rd_text_printf(out, ":%s", config->files.systems[s]));
        }
    RD_TRY(rd_text_append(out, "\n", 1));
    for (int64_t i = 0; i < scoring->n_lines; i++) {
        RD_TRY(rd_text_printf(out, "%lld", (long long)i + 1));
        for (int s = 0; s < config->files.n_systems; s++)
            for (int c = 0; c < report.n_columns; c++) {
                int m = report.columns[c].metric;
                rd_metric_config metric = line_metric(&config->metrics[m]);
                const double *stats = scoring->lines +
                                      (i * config->files.n_systems + s) * scoring->width +
                                      scoring->offsets[m];
                RD_TRY(rd_text_printf(out, "\t%.*f", how->width >= 0 ? how->width : 4,
                                      rd_metric_score(&metric, report.columns[c].which, stats)));
            }
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

rd_status rd_report_sentences(const rd_scoring_config *config, const rd_scoring *scoring,
                              const rd_report_config *how, rd_text *out) {
    rd_scoring_config by_line = *config;
    rd_metric_config metric = line_metric(&config->metrics[0]);
    by_line.metrics = &metric;
    rd_report report = {0};
    make_columns(&by_line, scoring, how, &report);
    for (int64_t i = 0; i < scoring->n_lines; i++)
        for (int c = 0; c < report.n_columns; c++) {
            const double *stats = scoring->lines + i * scoring->width;
            char details[256];
            double score = rd_metric_score(&metric, c, stats);
            rd_metric_details(&metric, c, stats, details);
            if (how->score_only)
                RD_TRY(rd_text_printf(out, "%.*f\n", digits(how), score));
            else
                RD_TRY(rd_text_printf(out, "%s|%s = %.*f%s%s\n", report.columns[c].name,
                                      report.columns[c].signature, digits(how), score,
                                      details[0] ? " " : "", details));
        }
    return RD_OK;
}
