/* Packed batches and the batcher: each sentence once an epoch, within bounds, reproducibly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/batch.h"

enum { N_PAIRS = 500, LONGEST = 60 };

static char path[] = "/tmp/rdrop-batch-XXXXXX";
static rd_dataset *dataset;

/* Ids tell the sentence and the place in it, so that a mixed-up batch shows. */
static void fill(int32_t *ids, int32_t n, int sentence) {
    for (int32_t k = 0; k < n; k++) ids[k] = 3 + (sentence * 61 + k) % 997;
    ids[n - 1] = 2;
}

static int make_dataset(void **state) {
    (void)state;
    rd_rng rng = rd_rng_make(7, 0);
    rd_dataset_writer *writer;
    int32_t src[LONGEST], tgt[LONGEST];
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) return -1;
    if (rd_dataset_writer_open(&writer, path, &(rd_identity){.src_vocab = 1000, .tgt_vocab = 1000},
                               0) != RD_OK)
        return -1;
    for (int i = 0; i < N_PAIRS; i++) {
        rd_pair pair = {.src = src, .tgt = tgt};
        pair.n_src = 1 + (int32_t)rd_rng_below(&rng, i % 10 ? 12 : LONGEST);
        pair.n_tgt = 1 + (int32_t)rd_rng_below(&rng, i % 10 ? 12 : LONGEST);
        fill(src, pair.n_src, i);
        fill(tgt, pair.n_tgt, i + N_PAIRS);
        if (rd_dataset_writer_add(writer, &pair) != RD_OK) return -1;
    }
    if (rd_dataset_writer_finish(writer) != RD_OK) return -1;
    return rd_dataset_open(&dataset, path) == RD_OK ? 0 : -1;
}

static int remove_dataset(void **state) {
    (void)state;
    rd_dataset_close(dataset);
    return unlink(path);
}

static void a_batch_lays_sequences_end_to_end(void **state) {
    (void)state;
    const int32_t src[] = {4, 5, 2}, tgt[] = {7, 8, 9, 2}, eos[] = {2};
    rd_batch batch = {0};
    for (int round = 0; round < 2; round++) { /* a cleared batch is as good as new */
        assert_int_equal(rd_batch_add(&batch, 11, src, 3, tgt, 4), RD_OK);
        assert_int_equal(rd_batch_add(&batch, 5, eos, 1, eos, 1), RD_OK);
        assert_int_equal(rd_batch_add(&batch, 8, tgt, 4, src, 3), RD_OK);
        assert_int_equal(batch.n, 3);
        assert_int_equal(rd_tokens_total(&batch.source), 8);
        assert_int_equal(rd_tokens_total(&batch.target), 8);
        assert_memory_equal(batch.source.ids, ((int32_t[]){4, 5, 2, 2, 7, 8, 9, 2}), 32);
        assert_memory_equal(batch.source.offsets, ((int32_t[]){0, 3, 4, 8}), 16);
        assert_memory_equal(batch.target.ids, ((int32_t[]){7, 8, 9, 2, 2, 4, 5, 2}), 32);
        assert_memory_equal(batch.target.offsets, ((int32_t[]){0, 4, 5, 8}), 16);
        assert_memory_equal(batch.ids, ((int64_t[]){11, 5, 8}), 24);
        rd_batch_clear(&batch);
        assert_int_equal(batch.n + rd_tokens_total(&batch.source) + rd_tokens_total(&batch.target),
                         0);
    }
    assert_int_equal(rd_batch_add(&batch, 0, src, 0, tgt, 0), RD_ERR_ARGUMENT);
    assert_int_equal(batch.n, 0);
    assert_int_equal(rd_batch_add(&batch, 0, src, 0, tgt, 4), RD_OK); /* a decoder alone */
    assert_int_equal(rd_tokens_total(&batch.source), 0);
    assert_int_equal(rd_tokens_total(&batch.target), 4);
    rd_batch_free(&batch);
    assert_null(batch.source.ids);
}

