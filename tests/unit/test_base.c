/* Foundations: random numbers, text, files, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <omp.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/output.h"

/* Known answers published with the Random123 library (philox4x32, 10 rounds). */
static void test_philox_known_answers(void **state) {
    (void)state;
    const uint32_t cases[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        rd_philox(cases[i], cases[i] + 4, out);
        assert_memory_equal(out, cases[i] + 6, sizeof out);
    }
}

/* All 64 bits of seed and stream count, and both indices, each in its place. */
static void test_random_numbers_anywhere(void **state) {
    (void)state;
    const uint64_t seed = 0x0123456789abcdefu, stream = 0xfedcba9876543210u;
    uint32_t out[4], counter[] = {7, 9, (uint32_t)stream, 0xfedcba98u},
                     key[] = {0x89abcdefu, 0x01234567u};
    rd_philox(counter, key, out);
    uint64_t bits = (uint64_t)out[0] << 32 | out[1];
    assert_true(rd_rng_at(seed, stream, 7, 9) == (double)(bits >> 11) / 0x1p53);
    uint64_t others[] = {seed ^ 1, seed ^ 1ULL << 63, stream ^ 1, stream ^ 1ULL << 63};
    for (int i = 0; i < 4; i++)
        assert_true(rd_rng_at(i < 2 ? others[i] : seed, i < 2 ? stream : others[i], 7, 9) !=
                    rd_rng_at(seed, stream, 7, 9));
}

/* NIST's examples for FIPS 180-4, whole and in parts of every length. */
static void test_sha256(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    char hex[RD_SHA256_HEX];
    rd_sha256 sha;
    for (int i = 0; i < 3; i++) {
        rd_sha256_start(&sha);
        rd_sha256_add(&sha, cases[i][0], strlen(cases[i][0]));
        rd_sha256_end(&sha, hex);
        assert_string_equal(hex, cases[i][1]);
    }
    char *many = malloc(1000000);
    assert_non_null(many);
    memset(many, 'a', 1000000);
    for (size_t part = 1; part <= 130; part++) {
        size_t total = part == 130 ? 1000000 : 3000, at = 0;
        rd_sha256_start(&sha);
        for (; at < total; at += part)
            rd_sha256_add(&sha, many + at, total - at < part ? total - at : part);
        rd_sha256_end(&sha, hex);
        assert_string_equal(
            hex, part == 130 ? "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
                             : "556ac82f23f64d2f41b3fb3b9a171791364021aa95c0af6df9e2b5e1d88c8038");
    }
    free(many);
}

static void test_rng_moments(void **state) {
    (void)state;
    rd_rng rng = rd_rng_make(7, 1);
    double sum = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        double x = rd_rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    assert_true(sum / N < 0.02 && sum / N > -0.02); /* 6 standard errors */
    assert_true(squares / N < 1.03 && squares / N > 0.97);
    int seen[5] = {0};
    for (int i = 0; i < N; i++) seen[rd_rng_below(&rng, 5)]++;
    for (int i = 0; i < 5; i++) assert_true(seen[i] > N / 5 - 800 && seen[i] < N / 5 + 800);
}

static void test_shuffle_is_a_permutation(void **state) {
    (void)state;
    int64_t items[100];
    for (int i = 0; i < 100; i++) items[i] = i;
    rd_rng rng = rd_rng_make(1, 2);
    rd_rng_shuffle(&rng, items, 100);
    int seen[100] = {0}, moved = 0;
    for (int i = 0; i < 100; i++) seen[items[i]]++, moved += items[i] != i;
    for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
    assert_true(moved > 80);
}

