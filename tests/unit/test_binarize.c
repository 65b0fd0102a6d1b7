/* Filtering and binarizing: what is kept, what is counted, and the same bytes on any number of
 * threads. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "data/binarize.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/vocab.h"
#include "io/output.h"

enum { LINES = 9000, PIECES = 26 }; /* more lines than are tokenized at a time */

static char directory[] = "/tmp/rdrop-binarize-XXXXXX";
static rd_tokenizer *tokenizer;

/* Files of the test; each name keeps its path. */
static const char *path_of(const char *name) {
    static const char *const names[] = {"a", "b", "model", "out", "x", "y", "nowhere", "no/out"};
    enum { N_NAMES = sizeof names / sizeof *names };
    static char paths[N_NAMES][64];
    for (int i = 0; i < N_NAMES; i++)
        if (strcmp(name, names[i]) == 0) {
            snprintf(paths[i], sizeof paths[i], "%s/%s", directory, name);
            return paths[i];
        }
    return NULL;
}

static void write_file(const char *name, const char *text) {
    assert_int_equal(rd_write_file(path_of(name), text, strlen(text)), RD_OK);
}

/* Lines of 1 to 10 words; the second file is gzipped. */
static int write_corpora(void) {
    static const char *const words[] = {"ka", "romi", "te", "suna", "lo"};
    rd_rng rng = rd_rng_make(3, 0);
    FILE *a = fopen(path_of("a"), "w");
    gzFile b = gzopen(path_of("b"), "w");
    for (int i = 0; a && b && i < LINES; i++) {
        for (int k = (int)rd_rng_below(&rng, 10); k >= 0; k--)
            fprintf(a, "%s%s", words[rd_rng_below(&rng, 5)], k ? " " : "\n");
        for (int k = (int)rd_rng_below(&rng, 10); k >= 0; k--)
            gzprintf(b, "%s%s", words[rd_rng_below(&rng, 5)], k ? " " : "\n");
    }
    return a && b && fclose(a) == 0 && gzclose(b) == Z_OK ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory) || write_corpora() != 0) return -1;
    const char *paths[] = {path_of("a"), path_of("b")};
    rd_vocab_config config = {.type = "unigram", .size = PIECES, .character_coverage = 1.0f};
    if (rd_vocab_train(&config, paths, 2, path_of("model")) != RD_OK) {
        print_error("%s\n", rd_last_error());
        return -1;
    }
    return rd_tokenizer_open(&tokenizer, path_of("model")) == RD_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    const char *names[] = {"a", "b", "model", "out", "x", "y"};
    rd_tokenizer_close(tokenizer);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(path_of(names[i]));
    return rmdir(directory); /* fails when a temporary file was left */
}

static rd_binarize_config config_of(const char *const *src, const char *const *tgt, int n) {
    return (rd_binarize_config){.src_paths = src,
                                .tgt_paths = tgt,
                                .n_paths = n,
                                .src_tokenizer = tokenizer,
                                .tgt_tokenizer = tokenizer};
}

static void the_first_reason_that_applies_counts(void **state) {
    (void)state;
    const rd_filter_config f = {
        .min_src = 2, .max_src = 10, .min_tgt = 3, .max_tgt = 20, .max_ratio = 2.5f};
    assert_int_equal(rd_filter_pair(&f, 4, 4), RD_FILTER_KEPT);
    assert_int_equal(rd_filter_pair(&f, 2, 3), RD_FILTER_KEPT);
    assert_int_equal(rd_filter_pair(&f, 8, 20), RD_FILTER_KEPT); /* ratio 2.5 is allowed */
    assert_int_equal(rd_filter_pair(&f, 1, 99), RD_FILTER_SRC_SHORT);
    assert_int_equal(rd_filter_pair(&f, 11, 1), RD_FILTER_SRC_LONG);
    assert_int_equal(rd_filter_pair(&f, 10, 2), RD_FILTER_TGT_SHORT);
    assert_int_equal(rd_filter_pair(&f, 2, 21), RD_FILTER_TGT_LONG);
    assert_int_equal(rd_filter_pair(&f, 7, 20), RD_FILTER_RATIO);
    assert_int_equal(rd_filter_pair(&f, 10, 3), RD_FILTER_RATIO);
    const rd_filter_config all = {0}, ratio = {.max_ratio = 3.0f};
    assert_int_equal(rd_filter_pair(&all, 0, 1000000), RD_FILTER_KEPT);
    assert_int_equal(rd_filter_pair(&ratio, 0, 1), RD_FILTER_RATIO);
    assert_int_equal(rd_filter_pair(&ratio, 0, 0), RD_FILTER_KEPT);
}

