/* Threads, and loops that they share. */
#ifndef RD_BASE_PARALLEL_H
#define RD_BASE_PARALLEL_H

#include <stdint.h>

#include "base/error.h"

/* Threads used by every parallel loop of the library (OpenMP); n <= 0: all cores, or as many of
 * them as OMP_NUM_THREADS says. */
void rd_set_threads(int n);
int rd_get_threads(void);

/* Makes the number of threads that OpenMP says the one that it gives, whatever its limits
 * (OMP_THREAD_LIMIT, OMP_MAX_ACTIVE_LEVELS, OMP_DYNAMIC): oneDNN's products are wrong where fewer
 * come. Called before each of them, for a program that uses the library may have set limits. */
void rd_settle_threads(void);

/* Processors for each of so many processes on this machine, unless the system already gave this one
 * a part of them, or OMP_NUM_THREADS says how many; at least one. */
int rd_processors_of(int processes);

/* work(self, thread, begin, end) on equal shares of n independent jobs for threads 0, 1, ... One
 * thread calls it directly: a parallel region of one costs more than the work of translating in
 * it. */
typedef void (*rd_rows_work)(const void *self, int thread, int64_t begin, int64_t end);
void rd_over_rows(int64_t n, rd_rows_work work, const void *self);

/* work(self, thread, job) for jobs 0, 1, ... of unequal length: each of `threads` (0: as many as
 * rd_get_threads) takes the next `chunk` when it is done, and runs the library inside without
 * further threads. Of several failures the first job's is returned, and *failed (NULL: not wanted)
 * is its number; jobs after a failed one may be skipped. */
typedef rd_status (*rd_job_work)(void *self, int thread, int64_t job);
rd_status rd_over_jobs(int threads, int64_t n, int64_t chunk, rd_job_work work, void *self,
                       int64_t *failed);

#endif
