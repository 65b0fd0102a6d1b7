/* Sums over ranks while the numbers are made: two ranks of one process, whose messages go through
 * queues in memory in the place of MPI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "dist/rank.h"
#include "ops/ops.h"

enum { RANKS = 2, NUMBERS = 30000 /* eight buckets */, MOST = 4096 /* messages */ };

/* Messages from a rank to the other in the order of sending, taken in the order of receiving. */
typedef struct {
    void *sent[MOST];
    size_t bytes[MOST];
    int n_sent, n_asked;
} queue;

typedef struct {
    void *to; /* NULL: sent, which is done at once */
    size_t bytes;
    int from, place;
} request;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static queue queues[RANKS]; /* by who sends */

static int send_as(int from, const void *data, size_t bytes, rd_transfer *transfer) {
    pthread_mutex_lock(&lock);
    queue *q = &queues[from];
    q->bytes[q->n_sent] = bytes;
    memcpy(q->sent[q->n_sent++] = malloc(bytes), data, bytes);
    pthread_mutex_unlock(&lock);
    transfer->handle = calloc(1, sizeof(request));
    return 0;
}

static int send_as_first(int to, int channel, const void *data, size_t bytes, rd_transfer *t) {
    (void)to, (void)channel;
    return send_as(0, data, bytes, t);
}

static int send_as_second(int to, int channel, const void *data, size_t bytes, rd_transfer *t) {
    (void)to, (void)channel;
    return send_as(1, data, bytes, t);
}

static int receive(int from, int channel, void *data, size_t bytes, rd_transfer *transfer) {
    request *r = malloc(sizeof *r);
    (void)channel;
    pthread_mutex_lock(&lock);
    *r = (request){data, bytes, from, queues[from].n_asked++};
    pthread_mutex_unlock(&lock);
    transfer->handle = r;
    return 0;
}

/* Takes what has arrived; 1: a message of another length than was asked for. */
static int take(rd_transfer *transfer, bool *arrived) {
    request *r = transfer->handle;
    const queue *q = r ? &queues[r->from] : NULL;
    *arrived = !r || !r->to || r->place < q->n_sent;
    if (!r || !*arrived) return 0;
    int error = r->to && q->bytes[r->place] != r->bytes;
    if (r->to && !error) memcpy(r->to, q->sent[r->place], r->bytes);
    free(r);
    transfer->handle = NULL;
    return error;
}