static void lengths_have_quantiles(void **state) {
    (void)state;
    rd_side_statistics side = {.longest = 5000};
    assert_int_equal(rd_length_quantile(&(rd_side_statistics){0}, 0.5), 0);
    side.lengths[0] = 1;
    side.lengths[7] = 97;
    side.lengths[9] = 1;
    side.lengths[RD_LENGTH_BINS - 1] = 1;
    assert_int_equal(rd_length_quantile(&side, 0.0), 0);
    assert_int_equal(rd_length_quantile(&side, 0.5), 7);
    assert_int_equal(rd_length_quantile(&side, 0.98), 7);
    assert_int_equal(rd_length_quantile(&side, 0.99), 9);
    assert_int_equal(rd_length_quantile(&side, 1.0), 5000);
}

static void any_number_of_threads_gives_the_same_file(void **state) {
    (void)state;
    const char *src[] = {path_of("a")}, *tgt[] = {path_of("b")};
    const rd_filter_config filter = {.min_src = 3, .max_tgt = 8, .max_ratio = 2.0f};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics one, four;
    char *a, *b;
    size_t n_a, n_b;
    config.filter = &filter;
    config.keep_text = true;
    rd_set_threads(1);
    assert_int_equal(rd_binarize(&config, path_of("out"), &one), RD_OK);
    assert_int_equal(rd_read_file(path_of("out"), 1 << 26, &a, &n_a), RD_OK);
    rd_set_threads(4);
    assert_int_equal(rd_binarize(&config, path_of("out"), &four), RD_OK);
    assert_int_equal(rd_read_file(path_of("out"), 1 << 26, &b, &n_b), RD_OK);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    assert_memory_equal(&one, &four, sizeof one);
    assert_int_equal(rd_binarize_pairs_read(&one), LINES);
    assert_true(one.pairs[RD_FILTER_SRC_SHORT] > 0 && one.pairs[RD_FILTER_TGT_LONG] > 0 &&
                one.pairs[RD_FILTER_RATIO] > 0);
    assert_true(one.tgt.longest == 8);
    free(a);
    free(b);
}

/* Every pair that is kept, in order, as the tokenizer alone would have it; and the sums. */
static void the_dataset_holds_the_corpora_in_order(void **state) {
    (void)state;
    const char *src[] = {path_of("x"), path_of("y")}, *tgt[] = {path_of("y"), path_of("x")};
    const char *lines[] = {"ka te", "romi", "", "lo lo lo"};
    write_file("x", "ka te\r\nromi\n");
    write_file("y", "\nlo lo lo"); /* an empty line is a pair like others; no newline at the end */
    rd_binarize_config config = config_of(src, tgt, 2);
    rd_binarize_statistics s;
    rd_dataset *dataset;
    rd_ids ids = {0};
    config.keep_text = true;
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), RD_OK);
    assert_int_equal(rd_dataset_open(&dataset, path_of("out")), RD_OK);
    assert_int_equal(rd_dataset_size(dataset), 4);
    int64_t tokens = 0;
    for (int i = 0; i < 4; i++) {
        const char *text = lines[i];
        rd_pair pair = rd_dataset_get(dataset, i);
        ids.length = 0;
        assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids), RD_OK);
        assert_int_equal(pair.n_src, ids.length + 1);
        assert_memory_equal(pair.src, ids.data, sizeof(int32_t) * (size_t)ids.length);
        assert_int_equal(pair.src[ids.length], rd_tokenizer_eos(tokenizer));
        assert_int_equal(pair.src_text_length, strlen(text));
        assert_memory_equal(pair.src_text, text, strlen(text));
        tokens += ids.length;
    }
    assert_int_equal(s.src.tokens, tokens);
    assert_int_equal(s.tgt.tokens, tokens); /* the same files the other way round */
    assert_int_equal(s.src.lengths[0], 1);
    assert_int_equal(s.src.unknown, 0);
    rd_dataset_close(dataset);
    write_file("x", "suna Q\n");
    const char *one[] = {path_of("x")};
    config = config_of(one, one, 1);
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), RD_OK);
    assert_int_equal(s.src.unknown, 1);
    free(ids.data);
}

