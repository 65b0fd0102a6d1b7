/* rdrop-train: a recipe and binarized data in, a model directory out. */
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/progress.h"
#include "tools/common/start.h"
#include "train/trainer.h"

static const char help[] =
    "Usage: rdrop-train RECIPE --data DIR [--save-dir DIR] [--set KEY=VALUE]... [--threads N]\n"
    "       rdrop-train RECIPE --data DIR --save-dir DIR --average\n"
    "Trains a translation or summarization model with R-Drop.\n"
    "\n"
    "  RECIPE             YAML file; rdrop-recipe --help-recipe lists all keys\n"
    "  --data DIR         binarized data and vocabularies, from rdrop-preprocess\n"
    "  --save-dir DIR     where to train, default out/RECIPE-NAME. Training goes on from the\n"
    "                     checkpoint_last found there. Afterwards DIR/model translates:\n"
    "                     rdrop-translate --model DIR/model\n"
    "  --average          instead of training, make DIR/model the mean of the last\n"
    "                     average-last checkpoints\n"
    "  --set KEY=VALUE    override a key of the recipe; may be repeated\n"
    "  --threads N        same as --set threads=N; default all cores\n"
    "  --precision NAME   same as --set precision=NAME: fp32, bf16 or auto, the default\n"
    "  --checkpoint-activations\n"
    "                     same as --set checkpoint-activations=true: keep only the inputs of the\n"
    "                     layers and compute the rest again, for deep models: less memory, more\n"
    "                     time, the same weights bit for bit\n"
    "\n"
    "DIR/train.jsonl logs every event. Losses are in nats per target token; ppl is e^nll; kl is\n"
    "R-Drop's term before its weight reg-alpha; tok/s counts source and target tokens, each pair\n"
    "once. SIGINT and SIGTERM save and stop, between two batches of an update; starting again\n"
    "goes on with the same bits, as it does after a kill or a crash. A damaged checkpoint_last is found out by its checksum, and\n"
    "training goes on from the one before it, checkpoint_previous. Settings may change on the\n"
    "way (changed: dropout 0.1 -> 0.3), except those that make another model of it, such as its\n"
    "shape, languages and vocabulary. DIR/model is touched only to receive new weights.\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 128 + N saved and stopped by signal N.\n";

static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number) {
    stop_requested = signal_number;
}

/* What the user sees while it trains: a bar on a terminal, lines elsewhere. */
typedef struct {
    rd_progress progress;
    const rd_train_config *config;
} display;

__attribute__((format(printf, 2, 3))) static void say(display *d, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rd_progress_message(&d->progress, line);
}

static const char *duration(double seconds, char text[32]) {
    long s = (long)seconds;
    snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    return text;
}

static void show_start(display *d, const rd_train_event *e) {
    rd_progress_start(&d->progress,
                      &(rd_progress_config){.out = stdout,
                                            .label = "train",
                                            .total = e->last_update,
                                            .first = e->resumed_from,
                                            .terminal = rd_progress_is_terminal(stdout)});
    say(d, "%lld parameters, %lld training %s, %lld validation %s", (long long)e->n_parameters,
        (long long)e->n_train, e->task->examples, (long long)e->n_valid, e->task->examples);
    if (e->reason) fprintf(stderr, "rdrop-train: warning: %s\n", e->reason);
    if (e->resumed_from > 0) say(d, "going on after update %lld", (long long)e->resumed_from);
}

static void show_update(display *d, const rd_train_event *e) {
    char suffix[256], kl[32] = "";
    if (d->config->reg_alpha > 0.0f) snprintf(kl, sizeof kl, " kl %.4f", e->kl);
    snprintf(suffix, sizeof suffix,
             "loss %.3f nll %.3f ppl %.2f%s lr %.2e gnorm %.3f %.0f tok/s epoch %lld", e->loss,
             e->nll, exp(e->nll), kl, e->lr, e->gnorm, e->tokens_per_second, (long long)e->epoch);
    rd_progress_update(&d->progress, e->update, suffix);
    if (e->kind == RD_TRAIN_UPDATE && !d->progress.config.terminal)
        rd_progress_line(&d->progress, suffix);
}

