/* How fast translation is: of a file in batches, of single sentences, and until the first one. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/corpus.h"
#include "rdrop/translator.h"
#include "support.h"
#include "tools/common/precision.h"

enum { MOST_LINES = 1000000000 };

typedef struct {
    const char *model, *input, *shortlist;
    struct {
        int32_t n, of[RD_MOST_INTS];
    } beams;
    int32_t threads, length;
    rd_precision precision;
    int64_t most_lines, single;
    bool json;
    char **lines;
    int64_t n_lines, capacity;
} arguments;

/* clang-format off: a row an option */
static const rd_key keys[] = {
    {"model", RD_KEY_WORD, offsetof(arguments, model), .value = "DIR", .help = "of the model"},
    {"input", RD_KEY_WORD, offsetof(arguments, input), .value = "FILE", .help = "plain or gz"},
    {"beam", RD_KEY_INTS, offsetof(arguments, beams), 1, 1024, "1,5", .value = "N,...",
     .help = "sizes of the beam, one after another"},
    {"lines", RD_KEY_INT64, offsetof(arguments, most_lines), 0, MOST_LINES, "0",
     .help = "translated in batches; 0: all"},
    {"single", RD_KEY_INT64, offsetof(arguments, single), 1, MOST_LINES, "100",
     .help = "translated one at a time"},
    {"length", RD_KEY_INT32, offsetof(arguments, length), 0, 1e5, "0",
     .help = "translations of just N tokens; 0: as long as they come"},
    {"precision", RD_KEY_ENUM, offsetof(arguments, precision), .default_value = "auto",
     .names = precision_names, .help = "of the products"},
    {"shortlist", RD_KEY_WORD, offsetof(arguments, shortlist), .value = "FILE",
     .help = "score its target pieces only (rdrop-preprocess --shortlist)"},
    {"threads", RD_KEY_INT32, offsetof(arguments, threads), 0, 4096, "0", .help = "0: all cores"},
    {"json", RD_KEY_BOOL, offsetof(arguments, json), .help = "as a JSON object"},
    {.name = NULL}};
/* clang-format on */

static const options_program program = {
    .name = "bench-translate",
    .summary = "how fast translation is",
    .synopsis = (const char *const[]){"--model DIR --input FILE [OPTION]...", NULL},
    .description = "Translates the file in batches, then its first lines one at a time, with each "
                   "beam, each in a process of its own. Prints target tokens (without ends of "
                   "sentences) and sentences a second; of single sentences the median and 95th "
                   "percentile of the time they take; the time to load the model, and until the "
                   "first line is translated then; peak memory.",
    .groups = (const options_group[]){{.heading = "Options", .keys = keys}, {.heading = NULL}},
    .relations = (const options_relation[]){{"model", OPTIONS_IS_REQUIRED, NULL},
                                            {"input", OPTIONS_IS_REQUIRED, NULL},
                                            {.name = NULL}}};

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
    if (a->n_lines > 0) return;
    rd_error(RD_ERR_FORMAT, "%s: holds no lines", a->input);
    bench_fail();
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
    if (pipe(ends) != 0) {
        rd_error(RD_ERR_IO, "no pipe");
        bench_fail();
    }
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

static void bench(void *self) {
    arguments *a = self;
    result results[2 * RD_MOST_INTS];
    rd_keep_freed_memory(); /* as rdrop-translate does */
    read_lines(a);
    for (int i = 0; i < 2 * a->beams.n; i++)
        results[i] = measure_apart(a, a->beams.of[i / 2], i % 2);
    rd_set_threads(a->threads); /* only now: no threads were to be forked */
    json_t *all = json_array();
    if (!a->json) {
        bench_print_machine();
        printf("%4s %-7s %9s %11s %8s %8s %8s %8s %8s\n", "beam", "mode", "tokens/s", "sentences/s",
               "p50 ms", "p95 ms", "load ms", "first ms", "MiB");
    }
    for (int i = 0; i < 2 * a->beams.n; i++)
        if (a->json)
            json_array_append_new(all, to_json(a->beams.of[i / 2], i % 2, &results[i]));
        else
            print_text(a->beams.of[i / 2], i % 2, &results[i]);
    if (a->json)
        bench_print_json(json_pack("{s:o, s:s, s:o}", "machine", bench_machine(), "model", a->model,
                                   "results", all));
    else
        json_decref(all);
    for (int64_t i = 0; i < a->n_lines; i++) free(a->lines[i]);
    free(a->lines);
}

int main(int argc, char **argv) {
    arguments a = {0};
    return bench_main(&program, &a, bench, argc, argv);
}
