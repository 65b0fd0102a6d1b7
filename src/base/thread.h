/* Threads next to OpenMP's. */
#ifndef RD_BASE_THREAD_H
#define RD_BASE_THREAD_H

#include <pthread.h>

/* pthread_create for a thread that leaves signals to the others, except faults such as SIGBUS,
 * whose handlers run in the thread that they happen in. */
int rd_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
