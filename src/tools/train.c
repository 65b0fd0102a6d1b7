/* rdrop-train: a recipe and binarized data in, a model directory out. */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "recipe/recipe_keys.h"
#include "tools/common/options.h"
#include "tools/common/ranks.h"
#include "tools/common/start.h"
#include "tools/common/stop.h"
#include "train/trainer.h"

typedef struct {
    options_list recipe, settings, report;
    const char *data, *save_dir, *output;
    bool average, unchanged;
} arguments;

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key options[] = {
    {"data", RD_KEY_WORD, RD_AT(data), .value = "DIR",
     .help = "binarized data and vocabularies, from rdrop-preprocess"},
    {"save-dir", RD_KEY_WORD, RD_AT(save_dir), .value = "DIR",
     .help = "where to train, default out/RECIPE-NAME. Training resumes from the checkpoint_last "
             "found there. Afterwards DIR/model translates: rdrop-translate --model DIR/model"},
    {"average", RD_KEY_BOOL, RD_AT(average),
     .help = "instead of training, make DIR/model the mean of the last average-last checkpoints"},
    {"unchanged", RD_KEY_BOOL, RD_AT(unchanged),
     .help = "go on with the same training only: refuse, with exit status 3, one whose data or "
             "settings have changed, except how long it goes on (with a rate that decays to its "
             "end that is a change), how it is watched and what is kept of it"},
    {"report", RD_KEY_WORDS, RD_AT(report), .value = "DIR",
     .help = "instead of training, write one page of these trainings, each its --save-dir: curves "
             "over each other, up to 8, "
             "and the settings that differ"},
    {"output", RD_KEY_WORD, RD_AT(output), .value = "FILE", .default_value = "compare.html",
     .help = "where --report writes to"},
    {"set", RD_KEY_LIST, RD_AT(settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {.name = NULL}};
/* clang-format on */

static const char *const recipe_options[] = {"workers", "threads", "precision",
                                             "checkpoint-activations", NULL};
static const options_group groups[] = {{.heading = "Options", .keys = options},
                                       {.heading = "Keys of the recipe that are options, too",
                                        .keys = rd_train_keys,
                                        .only = recipe_options,
                                        .are_settings = true,
                                        .offset = RD_AT(settings),
                                        .defaults_vary = true},
                                       {.heading = NULL}};
static const options_relation relations[] = {{"report", OPTIONS_EXCLUDES, "average"},
                                             {"unchanged", OPTIONS_EXCLUDES, "average"},
                                             {"report", OPTIONS_EXCLUDES, "unchanged"},
                                             {"report", OPTIONS_EXCLUDES, "set"},
                                             {"report", OPTIONS_EXCLUDES, "workers"},
                                             {"report", OPTIONS_EXCLUDES, "threads"},
                                             {"report", OPTIONS_EXCLUDES, "precision"},
                                             {"report", OPTIONS_EXCLUDES, "checkpoint-activations"},
                                             {"report", OPTIONS_EXCLUDES, "data"},
                                             {"report", OPTIONS_EXCLUDES, "save-dir"},
                                             {"output", OPTIONS_NEEDS, "report"},
                                             {.name = NULL}};
static const options_section sections[] = {
    {"Output",
     "DIR/train.jsonl logs every event. Losses are in nats per target token (per example or "
     "picture where these have classes or numbers, whose error is squared); with R-Drop the loss "
     "is that of all passes and reg-alpha times kl, nll the mean over passes: compare trainings by "
     "nll or in validation; ppl is e^nll; kl is "
     "R-Drop's term before its "
     "weight "
     "reg-alpha; tok/s counts source and target tokens, each pair once.\n"
     "SIGINT, SIGTERM, SIGUSR1 and SIGHUP save and stop, between two batches of an update; starting "
     "again "
     "continues with the same bits, as it does after a kill or a crash. A damaged checkpoint_last "
     "is found "
     "out by its checksum, and training continues from the one before it, checkpoint_previous. "
     "Where "
     "both are gone, a directory with a model or checkpoints is refused.\n"
     "Settings may change on the way (changed: dropout 0.1 -> 0.3), except those that make another "
     "model of it, such as its shape, languages, vocabulary and optimizer, and whether "
     "there is ema-decay. DIR/model is touched only to receive new weights."},
    {"Several workers",
     "With --workers N, threads take whole batches each and meet once an update; mpirun -np N does "
     "the same with processes, on one machine or several (recipes/README.md). N workers with "
     "update-freq F are one worker with N x F, to rounding."},
    {"Exit status", "0 done, 1 failed, 2 wrong usage, 3 refused by --unchanged, 128 + N saved "
                    "and stopped by signal N."},
    {.heading = NULL}};
static const char *const synopsis[] = {"RECIPE --data DIR [--save-dir DIR] [OPTION]...",
                                       "RECIPE --data DIR --save-dir DIR --average",
                                       "--report DIR... [--output FILE]", NULL};
static const options_program program = {
    .name = "rdrop-train",
    .summary = "a recipe and binarized data in, a model directory out",
    .synopsis = synopsis,
    .description = "Trains a translation, language, classification or picture model with R-Drop.",
    .operand = "RECIPE",
    .operand_help = "YAML file; rdrop-recipe --help-recipe lists all keys",
    .most_operands = 1,
    .operands = RD_AT(recipe),
    .find_setting = rd_recipe_find_key,
    .groups = groups,
    .relations = relations,
    .sections = sections};
#undef RD_AT

/* The display while it trains: a bar on a terminal, lines elsewhere. */
typedef struct {
    rd_progress progress;
    const rd_recipe *recipe;
    const char *unit; /* of the things counted per second */
    bool ranks;       /* several: mpirun makes their output look like a terminal */
} display;

__attribute__((format(printf, 2, 3))) static void say(display *d, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    rd_progress_message(&d->progress, line);
}

static void show_start(display *d, const rd_train_event *e) {
    rd_progress_start(&d->progress, &(rd_progress_config){
                                        .out = stdout,
                                        .label = "train",
                                        .total = e->last_update,
                                        .first = e->resumed_from,
                                        .terminal = !d->ranks && rd_progress_is_terminal(stdout)});
    d->unit = e->task->counts_examples ? e->task->examples : "tok";
    say(d, "%lld parameters, %lld training %s, %lld validation %s", (long long)e->n_parameters,
        (long long)e->n_train, e->task->examples, (long long)e->n_valid, e->task->examples);
    if (e->workers) say(d, "%s", e->workers);
    if (e->resumed_from > 0) say(d, "going on after update %lld", (long long)e->resumed_from);
}

static void describe_losses(const display *d, const rd_train_event *e, char text[128]) {
    char kl[32] = "";
    if (d->recipe->train.reg_alpha > 0.0f) snprintf(kl, sizeof kl, " kl %.4f", e->kl);
    if (isnan(e->loss))
        snprintf(text, 128, "nothing to predict");
    else if (d->recipe->table.regression)
        snprintf(text, 128, "loss %.3f error %.3f%s", e->loss, e->nll, kl);
    else
        snprintf(text, 128, "loss %.3f nll %.3f ppl %.2f%s", e->loss, e->nll, exp(e->nll), kl);
}

static void show_update(display *d, const rd_train_event *e) {
    char suffix[256], losses[128];
    describe_losses(d, e, losses);
    snprintf(suffix, sizeof suffix, "%.0f %s/s %s lr %.2e gnorm %.3f epoch %lld",
             e->tokens_per_second, d->unit, losses, e->lr, e->gnorm, (long long)e->epoch);
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

/* As the key worker-speeds takes them. */
static void show_speeds(display *d, const rd_train_event *e) {
    rd_text text = {0};
    rd_status status = e->n_workers > 1 ? RD_OK : RD_ERR_ARGUMENT;
    for (int i = 0; i < e->n_workers && status == RD_OK; i++)
        status = rd_text_printf(&text, "%s%.0f", i > 0 ? "," : "", e->worker_speeds[i]);
    if (status == RD_OK) say(d, "%s/s of each worker while it computes: %s", d->unit, text.data);
    rd_text_free(&text);
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
        options_warn(&program, "%s", e->reason);
        break;
    case RD_TRAIN_CHANGED:
    case RD_TRAIN_NOTE:
        say(d, "%s", e->reason);
        break;
    case RD_TRAIN_FINISHED:
        say(d, "finished at update %lld: %s; %s of training", (long long)e->update, e->reason,
            rd_duration(e->seconds, time));
        show_speeds(d, e);
        break;
    }
}

static int fail(void) {
    return options_fail(&program);
}

static int average(rd_recipe *recipe, const char *data, const char *save_dir) {
    int n = 0;
    if (rd_train_average(recipe, data, save_dir, &n) != RD_OK) return fail();
    printf("%s/model: the mean of %d checkpoints\n", save_dir, n);
    if (n < recipe->train.average_last)
        options_warn(&program,
                     "average-last is %d, but there are %d checkpoints (keep-last-n is %d)",
                     (int)recipe->train.average_last, n, (int)recipe->train.keep_last);
    return 0;
}

static int exit_status(rd_status status, bool other) {
    if (other) return 3;
    if (status != RD_ERR_INTERRUPTED) return 1;
    return 128 + (*stop_requested() ? *stop_requested() : SIGTERM); /* another rank's */
}

static int train(rd_recipe *recipe, const char *data, const char *save_dir, bool unchanged) {
    rd_comm *comm;
    if (!ranks_start(&program, recipe->train.worker_timeout, &comm)) return 1;
    stop_on_signals();
    stop_on(SIGUSR1); /* which Slurm sends, and mpirun passes on and then waits */
    display d = {
        .unit = "tok", .progress.config.out = stdout, .recipe = recipe, .ranks = comm->size > 1};
    bool other = false;
    rd_status status = rd_train(comm, recipe, data, save_dir, on_event, &d, stop_requested(),
                                unchanged ? &other : NULL);
    rd_progress_finish(&d.progress);
    if ((status == RD_OK || status == RD_ERR_INTERRUPTED) && comm->rank == 0)
        printf("peak memory %.0f MiB\n", (double)rd_peak_memory() / 1048576.0);
    return ranks_end(&program, comm, status, exit_status(status, other));
}

/* The recipe, and those it extends, may lie in the directory, but not where a file goes. */
static rd_status refuse_recipe(const char *recipe, const char *save_dir) {
    static const char *const written[] = {"train.jsonl", "report.html", "model/config.yaml"};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        char *path = rd_path_join(save_dir, written[i]);
        rd_status status = path ? rd_recipe_refuse_output(recipe, path) : RD_ERR_MEMORY;
        free(path);
        RD_TRY(status);
    }
    return RD_OK;
}

static int compare(const arguments *a) {
    if (a->recipe.n > 0)
        return options_usage(&program, "--report takes no recipe; found '%s'", a->recipe.items[0]);
    if (rd_train_compare(a->report.items, a->report.n, a->output) != RD_OK) return fail();
    printf("%s: %d training%s\n", a->output, a->report.n, a->report.n == 1 ? "" : "s");
    return 0;
}

static int run(const arguments *a) {
    rd_recipe *recipe;
    if (a->report.n > 0) return compare(a);
    if (a->recipe.n == 0) return options_usage(&program, "expected one RECIPE");
    if (!a->data) return options_usage(&program, "expected --data DIR");
    char default_dir[512];
    if (rd_recipe_load(&recipe, a->recipe.items[0], a->settings.items, a->settings.n) != RD_OK)
        return fail();
    snprintf(default_dir, sizeof default_dir, "out/%.480s", recipe->name);
    const char *save_dir = a->save_dir ? a->save_dir : default_dir;
    bool refused = refuse_recipe(a->recipe.items[0], save_dir) != RD_OK;
    int code = refused      ? fail()
               : a->average ? average(recipe, a->data, save_dir)
                            : train(recipe, a->data, save_dir, a->unchanged);
    rd_recipe_free(recipe);
    return code;
}

int main(int argc, char **argv) {
    start_program();
    rd_cpu_ignore_denormals();
    arguments a = {.data = NULL};
    options_given given;
    int code = options_parse(&given, &program, &a, argc, argv);
    if (code < 0) code = run(&a);
    options_free(&given);
    return code;
}
