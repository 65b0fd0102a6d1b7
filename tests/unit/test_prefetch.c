/* Prefetched batches: all, in order, never too far ahead; failures arrive in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/prefetch.h"

/* Makes a batch whose ids tell its index, as long as `fails_at` is not reached. */
typedef struct {
    int64_t fails_at;
    int depth, threads;
    int64_t end;
    atomic_llong used;   /* batches the test has been given */
    atomic_bool too_far; /* one was made more than `depth` ahead */
    atomic_llong n_calls;
} fake_source;

static rd_status make(const void *self, int64_t index, rd_batch *batch) {
    fake_source *s = (fake_source *)(uintptr_t)self;
    const int32_t ids[] = {(int32_t)index + 3, 2};
    atomic_fetch_add(&s->n_calls, 1);
    /* Asking for one more gives the last one back, before it is counted here. */
    if (index > atomic_load(&s->used) + s->depth) atomic_store(&s->too_far, true);
    if (index == s->fails_at) return rd_error(RD_ERR_FORMAT, "batch %d is bad", (int)index);
    rd_batch_clear(batch);
    for (int64_t i = 0; i <= index % 5; i++) RD_TRY(rd_batch_add(batch, index, ids, 2, ids, 2));
    return RD_OK;
}

static int64_t size(const void *self) {
    return ((const fake_source *)self)->end;
}

static rd_prefetch *start(fake_source *source, int64_t first, int64_t end) {
    rd_prefetch *prefetch;
    rd_batch_source batches = {
        .self = source, .size = size, .get = make, .threads = source->threads};
    source->end = end;
    assert_int_equal(rd_prefetch_start(&prefetch, &batches, first, source->depth), RD_OK);
    return prefetch;
}

static void expect(rd_prefetch *prefetch, int64_t index) {
    const rd_batch *batch;
    assert_int_equal(rd_prefetch_next(prefetch, &batch), RD_OK);
    assert_non_null(batch);
    assert_int_equal(batch->n, index % 5 + 1);
    assert_int_equal(batch->ids[batch->n - 1], index);
    assert_int_equal(batch->source.ids[0], index + 3);
}

static void batches_come_in_order_and_end(void **state) {
    (void)state;
    for (int depth = 1; depth < 8; depth += 3) {
        const rd_batch *batch;
        fake_source source = {.fails_at = -1, .depth = depth, .used = 10};
        rd_prefetch *prefetch = start(&source, 10, 2000);
        for (int64_t i = 10; i < 2000; i++) {
            atomic_store(&source.used, i);
            expect(prefetch, i);
        }
        for (int again = 0; again < 2; again++) {
            assert_int_equal(rd_prefetch_next(prefetch, &batch), RD_OK);
            assert_null(batch);
        }
        rd_prefetch_stop(prefetch);
        assert_false(source.too_far);
        assert_int_equal(source.n_calls, 1990);
    }
}

static void a_failure_comes_after_the_batches_before_it(void **state) {
    (void)state;
    const rd_batch *batch;
    fake_source source = {.fails_at = 40, .depth = 4};
    rd_prefetch *prefetch = start(&source, 0, 100);
    for (int64_t i = 0; i < 40; i++) expect(prefetch, i);
    for (int again = 0; again < 2; again++) {
        rd_error(RD_ERR_IO, "something else");
        assert_int_equal(rd_prefetch_next(prefetch, &batch), RD_ERR_FORMAT);
        assert_null(batch);
        assert_string_equal(rd_last_error(), "batch 40 is bad");
    }
    rd_prefetch_stop(prefetch);
    assert_int_equal(source.n_calls, 41);
}

static void several_threads_keep_the_order(void **state) {
    (void)state;
    const rd_batch *batch;
    fake_source source = {.fails_at = 1500, .depth = 5, .threads = 3};
    rd_prefetch *prefetch = start(&source, 0, 5000);
    for (int64_t i = 0; i < 1500; i++) {
        atomic_store(&source.used, i);
        expect(prefetch, i);
    }
    atomic_store(&source.used, 1500);
    assert_int_equal(rd_prefetch_next(prefetch, &batch), RD_ERR_FORMAT);
    assert_string_equal(rd_last_error(), "batch 1500 is bad");
    rd_prefetch_stop(prefetch);
    assert_false(source.too_far);
    for (int64_t used = 0; used < 50; used++) {
        fake_source other = {.fails_at = -1, .depth = 3, .threads = 3};
        prefetch = start(&other, 0, 1000000);
        for (int64_t i = 0; i < used; i++) expect(prefetch, i);
        rd_prefetch_stop(prefetch);
        assert_true(other.n_calls <= used + 4);
    }
}

