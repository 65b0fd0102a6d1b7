/* Pictures with classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "data/labels.h"
#include "data/picture.h"
#include "data/picture_source.h"
#include "io/output.h"
#include "recipe/data_record.h"
#include "tools/common/stop.h"
#include "tools/preprocess/picture_labels.h"
#include "tools/preprocess/preprocess.h"

/* Pictures, and bytes of their files, that are read and then checked by all threads. */
enum { CHUNK = 256, CHUNK_BYTES = 64 << 20, MOST_NAMED = 5 };

typedef struct {
    const preprocess_job *job;
    rd_labels labels;
    rd_identity identity; /* of the datasets */
    rd_names names;       /* of the test sets' files so far */
} pictures;

/* A picture on its way into the dataset. */
typedef struct {
    rd_labelled_picture picture;
    int32_t label;
    rd_status status; /* of decoding */
    char reason[256];
} item;

/* A set being made. */
typedef struct {
    const pictures *all;
    const char *name; /* of its file */
    rd_dataset_writer *writer;
    rd_progress progress;
    item *items;         /* [CHUNK] */
    rd_picture *decoded; /* [threads] */
    int n_threads;
    int64_t n, bytes, read, refused;
    int64_t *seen, *counts; /* [labels.n] of all, and of kept ones */
    rd_atomic_file reasons; /* a line for each that is left out; {0}: none is */
} set;

/* CIFAR-100's own files are train.bin and test.bin; in a folder of classes nothing else may lie. */
static rd_status refuse_set(void *self, const char *prefix) {
    const written_file *w = self;
    char *path;
    RD_TRY(picture_path(w->job, prefix, &path));
    rd_status status = rd_refuse_input(w->path, path);
    if (status == RD_OK && rd_is_same_file(w->job->dest, path))
        status = rd_error(RD_ERR_ARGUMENT,
                          "%s: the pictures are there; name another folder with "
                          "--dest",
                          path);
    free(path);
    return status;
}

static rd_status set_class(const set *s, item *i) {
    char known[200], shown[96];
    i->label = class_of_picture(s->all->job, &s->all->labels, &i->picture);
    if (i->label >= 0) {
        s->seen[i->label]++;
        return RD_OK;
    }
    rd_labels_list(&s->all->labels, known, sizeof known);
    rd_escape(shown, sizeof shown, i->picture.label.data);
    return rd_error(RD_ERR_FORMAT, "%s: class '%s' is none of: %s%s", i->picture.name.data, shown,
                    known, i->picture.numbered ? "; set class-names: the file has numbers" : "");
}

/* Whether training will be able to decode it. */
static void check(const void *self, int thread, int64_t begin, int64_t end) {
    const set *s = self;
    int32_t channels = s->all->job->recipe->model.picture.channels;
    for (int64_t k = begin; k < end; k++) {
        item *i = &s->items[k];
        i->status = RD_ERR_FORMAT;
        if (i->picture.problem.length == 0)
            i->status = rd_picture_decode(&s->decoded[thread], i->picture.bytes.data,
                                          (size_t)i->picture.bytes.length, channels);
        if (i->status != RD_OK) snprintf(i->reason, sizeof i->reason, "%s", rd_last_error());
    }
}

static rd_status keep(set *s, const item *i) {
    static const int32_t no_source = 0;
    const rd_pair pair = {.src = &no_source,
                          .n_src = 1,
                          .tgt = &i->label,
                          .n_tgt = 1,
                          .src_text = i->picture.bytes.data,
                          .src_text_length = (int32_t)i->picture.bytes.length,
                          .tgt_text = i->picture.name.data,
                          .tgt_text_length = (int32_t)i->picture.name.length};
    s->counts[i->label]++;
    return rd_dataset_writer_add(s->writer, &pair);
}

enum { REASONS_ROOM = 320 };

/* Of the file with a line for each picture that is left out. */
static const char *reasons_name(const set *s, char name[REASONS_ROOM]) {
    snprintf(name, REASONS_ROOM, "%s.left-out", s->name);
    return name;
}

