#include "data/prefetch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"

typedef struct {
    rd_batch batch;
    bool made;
} slot;

struct rd_prefetch {
    rd_batch_source source;
    int64_t first, total; /* of the batches to make; below, they are counted from `first` */

    pthread_t *threads; /* [n_threads] */
    int n_threads;
    pthread_mutex_t lock; /* of everything below except the batches of slots */
    pthread_cond_t made_one, released_one;
    /* A ring: batch `number` is in slots[number % n_slots]. Those before `released` are done with,
     * those before `taken` are made or being made; the user holds `released` while `holding`. */
    slot *slots; /* [n_slots] */
    int64_t n_slots, taken, released;
    bool holding, stopping;
    int64_t failed; /* the first batch that could not be made; `total`: none */
    rd_failure failure;
};

/* Waits for a free slot; -1 when there is nothing more to make. */
static int64_t take_number(rd_prefetch *p) {
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && p->failed == p->total && p->taken < p->total &&
           p->taken - p->released == p->n_slots)
        pthread_cond_wait(&p->released_one, &p->lock);
    bool more = !p->stopping && p->failed == p->total && p->taken < p->total;
    int64_t number = more ? p->taken++ : -1;
    pthread_mutex_unlock(&p->lock);
    return number;
}

/* Among several failures the first batch's counts, as if one thread had made them in order. */
static void give(rd_prefetch *p, int64_t number, rd_status status) {
    pthread_mutex_lock(&p->lock);
    if (status == RD_OK) p->slots[number % p->n_slots].made = true;
    rd_failure_keep(&p->failure, number, status);
    if (p->failure.status != RD_OK) p->failed = p->failure.job;
    pthread_cond_broadcast(&p->made_one);
    if (status != RD_OK) pthread_cond_broadcast(&p->released_one);
    pthread_mutex_unlock(&p->lock);
}

static void *make_batches(void *argument) {
    rd_prefetch *p = argument;
    int64_t number;
    while ((number = take_number(p)) >= 0)
        give(
            p, number,
            p->source.get(p->source.self, p->first + number, &p->slots[number % p->n_slots].batch));
    return NULL;
}

static int start_threads(rd_prefetch *p, int n) {
    int failed = 0;
    while (!failed && p->n_threads < n) {
        failed = rd_thread_start(&p->threads[p->n_threads], make_batches, p);
        if (!failed) p->n_threads++;
    }
    return failed;
}

static void stop_threads(rd_prefetch *p) {
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->released_one);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++) pthread_join(p->threads[i], NULL);
}

static void release(rd_prefetch *p) {
    for (int64_t i = 0; i < p->n_slots; i++) rd_batch_free(&p->slots[i].batch);
    pthread_cond_destroy(&p->released_one);
    pthread_cond_destroy(&p->made_one);
    pthread_mutex_destroy(&p->lock);
    free(p->slots);
    free(p->threads);
    free(p);
}

static rd_status start(rd_prefetch *p, int n_threads) {
    int failed = start_threads(p, n_threads);
    if (!failed) return RD_OK;
    stop_threads(p);
    if (failed == EAGAIN) /* also the system's error when memory for a stack is missing */
        return rd_error(RD_ERR_MEMORY, "cannot start a thread: out of memory, or of threads");
    return rd_error(RD_ERR_IO, "cannot start a thread: %s", strerror(failed));
}

rd_status rd_prefetch_start(rd_prefetch **prefetch, const rd_batch_source *source, int64_t first,
                            int depth) {
    int64_t end = source->size(source->self);
    int n_threads = source->threads > 1 ? source->threads : 1;
    *prefetch = NULL;
    if (depth < 1 || first < 0 || end < first)
        return rd_error(RD_ERR_ARGUMENT, "prefetch: batches %lld to %lld, %d ahead",
                        (long long)first, (long long)end, depth);
    if (depth < n_threads) depth = n_threads;
    rd_prefetch *p = rd_calloc(1, sizeof *p);
    slot *slots = rd_calloc((size_t)depth + 1, sizeof *slots);
    pthread_t *threads = rd_calloc((size_t)n_threads, sizeof *threads);
    if (!p || !slots || !threads) {
        free(p);
        free(slots);
        free(threads);
        return RD_ERR_MEMORY;
    }
    p->source = *source;
    p->first = first;
    p->total = p->failed = end - first;
    p->slots = slots;
    p->n_slots = depth + 1; /* one more is with the user */
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->made_one, NULL);
    pthread_cond_init(&p->released_one, NULL);
    rd_status status = start(p, n_threads);
    if (status == RD_OK)
        *prefetch = p;
    else
        release(p);
    return status;
}

rd_status rd_prefetch_next(rd_prefetch *prefetch, const rd_batch **batch) {
    rd_prefetch *p = prefetch;
    *batch = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->holding) {
        p->slots[p->released % p->n_slots].made = false;
        p->released++;
        p->holding = false;
        pthread_cond_signal(&p->released_one);
    }
    slot *next = &p->slots[p->released % p->n_slots];
    while (p->released < p->failed && !next->made) pthread_cond_wait(&p->made_one, &p->lock);
    rd_status status = RD_OK;
    if (p->released < p->failed) {
        *batch = &next->batch;
        p->holding = true;
    } else {
        status = rd_failure_report(&p->failure);
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

void rd_prefetch_stop(rd_prefetch *prefetch) {
    if (!prefetch) return;
    stop_threads(prefetch);
    release(prefetch);
}