static int test(int n, rd_transfer *transfers, bool *done) {
    int error = 0;
    *done = true;
    pthread_mutex_lock(&lock);
    for (int i = 0; !error && i < n; i++) {
        bool arrived;
        error = take(&transfers[i], &arrived);
        *done = *done && arrived;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

static void explain(int error, char *text, size_t room) {
    (void)error;
    memcpy(text, "another length", room < 15 ? room : 15);
}

/* A rank, and what it makes and finds: `rounds` sums of the same numbers one after the other. */
typedef struct {
    rd_ranks ranks;
    int rounds, forgets; /* the round that is not used; -1: none */
    float x[NUMBERS];
    double total[NUMBERS]; /* of all rounds, its slices */
    rd_status status;
} worker;

static worker *workers; /* [RANKS] */

static float number(int rank, int i) {
    return (float)(1 << 20) / (float)(1 + (i * 7 + rank * 13) % 101) - (float)(i % 17);
}

/* The second rank says now and then how far it is, the first at the end alone. */
static rd_status sum_once(worker *w) {
    rd_comm *comm = &w->ranks.comm;
    RD_TRY(rd_ranks_sum_start(comm, w->x, NUMBERS));
    for (int i = NUMBERS - 1; i >= 0; i--) {
        w->x[i] = number(comm->rank, i);
        if (comm->rank == 1 && i % 1777 == 0) rd_ranks_sum_ready(comm, w->x + i);
    }
    return rd_ranks_sum_finish(comm);
}

static rd_status sum_all(worker *w) {
    for (int round = 0; round < w->rounds; round++) {
        RD_TRY(sum_once(w));
        if (round == w->forgets)
            rd_ranks_sum_forget(&w->ranks.comm, NUMBERS);
        else
            for (int i = 0; i < NUMBERS; i++) w->total[i] += (double)w->x[i];
    }
    return rd_ranks_collect(&w->ranks.comm, w->x, NUMBERS);
}

static void *work(void *argument) {
    worker *w = argument;
    w->status = sum_all(w);
    return NULL;
}

static void run(int rounds, int forgets, bool bf16) {
    pthread_t threads[RANKS];
    for (int i = 0; i < RANKS; i++) {
        worker *w = &workers[i];
        *w = (worker){.ranks = {.comm = {.rank = i, .size = RANKS, .local = 1, .names = "rank"},
                                .transport = {.rank = i,
                                              .size = RANKS,
                                              .send = i == 0 ? send_as_first : send_as_second,
                                              .receive = receive,
                                              .test = test,
                                              .explain = explain},
                                .bf16 = bf16},
                      .rounds = rounds,
                      .forgets = forgets};
        pthread_mutex_init(&w->ranks.lock, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, work, w), 0);
    }
    for (int i = 0; i < RANKS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(workers[i].status, RD_OK);
        pthread_mutex_destroy(&workers[i].ranks.lock);
        for (int k = 0; k < queues[i].n_sent; k++) free(queues[i].sent[k]);
        queues[i] = (queue){.n_sent = 0};
    }
}

static int owner_of(int i) {
    for (int64_t b = 0; b < rd_comm_buckets(NUMBERS); b++) {
        rd_slice first = rd_comm_slice(&workers[0].ranks.comm, NUMBERS, b, 0);
        rd_slice second = rd_comm_slice(&workers[0].ranks.comm, NUMBERS, b, 1);
        if (i >= first.begin && i < first.begin + first.n) return 0;
        if (i >= second.begin && i < second.begin + second.n) return 1;
    }
    return -1;
}

static void sums_are_complete_and_everyones(void **state) {
    (void)state;
    run(2, -1, false);
    for (int i = 0; i < NUMBERS; i++) {
        float wanted = number(0, i) + number(1, i);
        for (int r = 0; r < RANKS; r++) {
            assert_true(workers[r].x[i] == wanted);
            assert_true(workers[r].total[i] == (owner_of(i) == r ? 2.0 * (double)wanted : 0.0));
        }
    }
}

/* A rank sends its part of another's slice rounded; the rounding error is added to the next. */
static void what_rounding_loses_is_kept(void **state) {
    (void)state;
    enum { ROUNDS = 50 };
    run(ROUNDS, -1, true);
    bool rounded = false;
    for (int i = 0; i < NUMBERS; i++) {
        int owner = owner_of(i);
        double wanted = (double)number(0, i) + (double)number(1, i);
        double far = workers[owner].total[i] / ROUNDS - wanted, one = number(1 - owner, i);
        rounded |= far != 0.0;
        assert_true(far * far <= one * one / (256.0 * 256.0) / (ROUNDS * ROUNDS) * 4.0 + 1e-6);
    }
    assert_true(rounded);
    for (int r = 0; r < RANKS; r++) free(workers[r].ranks.error);
}

/* Nor does what a sum that is not used has lost, which may be no number. */
static void a_sum_that_is_not_used_leaves_nothing(void **state) {
    (void)state;
    run(2, 0, true);
    for (int i = 0; i < NUMBERS; i++) {
        int owner = owner_of(i);
        float other = rd_bf16_to_f32(rd_f32_to_bf16(number(1 - owner, i)));
        assert_true(workers[owner].total[i] == (double)(number(owner, i) + other));
    }
    for (int r = 0; r < RANKS; r++) free(workers[r].ranks.error);
}

static int make(void **state) {
    (void)state;
    workers = calloc(RANKS, sizeof *workers);
    return workers ? 0 : -1;
}

static int release(void **state) {
    (void)state;
    free(workers);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_complete_and_everyones),
        cmocka_unit_test(what_rounding_loses_is_kept),
        cmocka_unit_test(a_sum_that_is_not_used_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make, release);
}
