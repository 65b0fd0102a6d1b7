/* Cutting lines into sentences and windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"
#include "data/vocab.h"
#include "io/output.h"
#include "toy_directory.h"
#include "translate/breaker.h"
#include "translate/head.h"
#include "translate/lines.h"
#include "translate/paragraphs.h"
#include "translate/segments.h"

static char root[] = "/tmp/test_segments.XXXXXX";
static rd_translator *translator;

static void assert_sentences(const char *language, const char *text, const char *expected) {
    rd_breaker *breaker;
    rd_offsets places = {0};
    rd_text found = {0};
    assert_int_equal(rd_breaker_open(&breaker, RD_BREAK_SENTENCES, language), RD_OK);
    assert_int_equal(rd_breaker_find(breaker, text, strlen(text), &places), RD_OK);
    assert_int_equal(places.data[0], 0);
    assert_int_equal(places.data[places.length - 1], strlen(text));
    for (int64_t i = 0; i + 1 < places.length; i++)
        assert_int_equal(rd_text_printf(&found, "%s%.*s", i ? "|" : "",
                                        (int)(places.data[i + 1] - places.data[i]),
                                        text + places.data[i]),
                         RD_OK);
    assert_string_equal(found.data ? found.data : "", expected);
    rd_text_free(&found);
    free(places.data);
    rd_breaker_close(breaker);
}

static void test_sentences(void **state) {
    (void)state;
    assert_sentences("en", "", "");
    assert_sentences("en", "A dog runs. It is big! Is it? Yes.",
                     "A dog runs. |It is big! |Is it? |Yes.");
    assert_sentences("en", "Mr. Smith met Dr. Jones at 3.15 p.m. on Monday. He left.",
                     "Mr. Smith met Dr. Jones at 3.15 p.m. on Monday. |He left.");
    assert_sentences("en", "J. R. R. Tolkien wrote it, e.g. Bilbo. The U.S. Army (cf. A.) did not.",
                     "J. R. R. Tolkien wrote it, e.g. Bilbo. |The U.S. Army (cf. A.) did not.");
    assert_sentences("en", "He said \"Run. Now.\" Then he went.",
                     "He said \"Run. |Now.\" |Then he went.");
    assert_sentences("de", "Am 3. Mai kam Dr. Müller, z.B. Hans. Er ging um 12.30 Uhr.",
                     "Am 3. Mai kam Dr. Müller, z.B. Hans. |Er ging um 12.30 Uhr.");
    assert_sentences("en", "The answer is 42. Then it ended.", "The answer is 42. |Then it ended.");
    assert_sentences("ja", "猫です。犬です。", "猫です。|犬です。");
    assert_sentences("deu", "Am 3. Mai kam Prof. Ott. Er ging.",
                     "Am 3. Mai kam Prof. Ott. |Er ging.");
    assert_sentences("de_AT", "Im 2. Stock. Im XIX. Jahrhundert, vgl. Kap. 3.",
                     "Im 2. Stock. |Im XIX. Jahrhundert, vgl. Kap. 3.");
    assert_sentences("source", "Mr. Smith left. He ran.", "Mr. Smith left. |He ran.");
    assert_sentences(NULL, "Mr. Smith left. He ran.", "Mr. Smith left. |He ran.");
}

/* Two sentences each, with an abbreviation before a capital or a number. */
static void test_abbreviations(void **state) {
    (void)state;
    static const struct {
        const char *language, *first, *second;
    } cases[] = {{"en", "See No. 5 and Prof. Smith. ", "No. I will not."},
                 {"es", "Vino el Sr. López con la Dra. Ruiz (pág. 7). ", "Se fue."},
                 {"fr", "Voir M. Dupont et Mlle. Petit, art. 5. ", "Fin."},
                 {"de", "Herr Prof. Müller und Hr. Maier, vgl. Abb. 3 dort. ", "Ende."},
                 {"pt", "O Sr. Silva e a Profa. Ana, pág. 9. ", "Fim."},
                 {"it", "Il sig. Rossi e la dott.ssa Bianchi, cfr. Art. 2. ", "Fine."},
                 {"ru", "Проф. Иванов живёт на ул. Ленина, см. Рис. 4. ", "Конец."},
                 {"nl", "Dhr. Jansen en mevr. De Vries, zie blz. 12. ", "Einde."},
                 {"pl", "Był to prof. Kowalski z ul. Długiej, tzn. Jan. ", "Koniec."},
                 {"tr", "Prof. Yılmaz ve Doç. Kaya 3. Sokakta, bkz. Ek 2 var. ", "Son."},
                 {"cs", "Přišel prof. Novák z ul. Dlouhé dne 5. Května. ", "Konec."},
                 {"ro", "A venit dl. Popescu de pe str. Lungă, nr. 5. ", "Gata."},
                 {"hu", "Ott volt ifj. Nagy és dr. Kiss 3. Emelet. ", "Vége."},
                 {"el", "Ήρθε ο καθ. Παππάς, βλ. Σελ. 5. ", "Τέλος."},
                 {"sv", "Prof. Berg och t.ex. Kalle, jfr. Kap. 3 där. ", "Slut."},
                 {"ar", "جاء د. أحمد إلى هنا. ", "انتهى."}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200], expected[200];
        snprintf(text, sizeof text, "%s%s", cases[i].first, cases[i].second);
        snprintf(expected, sizeof expected, "%s|%s", cases[i].first, cases[i].second);
        if (strcmp(cases[i].language, "en") == 0)
            snprintf(expected, sizeof expected, "%sNo. |I will not.",
                     "See No. 5 and Prof. Smith. |");
        assert_sentences(cases[i].language, text, expected);
    }
}

