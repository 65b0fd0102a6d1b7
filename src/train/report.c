/* The page: totals, curves, sample translations, settings. */
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "io/output.h"
#include "train/run.h"

__attribute__((format(printf, 3, 4))) static rd_status tile(rd_text *out, const char *label,
                                                            const char *format, ...) {
    char value[128];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    RD_TRY(rd_text_put(out, "<div><span>"));
    RD_TRY(rd_page_put(out, label));
    RD_TRY(rd_text_put(out, "</span><b>"));
    RD_TRY(rd_page_put(out, value));
    return rd_text_put(out, "</b></div>\n");
}

static rd_status write_totals(const rd_run *run, const rd_train_history *history, rd_text *out) {
    const rd_progress_state *s = &run->state;
    char examples[64], speed[64], duration[32];
    snprintf(speed, sizeof speed, "%s/s, mean", rd_task_speed_unit(run->task));
    RD_TRY(rd_text_put(out, "<div class=\"tiles\">\n"));
    RD_TRY(tile(out, "updates", "%lld", (long long)s->update));
    RD_TRY(tile(out, "epochs done", "%lld", (long long)s->epoch - 1));
    RD_TRY(tile(out, "time in updates", "%s", rd_duration(s->seconds, duration)));
    if (history->curves[RD_CURVE_SPEED].n > 0)
        RD_TRY(tile(out, speed, "%.0f", rd_curve_mean(&history->curves[RD_CURVE_SPEED])));
    snprintf(examples, sizeof examples, "training %s", run->task->examples);
    RD_TRY(
        tile(out, examples, "%lld", (long long)run->task->n_examples(run->data, RD_TRAINING_DATA)));
    RD_TRY(tile(out, "parameters", "%lld", (long long)rd_model_n_parameters(run->model)));
    if (isfinite(s->best_metric)) {
        char label[64];
        snprintf(label, sizeof label, "its validation %s", run->metric->label);
        RD_TRY(tile(out, "best update (dashed)", "%lld", (long long)s->best_update));
        RD_TRY(tile(out, label, "%.*f", run->metric->digits,
                    run->metric->larger_is_better ? s->best_metric : -s->best_metric));
    }
    RD_TRY(tile(out, "updates skipped", "%lld", (long long)s->skipped_updates));
    if (history->n_runs > 1)
        RD_TRY(tile(out, "started (dash-dotted)", "%lld times", (long long)history->n_runs));
    return rd_text_put(out, "</div>\n");
}

static rd_status write_chart(const rd_run *run, const rd_train_history *history, rd_chart chart,
                             rd_text *out) {
    chart.x_end = (double)run->state.update;
    chart.changed = &history->changed;
    chart.restarts = &history->restarts;
    chart.marked = isfinite(run->state.best_metric) ? (double)run->state.best_update : NAN;
    return rd_chart_write(&chart, out);
}

/* The curves of a chart's results. */
static void add_results(rd_chart *chart, const rd_train_history *history) {
    const rd_result_kind *const *kinds = history->task->kinds;
    for (int i = 0, n = 0; kinds[i] && n < RD_CHART_SERIES; i++) {
        if (!kinds[i]->chart || strcmp(kinds[i]->chart, chart->title) != 0) continue;
        chart->series[n].name = kinds[i]->label;
        chart->series[n++].curve = &history->results[i];
    }
}

/* A chart for each title that results have and no earlier result had. */
static rd_status write_results(const rd_run *run, const rd_train_history *history, rd_text *out) {
    const rd_result_kind *const *kinds = history->task->kinds;
    for (int i = 0; kinds[i]; i++) {
        bool drawn = !kinds[i]->chart;
        for (int k = 0; !drawn && k < i; k++)
            drawn = kinds[k]->chart && strcmp(kinds[k]->chart, kinds[i]->chart) == 0;
        if (drawn) continue;
        rd_chart chart = {.title = kinds[i]->chart, .from_zero = kinds[i]->larger_is_better};
        add_results(&chart, history);
        RD_TRY(write_chart(run, history, chart, out));
    }
    return RD_OK;
}

static rd_status write_number(const rd_run *run, const rd_train_history *history, int number,
                              const char *series, rd_text *out) {
    char title[RD_LONGEST_TITLE];
    rd_update_title(number, run->task->loss_unit, rd_task_speed_unit(run->task), title);
    const rd_chart chart = {.title = title,
                            .series = {{series, &history->curves[number]}},
                            .from_zero = rd_update_numbers[number].from_zero};
    return write_chart(run, history, chart, out);
}