static void it_can_be_stopped_at_any_time(void **state) {
    (void)state;
    for (int64_t used = 0; used < 50; used++) {
        fake_source source = {.fails_at = 30, .depth = 3};
        rd_prefetch *prefetch = start(&source, 0, 1000000);
        for (int64_t i = 0; i < used && i < 30; i++) expect(prefetch, i);
        rd_prefetch_stop(prefetch);
        assert_true(source.n_calls <= used + 4);
    }
    rd_prefetch_stop(NULL);
}

static void no_batches_are_no_error(void **state) {
    (void)state;
    const rd_batch *batch;
    fake_source source = {.depth = 2};
    rd_prefetch *prefetch = start(&source, 5, 5);
    assert_int_equal(rd_prefetch_next(prefetch, &batch), RD_OK);
    assert_null(batch);
    rd_prefetch_stop(prefetch);
    rd_batch_source batches = {.self = &source, .size = size, .get = make};
    source.end = 5;
    assert_int_equal(rd_prefetch_start(&prefetch, &batches, 0, 0), RD_ERR_ARGUMENT);
    assert_int_equal(rd_prefetch_start(&prefetch, &batches, 6, 1), RD_ERR_ARGUMENT);
    assert_null(prefetch);
}

static void an_epoch_is_the_batchers(void **state) {
    (void)state;
    char path[] = "/tmp/rdrop-prefetch-XXXXXX";
    int fd = mkstemp(path);
    rd_dataset_writer *writer;
    rd_dataset *dataset;
    rd_batcher *batcher;
    rd_prefetch *prefetch;
    rd_batch wanted = {0};
    const rd_batch *found;
    const int32_t ids[] = {3, 4, 5, 6, 7, 2};
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(
        rd_dataset_writer_open(&writer, path, &(rd_identity){.src_vocab = 9, .tgt_vocab = 9}, 0),
        RD_OK);
    for (int i = 0; i < 100; i++) {
        rd_pair pair = {.src = ids + i % 6, .tgt = ids + i % 5};
        pair.n_src = 6 - i % 6;
        pair.n_tgt = 6 - i % 5;
        assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    }
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
    assert_int_equal(rd_dataset_open(&dataset, path), RD_OK);
    const rd_batcher_config config = {.max_tokens = 20, .seed = 1};
    assert_int_equal(rd_batcher_new(&batcher, dataset, &config), RD_OK);
    assert_int_equal(rd_batcher_set_epoch(batcher, 1), RD_OK);
    rd_batch_source source = rd_batcher_source(batcher);
    assert_int_equal(rd_prefetch_start(&prefetch, &source, 7, 2), RD_OK);
    for (int64_t i = 7; i < rd_batcher_size(batcher); i++) {
        assert_int_equal(rd_batcher_get(batcher, i, &wanted), RD_OK);
        assert_int_equal(rd_prefetch_next(prefetch, &found), RD_OK);
        assert_non_null(found);
        assert_int_equal(found->n, wanted.n);
        assert_memory_equal(found->ids, wanted.ids, sizeof(int64_t) * (size_t)wanted.n);
        assert_memory_equal(found->target.ids, wanted.target.ids,
                            sizeof(int32_t) * (size_t)rd_tokens_total(&wanted.target));
    }
    assert_int_equal(rd_prefetch_next(prefetch, &found), RD_OK);
    assert_null(found);
    rd_prefetch_stop(prefetch);
    rd_batch_free(&wanted);
    rd_batcher_free(batcher);
    rd_dataset_close(dataset);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_come_in_order_and_end),
        cmocka_unit_test(a_failure_comes_after_the_batches_before_it),
        cmocka_unit_test(several_threads_keep_the_order),
        cmocka_unit_test(it_can_be_stopped_at_any_time),
        cmocka_unit_test(no_batches_are_no_error),
        cmocka_unit_test(an_epoch_is_the_batchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
