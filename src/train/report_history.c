/* The history of a training out of its train.jsonl. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "base/memory.h"
#include "train/report.h"

double rd_curve_mean(const rd_curve *curve) {
    double sum = 0;
    for (int64_t i = 0; i < curve->n; i++) sum += curve->points[i].y;
    return curve->n > 0 ? sum / (double)curve->n : 0;
}

void rd_train_history_free(rd_train_history *history) {
    for (int c = 0; c < RD_CURVES; c++) free(history->curves[c].points);
    for (int c = 0; c < RD_MOST_RESULTS; c++) free(history->results[c].points);
    free(history->changed.points);
    free(history->restarts.points);
    json_decref(history->changes);
    json_decref(history->validations);
    free(history->reason);
    *history = (rd_train_history){0};
}

static void cut(rd_curve *curve, int64_t update) {
    while (curve->n > 0 && curve->points[curve->n - 1].x > (double)update) curve->n--;
}

/* A run starts after `update`: later work of an earlier run is done again. */
static void go_back(rd_train_history *history, int64_t update) {
    for (int c = 0; c < RD_CURVES; c++) cut(&history->curves[c], update);
    for (int c = 0; c < RD_MOST_RESULTS; c++) cut(&history->results[c], update);
    /* The run reports changes at `update` again if they still hold. */
    while (history->changed.n > 0 &&
           history->changed.points[history->changed.n - 1].x >= (double)update)
        history->changed.n--;
    while (history->restarts.n > 0 &&
           history->restarts.points[history->restarts.n - 1].x >= (double)update)
        history->restarts.n--;
    while (json_array_size(history->changes) > (size_t)history->changed.n)
        json_array_remove(history->changes, json_array_size(history->changes) - 1);
    for (size_t n; (n = json_array_size(history->validations)) > 0;) {
        const json_t *last = json_array_get(history->validations, n - 1);
        if (json_integer_value(json_object_get(last, "update")) <= update) break;
        json_array_remove(history->validations, n - 1);
    }
    history->n_runs++;
    free(history->reason);
    history->reason = NULL;
}

static rd_status add_point(rd_curve *curve, int64_t update, const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    if (!json_is_number(value)) return RD_OK;
    RD_TRY(rd_reserve(&curve->points, &curve->capacity, curve->n + 1, sizeof(rd_point)));
    curve->points[curve->n++] = (rd_point){(double)update, json_number_value(value)};
    return RD_OK;
}

static rd_status add_points(rd_train_history *history, const char *event, int64_t update,
                            const json_t *line) {
    for (int c = 0; c < RD_CURVES && strcmp(event, "train") == 0; c++)
        RD_TRY(add_point(&history->curves[c], update, line, rd_update_numbers[c].name));
    const rd_result_kind *const *kinds = history->task->kinds;
    for (int c = 0; kinds[c] && strcmp(event, "valid") == 0; c++)
        RD_TRY(add_point(&history->results[c], update, line, kinds[c]->name));
    return RD_OK;
}

static rd_status add_validation(rd_train_history *history, json_t *event) {
    if (json_array_append(history->validations, event) != 0)
        return rd_error(RD_ERR_MEMORY, "out of memory");
    size_t n = json_array_size(history->validations);
    if (n > RD_HISTORY_SAMPLES) /* most of an event are its samples */
        json_object_del(json_array_get(history->validations, n - 1 - RD_HISTORY_SAMPLES),
                        "samples");
    return RD_OK;
}

static rd_status add_mark(rd_curve *marks, int64_t update) {
    RD_TRY(rd_reserve(&marks->points, &marks->capacity, marks->n + 1, sizeof(rd_point)));
    marks->points[marks->n++] = (rd_point){(double)update, 0.0};
    return RD_OK;
}

static rd_status add_change(rd_train_history *history, int64_t update, json_t *event) {
    RD_TRY(add_mark(&history->changed, update));
    return json_array_append(history->changes, event) == 0
               ? RD_OK
               : rd_error(RD_ERR_MEMORY, "out of memory");
}

/* Older logs name no task: there was one. */
static rd_status find_task(rd_train_history *history, const char *name) {
    const rd_task *task = &rd_task_translation;
    if (name) RD_TRY(rd_task_find(&task, name));
    history->task = task;
    return RD_OK;
}

/* Lines that are not JSON are not ours. */
static rd_status add_line(void *self, const char *text, size_t n, json_t *line) {
    rd_train_history *history = self;
    (void)text;
    (void)n;
    const char *event = json_string_value(json_object_get(line, "event"));
    const json_t *number = json_object_get(line, "update");
    if (!event || !json_is_integer(number)) return RD_OK;
    int64_t update = json_integer_value(number);
    if (strcmp(event, "start") == 0) {
        RD_TRY(find_task(history, json_string_value(json_object_get(line, "task"))));
        go_back(history, update);
        if (update > 0) RD_TRY(add_mark(&history->restarts, update));
    }
    if (strcmp(event, "changed") == 0) RD_TRY(add_change(history, update, line));
    if (strcmp(event, "valid") == 0) RD_TRY(add_validation(history, line));
    const char *reason = json_string_value(json_object_get(line, "reason"));
    if (strcmp(event, "end") == 0 && reason) {
        free(history->reason);
        if (!(history->reason = rd_strdup(reason))) return RD_ERR_MEMORY;
    }
    return add_points(history, event, update, line);
}

rd_status rd_train_history_read(rd_train_history *history, const char *path) {
    *history = (rd_train_history){
        .task = &rd_task_translation, .validations = json_array(), .changes = json_array()};
    if (!history->validations || !history->changes)
        return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    FILE *file = fopen(path, "r");
    if (!file) return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    rd_status status = rd_json_each_line(file, path, add_line, history);
    fclose(file);
    return status;
}
