/* The progress bar, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/progress.h"

static double clock_seconds;

static double now(void) {
    return clock_seconds;
}

typedef struct {
    FILE *out;
    char *text;
    size_t n, seen;
    rd_progress progress;
} screen;

static void open_screen(screen *s, rd_progress_config config) {
    s->seen = 0;
    s->out = open_memstream(&s->text, &s->n);
    assert_non_null(s->out);
    clock_seconds = 1000.0;
    config.out = s->out;
    config.now = now;
    rd_progress_start(&s->progress, &config);
}

/* Everything written since the last call, compared. */
static void shows(screen *s, const char *wanted) {
    fflush(s->out);
    assert_string_equal(s->text + s->seen, wanted);
    s->seen = s->n;
}

static int outputs(screen *s) {
    int n = 0;
    fflush(s->out);
    for (size_t i = 0; i < s->n; i++) n += s->text[i] == '\r';
    return n;
}

static void close_screen(screen *s) {
    fclose(s->out);
    free(s->text);
}

static void a_bar_shows_share_speed_eta_and_suffix(void **state) {
    (void)state;
    screen s;
    open_screen(
        &s,
        (rd_progress_config){
            .label = "train", .unit = "updates", .total = 200, .terminal = true, .columns = 120});
    rd_progress_update(&s.progress, 0, NULL);
    shows(&s, "\r\033[Ktrain  [....................] 0/200 0%");
    clock_seconds += 2.0;
    rd_progress_update(&s.progress, 50, "loss 4.21 ppl 8.3");
    shows(&s, "\r\033[Ktrain  [#####...............] 50/200 25%  25 updates/s  ETA 0:06  "
              "loss 4.21 ppl 8.3");
    clock_seconds += 6.0;
    rd_progress_update(&s.progress, 200, "");
    shows(&s, "\r\033[Ktrain  [####################] 200/200 100%  25 updates/s");
    rd_progress_finish(&s.progress);
    shows(&s, "\r\033[K");
    rd_progress_finish(&s.progress);
    shows(&s, "");
    close_screen(&s);
}

static void a_bar_is_redrawn_at_most_ten_times_a_second(void **state) {
    (void)state;
    screen s;
    open_screen(
        &s, (rd_progress_config){
                .label = "x", .unit = "lines", .total = 10000, .terminal = true, .columns = 80});
    for (int i = 0; i < 10000; i++) {
        rd_progress_update(&s.progress, i, NULL);
        clock_seconds += 1.0 / 4096; /* exact in binary: about 2.44 s in all */
    }
    assert_true(outputs(&s) >= 20);
    assert_true(outputs(&s) <= 25);
    close_screen(&s);
}

static void a_bar_never_wraps(void **state) {
    (void)state;
    screen s;
    open_screen(&s, (rd_progress_config){.label = "x", .terminal = true, .columns = 12});
    rd_progress_update(&s.progress, 7, "äöüäöüäöü and more");
    shows(&s, "\r\033[Kx  7  äöüäö");
    close_screen(&s);
}

/* rdrop-train's line in windows of several widths: speed and ETA are there in each, and the bar is
 * shorter where the last column would be written. */
