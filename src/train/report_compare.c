/* Several trainings in one page: their curves over each other, and the settings that differ. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/output.h"
#include "train/checkpoint.h"
#include "train/report.h"
#include "train/run.h"
#include "train/settings.h"

typedef struct {
    rd_train_history history;
    rd_checkpoint_info last; /* of checkpoint_last; settings NULL: there is none */
    rd_text name;            /* the directory as it was given, for HTML */
    double x_end;            /* its last update */
} training;

/* The training's values of a kind of result; NULL: its task does not give it. */
static const rd_curve *curve_of(const training *t, const rd_result_kind *kind) {
    for (int i = 0; t->history.task->kinds[i]; i++)
        if (t->history.task->kinds[i] == kind) return &t->history.results[i];
    return NULL;
}

static void find_end(training *t) {
    for (int c = 0; c < RD_CURVES; c++) {
        const rd_curve *curve = &t->history.curves[c];
        if (curve->n > 0) t->x_end = fmax(t->x_end, curve->points[curve->n - 1].x);
    }
    for (int i = 0; t->history.task->kinds[i]; i++) {
        const rd_curve *curve = &t->history.results[i];
        if (curve->n > 0) t->x_end = fmax(t->x_end, curve->points[curve->n - 1].x);
    }
}

static rd_status read_files(training *t, const char *log, const char *last) {
    RD_TRY(rd_train_history_read(&t->history, log));
    find_end(t);
    return rd_file_exists(last) ? rd_checkpoint_read_info(last, &t->last) : RD_OK;
}

static rd_status read_training(training *t, const char *directory) {
    size_t n = strlen(directory);
    while (n > 1 && directory[n - 1] == '/') n--;
    RD_TRY(rd_text_append_html(&t->name, directory, n));
    char *log = rd_path_join(directory, "train.jsonl");
    char *last = rd_path_join(directory, "checkpoint_last");
    rd_status status = log && last ? read_files(t, log, last) : RD_ERR_MEMORY;
    if (status == RD_OK && t->history.n_runs == 0)
        status = rd_error(RD_ERR_FORMAT, "%s: no training has begun in it", log);
    free(log);
    free(last);
    return status;
}

static void free_training(training *t) {
    rd_train_history_free(&t->history);
    rd_checkpoint_info_free(&t->last);
    rd_text_free(&t->name);
}

/* ---- Units ---- */

typedef const char *(*unit_of)(const rd_task *task);

static const char *loss_unit(const rd_task *task) {
    return task->loss_unit;
}

enum { LONGEST_UNITS = 64 };

/* text: [LONGEST_UNITS] = the unit, or those of several tasks: "token or picture". */
static void join_units(const training *all, int n, unit_of unit, char *text) {
    size_t length = 0;
    for (int i = 0; i < n; i++) {
        int same = 0;
        while (strcmp(unit(all[same].history.task), unit(all[i].history.task)) != 0) same++;
        if (same < i || length >= LONGEST_UNITS) continue;
        length += (size_t)snprintf(text + length, LONGEST_UNITS - length, "%s%s",
                                   length > 0 ? " or " : "", unit(all[i].history.task));
    }
}

/* ---- Totals ---- */

/* The curve's point that is best by the kind; the curve is not empty. */
static const rd_point *best_of(const rd_curve *curve, const rd_result_kind *kind) {
    const rd_point *best = &curve->points[0];
    for (int64_t i = 1; i < curve->n; i++) {
        const rd_point *point = &curve->points[i];
        if (kind->larger_is_better ? point->y > best->y : point->y < best->y) best = point;
    }
    return best;
}

static rd_status write_best(const training *t, const rd_result_kind *kind, rd_text *out) {
    const rd_curve *curve = curve_of(t, kind);
    if (!curve || curve->n == 0) return rd_text_printf(out, "<td></td>");
    const rd_point *best = best_of(curve, kind);
    return rd_text_printf(out, "<td>%.*f <span>at %.0f</span></td>", kind->digits, best->y,
                          best->x);
}

/* Whether an earlier training has the kind, or none has values of it. */
static bool is_settled(const training *all, int n, int of, const rd_result_kind *kind) {
    bool any = false;
    for (int i = 0; i < n; i++) {
        const rd_curve *curve = curve_of(&all[i], kind);
        if (i < of && curve) return true;
        any = any || (curve && curve->n > 0);
    }
    return !any;
}

typedef rd_status (*visit_kind)(const training *all, int n, const rd_result_kind *kind,
                                rd_text *out);

