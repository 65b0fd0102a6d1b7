#include "dist/threads.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/thread.h"

typedef struct {
    pthread_mutex_t lock; /* of the fields up to failure */
    pthread_cond_t met;
    int size, waiting;
    uint64_t round; /* meetings so far */
    rd_failure failure;
    const void **offered; /* [size] what each shows the others, between two meetings */
} team;

typedef struct {
    rd_comm comm;
    team *team;
    pthread_t thread;
    int threads;
    float *x; /* [n] that is to be summed */
    int64_t n;
    rd_status (*work)(void *self, rd_comm *comm);
    void *self;
} worker;

/* Waits for all; the failure of a worker that will not come is everyone's. */
static rd_status meet(team *t) {
    pthread_mutex_lock(&t->lock);
    uint64_t round = t->round;
    if (++t->waiting == t->size && t->failure.status == RD_OK) {
        t->waiting = 0;
        t->round++;
        pthread_cond_broadcast(&t->met);
    }
    while (t->round == round && t->failure.status == RD_OK) pthread_cond_wait(&t->met, &t->lock);
    rd_status status = t->round == round ? rd_failure_report(&t->failure) : RD_OK;
    pthread_mutex_unlock(&t->lock);
    return status;
}

static rd_status offer(rd_comm *comm, const void *data) {
    team *t = ((worker *)comm)->team;
    t->offered[comm->rank] = data;
    return meet(t);
}

static rd_status done(const rd_comm *comm) {
    return meet(((const worker *)comm)->team);
}

static rd_status gather(rd_comm *comm, const void *mine, size_t bytes, void *all) {
    const team *t = ((worker *)comm)->team;
    RD_TRY(offer(comm, mine));
    if (bytes == 0) return RD_OK;
    for (int i = 0; i < comm->size; i++)
        memcpy((char *)all + bytes * (size_t)i, t->offered[i], bytes);
    return done(comm);
}

static rd_status gather_first(rd_comm *comm, const void *mine, const size_t *bytes, void *all) {
    const team *t = ((worker *)comm)->team;
    char *to = all;
    RD_TRY(offer(comm, mine));
    for (int i = 0; to && i < comm->size; to += bytes[i++])
        if (bytes[i] > 0) memmove(to, t->offered[i], bytes[i]);
    return done(comm);
}

static rd_status broadcast(rd_comm *comm, void *data, size_t bytes) {
    const team *t = ((worker *)comm)->team;
    RD_TRY(offer(comm, data));
    if (comm->rank > 0) memcpy(data, t->offered[0], bytes);
    return done(comm);
}

static void sum_slice(rd_comm *comm, rd_slice slice, float **x) {
    const team *t = ((worker *)comm)->team;
    for (int i = 0; i < comm->size; i++) x[i] = (float *)t->offered[i] + slice.begin;
    rd_comm_add(x, comm->size, slice.n, x[comm->rank]);
    for (int i = 0; i < comm->size; i++)
        if (i != comm->rank) memset(x[i], 0, sizeof *x[i] * (size_t)slice.n);
}

static rd_status sum_start(rd_comm *comm, float *x, int64_t n) {
    ((worker *)comm)->x = x;
    ((worker *)comm)->n = n;
    return RD_OK;
}

static void sum_ready(rd_comm *comm, const float *from) {
    (void)comm, (void)from;
}

static rd_status sum_finish(rd_comm *comm) {
    int64_t n = ((worker *)comm)->n;
    float **all = rd_malloc((size_t)comm->size, sizeof *all);
    if (!all) return RD_ERR_MEMORY;
    rd_status status = offer(comm, ((worker *)comm)->x);
    for (int64_t b = 0; status == RD_OK && b < rd_comm_buckets(n); b++)
        sum_slice(comm, rd_comm_slice(comm, n, b, comm->rank), all);
    if (status == RD_OK) status = done(comm);
    free(all);
    return status;
}

static void sum_forget(rd_comm *comm, int64_t n) {
    (void)comm, (void)n;
}

static rd_status collect(rd_comm *comm, float *x, int64_t n) {
    (void)x, (void)n;
    return done(comm);
}

/* A worker that cannot continue, with its error: the others' calls fail with it, present or next
 * ones. */
static void fail(team *t, rd_status status) {
    pthread_mutex_lock(&t->lock);
    /* A stop gives way to a failure, such as the first worker's to save. */
    if (t->failure.status == RD_ERR_INTERRUPTED) t->failure.status = RD_OK;
    if (t->failure.status == RD_OK) rd_failure_keep(&t->failure, 0, status);
    pthread_cond_broadcast(&t->met);
    pthread_mutex_unlock(&t->lock);
}

static const rd_comm_kind threads_kind = {gather,     gather_first, broadcast, sum_start, sum_ready,
                                          sum_finish, sum_forget,   collect,   collect};

static void *run(void *argument) {
    worker *w = argument;
    if (w->comm.rank > 0) rd_set_threads(w->threads);
    rd_status status = w->work(w->self, &w->comm);
    if (status != RD_OK) fail(w->team, status);
    return NULL;
}

static int start_all(worker *workers, int n) {
    int started = 1;
    while (started < n && rd_thread_start(&workers[started].thread, run, &workers[started]) == 0)
        started++;
    return started;
}

static rd_status run_all(team *t, worker *workers) {
    int started = start_all(workers, t->size);
    if (started < t->size)
        fail(t, rd_error(RD_ERR_MEMORY,
                         "worker %d of %d cannot be started: out of memory, or of threads", started,
                         t->size));
    run(&workers[0]);
    for (int i = 1; i < started; i++) pthread_join(workers[i].thread, NULL);
    return rd_failure_report(&t->failure);
}

rd_status rd_comm_run_threads(int size, int threads, rd_status (*work)(void *self, rd_comm *comm),
                              void *self) {
    team t = {.size = size, .offered = rd_calloc((size_t)size, sizeof *t.offered)};
    worker *workers = rd_calloc((size_t)size, sizeof *workers);
    rd_status status = t.offered && workers ? RD_OK : RD_ERR_MEMORY;
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.met, NULL);
    for (int i = 0; status == RD_OK && i < size; i++)
        workers[i] = (worker){.comm = {.kind = &threads_kind,
                                       .rank = i,
                                       .size = size,
                                       .shared = true,
                                       .local = size,
                                       .names = "worker"},
                              .team = &t,
                              .threads = threads,
                              .work = work,
                              .self = self};
    if (status == RD_OK) status = run_all(&t, workers);
    pthread_cond_destroy(&t.met);
    pthread_mutex_destroy(&t.lock);
    free(t.offered);
    free(workers);
    return status;
}
