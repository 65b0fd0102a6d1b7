/* Training that is cut off: whatever moment it is killed or stopped at, going on gives the weights
 * of a training that was left alone, bit for bit. Trainings run in processes of their own; the
 * moments are counted (events, and the calls that put files in place), never timed. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "data/vocab.h"
#include "data/vocab_files.h"
#include "io/output.h"
#include "train/run.h"
#include "train/trainer.h"

enum { PIECES = 22, PAIRS = 40, SENTENCE = 6, EXIT_STOPPED = 3, EXIT_NUMERIC = 4, NEVER = 1 << 30 };

static char root[] = "/tmp/rdrop-train-XXXXXX";

/* A disturbance of a training; counts from 1. */
typedef struct {
    int kill_at_commit; /* SIGKILL at this call of fsync, rename, unlink or unlinkat */
    int kill_at_event, stop_at_event;
    int stop_at_clock; /* at this reading of the clock after the start: inside of an update */
    int64_t poison; /* before it starts: this source token's embedding overflows; -1: none does */
    float poison_value;
    const char *settings[4];
} disturbance;

static const disturbance none = {NEVER, NEVER, NEVER, NEVER, -1, 3e38f, {NULL}};

static int commits, kill_at_commit = NEVER;

/* The calls that put files in place, in front of the C library's. A kill at fsync leaves half of
 * the file written. */
static void count_commit(int fd) {
    if (++commits != kill_at_commit) return;
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        ftruncate(fd, info.st_size / 2) != 0)
        abort();
    raise(SIGKILL);
}

int fsync(int fd) {
    count_commit(fd);
    return 0; /* a test need not outlive the machine */
}

int rename(const char *from, const char *to) {
    count_commit(-1);
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 0);
}

int unlink(const char *path) {
    count_commit(-1);
    return (int)syscall(SYS_unlinkat, -100, path, 0);
}

int unlinkat(int directory, const char *path, int flags) {
    count_commit(-1);
    return (int)syscall(SYS_unlinkat, directory, path, flags);
}

static volatile sig_atomic_t stop;
static int readings, stop_at_clock = NEVER;

/* A training reads the clock where the parts of an update end. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    if (++readings == stop_at_clock) stop = 1;
    return (int)syscall(SYS_clock_gettime, clock, now);
}

static char *path_of(const char *directory, const char *name) {
    char *inner = rd_path_join(root, directory), *path = rd_path_join(inner, name);
    assert_non_null(path);
    free(inner);
    return path;
}

static rd_status write_pairs(const char *name, int n, uint64_t seed) {
    char *path = path_of("data", name);
    rd_dataset_writer *writer;
    rd_rng rng = rd_rng_make(seed, 0);
    rd_identity identity;
    char fingerprint[RD_SHA256_HEX], *data = rd_path_join(root, "data");
    rd_status status = rd_vocabularies_fingerprint(data, RD_VOCABULARY_JOINT, fingerprint);
    if (status == RD_OK) status = rd_identity_make(&identity, "translation", "", "", fingerprint);
    identity.src_vocab = identity.tgt_vocab = PIECES;
    if (status == RD_OK) status = rd_dataset_writer_open(&writer, path, &identity, 0);
    free(data);
    for (int i = 0; status == RD_OK && i < n; i++) {
        int32_t src[SENTENCE + 1], tgt[SENTENCE + 1];
        rd_pair pair = {.src = src, .tgt = tgt};
        for (pair.n_src = 0; pair.n_src < 1 + i % SENTENCE; pair.n_src++) {
            src[pair.n_src] = 4 + (int32_t)rd_rng_below(&rng, PIECES - 5);
            tgt[pair.n_src] = 4 + (src[pair.n_src] + 3) % (PIECES - 4);
        }
        if (i == 7) src[0] = PIECES - 1; /* the one sentence with this token */
        src[pair.n_src] = tgt[pair.n_src] = 2;
        pair.n_tgt = ++pair.n_src;
        status = rd_dataset_writer_add(writer, &pair);
    }
    if (status == RD_OK) status = rd_dataset_writer_finish(writer);
    free(path);
    return status;
}

static rd_status write_vocabulary(void) {
    static const char text[] = "ka romi te suna lo\nlo ka te\nromi suna\nte te lo ka suna\n";
    rd_vocab_config config = {.type = "unigram", .size = PIECES, .character_coverage = 1.0f};
    char *corpus = path_of("data", "corpus"), *model = path_of("data", "spm.model"), *longer;
    size_t n = strlen(text), times = 200;
    longer = calloc(times, n);
    assert_non_null(longer);
    for (size_t i = 0; i < times; i++) memcpy(longer + i * n, text, n);
    rd_status status = rd_write_file(corpus, longer, times * n);
    const char *paths[] = {corpus};
    if (status == RD_OK) status = rd_vocab_train(&config, paths, 1, model);
    free(longer);
    free(corpus);
    free(model);
    return status;
}

