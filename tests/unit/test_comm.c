/* Workers as threads: what they tell each other, sums in their order, failures that are everyone's;
 * and how batches are dealt among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dist/threads.h"
#include "train/deal.h"

enum { WORKERS = 3, NUMBERS = 9000 /* three buckets */ };

/* Each follows on the one before, in the array and among a worker's own. */
static void slices_of(int size, int64_t n) {
    rd_comm comm = {.size = size};
    int64_t at = 0, own[8] = {0};
    for (int64_t b = 0; b < rd_comm_buckets(n); b++) {
        rd_slice bucket = rd_comm_bucket(n, b);
        assert_int_equal(bucket.begin, at);
        for (int i = 0; i < size; i++) {
            rd_slice slice = rd_comm_slice(&comm, n, b, i);
            assert_int_equal(slice.begin, at);
            assert_true(slice.n >= 0 && (slice.begin % 16 == 0 || slice.n == 0));
            assert_int_equal(slice.at, own[i]);
            at += slice.n;
            own[i] += slice.n;
        }
        assert_int_equal(at, bucket.begin + bucket.n);
    }
    assert_int_equal(at, n);
    for (int i = 0; i < size; i++) assert_int_equal(rd_comm_own(&comm, n, i), own[i]);
}

static void slices_are_all_of_it(void **state) {
    (void)state;
    for (int size = 1; size < 9; size++)
        for (int64_t n = 0; n < 200; n += 7) slices_of(size, n);
    static const int64_t many[] = {4096, 4097, 8195, 131071, 131072, 131073, 2097152, 150000001};
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) slices_of(5, many[i]);
    assert_int_equal(rd_comm_buckets(0), 0);
    assert_int_equal(rd_comm_buckets(4097), 2);
    assert_int_equal(rd_comm_buckets(1 << 20), 32);
    assert_int_equal(rd_comm_bucket(1 << 28, 1).begin, 1 << 22);
}

static void one_worker_has_what_it_gives(void **state) {
    (void)state;
    rd_comm alone = {.size = 1};
    const char mine = 'x';
    const size_t bytes = 1;
    char all = 0;
    assert_int_equal(rd_comm_gather_first(&alone, &mine, &bytes, &all), RD_OK);
    assert_int_equal(all, 'x');
}

/* Results of each of several threads; only the first thread may use cmocka's checks. */
typedef struct {
    float x[WORKERS][NUMBERS], wanted[NUMBERS];
    bool good[WORKERS];
} sums;

static float number(int worker, int i) {
    return (float)(1 << 20) / (float)(1 + (i * 7 + worker * 13) % 101) - (float)(i % 17);
}

static rd_status sum(void *self, rd_comm *comm) {
    sums *s = self;
    float *x = s->x[comm->rank];
    RD_TRY(rd_comm_sum_start(comm, x, NUMBERS));
    for (int i = NUMBERS - 1; i >= 0; i--) {
        x[i] = number(comm->rank, i);
        if (i % 1000 == comm->rank) rd_comm_sum_ready(comm, x + i);
    }
    RD_TRY(rd_comm_sum_finish(comm));
    int owner = 0, at = 0, good = 0;
    for (int b = 0; b < (int)rd_comm_buckets(NUMBERS); b++)
        for (owner = 0; owner < comm->size; owner++) {
            rd_slice slice = rd_comm_slice(comm, NUMBERS, b, owner);
            for (; at < slice.begin + slice.n; at++)
                good += x[at] == (owner == comm->rank ? s->wanted[at] : 0.0f);
        }
    s->good[comm->rank] = good == NUMBERS;
    return RD_OK;
}

static void sums_are_in_the_order_of_workers(void **state) {
    (void)state;
    sums *s = calloc(1, sizeof *s);
    assert_non_null(s);
    bool order_matters = false;
    for (int i = 0; i < NUMBERS; i++) {
        s->wanted[i] = number(0, i) + number(1, i) + number(2, i);
        order_matters |= s->wanted[i] != number(0, i) + (number(1, i) + number(2, i));
    }
    assert_true(order_matters);
    assert_int_equal(rd_comm_run_threads(WORKERS, 2, sum, s), RD_OK);
    for (int i = 0; i < WORKERS; i++) assert_true(s->good[i]);
    free(s);
}

