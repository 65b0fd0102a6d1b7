/* Workers that are processes, on one or several machines, started by mpirun, srun or their like. */
#ifndef RD_DIST_RANKS_H
#define RD_DIST_RANKS_H

#include "dist/comm.h"

/* This process among the others; a worker alone where none were started with it. Before anything
 * that is slow. RD_ERR_UNSUPPORTED: a launcher started several, but this build has no MPI. */
rd_status rd_ranks_open(rd_comm **comm);

/* From here on each rank gives a sign of life twice a second. Where one gives none for so many
 * seconds, or is gone from this machine, lost(self, message) is called on one of those that are
 * left, from a thread of its own, and all of them end. */
rd_status rd_ranks_watch(rd_comm *comm, int seconds, void (*lost)(void *self, const char *message),
                         void *self);

/* Gradients are rounded to bfloat16 for their way; what that loses is added to the next ones. */
void rd_ranks_reduce_bf16(rd_comm *comm, bool reduce);

/* The machine that a rank is on. */
const char *rd_ranks_host(const rd_comm *comm, int rank);

/* The end of all: in good order, which all ranks must have come to; or at once, by this rank's
 * failure. */
void rd_ranks_close(rd_comm *comm);
_Noreturn void rd_ranks_abort(rd_comm *comm, int code);

#endif