static int64_t last_progress;
static volatile sig_atomic_t stop;

static void on_progress(void *self, int64_t pairs) {
    (void)self;
    assert_true(pairs >= last_progress);
    last_progress = pairs;
    stop = pairs < LINES;
}

/* Both sides of every pair begin with bos; lengths, limits and sums are as without. */
static void bos_comes_first_and_is_not_counted(void **state) {
    (void)state;
    const char *src[] = {path_of("a")}, *tgt[] = {path_of("b")};
    const rd_filter_config filter = {.min_src = 3, .max_tgt = 8};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics without, with;
    rd_dataset *a, *b;
    config.filter = &filter;
    config.longest_src = 4;
    assert_int_equal(rd_binarize(&config, path_of("out"), &without), RD_OK);
    assert_int_equal(rd_dataset_open(&a, path_of("out")), RD_OK);
    config.prepend_bos = true;
    assert_int_equal(rd_binarize(&config, path_of("x"), &with), RD_OK);
    assert_int_equal(rd_dataset_open(&b, path_of("x")), RD_OK);
    assert_memory_equal(&without, &with, sizeof with);
    assert_true(with.truncated > 0 && with.src.longest == 4);
    assert_int_equal(rd_dataset_size(a), rd_dataset_size(b));
    for (int64_t i = 0; i < rd_dataset_size(a); i++) {
        rd_pair p = rd_dataset_get(a, i), q = rd_dataset_get(b, i);
        assert_int_equal(p.n_src + 1, q.n_src);
        assert_int_equal(p.n_tgt + 1, q.n_tgt);
        assert_int_equal(q.src[0], rd_tokenizer_bos(tokenizer));
        assert_int_equal(q.tgt[0], rd_tokenizer_bos(tokenizer));
        assert_memory_equal(p.src, q.src + 1, sizeof(int32_t) * (size_t)p.n_src);
        assert_memory_equal(p.tgt, q.tgt + 1, sizeof(int32_t) * (size_t)p.n_tgt);
    }
    rd_dataset_close(a);
    rd_dataset_close(b);
}

/* One text on both sides, to be masked or denoised, is cut on both. */
static void both_sides_of_one_text_are_cut(void **state) {
    (void)state;
    const char *path[] = {path_of("a")};
    const rd_filter_config filter = {.max_src = 4, .max_tgt = 4};
    rd_binarize_config config = config_of(path, path, 1);
    rd_binarize_statistics statistics;
    config.filter = &filter;
    config.longest_src = config.longest_tgt = 4;
    assert_int_equal(rd_binarize(&config, path_of("x"), &statistics), RD_OK);
    assert_true(statistics.truncated > 0 && statistics.src.longest == 4);
    assert_memory_equal(&statistics.src, &statistics.tgt, sizeof statistics.tgt);
    assert_int_equal(statistics.pairs[RD_FILTER_TGT_LONG], 0);
}

/* Longest side over all batches of an epoch. */
static int32_t longest_drawn(const rd_dataset *data, int32_t most, rd_status wanted) {
    rd_batcher_config config = {.max_tokens = 1000,
                                .src_tokenizer = tokenizer,
                                .tgt_tokenizer = tokenizer,
                                .sampling_alpha = 0.1f,
                                .sampling_nbest = -1,
                                .max_src = most,
                                .max_tgt = most};
    rd_batcher *batcher;
    rd_batch batch = {0};
    int32_t longest = 0;
    rd_status status = RD_OK;
    assert_int_equal(rd_batcher_new(&batcher, data, &config), RD_OK);
    assert_int_equal(rd_batcher_set_epoch(batcher, 1), RD_OK);
    for (int64_t b = 0; status == RD_OK && b < rd_batcher_size(batcher); b++) {
        status = rd_batcher_get(batcher, b, &batch);
        for (int64_t i = 0; status == RD_OK && i < batch.n; i++) {
            int32_t n = batch.source.offsets[i + 1] - batch.source.offsets[i];
            longest = n > longest ? n : longest;
        }
    }
    assert_int_equal(status, wanted);
    rd_batch_free(&batch);
    rd_batcher_free(batcher);
    return longest;
}

