/* The page: totals, curves, sample translations, settings. */
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/report_page.h"
#include "train/run.h"

static rd_status put(rd_text *out, const char *text) {
    return rd_text_append(out, text, strlen(text));
}

static rd_status put_escaped(rd_text *out, const char *text) {
    return rd_text_append_html(out, text, strlen(text));
}

__attribute__((format(printf, 3, 4))) static rd_status tile(rd_text *out, const char *label,
                                                            const char *format, ...) {
    char value[128];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    RD_TRY(put(out, "<div><span>"));
    RD_TRY(put_escaped(out, label));
    RD_TRY(put(out, "</span><b>"));
    RD_TRY(put_escaped(out, value));
    return put(out, "</b></div>\n");
}

static double mean_of(const rd_curve *curve) {
    double sum = 0;
    for (int64_t i = 0; i < curve->n; i++) sum += curve->points[i].y;
    return sum / (double)curve->n;
}

static rd_status write_totals(const rd_run *run, const rd_history *history, rd_text *out) {
    const rd_progress_state *s = &run->state;
    const char *metric = s->metric;
    long seconds = (long)s->seconds;
    RD_TRY(put(out, "<div class=\"tiles\">\n"));
    RD_TRY(tile(out, "updates", "%lld", (long long)s->update));
    RD_TRY(tile(out, "epochs done", "%lld", (long long)s->epoch - 1));
    RD_TRY(tile(out, "time in updates", "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60,
                seconds % 60));
    if (history->curves[RD_CURVE_SPEED].n > 0)
        RD_TRY(tile(out, "tokens/s, mean", "%.0f", mean_of(&history->curves[RD_CURVE_SPEED])));
    RD_TRY(tile(out, "training pairs", "%lld", (long long)rd_dataset_size(run->train_data)));
    RD_TRY(tile(out, "parameters", "%lld", (long long)rd_model_n_parameters(run->model)));
    if (isfinite(s->best_metric)) {
        bool loss = strcmp(metric, "loss") == 0;
        RD_TRY(tile(out, "best update (dashed)", "%lld", (long long)s->best_update));
        RD_TRY(tile(out,
                    loss                     ? "its validation loss"
                    : strcmp(metric, "bleu") ? metric
                                             : "BLEU",
                    "%.*f", loss ? 4 : 2, loss ? -s->best_metric : s->best_metric));
    }
    RD_TRY(tile(out, "updates skipped", "%lld", (long long)s->skipped_updates));
    if (history->n_runs > 1) RD_TRY(tile(out, "started", "%lld times", (long long)history->n_runs));
    return put(out, "</div>\n");
}

static rd_status write_charts(const rd_run *run, const rd_history *history, rd_text *out) {
    const rd_curve *c = history->curves;
    bool rouge = strncmp(run->recipe->train.best_checkpoint_metric, "rouge", 5) == 0;
    bool two_passes = run->recipe->train.reg_alpha > 0.0f;
    const rd_chart charts[] = {
        {.title = "Loss of training, per token",
         .series = {{two_passes ? "both passes and KL, last" : "last", &c[RD_CURVE_TRAIN_LOSS]}}},
        {.title = "Negative log-likelihood, per token",
         .series = {{"training", &c[RD_CURVE_TRAIN_NLL]}, {"validation", &c[RD_CURVE_VALID_NLL]}}},
        {.title = "Loss of validation, per token", .series = {{"last", &c[RD_CURVE_VALID_LOSS]}}},
        {.title = rouge ? "ROUGE of validation" : "BLEU of validation",
         .series = {{rouge ? "rouge1" : "last", &c[rouge ? RD_CURVE_ROUGE1 : RD_CURVE_BLEU]},
                    {"rouge2", rouge ? &c[RD_CURVE_ROUGE2] : NULL},
                    {"rougeL", rouge ? &c[RD_CURVE_ROUGEL] : NULL}},
         .from_zero = true},
        {.title = "KL between the passes, per token",
         .series = {{"last", two_passes ? &c[RD_CURVE_KL] : NULL}},
         .from_zero = true},
        {.title = "Learning rate", .series = {{"last", &c[RD_CURVE_LR]}}, .from_zero = true},
        {.title = "Norm of the gradient",
         .series = {{"last", &c[RD_CURVE_GNORM]}},
         .from_zero = true},
        {.title = "Tokens per second", .series = {{"last", &c[RD_CURVE_SPEED]}}, .from_zero = true},
    };
    RD_TRY(put(out, "<div class=\"charts\">\n"));
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++) {
        rd_chart chart = charts[i];
        chart.x_end = (double)run->state.update;
        chart.marked = isfinite(run->state.best_metric) ? (double)run->state.best_update : NAN;
        RD_TRY(rd_chart_write(&chart, out));
    }
    return put(out, "</div>\n");
}

/* The source above, the hypothesis beside the reference. */
static rd_status write_sample(const json_t *sample, rd_text *out) {
    static const char *const keys[] = {"source", "reference", "hypothesis"};
    RD_TRY(put(out, "<div class=\"sample\">\n"));
    for (int k = 0; k < 3; k++) {
        const char *text = json_string_value(json_object_get(sample, keys[k]));
        RD_TRY(rd_text_printf(out, "<p class=\"%s\"><span>%s</span> ", keys[k], keys[k]));
        RD_TRY(put_escaped(out, text ? text : ""));
        RD_TRY(put(out, "</p>\n"));
    }
    return put(out, "</div>\n");
}

