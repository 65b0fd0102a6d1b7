/* Sums over ranks, on a separate thread, while the numbers are still being computed. Each rank gets
 * its slice of a bucket from all others, adds in the order of ranks, and gives its sum to all:
 * (size - 1) / size of the numbers go out and come in for either, however many ranks there are. It
 * needs a thread because MPI moves data only while somebody calls it, and a layer takes longer than
 * the network's buffers last. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/thread.h"
#include "dist/rank.h"
#include "ops/activations.h"

enum { UNDER_WAY = 2 /* buckets */ };

struct summing {
    rd_ranks *r;
    rd_bundle bundles[UNDER_WAY];
    float *x;
    int64_t n, buckets, room;                     /* floats of x; of the longest slice */
    float *in[UNDER_WAY];                         /* [size, room] */
    uint16_t *in16[UNDER_WAY], *out16[UNDER_WAY]; /* likewise, where they travel rounded */
    float **rows;                                 /* [size] */
    pthread_t thread;
    pthread_mutex_t lock; /* of `ready` */
    pthread_cond_t more;
    int64_t ready; /* x is complete from here on */
    rd_failure failure;
};

/* Rounds x to be sent, after adding the previous rounding error, and keeps the new one. */
static void round_numbers(const float *x, float *error, int64_t n, uint16_t *out) {
    for (int64_t i = 0; i < n; i++) {
        float wanted = x[i] + error[i];
        out[i] = rd_f32_to_bf16(wanted);
        error[i] = wanted - rd_bf16_to_f32(out[i]);
    }
}

static rd_status send_slice(summing *s, int to, int64_t bucket) {
    rd_bundle *b = &s->bundles[bucket % UNDER_WAY];
    rd_slice slice = rd_comm_slice(&s->r->comm, s->n, bucket, to);
    const float *x = s->x + slice.begin;
    if (!s->r->bf16) return rd_bundle_send(b, to, x, sizeof *x * (size_t)slice.n);
    uint16_t *out = s->out16[bucket % UNDER_WAY] + to * s->room;
    round_numbers(x, s->r->error + slice.begin, slice.n, out);
    return rd_bundle_send(b, to, out, sizeof *out * (size_t)slice.n);
}

static rd_status begin_bucket(summing *s, int64_t bucket) {
    const rd_comm *c = &s->r->comm;
    int64_t k = bucket % UNDER_WAY;
    size_t own = (size_t)rd_comm_slice(c, s->n, bucket, c->rank).n;
    for (int i = 0; i < c->size; i++) {
        int64_t at = i * s->room;
        if (i == c->rank) continue;
        RD_TRY(s->r->bf16
                   ? rd_bundle_receive(&s->bundles[k], i, s->in16[k] + at, sizeof(uint16_t) * own)
                   : rd_bundle_receive(&s->bundles[k], i, s->in[k] + at, sizeof(float) * own));
    }
    for (int i = 0; i < c->size; i++)
        if (i != c->rank) RD_TRY(send_slice(s, i, bucket));
    return RD_OK;
}

static void end_bucket(summing *s, int64_t bucket) {
    const rd_comm *c = &s->r->comm;
    int64_t k = bucket % UNDER_WAY;
    rd_slice own = rd_comm_slice(c, s->n, bucket, c->rank);
    for (int i = 0; i < c->size; i++) {
        rd_slice slice = rd_comm_slice(c, s->n, bucket, i);
        s->rows[i] = i == c->rank ? s->x + own.begin : s->in[k] + i * s->room;
        if (i == c->rank) continue;
        memset(s->x + slice.begin, 0, sizeof(float) * (size_t)slice.n);
        for (int64_t j = 0; s->r->bf16 && j < own.n; j++)
            s->rows[i][j] = rd_bf16_to_f32(s->in16[k][i * s->room + j]);
    }
    rd_comm_add(s->rows, c->size, own.n, s->x + own.begin);
}

/* wait: until it is. */
static bool is_ready(summing *s, int64_t bucket, bool wait) {
    int64_t begin = rd_comm_bucket(s->n, bucket).begin;
    pthread_mutex_lock(&s->lock);
    while (wait && s->ready > begin) pthread_cond_wait(&s->more, &s->lock);
    bool ready = s->ready <= begin;
    pthread_mutex_unlock(&s->lock);
    return ready;
}

/* From the last bucket to the first, as a backward pass leaves them: all ranks in the same order,
 * whenever each of them is ready. */
static rd_status sum_all(summing *s) {
    int64_t begun = s->buckets, ended = s->buckets, looks = 0;
    while (ended > 0) {
        bool done = false;
        if (begun > 0 && ended - begun < UNDER_WAY && is_ready(s, begun - 1, begun == ended)) {
            RD_TRY(begin_bucket(s, --begun));
            continue;
        }
        RD_TRY(rd_bundle_look(&s->bundles[(ended - 1) % UNDER_WAY], &looks, &done));
        if (done) end_bucket(s, --ended);
    }
    return RD_OK;
}

static void *run(void *argument) {
    summing *s = argument;
    rd_set_threads(1); /* the others' are in use */
    rd_failure_keep(&s->failure, 0, sum_all(s));
    return NULL;
}

