/* Workers that are threads of this process. */
#ifndef RD_DIST_THREADS_H
#define RD_DIST_THREADS_H

#include "dist/comm.h"

/* work(self, comm) of each of `size` workers: of worker 0 on the calling thread, which waits for
 * the others. Each other thread has a team of `threads` OpenMP threads. The status and message are
 * those of the first worker that failed. */
rd_status rd_comm_run_threads(int size, int threads, rd_status (*work)(void *self, rd_comm *comm),
                              void *self);

#endif
