/* Signs of life between ranks. The first rank gives its own to all others, and they to it: enough
 * to know who is missing. Ranks of one machine are looked for there as well. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "dist/rank.h"
#include "dist/ranks.h"

enum { LIFE = 1 /* the channel */ };
enum { LOOK_US = 50000, SIGN_EVERY = 10 /* looks */ };

typedef struct {
    bool watched, local; /* exchanges signs with this rank; is on its machine */
    rd_transfer in, out;
    bool sending;
    char sign;
    double heard;
} friend;

typedef struct watch {
    rd_ranks *ranks;
    pthread_t thread;
    pthread_mutex_t lock; /* of ending */
    bool ending;
    double patience, looked; /* seconds; when it looked last */
    friend *friends;         /* [size] */
    void (*lost)(void *self, const char *message);
    void *self;
} watch;

static bool is_ending(watch *w) {
    pthread_mutex_lock(&w->lock);
    bool ending = w->ending;
    pthread_mutex_unlock(&w->lock);
    return ending;
}

static bool is_gone(const rd_peer *peer) {
    return kill(peer->pid, 0) != 0 && errno == ESRCH;
}

/* With the transport's lock. */
static void listen_to(watch *w, int rank) {
    friend *f = &w->friends[rank];
    bool done = false;
    if (w->ranks->transport.test(1, &f->in, &done) != 0 || !done) return;
    f->heard = rd_seconds();
    (void)w->ranks->transport.receive(rank, LIFE, &f->sign, 1, &f->in);
}

static void give_sign(watch *w, int rank) {
    static const char sign = 1;
    friend *f = &w->friends[rank];
    bool done = true;
    if (f->sending && (w->ranks->transport.test(1, &f->out, &done) != 0 || !done)) return;
    f->sending = w->ranks->transport.send(rank, LIFE, &sign, 1, &f->out) == 0;
}

static void exchange_signs(watch *w, bool give) {
    pthread_mutex_lock(&w->ranks->lock);
    for (int i = 0; i < w->ranks->comm.size; i++) {
        if (!w->friends[i].watched) continue;
        listen_to(w, i);
        if (give) give_sign(w, i);
    }
    pthread_mutex_unlock(&w->ranks->lock);
}

/* One of those that are left tells of it: the first rank, or, if that is lost, the second; others
 * give them time. */
static void report(watch *w, int rank, const char *how) {
    const rd_comm *c = &w->ranks->comm;
    const rd_peer *peer = &w->ranks->peers[rank];
    char message[512];
    if (c->rank > (rank == 0)) sleep(5);
    snprintf(message, sizeof message, "rank %d (process %ld on %s) %s; all ranks end", rank,
             (long)peer->pid, peer->host, how);
    w->lost(w->self, message);
    rd_ranks_abort(&w->ranks->comm, 1);
}

/* Whatever paused this process, Ctrl-Z or a closed laptop, paused the others as well. */
static void forgive_pause(watch *w, double now) {
    double pause = now - w->looked;
    for (int i = 0; pause > 1.0 && i < w->ranks->comm.size; i++) w->friends[i].heard += pause;
    w->looked = now;
}

static void look(watch *w) {
    char how[64];
    double now = rd_seconds();
    forgive_pause(w, now);
    for (int i = 0; i < w->ranks->comm.size; i++) {
        const friend *f = &w->friends[i];
        if (f->local && is_gone(&w->ranks->peers[i]) && !is_ending(w)) report(w, i, "is gone");
        if (!f->watched || now - f->heard < w->patience) continue;
        snprintf(how, sizeof how, "has not answered for %.0f seconds", w->patience);
        report(w, i, how);
    }
}

static void *run(void *argument) {
    watch *w = argument;
    w->looked = rd_seconds();
    for (int64_t n = 0; !is_ending(w); n++) {
        exchange_signs(w, n % SIGN_EVERY == 0);
        look(w);
        usleep(LOOK_US);
    }
    return NULL;
}

static rd_status start(watch *w) {
    const rd_ranks *r = w->ranks;
    for (int i = 0; i < r->comm.size; i++) {
        friend *f = &w->friends[i];
        if (i == r->comm.rank) continue;
        f->watched = r->comm.rank == 0 || i == 0;
        f->local = r->peers[i].node == r->transport.node && !is_gone(&r->peers[i]);
        f->heard = rd_seconds();
        if (f->watched) (void)r->transport.receive(i, LIFE, &f->sign, 1, &f->in);
    }
    int error = rd_thread_start(&w->thread, run, w);
    return error ? rd_error(RD_ERR_MEMORY, "cannot start a thread: %s", strerror(error)) : RD_OK;
}

rd_status rd_ranks_watch(rd_comm *comm, int seconds, void (*lost)(void *self, const char *message),
                         void *self) {
    rd_ranks *r = (rd_ranks *)comm;
    if (!comm->kind) return RD_OK;
    RD_TRY(rd_comm_meet(comm)); /* clocks start together */
    watch *w = rd_calloc(1, sizeof *w);
    friend *friends = rd_calloc((size_t)comm->size, sizeof *friends);
    if (!w || !friends) {
        free(w);
        free(friends);
        return RD_ERR_MEMORY;
    }
    *w = (watch){.ranks = r, .patience = seconds, .friends = friends, .lost = lost, .self = self};
    pthread_mutex_init(&w->lock, NULL);
    r->watch = w;
    return start(w); /* failed: the run is over, and the program with it */
}

void rd_ranks_unwatch(rd_ranks *r) {
    watch *w = r->watch;
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    (void)rd_comm_meet(&r->comm); /* nobody sends any more */
    for (int i = 0; i < r->comm.size; i++)
        if (w->friends[i].watched) r->transport.cancel(&w->friends[i].in);
    pthread_mutex_destroy(&w->lock);
    free(w->friends);
    free(w);
    r->watch = NULL;
}