/* The first ones are printed, all are in a file. */
static rd_status refuse(set *s, const item *i) {
    rd_text line = {0};
    char shown[512];
    if (i->status != RD_ERR_FORMAT) return rd_error(i->status, "%s", i->reason);
    if (!s->reasons.stream) {
        char name[REASONS_ROOM];
        char *path = rd_path_join(s->all->job->dest, reasons_name(s, name));
        rd_status opened = path ? rd_atomic_open(&s->reasons, path) : RD_ERR_MEMORY;
        free(path);
        RD_TRY(opened);
    }
    rd_status status = i->picture.problem.length > 0
                           ? rd_text_printf(&line, "%s", i->picture.problem.data)
                           : rd_text_printf(&line, "%s: %s", i->picture.name.data, i->reason);
    if (status == RD_OK) {
        rd_escape(shown, sizeof shown, line.data);
        fprintf(s->reasons.stream, "%s\n", shown);
        if (s->refused++ < MOST_NAMED) fprintf(stderr, "rdrop-preprocess: left out: %s\n", shown);
    }
    rd_text_free(&line);
    return status;
}

static rd_status write_chunk(set *s) {
    rd_over_rows(s->n, check, s);
    for (int64_t k = 0; k < s->n; k++) {
        item *i = &s->items[k];
        RD_TRY(i->status == RD_OK ? keep(s, i) : refuse(s, i));
        if (i->picture.bytes.capacity > CHUNK_BYTES / CHUNK) rd_text_free(&i->picture.bytes);
    }
    s->n = s->bytes = 0;
    rd_progress_update(&s->progress, s->read, NULL);
    return rd_check_stop(stop_requested());
}

static rd_status add_from(set *s, rd_picture_source *source) {
    bool more = true;
    while (more) {
        item *i = &s->items[s->n];
        RD_TRY(rd_picture_source_next(source, true, &i->picture, &more));
        if (!more) break;
        RD_TRY(set_class(s, i));
        s->read++;
        s->bytes += i->picture.bytes.length;
        if (++s->n == CHUNK || s->bytes >= CHUNK_BYTES) RD_TRY(write_chunk(s));
    }
    return RD_OK;
}

static rd_status add_prefix(void *self, const char *prefix) {
    set *s = self;
    char *path;
    rd_picture_source *source = NULL;
    RD_TRY(picture_path(s->all->job, prefix, &path));
    rd_status status = rd_picture_source_open(&source, path);
    if (status == RD_OK) status = add_from(s, source);
    rd_picture_source_close(source);
    free(path);
    return status;
}

static void print_counts(const set *s, double seconds) {
    int64_t kept = s->read - s->refused, least = kept, most = 0, none = 0;
    for (int64_t i = 0; i < s->all->labels.n; i++) {
        if (s->counts[i] < least) least = s->counts[i];
        if (s->counts[i] > most) most = s->counts[i];
        none += s->counts[i] == 0;
    }
    printf("%s: %lld pictures", s->name, (long long)kept);
    if (s->refused > 0)
        printf(" of %lld (left out because they cannot be read: %lld, listed in %s.left-out)",
               (long long)s->read, (long long)s->refused, s->name);
    printf("; a class: %lld to %lld", (long long)least, (long long)most);
    if (none > 0)
        printf(", %lld %s none", (long long)none, none == 1 ? "class has" : "classes have");
    printf("; %.1f s\n", seconds);
    fflush(stdout);
}

/* A class that nothing can be learnt of: of pictures that cannot be read, or of a list's header;
 * or only named by class-names, or by numbers of a format. */
static rd_status check_classes(const set *s) {
    for (int64_t i = 0; i < s->all->labels.n; i++) {
        const char *name = s->all->labels.names[i];
        char left_out[REASONS_ROOM];
        if (s->counts[i] > 0) continue;
        if (s->seen[i] > 0)
            return rd_error(RD_ERR_FORMAT,
                            "%s: no picture of class '%.60s' can be read (%s); mend them, or take "
                            "the class out",
                            s->name, name, reasons_name(s, left_out));
        fprintf(stderr, "rdrop-preprocess: warning: no picture of class '%s' in %s\n", name,
                s->name);
    }
    return RD_OK;
}

static rd_status fill(set *s, const char *prefixes) {
    s->items = rd_calloc(CHUNK, sizeof *s->items);
    s->seen = rd_calloc((size_t)s->all->labels.n, sizeof *s->seen);
    s->counts = rd_calloc((size_t)s->all->labels.n, sizeof *s->counts);
    s->n_threads = rd_get_threads();
    s->decoded = rd_calloc((size_t)s->n_threads, sizeof *s->decoded);
    if (!s->items || !s->seen || !s->counts || !s->decoded) return RD_ERR_MEMORY;
    RD_TRY(each_prefix(prefixes, add_prefix, s));
    RD_TRY(write_chunk(s));
    if (s->read > s->refused) return strcmp(s->name, "train.bin") == 0 ? check_classes(s) : RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: no picture is left of %lld", s->name, (long long)s->read);
}

