/* The binarized dataset: what was written is read, damage is found. The batcher: every sentence
 * once, within the bounds, reproducibly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/batch.h"

enum { PAIRS = 300, VOCAB = 50, EOS = 2, LONGEST = 40 };

static char path[] = "/tmp/rdrop_dataset_XXXXXX";
static rd_dataset *dataset;

/* Pair i, the same at every call: lengths 1 .. LONGEST, ids anywhere in the vocabulary. */
static rd_pair make_pair(int64_t i, int32_t *src, int32_t *tgt) {
    rd_rng rng = rd_rng_make(5, (uint64_t)i);
    rd_pair pair = {.src = src, .tgt = tgt, .src_text = "source", .tgt_text = "target!"};
    pair.n_src = 1 + (int32_t)rd_rng_below(&rng, LONGEST);
    pair.n_tgt = 1 + (int32_t)rd_rng_below(&rng, LONGEST);
    for (int32_t k = 0; k < pair.n_src; k++) src[k] = (int32_t)rd_rng_below(&rng, VOCAB);
    for (int32_t k = 0; k < pair.n_tgt; k++) tgt[k] = (int32_t)rd_rng_below(&rng, VOCAB);
    src[pair.n_src - 1] = tgt[pair.n_tgt - 1] = EOS;
    pair.src_text_length = (int32_t)(i % 7);
    pair.tgt_text_length = (int32_t)(i % 8);
    return pair;
}

static void write_dataset(int64_t n) {
    rd_dataset_writer *writer;
    int32_t src[LONGEST], tgt[LONGEST];
    assert_int_equal(rd_dataset_writer_open(&writer, path, VOCAB, VOCAB + 1, 1), RD_OK);
    for (int64_t i = 0; i < n; i++) {
        rd_pair pair = make_pair(i, src, tgt);
        assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    }
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
}

static int setup(void **state) {
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    write_dataset(PAIRS);
    return rd_dataset_open(&dataset, path) != RD_OK;
}

static int teardown(void **state) {
    (void)state;
    rd_dataset_close(dataset);
    return unlink(path);
}

static void test_reads_what_was_written(void **state) {
    (void)state;
    int32_t src[LONGEST], tgt[LONGEST];
    assert_int_equal(rd_dataset_size(dataset), PAIRS);
    assert_int_equal(rd_dataset_src_vocab(dataset), VOCAB);
    assert_int_equal(rd_dataset_tgt_vocab(dataset), VOCAB + 1);
    for (int64_t i = PAIRS - 1; i >= 0; i--) {
        rd_pair want = make_pair(i, src, tgt), got = rd_dataset_get(dataset, i);
        assert_int_equal(got.n_src, want.n_src);
        assert_int_equal(got.n_tgt, want.n_tgt);
        assert_memory_equal(got.src, want.src, sizeof(int32_t) * (size_t)want.n_src);
        assert_memory_equal(got.tgt, want.tgt, sizeof(int32_t) * (size_t)want.n_tgt);
        assert_int_equal(got.src_text_length, want.src_text_length);
        assert_int_equal(got.tgt_text_length, want.tgt_text_length);
        assert_memory_equal(got.src_text, want.src_text, (size_t)want.src_text_length);
        assert_memory_equal(got.tgt_text, want.tgt_text, (size_t)want.tgt_text_length);
    }
}

/* A file cut anywhere, and a file with any one byte changed, is refused. */
static void test_damage_is_found(void **state) {
    (void)state;
    char *bytes;
    size_t n;
    rd_dataset *damaged;
    write_dataset(3); /* the mapping of `dataset` keeps the replaced file alive */
    assert_int_equal(rd_read_file(path, 1 << 20, &bytes, &n), RD_OK);
    for (size_t keep = 0; keep < n; keep++) {
        assert_int_equal(rd_write_file(path, bytes, keep), RD_OK);
        assert_int_equal(rd_dataset_open(&damaged, path), RD_ERR_FORMAT);
        assert_null(damaged);
        assert_non_null(strstr(rd_last_error(), path));
    }
    for (size_t at = 0; at < n; at++) {
        bytes[at] ^= 0x40;
        assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
        assert_int_equal(rd_dataset_open(&damaged, path), RD_ERR_FORMAT);
        bytes[at] ^= 0x40;
    }
    free(bytes);
}

static rd_batcher *make_batcher(int64_t max_tokens, int64_t max_sentences, int64_t epoch) {
    rd_batcher *batcher;
    rd_batcher_config config = {
        .max_tokens = max_tokens, .max_sentences = max_sentences, .seed = 11};
    assert_int_equal(rd_batcher_new(&batcher, dataset, &config), RD_OK);
    assert_int_equal(rd_batcher_set_epoch(batcher, epoch), RD_OK);
    return batcher;
}

