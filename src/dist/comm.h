/* Workers that make every update together: threads of a process, or processes of one or more
 * machines. Each takes whole batches through the network alone; they meet here, to add gradients.
 *
 * All workers call the same functions in the same order. Sums are added in the order of workers, so
 * that the same number of them gives the same bits, whichever kind they are. */
#ifndef RD_DIST_COMM_H
#define RD_DIST_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rd_comm rd_comm;

/* Numbers begin .. begin + n of an array; `at` of those that its worker has of it, end to end. */
typedef struct {
    int64_t begin, n, at;
} rd_slice;

/* One kind of workers: threads.c, ranks.c. A worker alone has none. */
typedef struct {
    rd_status (*gather)(rd_comm *comm, const void *mine, size_t bytes, void *all);
    rd_status (*gather_first)(rd_comm *comm, const void *mine, const size_t *bytes, void *all);
    rd_status (*broadcast)(rd_comm *comm, void *data, size_t bytes);
    rd_status (*sum_start)(rd_comm *comm, float *x, int64_t n);
    void (*sum_ready)(rd_comm *comm, const float *from);
    rd_status (*sum_finish)(rd_comm *comm);
    void (*sum_forget)(rd_comm *comm, int64_t n);
    rd_status (*collect)(rd_comm *comm, float *x, int64_t n);
    rd_status (*collect_sum)(rd_comm *comm, float *x, int64_t n);
    void (*fail)(rd_comm *comm, rd_status status);
} rd_comm_kind;

struct rd_comm {
    const rd_comm_kind *kind; /* NULL: alone */
    int rank, size;           /* this worker, of 0 .. size - 1; 0 alone writes files */
    bool shared;              /* workers share memory: one model, one optimizer */
    int local;                /* workers on this machine, this one included */
    const char *names;        /* "worker" or "rank": how messages call one */
    bool agreed;              /* all workers know of the failure that the last call returned */
};

/* The comm of a single worker. */
#define RD_COMM_ALONE                                                                              \
    (rd_comm) {                                                                                    \
        .size = 1, .local = 1, .names = "worker"                                                   \
    }

/* An array of n numbers is divided into buckets, from its beginning to its end, and each of these
 * into a slice for each worker: equal ones, at multiples of a cache line. So a bucket keeps all
 * workers busy, and the sums of one are made while the next is not there yet. */
int64_t rd_comm_buckets(int64_t n);
rd_slice rd_comm_bucket(int64_t n, int64_t bucket);
rd_slice rd_comm_slice(const rd_comm *comm, int64_t n, int64_t bucket, int rank);

/* How many numbers a worker has in all its slices. */
int64_t rd_comm_own(const rd_comm *comm, int64_t n, int rank);

/* all: [size][bytes], in the order of workers, for every worker. */
rd_status rd_comm_gather(rd_comm *comm, const void *mine, size_t bytes, void *all);

/* *x = the sum of what the workers have, added in their order, for every worker. */
rd_status rd_comm_sum_f64(rd_comm *comm, double *x);

/* all: what the workers have, bytes[rank] each, end to end, for worker 0; others pass NULL. bytes:
 * [size] is the same for all. */
rd_status rd_comm_gather_first(rd_comm *comm, const void *mine, const size_t *bytes, void *all);

/* *all: what the workers have, end to end in their order, *total bytes for worker 0, who frees it;
 * NULL for others. */
rd_status rd_comm_join(rd_comm *comm, const void *mine, size_t bytes, char **all, size_t *total);

/* Worker 0's array receives what others have where it has zeros: of each byte, one worker
 * at most has another value than zero. */
rd_status rd_comm_merge_first(rd_comm *comm, void *items, size_t bytes);

/* Worker 0's data to all. */
rd_status rd_comm_broadcast(rd_comm *comm, void *data, size_t bytes);

/* out: [n] = the sum of rows: [n_rows][n], added in their order; it may be one of them. */
void rd_comm_add(float *const *rows, int n_rows, int64_t n, float *out);

/* Waits for all. */
rd_status rd_comm_meet(rd_comm *comm);

/* x: [n] of each worker. Between start and finish it is made, from its end to its beginning: _ready
 * says that all from `from` on is as it is to be, and that need not be said. After _finish a
 * worker's slices hold the sum over workers, the rest of x is zero. Ranks add while they can;
 * nobody calls anything else here in between. Threads, which copy nothing, add at the end. */
rd_status rd_comm_sum_start(rd_comm *comm, float *x, int64_t n);
void rd_comm_sum_ready(rd_comm *comm, const float *from);
rd_status rd_comm_sum_finish(rd_comm *comm);

/* The last sum is not used: nothing of it is to be added to the next one. */
void rd_comm_sum_forget(rd_comm *comm, int64_t n);

/* Each worker's slices of x: [n] to all others' x. Shared: waits for all, since x is one array. */
rd_status rd_comm_collect(rd_comm *comm, float *x, int64_t n);

/* Likewise of what rd_comm_sum_finish made, for workers that all step all weights: it may be
 * rounded on its way as the sum was, and is the same for all. */
rd_status rd_comm_collect_sum(rd_comm *comm, float *x, int64_t n);

/* The first status that is not RD_OK, in the order of workers, with its message, for all. */
rd_status rd_comm_outcome(rd_comm *comm, rd_status status);
static inline rd_status rd_comm_agree(rd_comm *comm, rd_status status) {
    rd_status all = rd_comm_outcome(comm, status);
    return all == RD_OK ? status : all; /* a failure of one's own is never RD_OK */
}

/* The last thing that a worker does that cannot go on, with its error: all others' calls fail with
 * it, now or when they come to one. Processes end here. */
void rd_comm_fail(rd_comm *comm, rd_status status);

#endif