/* As if rdrop-preprocess had come to its end. */
static rd_status write_record(void) {
    char *path = path_of("data", "made-with.yaml");
    rd_status status = rd_write_file(path, "task: translation\n", 18);
    free(path);
    return status;
}

static rd_status write_recipe(void) {
    static const char text[] =
        "joined-dictionary: true\nvocab-size: 22\nshare-decoder-input-output-"
        "embed: true\nencoder-embed-dim: 8\nencoder-layers: 1\n"
        "decoder-layers: 1\nencoder-ffn-embed-dim: 16\n"
        "decoder-ffn-embed-dim: 16\nencoder-attention-heads: 2\n"
        "decoder-attention-heads: 2\ndropout: 0.2\nreg-alpha: 2\n"
        "label-smoothing: 0.1\nlr: 0.01\nwarmup-updates: 4\n"
        "max-tokens: 60\nmax-update: 13\nlog-interval: 1\n"
        "validate-interval-updates: 4\nkeep-last-n: 2\nthreads: 1\n"
        "max-len-a: 0\nmax-len-b: 5\n";
    char *path = path_of("data", "recipe.yaml");
    rd_status status = rd_write_file(path, text, sizeof text - 1);
    free(path);
    return status;
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(root)) return -1;
    char *data = rd_path_join(root, "data");
    rd_status status = rd_make_directories(data);
    if (status == RD_OK) status = write_vocabulary();
    if (status == RD_OK) status = write_pairs("train.bin", PAIRS, 1);
    if (status == RD_OK) status = write_pairs("valid.bin", 7, 2);
    if (status == RD_OK) status = write_recipe();
    if (status == RD_OK) status = write_record();
    if (status != RD_OK) print_error("%s\n", rd_last_error());
    free(data);
    return status == RD_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

static int events, skipped;

/* That events say when they are: `watched` in trainings from the start to the end. The clock is
 * read past clock_gettime(), which counts. */
static struct {
    bool on;
    double began;
    int64_t epoch;       /* of the last update */
    int validated;       /* 1: since then */
    int inside, between; /* validations, of an epoch and between two */
} watched;

