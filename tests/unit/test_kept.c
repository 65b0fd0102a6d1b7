/* Strings that translations keep from their lines, and the edges of the words that they must
 * contain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/vocab.h"
#include "io/output.h"
#include "rdrop/translator.h"
#include "toy_directory.h"
#include "translate/edges.h"
#include "translate/kept.h"

enum { PIECES = 34 };
static char root[] = "/tmp/rdrop-kept-XXXXXX";
static const char pattern[] = "https?://\\S*[\\w/]|</?[a-z]+>|[{][a-z]+[}]";
static rd_translator *translator;

static void must(rd_status status) {
    if (status != RD_OK) fail_msg("%s", rd_last_error());
}

/* A place in the text moves with the character there; not with blanks, which can go. */
static void restore_by(const char *regex, const char *line, const char *text, const char *expected,
                       int32_t added) {
    rd_pattern *keep;
    rd_keeper *keeper;
    char *mended = rd_strdup(text);
    int64_t places[64], n_places = (int64_t)strlen(text);
    int32_t n;
    for (int64_t i = 0; i < n_places; i++) places[i] = i;
    must(rd_pattern_open(&keep, regex));
    must(rd_keeper_open(&keeper, keep));
    must(rd_keeper_restore(keeper, line, strlen(line), &mended, &n, places, n_places));
    assert_string_equal(mended, expected);
    assert_int_equal(n, added);
    for (int64_t i = 0; i < n_places; i++)
        if (text[i] != ' ') assert_int_equal(mended[places[i]], text[i]);
    free(mended);
    rd_keeper_close(keeper);
    rd_pattern_close(keep);
}

static void restore(const char *line, const char *text, const char *expected, int32_t added) {
    restore_by(pattern, line, text, expected, added);
}

static void test_restored(void **state) {
    (void)state;
    restore("A dog.", "Ein Hund.", "Ein Hund.", 0);
    restore("See http://a.b/c?d=1.", "Siehe http://a.b/c?d=1.", "Siehe http://a.b/c?d=1.", 0);
    restore("A &amp; http://a.b", "Ein &amp;", "Ein &amp; http://a.b", 1);
    restore("See http://a.b/c now.", "Siehe nun.", "Siehe nun http://a.b/c.", 1);
    restore("{name} sees.", "sieht.", "{name} sieht.", 1);
    restore("A {x}.", "", "{x}", 1);
    restore("A {x} {x}。", "一{x}。", "一{x} {x}。", 1);
    restore("A {x}.", "एक।", "एक {x}।", 1);
    restore("A {x}.", "ایک۔", "ایک {x}۔", 1);
    restore("A {x}?", "واحد؟", "واحد {x}؟", 1);
    restore("A {x}...", "Ein…", "Ein {x}…", 1);
    restore("A {x}!?", "一！？", "一 {x}！？", 1);
    restore("See: {x}", "Siehe:", "Siehe: {x}", 1);
    restore("The <b>old</b> dog.", "Der <b> alte </b> Hund.", "Der <b>alte</b> Hund.", 0);
    restore("a {x} b", "a{x} b", "a{x} b", 0);
    restore("It is (http://a.b/).", "Es ist ( http://a.b/ ).", "Es ist (http://a.b/).", 0);
    restore("http://a.b/ http://a.b/c", "http://a.b/c", "http://a.b/ http://a.b/c", 1);
    /* Within another match is no place. */
    restore("to http://a.b or http://a.b/c", "zu http://a.b/c.", "zu http://a.b/c http://a.b.", 1);
    restore("to http://a.b/c or http://a.b", "zu http://a.b/c.", "zu http://a.b/c http://a.b.", 1);
    restore("http://a.b or http://a.b/c", "http://a.b oder http://a.b/c.",
            "http://a.b oder http://a.b/c.", 0);
    restore("to http://a.b/c, http://a.b", "zu http://a.b , http://a.b/c.",
            "zu http://a.b , http://a.b/c.", 0);
    /* A match that ends the sentence stays whole. */
    restore_by("https?://\\S+|[{][a-z]+[}]", "A {x} on http://a.b.", "Auf http://a.b.",
               "Auf http://a.b. {x}", 1);
    restore_by("https?://\\S+|[{][a-z]+[}]", "A {x} on {y} http://a.b.", "Auf http://a.b.",
               "Auf http://a.b. {x} {y}", 2);
    /* The same bytes elsewhere in the line are not to be kept. */
    restore_by("(?<=id: )\\w+", "A dog at rex and id: rex runs.", "Der Hund rex.", "Der Hund rex.",
               0);
}

