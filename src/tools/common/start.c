#include "tools/common/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "tools/common/lost_file.h"
#include "tools/common/stop.h"

/* Lowest first, so that each open gets the number that was found free. */
static void fill_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        int opened = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (opened != fd) _exit(1); /* with nowhere to say so */
    }
}

/* oneDNN's products keep their stack pointer in a block of the heap for some shapes: a signal that
 * is handled there would write over whatever lies below. */
static void use_signal_stack(void) {
    static char memory[128 * 1024]; /* the largest registers take 11 KiB */
    sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof memory}, NULL);
}

void start_program(void) {
    fill_standard_descriptors();
    use_signal_stack();
    signal(SIGXFSZ, SIG_IGN);
    catch_lost_file();
}

void start_model_program(void) {
    start_program();
    rd_keep_freed_memory();
    rd_cpu_ignore_denormals();
}

void start_work(int32_t threads) {
    signal(SIGPIPE, SIG_IGN);
    stop_on_signals();
    rd_set_threads(threads);
    errno = 0;
}
