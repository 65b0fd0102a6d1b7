/* Workers that are processes, on one or several machines, started by mpirun, srun or their like. */
#ifndef RD_DIST_RANKS_H
#define RD_DIST_RANKS_H

#include "dist/comm.h"

/* This process among the others; a single worker if none were started with it. Call it before
 * anything slow. RD_ERR_UNSUPPORTED: a launcher started several, but this build has no MPI. */
rd_status rd_ranks_open(rd_comm **comm);

/* From here on each rank gives a sign of life twice a second. If one gives none for so many
 * seconds, or is gone from this machine, lost(self, message) is called on one of the remaining
 * ranks, from a separate thread, and all of them end. */
rd_status rd_ranks_watch(rd_comm *comm, int seconds, void (*lost)(void *self, const char *message),
                         void *self);

/* Gradients are rounded to bfloat16 before they are sent; the rounding errors are added to the next
 * ones. */
void rd_ranks_reduce_bf16(rd_comm *comm, bool reduce);

/* The machine that a rank is on. */
const char *rd_ranks_host(const rd_comm *comm, int rank);

/* Ends all ranks: in good order, once all ranks have called it; or at once, by this rank's
 * failure. */
void rd_ranks_close(rd_comm *comm);
_Noreturn void rd_ranks_abort(rd_comm *comm, int code);

#endif
