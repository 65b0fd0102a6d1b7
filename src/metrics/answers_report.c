/* Scores of answers, and how sure they are: a trial gives each pair of a reference and an answer
 * other times to count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "metrics/answers.h"
#include "metrics/significance.h"

/* One thread's memory. */
typedef struct {
    rd_answer_room room;
    uint32_t *times; /* [pairs] */
} trial_room;

/* NaN, of a resample with only one number, becomes 0: no correlation. */
static void set_scores(const rd_answers_config *config, const rd_answer_pairs *pairs,
                       trial_room *own, int64_t trials, double *scores) {
    double all[RD_SCORING_MAX_METRICS];
    rd_answer_scores(config->n_metrics, config->metrics, pairs, own->times, &own->room, all);
    for (int m = 0; m < config->n_metrics; m++) scores[m * trials] = isnan(all[m]) ? 0 : all[m];
}

/* Pairs of two systems, one after the other: each line is one of the first or of the second, and of
 * the other in the second list. scores: of trial t in [2, n_metrics, trials] */
static void shuffle(const rd_answers_config *config, const rd_report_config *how,
                    const rd_answer_pairs *pairs, int64_t t, trial_room *own, double *scores) {
    int64_t n = pairs->n / 2;
    uint32_t bits = 0;
    rd_rng rng = rd_randomization_rng(how->seed, t);
    for (int64_t i = 0; i < n; i++) {
        own->times[i] = rd_randomization_keeps(&rng, i, &bits);
        own->times[n + i] = !own->times[i];
    }
    set_scores(config, pairs, own, how->trials, scores);
    for (int64_t i = 0; i < 2 * n; i++) own->times[i] = !own->times[i];
    set_scores(config, pairs, own, how->trials, scores + config->n_metrics * how->trials);
}

/* Trials of all threads. */
typedef struct {
    const rd_answers_config *config;
    const rd_report_config *how;
    const rd_answer_pairs *pairs;
    trial_room *rooms; /* [threads] */
    double *scores;    /* [n_metrics, trials]; with randomization [2, n_metrics, trials] */
} trials_work;

static rd_status run_trial(void *self, int thread, int64_t t) {
    const trials_work *w = self;
    trial_room *own = &w->rooms[thread];
    if (w->how->test == RD_TEST_PAIRED_AR) {
        shuffle(w->config, w->how, w->pairs, t, own, w->scores + t);
    } else {
        rd_bootstrap_times(w->how->seed, t, w->pairs->n, own->times);
        set_scores(w->config, w->pairs, own, w->how->trials, w->scores + t);
    }
    return RD_OK;
}

static rd_status make_rooms(const rd_answer_pairs *pairs, int threads, trial_room *rooms) {
    for (int t = 0; t < threads; t++) {
        rooms[t].times = rd_malloc((size_t)pairs->n, sizeof *rooms[t].times);
        if (!rooms[t].times) return RD_ERR_MEMORY;
        RD_TRY(rd_answer_room_make(pairs, &rooms[t].room));
    }
    return RD_OK;
}

static rd_status run_trials(const rd_answers_config *config, const rd_report_config *how,
                            const rd_answer_pairs *pairs, double *scores) {
    int threads = rd_get_threads();
    trial_room *rooms = rd_calloc((size_t)threads, sizeof *rooms);
    if (!rooms) return RD_ERR_MEMORY;
    rd_status status = make_rooms(pairs, threads, rooms);
    trials_work work = {config, how, pairs, rooms, scores};
    if (status == RD_OK) status = rd_over_jobs(0, how->trials, 1, run_trial, &work, NULL);
    for (int t = 0; t < threads; t++) {
        free(rooms[t].times);
        rd_answer_room_free(&rooms[t].room);
    }
    free(rooms);
    return status;
}

/* The trials of one system; of the first and that one for randomization. */
static rd_status test_system(const rd_answers_config *config, const rd_answers *answers,
                             const rd_report_config *how, int system, double *scores) {
    rd_answer_pairs pairs;
    bool pooled = how->test == RD_TEST_PAIRED_AR;
    rd_status status =
        rd_answer_pairs_make(answers, pooled ? 0 : system, pooled ? system : -1, &pairs);
    if (status == RD_OK) status = run_trials(config, how, &pairs, scores);
    rd_answer_pairs_free(&pairs);
    return status;
}

/* scores, baseline: [n_metrics, trials]; differences: [trials] */
static rd_status run_bootstrap(const rd_answers_config *config, const rd_answers *answers,
                               const rd_report_config *how, rd_report *report, double *scores,
                               double *baseline, double *differences) {
    int64_t trials = how->trials;
    for (int s = 0; s < config->n_systems; s++) {
        RD_TRY(test_system(config, answers, how, s, scores));
        if (s == 0) memcpy(baseline, scores, (size_t)(config->n_metrics * trials) * sizeof *scores);
        for (int m = 0; m < config->n_metrics; m++)
            rd_report_set_bootstrap(report, how, s, m, baseline + m * trials, scores + m * trials,
                                    differences);
    }
    return RD_OK;
}