static rd_status make_room(summing *s) {
    const rd_comm *c = &s->r->comm;
    size_t size = (size_t)c->size;
    s->room = 0;
    for (int i = 0; s->buckets > 0 && i < c->size; i++) {
        rd_slice slice = rd_comm_slice(c, s->n, 0, i);
        if (slice.n > s->room) s->room = slice.n;
    }
    size_t room = size * (size_t)s->room;
    bool ok = (s->rows = rd_malloc(size, sizeof *s->rows)) != NULL;
    for (int i = 0; i < UNDER_WAY; i++) {
        ok &= (s->in[i] = rd_malloc(room, sizeof(float))) != NULL;
        if (!s->r->bf16) continue;
        ok &= (s->in16[i] = rd_malloc(room, sizeof(uint16_t))) != NULL;
        ok &= (s->out16[i] = rd_malloc(room, sizeof(uint16_t))) != NULL;
    }
    if (s->r->bf16 && !s->r->error)
        ok &= (s->r->error = rd_calloc((size_t)s->n, sizeof(float))) != NULL;
    return ok ? RD_OK : RD_ERR_MEMORY;
}

static rd_status start_thread(summing *s) {
    int error = rd_thread_start(&s->thread, run, s);
    return error ? rd_error(RD_ERR_MEMORY, "cannot start a thread: %s", strerror(error)) : RD_OK;
}

static void end(summing *s) {
    for (int i = 0; i < UNDER_WAY; i++) {
        rd_bundle_free(&s->bundles[i]);
        free(s->in[i]);
        free(s->in16[i]);
        free(s->out16[i]);
    }
    free(s->rows);
    pthread_cond_destroy(&s->more);
    pthread_mutex_destroy(&s->lock);
    s->r->sum = NULL;
    free(s);
}

rd_status rd_ranks_sum_start(rd_comm *comm, float *x, int64_t n) {
    rd_ranks *r = (rd_ranks *)comm;
    summing *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    *s = (summing){.r = r, .x = x, .n = n, .buckets = rd_comm_buckets(n), .ready = n};
    for (int i = 0; i < UNDER_WAY; i++) s->bundles[i].ranks = r;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, NULL);
    rd_status status = make_room(s);
    if (status == RD_OK) status = start_thread(s);
    r->sum = s;
    if (status != RD_OK) end(s);
    return status;
}

void rd_ranks_sum_ready(rd_comm *comm, const float *from) {
    summing *s = ((rd_ranks *)comm)->sum;
    pthread_mutex_lock(&s->lock);
    s->ready = from - s->x;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

rd_status rd_ranks_sum_finish(rd_comm *comm) {
    summing *s = ((rd_ranks *)comm)->sum;
    rd_ranks_sum_ready(comm, s->x);
    pthread_join(s->thread, NULL);
    rd_status status = rd_failure_report(&s->failure);
    end(s);
    return status;
}

void rd_ranks_sum_forget(rd_comm *comm, int64_t n) {
    rd_ranks *r = (rd_ranks *)comm;
    if (r->error) memset(r->error, 0, sizeof *r->error * (size_t)n);
}

/* Each slice of a bucket, `width` bytes a number, from its rank to all others. */
static rd_status spread_bucket(rd_bundle *b, rd_comm *comm, void *numbers, size_t width, int64_t n,
                               int64_t bucket) {
    rd_slice own = rd_comm_slice(comm, n, bucket, comm->rank);
    for (int i = 0; i < comm->size; i++) {
        rd_slice slice = rd_comm_slice(comm, n, bucket, i);
        if (i != comm->rank)
            RD_TRY(rd_bundle_receive(b, i, (char *)numbers + width * (size_t)slice.begin,
                                     width * (size_t)slice.n));
    }
    for (int i = 0; i < comm->size; i++)
        if (i != comm->rank)
            RD_TRY(rd_bundle_send(b, i, (const char *)numbers + width * (size_t)own.begin,
                                  width * (size_t)own.n));
    return RD_OK;
}

/* The next bucket is under way while one is waited for. */
static rd_status spread_all(rd_bundle *bundles, rd_comm *comm, void *numbers, size_t width,
                            int64_t n) {
    for (int64_t b = 0; b < rd_comm_buckets(n); b++) {
        RD_TRY(spread_bucket(&bundles[b % UNDER_WAY], comm, numbers, width, n, b));
        RD_TRY(rd_bundle_wait(&bundles[(b + 1) % UNDER_WAY]));
    }
    for (int i = 0; i < UNDER_WAY; i++) RD_TRY(rd_bundle_wait(&bundles[i]));
    return RD_OK;
}

static rd_status spread(rd_comm *comm, void *numbers, size_t width, int64_t n) {
    rd_bundle bundles[UNDER_WAY] = {{.ranks = (rd_ranks *)comm}, {.ranks = (rd_ranks *)comm}};
    rd_status status = spread_all(bundles, comm, numbers, width, n);
    for (int i = 0; i < UNDER_WAY; i++) rd_bundle_free(&bundles[i]);
    return status;
}

rd_status rd_ranks_collect(rd_comm *comm, float *x, int64_t n) {
    return spread(comm, x, sizeof *x, n);
}

/* This rank uses the same rounded numbers as the others. */
rd_status rd_ranks_collect_sum(rd_comm *comm, float *x, int64_t n) {
    const rd_ranks *r = (const rd_ranks *)comm;
    if (!r->bf16) return spread(comm, x, sizeof *x, n);
    uint16_t *rounded = rd_malloc((size_t)n, sizeof *rounded);
    if (!rounded) return RD_ERR_MEMORY;
    for (int64_t b = 0; b < rd_comm_buckets(n); b++) {
        rd_slice own = rd_comm_slice(comm, n, b, comm->rank);
        round_numbers(x + own.begin, r->error + own.begin, own.n, rounded + own.begin);
    }
    rd_status status = spread(comm, rounded, sizeof *rounded, n);
    for (int64_t i = 0; status == RD_OK && i < n; i++) x[i] = rd_bf16_to_f32(rounded[i]);
    free(rounded);
    return status;
}