static double now(void) {
    struct timespec at;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void watch(const rd_train_event *event) {
    if (!(event->seconds >= 0 && event->seconds <= now() - watched.began)) _exit(105);
    if (event->kind == RD_TRAIN_VALID && event->epoch != watched.epoch) _exit(106);
    if (event->kind == RD_TRAIN_VALID) watched.validated = 1;
    if (event->kind != RD_TRAIN_UPDATE) return;
    if (watched.validated)
        *(event->epoch == watched.epoch ? &watched.inside : &watched.between) += 1;
    watched.epoch = event->epoch;
    watched.validated = 0;
}

static void on_event(void *self, const rd_train_event *event) {
    const disturbance *d = self;
    events++;
    if (watched.on) watch(event);
    if (event->kind == RD_TRAIN_STARTED) readings = 0;
    if (event->kind == RD_TRAIN_SKIPPED) skipped++;
    if (events == d->kill_at_event) raise(SIGKILL);
    if (events == d->stop_at_event) stop = 1;
}

static rd_recipe *open_recipe(const disturbance *d) {
    char *path = path_of("data", "recipe.yaml");
    rd_recipe *recipe = NULL;
    int n = 0;
    while (n < 4 && d->settings[n]) n++;
    if (rd_recipe_load(&recipe, path, d->settings, n) != RD_OK) _exit(100);
    free(path);
    return recipe;
}

enum { EXIT_UNSAVED = 103 };

/* Sets the embedding of one source token to numbers whose products overflow, and saves that. */
static void poison(const char *save_dir, const char *data, const disturbance *d) {
    rd_recipe *recipe = open_recipe(d);
    rd_run run = {.recipe = recipe, .data_dir = data, .save_dir = save_dir};
    if (rd_run_open(&run, true) != RD_OK) _exit(101);
    rd_parameters *p = &run.model->parameters;
    const rd_parameter *embedding = rd_parameters_find(p, "encoder.embed_tokens.weight");
    if (!embedding) _exit(102);
    for (int64_t i = 0; i < embedding->shape[1]; i++)
        p->values[embedding->offset + d->poison * embedding->shape[1] + i] = d->poison_value;
    if (rd_run_save_last(&run) != RD_OK) _exit(EXIT_UNSAVED);
    rd_run_close(&run);
    rd_recipe_free(recipe);
}

/* In the child: the exit status says how it went; 10 + the number of skipped updates if well. */
static int train_here(const char *save_dir, const disturbance *d) {
    char *data = rd_path_join(root, "data");
    if (d->poison >= 0) poison(save_dir, data, d);
    commits = 0;
    kill_at_commit = d->kill_at_commit;
    stop_at_clock = d->stop_at_clock;
    rd_recipe *recipe = open_recipe(d);
    disturbance self = *d;
    watched.began = now();
    rd_status status = rd_train(NULL, recipe, data, save_dir, on_event, &self, &stop, NULL);
    if (watched.on && (!watched.inside || !watched.between)) _exit(107);
    rd_recipe_free(recipe);
    free(data);
    if (status == RD_ERR_NUMERIC) {
        char *path = rd_path_join(save_dir, "message");
        if (rd_write_file(path, rd_last_error(), strlen(rd_last_error())) != RD_OK) _exit(104);
        free(path);
    }
    if (status != RD_OK && status != RD_ERR_INTERRUPTED && status != RD_ERR_NUMERIC)
        print_error("%s\n", rd_last_error());
    return status == RD_OK                ? 10 + skipped
           : status == RD_ERR_INTERRUPTED ? EXIT_STOPPED
           : status == RD_ERR_NUMERIC     ? EXIT_NUMERIC
                                          : 99;
}

/* Trains once in this process, so that every child finds the kernels that oneDNN generates. */
static int warm_up(void) {
    char *save_dir = rd_path_join(root, "warm");
    int outcome = train_here(save_dir, &none);
    events = skipped = 0;
    free(save_dir);
    return outcome == 10 ? 0 : -1;
}

static int group_setup(void **state) {
    return setup(state) == 0 ? warm_up() : -1;
}

/* The exit status, or minus the signal it ended by. */
static int train(const char *name, const disturbance *d) {
    char *save_dir = rd_path_join(root, name);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int outcome = train_here(save_dir, d);
        free(save_dir);
        _exit(outcome);
    }
    free(save_dir);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void same_file(const char *a, const char *b, const char *name) {
    char *pa = path_of(a, name), *pb = path_of(b, name), *bytes_a = NULL, *bytes_b = NULL;
    size_t n_a = 0, n_b = 0;
    if (rd_read_file(pa, 1 << 24, &bytes_a, &n_a) != RD_OK ||
        rd_read_file(pb, 1 << 24, &bytes_b, &n_b) != RD_OK)
        fail_msg("%s", rd_last_error());
    if (n_a != n_b || memcmp(bytes_a, bytes_b, n_a) != 0) fail_msg("%s differs from %s", pa, pb);
    free(bytes_a);
    free(bytes_b);
    free(pa);
    free(pb);
}

static bool exists(const char *directory, const char *name) {
    char *path = path_of(directory, name);
    bool found = rd_file_exists(path);
    free(path);
    return found;
}

/* Weights, moments and counters of checkpoint_last: not the time spent, the settings and the
 * checksum. */
static void same_checkpoint(const char *a, const char *b) {
    const char *names[] = {a, b};
    rd_progress_state states[2];
    int64_t settings[2];
    char *blocks[2];
    size_t sizes[2], head = 24; /* magic, size, flag; after the state come the settings */
    for (int i = 0; i < 2; i++) {
        char *path = path_of(names[i], "checkpoint_last"), *bytes;
        assert_int_equal(rd_read_file(path, 1 << 24, &bytes, &sizes[i]), RD_OK);
        assert_true(sizes[i] > head + sizeof *states);
        memcpy(&states[i], bytes + head, sizeof *states);
        memcpy(&settings[i], bytes + head + sizeof *states, sizeof *settings);
        states[i].seconds = 0;
        blocks[i] = bytes;
        free(path);
    }
    assert_memory_equal(&states[0], &states[1], sizeof *states);
    size_t skip = head + sizeof *states + sizeof *settings;
    size_t rest = sizes[0] - skip - (size_t)settings[0] - sizeof(uint32_t);
    assert_int_equal(sizes[1] - skip - (size_t)settings[1] - sizeof(uint32_t), rest);
    assert_memory_equal(blocks[0] + skip + settings[0], blocks[1] + skip + settings[1], rest);
    free(blocks[0]);
    free(blocks[1]);
}

static void same_training(const char *a, const char *b) {
    same_file(a, b, "model/model.safetensors");
    same_file(a, b, "checkpoint_best.safetensors");
    same_file(a, b, "checkpoints/00000012.safetensors");
    same_file(a, b, "checkpoints/00000013.safetensors");
    assert_false(exists(b, "checkpoints/00000008.safetensors"));
    same_checkpoint(a, b);
}

static void remove_directory(const char *name) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/%s", root, name);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* A training left alone, to compare with; made once. */
static void reference(void) {
    if (!exists("reference", "checkpoint_last")) assert_int_equal(train("reference", &none), 10);
}

static void no_temporaries(const char *name) {
    char command[128];
    snprintf(command, sizeof command, "test -z \"$(find %s/%s -name '*.tmp.*')\"", root, name);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static void twice_gives_the_same_bits(void **state) {
    (void)state;
    reference();
    assert_int_equal(train("twice", &none), 10);
    same_training("reference", "twice");
    disturbance other = none;
    other.settings[0] = "seed=2";
    assert_int_equal(train("other", &other), 10);
    char *a = path_of("reference", "model/model.safetensors"),
         *b = path_of("other", "model/model.safetensors"), *bytes_a, *bytes_b;
    size_t n_a, n_b;
    assert_int_equal(rd_read_file(a, 1 << 24, &bytes_a, &n_a), RD_OK);
    assert_int_equal(rd_read_file(b, 1 << 24, &bytes_b, &n_b), RD_OK);
    assert_int_equal(n_a, n_b);
    assert_memory_not_equal(bytes_a, bytes_b, n_a);
    free(bytes_a);
    free(bytes_b);
    free(a);
    free(b);
}

static void killed_at_any_write(void **state) {
    (void)state;
    reference();
    for (int at = 1;; at++) {
        disturbance killed = none;
        killed.kill_at_commit = at;
        int outcome = train("killed", &killed);
        if (outcome == 10) {
            assert_true(at > 40); /* all of them were tried */
            break;
        }
        assert_int_equal(outcome, -SIGKILL);
        assert_int_equal(train("killed", &none), 10);
        same_training("reference", "killed");
        no_temporaries("killed");
        remove_directory("killed");
    }
}

static void killed_at_any_event(void **state) {
    (void)state;
    reference();
    /* Checkpoints between validations too, so that some kills repeat updates and some do not. */
    disturbance killed = none, saving = none;
    killed.settings[0] = saving.settings[0] = "save-interval-updates=3";
    for (int at = 1;; at++) {
        killed.kill_at_event = at;
        int outcome = train("killed2", &killed);
        if (outcome == 10) {
            assert_true(at > 17); /* 13 updates, 4 validations, start and end */
            break;
        }
        assert_int_equal(outcome, -SIGKILL);
        assert_int_equal(train("killed2", &saving), 10);
        same_training("reference", "killed2");
        remove_directory("killed2");
    }
}

/* Epochs of a few batches, accumulated; validation by epochs; the moving average of weights. */
static void killed_again_and_again(void **state) {
    (void)state;
    disturbance plain = none;
    plain.settings[0] = "validate-interval-updates=0";
    plain.settings[1] = "update-freq=2";
    plain.settings[2] = "ema-decay=0.9";
    plain.settings[3] = "save-interval-updates=1";
    assert_int_equal(train("epochs", &plain), 10);
    disturbance killed = plain;
    killed.kill_at_event = 4; /* after two updates, or one and a validation */
    int kills = 0;
    while (train("epochs2", &killed) == -SIGKILL) assert_true(++kills < 20);
    assert_true(kills >= 5);
    same_file("epochs", "epochs2", "model/model.safetensors");
    same_file("epochs", "epochs2", "checkpoint_best.safetensors");
    same_checkpoint("epochs", "epochs2");
}

static void stopped_at_any_event(void **state) {
    (void)state;
    reference();
    for (int at = 1;; at++) {
        disturbance stopped = none;
        stopped.stop_at_event = at;
        int outcome = train("stopped", &stopped);
        if (outcome == 10) {
            assert_true(at > 17);
            break;
        }
        assert_int_equal(outcome, EXIT_STOPPED);
        no_temporaries("stopped");
        assert_int_equal(train("stopped", &none), 10);
        same_training("reference", "stopped");
        remove_directory("stopped");
    }
}

/* One sentence's loss overflows: its updates are left out, and the rest trains on. */
static void updates_that_are_not_finite_are_skipped(void **state) {
    (void)state;
    disturbance poisoned = none;
    poisoned.poison = PIECES - 1;
    int outcome = train("poisoned", &poisoned);
    assert_in_range(outcome, 11, 19);
    char *path = path_of("poisoned", "checkpoint_last"), *bytes;
    size_t n;
    rd_progress_state s;
    assert_int_equal(rd_read_file(path, 1 << 24, &bytes, &n), RD_OK);
    memcpy(&s, bytes + 24, sizeof s);
    assert_int_equal(s.update, 13);
    assert_int_equal(s.skipped_updates, outcome - 10);
    free(bytes);
    free(path);
}

/* The same batches are skipped when training stops in between: a batch that overflows takes the
 * others of its update with it. */
static void skips_survive_a_stop(void **state) {
    (void)state;
    disturbance whole = none;
    whole.poison = PIECES - 1;
    whole.settings[0] = "update-freq=2";
    whole.settings[1] = "save-interval-updates=1";
    int outcome = train("skips", &whole);
    assert_in_range(outcome, 15, 30); /* about every second update */
    for (int at = 2; at < 12; at += 3) {
        disturbance stopped = whole, resumed = whole;
        stopped.stop_at_event = at;
        resumed.poison = -1;
        assert_int_equal(train("skips2", &stopped), EXIT_STOPPED);
        assert_in_range(train("skips2", &resumed), 10, outcome);
        same_checkpoint("skips", "skips2");
        remove_directory("skips2");
    }
}

static int64_t updates_of(const char *name) {
    char *path = path_of(name, "checkpoint_last"), *bytes;
    size_t n;
    rd_progress_state s;
    if (rd_read_file(path, 1 << 24, &bytes, &n) != RD_OK) fail_msg("%s", rd_last_error());
    memcpy(&s, bytes + 24, sizeof s);
    free(bytes);
    free(path);
    return s.update;
}

/* An update of several batches is not waited for: it is given up, and made again from its start. */
static void stopped_inside_an_update(void **state) {
    (void)state;
    disturbance whole = none;
    whole.settings[0] = "update-freq=4";
    assert_int_equal(train("large", &whole), 10);
    for (int at = 3; at < 60; at += 7) {
        disturbance stopped = whole;
        stopped.stop_at_clock = at;
        assert_int_equal(train("large2", &stopped), EXIT_STOPPED);
        if (at == 3) assert_int_equal(updates_of("large2"), 0);
        assert_int_equal(train("large2", &whole), 10);
        same_training("large", "large2");
        remove_directory("large2");
    }
}

/* Every sentence's loss overflows (all end with token 2): training gives up, nothing is damaged. */
static void ten_in_a_row_end_training(void **state) {
    (void)state;
    disturbance poisoned = none;
    poisoned.poison = 2;
    assert_int_equal(train("diverged", &poisoned), EXIT_NUMERIC);
    char *path = path_of("diverged", "message"), *message;
    size_t n;
    assert_int_equal(rd_read_file(path, 4096, &message, &n), RD_OK);
    assert_non_null(strstr(message, "not finite 10 times in a row after update 0"));
    assert_non_null(strstr(message, "checkpoint_last holds the weights of update 0"));
    free(message);
    free(path);
    /* The same again, from the same checkpoint: it was neither replaced nor lost. */
    assert_int_equal(train("diverged", &none), EXIT_NUMERIC);
}

/* Weights that are no numbers are not saved, although no sentence reads them. */
static void broken_weights_are_not_saved(void **state) {
    (void)state;
    const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        disturbance broken = none;
        broken.poison = 0;
        broken.poison_value = values[i];
        assert_int_equal(train("broken", &broken), EXIT_UNSAVED);
        char *path = path_of("broken", "checkpoint_last");
        assert_false(rd_file_exists(path));
        free(path);
    }
}

/* A validation belongs to the epoch of the update before it, also where that ended the epoch. */
static void events_tell_epoch_and_time(void **state) {
    (void)state;
    disturbance often = none;
    often.settings[0] = "validate-interval-updates=1";
    watched.on = true;
    assert_int_equal(train("watched", &often), 10);
    watched.on = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_gives_the_same_bits),
        cmocka_unit_test(killed_at_any_write),
        cmocka_unit_test(killed_at_any_event),
        cmocka_unit_test(killed_again_and_again),
        cmocka_unit_test(stopped_at_any_event),
        cmocka_unit_test(stopped_inside_an_update),
        cmocka_unit_test(updates_that_are_not_finite_are_skipped),
        cmocka_unit_test(broken_weights_are_not_saved),
        cmocka_unit_test(skips_survive_a_stop),
        cmocka_unit_test(ten_in_a_row_end_training),
        cmocka_unit_test(events_tell_epoch_and_time),
    };
    return cmocka_run_group_tests(tests, group_setup, teardown);
}