static rd_batcher *make_batcher(int64_t max_tokens, int64_t max_sentences, uint64_t seed) {
    rd_batcher_config config = {
        .max_tokens = max_tokens, .max_sentences = max_sentences, .seed = seed};
    rd_batcher *batcher;
    if (rd_batcher_new(&batcher, dataset, &config) != RD_OK) fail_msg("%s", rd_last_error());
    return batcher;
}

/* Appends the ids of all batches of the epoch to order[N_PAIRS], checking content and bounds. */
static void deal(rd_batcher *batcher, int64_t max_tokens, int64_t max_sentences, int64_t *order) {
    rd_batch batch = {0};
    int64_t n = 0;
    for (int64_t b = 0; b < rd_batcher_size(batcher); b++) {
        int64_t tokens = 0;
        assert_int_equal(rd_batcher_get(batcher, b, &batch), RD_OK);
        assert_true(batch.n > 0 && n + batch.n <= N_PAIRS);
        for (int64_t i = 0; i < batch.n; i++) {
            rd_pair pair = rd_dataset_get(dataset, batch.ids[i]);
            const int32_t *s = batch.source.offsets + i, *t = batch.target.offsets + i;
            assert_int_equal(s[1] - s[0], pair.n_src);
            assert_int_equal(t[1] - t[0], pair.n_tgt);
            assert_memory_equal(batch.source.ids + s[0], pair.src,
                                sizeof(int32_t) * (size_t)pair.n_src);
            assert_memory_equal(batch.target.ids + t[0], pair.tgt,
                                sizeof(int32_t) * (size_t)pair.n_tgt);
            tokens += pair.n_src > pair.n_tgt ? pair.n_src : pair.n_tgt;
            order[n++] = batch.ids[i];
        }
        if (max_tokens > 0 && batch.n > 1) assert_true(tokens <= max_tokens);
        if (max_sentences > 0) assert_true(batch.n <= max_sentences);
    }
    assert_int_equal(n, N_PAIRS);
    rd_batch_free(&batch);
}

static void each_sentence_comes_once_an_epoch_within_bounds(void **state) {
    (void)state;
    const int64_t bounds[][2] = {{100, 0}, {0, 7}, {200, 9}, {1, 0}, {1000000, 0}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        rd_batcher *batcher = make_batcher(bounds[i][0], bounds[i][1], 3);
        for (int64_t epoch = 0; epoch < 4; epoch++) {
            int64_t order[N_PAIRS];
            bool seen[N_PAIRS] = {false};
            assert_int_equal(rd_batcher_set_epoch(batcher, epoch), RD_OK);
            deal(batcher, bounds[i][0], bounds[i][1], order);
            for (int k = 0; k < N_PAIRS; k++) {
                assert_false(seen[order[k]]);
                seen[order[k]] = true;
            }
        }
        if (bounds[i][0] == 1) assert_int_equal(rd_batcher_size(batcher), N_PAIRS);
        if (bounds[i][0] == 1000000) assert_int_equal(rd_batcher_size(batcher), 1);
        if (bounds[i][1] == 7)
            assert_int_equal(rd_batcher_size(batcher), (N_PAIRS + 6) / 7); /* all but one full */
        rd_batcher_free(batcher);
    }
}

static void seed_and_epoch_decide_the_order(void **state) {
    (void)state;
    int64_t first[N_PAIRS], again[N_PAIRS], other_epoch[N_PAIRS], other_seed[N_PAIRS];
    rd_batcher *a = make_batcher(150, 0, 3), *b = make_batcher(150, 0, 3),
               *c = make_batcher(150, 0, 4);
    assert_int_equal(rd_batcher_set_epoch(a, 1), RD_OK);
    deal(a, 150, 0, first);
    assert_int_equal(rd_batcher_set_epoch(a, 2), RD_OK);
    deal(a, 150, 0, other_epoch);
    assert_int_equal(rd_batcher_set_epoch(b, 5), RD_OK); /* what came before does not matter */
    assert_int_equal(rd_batcher_set_epoch(b, 1), RD_OK);
    deal(b, 150, 0, again);
    assert_int_equal(rd_batcher_set_epoch(c, 1), RD_OK);
    deal(c, 150, 0, other_seed);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other_epoch, sizeof first);
    assert_memory_not_equal(first, other_seed, sizeof first);
    rd_batcher_free(a);
    rd_batcher_free(b);
    rd_batcher_free(c);
}