/* Curves of training and, if it is a result, of validation. */
static rd_status write_nll(const rd_run *run, const rd_train_history *history, rd_text *out) {
    char title[RD_LONGEST_TITLE];
    snprintf(title, sizeof title, "%s, per %s",
             run->recipe->table.regression ? "Squared error" : "Negative log-likelihood",
             run->task->loss_unit);
    rd_chart chart = {.title = title,
                      .series = {{"training", &history->curves[RD_CURVE_TRAIN_NLL]}}};
    for (int i = 0; history->task->kinds[i]; i++) {
        if (history->task->kinds[i] != &rd_result_nll) continue;
        chart.series[1].name = "validation";
        chart.series[1].curve = &history->results[i];
    }
    return write_chart(run, history, chart, out);
}

static rd_status write_charts(const rd_run *run, const rd_train_history *history, rd_text *out) {
    bool several_passes = run->recipe->train.reg_alpha > 0.0f;
    RD_TRY(rd_text_put(out, "<div class=\"charts\">\n"));
    RD_TRY(write_number(run, history, RD_CURVE_TRAIN_LOSS,
                        several_passes ? "all passes and KL, last" : "last", out));
    RD_TRY(write_nll(run, history, out));
    RD_TRY(write_results(run, history, out));
    for (int i = RD_CURVE_KL; i < RD_CURVES; i++)
        if (i != RD_CURVE_KL || several_passes) RD_TRY(write_number(run, history, i, "last", out));
    return rd_text_put(out, "</div>\n");
}

/* The source above, the hypothesis next to the reference. */
static rd_status write_sample(const json_t *sample, rd_text *out) {
    static const char *const keys[] = {"source", "reference", "hypothesis"};
    RD_TRY(rd_text_put(out, "<div class=\"sample\">\n"));
    for (int k = 0; k < 3; k++) {
        const char *text = json_string_value(json_object_get(sample, keys[k]));
        RD_TRY(rd_text_printf(out, "<p class=\"%s\"><span>%s</span> ", keys[k], keys[k]));
        RD_TRY(rd_page_put(out, text ? text : ""));
        RD_TRY(rd_text_put(out, "</p>\n"));
    }
    return rd_text_put(out, "</div>\n");
}

static rd_status write_validation(const rd_train_history *history, const json_t *event, bool open,
                                  rd_text *out) {
    RD_TRY(rd_text_printf(out, "<details%s><summary>Update %lld <span>epoch %lld",
                          open ? " open" : "",
                          (long long)json_integer_value(json_object_get(event, "update")),
                          (long long)json_integer_value(json_object_get(event, "epoch"))));
    const rd_result_kind *const *kinds = history->task->kinds;
    for (int i = 0; kinds[i]; i++) {
        const json_t *value = json_object_get(event, kinds[i]->name);
        if (json_is_number(value))
            RD_TRY(rd_text_printf(out, ", %s %.*f", kinds[i]->label, kinds[i]->digits,
                                  json_number_value(value)));
    }
    bool best = json_is_true(json_object_get(event, "best"));
    RD_TRY(rd_text_printf(out, "%s</span></summary>\n", best ? ", best so far" : ""));
    RD_TRY(rd_matrix_write(json_object_get(event, "confusion"), out));
    const json_t *samples = json_object_get(event, "samples");
    for (size_t i = 0; i < json_array_size(samples); i++)
        RD_TRY(write_sample(json_array_get(samples, i), out));
    return rd_text_put(out, "</details>\n");
}

static rd_status write_samples(const rd_train_history *history, rd_text *out) {
    size_t n = json_array_size(history->validations);
    if (n == 0) return RD_OK;
    RD_TRY(rd_text_put(out, "<h2>Samples of the validation set, latest first</h2>\n"));
    for (size_t i = 0; i < n && i < RD_HISTORY_SAMPLES; i++)
        RD_TRY(write_validation(history, json_array_get(history->validations, n - 1 - i), i == 0,
                                out));
    return RD_OK;
}

/* Numbers with a point rounded: the recipe writes all digits that make the bits. */
static rd_status put_value(rd_text *out, const char *value) {
    if (*value == '"') return rd_page_put(out, value);
    while (*value) {
        size_t n = strspn(value, "+-.0123456789e");
        if (n && memchr(value, '.', n))
            RD_TRY(rd_text_printf(out, "%.7g", rd_strtod(value, NULL)));
        else
            RD_TRY(rd_text_append_html(out, value, n ? n : 1));
        value += n ? n : 1;
    }
    return RD_OK;
}

