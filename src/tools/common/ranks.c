#include "tools/common/ranks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/parallel.h"

static void say_lost(void *self, const char *message) {
    const options_program *program = self;
    bool trains = strcmp(program->name, "rdrop-train") == 0;
    fprintf(stderr, "%s: %s. Start again%s\n", program->name, message,
            trains ? ": training goes on from the last checkpoint, with any number of ranks" : "");
}

bool ranks_start(const options_program *program, int seconds, rd_comm **comm) {
    rd_status status = rd_ranks_open(comm);
    if (status == RD_OK) status = rd_ranks_watch(*comm, seconds, say_lost, (void *)program);
    if (status != RD_OK) options_fail(program);
    if (status == RD_OK && (*comm)->local > 1) rd_set_threads(rd_processors_of((*comm)->local));
    return status == RD_OK;
}

int ranks_end(const options_program *program, rd_comm *comm, rd_status status, int failed) {
    bool first = comm->rank == 0;
    if (status == RD_OK || comm->agreed || comm->size == 1) {
        if (status != RD_OK && first) options_fail(program);
        rd_ranks_close(comm);
        return status != RD_OK && first ? failed : 0;
    }
    fprintf(stderr, "%s: rank %d (%s): %s\n", program->name, comm->rank,
            rd_ranks_host(comm, comm->rank), rd_last_error());
    rd_ranks_abort(comm, failed);
}
