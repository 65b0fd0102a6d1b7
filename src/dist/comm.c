#include "dist/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"

enum { LINE = 16 /* floats of a cache line */ };

/* The size of all buckets except the last: small enough that little is left to do once the last is
 * there, and large enough for a message to each worker. */
static int64_t bucket_size(int64_t n) {
    enum { MANY = 32, LEAST = 1 << 12, MOST = 1 << 22 };
    int64_t size = (n + MANY - 1) / MANY;
    if (size < LEAST) size = LEAST;
    return size > MOST ? MOST : (size + LINE - 1) / LINE * LINE;
}

int64_t rd_comm_buckets(int64_t n) {
    return (n + bucket_size(n) - 1) / bucket_size(n);
}

rd_slice rd_comm_bucket(int64_t n, int64_t bucket) {
    int64_t size = bucket_size(n), begin = bucket * size;
    return (rd_slice){begin, n - begin < size ? n - begin : size, begin};
}

/* Of n numbers, at multiples of a cache line. */
static rd_slice part_of(const rd_comm *comm, int64_t n, int rank) {
    int64_t lines = (n + LINE - 1) / LINE;
    int64_t begin = lines * rank / comm->size * LINE, end = lines * (rank + 1) / comm->size * LINE;
    if (begin > n) begin = n;
    if (end > n) end = n;
    return (rd_slice){begin, end - begin, 0};
}

rd_slice rd_comm_slice(const rd_comm *comm, int64_t n, int64_t bucket, int rank) {
    rd_slice whole = rd_comm_bucket(n, bucket), slice = part_of(comm, whole.n, rank);
    slice.begin += whole.begin;
    slice.at = bucket * part_of(comm, bucket_size(n), rank).n;
    return slice;
}

int64_t rd_comm_own(const rd_comm *comm, int64_t n, int rank) {
    if (n == 0) return 0;
    rd_slice last = rd_comm_slice(comm, n, rd_comm_buckets(n) - 1, rank);
    return last.at + last.n;
}

rd_status rd_comm_gather(rd_comm *comm, const void *mine, size_t bytes, void *all) {
    if (comm->kind) return comm->kind->gather(comm, mine, bytes, all);
    if (bytes > 0) memcpy(all, mine, bytes);
    return RD_OK;
}

rd_status rd_comm_sum_f64(rd_comm *comm, double *x) {
    if (!comm->kind) return RD_OK;
    double sum = 0.0, *all = rd_malloc((size_t)comm->size, sizeof *all);
    rd_status status = all ? rd_comm_gather(comm, x, sizeof *x, all) : RD_ERR_MEMORY;
    for (int i = 0; status == RD_OK && i < comm->size; i++) sum += all[i];
    free(all);
    if (status == RD_OK) *x = sum;
    return status;
}

rd_status rd_comm_gather_first(rd_comm *comm, const void *mine, const size_t *bytes, void *all) {
    if (comm->kind) return comm->kind->gather_first(comm, mine, bytes, all);
    if (all && bytes[0] > 0 && all != mine) memcpy(all, mine, bytes[0]);
    return RD_OK;
}

static rd_status join(rd_comm *comm, const void *mine, size_t bytes, size_t *each, char **all,
                      size_t *total) {
    RD_TRY(rd_comm_gather(comm, &bytes, sizeof bytes, each));
    for (int i = 0; comm->rank == 0 && i < comm->size; i++) *total += each[i];
    if (comm->rank == 0 && !(*all = rd_malloc(*total, 1))) return RD_ERR_MEMORY;
    rd_status status = rd_comm_gather_first(comm, mine, each, *all);
    if (status == RD_OK) return RD_OK;
    free(*all);
    *all = NULL;
    return status;
}

rd_status rd_comm_join(rd_comm *comm, const void *mine, size_t bytes, char **all, size_t *total) {
    size_t *each = rd_malloc((size_t)comm->size, sizeof *each);
    *all = NULL;
    *total = 0;
    rd_status status = each ? join(comm, mine, bytes, each, all, total) : RD_ERR_MEMORY;
    free(each);
    return status;
}

static rd_status merge(rd_comm *comm, unsigned char *items, size_t bytes, size_t *each) {
    bool first = comm->rank == 0;
    unsigned char *all = rd_malloc(first ? bytes : 0, (size_t)comm->size);
    if (!all) return RD_ERR_MEMORY;
    for (int i = 0; i < comm->size; i++) each[i] = bytes;
    rd_status status = rd_comm_gather_first(comm, items, each, first ? all : NULL);
    for (size_t w = 1; status == RD_OK && first && w < (size_t)comm->size; w++)
        for (size_t i = 0; i < bytes; i++) items[i] |= all[w * bytes + i];
    free(all);
    return status;
}