typedef struct {
    int all[WORKERS][WORKERS], told[WORKERS], first[6];
    unsigned char merged[WORKERS];
    char *joined[WORKERS];
    size_t bytes[WORKERS];
} told;

static rd_status tell(void *self, rd_comm *comm) {
    told *t = self;
    int r = comm->rank, mine = 10 + r, parts[3] = {r, r, r};
    static const size_t bytes[WORKERS] = {sizeof(int), 2 * sizeof(int), 3 * sizeof(int)};
    unsigned char items[WORKERS] = {0};
    items[r] = (unsigned char)(100 + r);
    RD_TRY(rd_comm_gather(comm, &mine, sizeof mine, t->all[r]));
    t->told[r] = 7 * r;
    RD_TRY(rd_comm_broadcast(comm, &t->told[r], sizeof mine));
    RD_TRY(rd_comm_gather_first(comm, parts, bytes, r == 0 ? t->first : NULL));
    RD_TRY(rd_comm_join(comm, parts, bytes[r], &t->joined[r], &t->bytes[r]));
    RD_TRY(rd_comm_merge_first(comm, items, sizeof items));
    if (r == 0) memcpy(t->merged, items, sizeof items);
    return rd_comm_meet(comm);
}

static void all_are_told(void **state) {
    (void)state;
    told t = {.told = {0}};
    assert_int_equal(rd_comm_run_threads(WORKERS, 1, tell, &t), RD_OK);
    for (int r = 0; r < WORKERS; r++) {
        for (int i = 0; i < WORKERS; i++) assert_int_equal(t.all[r][i], 10 + i);
        assert_int_equal(t.told[r], 0);
        assert_int_equal(t.merged[r], 100 + r);
    }
    static const int first[] = {0, 1, 1, 2, 2, 2};
    assert_memory_equal(t.first, first, sizeof first);
    assert_int_equal(t.bytes[0], sizeof first);
    assert_memory_equal(t.joined[0], first, sizeof first);
    for (int r = 1; r < WORKERS; r++) assert_null(t.joined[r]);
    free(t.joined[0]);
}

/* Worker 1 does not come to the second meeting. */
static rd_status leave(void *self, rd_comm *comm) {
    int *failures = self;
    RD_TRY(rd_comm_meet(comm));
    if (comm->rank == 1) return rd_error(RD_ERR_IO, "the disk is full");
    rd_status status = rd_comm_meet(comm);
    failures[comm->rank] = status == RD_ERR_IO && strcmp(rd_last_error(), "the disk is full") == 0;
    return status;
}

static void a_failure_is_everyones(void **state) {
    (void)state;
    int failures[WORKERS] = {0};
    assert_int_equal(rd_comm_run_threads(WORKERS, 1, leave, failures), RD_ERR_IO);
    assert_string_equal(rd_last_error(), "the disk is full");
    assert_true(failures[0] && failures[2]);
}

/* Workers that stop leave; the first one cannot save then. */
static rd_status stop_without_saving(void *self, rd_comm *comm) {
    (void)self;
    if (comm->rank > 0) return rd_error(RD_ERR_INTERRUPTED, "stopped by a signal");
    while (rd_comm_meet(comm) == RD_OK) continue; /* until one has left */
    return rd_error(RD_ERR_IO, "the disk is full");
}

static void a_failure_is_more_than_a_stop(void **state) {
    (void)state;
    assert_int_equal(rd_comm_run_threads(WORKERS, 1, stop_without_saving, NULL), RD_ERR_IO);
    assert_string_equal(rd_last_error(), "the disk is full");
}

