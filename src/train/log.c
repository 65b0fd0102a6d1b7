/* train.jsonl: one JSON object a line for each event, appended to over all runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/run.h"

rd_status rd_run_open_log(rd_run *run) {
    char *path = rd_run_path(run, "train.jsonl");
    if (!path) return RD_ERR_MEMORY;
    rd_status status = RD_OK;
    if (!(run->log = fopen(path, "a+")))
        status = rd_error(RD_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    else if (fseek(run->log, -1, SEEK_END) == 0 && fgetc(run->log) != '\n')
        fputc('\n', run->log); /* ends a line that a kill cut short */
    free(path);
    return status;
}

/* NaN and infinity, which JSON lacks, are left out (json_real gives NULL). */
static void set_real(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, json_real(value));
}

static void set_integer(json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
}

static void add_update(json_t *object, const rd_train_event *e) {
    set_real(object, "kl", e->kl);
    set_real(object, "lr", e->lr);
    set_real(object, "gnorm", e->gnorm);
    set_real(object, "tokens_per_second", e->tokens_per_second);
}

static void add_validation(json_t *object, const rd_train_event *e, json_t *samples) {
    json_object_set_new(object, "best", json_boolean(e->best));
    if (e->scored) {
        set_real(object, "bleu", e->scores.bleu);
        set_real(object, "rouge1", e->scores.rouge1);
        set_real(object, "rouge2", e->scores.rouge2);
        set_real(object, "rougeL", e->scores.rougeL);
    }
    if (samples) json_object_set(object, "samples", samples);
}

void rd_run_report(rd_run *run, const rd_train_event *e) {
    static const char *const names[] = {"start", NULL, "train", "valid", "skipped", "end"};
    if (run->listener) run->listener(run->self, e);
    if (!run->log || !names[e->kind]) return;
    json_t *object = json_pack("{s:s}", "event", names[e->kind]);
    set_integer(object, "update", e->update);
    set_integer(object, "epoch", e->epoch);
    set_real(object, "seconds", e->seconds);
    if (e->kind == RD_TRAIN_UPDATE || e->kind == RD_TRAIN_VALID) {
        set_real(object, "loss", e->loss);
        set_real(object, "nll", e->nll);
    }
    if (e->kind == RD_TRAIN_UPDATE) add_update(object, e);
    if (e->kind == RD_TRAIN_VALID) add_validation(object, e, run->samples);
    if (e->reason) json_object_set_new(object, "reason", json_string(e->reason));
    json_dumpf(object, run->log, JSON_COMPACT | JSON_REAL_PRECISION(6));
    fputc('\n', run->log);
    fflush(run->log);
    json_decref(object);
}