rd_status rd_comm_merge_first(rd_comm *comm, void *items, size_t bytes) {
    if (!comm->kind) return RD_OK;
    size_t *each = rd_malloc((size_t)comm->size, sizeof *each);
    if (!each) return RD_ERR_MEMORY;
    rd_status status = merge(comm, items, bytes, each);
    free(each);
    return status;
}

rd_status rd_comm_broadcast(rd_comm *comm, void *data, size_t bytes) {
    return comm->kind && bytes > 0 ? comm->kind->broadcast(comm, data, bytes) : RD_OK;
}

rd_status rd_comm_meet(rd_comm *comm) {
    return rd_comm_gather(comm, NULL, 0, NULL);
}

rd_status rd_comm_sum_start(rd_comm *comm, float *x, int64_t n) {
    return comm->kind ? comm->kind->sum_start(comm, x, n) : RD_OK;
}

void rd_comm_sum_ready(rd_comm *comm, const float *from) {
    if (comm->kind) comm->kind->sum_ready(comm, from);
}

rd_status rd_comm_sum_finish(rd_comm *comm) {
    return comm->kind ? comm->kind->sum_finish(comm) : RD_OK;
}

void rd_comm_sum_forget(rd_comm *comm, int64_t n) {
    if (comm->kind) comm->kind->sum_forget(comm, n);
}

rd_status rd_comm_collect(rd_comm *comm, float *x, int64_t n) {
    return comm->kind ? comm->kind->collect(comm, x, n) : RD_OK;
}

rd_status rd_comm_collect_sum(rd_comm *comm, float *x, int64_t n) {
    return comm->kind ? comm->kind->collect_sum(comm, x, n) : RD_OK;
}

typedef struct {
    float *const *rows;
    int n_rows;
    float *out;
} addition;

/* In blocks that stay in cache. */
static void add_part(const void *self, int thread, int64_t begin, int64_t end) {
    enum { BLOCK = 2048 };
    const addition *a = self;
    float sum[BLOCK];
    (void)thread;
    for (int64_t at = begin; at < end; at += BLOCK) {
        int64_t n = end - at < BLOCK ? end - at : BLOCK;
        memcpy(sum, a->rows[0] + at, sizeof *sum * (size_t)n);
        for (int w = 1; w < a->n_rows; w++)
            for (int64_t i = 0; i < n; i++) sum[i] += a->rows[w][at + i];
        memcpy(a->out + at, sum, sizeof *sum * (size_t)n);
    }
}

void rd_comm_add(float *const *rows, int n_rows, int64_t n, float *out) {
    const addition a = {rows, n_rows, out};
    rd_over_rows(n, add_part, &a);
}

typedef struct {
    rd_status status;
    char message[1024];
} outcome;

/* The outcome of the first that failed; RD_ERR_INTERRUPTED gives way to a failure. */
static const outcome *worst(const outcome *all, int n, int *rank) {
    const outcome *found = NULL;
    for (int i = 0; i < n; i++) {
        if (all[i].status == RD_OK) continue;
        if (found && (found->status != RD_ERR_INTERRUPTED || all[i].status == found->status))
            continue;
        found = &all[i];
        *rank = i;
    }
    return found;
}

static rd_status agree(rd_comm *comm, rd_status status, outcome *all) {
    outcome mine = {.status = status};
    int rank = 0;
    if (status != RD_OK) snprintf(mine.message, sizeof mine.message, "%s", rd_last_error());
    RD_TRY(rd_comm_gather(comm, &mine, sizeof mine, all));
    const outcome *found = worst(all, comm->size, &rank);
    if (!found) return RD_OK;
    comm->agreed = true;
    if (rank == 0 || found->status == RD_ERR_INTERRUPTED || comm->shared)
        return rd_error(found->status, "%s", found->message);
    return rd_error(found->status, "%s %d: %s", comm->names, rank, found->message);
}

rd_status rd_comm_outcome(rd_comm *comm, rd_status status) {
    if (!comm->kind) return status;
    outcome *all = rd_malloc((size_t)comm->size, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    status = agree(comm, status, all);
    free(all);
    return status;
}
