/* Event files of TensorBoard: save_dir/tensorboard has one for each start of a training. Each says
 * from which update on it replaces the data of earlier files, so that updates lost by a kill are
 * not drawn twice. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "io/output.h"
#include "io/protobuf.h"
#include "io/tfrecord.h"
#include "train/numbers.h"
#include "train/run.h"

static const char name_begins[] = "events.out.tfevents.";

/* The fields of tensorflow/core/util/event.proto that are used. */
enum {
    EVENT_WALL_TIME = 1,
    EVENT_STEP = 2,
    EVENT_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION = 7
};
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, SESSION_STATUS = 1, SESSION_START = 1 };

/* ---- Events ---- */

typedef struct {
    rd_text event, summary, value, record; /* each is of the one before it; record: of the event */
} message;

static void free_message(message *m) {
    rd_text_free(&m->event);
    rd_text_free(&m->summary);
    rd_text_free(&m->value);
    rd_text_free(&m->record);
}

/* A number that is not finite is left out, as in train.jsonl. */
static rd_status add_scalar(message *m, const char *group, const char *name, double value) {
    char tag[96];
    if (!isfinite(value)) return RD_OK;
    snprintf(tag, sizeof tag, "%s/%s", group, name);
    rd_text_clear(&m->value);
    RD_TRY(rd_proto_put_bytes(&m->value, VALUE_TAG, tag, strlen(tag)));
    RD_TRY(rd_proto_put_float(&m->value, VALUE_SIMPLE, (float)value));
    return rd_proto_put_bytes(&m->summary, SUMMARY_VALUE, m->value.data, (size_t)m->value.length);
}

static rd_status add_update(message *m, const rd_train_event *e) {
    for (int i = 0; i < RD_CURVES; i++)
        RD_TRY(add_scalar(m, "train", rd_update_numbers[i].name, rd_update_value(e, i)));
    return RD_OK;
}

static rd_status add_validation(message *m, const rd_results *results) {
    for (int i = 0; i < results->n; i++)
        RD_TRY(add_scalar(m, "valid", results->items[i].kind->name, results->items[i].value));
    return RD_OK;
}

static rd_status start_event(message *m, int64_t step) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    rd_text_clear(&m->event);
    RD_TRY(rd_proto_put_double(&m->event, EVENT_WALL_TIME,
                               (double)now.tv_sec + 1e-9 * (double)now.tv_nsec));
    return step ? rd_proto_put_integer(&m->event, EVENT_STEP, step) : RD_OK; /* 0 is not written */
}

static rd_status write_event(rd_run *run, message *m) {
    rd_text_clear(&m->record);
    RD_TRY(rd_tfrecord_append(&m->record, m->event.data, (size_t)m->event.length));
    fwrite(m->record.data, 1, (size_t)m->record.length, run->tensorboard);
    if (fflush(run->tensorboard) == 0 && !ferror(run->tensorboard)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/tensorboard: cannot write: %s", run->save_dir, strerror(errno));
}

static rd_status write_scalars(rd_run *run, const rd_train_event *e, message *m) {
    RD_TRY(e->kind == RD_TRAIN_VALID ? add_validation(m, e->results) : add_update(m, e));
    RD_TRY(start_event(m, e->update));
    RD_TRY(
        rd_proto_put_bytes(&m->event, EVENT_SUMMARY, m->summary.data, (size_t)m->summary.length));
    return write_event(run, m);
}

rd_status rd_tensorboard_write(rd_run *run, const rd_train_event *e) {
    if (!run->tensorboard || (e->kind != RD_TRAIN_VALID && e->kind != RD_TRAIN_UPDATE))
        return RD_OK;
    message m = {0};
    rd_status status = write_scalars(run, e, &m);
    free_message(&m);
    return status;
}

/* ---- Files ---- */

/* The version that all readers know; and a mark that the data of earlier files from the next update
 * on are void. */
static rd_status write_head(rd_run *run, message *m) {
    static const char version[] = "brain.Event:2";
    RD_TRY(start_event(m, 0));
    RD_TRY(rd_proto_put_bytes(&m->event, EVENT_VERSION, version, sizeof version - 1));
    RD_TRY(write_event(run, m));
    RD_TRY(start_event(m, run->state.update + 1));
    RD_TRY(rd_proto_put_integer(&m->value, SESSION_STATUS, SESSION_START));
    RD_TRY(rd_proto_put_bytes(&m->event, EVENT_SESSION, m->value.data, (size_t)m->value.length));
    return write_event(run, m);
}

/* TensorBoard reads files in the order of their names: the seconds since 1970, ten digits. Two
 * starts in one second, or a clock set back, must not change that order. */
static long long number_of_next(const char *directory) {
    long long next = (long long)time(NULL);
    DIR *entries = opendir(directory);
    for (struct dirent *e; entries && (e = readdir(entries));) {
        if (strncmp(e->d_name, name_begins, sizeof name_begins - 1) != 0) continue;
        long long number = strtoll(e->d_name + sizeof name_begins - 1, NULL, 10);
        if (number >= next && number < 9999999999LL) next = number + 1;
    }
    if (entries) closedir(entries);
    return next;
}

static rd_status open_file(rd_run *run, const char *directory) {
    char name[96];
    RD_TRY(rd_refuse_link(directory));
    RD_TRY(rd_make_directories(directory));
    snprintf(name, sizeof name, "%s%010lld.rdrop", name_begins, number_of_next(directory));
    char *path = rd_path_join(directory, name);
    if (!path) return RD_ERR_MEMORY;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0 && !(run->tensorboard = fdopen(fd, "w"))) close(fd);
    rd_status status = run->tensorboard
                           ? RD_OK
                           : rd_error(RD_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
    free(path);
    return status;
}

rd_status rd_tensorboard_open(rd_run *run) {
    if (!run->recipe->train.tensorboard) return RD_OK;
    char *directory = rd_run_path(run, "tensorboard");
    rd_status status = directory ? open_file(run, directory) : RD_ERR_MEMORY;
    message m = {0};
    if (status == RD_OK) status = write_head(run, &m);
    free_message(&m);
    free(directory);
    return status;
}