/* A drawn segmentation may be longer than the best one, but not than a model reads; a text that
 * could not have so few tokens is not drawn from. */
static void drawn_segmentations_have_room(void **state) {
    (void)state;
    const char *src[] = {path_of("x")}, *tgt[] = {path_of("y")};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics s;
    rd_dataset *data;
    write_file("x", "romi suna romi suna romi suna\n");
    write_file("y", "suna romi suna romi suna romi\n");
    config.keep_text = true;
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), RD_OK);
    assert_int_equal(rd_dataset_open(&data, path_of("out")), RD_OK);
    int32_t best = rd_dataset_get(data, 0).n_src;
    assert_true(longest_drawn(data, 0, RD_OK) > best);
    assert_int_equal(longest_drawn(data, best, RD_OK), best);
    longest_drawn(data, best - 1, RD_ERR_FORMAT);
    rd_dataset_close(data);
    enum { LONG = 200000 };
    int32_t ids[] = {4, 2};
    char *text = malloc(LONG);
    rd_dataset_writer *writer;
    assert_non_null(text);
    memset(text, 'a', LONG);
    rd_pair pair = {ids, ids, 2, 2, text, text, LONG, 100, 0.0};
    assert_int_equal(
        rd_dataset_writer_open(&writer, path_of("out"),
                               &(rd_identity){.src_vocab = PIECES, .tgt_vocab = PIECES}, 1),
        RD_OK);
    assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
    assert_int_equal(rd_dataset_open(&data, path_of("out")), RD_OK);
    assert_int_equal(longest_drawn(data, 0, RD_OK), 2);
    rd_dataset_close(data);
    free(text);
}

static void a_stop_leaves_what_was_there(void **state) {
    (void)state;
    const char *src[] = {path_of("a")}, *tgt[] = {path_of("b")};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics s;
    write_file("out", "before");
    config.watch.progress = on_progress;
    config.watch.stop = &stop;
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), RD_ERR_INTERRUPTED);
    assert_true(last_progress > 0 && last_progress < LINES);
    char *bytes;
    size_t n;
    assert_int_equal(rd_read_file(path_of("out"), 100, &bytes, &n), RD_OK);
    assert_string_equal(bytes, "before");
    free(bytes);
}

static void refused(const char *source, const char *target, rd_status code, const char *message) {
    const char *src[] = {path_of("x")}, *tgt[] = {path_of("y")};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics s;
    unlink(path_of("out"));
    write_file("x", source);
    write_file("y", target);
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), code);
    assert_false(rd_file_exists(path_of("out")));
    if (!strstr(rd_last_error(), message))
        fail_msg("'%s' is not in '%s'", message, rd_last_error());
}

static void bad_corpora_give_no_dataset(void **state) {
    (void)state;
    refused("a\nb\n", "a\n", RD_ERR_FORMAT, "/x has 2");
    refused("a\nb\n", "a\nb\nc\n", RD_ERR_FORMAT, "/y has 3");
    refused("a\nb\xff\n", "a\nb\n", RD_ERR_FORMAT, "/x:2");
    refused("\x1f\x8b\x08", "a\n", RD_ERR_FORMAT, "/x");
    const char *src[] = {path_of("nowhere")}, *tgt[] = {path_of("y")};
    rd_binarize_config config = config_of(src, tgt, 1);
    rd_binarize_statistics s;
    assert_int_equal(rd_binarize(&config, path_of("out"), &s), RD_ERR_IO);
    assert_int_equal(rd_binarize(&config, path_of("no/out"), &s), RD_ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_reason_that_applies_counts),
        cmocka_unit_test(lengths_have_quantiles),
        cmocka_unit_test(any_number_of_threads_gives_the_same_file),
        cmocka_unit_test(the_dataset_holds_the_corpora_in_order),
        cmocka_unit_test(bos_comes_first_and_is_not_counted),
        cmocka_unit_test(both_sides_of_one_text_are_cut),
        cmocka_unit_test(drawn_segmentations_have_room),
        cmocka_unit_test(a_stop_leaves_what_was_there),
        cmocka_unit_test(bad_corpora_give_no_dataset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
