/* A program's output, which must be whole, and its messages on standard error. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/options.h"

int options_usage(const options_program *program, const char *format, ...) {
    char message[1024], shown[2048]; /* a word may be the name of a file from elsewhere */
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    rd_escape(shown, sizeof shown, message);
    fprintf(stderr, "%s: %s (see %s --help)\n", program->name, shown, program->name);
    return 2;
}

int options_fail(const options_program *program) {
    fprintf(stderr, "%s: %s\n", program->name, rd_last_error());
    return 1;
}

int options_end(const options_program *program, rd_status status) {
    if (status == RD_OK) return 0;
    if (status == RD_ERR_IO && errno == EPIPE) return 1; /* the reader knows why it left */
    int code = options_fail(program);
    return status == RD_ERR_ARGUMENT ? 2 : code;
}

void options_warn(const options_program *program, const char *format, ...) {
    char *message = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&message, format, args);
    va_end(args);
    fprintf(stderr, "%s: warning: %s\n", program->name, n < 0 ? format : message);
    if (n >= 0) free(message);
}

void options_warn_lines(const options_program *program, const rd_text *lines) {
    for (const char *line = lines->data; line && *line;) {
        size_t n = strcspn(line, "\n");
        if (n > 0) options_warn(program, "%.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

int options_print(const options_program *program, const char *text) {
    fputs(text, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fprintf(stderr, "%s: cannot write to standard output: %s\n", program->name, strerror(errno));
    return 1;
}
