/* rdrop-translate: text in, translations out. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "data/corpus.h"
#include "rdrop/translator.h"
#include "tools/common/lost_file.h"
#include "tools/translate/arguments.h"
#include "translate/stream.h"

static volatile sig_atomic_t stop_requested;

static void request_stop(int number) {
    (void)number;
    stop_requested = 1;
}

/* What the user sees while it runs. */
typedef struct {
    double start;
    rd_progress progress;
    bool terminal, interactive;
} display;

/* Lines of a regular file, which takes a thousandth of translating them; 0 when not known. */
static int64_t count_lines(const char *path) {
    struct stat info;
    rd_corpus *corpus;
    const char *line;
    size_t length;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) ||
        rd_corpus_open(&corpus, path, RD_UTF8_REPAIR) != RD_OK)
        return 0;
    rd_status status;
    do status = rd_corpus_next(corpus, &line, &length);
    while (status == RD_OK && line);
    int64_t n = rd_corpus_line_number(corpus);
    rd_corpus_close(corpus);
    return status == RD_OK ? n : 0;
}

/* No bar where translations appear on the same terminal. */
static void start_display(display *d, const arguments *a) {
    bool shown = !a->output && isatty(STDOUT_FILENO);
    *d = (display){.start = rd_seconds(),
                   .terminal = rd_progress_is_terminal(stderr) && !shown && !a->interactive,
                   .interactive = a->interactive};
    rd_progress_start(&d->progress,
                      &(rd_progress_config){.out = stderr,
                                            .label = a->score ? "score" : "translate",
                                            .unit = "sentences",
                                            .total = d->terminal ? count_lines(a->input) : 0,
                                            .terminal = d->terminal});
}

/* On standard error, so that standard output has the translations alone. */
static void prompt(void) {
    fputs("> ", stderr);
}

static void show_progress(void *self, int64_t lines) {
    display *d = self;
    if (d->interactive) {
        prompt();
        return;
    }
    rd_progress_update(&d->progress, lines, NULL);
}

static void show_warning(void *self, const char *message) {
    display *d = self;
    rd_progress_finish(&d->progress); /* drawn again after the line */
    fprintf(stderr, "rdrop-translate: warning: %s\n", message);
}

static void show_totals(const arguments *a, const display *d, const rd_translate_totals *t) {
    double elapsed = rd_seconds() - d->start;
    double tokens = t->target_tokens > 0 ? (double)t->target_tokens : 1;
    if (a->score)
        fprintf(stderr, "%lld references, %lld tokens, log P %.4f, %.4f per token, ppl %.3f\n",
                (long long)t->lines, (long long)t->target_tokens, t->log_prob, t->log_prob / tokens,
                exp(-t->log_prob / tokens));
    else
        fprintf(stderr, "%lld lines in %.2f s: %.1f sentences/s, %.0f target tokens/s\n",
                (long long)t->lines, elapsed, (double)t->lines / elapsed,
                (double)t->target_tokens / elapsed);
}

static int fail(rd_status status) {
    if (status == RD_ERR_IO && errno == EPIPE) return 1; /* the reader knows why it left */
    fprintf(stderr, "rdrop-translate: %s\n", rd_last_error());
    return status == RD_ERR_ARGUMENT ? 2 : 1;
}

static int translate(const arguments *a, const rd_translator *translator) {
    display d;
    start_display(&d, a);
    bool typed = strcmp(a->input, "-") == 0 && isatty(STDIN_FILENO);
    rd_atomic_file file = {0};
    errno = 0;
    rd_status status = a->output ? rd_atomic_open(&file, a->output) : RD_OK;
    if (status != RD_OK) return fail(status);
    rd_translate_stream_config config = {
        .translator = translator,
        .options = a->options,
        .input = a->input,
        .score = a->score,
        .prefix = a->prefix,
        .constraints = a->constraints,
        .window = typed || a->interactive ? 1 : a->window,
        .truncate_source = a->truncate_source,
        .output = a->output ? file.stream : stdout,
        .progress = show_progress,
        .warn = show_warning,
        .self = &d,
        .stop = &stop_requested,
    };
    if (a->interactive) {
        fputs("Type a line and Enter for its translation; Ctrl-D ends.\n", stderr);
        prompt();
    }
    rd_translate_totals totals;
    status = rd_translate_stream(&config, &totals);
    rd_progress_finish(&d.progress);
    if (a->interactive) fputc('\n', stderr); /* the shell's prompt goes behind ours */
    int code = status == RD_OK ? 0 : fail(status);
    if (a->output && code == 0) {
        status = rd_atomic_commit(&file);
        code = status == RD_OK ? 0 : fail(status);
    } else {
        rd_atomic_abort(&file);
    }
    if (code == 0 && (d.terminal || a->score)) show_totals(a, &d, &totals);
    return code;
}

int main(int argc, char **argv) {
    catch_lost_file();
    rd_keep_freed_memory();
    arguments a = {.input = "-", .window = 4096};
    arguments_parse(&a, argc, argv);
    signal(SIGPIPE, SIG_IGN); /* seen as a failed write instead */
    /* Once is a request to end behind the current lines; twice ends at once. */
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    if (!a.interactive) { /* which has no lines that are under way */
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    rd_translator *translator;
    errno = 0;
    if (rd_translator_open(&translator, a.models, a.n_models, a.precision) != RD_OK) {
        fprintf(stderr, "rdrop-translate: %s\n", rd_last_error());
        return 1;
    }
    a.options = rd_translator_defaults(translator);
    rd_glossary *glossary = NULL;
    rd_pattern *keep = NULL;
    rd_shortlist *shortlist = NULL;
    rd_status status = RD_OK;
    if (a.glossary) status = rd_glossary_open(&glossary, a.glossary);
    if (status == RD_OK && a.keep) status = rd_pattern_open(&keep, a.keep);
    if (status == RD_OK && a.shortlist) status = rd_shortlist_open(&shortlist, a.shortlist);
    if (status != RD_OK) {
        fprintf(stderr, "rdrop-translate: %s\n", rd_last_error());
        rd_pattern_close(keep);
        rd_glossary_close(glossary);
        rd_translator_close(translator);
        return status == RD_ERR_ARGUMENT ? 2 : 1;
    }
    a.options.glossary = glossary;
    a.options.keep = keep;
    a.options.shortlist = shortlist;
    a.options.n_best = 1;
    int32_t beam = a.options.beam;
    a.options.beam = 0;
    arguments_parse(&a, argc, argv);
    /* Without --beam, as wide as the model's default and the n-best list ask for; the samples that
     * are printed and no more. */
    if (a.options.beam == 0)
        a.options.beam = a.options.sampling || a.options.n_best > beam ? a.options.n_best : beam;
    int code = translate(&a, translator);
    rd_shortlist_close(shortlist);
    rd_pattern_close(keep);
    rd_glossary_close(glossary);
    rd_translator_close(translator);
    return code;
}
