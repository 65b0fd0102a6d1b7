#include "tools/common/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tools/common/lost_file.h"

/* Lowest first, so that each open gets the number that was found free. */
static void fill_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        int opened = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (opened != fd) _exit(1); /* with nowhere to say so */
    }
}

void start_program(void) {
    fill_standard_descriptors();
    signal(SIGXFSZ, SIG_IGN);
    catch_lost_file();
}