/* lines: "key: value", cut up here. */
static rd_status put_settings(rd_text *out, char *lines) {
    RD_TRY(rd_text_put(out, "<h2>Settings</h2>\n<details open><summary>All keys of the recipe"
                            "</summary><div class=\"keys\">\n"));
    for (char *line; (line = strsep(&lines, "\n"));) {
        char *value = strstr(line, ": ");
        if (*line == '#' || !value) continue;
        *value = '\0';
        RD_TRY(rd_text_put(out, "<div><span>"));
        RD_TRY(rd_page_put(out, line));
        RD_TRY(rd_text_put(out, "</span><code>"));
        RD_TRY(put_value(out, value + 2));
        RD_TRY(rd_text_put(out, "</code></div>\n"));
    }
    return rd_text_put(out, "</div></details>\n");
}

static rd_status write_settings(const rd_recipe *recipe, rd_text *out) {
    rd_text text = {0};
    rd_status status = rd_recipe_write(recipe, NULL, &text);
    if (status == RD_OK) status = put_settings(out, text.data);
    rd_text_free(&text);
    return status;
}

/* "update 10: dropout 0.1 -> 0.3" */
static rd_status write_changes(const rd_train_history *history, rd_text *out) {
    static const char prefix[] = "changed: ";
    size_t n = json_array_size(history->changes);
    if (n == 0) return RD_OK;
    RD_TRY(rd_text_put(out, "<h2>Settings changed on the way (dotted)</h2>\n<ul>\n"));
    for (size_t i = 0; i < n; i++) {
        const json_t *event = json_array_get(history->changes, i);
        const char *reason = json_string_value(json_object_get(event, "reason"));
        if (!reason) reason = "";
        if (strncmp(reason, prefix, sizeof prefix - 1) == 0) reason += sizeof prefix - 1;
        RD_TRY(rd_text_printf(out, "<li>update %.0f: ", history->changed.points[i].x));
        RD_TRY(rd_page_put(out, reason));
        RD_TRY(rd_text_put(out, "</li>\n"));
    }
    return rd_text_put(out, "</ul>\n");
}

/* "en to de, R-Drop with alpha 5" */
static rd_status write_subject(const rd_recipe *recipe, rd_text *out) {
    const rd_train_config *train = &recipe->train;
    bool pair = *recipe->data.source_lang && *recipe->data.target_lang;
    RD_TRY(rd_page_put(out, pair ? recipe->data.source_lang : recipe->task));
    if (pair) RD_TRY(rd_text_put(out, " to "));
    if (pair) RD_TRY(rd_page_put(out, recipe->data.target_lang));
    if (train->reg_alpha <= 0.0f) return rd_text_put(out, ", without R-Drop");
    RD_TRY(rd_text_printf(out, ", R-Drop with alpha %g", (double)train->reg_alpha));
    return train->n_passes > 2 ? rd_text_printf(out, " over %d passes", (int)train->n_passes)
                               : RD_OK;
}

static rd_status write_page(const rd_run *run, const rd_train_history *history, rd_text *out) {
    /* a page left open follows the training */
    RD_TRY(rd_page_begin(out, run->recipe->name, !history->reason));
    RD_TRY(rd_text_put(out, "<p>"));
    RD_TRY(write_subject(run->recipe, out));
    RD_TRY(rd_text_put(out, history->reason ? ". Finished: " : ". Not finished."));
    RD_TRY(rd_page_put(out, history->reason ? history->reason : ""));
    RD_TRY(rd_text_put(out, "</p>\n"));
    RD_TRY(write_totals(run, history, out));
    RD_TRY(write_charts(run, history, out));
    RD_TRY(write_changes(history, out));
    RD_TRY(write_samples(history, out));
    RD_TRY(write_settings(run->recipe, out));
    return rd_text_put(out, "</body></html>\n");
}

rd_status rd_run_write_html(const rd_run *run) {
    if (run->comm->rank > 0) return RD_OK;
    RD_TRY(rd_run_check_save_dir(run));
    char *log = rd_run_path(run, "train.jsonl"), *path = rd_run_path(run, "report.html");
    rd_train_history history = {0};
    rd_text page = {0};
    rd_status status = log && path ? rd_train_history_read(&history, log) : RD_ERR_MEMORY;
    if (status == RD_OK) status = write_page(run, &history, &page);
    if (status == RD_OK) status = rd_write_file(path, page.data, (size_t)page.length);
    rd_text_free(&page);
    rd_train_history_free(&history);
    free(path);
    free(log);
    return status;
}