/* The sentences of one batch are the dataset's, shifted for the decoder. */
static void check_contents(const rd_batch *b) {
    assert_int_equal(b->src_offsets[b->n_seqs], b->n_src);
    assert_int_equal(b->tgt_offsets[b->n_seqs], b->n_tgt);
    for (int64_t i = 0; i < b->n_seqs; i++) {
        rd_pair pair = rd_dataset_get(dataset, b->ids[i]);
        int32_t s = b->src_offsets[i], t = b->tgt_offsets[i];
        assert_int_equal(b->src_offsets[i + 1] - s, pair.n_src);
        assert_int_equal(b->tgt_offsets[i + 1] - t, pair.n_tgt);
        assert_memory_equal(b->src + s, pair.src, sizeof(int32_t) * (size_t)pair.n_src);
        assert_memory_equal(b->tgt + t, pair.tgt, sizeof(int32_t) * (size_t)pair.n_tgt);
        assert_int_equal(b->tgt_in[t], EOS);
        assert_memory_equal(b->tgt_in + t + 1, pair.tgt,
                            sizeof(int32_t) * (size_t)(pair.n_tgt - 1));
    }
}

static void check_bounds(const rd_batch *b, int64_t max_tokens, int64_t max_sentences) {
    int64_t tokens = 0;
    for (int64_t i = 0; i < b->n_seqs; i++) {
        rd_pair pair = rd_dataset_get(dataset, b->ids[i]);
        tokens += pair.n_src > pair.n_tgt ? pair.n_src : pair.n_tgt;
    }
    assert_true(b->n_seqs >= 1);
    if (max_tokens) assert_true(tokens <= max_tokens || b->n_seqs == 1);
    if (max_sentences) assert_true(b->n_seqs <= max_sentences);
}

static void test_every_sentence_once_within_bounds(void **state) {
    (void)state;
    static const int64_t bounds[][2] = {{100, 0}, {0, 7}, {200, 3}, {20, 0}, {1, 0}, {100000, 0}};
    for (size_t c = 0; c < sizeof bounds / sizeof *bounds; c++)
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            rd_batcher *batcher = make_batcher(bounds[c][0], bounds[c][1], epoch);
            int seen[PAIRS] = {0};
            rd_batch batch = {0};
            for (int64_t k = 0; k < rd_batcher_size(batcher); k++) {
                assert_int_equal(rd_batcher_get(batcher, k, &batch), RD_OK);
                check_contents(&batch);
                check_bounds(&batch, bounds[c][0], bounds[c][1]);
                for (int64_t i = 0; i < batch.n_seqs; i++) seen[batch.ids[i]]++;
            }
            for (int i = 0; i < PAIRS; i++) assert_int_equal(seen[i], 1);
            rd_batch_free(&batch);
            rd_batcher_free(batcher);
        }
}

/* How many batches of two batchers hold the same sentences in the same order; b is read backwards,
 * as random access must equal sequential. */
static int64_t count_equal(const rd_batcher *a, const rd_batcher *b) {
    int64_t equal = 0;
    rd_batch x = {0}, y = {0};
    assert_int_equal(rd_batcher_size(a), rd_batcher_size(b));
    for (int64_t k = rd_batcher_size(b) - 1; k >= 0; k--) {
        assert_int_equal(rd_batcher_get(a, k, &x), RD_OK);
        assert_int_equal(rd_batcher_get(b, k, &y), RD_OK);
        equal +=
            x.n_seqs == y.n_seqs && memcmp(x.ids, y.ids, sizeof *x.ids * (size_t)x.n_seqs) == 0;
    }
    rd_batch_free(&x);
    rd_batch_free(&y);
    return equal;
}

static void test_order_is_of_seed_and_epoch(void **state) {
    (void)state;
    rd_batcher *a = make_batcher(0, 4, 3), *b = make_batcher(0, 4, 1);
    assert_true(count_equal(a, b) < rd_batcher_size(a) / 2);
    assert_int_equal(rd_batcher_set_epoch(b, 3), RD_OK); /* no matter which epochs came before */
    assert_int_equal(count_equal(a, b), rd_batcher_size(a));
    rd_batcher_free(a);
    rd_batcher_free(b);
}

static void test_unbounded_batches_are_refused(void **state) {
    (void)state;
    rd_batcher *batcher;
    rd_batcher_config config = {.seed = 1};
    assert_int_equal(rd_batcher_new(&batcher, dataset, &config), RD_ERR_ARGUMENT);
    assert_null(batcher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_written),
        cmocka_unit_test(test_every_sentence_once_within_bounds),
        cmocka_unit_test(test_order_is_of_seed_and_epoch),
        cmocka_unit_test(test_unbounded_batches_are_refused),
        cmocka_unit_test(test_damage_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
