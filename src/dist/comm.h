/* Workers that make every update together: threads of a process, or processes of one or more
 * machines. Each takes whole batches through the network by itself; they meet here to add
 * gradients.
 *
 * All workers call the same functions in the same order. Sums are added in the order of workers, so
 * the same number of workers gives the same bits, whichever kind they are. */
#ifndef RD_DIST_COMM_H
#define RD_DIST_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rd_comm rd_comm;

/* Numbers begin .. begin + n of an array; `at`: its place among all that its worker has of it, end
 * to end. */
typedef struct {
    int64_t begin, n, at;
} rd_slice;

/* The functions of one kind of workers: threads.c, ranks.c. A single worker has none. */
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
} rd_comm_kind;

struct rd_comm {
    const rd_comm_kind *kind; /* NULL: alone */
    int rank, size;           /* this worker, of 0 .. size - 1; only 0 writes files */
    bool shared;              /* workers share memory: one model, one optimizer */
    int local;                /* workers on this machine, this one included */
    const char *names;        /* "worker" or "rank": the word for one in messages */
    bool agreed;              /* all workers know of the failure that the last call returned */
};

/* The comm of a single worker. */
#define RD_COMM_ALONE                                                                              \
    (rd_comm) {                                                                                    \
        .size = 1, .local = 1, .names = "worker"                                                   \
    }

/* An array of n numbers is divided into buckets, from its beginning to its end, and each bucket
 * into a slice for each worker, all equal, at multiples of a cache line. So a bucket keeps all
 * workers busy, and is summed while the next one is not there yet. */
int64_t rd_comm_buckets(int64_t n);
rd_slice rd_comm_bucket(int64_t n, int64_t bucket);
rd_slice rd_comm_slice(const rd_comm *comm, int64_t n, int64_t bucket, int rank);

/* How many numbers a worker has in all its slices. */
int64_t rd_comm_own(const rd_comm *comm, int64_t n, int rank);

/* all: [size][bytes], in the order of workers, for every worker. */
rd_status rd_comm_gather(rd_comm *comm, const void *mine, size_t bytes, void *all);

/* *x = the sum of the workers' numbers, added in their order, for every worker. */
rd_status rd_comm_sum_f64(rd_comm *comm, double *x);

/* all: the workers' data, bytes[rank] each, end to end, for worker 0; others pass NULL. bytes:
 * [size] is the same for all. */
rd_status rd_comm_gather_first(rd_comm *comm, const void *mine, const size_t *bytes, void *all);

/* *all: the workers' data, end to end in their order, *total bytes for worker 0, which frees it;
 * NULL for others. */
rd_status rd_comm_join(rd_comm *comm, const void *mine, size_t bytes, char **all, size_t *total);

/* Worker 0's array receives the other workers' bytes where it has zeros; at most one worker may
 * have a value other than zero for a byte. */
rd_status rd_comm_merge_first(rd_comm *comm, void *items, size_t bytes);

/* Worker 0's data to all. */
rd_status rd_comm_broadcast(rd_comm *comm, void *data, size_t bytes);

/* out: [n] = the sum of rows: [n_rows][n], added in their order; it may be one of them. */
void rd_comm_add(float *const *rows, int n_rows, int64_t n, float *out);

/* Waits for all. */
rd_status rd_comm_meet(rd_comm *comm);

/* x: [n] of each worker. Between start and finish the worker fills it, from its end to its
 * beginning; _ready, which is optional, says that all from `from` on is final. After _finish a
 * worker's slices hold the sum over workers, and the rest of x is zero. Ranks add while they can;
 * no other function here may be called in between. Threads, which copy nothing, add at the end. */
rd_status rd_comm_sum_start(rd_comm *comm, float *x, int64_t n);
void rd_comm_sum_ready(rd_comm *comm, const float *from);
rd_status rd_comm_sum_finish(rd_comm *comm);

/* Says that the last sum is not used: nothing of it may be added to the next one. */
void rd_comm_sum_forget(rd_comm *comm, int64_t n);

/* Copies each worker's slices of x: [n] to all others' x. If workers share memory, x is one array,
 * and this only waits for all. */
rd_status rd_comm_collect(rd_comm *comm, float *x, int64_t n);

/* The same for the result of rd_comm_sum_finish, for workers that all step all weights: it may be
 * rounded on its way as the sum was, and is the same for all. */
rd_status rd_comm_collect_sum(rd_comm *comm, float *x, int64_t n);

/* The first status that is not RD_OK, in the order of workers, with its message, for all;
 * RD_ERR_INTERRUPTED gives way to a failure. */
rd_status rd_comm_outcome(rd_comm *comm, rd_status status);
static inline rd_status rd_comm_agree(rd_comm *comm, rd_status status) {
    rd_status all = rd_comm_outcome(comm, status);
    return all == RD_OK ? status : all; /* a failure of one's own is never RD_OK */
}

#endif
