#include "tools/translate/editor.h"

#include <stddef.h>

#ifndef RD_HAVE_LIBEDIT

editor *editor_start(void) {
    return NULL;
}

void editor_answered(editor *e) {
    (void)e;
}

void editor_stop(editor *e) {
    (void)e;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/progress.h"

enum { MOST_REMEMBERED = 1000 };

struct editor {
    FILE *terminal; /* the original standard input */
    int lines;      /* the end of the pipe whose other end is standard input now */
    EditLine *edit;
    History *history;
    sem_t answered;
    atomic_bool stopped;
    pthread_t thread;
};

static char *prompt(EditLine *edit) {
    static char text[] = "> ";
    (void)edit;
    return text;
}

static bool write_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

static void wait_for_answer(editor *e) {
    while (sem_wait(&e->answered) != 0 && errno == EINTR) continue;
}

static void *ask(void *self) {
    editor *e = self;
    const char *line;
    int n;
    HistEvent event;
    while (!e->stopped && (line = el_gets(e->edit, &n)) && n > 0) {
        if (*line != '\n') history(e->history, &event, H_ENTER, line);
        if (!write_all(e->lines, line, (size_t)n)) break;
        if (line[n - 1] != '\n') break; /* Ctrl-D after text */
        wait_for_answer(e);
    }
    close(e->lines);
    return NULL;
}

static void set_up(editor *e) {
    HistEvent event;
    history(e->history, &event, H_SETSIZE, MOST_REMEMBERED);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->edit, EL_PROMPT, prompt);
    el_set(e->edit, EL_EDITOR, "emacs");
    el_set(e->edit, EL_SIGNAL, 1); /* Ctrl-C leaves the terminal as it was */
    el_set(e->edit, EL_HIST, history, e->history);
    /* A Ctrl-D typed ahead, during a translation, arrives as a NUL. */
    el_set(e->edit, EL_BIND, "^@", "em-delete-or-list", NULL);
}

static void release(editor *e) {
    if (e->edit) el_end(e->edit);
    if (e->history) history_end(e->history);
    if (e->terminal) fclose(e->terminal);
    sem_destroy(&e->answered);
    free(e);
}

/* A separate stream for the terminal. */
static bool open_terminal(editor *e) {
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return false;
    if (!(e->terminal = fdopen(fd, "r"))) close(fd);
    return e->terminal != NULL;
}

/* Standard input becomes the pipe, which the thread fills. */
static bool start_thread(editor *e) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    e->lines = ends[1];
    bool started = dup2(ends[0], STDIN_FILENO) == STDIN_FILENO &&
                   pthread_create(&e->thread, NULL, ask, e) == 0;
    close(ends[0]);
    if (started) return true;
    close(ends[1]);
    dup2(fileno(e->terminal), STDIN_FILENO);
    return false;
}

editor *editor_start(void) {
    if (!isatty(STDIN_FILENO) || !rd_progress_is_terminal(stderr)) return NULL;
    editor *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    setlocale(LC_CTYPE, "C.UTF-8"); /* text is UTF-8 here, whatever the locale */
    sem_init(&e->answered, 0, 0);
    if (open_terminal(e) && (e->history = history_init()) &&
        (e->edit = el_init("rdrop-translate", e->terminal, stderr, stderr))) {
        set_up(e);
        if (start_thread(e)) return e;
    }
    release(e);
    return NULL;
}

void editor_answered(editor *e) {
    sem_post(&e->answered);
}

/* A thread that waits for its answer ends; one that ended at Ctrl-D is gone. */
void editor_stop(editor *e) {
    if (!e) return;
    e->stopped = true;
    sem_post(&e->answered);
    pthread_join(e->thread, NULL);
    release(e);
}

#endif