static void a_narrow_bar_keeps_speed_and_eta(void **state) {
    (void)state;
    static const struct {
        int columns;
        const char *line;
    } cases[] = {
        {140, "\r\033[Ktrain  [##########..........] 125000/250000 50%  ETA 34:43:20  "
              "12345 tok/s loss 4.211 nll 3.978 ppl 15.76 kl 0.1234"},
        {116, "\r\033[Ktrain  [##########..........] 125000/250000 50%  ETA 34:43:20  "
              "12345 tok/s loss 4.211 nll 3.978 ppl 15.76 kl 0.1234"},
        {115, "\r\033[Ktrain  [#####.....] 125000/250000 50%  ETA 34:43:20  "
              "12345 tok/s loss 4.211 nll 3.978 ppl 15.76 kl 0.1234"},
        {110, "\r\033[Ktrain  [#####.....] 125000/250000 50%  ETA 34:43:20  "
              "12345 tok/s loss 4.211 nll 3.978 ppl 15.76 kl 0.1234"},
        {80,
         "\r\033[Ktrain  125000/250000 50%  ETA 34:43:20  12345 tok/s loss 4.211 nll 3.978 ppl "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        screen s;
        open_screen(&s, (rd_progress_config){.label = "train",
                                             .total = 250000,
                                             .terminal = true,
                                             .columns = cases[i].columns});
        clock_seconds += 125000.0;
        rd_progress_update(&s.progress, 125000,
                           "12345 tok/s loss 4.211 nll 3.978 ppl 15.76 kl 0.1234");
        shows(&s, cases[i].line);
        close_screen(&s);
    }
}

static void messages_do_not_tear_the_bar(void **state) {
    (void)state;
    screen s;
    open_screen(&s,
                (rd_progress_config){.label = "x", .total = 10, .terminal = true, .columns = 80});
    rd_progress_update(&s.progress, 5, NULL);
    shows(&s, "\r\033[Kx  [##########..........] 5/10 50%");
    rd_progress_message(&s.progress, "valid: BLEU 30.1");
    shows(&s, "\r\033[Kvalid: BLEU 30.1\n");
    rd_progress_update(&s.progress, 6, NULL); /* redrawn at once, no time has passed */
    shows(&s, "\r\033[Kx  [############........] 6/10 60%");
    close_screen(&s);
}

static void elsewhere_lines_come_at_intervals_or_when_asked(void **state) {
    (void)state;
    screen s;
    open_screen(&s, (rd_progress_config){.label = "binarize", .unit = "pairs", .interval = 10.0});
    for (int i = 1; i <= 19; i++) {
        clock_seconds += 1.0;
        rd_progress_update(&s.progress, i * 100, NULL);
    }
    shows(&s, "binarize  1000  100 pairs/s\n");
    rd_progress_line(&s.progress, "done");
    shows(&s, "binarize  1900  100 pairs/s  done\n");
    rd_progress_finish(&s.progress);
    shows(&s, "");
    close_screen(&s);
    open_screen(&s, (rd_progress_config){.label = "quiet", .unit = "pairs"});
    clock_seconds += 1e6;
    rd_progress_update(&s.progress, 100, NULL);
    fflush(s.out);
    assert_int_equal(s.n, 0);
    close_screen(&s);
}

static void what_was_done_before_is_not_speed(void **state) {
    (void)state;
    screen s;
    open_screen(
        &s, (rd_progress_config){.label = "t", .unit = "u", .total = 1004000, .first = 1000000});
    clock_seconds += 1000.0;
    rd_progress_update(&s.progress, 1001000, NULL);
    rd_progress_line(&s.progress, NULL);
    shows(&s, "t  1001000/1004000 99%  1.00 u/s  ETA 50:00\n");
    close_screen(&s);
}

/* A job that has slowed down is not promised its old speed for long. */
static void the_speed_follows_the_last_seconds(void **state) {
    (void)state;
    screen s;
    int64_t done = 0;
    open_screen(&s, (rd_progress_config){.label = "t", .unit = "u"});
    for (int i = 0; i < 1000; i++) {
        clock_seconds += 1.0;
        rd_progress_update(&s.progress, done += 100, NULL);
        rd_progress_line(&s.progress, NULL);
    }
    double before = s.progress.rate;
    for (int i = 0; i < 100; i++) {
        clock_seconds += 1.0;
        rd_progress_update(&s.progress, done += 10, NULL);
        rd_progress_line(&s.progress, NULL);
    }
    assert_true(before > 99.9 && before < 100.1);
    assert_true(s.progress.rate > 9.9 && s.progress.rate < 11.0);
    close_screen(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_shows_share_speed_eta_and_suffix),
        cmocka_unit_test(a_bar_is_redrawn_at_most_ten_times_a_second),
        cmocka_unit_test(a_bar_never_wraps),
        cmocka_unit_test(a_narrow_bar_keeps_speed_and_eta),
        cmocka_unit_test(messages_do_not_tear_the_bar),
        cmocka_unit_test(elsewhere_lines_come_at_intervals_or_when_asked),
        cmocka_unit_test(what_was_done_before_is_not_speed),
        cmocka_unit_test(the_speed_follows_the_last_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
