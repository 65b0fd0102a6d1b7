/* rdrop-translate: text in, translations out. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "data/corpus.h"
#include "rdrop/translator.h"
#include "translate/stream.h"

enum { MAX_MODELS = 64 };

static const char help[] =
    "Usage: rdrop-translate --model DIR [OPTION]... < input > output\n"
    "Translates text line by line: one output line for each input line, in the same order.\n"
    "\n"
    "  rdrop-translate --model DIR --input news.en.gz --output news.de\n"
    "  zcat news.en.gz | rdrop-translate --model DIR --beam 1 > news.de\n"
    "  rdrop-translate --model A --model B < in > out       an ensemble of two models\n"
    "  rdrop-translate --model DIR --n-best 5 < in          LINE ||| TRANSLATION ||| SCORE\n"
    "  rdrop-translate --model DIR --score refs.de < in     log P of each given reference\n"
    "\n"
    "Model\n"
    "  --model DIR            directory written by rdrop-train (model.safetensors, config.yaml,\n"
    "                         vocabulary); repeat to average the probabilities of several\n"
    "Input and output\n"
    "  --input FILE           gzipped or plain text, one sentence a line; default standard input\n"
    "  --output FILE          written when complete; default standard output, as it comes\n"
    "  --n-best N             print the N best translations of each line, best first, lines\n"
    "                         counted from 0 (N <= beam; without --beam, a beam of at least N)\n"
    "  --score REF            translate nothing; print the natural-log probability of each line\n"
    "                         of REF as the translation of its input line\n"
    "Search (defaults from the model's config.yaml)\n"
    "  --beam N               hypotheses kept; 1 is greedy: fastest, a little worse\n"
    "  --lenpen X             rank by log P / length^X; larger gives longer translations\n"
    "  --max-len-a A          translations have at most A * source tokens + B tokens\n"
    "  --max-len-b B\n"
    "  --min-len N            and at least N tokens\n"
    "  --unk-penalty X        subtracted from log P of each unknown token\n"
    "  --no-repeat-ngram N    no sequence of N tokens twice in one translation; 0: off\n"
    "Speed\n"
    "  --threads N            default: all cores\n"
    "  --batch-tokens N       source tokens translated together; default 2048\n"
    "  --window N             lines read ahead at most, default 4096; 1 answers line by line\n"
    "\n"
    "A progress bar is shown where standard error is a terminal and the output is not, with an "
    "ETA\n"
    "if --input is a file.\n"
    "\n"
    "  --help, --version\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

typedef struct {
    const char *models[MAX_MODELS];
    int32_t n_models;
    const char *input, *output, *score;
    int32_t window;
    rd_translate_options options; /* fields given on the command line, or defaults */
} arguments;

/* Options with a value, and where it goes. Those of rd_translate_options are
 * laid over the model's defaults once the model is open. */
typedef enum { MODEL, TEXT, WHOLE, WHOLE64, REAL } value_type;
typedef struct {
    const char *name;
    value_type type;
    size_t offset; /* in arguments */
    int64_t least, most;
} option_info;

#define OF_ARGUMENTS(field) offsetof(arguments, field)
static const option_info infos[] = {
    {"model", MODEL, 0, 0, 0},
    {"input", TEXT, OF_ARGUMENTS(input), 0, 0},
    {"output", TEXT, OF_ARGUMENTS(output), 0, 0},
    {"score", TEXT, OF_ARGUMENTS(score), 0, 0},
    {"window", WHOLE, OF_ARGUMENTS(window), 1, 1 << 24},
    {"beam", WHOLE, OF_ARGUMENTS(options.beam), 1, 1024},
    {"lenpen", REAL, OF_ARGUMENTS(options.lenpen), 0, 0},
    {"max-len-a", REAL, OF_ARGUMENTS(options.max_len_a), 0, 0},
    {"max-len-b", REAL, OF_ARGUMENTS(options.max_len_b), 0, 0},
    {"min-len", WHOLE, OF_ARGUMENTS(options.min_len), 0, 1 << 20},
    {"n-best", WHOLE, OF_ARGUMENTS(options.n_best), 1, 1024},
    {"unk-penalty", REAL, OF_ARGUMENTS(options.unk_penalty), 0, 0},
    {"no-repeat-ngram", WHOLE, OF_ARGUMENTS(options.no_repeat_ngram), 0, 1 << 20},
    {"batch-tokens", WHOLE64, OF_ARGUMENTS(options.batch_tokens), 1, 1 << 30},
    {"threads", WHOLE, OF_ARGUMENTS(options.threads), 1, 4096},
};
enum { N_INFOS = sizeof infos / sizeof *infos, OPT_HELP = N_INFOS + 1, OPT_VERSION };

static volatile sig_atomic_t stop_requested;

static void request_stop(int number) {
    (void)number;
    stop_requested = 1;
}