static void free_set(set *s) {
    for (int k = 0; s->items && k < CHUNK; k++) rd_labelled_picture_free(&s->items[k].picture);
    for (int t = 0; s->decoded && t < s->n_threads; t++) rd_picture_free(&s->decoded[t]);
    free(s->items);
    free(s->decoded);
    free(s->seen);
    free(s->counts);
}

/* The list of left-out files is this run's, or there is none. */
static rd_status finish_reasons(set *s) {
    if (s->reasons.stream) return rd_atomic_commit(&s->reasons);
    char name[REASONS_ROOM];
    return rd_remove_file(s->all->job->dest, reasons_name(s, name));
}

/* All of `prefixes` into DEST/NAME. */
static rd_status make_set(const pictures *p, const char *prefixes, const char *name) {
    set s = {.all = p, .name = name};
    double started = rd_seconds();
    char *path = rd_path_join(p->job->dest, name);
    if (!path) return RD_ERR_MEMORY;
    rd_status status = rd_dataset_writer_open(&s.writer, path, &p->identity, 1);
    start_progress(p->job, &s.progress, name, "pictures");
    if (status == RD_OK) status = fill(&s, prefixes);
    rd_progress_finish(&s.progress);
    if (status == RD_OK) status = rd_data_record_remove(p->job->dest);
    if (status == RD_OK)
        status = rd_dataset_writer_finish(s.writer);
    else
        rd_dataset_writer_abort(s.writer);
    rd_status listed = status == RD_OK || s.refused > 0 ? finish_reasons(&s) : RD_OK;
    if (status == RD_OK) status = listed;
    if (status == RD_OK) print_counts(&s, rd_seconds() - started);
    free_set(&s);
    free(path);
    return status;
}

/* The last part of a prefix, "FOLDER/SET" or "ARCHIVE:FOLDER/SET/"; `name`: with ".bin". */
static rd_status name_test_set(const char *prefix, char *name, size_t room) {
    size_t end = strlen(prefix);
    while (end > 0 && prefix[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && prefix[begin - 1] != '/' && prefix[begin - 1] != ':') begin--;
    if (begin == end || end - begin + sizeof ".bin" > room)
        return rd_error(RD_ERR_ARGUMENT, "testpref '%s': the last part is the set's name", prefix);
    snprintf(name, room, "%.*s.bin", (int)(end - begin), prefix + begin);
    return RD_OK;
}

static rd_status make_test_set(void *self, const char *prefix) {
    pictures *p = self;
    char name[300];
    if (strcmp(prefix, p->job->recipe->data.validpref) == 0) return RD_OK; /* valid.bin is it */
    RD_TRY(name_test_set(prefix, name, sizeof name));
    RD_TRY(take_name(p->job, prefix, name, &p->names));
    RD_TRY(refuse_inputs(p->job, name, refuse_set));
    return make_set(p, prefix, name);
}

static rd_status make_sets(pictures *p) {
    const rd_data_config *d = &p->job->recipe->data;
    char fingerprint[RD_SHA256_HEX];
    RD_TRY(rd_labels_read(&p->labels, p->job->dest));
    RD_TRY(rd_vocabularies_fingerprint(p->job->dest, RD_VOCABULARY_LABELS, fingerprint));
    RD_TRY(rd_identity_make(&p->identity, p->job->recipe->task, "", "", fingerprint));
    p->identity.src_vocab = 1;
    p->identity.tgt_vocab = (int32_t)p->labels.n;
    RD_TRY(make_set(p, d->trainpref, "train.bin"));
    RD_TRY(make_set(p, d->validpref, "valid.bin"));
    return each_prefix(d->testpref, make_test_set, p);
}

rd_status preprocess_pictures(const preprocess_job *job) {
    const rd_data_config *d = &job->recipe->data;
    pictures p = {.job = job};
    const needed_key keys[] = {
        {"trainpref", d->trainpref}, {"validpref", d->validpref}, {.name = NULL}};
    RD_TRY(need_keys(job, keys, "name folders, archives or lists of pictures"));
    if (job->shortlist)
        return rd_error(RD_ERR_ARGUMENT, "a shortlist is of translations; pictures have none");
    static const char *const written[] = {"labels.txt", "train.bin", "valid.bin"};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        RD_TRY(refuse_inputs(job, written[i], refuse_set));
    rd_status status = job->vocab ? make_picture_labels(job) : RD_OK;
    stop_on_signals();
    if (status == RD_OK && job->binarize) status = make_sets(&p);
    rd_labels_free(&p.labels);
    rd_names_free(&p.names);
    return status;
}
