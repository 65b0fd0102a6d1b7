/* rdrop-translate: text in, translations out. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "data/corpus.h"
#include "io/output.h"
#include "rdrop/translator.h"
#include "tools/common/ranks.h"
#include "tools/common/start.h"
#include "tools/common/stop.h"
#include "tools/translate/arguments.h"
#include "tools/translate/editor.h"
#include "translate/stream.h"

/* The display while it runs. */
typedef struct {
    double start;
    rd_progress progress;
    bool terminal, interactive;
    editor *editor; /* NULL: lines are read as they come */
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

/* No bar where translations appear on the same terminal, or ranks that mpirun shows together. */
static void start_display(display *d, const arguments *a, const rd_comm *comm) {
    bool same = strcmp(a->output, "-") == 0 && isatty(STDOUT_FILENO);
    bool shown = same || comm->size > 1;
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

/* For the next line; on standard error, so that standard output has only the translations. */
static void prompt(const display *d) {
    if (d->editor)
        editor_answered(d->editor);
    else
        fputs("> ", stderr);
}

static void show_progress(void *self, int64_t lines) {
    display *d = self;
    if (d->interactive) {
        prompt(d);
        return;
    }
    rd_progress_update(&d->progress, lines, NULL);
}

static void show_warning(void *self, const char *message) {
    display *d = self;
    char shown[2048]; /* a phrase is quoted that may hold anything */
    rd_escape(shown, sizeof shown, message);
    rd_progress_finish(&d->progress); /* drawn again after the line */
    options_warn(&translate_program, "%s", shown);
}

static void show_totals(const arguments *a, const display *d, const rd_translate_totals *t) {
    double elapsed = rd_seconds() - d->start;
    double tokens = t->target_tokens > 0 ? (double)t->target_tokens : 1;
    if (a->score)
        fprintf(stderr, "%lld reference%s, %lld tokens, log P %.4f, %.4f per token, ppl %.3f\n",
                (long long)t->lines, t->lines == 1 ? "" : "s", (long long)t->target_tokens,
                t->log_prob, t->log_prob / tokens, exp(-t->log_prob / tokens));
    else
        fprintf(stderr, "%lld lines in %.2f s: %.1f sentences/s, %.0f target tokens/s\n",
                (long long)t->lines, elapsed, (double)t->lines / elapsed,
                (double)t->target_tokens / elapsed);
}

/* The exit status; the last thing that happens. */
static int end(rd_comm *comm, rd_status status) {
    if (status == RD_ERR_IO && errno == EPIPE && comm->size == 1) {
        rd_ranks_close(comm); /* the reader knows why it left */
        return 1;
    }
    return ranks_end(&translate_program, comm, status, status == RD_ERR_ARGUMENT ? 2 : 1);
}

static rd_status open_output(const arguments *a, rd_atomic_file *file) {
    const char *const inputs[] = {a->input,       a->score,    a->prefix,
                                  a->constraints, a->glossary, a->shortlist};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        RD_TRY(rd_refuse_input(a->output, inputs[i]));
    for (int m = 0; m < a->models.n; m++)
        RD_TRY(rd_refuse_inputs_in(a->output, a->models.items[m]));
    return rd_output_open(file, a->output);
}

/* Ranks read the input each, and the first of them writes. */
static rd_status open_files(const arguments *a, const rd_comm *comm, rd_atomic_file *file) {
    if (comm->size > 1 && (a->interactive || strcmp(a->input, "-") == 0))
        return rd_error(RD_ERR_ARGUMENT, "several ranks need --input FILE, which all of them read");
    return comm->rank == 0 ? open_output(a, file) : RD_OK;
}

static rd_status translate(const arguments *a, const rd_translator *translator, rd_comm *comm) {
    display d;
    start_display(&d, a, comm);
    bool typed = strcmp(a->input, "-") == 0 && isatty(STDIN_FILENO);
    rd_atomic_file file = {0};
    errno = 0;
    RD_TRY(rd_comm_agree(comm, open_files(a, comm, &file)));
    rd_translate_stream_config config = {
        .translator = translator,
        .options = a->options,
        .input = a->input,
        .score = a->score,
        .prefix = a->prefix,
        .constraints = a->constraints,
        .list = options_has(&a->given, "nbest"),
        .window = typed || a->interactive ? 1 : a->window,
        .truncate_source = a->truncate_source,
        .output = file.stream,
        .progress = show_progress,
        .warn = show_warning,
        .self = &d,
        .stop = stop_requested(),
        .stop_fd = stop_fd(),
        .comm = comm,
    };
    if (a->interactive) {
        fputs("Type a line and Enter for its translation; Ctrl-D ends.\n", stderr);
        d.editor = editor_start();
        if (!d.editor) prompt(&d);
    }
    rd_translate_totals totals;
    rd_status status = rd_translate_stream(&config, &totals);
    editor_stop(d.editor);
    rd_progress_finish(&d.progress);
    if (a->interactive) fputc('\n', stderr); /* the shell's prompt follows ours */
    if (comm->rank == 0) status = rd_atomic_close(&file, status);
    if (status == RD_OK && comm->rank == 0 && (d.terminal || a->score)) show_totals(a, &d, &totals);
    return status;
}

/* The files that options name, except the model. */
typedef struct {
    rd_glossary *glossary;
    rd_pattern *keep;
    rd_shortlist *shortlist;
} lists;

static rd_status open_lists(const arguments *a, rd_translate_options *options, lists *l) {
    if (a->keep) RD_TRY(rd_pattern_open(&l->keep, a->keep));
    if (a->glossary) RD_TRY(rd_glossary_open(&l->glossary, a->glossary));
    if (a->shortlist) RD_TRY(rd_shortlist_open(&l->shortlist, a->shortlist));
    options->glossary = l->glossary;
    options->keep = l->keep;
    options->shortlist = l->shortlist;
    return RD_OK;
}

static void close_lists(lists *l) {
    rd_shortlist_close(l->shortlist);
    rd_glossary_close(l->glossary);
    rd_pattern_close(l->keep);
}

/* *crc goes on over the bytes of a file. */
static rd_status add_file(const char *directory, const char *name, uint32_t *crc) {
    rd_mapping file = {0};
    char *path = rd_path_join(directory, name);
    rd_status status = path ? rd_map_file(&file, path) : RD_ERR_MEMORY;
    if (status == RD_OK) *crc = rd_crc32(*crc, file.bytes, file.size);
    rd_unmap_file(&file);
    free(path);
    return status;
}

/* Ranks on several machines have copies of the models. */
static rd_status check_same_models(const arguments *a, rd_comm *comm) {
    uint32_t mine = (uint32_t)a->precision, *all = rd_calloc((size_t)comm->size, sizeof *all);
    rd_status status = all ? RD_OK : RD_ERR_MEMORY;
    for (int i = 0; i < a->models.n && status == RD_OK; i++) {
        status = add_file(a->models.items[i], "model.safetensors", &mine);
        if (status == RD_OK) status = add_file(a->models.items[i], "config.yaml", &mine);
    }
    status = rd_comm_agree(comm, status);
    if (status == RD_OK) status = rd_comm_gather(comm, &mine, sizeof mine, all);
    for (int i = 1; status == RD_OK && i < comm->size; i++)
        if (all[i] != all[0])
            status = rd_error(RD_ERR_ARGUMENT,
                              "rank %d (%s) has other models, or another precision, than rank 0", i,
                              rd_ranks_host(comm, i));
    free(all);
    return rd_comm_agree(comm, status);
}

static rd_status open_and_translate(arguments *a, rd_translator *translator, rd_comm *comm) {
    lists opened = {0};
    rd_translate_options defaults = rd_translator_defaults(translator);
    rd_status status = arguments_search(a, &defaults.search, &a->options.search);
    if (status == RD_OK) status = open_lists(a, &a->options, &opened);
    if (status == RD_OK) status = translate(a, translator, comm);
    int saved = errno;
    close_lists(&opened);
    errno = saved;
    return status;
}

static int run(arguments *a) {
    rd_comm *comm;
    signal(SIGPIPE, SIG_IGN); /* seen as a failed write instead */
    if (!ranks_start(&translate_program, RANKS_PATIENCE, &comm)) return 1;
    if (!a->interactive) stop_on_signals(); /* which has no lines that are under way */
    rd_translator *translator;
    errno = 0;
    rd_status status = rd_translator_open(&translator, a->models.items, a->models.n, a->precision);
    status = rd_comm_agree(comm, status);
    if (status == RD_OK && comm->size > 1) status = check_same_models(a, comm);
    if (status != RD_OK) return end(comm, status);
    status = open_and_translate(a, translator, comm);
    int saved = errno;
    rd_translator_close(translator);
    errno = saved;
    return end(comm, status);
}

int main(int argc, char **argv) {
    start_model_program();
    arguments a;
    int code = arguments_parse(&a, argc, argv);
    if (code < 0) code = run(&a);
    arguments_free(&a);
    return code;
}