/* A match ends before a NUL, after which nothing of a text is read. */
static void test_nuls(void **state) {
    (void)state;
    static const char line[] = "x\0y{n} \0{m} a";
    rd_pattern *keep;
    rd_keeper *keeper;
    char *text = rd_strdup("Ein Hund.");
    int32_t added;
    must(rd_pattern_open(&keep, "[^ ]+[}]"));
    must(rd_keeper_open(&keeper, keep));
    must(rd_keeper_restore(keeper, line, sizeof line - 1, &text, &added, NULL, 0));
    assert_string_equal(text, "x Ein Hund {m}.");
    assert_int_equal(added, 2);
    free(text);
    rd_keeper_close(keeper);
    rd_pattern_close(keep);
}

static void test_bad_patterns(void **state) {
    (void)state;
    rd_pattern *keep;
    rd_keeper *keeper;
    char line[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", *text = NULL;
    int32_t added;
    assert_int_equal(rd_pattern_open(&keep, "(a"), RD_ERR_ARGUMENT);
    assert_null(keep);
    must(rd_pattern_open(&keep, "(a+)+$"));
    must(rd_keeper_open(&keeper, keep));
    text = rd_strdup("");
    assert_int_equal(rd_keeper_restore(keeper, line, strlen(line), &text, &added, NULL, 0),
                     RD_ERR_FORMAT);
    free(text);
    rd_keeper_close(keeper);
    rd_pattern_close(keep);
}

static void test_whole_words(void **state) {
    (void)state;
    static const struct {
        const char *text, *phrase;
        bool whole;
    } cases[] = {
        {"alte Häuser", "alte", true}, {"Katers", "Kater", false}, {"Hauskater", "kater", false},
        {"Haus-Kater", "Kater", true}, {"（猫です）", "猫", true}, {"серый", "сер", false},
        {"<b>x</b>y", "</b>", true},   {"12.5", "12", true},       {"125", "12", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t begin = (size_t)(strstr(cases[i].text, cases[i].phrase) - cases[i].text);
        assert_int_equal(rd_is_whole(cases[i].text, strlen(cases[i].text), begin,
                                     begin + strlen(cases[i].phrase)),
                         cases[i].whole);
    }
}

/* A translation with one thing in it that it must have. */
static rd_translations translate(const char *line, const char *constraint, const char *regex) {
    rd_translate_options options = rd_translator_defaults(translator);
    rd_translations found;
    rd_pattern *keep = NULL;
    options.search.beam = 4;
    options.search.lenpen = 0; /* short, and far from the longest */
    options.search.max_len_b = 60;
    options.constraints = constraint ? &constraint : NULL;
    if (regex) must(rd_pattern_open(&keep, regex));
    options.keep = keep;
    must(rd_translator_run(translator, &options, 1, &line, NULL, &found));
    rd_pattern_close(keep);
    return found;
}

/* Whatever random weights would go on with. */
static void test_constraints_are_whole_words(void **state) {
    (void)state;
    static const char *const words[] = {"tre", "hous", "ca", "do", "se", "unde", "ol"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int k = 0; k < TOY_LINES - 1; k++) {
            rd_translations found = translate(toy_sources[k], words[i], NULL);
            const char *text = found.items[0].text, *at = text;
            bool whole = false;
            for (; !whole && (at = strstr(at, words[i])); at++)
                whole = rd_is_whole(text, strlen(text), (size_t)(at - text),
                                    (size_t)(at - text) + strlen(words[i]));
            if (!whole) fail_msg("no word %s in: %s", words[i], text);
            assert_null(found.items[0].unmet);
            rd_translations_free(&found);
        }
}

/* Kept strings that the vocabulary can write are found a place, others are put in. */
static void test_kept(void **state) {
    (void)state;
    rd_translations found =
        translate("the {name} dog sees <b>cats</b> http://x.y/z", NULL, pattern);
    static const char *const kept[] = {"{name}", "<b>", "</b>", "http://x.y/z"};
    for (int i = 0; i < 4; i++) assert_non_null(strstr(found.items[0].text, kept[i]));
    assert_int_equal(found.items[0].n_restored, 1);
    assert_null(found.items[0].unmet);
    rd_translations_free(&found);
}

static int32_t words_of(const char *text) {
    int32_t n = 0;
    for (const char *c = text; *c; c++) n += *c != ' ' && (c == text || c[-1] == ' ');
    return n;
}

/* Strings inserted at the beginning shift the words that the input is aligned to. */
static void test_alignments_of_kept(void **state) {
    (void)state;
    static const char *const source[] = {"{\u00e4} the dog sees two cats"};
    rd_translate_options options = rd_translator_defaults(translator);
    rd_translations found[2];
    rd_pattern *keep;
    options.search.align = true;
    must(rd_pattern_open(&keep, "[{]\\S+[}]"));
    for (int i = 0; i < 2; i++) {
        options.keep = i ? keep : NULL;
        must(rd_translator_run(translator, &options, 1, source, NULL, &found[i]));
    }
    const rd_translation *plain = &found[0].items[0], *kept = &found[1].items[0];
    assert_int_equal(kept->n_restored, 1);
    assert_int_equal(words_of(kept->text), words_of(plain->text) + 1);
    assert_in_range(kept->n_alignment, 1, 99);
    assert_int_equal(kept->n_alignment, plain->n_alignment);
    for (int32_t i = 0; i < kept->n_alignment; i++)
        assert_int_equal(kept->alignment[i].target, plain->alignment[i].target + 1);
    for (int i = 0; i < 2; i++) rd_translations_free(&found[i]);
    rd_pattern_close(keep);
}

/* Where the search would end after markup, the line's final mark comes first. */
static void test_markup_and_final_marks(void **state) {
    (void)state;
    rd_edges edges;
    rd_tokenizer *t;
    char path[128];
    snprintf(path, sizeof path, "%s/spm.model", root);
    must(rd_tokenizer_open(&t, path));
    must(rd_edges_make(&edges, t, PIECES + 3));
    const int32_t *marks = rd_final_marks(&edges, "dogs. ", 6);
    assert_non_null(marks);
    assert_string_equal(rd_tokenizer_piece(t, marks[0]), ".");
    assert_int_equal(marks[1], -1);
    assert_null(rd_final_marks(&edges, "dogs)", 5));
    rd_edges_free(&edges);
    rd_tokenizer_close(t);
    static const char *const terms[] = {"</b>", "<b>", "{name}", "dog </b>", "a {name}", "the <b>"};
    int ended[2] = {0}; /* lines with a final mark, and without */
    for (int k = 0; k < 2 * 6 * TOY_LINES; k++) {
        char line[128], ending[16];
        snprintf(line, sizeof line, "%s%s", toy_sources[k / 12], k % 2 ? "" : ".");
        snprintf(ending, sizeof ending, " %s", terms[k / 2 % 6]);
        rd_translations found = translate(line, terms[k / 2 % 6], NULL);
        const char *text = found.items[0].text;
        size_t n = strlen(text), size = strlen(ending);
        ended[k % 2] += n >= size && strcmp(text + n - size, ending) == 0;
        rd_translations_free(&found);
    }
    assert_int_equal(ended[0], 0);
    assert_in_range(ended[1], 1, 6 * TOY_LINES);
}

static int setup(void **state) {
    (void)state;
    char corpus[128];
    const char *opened = root;
    rd_text text = {0};
    if (!mkdtemp(root)) return -1;
    snprintf(corpus, sizeof corpus, "%s/corpus", root);
    toy_directory_make(root,
                       "arch: transformer-tiny\nencoder-embed-dim: 16\nencoder-layers: 1\n"
                       "decoder-layers: 1\nencoder-ffn-embed-dim: 16\ndecoder-ffn-embed-dim: 16\n",
                       34, 0);
    for (int i = 0; i < 100; i++)
        for (int k = 0; k < TOY_LINES; k++)
            must(rd_text_printf(&text, "%s.\n%s. </b>.\n", toy_sources[k], toy_targets[k]));
    must(rd_write_file(corpus, text.data, (size_t)text.length));
    rd_text_free(&text);
    rd_vocab_config config = {
        .type = "bpe", .size = 34, .character_coverage = 1.0f, .symbols = "<b>,</b>,{name}"};
    toy_directory_replace_vocabulary(root, &config, corpus);
    must(rd_translator_open(&translator, &opened, 1, RD_PRECISION_FP32));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    rd_translator_close(translator);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restored),
        cmocka_unit_test(test_nuls),
        cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_whole_words),
        cmocka_unit_test(test_constraints_are_whole_words),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_alignments_of_kept),
        cmocka_unit_test(test_markup_and_final_marks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
