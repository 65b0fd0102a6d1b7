/* How far a long job is: a bar that redraws itself on a terminal, lines now and then elsewhere. */
#ifndef RD_BASE_PROGRESS_H
#define RD_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    FILE *out;         /* not owned */
    const char *label; /* "train"; kept, not copied, like `unit` */
    const char *unit;  /* what is counted: the speed reads "1234 sentences/s"; NULL: no speed */
    int64_t total;     /* 0: not known, so no bar, no share and no ETA */
    int64_t first;   /* what is already done at the start (a resumed job); not part of the speed */
    bool terminal;   /* draw a bar; rd_progress_is_terminal(out) finds out */
    double interval; /* seconds between lines where there is no terminal; 0: none by itself */
    int columns;     /* width of the terminal; 0: ask it */
    double (*now)(void); /* seconds from any origin; NULL: the monotonic clock */
} rd_progress_config;

typedef struct {
    rd_progress_config config;
    double start, shown;    /* times: of the start, of the last output (or start) */
    double rate_time, rate; /* speed, smoothed over the last seconds, and when it was taken */
    int64_t done, rate_done;
    bool drawn; /* a bar is on the screen */
} rd_progress;

bool rd_progress_is_terminal(FILE *out);

void rd_progress_start(rd_progress *progress, const rd_progress_config *config);

/* `suffix` ("loss 4.21 ppl 8.3") ends the bar or line; NULL: none. On a terminal that is too narrow
 * the bar is shortened or left out, and then the suffix is cut at its end: put the most important
 * things first. Cheap: mostly it only looks at the clock, as a bar is redrawn at most ten times a
 * second. */
void rd_progress_update(rd_progress *progress, int64_t done, const char *suffix);

/* Writes the state now as a line of its own, above the bar: for milestones. */
void rd_progress_line(rd_progress *progress, const char *suffix);

/* Writes `text` as a line of its own, without tearing the bar. */
void rd_progress_message(rd_progress *progress, const char *text);

/* Removes the bar. Writes nothing if there is none. */
void rd_progress_finish(rd_progress *progress);

#endif