__attribute__((format(printf, 1, 2))) _Noreturn static void usage_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("rdrop-translate: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; see rdrop-translate --help\n", stderr);
    exit(2);
}

static int64_t whole_number(const option_info *info, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < info->least || value > info->most)
        usage_error("--%s: \"%s\" is not a whole number from %lld to %lld", info->name, text,
                    (long long)info->least, (long long)info->most);
    return value;
}

static float real_number(const option_info *info, const char *text) {
    char *end;
    float value = strtof(text, &end);
    if (end == text || *end || !isfinite(value))
        usage_error("--%s: \"%s\" is not a number", info->name, text);
    return value;
}

static void store(arguments *a, const option_info *info, char *text) {
    char *field = (char *)a + info->offset;
    switch (info->type) {
    case MODEL:
        if (a->n_models == MAX_MODELS) usage_error("more than %d models", MAX_MODELS);
        a->models[a->n_models++] = text;
        break;
    case TEXT:
        memcpy(field, &text, sizeof text);
        break;
    case WHOLE:
        *(int32_t *)(void *)field = (int32_t)whole_number(info, text);
        break;
    case WHOLE64:
        *(int64_t *)(void *)field = whole_number(info, text);
        break;
    case REAL:
        *(float *)(void *)field = real_number(info, text);
        break;
    }
}

/* Reads the command line into `a`, whose option fields hold the defaults. It is
 * read twice: before the model is open, to find the model, and after, over the
 * model's defaults. */
static void parse(arguments *a, int argc, char **argv) {
    struct option options[N_INFOS + 3] = {{0}};
    for (int i = 0; i < N_INFOS; i++)
        options[i] = (struct option){infos[i].name, required_argument, NULL, i + 1};
    options[N_INFOS] = (struct option){"help", no_argument, NULL, OPT_HELP};
    options[N_INFOS + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    optind = 1;
    opterr = 0;
    a->n_models = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?') usage_error("unknown option or missing value: \"%s\"", argv[optind - 1]);
        if (option == OPT_HELP) {
            fputs(help, stdout);
            exit(0);
        }
        if (option == OPT_VERSION) {
            puts("rdrop-translate " RD_VERSION);
            exit(0);
        }
        store(a, &infos[option - 1], optarg);
    }
    if (optind < argc)
        usage_error("unexpected \"%s\": input comes from standard input or --input", argv[optind]);
    if (a->n_models == 0) usage_error("--model DIR is missing");
    if (a->score && strcmp(a->score, "-") == 0 && strcmp(a->input, "-") == 0)
        usage_error("--score - needs --input FILE");
}

/* What the user sees while it runs. */
typedef struct {
    double start;
    rd_progress progress;
    bool terminal;
} display;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

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
    *d = (display){.start = seconds(), .terminal = rd_progress_is_terminal(stderr) && !shown};
    rd_progress_start(&d->progress,
                      &(rd_progress_config){.out = stderr,
                                            .label = a->score ? "score" : "translate",
                                            .unit = "sentences",
                                            .total = d->terminal ? count_lines(a->input) : 0,
                                            .terminal = d->terminal});
}

static void show_progress(void *self, int64_t lines) {
    display *d = self;
    rd_progress_update(&d->progress, lines, NULL);
}

static void show_warning(void *self, const char *message) {
    display *d = self;
    rd_progress_finish(&d->progress); /* drawn again after the line */
    fprintf(stderr, "rdrop-translate: warning: %s\n", message);
}

static void show_totals(const arguments *a, const display *d, const rd_translate_totals *t) {
    double elapsed = seconds() - d->start;
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
        .window = typed ? 1 : a->window,
        .output = a->output ? file.stream : stdout,
        .progress = show_progress,
        .warn = show_warning,
        .self = &d,
        .stop = &stop_requested,
    };
    rd_translate_totals totals;
    status = rd_translate_stream(&config, &totals);
    rd_progress_finish(&d.progress);
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
    arguments a = {.input = "-", .window = 4096};
    parse(&a, argc, argv);
    signal(SIGPIPE, SIG_IGN); /* seen as a failed write instead */
    /* Once is a request to end behind the current lines; twice ends at once. */
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    rd_translator *translator;
    errno = 0;
    if (rd_translator_open(&translator, a.models, a.n_models) != RD_OK) {
        fprintf(stderr, "rdrop-translate: %s\n", rd_last_error());
        return 1;
    }
    a.options = rd_translator_defaults(translator);
    a.options.n_best = 1;
    int32_t beam = a.options.beam;
    a.options.beam = 0;
    parse(&a, argc, argv);
    /* Without --beam, as wide as the model's default and the n-best list ask for.
     */
    if (a.options.beam == 0) a.options.beam = a.options.n_best > beam ? a.options.n_best : beam;
    int code = translate(&a, translator);
    rd_translator_close(translator);
    return code;
}