/* scores: [2, n_metrics, trials]; differences: [trials] */
static rd_status run_randomization(const rd_answers_config *config, const rd_answers *answers,
                                   const rd_report_config *how, rd_report *report, double *scores,
                                   double *differences) {
    int64_t trials = how->trials, side = config->n_metrics * trials;
    for (int s = 1; s < config->n_systems; s++) {
        RD_TRY(test_system(config, answers, how, s, scores));
        for (int m = 0; m < config->n_metrics; m++)
            rd_report_set_randomization(report, how, s, m, scores + m * trials,
                                        scores + side + m * trials, differences);
    }
    return RD_OK;
}

static rd_status run_test(const rd_answers_config *config, const rd_answers *answers,
                          const rd_report_config *how, rd_report *report) {
    if (how->test == RD_TEST_NONE) return RD_OK;
    int64_t side = config->n_metrics * how->trials;
    double *work = rd_malloc((size_t)(2 * side + how->trials), sizeof *work);
    if (!work) return RD_ERR_MEMORY;
    rd_status status =
        how->test == RD_TEST_PAIRED_AR
            ? run_randomization(config, answers, how, report, work, work + 2 * side)
            : run_bootstrap(config, answers, how, report, work, work + side, work + 2 * side);
    free(work);
    return status;
}

/* "|" and ":" part signatures. */
static void copy_positive(const rd_answers *answers, char *to, size_t room) {
    const char *label = answers->positive < answers->n_labels ? answers->labels[answers->positive]
                                                              : "1"; /* that no line has */
    snprintf(to, room, "%s", label);
    while (rd_utf8_invalid_at(to, strlen(to)) >= 0) to[strlen(to) - 1] = '\0'; /* cut in two */
    for (char *c = to; *c; c++)
        if (*c == '|') *c = '/';
}

static void sign(const rd_answer_metric *metric, const rd_answers *answers, char middle[128]) {
    char positive[64];
    copy_positive(answers, positive, sizeof positive);
    if (metric->has_positive)
        snprintf(middle, 128, "positive:%s|", positive);
    else if (metric->has_classes)
        snprintf(middle, 128, "labels:%d|", (int)answers->n_labels);
    else
        snprintf(middle, 128, "lines:%lld|", (long long)answers->n);
}

static void make_columns(const rd_answers_config *config, const rd_answers *answers,
                         const rd_report_config *how, rd_report *report) {
    rd_signature_info info = {.n_refs = 1,
                              .trials = how->trials,
                              .seed = how->seed,
                              .brief = how->brief && how->format != RD_REPORT_JSON};
    if (how->test != RD_TEST_NONE) info.test = how->test == RD_TEST_PAIRED_AR ? "ar" : "bs";
    report->n_columns = config->n_metrics;
    for (int m = 0; m < config->n_metrics; m++) {
        char middle[128];
        rd_report_column *column = &report->columns[m];
        column->metric = m;
        snprintf(column->name, sizeof column->name, "%s", config->metrics[m]->label);
        sign(config->metrics[m], answers, middle);
        rd_signature_around(middle, &info, column->signature);
    }
}

/* The reason why there is no correlation; all numbers read are finite. */
static rd_status not_defined(const rd_answers_config *config, const rd_answers *answers,
                             const rd_answer_metric *metric, int system) {
    if (answers->n < 2)
        return rd_error(RD_ERR_NUMERIC, "%s of one line is not defined", metric->name);
    bool of_reference = true;
    for (int64_t i = 1; i < answers->n; i++)
        of_reference = of_reference && answers->numbers[i] == answers->numbers[0];
    return rd_error(RD_ERR_NUMERIC, "all numbers of %s are equal: %s is not defined",
                    of_reference ? config->reference : config->systems[system], metric->name);
}

static rd_status warn_of_classes(const rd_answers_config *config, const rd_answers *answers,
                                 const rd_answer_metric *metric, int system,
                                 const rd_answer_room *room, rd_text *warnings) {
    const rd_class_counts *counts = room->counts;
    int32_t labels = 0, predicted = 0, positive = answers->positive;
    for (int32_t k = 0; k < answers->n_labels; k++) {
        labels += counts[k].support > 0;
        predicted += counts[k].predicted > 0;
    }
    if (metric->has_positive && (positive == answers->n_labels ||
                                 counts[positive].support + counts[positive].predicted == 0))
        return rd_text_printf(warnings, "no line of %s and %s has the positive label: F1 is 0\n",
                              config->reference, config->systems[system]);
    if (strcmp(metric->name, "matthews") == 0 && (labels == 1 || predicted == 1))
        return rd_text_printf(warnings, "%s has one label alone: Matthews is 0\n",
                              labels == 1 ? config->reference : config->systems[system]);
    return RD_OK;
}