static void test_utf8(void **state) {
    (void)state;
    assert_int_equal(rd_utf8_invalid_at("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15),
                     -1);
    assert_int_equal(rd_utf8_invalid_at("ab\xff", 3), 2);
    assert_int_equal(rd_utf8_invalid_at("a\xc0\x80", 3), 1);        /* overlong */
    assert_int_equal(rd_utf8_invalid_at("\xed\xa0\x80", 3), 0);     /* surrogate */
    assert_int_equal(rd_utf8_invalid_at("\xf4\x90\x80\x80", 4), 0); /* beyond U+10FFFF */
    assert_int_equal(rd_utf8_invalid_at("x\xe2\x82", 3), 1);        /* cut short */
    for (uint32_t c = 1; c < 0x110000; c += 97) {
        if (c >= 0xD800 && c < 0xE000) continue;
        char bytes[4];
        int n = rd_utf8_put(c, bytes);
        assert_int_equal(rd_utf8_invalid_at(bytes, (size_t)n), -1);
        const char *cursor = bytes;
        assert_int_equal(rd_utf8_next(&cursor, bytes + n), c);
        size_t at = (size_t)n;
        assert_int_equal(rd_utf8_before(bytes, &at), c);
        assert_int_equal(at, 0);
        assert_ptr_equal(cursor, bytes + n);
    }
}

/* Controls, half characters and other bytes that are no UTF-8; a cut never halves a character. */
static void test_escape(void **state) {
    (void)state;
    char shown[64], narrow[8];
    rd_escape(shown, sizeof shown, "a\nb\t\x1b[31m\xC2\x9B\xE2\x80\xA8\xFF\x7F\xC3\xA4\xC3");
    assert_string_equal(shown, "a\\nb\\t\\x1b[31m\\u009b\\u2028\\xff\\x7f\xC3\xA4\\xc3");
    rd_escape(narrow, sizeof narrow, "abcdef\xC3\xA4");
    assert_string_equal(narrow, "abcdef");
    rd_escape(narrow, sizeof narrow, "abcd\x1b");
    assert_string_equal(narrow, "abcd");
    rd_error(RD_ERR_IO, "%s: gone", "two\nlines");
    rd_error_prefix(RD_ERR_IO, "of \x1b");
    assert_string_equal(rd_last_error(), "of \\x1b: two\\nlines: gone");
}

static void test_clean_text(void **state) {
    (void)state;
    static const char bytes[] = "\ta\n\x1b\xC2\x9B\xC3\xA4\xFF";
    rd_text text = {0};
    size_t n = sizeof bytes - 1;
    assert_true(rd_text_is_clean(bytes, 3, false) && !rd_text_is_clean(bytes, 4, false));
    assert_true(rd_text_is_clean(bytes, n - 1, true) && !rd_text_is_clean(bytes, n, true));
    assert_int_equal(rd_text_append_clean(&text, bytes, n, false), RD_OK);
    assert_string_equal(text.data, "\ta\n\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD");
    rd_text_clear(&text);
    assert_int_equal(rd_text_append_clean(&text, bytes, n, true), RD_OK);
    assert_string_equal(text.data, "\ta\n\x1b\xC2\x9B\xC3\xA4\xEF\xBF\xBD");
    rd_text_free(&text);
}

static void test_atomic_file(void **state) {
    (void)state;
    char directory[] = "/tmp/rdrop-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *path = rd_path_join(directory, "file");
    assert_int_equal(rd_write_file(path, "old", 3), RD_OK);
    rd_atomic_file file;
    assert_int_equal(rd_atomic_open(&file, path), RD_OK);
    fputs("half-writt", file.stream);
    rd_atomic_abort(&file);
    char *bytes;
    size_t n;
    assert_int_equal(rd_read_file(path, 100, &bytes, &n), RD_OK);
    assert_string_equal(bytes, "old");
    free(bytes);
    assert_int_equal(rd_read_file(path, 2, &bytes, &n), RD_ERR_FORMAT);
    assert_int_equal(rd_write_file("/nowhere/at/all", "x", 1), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "/nowhere/at/all"));
    unlink(path);
    assert_int_equal(rmdir(directory), 0); /* nothing temporary was left */
    free(path);
}

static void test_arena(void **state) {
    (void)state;
    rd_arena arena = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            float *x = rd_arena_f32(&arena, 10007 + i);
            assert_non_null(x);
            assert_int_equal((uintptr_t)x % 64, 0);
            memset(x, 0x55, sizeof(float) * (size_t)(10007 + i));
        }
        rd_arena_reset(&arena);
        assert_int_equal(arena.used, 0);
    }
    assert_null(rd_arena_alloc(&arena, SIZE_MAX / 4, 8));
    assert_non_null(strstr(rd_last_error(), "out of memory"));
    rd_arena_free(&arena);
}

static void assert_shortest(double value, bool is_float, const char *expected) {
    char text[32];
    if (is_float)
        rd_shortest_float((float)value, text);
    else
        rd_shortest_double(value, text);
    assert_string_equal(text, expected);
}

static void test_names_of_a_list(void **state) {
    (void)state;
    const char *at = " bleu, chrf++ ,,ter", *names[] = {"bleu", "chrf++", "ter"};
    size_t n;
    for (int i = 0; i < 3; i++) {
        const char *name = rd_next_name(&at, &n);
        assert_non_null(name);
        assert_int_equal(n, strlen(names[i]));
        assert_memory_equal(name, names[i], n);
    }
    assert_null(rd_next_name(&at, &n));
    at = ", ";
    assert_null(rd_next_name(&at, &n));
}

