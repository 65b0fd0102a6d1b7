#include "data/prefetch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct rd_prefetch {
    rd_batch_source source;
    int64_t first, end;

    pthread_t thread;
    pthread_mutex_t lock; /* of all below but the contents of the slots */
    pthread_cond_t made_one, released_one;
    /* A ring: batches released .. made - 1, counted from `first`, are in slots[number % n_slots];
     * the user holds `released` while `holding`. */
    rd_batch *slots; /* [n_slots] */
    int64_t n_slots, made, released;
    bool holding, stopping;
    rd_status status; /* of the batch after the last one made */
    char *message;    /* malloc'ed, of a failed status: messages are per thread */
};

/* Waits for a free slot; false when there is nothing more to make. */
static bool wait_for_slot(rd_prefetch *p) {
    pthread_mutex_lock(&p->lock);
    while (!p->stopping && p->made - p->released == p->n_slots)
        pthread_cond_wait(&p->released_one, &p->lock);
    bool more = !p->stopping;
    pthread_mutex_unlock(&p->lock);
    return more;
}

static void *make_batches(void *argument) {
    rd_prefetch *p = argument;
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < p->end - p->first && wait_for_slot(p); i++) {
        status = p->source.get(p->source.self, p->first + i, &p->slots[i % p->n_slots]);
        char *message = status == RD_OK ? NULL : rd_strdup(rd_last_error());
        pthread_mutex_lock(&p->lock);
        if (status == RD_OK) p->made++;
        p->status = status;
        p->message = message;
        pthread_cond_signal(&p->made_one);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

/* Blocks signals here, except synchronous faults such as SIGBUS, whose handler must run in this
 * thread. */
static int start_thread(rd_prefetch *p) {
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->thread, NULL, make_batches, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void release(rd_prefetch *p) {
    for (int64_t i = 0; i < p->n_slots; i++) rd_batch_free(&p->slots[i]);
    pthread_cond_destroy(&p->released_one);
    pthread_cond_destroy(&p->made_one);
    pthread_mutex_destroy(&p->lock);
    free(p->slots);
    free(p->message);
    free(p);
}

rd_status rd_prefetch_start(rd_prefetch **prefetch, const rd_batch_source *source, int64_t first,
                            int depth) {
    int64_t end = source->size(source->self);
    *prefetch = NULL;
    if (depth < 1 || first < 0 || end < first)
        return rd_error(RD_ERR_ARGUMENT, "prefetch: batches %lld to %lld, %d ahead",
                        (long long)first, (long long)end, depth);
    rd_prefetch *p = rd_calloc(1, sizeof *p);
    rd_batch *slots = rd_calloc((size_t)depth + 1, sizeof *slots);
    if (!p || !slots) {
        free(p);
        free(slots);
        return RD_ERR_MEMORY;
    }
    p->source = *source;
    p->first = first;
    p->end = end;
    p->slots = slots;
    p->n_slots = depth + 1; /* one more is with the user */
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->made_one, NULL);
    pthread_cond_init(&p->released_one, NULL);
    int failed = start_thread(p);
    if (failed) {
        release(p);
        if (failed == EAGAIN) /* what the system says when memory for a stack is missing, too */
            return rd_error(RD_ERR_MEMORY, "cannot start a thread: out of memory, or of threads");
        return rd_error(RD_ERR_IO, "cannot start a thread: %s", strerror(failed));
    }
    *prefetch = p;
    return RD_OK;
}

rd_status rd_prefetch_next(rd_prefetch *prefetch, const rd_batch **batch) {
    rd_prefetch *p = prefetch;
    *batch = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->holding) {
        p->released++;
        p->holding = false;
        pthread_cond_signal(&p->released_one);
    }
    while (p->made == p->released && p->status == RD_OK && p->made < p->end - p->first)
        pthread_cond_wait(&p->made_one, &p->lock);
    rd_status status = RD_OK;
    if (p->made > p->released) {
        *batch = &p->slots[p->released % p->n_slots];
        p->holding = true;
    } else {
        status = p->status;
    }
    pthread_mutex_unlock(&p->lock);
    return status == RD_OK ? RD_OK : rd_error(status, "%s", p->message ? p->message : "no memory");
}

void rd_prefetch_stop(rd_prefetch *prefetch) {
    if (!prefetch) return;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->stopping = true;
    pthread_cond_signal(&prefetch->released_one);
    pthread_mutex_unlock(&prefetch->lock);
    pthread_join(prefetch->thread, NULL);
    release(prefetch);
}