static void show_validation(display *d, const rd_train_event *e) {
    char results[256] = "";
    for (int i = 0; i < e->results->n; i++) {
        const rd_result_kind *kind = e->results->items[i].kind;
        size_t n = strlen(results);
        snprintf(results + n, sizeof results - n, " %s %.*f", kind->label, kind->digits,
                 e->results->items[i].value);
    }
    say(d, "valid at update %lld:%s%s", (long long)e->update, results,
        e->best ? " (best so far)" : "");
}

static void on_event(void *self, const rd_train_event *e) {
    display *d = self;
    char time[32];
    switch (e->kind) {
    case RD_TRAIN_STARTED:
        show_start(d, e);
        break;
    case RD_TRAIN_STEP:
    case RD_TRAIN_UPDATE:
        show_update(d, e);
        break;
    case RD_TRAIN_VALID:
        show_validation(d, e);
        break;
    case RD_TRAIN_SKIPPED:
        say(d, "skipped the update after %lld: %s", (long long)e->update, e->reason);
        break;
    case RD_TRAIN_WARNING:
        fprintf(stderr, "rdrop-train: warning: %s\n", e->reason);
        break;
    case RD_TRAIN_CHANGED:
        say(d, "%s", e->reason);
        break;
    case RD_TRAIN_FINISHED:
        say(d, "finished at update %lld: %s; %s of training", (long long)e->update, e->reason,
            duration(e->seconds, time));
        break;
    }
}

static int fail(void) {
    fprintf(stderr, "rdrop-train: %s\n", rd_last_error());
    return 1;
}

static int usage(const char *message) {
    fprintf(stderr, "rdrop-train: %s (see rdrop-train --help)\n", message);
    return 2;
}

static int train(rd_recipe *recipe, const char *data, const char *save_dir, bool average) {
    if (average) {
        int n = 0;
        if (rd_train_average(recipe, data, save_dir, &n) != RD_OK) return fail();
        printf("%s/model: the mean of %d checkpoints\n", save_dir, n);
        return 0;
    }
    struct sigaction action = {.sa_handler = request_stop,
                               .sa_flags = SA_RESETHAND}; /* a second one kills */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    display d = {.progress.config.out = stdout, .config = &recipe->train};
    rd_status status = rd_train(recipe, data, save_dir, on_event, &d, &stop_requested);
    rd_progress_finish(&d.progress);
    if (status == RD_OK || status == RD_ERR_INTERRUPTED)
        printf("peak memory %.0f MiB\n", (double)rd_peak_memory() / 1048576.0);
    if (status == RD_OK) return 0;
    fail();
    return status == RD_ERR_INTERRUPTED ? 128 + stop_requested : 1;
}

int main(int argc, char **argv) {
    start_program();
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"save-dir", required_argument, NULL, 'o'},
                                            {"set", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"precision", required_argument, NULL, 'p'},
                                            {"checkpoint-activations", no_argument, NULL, 'c'},
                                            {"average", no_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char **settings = rd_calloc((size_t)argc + 1, sizeof *settings);
    char threads[64], precision[64], default_dir[512];
    const char *data = NULL, *save_dir = NULL;
    int n_settings = 0, option;
    bool average = false;
    if (!settings) return fail();
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            data = optarg;
            break;
        case 'o':
            save_dir = optarg;
            break;
        case 's':
            settings[n_settings++] = optarg;
            break;
        case 't':
            snprintf(threads, sizeof threads, "threads=%.40s", optarg);
            settings[n_settings++] = threads;
            break;
        case 'p':
            snprintf(precision, sizeof precision, "precision=%.40s", optarg);
            settings[n_settings++] = precision;
            break;
        case 'c':
            settings[n_settings++] = "checkpoint-activations=true";
            break;
        case 'a':
            average = true;
            break;
        case 'h':
            fputs(help, stdout);
            free(settings);
            return 0;
        default:
            free(settings);
            return usage("unknown option or missing value");
        }
    }
    if (optind + 1 != argc || !data) {
        free(settings);
        return usage(data ? "expected one recipe" : "expected --data DIR");
    }
    rd_recipe *recipe;
    rd_status status = rd_recipe_load(&recipe, argv[optind], settings, n_settings);
    free(settings);
    if (status != RD_OK) return fail();
    if (!save_dir) {
        snprintf(default_dir, sizeof default_dir, "out/%.480s", recipe->name);
        save_dir = default_dir;
    }
    int code = train(recipe, data, save_dir, average);
    rd_recipe_free(recipe);
    return code;
}
