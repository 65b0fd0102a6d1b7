#include "base/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define REDRAW_SECONDS 0.1
#define SMOOTH_SECONDS 15.0 /* a pause of a second hardly moves the ETA; a new pace shows soon */
enum { BAR_CELLS = 20, SHORT_CELLS = 10, STATE_BYTES = 512 };
enum { MODEST_COLUMNS = 100 }; /* below, a bar gives way to figures */

bool rd_progress_is_terminal(FILE *out) {
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && !(term && strcmp(term, "dumb") == 0);
}

void rd_progress_start(rd_progress *progress, const rd_progress_config *config) {
    *progress = (rd_progress){.config = *config, .done = config->first, .rate_done = config->first};
    if (!progress->config.now) progress->config.now = rd_seconds;
    progress->start = progress->shown = progress->rate_time = progress->config.now();
}

/* An average over all so far at first, then over about the last SMOOTH_SECONDS. */
static void measure(rd_progress *p, double now) {
    double passed = now - p->rate_time;
    if (passed < REDRAW_SECONDS) return;
    double weight = fmax(passed / (now - p->start), 1.0 - exp(-passed / SMOOTH_SECONDS));
    p->rate += weight * ((double)(p->done - p->rate_done) / passed - p->rate);
    p->rate_time = now;
    p->rate_done = p->done;
}

/* snprintf onto the end of a line; what does not fit is left out. */
__attribute__((format(printf, 3, 4))) static void add(char *line, size_t room, const char *format,
                                                      ...) {
    size_t length = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + length, room - length, format, args);
    va_end(args);
}

static void add_eta(char *line, double seconds) {
    long long s = (long long)(seconds + 0.5);
    if (s >= 360000000) return; /* ten years and more say nothing */
    char text[32];
    if (s >= 3600)
        add(line, STATE_BYTES, "  ETA %s", rd_duration((double)s, text));
    else
        add(line, STATE_BYTES, "  ETA %lld:%02lld", s / 60, s % 60);
}

/* bar_cells 0: no bar. */
static void describe(const rd_progress *p, int bar_cells, const char *suffix,
                     char line[STATE_BYTES]) {
    const rd_progress_config *c = &p->config;
    double share = c->total > 0 ? fmin(1.0, (double)p->done / (double)c->total) : 0.0;
    snprintf(line, STATE_BYTES, "%s  ", c->label);
    if (c->total > 0 && bar_cells > 0) {
        char cells[BAR_CELLS + 1];
        int full = (int)(share * bar_cells);
        for (int i = 0; i < bar_cells; i++) cells[i] = i < full ? '#' : '.';
        cells[bar_cells] = '\0';
        add(line, STATE_BYTES, "[%s] ", cells);
    }
    if (c->total > 0)
        add(line, STATE_BYTES, "%lld/%lld %d%%", (long long)p->done, (long long)c->total,
            (int)(100.0 * share));
    else
        add(line, STATE_BYTES, "%lld", (long long)p->done);
    if (c->unit && p->rate > 0)
        add(line, STATE_BYTES, p->rate < 10 ? "  %.2f %s/s" : "  %.0f %s/s", p->rate, c->unit);
    if (c->total > p->done && p->rate > 0) add_eta(line, (double)(c->total - p->done) / p->rate);
    if (suffix && *suffix) add(line, STATE_BYTES, "  %s", suffix);
}

static int columns(const rd_progress *p) {
    struct winsize size;
    if (p->config.columns > 0) return p->config.columns;
    return ioctl(fileno(p->config.out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                                   : 80;
}

/* Bytes of UTF-8 text that fill at most `cells` columns, a code point taken as one: a bar that
 * wraps could not be drawn over. */
static int fitting(const char *text, int cells) {
    int bytes = 0;
    for (; text[bytes]; bytes++) {
        bool starts = ((unsigned char)text[bytes] & 0xC0) != 0x80;
        if (starts && cells-- == 0) break;
    }
    return bytes;
}

/* The same, without a number cut in two at the end, which would be another number. */
static int fitting_figures(const char *text, int cells) {
    int bytes = fitting(text, cells), start = bytes;
    if (!text[bytes] || text[bytes] == ' ') return bytes;
    while (start > 0 && text[start - 1] != ' ') start--;
    return text[start] >= '0' && text[start] <= '9' ? start : bytes;
}

static void erase(rd_progress *p) {
    if (p->drawn) fputs("\r\033[K", p->config.out);
    p->drawn = false;
}

static void draw(rd_progress *p, const char *suffix) {
    char line[STATE_BYTES];
    int width = columns(p);
    describe(p, BAR_CELLS, suffix, line);
    if (line[fitting(line, width - 1)])
        describe(p, width < MODEST_COLUMNS ? 0 : SHORT_CELLS, suffix, line);
    fprintf(p->config.out, "\r\033[K%.*s", fitting_figures(line, width - 1), line);
    fflush(p->config.out);
    p->drawn = true;
}

void rd_progress_update(rd_progress *progress, int64_t done, const char *suffix) {
    rd_progress *p = progress;
    p->done = done;
    double now = p->config.now(), waited = now - p->shown;
    bool first = p->config.terminal && !p->drawn;
    if (!first && waited < (p->config.terminal ? REDRAW_SECONDS : p->config.interval)) return;
    if (!p->config.terminal && p->config.interval <= 0) return;
    measure(p, now);
    p->shown = now;
    if (p->config.terminal)
        draw(p, suffix);
    else
        rd_progress_line(p, suffix);
}

void rd_progress_line(rd_progress *progress, const char *suffix) {
    char line[STATE_BYTES];
    measure(progress, progress->config.now());
    describe(progress, 0, suffix, line);
    rd_progress_message(progress, line);
}

void rd_progress_message(rd_progress *progress, const char *text) {
    erase(progress);
    fprintf(progress->config.out, "%s\n", text);
    fflush(progress->config.out);
}

void rd_progress_finish(rd_progress *progress) {
    erase(progress);
    fflush(progress->config.out);
}
