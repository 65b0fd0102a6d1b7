/* Corpus reading: line ends, compression, damage, and two files in step. */
#include <setjmp.h>
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
#include "data/corpus.h"
#include "io/output.h"

static char path_a[] = "/tmp/rdrop_corpus_a_XXXXXX", path_b[] = "/tmp/rdrop_corpus_b_XXXXXX";

static int make_paths(void **state) {
    (void)state;
    int a = mkstemp(path_a), b = mkstemp(path_b);
    if (a < 0 || b < 0) return 1;
    close(a);
    close(b);
    return 0;
}

static int remove_paths(void **state) {
    (void)state;
    return unlink(path_a) | unlink(path_b);
}

static void write_plain(const char *path, const char *bytes, size_t n) {
    assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
}

static void write_gzip(const char *path, const char *mode, const char *text) {
    gzFile file = gzopen(path, mode);
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

/* All lines, each in brackets; returns the status that ended the reading. */
static rd_status read_all(rd_utf8_policy policy, char *out) {
    rd_corpus *corpus;
    assert_int_equal(rd_corpus_open(&corpus, path_a, policy), RD_OK);
    const char *line;
    size_t n;
    rd_status status;
    *out = '\0';
    while ((status = rd_corpus_next(corpus, &line, &n)) == RD_OK && line) {
        assert_int_equal(line[n], '\0');
        out += sprintf(out, "[%s]", line);
    }
    rd_corpus_close(corpus);
    return status;
}

static void test_line_ends(void **state) {
    (void)state;
    static const struct {
        const char *text, *lines;
    } cases[] = {{"", ""},
                 {"\n", "[]"},
                 {"a", "[a]"},
                 {"a\nb\n", "[a][b]"},
                 {"a\r\n\r\nb", "[a][][b]"},
                 {"a\rb\n", "[a\rb]"},
                 {"\xC3\xA4\n", "[\xC3\xA4]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        write_plain(path_a, cases[i].text, strlen(cases[i].text));
        assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_OK);
        assert_string_equal(out, cases[i].lines);
        write_gzip(path_a, "wb", cases[i].text);
        assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_OK);
        assert_string_equal(out, cases[i].lines);
    }
}

static void test_gzip_members_are_one_text(void **state) {
    (void)state;
    char out[64];
    write_gzip(path_a, "wb", "a\nb");
    write_gzip(path_a, "ab", "c\nd\n");
    assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_OK);
    assert_string_equal(out, "[a][bc][d]");
}

/* The first bytes of other compressed files are no text, whatever a beginning of them may be. */
static void test_other_compression_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *expected;
        size_t n;
    } cases[] = {{"\xFD"
                  "7zXZ\0\0",
                  "compressed by xz", 7},
                 {"BZh61AY&SY..", "bzip2 -dc", 12},
                 {"\x28\xB5\x2F\xFDxyz", "compressed by Zstandard", 7},
                 {"PK\x03\x04..", "compressed by ZIP", 6},
                 {"\x5D\0\0\x80\0", "compressed by LZMA", 5},
                 {"7z\xBC\xAF\x27\x1C..", "compressed by 7-Zip", 8},
                 {"\x1F\x9D\x90.", "compressed by compress", 4},
                 {"\xFF\xFE"
                  "a\0",
                  "text in UTF-16", 4},
                 {"\xFE\xFF\0a", "iconv -f UTF-16", 4},
                 {"]\0.", NULL, 3},
                 {"7z", NULL, 2},
                 {"BZh91AY&S", NULL, 9},
                 {"BZ\n", NULL, 3},
                 {"PK", NULL, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        write_plain(path_a, cases[i].bytes, cases[i].n);
        rd_status status = read_all(RD_UTF8_STRICT, out);
        assert_int_equal(status, cases[i].expected ? RD_ERR_FORMAT : RD_OK);
        if (cases[i].expected) assert_non_null(strstr(rd_last_error(), cases[i].expected));
    }
}

static void test_line_longer_than_any_buffer(void **state) {
    (void)state;
    enum { N = 3 << 20 };
    char *text = malloc(N + 2);
    assert_non_null(text);
    memset(text, 'x', N);
    memcpy(text + N, "\ny", 2);
    write_plain(path_a, text, N + 2);
    rd_corpus *corpus;
    const char *line;
    size_t n;
    assert_int_equal(rd_corpus_open(&corpus, path_a, RD_UTF8_STRICT), RD_OK);
    assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_OK);
    assert_int_equal(n, N);
    assert_memory_equal(line, text, N);
    assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_OK);
    assert_string_equal(line, "y");
    rd_corpus_close(corpus);
    free(text);
}

/* Every shorter prefix of a gz file but the empty one and the single byte is an error; lines before
 * the damage may be returned, never an early end. */
static void test_truncated_gzip(void **state) {
    (void)state;
    char *bytes, out[64];
    size_t n;
    write_gzip(path_a, "wb", "one\ntwo\n");
    assert_int_equal(rd_read_file(path_a, 1 << 16, &bytes, &n), RD_OK);
    for (size_t keep = 2; keep < n; keep++) {
        write_plain(path_a, bytes, keep);
        assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), path_a));
        assert_non_null(strstr(rd_last_error(), "truncated"));
    }
    bytes[n - 6] ^= 1; /* the checksum */
    write_plain(path_a, bytes, n);
    assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_ERR_FORMAT);
    free(bytes);
}

