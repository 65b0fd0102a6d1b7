/* Translates the lines of standard input with several threads over one model, and prints for each
 * its number, translation, score and word alignment, in the order of the input. Build it with
 *
 *     cc -std=c17 translate.c -o translate $(pkg-config --cflags --libs rdrop) -pthread
 *
 * and run it with the directory of a model:
 *
 *     translate out/model [GLOSSARY.tsv] < input.txt */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <pthread.h>
#include <rdrop/translator.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

static char **lines; /* [n_lines] without their line ends */
static int n_lines;

/* A thread translates the lines first .. first + n - 1. */
typedef struct {
    const rd_translator *translator;
    rd_translate_options options;
    int first, n;
    rd_translations found;
    rd_status status;
    char message[256]; /* rd_last_error() belongs to the thread in which a call failed */
} worker;

static void *work(void *argument) {
    worker *w = (worker *)argument;
    const char *const *mine = (const char *const *)lines + w->first;
    w->status = rd_translator_run(w->translator, &w->options, w->n, mine, NULL, &w->found);
    if (w->status != RD_OK) snprintf(w->message, sizeof w->message, "%s", rd_last_error());
    return NULL;
}

static void print(const worker *w) {
    for (int i = 0; i < w->n; i++) {
        const rd_translation *best = &w->found.items[(size_t)i * (size_t)w->found.n_best];
        printf("%d\t%s\t%.4f\t", w->first + i + 1, best->text, (double)best->score);
        for (int k = 0; k < best->n_alignment; k++)
            printf("%s%d-%d", k ? " " : "", best->alignment[k].source, best->alignment[k].target);
        printf("\n");
        if (best->unmet) fprintf(stderr, "line %d lacks: %s\n", w->first + i + 1, best->unmet);
    }
}

/* Every thread gets an equal share of the lines. Nothing is locked: an open translator and an open
 * glossary are only read. Returns whether all is well. */
static int translate_all(const rd_translator *translator, const rd_translate_options *options) {
    worker workers[THREADS];
    pthread_t threads[THREADS];
    int started = 0, well = 1;
    for (; started < THREADS; started++) {
        int first = n_lines * started / THREADS, end = n_lines * (started + 1) / THREADS;
        worker *w = &workers[started];
        memset(w, 0, sizeof *w);
        w->translator = translator;
        w->options = *options;
        w->first = first;
        w->n = end - first;
        if (pthread_create(&threads[started], NULL, work, &workers[started]) != 0) break;
    }
    for (int t = 0; t < started; t++) pthread_join(threads[t], NULL);
    if (started < THREADS) fprintf(stderr, "cannot start a thread\n"), well = 0;
    for (int t = 0; t < started && well; t++) {
        well = workers[t].status == RD_OK;
        if (well)
            print(&workers[t]);
        else
            fprintf(stderr, "%s\n", workers[t].message);
    }
    for (int t = 0; t < started; t++) rd_translations_free(&workers[t].found);
    return well;
}

static int read_lines(void) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        char **more = (char **)realloc(lines, (size_t)(n_lines + 1) * sizeof *more);
        if (!more) break;
        if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
        lines = more;
        lines[n_lines++] = line;
        line = NULL; /* the next one is another */
        room = 0;
    }
    free(line);
    return feof(stdin);
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: translate MODEL_DIRECTORY [GLOSSARY.tsv] < input\n");
        return 2;
    }
    /* Several directories would be an ensemble. */
    rd_translator *translator = NULL;
    rd_glossary *glossary = NULL;
    const char *const directories[] = {argv[1]};
    rd_status status = rd_translator_open(&translator, directories, 1, RD_PRECISION_AUTO);
    if (status == RD_OK && argc == 3) status = rd_glossary_open(&glossary, argv[2]);
    if (status != RD_OK) {
        fprintf(stderr, "%s\n", rd_last_error());
        rd_translator_close(translator);
        return 1;
    }
    /* The model's own settings, and what is to be different. */
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.beam = 8;
    options.search.align = true;
    options.glossary = glossary;
    options.threads = 1; /* of each call; the calls are in parallel */
    int well = read_lines() && translate_all(translator, &options);
    for (int i = 0; i < n_lines; i++) free(lines[i]);
    free(lines);
    rd_glossary_close(glossary);
    rd_translator_close(translator);
    return well ? 0 : 1;
}