/* Calls `visit` for every kind of result that a training has values of, once. */
static rd_status for_each_kind(const training *all, int n, visit_kind visit, rd_text *out) {
    for (int i = 0; i < n; i++)
        for (int k = 0; all[i].history.task->kinds[k]; k++)
            if (!is_settled(all, n, i, all[i].history.task->kinds[k]))
                RD_TRY(visit(all, n, all[i].history.task->kinds[k], out));
    return RD_OK;
}

static rd_status write_best_row(const training *all, int n, const rd_result_kind *kind,
                                rd_text *out) {
    RD_TRY(rd_text_printf(out, "<tr><th>best %s</th>", kind->label));
    for (int i = 0; i < n; i++) RD_TRY(write_best(&all[i], kind, out));
    return rd_text_printf(out, "</tr>\n");
}

static rd_status write_names(const training *all, int n, rd_text *out) {
    RD_TRY(rd_text_printf(out, "<table>\n<tr><th></th>"));
    for (int i = 0; i < n; i++)
        RD_TRY(rd_text_printf(out, "<th class=\"key s%d\">%s</th>", i, all[i].name.data));
    return rd_text_printf(out, "</tr>\n");
}

static rd_status write_totals(const training *all, int n, rd_text *out) {
    char unit[LONGEST_UNITS], duration[32];
    RD_TRY(write_names(all, n, out));
    RD_TRY(rd_text_printf(out, "<tr><th>updates</th>"));
    for (int i = 0; i < n; i++)
        RD_TRY(rd_text_printf(out, "<td>%.0f%s</td>", all[i].x_end,
                              all[i].history.reason ? "" : " <span>not finished</span>"));
    RD_TRY(rd_text_printf(out, "</tr>\n<tr><th>time in updates</th>"));
    for (int i = 0; i < n; i++) {
        bool known = all[i].last.settings != NULL;
        rd_duration(all[i].last.state.seconds, duration);
        RD_TRY(rd_text_printf(out, "<td>%s</td>", known ? duration : ""));
    }
    join_units(all, n, rd_task_speed_unit, unit);
    RD_TRY(rd_text_printf(out, "</tr>\n<tr><th>%s/s, mean</th>", unit));
    for (int i = 0; i < n; i++)
        RD_TRY(rd_text_printf(out, "<td>%.0f</td>",
                              rd_curve_mean(&all[i].history.curves[RD_CURVE_SPEED])));
    RD_TRY(rd_text_printf(out, "</tr>\n"));
    RD_TRY(for_each_kind(all, n, write_best_row, out));
    return rd_text_printf(out, "</table>\n");
}

/* ---- Charts ---- */

/* One chart of all trainings; curves: [n], NULL: none. */
static rd_status write_chart(const training *all, int n, rd_chart chart,
                             const rd_curve *const *curves, rd_text *out) {
    int series = 0;
    static const rd_curve nothing = {0}; /* keeps the colours of the trainings */
    for (; series < n; series++) {
        chart.series[series].name = all[series].name.data;
        chart.series[series].curve = curves[series] ? curves[series] : &nothing;
        chart.x_end = fmax(chart.x_end, all[series].x_end);
    }
    chart.marked = NAN;
    return rd_chart_write(&chart, out);
}

static rd_status write_result(const training *all, int n, const rd_result_kind *kind,
                              rd_text *out) {
    const rd_curve *curves[RD_CHART_SERIES] = {0};
    char title[96];
    snprintf(title, sizeof title, "%s of validation", kind->label);
    for (int i = 0; i < n; i++) curves[i] = curve_of(&all[i], kind);
    const rd_chart chart = {.title = title, .from_zero = kind->larger_is_better};
    return write_chart(all, n, chart, curves, out);
}

static rd_status write_charts(const training *all, int n, rd_text *out) {
    char loss[LONGEST_UNITS], speed[LONGEST_UNITS];
    join_units(all, n, loss_unit, loss);
    join_units(all, n, rd_task_speed_unit, speed);
    RD_TRY(rd_text_printf(out, "<div class=\"charts\">\n"));
    RD_TRY(for_each_kind(all, n, write_result, out));
    for (int c = 0; c < RD_CURVES; c++) {
        const rd_curve *curves[RD_CHART_SERIES] = {0};
        char title[RD_LONGEST_TITLE];
        for (int i = 0; i < n; i++) curves[i] = &all[i].history.curves[c];
        rd_update_title(c, loss, speed, title);
        const rd_chart chart = {.title = title, .from_zero = rd_update_numbers[c].from_zero};
        RD_TRY(write_chart(all, n, chart, curves, out));
    }
    return rd_text_printf(out, "</div>\n");
}

