/* SIGINT, SIGTERM and, unless it is ignored, SIGHUP as a request to end after the work under way; a
 * second signal ends at once. */
#ifndef RD_TOOLS_STOP_H
#define RD_TOOLS_STOP_H

#include <signal.h>

void stop_on_signals(void);
void stop_on(int number);                          /* one more signal */
const volatile sig_atomic_t *stop_requested(void); /* the number of the signal; 0: none yet */
int stop_fd(void); /* a descriptor to read from once it is requested; 0: none */

#endif
