/* The processor's instruction sets, asked once at run time. */
#ifndef RD_BASE_CPU_H
#define RD_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef enum { RD_ISA_GENERIC, RD_ISA_AVX2, RD_ISA_AVX512 } rd_isa;

/* The widest instruction set that both the processor and this build support. The environment
 * variable RDROP_ISA=generic|avx2|avx512 lowers it, for tests and for comparing. */
rd_isa rd_cpu_isa(void);

/* Does this processor multiply bfloat16 matrices faster than float32 ones? Those with matrix units
 * (AMX), and those whose bfloat16 dot products run at twice the float32 rate (AMD since Zen 4). */
bool rd_cpu_bf16_is_fast(void);

/* Does it add up products of pairs of bfloat16 at twice the float32 rate (AVX512_BF16 of AMD)? */
bool rd_cpu_has_bf16_pairs(void);

/* Does this processor have dot products of 8-bit integers (AVX-512 VNNI)? */
bool rd_cpu_int8_is_fast(void);
/* Does it multiply whole tiles of them (AMX)? */
bool rd_cpu_has_int8_tiles(void);

/* Numbers smaller than 1.2e-38 are 0 from here on, in this thread and in those that it starts: an
 * operation on a denormal number takes up to a hundred times as long, and Adam's moments of rows
 * that are rarely used become one. No effect on unknown processors. */
void rd_cpu_ignore_denormals(void);

/* Threads used by every parallel loop of the library (OpenMP); n <= 0: all cores, or as many of
 * them as OMP_NUM_THREADS says. */
void rd_set_threads(int n);
int rd_get_threads(void);

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
