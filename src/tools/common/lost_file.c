#include "tools/common/lost_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Only things that a signal handler may do: no allocation, no stdio. */

static void say(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* The next line, without its end and cut to fit; false at the end of the file. */
static bool next_line(int fd, char *line, size_t room) {
    size_t n = 0;
    char c = 0;
    while (read(fd, &c, 1) == 1 && c != '\n')
        if (n + 1 < room) line[n++] = c;
    line[n] = '\0';
    return n > 0;
}

static const char *read_hex(const char *text, uintptr_t *value) {
    for (*value = 0;; text++) {
        unsigned digit = (unsigned char)*text;
        if (digit >= '0' && digit <= '9')
            digit -= '0';
        else if (digit >= 'a' && digit <= 'f')
            digit -= 'a' - 10;
        else
            return text;
        *value = *value * 16 + digit;
    }
}

/* Out of lines of /proc/self/maps, "START-END rwxp OFFSET DEVICE INODE   /PATH": the path mapped at
 * an address, or NULL. */
static const char *path_at(uintptr_t address, char *line, size_t room) {
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    const char *path = NULL;
    while (!path && fd >= 0 && next_line(fd, line, room)) {
        uintptr_t start, end;
        const char *dash = read_hex(line, &start);
        if (*dash != '-') continue;
        read_hex(dash + 1, &end);
        if (address >= start && address < end) path = strchr(line, '/');
    }
    for (char *c = line; path && *c; c++) /* no commands for a terminal */
        if ((unsigned char)*c < ' ' || *c == 0x7F) *c = '?';
    if (fd >= 0) close(fd);
    return path;
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    char line[4096 + 128];
    const char *path = path_at((uintptr_t)info->si_addr, line, sizeof line);
    /* Not a file's: by now the signal's default is in place, which ends the program on return. */
    if (info->si_code != BUS_ADRERR || !path) return;
    say(program_invocation_short_name);
    say(": ");
    say(path);
    say(": can no longer be read: cut short while in use, or its disk fails\n");
    _exit(1);
}

void catch_lost_file(void) {
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    sigaction(SIGBUS, &action, NULL);
}