static void test_gaps(void **state) {
    (void)state;
    static const struct {
        const char *text, *next, *gap;
    } cases[] = {
        {"A dog.", "A cat.", " "},    {"", "A cat.", ""},         {"A dog.", "", ""},
        {"猫です。", "犬です。", ""}, {"他说“好。”", "你好", ""}, {"是。", "OK.", ""},
        {"他说好.", "你好", ""},      {"OK.", "你好", " "},       {"고양이.", "개다.", " "},
        {"แมว", "หมา", " "},          {"Yes 😀", "No", " "},       {"ネコ！", "イヌ", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(rd_gap(cases[i].text, strlen(cases[i].text), cases[i].next),
                            cases[i].gap);
}

/* A model whose vocabulary has tags, one piece each. */
static rd_translator *open_tagged(void) {
    char directory[64], corpus[96];
    const char *opened = directory;
    rd_translator *t;
    rd_text text = {0};
    snprintf(directory, sizeof directory, "%s/tagged", root);
    snprintf(corpus, sizeof corpus, "%s/corpus", root);
    toy_directory_make(directory, "arch: transformer-tiny\nmax-source-positions: 40\n", 34, 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(rd_text_printf(&text, "the man sees a red dog\ntwo cats. old houses\n"),
                         RD_OK);
    assert_int_equal(rd_write_file(corpus, text.data, (size_t)text.length), RD_OK);
    rd_vocab_config config = {.type = "bpe",
                              .size = 34,
                              .character_coverage = 1.0f,
                              .symbols = "<2de>,__fr__,<b>,</b>,[d]"};
    toy_directory_replace_vocabulary(directory, &config, corpus);
    rd_text_free(&text);
    assert_int_equal(rd_translator_open(&t, &opened, 1, RD_PRECISION_FP32), RD_OK);
    return t;
}

/* Tags hold for each part of a line. */
static void test_tags(void **state) {
    (void)state;
    rd_translator *t = open_tagged();
    static const struct {
        const char *line;
        size_t head;
    } cases[] = {{"<2de> the man.", 5},    {" <2de>  __fr__ the man.", 14},
                 {"<b> the </b> man.", 0}, {"<2xx> the man.", 0},
                 {"the <2de> man.", 0},    {"<2de> ", 0},
                 {"<2de>the man.", 0},     {"[d] the man.", 0},
                 {"> the man.", 0},        {"", 0}};
    size_t head;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rd_line_head(t->source, cases[i].line, strlen(cases[i].line), &head),
                         RD_OK);
        assert_int_equal(head, cases[i].head);
    }
    static const char *const lines[] = {"<2de> the man sees. Two cats. A dog."};
    static const char *const parts[] = {"<2de> the man sees.", "<2de> Two cats.", "<2de> A dog."};
    static const char *const prefix[] = {"__fr__"}, *const prefixes[] = {"__fr__", "__fr__",
                                                                         "__fr__"};
    rd_translate_options options = rd_translator_defaults(t);
    options.search.max_len_b = 4;
    options.search.align = true;
    rd_translations each, whole;
    options.prefixes = prefixes;
    assert_int_equal(rd_translator_run(t, &options, 3, parts, NULL, &each), RD_OK);
    options.split_sentences = true;
    options.prefixes = prefix;
    assert_int_equal(rd_translator_run(t, &options, 1, lines, NULL, &whole), RD_OK);
    rd_text joined = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(rd_text_printf(&joined, "%s%s", i ? " " : "", each.items[i].text), RD_OK);
    assert_string_equal(whole.items[0].text, joined.data);
    for (int32_t i = 0; i < whole.items[0].n_alignment; i++)
        assert_in_range(whole.items[0].alignment[i].source, 0, 7);
    rd_translations_free(&whole);
    options.window_tokens = 7;
    options.split_sentences = false;
    options.prefixes = NULL;
    assert_int_equal(rd_translator_run(t, &options, 1, lines, NULL, &whole), RD_OK);
    assert_int_equal(whole.dropped_tokens[0], 0);
    rd_text_free(&joined);
    rd_translations_free(&each);
    rd_translations_free(&whole);
    rd_translator_close(t);
}

static int32_t count_tokens(const char *text, size_t n) {
    rd_ids ids = {0};
    assert_int_equal(rd_tokenizer_encode(translator->source, text, n, &ids), RD_OK);
    int32_t count = (int32_t)ids.length;
    free(ids.data);
    return count;
}

static const rd_pattern *kept;   /* by cut(); NULL: none */
static const rd_glossary *terms; /* likewise */

static rd_segments cut(const char *line, bool split, int32_t window, int32_t overlap) {
    rd_translate_options options = rd_translator_defaults(translator);
    options.keep = kept;
    options.glossary = terms;
    options.split_sentences = split;
    options.window_tokens = window;
    options.window_overlap = overlap;
    rd_segments segments;
    assert_int_equal(rd_segments_make(&segments, translator, &options, 1, &line, NULL), RD_OK);
    return segments;
}

static void assert_cut(const char *line, bool split, int32_t window, int32_t overlap,
                       const char *expected) {
    rd_segments segments = cut(line, split, window, overlap);
    rd_text found = {0};
    for (int64_t i = 0; i < segments.n; i++) {
        const rd_segment *s = &segments.items[i];
        assert_int_equal(s->line, 0);
        assert_int_equal(rd_text_printf(&found, "%s%.*s", i ? "|" : "", (int)(s->end - s->begin),
                                        line + s->begin),
                         RD_OK);
    }
    assert_string_equal(found.data ? found.data : "", expected);
    rd_text_free(&found);
    free(segments.items);
}

static void test_windows(void **state) {
    (void)state;
    const char *line = " a dog a cat? \u00a0dog dog? dog dog? ";
    int32_t sentence = count_tokens("a dog a cat?", 12), dog = count_tokens("dog dog?", 8);
    assert_true(dog < sentence);
    assert_cut("", false, 5, 0, "");
    assert_cut(" \u00a0 ", true, 5, 2, "");
    assert_cut(line, false, 0, 0, "a dog a cat? \u00a0dog dog? dog dog?");
    assert_cut(line, false, 500, 7, "a dog a cat? \u00a0dog dog? dog dog?");
    assert_cut(line, true, 0, 0, "a dog a cat?|dog dog?|dog dog?");
    assert_cut(line, true, sentence, 2, "a dog a cat?|dog dog?|dog dog?");
    assert_cut(line, false, sentence + dog, 0, "a dog a cat? \u00a0dog dog?|dog dog?");
    assert_cut(line, false, sentence + dog, dog, "a dog a cat? \u00a0dog dog?|dog dog? dog dog?");
    /* A sentence above the window is cut between words. */
    assert_cut("a dog a cat a dog a cat", true, count_tokens("a dog a", 7), 0,
               "a dog a|cat a dog|a cat");
    assert_cut("a dog a cat a dog", true, count_tokens("a dog a", 7), count_tokens("a", 1),
               "a dog a|a cat a|a dog");
}

/* No part ends within a string to keep or a term of the glossary, unless that is too long. */
static void test_whole_terms(void **state) {
    (void)state;
    const char *line = "a dog a cat a dog a cat", *marked = "a cat? dog a dog? cat";
    int32_t four = count_tokens("a dog a cat", 11), three = count_tokens("a dog a", 7);
    char path[64];
    rd_pattern *pattern;
    rd_glossary *glossary;
    assert_cut(line, false, four, 0, "a dog a cat|a dog a cat");
    assert_int_equal(rd_pattern_open(&pattern, "cat a|cat\\? dog"), RD_OK);
    kept = pattern;
    assert_cut(line, false, four, 0, "a dog a|cat a dog a|cat");
    assert_cut(marked, true, 0, 0, "a cat? dog a dog?|cat");
    rd_pattern_close(pattern);
    assert_int_equal(rd_pattern_open(&pattern, "dog.*dog"), RD_OK);
    kept = pattern;
    rd_segments segments = cut(line, false, three, 0);
    assert_true(segments.n > 2);
    assert_int_equal(segments.items[0].end, 1);
    free(segments.items);
    rd_pattern_close(pattern);
    kept = NULL;
    snprintf(path, sizeof path, "%s/terms.tsv", root);
    assert_int_equal(rd_write_file(path, "cat? dog\tx\ncat a\ty\n", 19), RD_OK);
    assert_int_equal(rd_glossary_open(&glossary, path), RD_OK);
    terms = glossary;
    assert_cut(line, false, four, 0, "a dog a|cat a dog a|cat");
    assert_cut(marked, true, 0, 0, "a cat? dog a dog?|cat");
    terms = NULL;
    rd_glossary_close(glossary);
}

/* Whatever the text: windows have at most their tokens, leave nothing out, and go on. */
static void test_windows_of_anything(void **state) {
    (void)state;
    static const char *const pieces[] = {"dog",    " ", "a",  ". ", "Tree",
                                         "\u732b", "x", "\n", "? ", "\u00e9"};
    rd_rng rng = rd_rng_make(3, 0);
    int64_t windows = 0;
    for (int trial = 0; trial < 500; trial++) {
        rd_text line = {0};
        assert_int_equal(rd_text_append(&line, "", 0), RD_OK);
        for (int k = (int)rd_rng_below(&rng, 60); k > 0; k--) {
            const char *piece = pieces[rd_rng_below(&rng, 10)];
            assert_int_equal(rd_text_append(&line, piece, strlen(piece)), RD_OK);
        }
        int32_t window = 3 + trial % 20, overlap = trial % 3 ? trial % window : 0;
        rd_segments s = cut(line.data, trial % 2, window, overlap);
        windows += s.n;
        size_t covered = 0; /* up to where all is in some window, but for white space */
        for (int64_t i = 0; i < s.n; i++) {
            const rd_segment *at = &s.items[i];
            assert_true(count_tokens(line.data + at->begin, at->end - at->begin) <= window);
            assert_true(at->begin < at->end && at->end > covered);
            if (i) assert_true(at->begin > s.items[i - 1].begin);
            if (overlap == 0) assert_true(at->begin >= covered);
            for (size_t c = covered; c < at->begin; c++)
                assert_non_null(strchr(" \n", line.data[c]));
            covered = at->end;
        }
        for (; covered < (size_t)line.length; covered++)
            assert_non_null(strchr(" \n", line.data[covered]));
        free(s.items);
        rd_text_free(&line);
    }
    assert_true(windows > 2000);
}

/* Work that takes no time for a line must not take long for a very long one. */
static void test_long_lines(void **state) {
    (void)state;
    enum { BYTES = 1 << 18 };
    static char text[BYTES + 1];
    static const char *const fillings[] = {"a", " ", "a ", "dog. A "};
    for (int f = 0; f < 4; f++) {
        size_t n = strlen(fillings[f]);
        for (size_t i = 0; i < BYTES; i++) text[i] = fillings[f][i % n];
        rd_segments s = cut(text, f % 2, 30, 10);
        assert_true(f == 1 ? s.n == 0 : s.n > 300);
        free(s.items);
    }
}

/* Lines in parts: one translation each, which is its parts' joined. */
static void test_translations(void **state) {
    (void)state;
    static const char *const lines[] = {"a dog sees the old house. Two cats. X? ", " ", "two cats",
                                        "the man runs under the tree and the man sees a dog"};
    static const char *const parts[] = {"a dog sees the old house.", "Two cats.", "X?", "two cats"};
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.align = true;
    options.search.max_len_b = 4;
    rd_translations each, whole;
    assert_int_equal(rd_translator_run(translator, &options, 4, parts, NULL, &each), RD_OK);
    options.split_sentences = true;
    assert_int_equal(rd_translator_run(translator, &options, 4, lines, NULL, &whole), RD_OK);
    char joined[1000] = "";
    double log_prob = 0;
    for (int i = 0; i < 3; i++) {
        if (*joined && *each.items[i].text) strcat(joined, " ");
        strcat(joined, each.items[i].text);
        log_prob += (double)each.items[i].log_prob;
    }
    assert_int_equal(whole.n_lines, 4);
    assert_string_equal(whole.items[0].text, joined);
    assert_string_equal(whole.items[1].text, "");
    assert_string_equal(whole.items[2].text, each.items[3].text);
    assert_float_equal(whole.items[0].log_prob, log_prob, 1e-3);
    const rd_translation *w = &whole.items[0];
    int32_t n = each.items[0].n_alignment + each.items[1].n_alignment + each.items[2].n_alignment;
    assert_int_equal(w->n_alignment, n);
    assert_int_equal(w->alignment[each.items[0].n_alignment].source,
                     each.items[1].alignment[0].source + 6);
    for (int32_t i = 1; i < n; i++)
        assert_true(w->alignment[i].source >= w->alignment[i - 1].source);
    rd_translations_free(&each);
    rd_translations_free(&whole);
    options.split_sentences = false;
    options.window_tokens = 5;
    options.window_overlap = 2;
    assert_int_equal(rd_translator_run(translator, &options, 4, lines, NULL, &whole), RD_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(whole.dropped_tokens[i], 0);
    assert_true(whole.items[3].n_tokens > whole.items[2].n_tokens);
    rd_translations_free(&whole);
    options.search.n_best = 2;
    assert_int_equal(rd_translator_run(translator, &options, 4, lines, NULL, &whole),
                     RD_ERR_ARGUMENT);
    options.search.n_best = 1;
    options.window_overlap = 5;
    assert_int_equal(rd_translator_run(translator, &options, 4, lines, NULL, &whole),
                     RD_ERR_ARGUMENT);
    options.window_overlap = 0;
    options.window_tokens = 40; /* as many as positions, of which one is the end's */
    assert_int_equal(rd_translator_run(translator, &options, 4, lines, NULL, &whole),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "at most 39"));
}

static void test_max_input_length(void **state) {
    (void)state;
    const char *line = "the man runs under the tree and the man sees a dog";
    rd_translate_options options = rd_translator_defaults(translator);
    int32_t all = count_tokens(line, strlen(line));
    rd_translations cut_line, short_line;
    options.max_input_length = count_tokens("the man runs", 12);
    assert_int_equal(rd_translator_run(translator, &options, 1, &line, NULL, &cut_line), RD_OK);
    assert_int_equal(cut_line.dropped_tokens[0], all - options.max_input_length);
    line = "the man runs";
    assert_int_equal(rd_translator_run(translator, &options, 1, &line, NULL, &short_line), RD_OK);
    assert_int_equal(short_line.dropped_tokens[0], 0);
    assert_string_equal(cut_line.items[0].text, short_line.items[0].text);
    rd_translations_free(&cut_line);
    rd_translations_free(&short_line);
    options.max_input_length = -1;
    assert_int_equal(rd_translator_run(translator, &options, 1, &line, NULL, &short_line),
                     RD_ERR_ARGUMENT);
}

int main(void) {
    if (!mkdtemp(root)) return 1;
    toy_directory_make(root,
                       "arch: transformer-tiny\nencoder-embed-dim: 16\nencoder-layers: 1\n"
                       "decoder-layers: 1\nencoder-ffn-embed-dim: 16\ndecoder-ffn-embed-dim: 16\n"
                       "max-source-positions: 40\n",
                       35, 0);
    if (rd_translator_open(&translator, (const char *[]){root}, 1, RD_PRECISION_FP32) != RD_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_abbreviations),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_whole_terms),
        cmocka_unit_test(test_windows_of_anything),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_translations),
        cmocka_unit_test(test_max_input_length),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rd_translator_close(translator);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command) != 0 || failures ? 1 : 0;
}
