/* train.jsonl: one JSON object a line for each event, appended to over all runs. Lines of updates
 * that a kill lost are dropped when training resumes. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/json.h"
#include "io/output.h"
#include "train/numbers.h"
#include "train/run.h"

static rd_status cannot_write(const rd_run *run) {
    return rd_error(RD_ERR_IO, "%s/train.jsonl: cannot write: %s", run->save_dir, strerror(errno));
}

/* Whether a line is about an update after the checkpoint's, which will be made and logged again.
 * Starts stay: they count the runs. A skipped update has the number of the one before, so the
 * state's count says how many of them the checkpoint knows of. */
static bool is_lost(const rd_run *run, const json_t *line, int64_t *n_skipped) {
    const char *event = json_string_value(json_object_get(line, "event"));
    const json_t *update = json_object_get(line, "update");
    if (!event || !json_is_integer(update) || strcmp(event, "start") == 0) return false;
    if (json_integer_value(update) > run->state.update) return true;
    return strcmp(event, "skipped") == 0 && ++*n_skipped > run->state.skipped_updates;
}

/* Keeps some lines of train.jsonl. */
typedef struct {
    const rd_run *run;
    FILE *kept;   /* gets the lines that stay; NULL: nothing does */
    bool changed; /* they are not the whole file */
    int64_t n_skipped;
} filter;

/* A last line that a kill cut short is dropped; others that are not JSON are not ours to judge. */
static rd_status filter_line(void *self, const char *text, size_t n, json_t *line) {
    filter *f = self;
    bool whole = text[n - 1] == '\n';
    bool keep = line ? !is_lost(f->run, line, &f->n_skipped) : whole;
    if (!keep || !whole) f->changed = true;
    if (!f->kept || !keep) return RD_OK;
    fwrite(text, 1, n, f->kept);
    if (!whole) fputc('\n', f->kept);
    return RD_OK;
}

static rd_status filter_log(const rd_run *run, const char *path, FILE *log, FILE *kept,
                            bool *changed) {
    filter f = {.run = run, .kept = kept};
    rewind(log);
    rd_status status = rd_json_each_line(log, path, filter_line, &f);
    *changed = f.changed;
    return status;
}

/* Drops the work of earlier runs after the checkpoint from which this one starts. */
static rd_status drop_lost(const rd_run *run, const char *path, FILE *log) {
    bool changed;
    RD_TRY(filter_log(run, path, log, NULL, &changed));
    if (!changed) return RD_OK;
    rd_atomic_file kept;
    RD_TRY(rd_atomic_open(&kept, path));
    return rd_atomic_close(&kept, filter_log(run, path, log, kept.stream, &changed));
}

static rd_status open_log(const char *path, FILE **log) {
    int fd;
    RD_TRY(rd_open_in_place(path, O_RDWR | O_CREAT | O_APPEND, &fd));
    if ((*log = fdopen(fd, "a+"))) return RD_OK;
    close(fd);
    return rd_error(RD_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
}

static rd_status open_without_lost(rd_run *run, const char *path) {
    FILE *log;
    RD_TRY(open_log(path, &log));
    rd_status status = drop_lost(run, path, log);
    fclose(log);
    return status == RD_OK ? open_log(path, &run->log) : status;
}

rd_status rd_run_open_log(rd_run *run) {
    char *path = rd_run_path(run, "train.jsonl");
    if (!path) return RD_ERR_MEMORY;
    rd_status status = open_without_lost(run, path);
    free(path);
    return status;
}

rd_status rd_run_sync_log(const rd_run *run) {
    if (!run->log || fsync(fileno(run->log)) == 0) return RD_OK;
    return cannot_write(run);
}

/* These return 0, or -1 without memory. NaN and infinity, which JSON lacks, are left out. */
static int set_real(json_t *object, const char *key, double value) {
    return isfinite(value) ? json_object_set_new(object, key, json_real(value)) : 0;
}

static int set_integer(json_t *object, const char *key, int64_t value) {
    return json_object_set_new(object, key, json_integer(value));
}

/* Now, in ISO 8601, UTC: "2026-02-28T09:05:00Z". */
static int set_time(json_t *object) {
    char text[32];
    struct tm utc;
    time_t now = time(NULL);
    if (!gmtime_r(&now, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return 0; /* a clock without a date */
    return json_object_set_new(object, "time", json_string(text));
}

static int add_update(json_t *object, const rd_train_event *e) {
    int failed = 0;
    for (int i = 0; i < RD_CURVES; i++)
        failed |= set_real(object, rd_update_numbers[i].name, rd_update_value(e, i));
    return failed;
}

static int add_validation(json_t *object, const rd_train_event *e) {
    const rd_results *r = e->results;
    int failed = json_object_set_new(object, "best", json_boolean(e->best));
    for (int i = 0; i < r->n; i++)
        failed |= set_real(object, r->items[i].kind->name, r->items[i].value);
    if (r->confusion) failed |= json_object_set(object, "confusion", r->confusion);
    return r->samples ? failed | json_object_set(object, "samples", r->samples) : failed;
}

static int add_end(json_t *object, const rd_train_event *e) {
    int failed = set_integer(object, "peak_memory", e->peak_memory);
    if (e->n_workers == 0) return failed;
    json_t *speeds = json_array();
    for (int i = 0; i < e->n_workers; i++)
        failed |= json_array_append_new(speeds, json_real(e->worker_speeds[i]));
    return failed | json_object_set_new(object, "worker_tokens_per_second", speeds);
}

/* The event as one line, malloc'ed; NULL without memory. */
static char *line_of(const rd_train_event *e, const char *name) {
    json_t *object = json_pack("{s:s}", "event", name);
    int failed = set_integer(object, "update", e->update) | set_integer(object, "epoch", e->epoch) |
                 set_real(object, "seconds", e->seconds) | set_time(object);
    if (e->kind == RD_TRAIN_STARTED)
        failed |= json_object_set_new(object, "task", json_string(e->task->name));
    if (e->kind == RD_TRAIN_UPDATE) failed |= add_update(object, e);
    if (e->kind == RD_TRAIN_VALID) failed |= add_validation(object, e);
    if (e->kind == RD_TRAIN_FINISHED) failed |= add_end(object, e);
    if (e->reason) failed |= json_object_set_new(object, "reason", json_string(e->reason));
    char *line = failed ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    return line;
}

rd_status rd_run_report(rd_run *run, const rd_train_event *e) {
    static const char *const names[] = {"start", NULL,      "train",   "valid", "skipped",
                                        "end",   "warning", "changed", "note"};
    if (run->listener) run->listener(run->self, e);
    if (!run->log || !names[e->kind]) return RD_OK;
    char *line = line_of(e, names[e->kind]);
    if (!line) return rd_error(RD_ERR_MEMORY, "%s/train.jsonl: out of memory", run->save_dir);
    fprintf(run->log, "%s\n", line);
    free(line);
    if (fflush(run->log) != 0 || ferror(run->log)) return cannot_write(run);
    return rd_tensorboard_write(run, e);
}
