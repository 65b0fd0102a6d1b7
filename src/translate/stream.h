/* Translating a stream of lines in bounded memory: lines are read a window at a time, translated
 * together, and written in their order before the next window is read. */
#ifndef RD_TRANSLATE_STREAM_H
#define RD_TRANSLATE_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "dist/comm.h"
#include "rdrop/translator.h"

typedef struct {
    const rd_translator *translator;
    rd_translate_options options;
    const char *input;       /* file, gz or plain; "-": standard input */
    const char *score;       /* file of references to score instead of translating, or NULL */
    const char *prefix;      /* file of the beginning of each translation, or NULL */
    const char *constraints; /* file of the phrases that each must contain, tab-separated, or
                              * NULL */
    /* The most lines read ahead. The first windows are smaller (1, 1, 2, 4, ... lines), so a pipe
     * gets its first answers early; larger ones fill batches better. 1: line by line. */
    int64_t window;
    bool list;            /* with scores, even with one translation a line */
    FILE *output;         /* flushed after each window */
    bool truncate_source; /* lines that are cut are counted at the end, not named one by one */
    /* Called between windows, and for lines that were cut or lack phrases that they must contain;
     * both may be NULL. */
    void (*progress)(void *self, int64_t lines_done);
    void (*warn)(void *self, const char *message);
    void *self;
    const volatile sig_atomic_t *stop; /* non-zero: end with RD_ERR_INTERRUPTED; may be NULL */
    int stop_fd; /* a descriptor to read from once *stop is set; ends waiting for input; 0: none */
    /* Each worker reads all of the input and translates every size-th window. Only the first one
     * has output, progress and warn, and the totals. NULL: a single worker. */
    rd_comm *comm;
} rd_translate_stream_config;

/* Totals over the stream. */
typedef struct {
    int64_t lines, target_tokens; /* tokens: of best translations, or of references with eos */
    int64_t cut_lines, dropped_tokens;
    int64_t restored; /* strings to keep that were put at the ends of translations */
    double log_prob;  /* of references, summed */
} rd_translate_totals;

/* Writes one line per input line; with `list` or n_best > 1, `line ||| translation ||| score` per
 * hypothesis, lines counted from 0; with `align`, pairs source-target after a tab, or in lists
 * after ` |||`; with `score`, the log-probability of the reference line. Invalid UTF-8 in the input
 * is repaired with U+FFFD. RD_ERR_IO when the output fails: errno is EPIPE if its reader left. */
rd_status rd_translate_stream(const rd_translate_stream_config *config,
                              rd_translate_totals *totals);

#endif