/* Names on one side, numbers on the other? */
static rd_status warn_of_strangers(const rd_answers_config *config, const rd_answers *answers,
                                   int system, const rd_answer_room *room, rd_text *warnings) {
    int64_t strangers = 0;
    int32_t one = 0;
    for (int32_t k = 0; k < answers->n_labels; k++)
        if (room->counts[k].support == 0 && room->counts[k].predicted > 0)
            strangers += room->counts[one = k].predicted;
    if (2 * strangers <= answers->n) return RD_OK;
    char shown[64];
    rd_escape(shown, sizeof shown, answers->labels[one]);
    return rd_text_printf(warnings, "%s: %lld of %lld labels are none of %s, such as '%s'\n",
                          config->systems[system], (long long)strangers, (long long)answers->n,
                          config->reference, shown);
}

/* The parts of a score. */
static void explain(const rd_answer_metric *metric, const rd_answers *answers,
                    const rd_answer_room *room, rd_report_cell *cell) {
    int64_t hits = 0;
    if (strcmp(metric->name, "accuracy") == 0) {
        for (int32_t k = 0; k < answers->n_labels; k++) hits += room->counts[k].hits;
        snprintf(cell->details, sizeof cell->details, "(%lld of %lld)", (long long)hits,
                 (long long)answers->n);
    }
    if (!metric->has_positive || answers->positive == answers->n_labels) return;
    const rd_class_counts *counts = &room->counts[answers->positive];
    cell->parts =
        (rd_metric_parts){true, 100 * rd_class_precision(counts), 100 * rd_class_recall(counts)};
    rd_snprintf(cell->details, sizeof cell->details, "(P = %.1f R = %.1f)", cell->parts.precision,
                cell->parts.recall);
}

static rd_status score_pairs(const rd_answers_config *config, const rd_answers *answers, int system,
                             const rd_answer_pairs *pairs, rd_answer_room *room, rd_report *report,
                             rd_text *warnings) {
    bool classes = false;
    double scores[RD_SCORING_MAX_METRICS];
    rd_answer_scores(config->n_metrics, config->metrics, pairs, NULL, room, scores);
    for (int m = 0; m < config->n_metrics; m++) {
        const rd_answer_metric *metric = config->metrics[m];
        rd_report_cell *cell = &report->cells[system * report->n_columns + m];
        cell->score = scores[m];
        if (isnan(cell->score)) return not_defined(config, answers, metric, system);
        if (!metric->has_classes) continue;
        explain(metric, answers, room, cell);
        RD_TRY(warn_of_classes(config, answers, metric, system, room, warnings));
        if (!classes) RD_TRY(warn_of_strangers(config, answers, system, room, warnings));
        classes = true;
    }
    return RD_OK;
}

static rd_status score_system(const rd_answers_config *config, const rd_answers *answers,
                              int system, rd_report *report, rd_text *warnings) {
    rd_answer_pairs pairs;
    rd_answer_room room = {0};
    rd_status status = rd_answer_pairs_make(answers, system, -1, &pairs);
    if (status == RD_OK) status = rd_answer_room_make(&pairs, &room);
    if (status == RD_OK)
        status = score_pairs(config, answers, system, &pairs, &room, report, warnings);
    rd_answer_room_free(&room);
    rd_answer_pairs_free(&pairs);
    return status;
}

/* JSON's members of classes go to the first metric that has classes. */
static rd_status add_members(const rd_answers_config *config, const rd_answers *answers,
                             const rd_report_config *how, rd_report *report, rd_text *warnings) {
    if (how->format != RD_REPORT_JSON || !answers->classes) return RD_OK;
    if (answers->n_labels > RD_MOST_SHOWN_CLASSES)
        return rd_text_printf(warnings,
                              "%d labels: classes and confusion matrix are left out, as of more "
                              "than %d\n",
                              (int)answers->n_labels, RD_MOST_SHOWN_CLASSES);
    int m = 0;
    while (!config->metrics[m]->has_classes) m++;
    for (int s = 0; s < config->n_systems; s++)
        RD_TRY(rd_answers_members(answers, s, how->width,
                                  &report->cells[s * report->n_columns + m].members));
    return RD_OK;
}

static rd_status fill_report(const rd_answers_config *config, const rd_answers *answers,
                             const rd_report_config *how, rd_report *report, rd_text *warnings) {
    for (int s = 0; s < config->n_systems; s++)
        RD_TRY(score_system(config, answers, s, report, warnings));
    RD_TRY(add_members(config, answers, how, report, warnings));
    return run_test(config, answers, how, report);
}

rd_status rd_answers_report(const rd_answers_config *config, const rd_answers *answers,
                            const rd_report_config *how, rd_report *report, rd_text *warnings) {
    *report = (rd_report){.n_systems = config->n_systems, .systems = config->systems};
    make_columns(config, answers, how, report);
    report->cells =
        rd_calloc((size_t)report->n_systems * (size_t)report->n_columns, sizeof *report->cells);
    if (!report->cells) return RD_ERR_MEMORY;
    rd_status status = fill_report(config, answers, how, report, warnings);
    if (status != RD_OK) rd_report_free(report);
    return status;
}
