/* Glossaries: reading them, and finding their terms in texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "io/output.h"
#include "translate/glossary.h"

static char path[] = "/tmp/test_glossary.XXXXXX";

static rd_status open_text(rd_glossary **glossary, const char *text) {
    assert_int_equal(rd_write_file(path, text, strlen(text)), RD_OK);
    return rd_glossary_open(glossary, path);
}

static rd_status collect(void *self, const char *target, size_t begin, size_t end) {
    assert_true(begin < end);
    return rd_text_printf(self, "[%s]", target);
}

/* The targets found in the text, each in brackets. */
static void assert_found(const rd_glossary *g, const char *text, const char *expected) {
    rd_breaker *words;
    rd_offsets places = {0};
    rd_text found = {0};
    assert_int_equal(rd_breaker_open(&words, RD_BREAK_WORDS, NULL), RD_OK);
    assert_int_equal(rd_text_append(&found, "", 0), RD_OK);
    assert_int_equal(rd_glossary_match(g, text, strlen(text), words, &places, collect, &found),
                     RD_OK);
    assert_string_equal(found.data ? found.data : "", expected);
    rd_text_free(&found);
    free(places.data);
    rd_breaker_close(words);
}

static void test_whole_words(void **state) {
    (void)state;
    rd_glossary *g;
    assert_int_equal(open_text(&g, "cat\tKatze\nheart\tHerz\nheart attack\tHerzinfarkt\r\n\n"
                                   "heart attack unit\tCCU\nC++\tC++\nGrüße\tgreetings\n"
                                   "日本\tJapan\n  new   york \t New York \ncat\tKatze\n"),
                     RD_OK);
    assert_found(g, "", "");
    assert_found(g, "cat", "[Katze]");
    assert_found(g, "The cat, a (cat) and cat's cats; concat Cat cat", "[Katze][Katze][Katze]");
    assert_found(g, "heart attack heart  attacks", "[Herzinfarkt][Herz]");
    assert_found(g, "a heart\u00a0attack unit: heart", "[CCU][Herz]");
    assert_found(g, "heart attack units", "[Herzinfarkt]");
    assert_found(g, "written in C++.", "[C++]");
    assert_found(g, "viele Grüße, Grüßen", "[greetings]");
    assert_found(g, "日本の猫", "[Japan]");
    assert_found(g, "in new york, new\tyork, newyork", "[New York][New York]");
    rd_glossary_close(g);
}

static void refused(const char *text, const char *message) {
    rd_glossary *g;
    assert_int_equal(open_text(&g, text), RD_ERR_FORMAT);
    assert_null(g);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
}

static void test_bad_files(void **state) {
    (void)state;
    char text[3000];
    rd_glossary *g;
    refused("a\tb\nno tab\n", ":2: not a line of a glossary");
    refused("a\tb\tc\n", ":1: not a line");
    refused("\tb\n", ":1: a term of 0 bytes");
    refused("a\t  \n", ":1: a term of 0 bytes");
    refused("a\tb\nc\td\na\tx\n", ":3: \"a\" is \"x\" here and \"b\" in line 1");
    refused("a\t\377\n", "UTF-8");
    memset(text, 'x', sizeof text);
    memcpy(text + 1001, "\ty\n", 4);
    refused(text, "1001 bytes");
    assert_int_equal(open_text(&g, text + 1), RD_OK); /* the longest that there is */
    rd_glossary_close(g);
    assert_int_equal(open_text(&g, "\xEF\xBB\xBF"
                                   "a\tb"),
                     RD_OK);
    assert_found(g, "a", "[b]");
    rd_glossary_close(g);
    assert_int_equal(open_text(&g, ""), RD_OK);
    assert_found(g, "a", "");
    rd_glossary_close(g);
    assert_int_equal(rd_glossary_open(&g, "/nowhere/terms.tsv"), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "/nowhere/terms.tsv"));
}

/* Against looking every term up at every place. */
static void test_many_terms(void **state) {
    (void)state;
    enum { TERMS = 300 };
    rd_text file = {0}, line = {0}, expected = {0};
    for (int i = 0; i < TERMS; i++)
        assert_int_equal(rd_text_printf(&file, "w%d%s\tt%d\n", i, i % 3 ? "" : " x", i), RD_OK);
    for (int i = TERMS + 9; i >= 0; i--) {
        assert_int_equal(rd_text_printf(&line, "w%d%s ", i, i % 2 ? "" : " x"), RD_OK);
        if (i < TERMS && (i % 3 || i % 2 == 0))
            assert_int_equal(rd_text_printf(&expected, "[t%d]", i), RD_OK);
    }
    rd_glossary *g;
    assert_int_equal(open_text(&g, file.data), RD_OK);
    assert_found(g, line.data, expected.data);
    rd_glossary_close(g);
    rd_text_free(&file);
    rd_text_free(&line);
    rd_text_free(&expected);
}

int main(void) {
    int descriptor = mkstemp(path);
    if (descriptor < 0) return 1;
    close(descriptor);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_words),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_many_terms),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failures;
}
