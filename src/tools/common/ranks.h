/* A program that mpirun or its like starts several times, as ranks that work together. */
#ifndef RD_TOOLS_RANKS_H
#define RD_TOOLS_RANKS_H

#include "dist/ranks.h"
#include "tools/common/options.h"

enum { RANKS_PATIENCE = 60 /* seconds, where no recipe says how many */ };

/* This process's place among the ranks, which watch each other from here on: one that gives no sign
 * for so many seconds ends all. false: failed, with a message printed. */
bool ranks_start(const options_program *program, int seconds, rd_comm **comm);

/* The exit status. Prints the failure, if there is one, once for all ranks or with this one's name;
 * then all end. failed: the exit status for RD_ERR_INTERRUPTED, or that of failures. */
int ranks_end(const options_program *program, rd_comm *comm, rd_status status, int failed);

#endif
