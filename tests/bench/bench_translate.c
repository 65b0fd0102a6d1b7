/* How fast translation is: of a file in batches, of single sentences, and until the first one. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "data/corpus.h"
#include "rdrop/translator.h"
#include "support.h"

static const char help[] =
    "Usage: bench-translate --model DIR --input FILE [--beam N]... [--lines N] [--single N]\n"
    "                       [--precision P] [--shortlist FILE] [--threads N] [--json]\n"
    "Translates the file in batches, then its first lines one at a time, with each beam, each in "
    "a\n"
    "process of its own. Prints target tokens (without ends of sentences) and sentences a second;\n"
    "of single sentences the median and 95th percentile of the time they take; the time to load\n"
    "the model, and until the first line is translated then; peak memory.\n"
    "\n"
    "  --input FILE       plain or gz\n"
    "  --beam N           may be repeated (1 and 5)\n"
    "  --lines N          translated in batches; 0: all (0)\n"
    "  --single N         translated one at a time (100)\n"
    "  --length N         translations of just N tokens; 0: as long as they come (0)\n"
    "  --precision P      fp32, bf16, int8 or auto (auto)\n"
    "  --shortlist FILE   score its target pieces only (rdrop-preprocess --shortlist)\n"
    "  --threads N        all cores\n"
    "  --json             as a JSON object\n";

enum { MOST_BEAMS = 8 };

typedef struct {
    const char *model, *input, *shortlist;
    int beams[MOST_BEAMS], n_beams, threads, length;
    rd_precision precision;
    int64_t most_lines, single;
    bool json;
    char **lines;
    int64_t n_lines, capacity;
} arguments;

typedef struct {
    double load, first, seconds, p50, p95;
    int64_t sentences, tokens, peak_memory;
} result;

static void read_lines(arguments *a) {
    rd_corpus *corpus;
    const char *line;
    size_t length;
    if (rd_corpus_open(&corpus, a->input, RD_UTF8_REPAIR) != RD_OK) bench_fail();
    while (a->most_lines == 0 || a->n_lines < a->most_lines) {
        if (rd_corpus_next(corpus, &line, &length) != RD_OK) bench_fail();
        if (!line) break;
        if (rd_reserve(&a->lines, &a->capacity, a->n_lines + 1, sizeof *a->lines) != RD_OK ||
            !(a->lines[a->n_lines++] = rd_strdup(line)))
            bench_fail();
    }
    rd_corpus_close(corpus);
    if (a->n_lines == 0) bench_usage("--input: holds no lines");
}

static int64_t translate(const rd_translator *translator, const rd_translate_options *options,
                         int64_t n, char *const *lines) {
    rd_translations found;
    int64_t tokens = 0;
    if (rd_translator_run(translator, options, n, (const char *const *)lines, NULL, &found) !=
        RD_OK)
        bench_fail();
    for (int64_t i = 0; i < n; i++) tokens += found.items[i].n_tokens;
    rd_translations_free(&found);
    return tokens;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_single(const arguments *a, const rd_translator *translator,
                           const rd_translate_options *options, result *r) {
    r->sentences = a->single < a->n_lines ? a->single : a->n_lines;
    double *times = rd_calloc((size_t)r->sentences, sizeof *times);
    if (!times) bench_fail();
    for (int64_t i = 0; i < r->sentences; i++) {
        double start = rd_seconds();
        r->tokens += translate(translator, options, 1, a->lines + i);
        times[i] = rd_seconds() - start;
        r->seconds += times[i];
    }
    qsort(times, (size_t)r->sentences, sizeof *times, compare);
    r->p50 = times[r->sentences / 2];
    r->p95 = times[r->sentences * 95 / 100];
    free(times);
}

static result measure(const arguments *a, int beam, bool single) {
    result r = {0};
    rd_translator *translator;
    double start = rd_seconds();
    if (rd_translator_open(&translator, &a->model, 1, a->precision) != RD_OK) bench_fail();
    rd_shortlist *shortlist = NULL;
    if (a->shortlist && rd_shortlist_open(&shortlist, a->shortlist) != RD_OK) bench_fail();
    r.load = rd_seconds() - start;
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.beam = beam;
    options.search.n_best = 1;
    options.threads = a->threads;
    options.shortlist = shortlist;
    options.unscored = true;
    if (a->length) {
        options.search.min_len = a->length;
        options.search.max_len_a = 0;
        options.search.max_len_b = (float)a->length;
    }
    translate(translator, &options, 1, a->lines);
    r.first = rd_seconds() - start;
    if (single) {
        measure_single(a, translator, &options, &r);
    } else {
        start = rd_seconds();
        r.tokens = translate(translator, &options, a->n_lines, a->lines);
        r.seconds = rd_seconds() - start;
        r.sentences = a->n_lines;
    }
    r.peak_memory = rd_peak_memory();
    rd_shortlist_close(shortlist);
    rd_translator_close(translator);
    return r;
}

/* In a process of its own, whose memory is then this measurement's alone. */
static result measure_apart(const arguments *a, int beam, bool single) {
    int ends[2], status = 1;
    result r;
    if (pipe(ends) != 0) bench_usage("no pipe");
    pid_t child = fork();
    if (child == 0) {
        r = measure(a, beam, single);
        _exit(write(ends[1], &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
    }
    close(ends[1]);
    bool whole = child > 0 && read(ends[0], &r, sizeof r) == (ssize_t)sizeof r;
    close(ends[0]);
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0 && whole) return r;
    exit(1); /* the child has said why */
}

static void print_text(int beam, bool single, const result *r) {
    char latency[40] = "";
    if (single) snprintf(latency, sizeof latency, "%8.2f %8.2f", 1e3 * r->p50, 1e3 * r->p95);
    printf("%4d %-7s %9.0f %11.1f %17s %8.1f %8.1f %8.0f\n", beam, single ? "single" : "batch",
           (double)r->tokens / r->seconds, (double)r->sentences / r->seconds, latency,
           1e3 * r->load, 1e3 * r->first, (double)r->peak_memory / 1048576.0);
}

static json_t *to_json(int beam, bool single, const result *r) {
    json_t *object = json_pack(
        "{s:i, s:s, s:f, s:f, s:I, s:I, s:f, s:f, s:I}", "beam", beam, "mode",
        single ? "single" : "batch", "tokens_per_second", (double)r->tokens / r->seconds,
        "sentences_per_second", (double)r->sentences / r->seconds, "sentences", r->sentences,
        "tokens", r->tokens, "load", r->load, "first", r->first, "peak_memory", r->peak_memory);
    if (single) {
        json_object_set_new(object, "p50", json_real(r->p50));
        json_object_set_new(object, "p95", json_real(r->p95));
    }
    return object;
}

static rd_precision precision_of(const char *name) {
    static const char *const names[] = {"auto", "fp32", "bf16", "int8"}; /* rd_precision */
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (rd_precision)i;
    bench_usage("--precision: auto, fp32, bf16 or int8");
    return RD_PRECISION_AUTO;
}

static void parse(arguments *a, int argc, char **argv) {
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"input", required_argument, NULL, 'i'},
                                            {"beam", required_argument, NULL, 'b'},
                                            {"lines", required_argument, NULL, 'l'},
                                            {"single", required_argument, NULL, 's'},
                                            {"length", required_argument, NULL, 'n'},
                                            {"precision", required_argument, NULL, 'p'},
                                            {"shortlist", required_argument, NULL, 'r'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *a = (arguments){.single = 100};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (option) {
        case 'm':
            a->model = optarg;
            break;
        case 'i':
            a->input = optarg;
            break;
        case 'b':
            if (a->n_beams == MOST_BEAMS) bench_usage("at most 8 beams");
            a->beams[a->n_beams++] = (int)bench_number("--beam", optarg, 1, 1024);
            break;
        case 'l':
            a->most_lines = (int64_t)bench_number("--lines", optarg, 0, 1e9);
            break;
        case 's':
            a->single = (int64_t)bench_number("--single", optarg, 1, 1e9);
            break;
        case 'n':
            a->length = (int)bench_number("--length", optarg, 0, 1e5);
            break;
        case 'p':
            a->precision = precision_of(optarg);
            break;
        case 'r':
            a->shortlist = optarg;
            break;
        case 't':
            a->threads = (int)bench_number("--threads", optarg, 0, 4096);
            break;
        case 'j':
            a->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            exit(0);
        default:
            bench_usage("unknown option or missing value");
        }
    if (optind != argc || !a->model || !a->input)
        bench_usage(optind != argc ? "a surplus argument"
                                   : "expected --model DIR and --input FILE");
    if (a->n_beams == 0) a->beams[a->n_beams++] = 1, a->beams[a->n_beams++] = 5;
}

int main(int argc, char **argv) {
    arguments a;
    result results[2 * MOST_BEAMS];
    rd_keep_freed_memory(); /* as rdrop-translate does */
    parse(&a, argc, argv);
    read_lines(&a);
    for (int i = 0; i < 2 * a.n_beams; i++) results[i] = measure_apart(&a, a.beams[i / 2], i % 2);
    rd_set_threads(a.threads); /* only now: no threads were to be forked */
    json_t *all = json_array();
    if (!a.json) {
        bench_print_machine();
        printf("%4s %-7s %9s %11s %8s %8s %8s %8s %8s\n", "beam", "mode", "tokens/s", "sentences/s",
               "p50 ms", "p95 ms", "load ms", "first ms", "MiB");
    }
    for (int i = 0; i < 2 * a.n_beams; i++)
        if (a.json)
            json_array_append_new(all, to_json(a.beams[i / 2], i % 2, &results[i]));
        else
            print_text(a.beams[i / 2], i % 2, &results[i]);
    if (a.json)
        bench_print_json(json_pack("{s:o, s:s, s:o}", "machine", bench_machine(), "model", a.model,
                                   "results", all));
    else
        json_decref(all);
    for (int64_t i = 0; i < a.n_lines; i++) free(a.lines[i]);
    free(a.lines);
    return 0;
}
