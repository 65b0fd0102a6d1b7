#include "tools/common/stop.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t requested;
static int event;

static void request(int number) {
    int saved = errno;
    requested = number;
    if (event > 0) (void)!write(event, &(uint64_t){1}, sizeof(uint64_t));
    errno = saved;
}

void stop_on(int number) {
    struct sigaction action = {.sa_handler = request, .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
    sigaction(number, &action, NULL);
}

void stop_on_signals(void) {
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stop_on(SIGINT);
    stop_on(SIGTERM);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* as under nohup */
        stop_on(SIGHUP);
}

const volatile sig_atomic_t *stop_requested(void) {
    return &requested;
}

int stop_fd(void) {
    return event > 0 ? event : 0;
}
