/* train.jsonl: one JSON object a line for each event, appended to over all runs. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "train/run.h"

/* Ends a line that a kill cut short. Between reading and writing C wants a seek. */
static rd_status end_line(const rd_run *run) {
    if (fseek(run->log, 0, SEEK_END) == 0 && fputc('\n', run->log) != EOF) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/train.jsonl: cannot write: %s", run->save_dir, strerror(errno));
}

rd_status rd_run_open_log(rd_run *run) {
    char *path = rd_run_path(run, "train.jsonl");
    if (!path) return RD_ERR_MEMORY;
    int fd;
    rd_status status = rd_open_in_place(path, O_RDWR | O_CREAT | O_APPEND, &fd);
    if (status == RD_OK && !(run->log = fdopen(fd, "a+"))) close(fd);
    if (status == RD_OK && !run->log)
        status = rd_error(RD_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    else if (status == RD_OK && fseek(run->log, -1, SEEK_END) == 0 && fgetc(run->log) != '\n')
        status = end_line(run);
    free(path);
    return status;
}

rd_status rd_run_sync_log(const rd_run *run) {
    if (!run->log || fsync(fileno(run->log)) == 0) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/train.jsonl: cannot write: %s", run->save_dir, strerror(errno));
}

/* These return 0, or -1 without memory. NaN and infinity, which JSON lacks, are left out. */
static int set_real(json_t *object, const char *key, double value) {
    return isfinite(value) ? json_object_set_new(object, key, json_real(value)) : 0;
}

static int set_integer(json_t *object, const char *key, int64_t value) {
    return json_object_set_new(object, key, json_integer(value));
}

static int add_update(json_t *object, const rd_train_event *e) {
    return set_real(object, "loss", e->loss) | set_real(object, "nll", e->nll) |
           set_real(object, "kl", e->kl) | set_real(object, "lr", e->lr) |
           set_real(object, "gnorm", e->gnorm) |
           set_real(object, "tokens_per_second", e->tokens_per_second);
}

static int add_validation(json_t *object, const rd_train_event *e) {
    const rd_results *r = e->results;
    int failed = json_object_set_new(object, "best", json_boolean(e->best));
    for (int i = 0; i < r->n; i++)
        failed |= set_real(object, r->items[i].kind->name, r->items[i].value);
    return r->samples ? failed | json_object_set(object, "samples", r->samples) : failed;
}

/* The event as one line, malloc'ed; NULL without memory. */
static char *line_of(const rd_train_event *e, const char *name) {
    json_t *object = json_pack("{s:s}", "event", name);
    int failed = set_integer(object, "update", e->update) | set_integer(object, "epoch", e->epoch) |
                 set_real(object, "seconds", e->seconds);
    if (e->kind == RD_TRAIN_STARTED)
        failed |= json_object_set_new(object, "task", json_string(e->task->name));
    if (e->kind == RD_TRAIN_UPDATE) failed |= add_update(object, e);
    if (e->kind == RD_TRAIN_VALID) failed |= add_validation(object, e);
    if (e->kind == RD_TRAIN_FINISHED) failed |= set_integer(object, "peak_memory", e->peak_memory);
    if (e->reason) failed |= json_object_set_new(object, "reason", json_string(e->reason));
    char *line = failed ? NULL : json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    return line;
}

rd_status rd_run_report(rd_run *run, const rd_train_event *e) {
    static const char *const names[] = {"start",   NULL,  "train",   "valid",
                                        "skipped", "end", "warning", "changed"};
    if (run->listener) run->listener(run->self, e);
    if (!run->log || !names[e->kind]) return RD_OK;
    char *line = line_of(e, names[e->kind]);
    if (!line) return rd_error(RD_ERR_MEMORY, "%s/train.jsonl: out of memory", run->save_dir);
    fprintf(run->log, "%s\n", line);
    free(line);
    if (fflush(run->log) == 0 && !ferror(run->log)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/train.jsonl: cannot write: %s", run->save_dir, strerror(errno));
}