/* A stop gives way to a failure; of failures the first worker's counts. */
static rd_status disagree(void *self, rd_comm *comm) {
    int *good = self;
    static const rd_status each[] = {RD_ERR_INTERRUPTED, RD_ERR_FORMAT, RD_ERR_IO};
    rd_status mine = rd_error(each[comm->rank], "worker %d", comm->rank);
    rd_status status = rd_comm_agree(comm, mine);
    good[comm->rank] = status == RD_ERR_FORMAT && strcmp(rd_last_error(), "worker 1") == 0;
    return rd_comm_agree(comm, RD_OK);
}

static void workers_agree(void **state) {
    (void)state;
    int good[WORKERS] = {0};
    assert_int_equal(rd_comm_run_threads(WORKERS, 1, disagree, good), RD_OK);
    for (int i = 0; i < WORKERS; i++) assert_true(good[i]);
    rd_comm alone = RD_COMM_ALONE;
    assert_int_equal(rd_comm_agree(&alone, RD_ERR_IO), RD_ERR_IO);
}

static int64_t n_batches;

static int64_t source_size(const void *self) {
    (void)self;
    return n_batches;
}

/* Every tenth batch is ten times the work. */
static int64_t source_work(const void *self, int64_t index) {
    (void)self;
    return index % 10 == 0 ? 1000 : 100;
}

enum { MOST = 64 };

/* Who has each batch, and each worker's work. */
static void deal(int size, const double *speeds, int64_t first, int64_t per_update, int *owner,
                 int64_t *work) {
    rd_batch_source source = {.size = source_size, .work = source_work};
    for (int i = 0; i < MOST; i++) owner[i] = -1;
    for (int r = 0; r < size; r++) {
        rd_comm comm = {.rank = r, .size = size};
        rd_deal d;
        assert_int_equal(rd_deal_make(&d, &source, &comm, speeds, first, per_update), RD_OK);
        rd_batch_source mine = rd_deal_source(&d);
        int64_t updates = (n_batches - first + per_update - 1) / per_update, taken = 0;
        work[r] = 0;
        for (int64_t u = 0; u < updates; u++) {
            int64_t begin, end;
            rd_deal_next(&d, &begin, &end);
            assert_int_equal(begin, taken);
            for (taken = end; begin < end; begin++) {
                int64_t batch = d.mine[begin];
                assert_int_equal((batch - first) / per_update, u);
                assert_int_equal(rd_deal_micro_batch(&d, begin), (batch - first) % per_update);
                assert_int_equal(owner[batch], -1);
                owner[batch] = r;
                work[r] += source_work(NULL, batch);
            }
        }
        assert_int_equal(taken, mine.size(mine.self));
        rd_deal_free(&d);
    }
    for (int64_t i = first; i < n_batches; i++) assert_true(owner[i] >= 0);
}

static void batches_are_dealt_once_by_their_work(void **state) {
    (void)state;
    int owner[MOST];
    int64_t work[4];
    n_batches = 50;
    deal(1, NULL, 3, 7, owner, work);
    deal(2, NULL, 0, 10, owner, work);
    /* Of an update's 1,900 one has the long batch, the other the nine short ones. */
    assert_int_equal(work[0], 5 * 1000);
    assert_int_equal(work[1], 5 * 900);
    deal(3, NULL, 5, 20, owner, work);
    deal(4, NULL, 0, 2, owner, work); /* more workers than batches */
    deal(2, (double[]){1, 3}, 1, 9, owner, work);
    assert_true(work[1] > 2 * work[0]);
    n_batches = 0;
    deal(2, NULL, 0, 4, owner, work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_has_what_it_gives),
        cmocka_unit_test(slices_are_all_of_it),
        cmocka_unit_test(sums_are_in_the_order_of_workers),
        cmocka_unit_test(all_are_told),
        cmocka_unit_test(a_failure_is_everyones),
        cmocka_unit_test(a_failure_is_more_than_a_stop),
        cmocka_unit_test(workers_agree),
        cmocka_unit_test(batches_are_dealt_once_by_their_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