static void test_invalid_utf8(void **state) {
    (void)state;
    char out[64];
    write_plain(path_a, "ok\na\xFF\xC3\n", 7);
    assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), path_a));
    assert_non_null(strstr(rd_last_error(), ":2: byte 2"));
    assert_int_equal(read_all(RD_UTF8_REPAIR, out), RD_OK);
    assert_string_equal(out, "[ok][a\xEF\xBF\xBD\xEF\xBF\xBD]");
}

/* The mark that editors of Windows begin a text with is no part of its first word. */
static void test_byte_order_mark(void **state) {
    (void)state;
    rd_corpus *corpus;
    const char *line;
    char out[64];
    size_t n;
    write_plain(path_a, "\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n", 14);
    assert_int_equal(read_all(RD_UTF8_STRICT, out), RD_OK);
    assert_string_equal(out, "[one][\xEF\xBB\xBFtwo]");
    assert_int_equal(rd_corpus_open(&corpus, path_a, RD_UTF8_STRICT), RD_OK);
    rd_corpus_keep_mark(corpus);
    assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_OK);
    assert_int_equal(n, 6);
    rd_corpus_close(corpus);
}

/* Told with the first line that it is of, and of how many. */
static void test_repairs_are_told(void **state) {
    (void)state;
    rd_corpus *corpus;
    const char *line;
    char message[RD_CORPUS_MESSAGE];
    size_t n;
    write_plain(path_a, "ok\na\xFF\nb\n\xC3\n", 10);
    assert_int_equal(rd_corpus_open(&corpus, path_a, RD_UTF8_REPAIR), RD_OK);
    assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_OK);
    assert_false(rd_corpus_was_repaired(corpus, message));
    static const char *const lines[] = {"a\xEF\xBF\xBD", "b", "\xEF\xBF\xBD"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_OK);
        assert_string_equal(line, lines[i]);
    }
    assert_true(rd_corpus_was_repaired(corpus, message));
    assert_non_null(strstr(message, ":2: not UTF-8, as 2 of 4 lines"));
    rd_corpus_close(corpus);
}

static void test_missing_file(void **state) {
    (void)state;
    rd_corpus *corpus;
    assert_int_equal(rd_corpus_open(&corpus, "/no/such/corpus.gz", RD_UTF8_STRICT), RD_ERR_IO);
    assert_null(corpus);
    assert_non_null(strstr(rd_last_error(), "/no/such/corpus.gz"));
}

static void test_pairs(void **state) {
    (void)state;
    rd_corpus *a, *b;
    const char *line_a, *line_b;
    size_t n_a, n_b;
    write_plain(path_a, "1\n2\n3\n4\n", 8);
    write_gzip(path_b, "wb", "x\ny\n");
    assert_int_equal(rd_corpus_open(&a, path_a, RD_UTF8_STRICT), RD_OK);
    assert_int_equal(rd_corpus_open(&b, path_b, RD_UTF8_STRICT), RD_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rd_corpus_next_pair(a, b, &line_a, &n_a, &line_b, &n_b), RD_OK);
        assert_int_equal(line_a[0], '1' + i);
        assert_int_equal(line_b[0], 'x' + i);
    }
    assert_int_equal(rd_corpus_next_pair(a, b, &line_a, &n_a, &line_b, &n_b), RD_ERR_FORMAT);
    const char *message = rd_last_error();
    assert_non_null(strstr(message, path_a));
    assert_non_null(strstr(message, path_b));
    assert_non_null(strstr(message, "has 4"));
    assert_non_null(strstr(message, "has 2"));
    rd_corpus_close(a);
    rd_corpus_close(b);
}

/* A small file can hold a line that no memory holds. */
static void test_gzip_bomb(void **state) {
    (void)state;
    enum { MIB = 1 << 20 };
    gzFile file = gzopen(path_a, "wb1");
    char *zeros = calloc(MIB, 1);
    assert_non_null(file);
    for (int i = 0; i < 65; i++) assert_int_equal(gzwrite(file, zeros, MIB), MIB);
    assert_int_equal(gzclose(file), Z_OK);
    free(zeros);
    rd_corpus *corpus;
    const char *line;
    size_t n;
    assert_int_equal(rd_corpus_open(&corpus, path_a, RD_UTF8_STRICT), RD_OK);
    assert_int_equal(rd_corpus_next(corpus, &line, &n), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), ":1: a line of more than 64 MiB"));
    rd_corpus_close(corpus);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_gzip_members_are_one_text),
        cmocka_unit_test(test_other_compression_is_refused),
        cmocka_unit_test(test_line_longer_than_any_buffer),
        cmocka_unit_test(test_truncated_gzip),
        cmocka_unit_test(test_gzip_bomb),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_repairs_are_told),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, make_paths, remove_paths);
}
