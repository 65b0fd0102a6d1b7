/* The inside of ranks: shared by the files ranks*.c. */
#ifndef RD_DIST_RANK_H
#define RD_DIST_RANK_H

#include <pthread.h>
#include <sys/types.h>

#include "dist/comm.h"
#include "dist/transport.h"

/* Facts about another process. */
typedef struct {
    pid_t pid;
    int node; /* its machine's lowest rank */
    char host[64];
} rd_peer;

typedef struct summing summing;

typedef struct {
    rd_comm comm; /* first: a rd_comm * is one of these */
    rd_transport transport;
    pthread_mutex_t lock; /* of the transport */
    rd_peer *peers;       /* [size] */
    bool bf16;            /* sums are rounded on their way */
    float *error;         /* [n] what that lost; NULL: nothing yet */
    struct summing *sum;  /* NULL: none is under way */
    struct watch *watch;  /* NULL: nobody watches */
} rd_ranks;

/* Several transfers, waited for together. */
typedef struct {
    rd_ranks *ranks;
    rd_transfer *transfers; /* [capacity] */
    int64_t n, capacity;
} rd_bundle;

/* Both begin; nothing of no bytes. */
rd_status rd_bundle_send(rd_bundle *bundle, int to, const void *data, size_t bytes);
rd_status rd_bundle_receive(rd_bundle *bundle, int from, void *data, size_t bytes);
rd_status rd_bundle_wait(rd_bundle *bundle); /* until all is there; then it is empty */
/* Whether all are done; the set is then empty. *looks counts calls in vain; after many of them the
 * thread yields the processor for a moment. */
rd_status rd_bundle_look(rd_bundle *bundle, int64_t *looks, bool *done);
void rd_bundle_free(rd_bundle *bundle);

/* rd_comm_kind's (ranks_sum.c). */
rd_status rd_ranks_sum_start(rd_comm *comm, float *x, int64_t n);
void rd_ranks_sum_ready(rd_comm *comm, const float *from);
rd_status rd_ranks_sum_finish(rd_comm *comm);
void rd_ranks_sum_forget(rd_comm *comm, int64_t n);
rd_status rd_ranks_collect(rd_comm *comm, float *x, int64_t n);
rd_status rd_ranks_collect_sum(rd_comm *comm, float *x, int64_t n);

/* Ends the watching (ranks_watch.c). */
void rd_ranks_unwatch(rd_ranks *ranks);

#endif