/* Python's repr() writes the same digits. */
static void test_numbers_of_a_list(void **state) {
    (void)state;
    static const char *const wrong[] = {"",    "1,",      ",1", "1 2", "1,x",
                                        "nan", "1,1e999", "a",  "1;2", "1,2,3,4"};
    double numbers[3];
    assert_int_equal(rd_parse_numbers("0.5, -2 ,1e1", 3, numbers), 3);
    assert_true(numbers[0] == 0.5 && numbers[1] == -2.0 && numbers[2] == 10.0);
    assert_int_equal(rd_parse_numbers("7", 3, numbers), 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (rd_parse_numbers(wrong[i], 3, numbers) != -1) fail_msg("'%s' is taken", wrong[i]);
}

static void test_shortest_digits(void **state) {
    (void)state;
    assert_shortest(0.1, false, "0.1");
    assert_shortest(0.1, true, "0.1");
    assert_shortest((double)0.1F, false, "0.10000000149011612");
    assert_shortest(45.067999999999998, false, "45.068");
    assert_shortest(0.1 + 0.2, false, "0.30000000000000004");
    assert_shortest(0, true, "0");
    assert_shortest(-250, true, "-250");
    assert_shortest(16777216, true, "16777216");
    assert_shortest(1e-9, true, "1e-09");
    assert_shortest(1e15, false, "1000000000000000");
    assert_shortest(5e-324, false, "5e-324");
    assert_shortest(1.7976931348623157e308, false, "1.7976931348623157e+308");
    char text[32];
    for (uint32_t bits = 1; bits < 0x7F800000; bits += 65537) {
        float value, read;
        memcpy(&value, &bits, sizeof value);
        rd_shortest_float(value, text);
        read = (float)strtod(text, NULL);
        assert_memory_equal(&read, &value, sizeof value);
    }
}

static void failure_of_the_earliest_job_is_reported(void **state) {
    (void)state;
    rd_failure failure = {0};
    assert_int_equal(rd_failure_report(&failure), RD_OK);
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < 40; i++)
        rd_failure_keep(&failure, i, i < 3 ? RD_OK : rd_error(RD_ERR_IO, "job %d: a\tb", i));
    rd_error(RD_ERR_MEMORY, "of this thread");
    assert_int_equal(rd_failure_report(&failure), RD_ERR_IO);
    assert_int_equal(failure.job, 3);
    assert_string_equal(rd_last_error(), "job 3: a\\tb");
}

enum { JOBS = 500 };

static rd_status note_job(void *self, int thread, int64_t job) {
    int *done = self;
    assert_in_range(thread, 0, 2);
    assert_int_equal(rd_get_threads(), 1);
    done[job]++;
    return job % 50 == 49 ? rd_error(RD_ERR_IO, "job %d", (int)job) : RD_OK;
}

/* Each once, on as many threads as wanted; of ten that fail the first is told, and what comes
 * before it is done. */
static void jobs_are_done_once_and_the_first_failure_told(void **state) {
    (void)state;
    static int done[JOBS];
    int before = rd_get_threads();
    for (int threads = 1; threads <= 3; threads++) {
        int64_t failed = -1;
        memset(done, 0, sizeof done);
        rd_set_threads(1); /* what a job sees of the library's threads, also on its own */
        assert_int_equal(rd_over_jobs(threads, 49, 3, note_job, done, &failed), RD_OK);
        for (int i = 0; i < 49; i++) assert_int_equal(done[i], 1);
        memset(done, 0, sizeof done);
        assert_int_equal(rd_over_jobs(threads, JOBS, 1, note_job, done, &failed), RD_ERR_IO);
        assert_int_equal(failed, 49);
        assert_string_equal(rd_last_error(), "job 49");
        for (int i = 0; i < JOBS; i++) assert_in_range(done[i], i < 50, 1);
    }
    rd_set_threads(before);
}

/* Clusters set OMP_NUM_THREADS; what is asked for goes before it. */
static void test_threads_of_the_environment(void **state) {
    (void)state;
    const char *said = getenv("OMP_NUM_THREADS");
    char *kept = said ? strdup(said) : NULL;
    int before = rd_get_threads();
    setenv("OMP_NUM_THREADS", "1", 1);
    rd_set_threads(0);
    assert_int_equal(rd_get_threads(), 1);
    assert_int_equal(rd_processors_of(1), 1);
    omp_set_dynamic(1); /* as OMP_DYNAMIC: as many threads as the machine has idle */
    rd_set_threads(3);
    assert_int_equal(rd_get_threads(), 3);
    assert_int_equal(omp_get_dynamic(), 0);
    unsetenv("OMP_NUM_THREADS");
    int processors = rd_processors_of(1);
    setenv("OMP_NUM_THREADS", "0", 1); /* says nothing */
    assert_int_equal(rd_processors_of(1), processors);
    unsetenv("OMP_NUM_THREADS");
    if (kept) setenv("OMP_NUM_THREADS", kept, 1);
    free(kept);
    rd_set_threads(before);
}

static void test_duration(void **state) {
    (void)state;
    char text[32];
    assert_string_equal(rd_duration(0.99, text), "0:00:00");
    assert_string_equal(rd_duration(3661.5, text), "1:01:01");
    assert_string_equal(rd_duration(360000.0, text), "100:00:00");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_of_the_earliest_job_is_reported),
        cmocka_unit_test(jobs_are_done_once_and_the_first_failure_told),
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_rng_moments),
        cmocka_unit_test(test_shuffle_is_a_permutation),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_random_numbers_anywhere),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_threads_of_the_environment),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_clean_text),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_names_of_a_list),
        cmocka_unit_test(test_numbers_of_a_list),
        cmocka_unit_test(test_shortest_digits),
        cmocka_unit_test(test_atomic_file),
        cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
