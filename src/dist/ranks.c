#include "dist/ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dist/rank.h"

#ifndef RD_MODULES
#define RD_MODULES "../lib/rdrop" /* from the programs, as CMakeLists.txt has it */
#endif

static rd_status gather_all(rd_bundle *b, const rd_comm *c, const void *mine, size_t bytes,
                            char *all) {
    for (int i = 0; i < c->size; i++)
        if (i != c->rank) RD_TRY(rd_bundle_receive(b, i, all + bytes * (size_t)i, bytes));
    for (int i = 0; i < c->size; i++)
        if (i != c->rank) RD_TRY(rd_bundle_send(b, i, mine, bytes));
    memcpy(all + bytes * (size_t)c->rank, mine, bytes);
    return rd_bundle_wait(b);
}

static rd_status gather(rd_comm *comm, const void *mine, size_t bytes, void *all) {
    rd_bundle b = {.ranks = (rd_ranks *)comm};
    /* Ranks with nothing to tell say that they are here. */
    char *here = bytes > 0 ? NULL : rd_calloc((size_t)comm->size, 1);
    rd_status status = bytes > 0 || here ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = here ? gather_all(&b, comm, "", 1, here) : gather_all(&b, comm, mine, bytes, all);
    rd_bundle_free(&b);
    free(here);
    return status;
}

static rd_status gather_to_first(rd_bundle *b, const rd_comm *c, const void *mine,
                                 const size_t *bytes, char *all) {
    if (c->rank > 0) {
        RD_TRY(rd_bundle_send(b, 0, mine, bytes[c->rank]));
        return rd_bundle_wait(b);
    }
    if (bytes[0] > 0) memmove(all, mine, bytes[0]);
    for (int i = 1; i < c->size; i++) {
        all += bytes[i - 1];
        RD_TRY(rd_bundle_receive(b, i, all, bytes[i]));
    }
    return rd_bundle_wait(b);
}

static rd_status gather_first(rd_comm *comm, const void *mine, const size_t *bytes, void *all) {
    rd_bundle b = {.ranks = (rd_ranks *)comm};
    rd_status status = gather_to_first(&b, comm, mine, bytes, all);
    rd_bundle_free(&b);
    return status;
}

/* Ranks that have it pass it on: to the rank at half the distance, a quarter, and so on. */
static rd_status give_on(rd_bundle *b, const rd_comm *c, void *data, size_t bytes) {
    int distance = 1;
    while (distance < c->size) distance *= 2;
    for (distance /= 2; distance > 0; distance /= 2) {
        int place = c->rank % (2 * distance);
        if (place == distance) RD_TRY(rd_bundle_receive(b, c->rank - distance, data, bytes));
        if (place == 0 && c->rank + distance < c->size)
            RD_TRY(rd_bundle_send(b, c->rank + distance, data, bytes));
        RD_TRY(rd_bundle_wait(b));
    }
    return RD_OK;
}

static rd_status broadcast(rd_comm *comm, void *data, size_t bytes) {
    rd_bundle b = {.ranks = (rd_ranks *)comm};
    rd_status status = give_on(&b, comm, data, bytes);
    rd_bundle_free(&b);
    return status;
}

static const rd_comm_kind ranks_kind = {gather,
                                        gather_first,
                                        broadcast,
                                        rd_ranks_sum_start,
                                        rd_ranks_sum_ready,
                                        rd_ranks_sum_finish,
                                        rd_ranks_sum_forget,
                                        rd_ranks_collect,
                                        rd_ranks_collect_sum};

static int number_of(const char *variable) {
    const char *text = getenv(variable);
    return text ? (int)strtol(text, NULL, 10) : 0;
}

/* Whether mpirun or srun started others as well. */
static bool has_others(void) {
    if (number_of("OMPI_COMM_WORLD_SIZE") > 1 || number_of("PMI_SIZE") > 1) return true;
    return getenv("PMIX_RANK") && number_of("SLURM_STEP_NUM_TASKS") > 1;
}

/* The module in the build folder, next to the program, or where it is installed. */
static void *open_module(void) {
    static const char *const places[] = {"", RD_MODULES "/"};
    char program[PATH_MAX], path[PATH_MAX + sizeof RD_MODULES + 32];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    while (n > 0 && program[n - 1] != '/') n--;
    void *module = NULL;
    for (int i = 0; n > 0 && !module && i < 2; i++) {
        snprintf(path, sizeof path, "%.*s%srdrop-mpi.so", (int)n, program, places[i]);
        module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    }
    return module ? module : dlopen("rdrop-mpi.so", RTLD_NOW | RTLD_GLOBAL);
}

static rd_status load_module(rd_transport *transport) {
    void *module = open_module();
    if (!module)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "started as one of several ranks, but this build has no MPI (%s): install "
                        "libopenmpi-dev and build again, or start it alone",
                        dlerror());
    rd_transport_opener *open = NULL;
    void *symbol = dlsym(module, "rd_transport_open");
    memcpy(&open, &symbol, sizeof open);
    const char *problem = open ? open(transport) : "it is damaged";
    return problem ? rd_error(RD_ERR_UNSUPPORTED, "rdrop-mpi.so: %s", problem) : RD_OK;
}

static rd_status meet_peers(rd_ranks *r) {
    rd_peer mine = {.pid = getpid(), .node = r->transport.node};
    memcpy(mine.host, r->transport.host, sizeof mine.host);
    r->peers = rd_calloc((size_t)r->comm.size, sizeof *r->peers);
    if (!r->peers) return RD_ERR_MEMORY;
    return gather(&r->comm, &mine, sizeof mine, r->peers);
}

rd_status rd_ranks_open(rd_comm **comm) {
    rd_ranks *r = rd_calloc(1, sizeof *r);
    if (!r) return RD_ERR_MEMORY;
    r->comm = RD_COMM_ALONE;
    *comm = &r->comm;
    pthread_mutex_init(&r->lock, NULL);
    if (!has_others()) return RD_OK;
    RD_TRY(load_module(&r->transport));
    r->comm.rank = r->transport.rank;
    r->comm.size = r->transport.size;
    if (r->comm.size == 1) return RD_OK;
    r->comm.local = r->transport.node_size;
    r->comm.names = "rank";
    r->comm.kind = &ranks_kind;
    return meet_peers(r);
}

void rd_ranks_reduce_bf16(rd_comm *comm, bool reduce) {
    if (comm->kind == &ranks_kind) ((rd_ranks *)comm)->bf16 = reduce;
}

const char *rd_ranks_host(const rd_comm *comm, int rank) {
    return comm->kind == &ranks_kind ? ((const rd_ranks *)comm)->peers[rank].host : "";
}

void rd_ranks_close(rd_comm *comm) {
    if (!comm) return;
    rd_ranks *r = (rd_ranks *)comm;
    if (comm->kind) (void)rd_comm_meet(comm);
    rd_ranks_unwatch(r);
    if (r->transport.close) r->transport.close();
    pthread_mutex_destroy(&r->lock);
    free(r->error);
    free(r->peers);
    free(r);
}

void rd_ranks_abort(rd_comm *comm, int code) {
    rd_ranks *r = (rd_ranks *)comm;
    if (comm && r->transport.abort) {
        pthread_mutex_lock(&r->lock);
        r->transport.abort(code);
    }
    _exit(code);
}
