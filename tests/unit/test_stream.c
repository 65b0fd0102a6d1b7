/* A text as a stream, and its blocks: what is read before each, where they end, how they are dealt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/blocks.h"
#include "io/output.h"

enum { EOS = 2, N_LINES = 5, N_TOKENS = 15 };

/* Lines of 4, 1, 6, 3 and 1 tokens. */
static const int32_t text[N_TOKENS] = {5, 6, 7, EOS, EOS, 8, 9, 10, 11, 12, EOS, 13, 3, EOS, EOS};
static const int32_t lines[N_LINES] = {4, 1, 6, 3, 1};
static const rd_identity identity = {.task = "language_modeling", .src_vocab = 20, .tgt_vocab = 20};
static char directory[] = "/tmp/rdrop-stream-XXXXXX";
static char path[64];

static int setup(void **state) {
    (void)state;
    rd_stream_writer *writer;
    rd_stream_counts counts;
    if (!mkdtemp(directory)) return 1;
    snprintf(path, sizeof path, "%s/text.bin", directory);
    assert_int_equal(rd_stream_writer_open(&writer, path, &identity), RD_OK);
    for (int i = 0, at = 0; i < N_LINES; at += lines[i++])
        assert_int_equal(rd_stream_writer_add(writer, text + at, lines[i], lines[i] - 1, 3), RD_OK);
    assert_int_equal(rd_stream_writer_finish(writer, &counts), RD_OK);
    assert_int_equal(counts.tokens, N_TOKENS);
    assert_int_equal(counts.lines, N_LINES);
    assert_int_equal(counts.words, N_TOKENS);
    assert_int_equal(counts.unknown, 1);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static void test_read(void **state) {
    (void)state;
    rd_stream *stream;
    rd_ids ids = {0};
    assert_int_equal(rd_stream_open(&stream, path), RD_OK);
    assert_int_equal(rd_stream_read(stream, 3, 5, &ids), RD_OK);
    assert_memory_equal(ids.data, text + 3, 5 * sizeof *text);
    for (int i = 0; i < N_LINES; i++) assert_int_equal(rd_stream_line(stream, i), lines[i]);
    assert_int_equal(rd_stream_read(stream, 11, 5, &ids), RD_ERR_ARGUMENT);
    free(ids.data);
    rd_stream_close(stream);
}

/* Every byte of the file counts. */
static void test_damage(void **state) {
    (void)state;
    char *bytes, damaged[64];
    size_t n;
    rd_stream *stream;
    snprintf(damaged, sizeof damaged, "%s/damaged.bin", directory);
    assert_int_equal(rd_read_file(path, 1 << 20, &bytes, &n), RD_OK);
    for (size_t at = 0; at < n; at += 5) {
        bytes[at] ^= 0x40;
        assert_int_equal(rd_write_file(damaged, bytes, n), RD_OK);
        assert_int_equal(rd_stream_open(&stream, damaged), RD_ERR_FORMAT);
        bytes[at] ^= 0x40;
    }
    for (size_t length = 0; length < n; length += 7) {
        assert_int_equal(rd_write_file(damaged, bytes, length), RD_OK);
        assert_int_equal(rd_stream_open(&stream, damaged), RD_ERR_FORMAT);
    }
    free(bytes);
    unlink(damaged);
}

/* The blocks of an epoch, as they come: "start>tokens", with bars between batches. */
static void deal(const rd_blocks_config *config, int64_t epoch, char *out, size_t room) {
    rd_stream *stream;
    rd_blocks *blocks;
    rd_batch batch = {0};
    assert_int_equal(rd_stream_open(&stream, path), RD_OK);
    assert_int_equal(rd_blocks_new(&blocks, stream, config), RD_OK);
    rd_batch_source source = rd_blocks_source(blocks);
    size_t at = 0;
    assert_int_equal(source.set_epoch(source.self, epoch), RD_OK);
    for (int64_t i = 0; i < source.size(source.self); i++) {
        assert_int_equal(source.get(source.self, i, &batch), RD_OK);
        assert_int_equal(batch.starts.length, batch.n);
        for (int64_t k = 0; k < batch.n; k++) {
            at += (size_t)snprintf(out + at, room - at, "%s%d>",
                                   k   ? " "
                                   : i ? "|"
                                       : "",
                                   (int)batch.starts.data[k]);
            for (int32_t t = batch.target.offsets[k]; t < batch.target.offsets[k + 1]; t++)
                at += (size_t)snprintf(out + at, room - at, "%s%d",
                                       t > batch.target.offsets[k] ? "," : "",
                                       (int)batch.target.ids[t]);
        }
    }
    rd_batch_free(&batch);
    rd_blocks_free(blocks);
    rd_stream_close(stream);
}

static void test_break_modes(void **state) {
    (void)state;
    char out[512];
    rd_blocks_config config = {
        .tokens_per_sample = 4, .longest = 6, .max_sentences = 2, .seed = 1, .start = EOS};
    deal(&config, 0, out, sizeof out);
    assert_string_equal(out, "2>5,6,7,2 2>2,8,9,10|10>11,12,2,13 13>3,2,2");
    config.mode = RD_BREAK_COMPLETE; /* a line of more than tokens_per_sample stays whole */
    deal(&config, 0, out, sizeof out);
    assert_string_equal(out, "2>5,6,7,2 2>2|2>8,9,10,11,12,2 2>13,3,2,2");
    config.tokens_per_sample = 6;
    deal(&config, 0, out, sizeof out);
    assert_string_equal(out, "2>5,6,7,2,2 2>8,9,10,11,12,2|2>13,3,2,2");
    config.mode = RD_BREAK_EOS;
    config.max_sentences = 0;
    config.max_tokens = 8;
    deal(&config, 0, out, sizeof out);
    assert_string_equal(out, "2>5,6,7,2 2>2|2>8,9,10,11,12,2|2>13,3,2 2>2");
}

/* Another order in each epoch, the same for the same seed; nothing lost, nothing twice. */
static void test_epochs(void **state) {
    (void)state;
    char first[512], second[512], again[512], other[512];
    rd_blocks_config config = {
        .tokens_per_sample = 2, .longest = 6, .max_tokens = 4, .seed = 1, .start = EOS};
    deal(&config, 1, first, sizeof first);
    deal(&config, 2, second, sizeof second);
    deal(&config, 1, again, sizeof again);
    config.seed = 2;
    deal(&config, 1, other, sizeof other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    assert_string_not_equal(first, other);
    const char *const blocks[] = {"2>5,6",    "6>7,2",   "2>2,8", "8>9,10",
                                  "10>11,12", "12>2,13", "13>3,2"};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        assert_non_null(strstr(first, blocks[i]));
    assert_int_equal(strlen(first), strlen(second));
}

static void test_refused(void **state) {
    (void)state;
    rd_stream *stream;
    rd_blocks *blocks;
    assert_int_equal(rd_stream_open(&stream, path), RD_OK);
    rd_blocks_config config = {.mode = RD_BREAK_EOS,
                               .tokens_per_sample = 4,
                               .longest = 5,
                               .max_sentences = 2,
                               .start = EOS};
    assert_int_equal(rd_blocks_new(&blocks, stream, &config), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "line 3 has 6 tokens"));
    config.mode = RD_BREAK_NONE;
    config.tokens_per_sample = 6;
    assert_int_equal(rd_blocks_new(&blocks, stream, &config), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "tokens-per-sample is 6"));
    rd_stream_close(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_break_modes),
                                       cmocka_unit_test(test_epochs),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