/* ---- Settings ---- */

/* A row if the values, [n] or NULL where a training has none, differ. */
static rd_status write_values(const char *key, char *const *values, int n, int *same,
                              rd_text *out) {
    bool differ = false;
    for (int i = 1; i < n; i++)
        differ =
            differ || !values[0] != !values[i] || (values[0] && strcmp(values[0], values[i]) != 0);
    if (!differ) {
        ++*same;
        return RD_OK;
    }
    RD_TRY(rd_text_printf(out, "<tr><th>"));
    RD_TRY(rd_page_put(out, key)); /* a checkpoint may come from elsewhere */
    RD_TRY(rd_text_printf(out, "</th>"));
    for (int i = 0; i < n; i++) {
        RD_TRY(rd_text_printf(out, "<td><code>"));
        RD_TRY(rd_page_put(out, values[i] ? values[i] : "not known"));
        RD_TRY(rd_text_printf(out, "</code></td>"));
    }
    return rd_text_printf(out, "</tr>\n");
}

static rd_status write_setting(const training *all, int n, const char *key, int *same,
                               rd_text *out) {
    char *values[RD_CHART_SERIES] = {0};
    rd_status status = RD_OK;
    for (int i = 0; i < n && status == RD_OK; i++)
        if (all[i].last.settings) status = rd_settings_get(all[i].last.settings, key, &values[i]);
    if (status == RD_OK) status = write_values(key, values, n, same, out);
    for (int i = 0; i < n; i++) free(values[i]);
    return status;
}

/* The keys of the first checkpoint; others' are the same, or one of another version. */
static rd_status write_settings(const training *all, int n, rd_text *out) {
    const char *settings = NULL;
    int same = 0;
    for (int i = 0; i < n && !settings; i++) settings = all[i].last.settings;
    if (!settings) return RD_OK;
    RD_TRY(rd_text_printf(out, "<h2>Settings that differ</h2>\n"));
    RD_TRY(write_names(all, n, out));
    for (rd_setting s; rd_setting_next(&settings, &s);) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", s.n_key, s.key);
        RD_TRY(write_setting(all, n, key, &same, out));
    }
    return rd_text_printf(out, "</table>\n<p>%d others are the same.</p>\n", same);
}

/* ---- The page ---- */

static rd_status write_page(const training *all, int n, rd_text *out) {
    char title[32];
    snprintf(title, sizeof title, "%d training%s", n, n == 1 ? "" : "s");
    RD_TRY(rd_page_begin(out, title, false));
    RD_TRY(write_totals(all, n, out));
    RD_TRY(write_charts(all, n, out));
    RD_TRY(write_settings(all, n, out));
    return rd_text_put(out, "</body></html>\n");
}

static rd_status compare(training *all, const char *const *directories, int n, rd_text *page) {
    for (int i = 0; i < n; i++) RD_TRY(read_training(&all[i], directories[i]));
    return write_page(all, n, page);
}

static rd_status refuse_file(const char *path, const char *directory, const char *name) {
    char *file = rd_path_join(directory, name);
    rd_status status = file ? rd_refuse_input(path, file) : RD_ERR_MEMORY;
    free(file);
    return status;
}

/* The page replaces nothing of a training but another page. */
static rd_status refuse_output(const char *path, const char *directory) {
    for (int i = 0; rd_run_files[i]; i++) RD_TRY(refuse_file(path, directory, rd_run_files[i]));
    for (int i = 0; rd_run_folders[i]; i++) {
        char *folder = rd_path_join(directory, rd_run_folders[i]);
        rd_status status = folder ? rd_refuse_inputs_in(path, folder) : RD_ERR_MEMORY;
        free(folder);
        RD_TRY(status);
    }
    return RD_OK;
}

rd_status rd_train_compare(const char *const *directories, int n, const char *path) {
    if (n < 1 || n > RD_CHART_SERIES)
        return rd_error(RD_ERR_ARGUMENT, "%d trainings; a page shows 1 to %d", n, RD_CHART_SERIES);
    for (int i = 0; i < n; i++) RD_TRY(refuse_output(path, directories[i]));
    training *all = rd_calloc((size_t)n, sizeof *all);
    rd_text page = {0};
    rd_status status = all ? compare(all, directories, n, &page) : RD_ERR_MEMORY;
    for (int i = 0; all && i < n; i++) free_training(&all[i]);
    if (status == RD_OK) status = rd_write_file(path, page.data, (size_t)page.length);
    rd_text_free(&page);
    free(all);
    return status;
}