static void epoch_0_goes_by_length_and_later_ones_are_shuffled(void **state) {
    (void)state;
    int64_t order[N_PAIRS];
    rd_batcher *batcher = make_batcher(150, 0, 3);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        int falls = 0;
        assert_int_equal(rd_batcher_set_epoch(batcher, epoch), RD_OK);
        deal(batcher, 150, 0, order);
        for (int i = 1; i < N_PAIRS; i++) {
            int32_t before = rd_dataset_get(dataset, order[i - 1]).n_tgt;
            falls += rd_dataset_get(dataset, order[i]).n_tgt < before;
        }
        if (epoch == 0)
            assert_int_equal(falls, 0);
        else
            assert_true(falls > 3);
    }
    rd_batcher_free(batcher);
}

/* Sentences of one length do not always meet the same neighbours. */
static void neighbours_change_between_epochs(void **state) {
    (void)state;
    int64_t a[N_PAIRS], b[N_PAIRS];
    int same = 0;
    rd_batcher *batcher = make_batcher(0, N_PAIRS, 3); /* one batch: only the sort decides */
    assert_int_equal(rd_batcher_set_epoch(batcher, 1), RD_OK);
    deal(batcher, 0, N_PAIRS, a);
    assert_int_equal(rd_batcher_set_epoch(batcher, 2), RD_OK);
    deal(batcher, 0, N_PAIRS, b);
    for (int i = 0; i < N_PAIRS; i++) same += a[i] == b[i];
    assert_true(same < N_PAIRS / 2);
    rd_batcher_free(batcher);
}

static void any_batch_can_be_had_without_those_before_it(void **state) {
    (void)state;
    rd_batcher *batcher = make_batcher(90, 0, 12), *resumed = make_batcher(90, 0, 12);
    rd_batch one = {0}, other = {0};
    assert_int_equal(rd_batcher_set_epoch(batcher, 3), RD_OK);
    assert_int_equal(rd_batcher_set_epoch(resumed, 3), RD_OK);
    int64_t n = rd_batcher_size(batcher);
    assert_int_equal(rd_batcher_size(resumed), n);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = (i * 7 + 3) % n; /* not in order */
        assert_int_equal(rd_batcher_get(batcher, at, &one), RD_OK);
        assert_int_equal(rd_batcher_get(resumed, at, &other), RD_OK);
        assert_int_equal(one.n, other.n);
        assert_memory_equal(one.ids, other.ids, sizeof(int64_t) * (size_t)one.n);
        assert_memory_equal(one.target.ids, other.target.ids,
                            sizeof(int32_t) * (size_t)rd_tokens_total(&one.target));
    }
    rd_batch_free(&one);
    rd_batch_free(&other);
    rd_batcher_free(batcher);
    rd_batcher_free(resumed);
}

static void settings_that_cannot_be_are_refused(void **state) {
    (void)state;
    const rd_batcher_config bad[] = {{.max_tokens = 0, .max_sentences = 0},
                                     {.max_tokens = -5, .max_sentences = 3},
                                     {.max_tokens = 100, .sampling_alpha = 0.1f}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rd_batcher *batcher = (rd_batcher *)&bad; /* anything */
        assert_int_equal(rd_batcher_new(&batcher, dataset, &bad[i]), RD_ERR_ARGUMENT);
        assert_null(batcher);
    }
    assert_non_null(strstr(rd_last_error(), "rdrop-preprocess")); /* the dataset keeps no text */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_lays_sequences_end_to_end),
        cmocka_unit_test(each_sentence_comes_once_an_epoch_within_bounds),
        cmocka_unit_test(seed_and_epoch_decide_the_order),
        cmocka_unit_test(epoch_0_goes_by_length_and_later_ones_are_shuffled),
        cmocka_unit_test(neighbours_change_between_epochs),
        cmocka_unit_test(any_batch_can_be_had_without_those_before_it),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, make_dataset, remove_dataset);
}