static rd_status write_validation(const json_t *event, bool open, rd_text *out) {
    RD_TRY(rd_text_printf(out, "<details%s><summary>Update %lld <span>epoch %lld, nll %.3f",
                          open ? " open" : "",
                          (long long)json_integer_value(json_object_get(event, "update")),
                          (long long)json_integer_value(json_object_get(event, "epoch")),
                          json_number_value(json_object_get(event, "nll"))));
    const json_t *bleu = json_object_get(event, "bleu"), *rouge = json_object_get(event, "rougeL");
    if (json_is_number(bleu) && json_is_number(rouge))
        RD_TRY(rd_text_printf(out, ", BLEU %.2f, ROUGE-L %.2f", json_number_value(bleu),
                              json_number_value(rouge)));
    bool best = json_is_true(json_object_get(event, "best"));
    RD_TRY(rd_text_printf(out, "%s</span></summary>\n", best ? ", best so far" : ""));
    const json_t *samples = json_object_get(event, "samples");
    for (size_t i = 0; i < json_array_size(samples); i++)
        RD_TRY(write_sample(json_array_get(samples, i), out));
    return put(out, "</details>\n");
}

static rd_status write_samples(const rd_history *history, rd_text *out) {
    size_t n = json_array_size(history->validations);
    if (n == 0) return RD_OK;
    RD_TRY(put(out, "<h2>Samples of the validation set, latest first</h2>\n"));
    for (size_t i = 0; i < n && i < RD_HISTORY_SAMPLES; i++)
        RD_TRY(write_validation(json_array_get(history->validations, n - 1 - i), i == 0, out));
    return RD_OK;
}

/* Numbers with a point rounded: the recipe writes all digits that make the bits. */
static rd_status put_value(rd_text *out, const char *value) {
    if (*value == '"') return put_escaped(out, value);
    while (*value) {
        size_t n = strspn(value, "+-.0123456789e");
        if (n && memchr(value, '.', n))
            RD_TRY(rd_text_printf(out, "%.7g", strtod(value, NULL)));
        else
            RD_TRY(rd_text_append_html(out, value, n ? n : 1));
        value += n ? n : 1;
    }
    return RD_OK;
}

/* The lines "key: value" of a recipe. */
static rd_status write_settings(const rd_recipe *recipe, rd_text *out) {
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    if (!stream) return rd_error(RD_ERR_MEMORY, "out of memory for the report");
    rd_status status = rd_recipe_write(recipe, stream);
    if (fclose(stream) != 0 && status == RD_OK)
        status = rd_error(RD_ERR_MEMORY, "out of memory for the report");
    if (status == RD_OK)
        status = put(out, "<h2>Settings</h2>\n<details open><summary>All keys of the recipe"
                          "</summary><div class=\"keys\">\n");
    char *rest = text;
    for (char *line; status == RD_OK && (line = strsep(&rest, "\n"));) {
        char *value = strstr(line, ": ");
        if (*line == '#' || !value) continue;
        *value = '\0';
        status = put(out, "<div><span>");
        if (status == RD_OK) status = put_escaped(out, line);
        if (status == RD_OK) status = put(out, "</span><code>");
        if (status == RD_OK) status = put_value(out, value + 2);
        if (status == RD_OK) status = put(out, "</code></div>\n");
    }
    free(text);
    return status == RD_OK ? put(out, "</div></details>\n") : status;
}

static rd_status write_page(const rd_run *run, const rd_history *history, rd_text *out) {
    RD_TRY(put(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>"));
    RD_TRY(put_escaped(out, run->recipe->name));
    RD_TRY(put(out, "</title>\n"));
    RD_TRY(put(out, rd_report_style));
    RD_TRY(put(out, "</head><body>\n<h1>"));
    RD_TRY(put_escaped(out, run->recipe->name));
    RD_TRY(put(out, "</h1>\n<p>"));
    RD_TRY(put_escaped(out, run->recipe->data.source_lang));
    RD_TRY(put(out, " to "));
    RD_TRY(put_escaped(out, run->recipe->data.target_lang));
    if (run->recipe->train.reg_alpha > 0.0f)
        RD_TRY(rd_text_printf(out, ", R-Drop with alpha %g", (double)run->recipe->train.reg_alpha));
    else
        RD_TRY(put(out, ", without R-Drop"));
    RD_TRY(put(out, history->reason ? ". Finished: " : ". Not finished."));
    RD_TRY(put_escaped(out, history->reason ? history->reason : ""));
    RD_TRY(put(out, "</p>\n"));
    RD_TRY(write_totals(run, history, out));
    RD_TRY(write_charts(run, history, out));
    RD_TRY(write_samples(history, out));
    RD_TRY(write_settings(run->recipe, out));
    return put(out, "</body></html>\n");
}

rd_status rd_run_write_html(const rd_run *run) {
    RD_TRY(rd_run_check_save_dir(run));
    char *log = rd_run_path(run, "train.jsonl"), *path = rd_run_path(run, "report.html");
    rd_history history = {0};
    rd_text page = {0};
    rd_status status = log && path ? rd_history_read(&history, log) : RD_ERR_MEMORY;
    if (status == RD_OK) status = write_page(run, &history, &page);
    if (status == RD_OK) status = rd_write_file(path, page.data, (size_t)page.length);
    rd_text_free(&page);
    rd_history_free(&history);
    free(path);
    free(log);
    return status;
}
