/* BLEU: sacreBLEU's published cases, and what must hold of any BLEU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "rdrop/metrics.h"
#include "tokenizers.h"

static void assert_near(double found, double expected, double tolerance) {
    if (fabs(found - expected) > tolerance) fail_msg("%.10g, expected %.10g", found, expected);
}

static double corpus(const rd_metric_config *config, int n, const char *const *hyps, int n_refs,
                     const char *const *refs) {
    double sums[RD_METRIC_MAX_STATS] = {0}, stats[RD_METRIC_MAX_STATS];
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    assert_non_null(scratch);
    for (int i = 0; i < n; i++) {
        rd_line hyp = {hyps[i], strlen(hyps[i])}, lines[4];
        for (int r = 0; r < n_refs; r++)
            lines[r] = (rd_line){refs[r * n + i], strlen(refs[r * n + i])};
        assert_int_equal(rd_metric_line(config, scratch, hyp, n_refs, lines, stats), RD_OK);
        for (int k = 0; k < rd_metric_n_stats(config); k++) sums[k] += stats[k];
    }
    rd_metric_scratch_free(scratch);
    return rd_metric_score(config, 0, sums);
}

static const char *const HYPS[] = {"The dog bit the man.", "It wasn't surprising.",
                                   "The man had just bitten him."};
static const char *const REFS[] = {"The dog bit the man.",   "It was not unexpected.",
                                   "The man bit him first.", "The dog had bit the man.",
                                   "No one was surprised.",  "The man had bitten the dog."};

static void test_readme_example(void **state) {
    (void)state;
    const char *const empty[] = {"", "", ""};
    rd_metric_config config = rd_metric_defaults("bleu");
    assert_near(corpus(&config, 3, HYPS, 2, REFS), 48.530827, 1e-6);
    assert_near(corpus(&config, 3, empty, 2, REFS), 0, 0);
    config.smooth_method = RD_SMOOTH_NONE;
    assert_near(corpus(&config, 3, HYPS, 2, REFS), 48.530827, 1e-6);
    config.smooth_method = RD_SMOOTH_EXP;
    config.tokenizer = tokenizer_of("none");
    assert_near(corpus(&config, 3, HYPS, 2, REFS), 49.1919566, 1e-6);
    config.tokenizer = tokenizer_of("intl");
    assert_near(corpus(&config, 3, HYPS, 2, REFS), 43.91623493, 1e-6);
}

/* sacreBLEU's raw_corpus_bleu: no tokenizer, floor smoothing, effective order. */
static rd_metric_config raw(double floor) {
    rd_metric_config config = rd_metric_defaults("bleu");
    config.tokenizer = tokenizer_of("none");
    config.smooth_method = RD_SMOOTH_FLOOR;
    config.smooth_value = floor;
    config.effective_order = true;
    return config;
}

static void test_raw_cases(void **state) {
    (void)state;
    const struct {
        int n;
        const char *hyps[2], *refs[2];
        double score;
    } cases[] = {{2, {"this is a test", "another test"}, {"ref1", "ref2"}, 0},
                 {1, {"this is a test"}, {"this is a test"}, 100},
                 {1, {"this is a fest"}, {"this is a test"}, 22.3606797749979},
                 {1, {"test"}, {"a test"}, 36.78794411714425},
                 {1, {"a test"}, {"a test"}, 100},
                 {1, {"a little test"}, {"a test"}, 3.218297948685433}};
    rd_metric_config config = raw(0.01);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_near(corpus(&config, cases[i].n, cases[i].hyps, 1, cases[i].refs), cases[i].score,
                    1e-6);
}

/* Scores of given statistics, degenerate ones among them. */
static void test_statistics(void **state) {
    (void)state;
    const struct {
        double stats[10], floor, score;
    } cases[] = {{{11, 11, 9, 7, 5, 3, 10, 8, 6, 4}, -1, 83.75922397},
                 {{0, 1, 0, 0, 0, 0, 4, 4, 2, 1}, 0, 0},
                 {{14, 10, 0, 0, 0, 0, 10, 11, 12, 0}, 0, 0},
                 {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0},
                 {{6, 6, 6, 5, 4, 0, 6, 5, 4, 3}, 0, 0},
                 {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0.1, 0},
                 {{1, 5, 0, 0, 0, 0, 0, 0, 0, 0}, 0.01, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_metric_config config = raw(fmax(cases[i].floor, 0));
        config.effective_order = false;
        if (cases[i].floor < 0) config.smooth_method = RD_SMOOTH_NONE;
        assert_near(rd_metric_score(&config, 0, cases[i].stats), cases[i].score, 1e-6);
    }
}

/* Single sentences with effective order: every tokenizer and smoothing. */
static void test_sentences(void **state) {
    (void)state;
    const char *const hyp[] = {"Producția de zahăr primă va fi exprimată în ceea ce privește "
                               "zahărul alb;"},
                      *const ref[] = {"producţia de zahăr brut se exprimă în zahăr alb;"},
                      *const other[] = {"this is a cat"}, *const nothing[] = {"okay thanks"};
    const struct {
        rd_bleu_smooth smooth;
        double value;
        bool lowercase;
        const char *tokenizer;
        double score;
    } cases[] = {{RD_SMOOTH_EXP, NAN, false, "13a", 8.493},
                 {RD_SMOOTH_NONE, NAN, false, "13a", 0},
                 {RD_SMOOTH_FLOOR, NAN, false, "13a", 4.51688},
                 {RD_SMOOTH_FLOOR, 0.1, false, "13a", 4.51688},
                 {RD_SMOOTH_FLOOR, 0.5, false, "13a", 10.10},
                 {RD_SMOOTH_ADD_K, NAN, false, "13a", 14.882},
                 {RD_SMOOTH_ADD_K, 1, false, "13a", 14.882},
                 {RD_SMOOTH_ADD_K, 2, false, "13a", 21.389},
                 {RD_SMOOTH_EXP, NAN, false, "none", 7.347},
                 {RD_SMOOTH_EXP, NAN, false, "intl", 8.493},
                 {RD_SMOOTH_EXP, NAN, false, "char", 40.8759},
                 {RD_SMOOTH_EXP, NAN, true, "char", 42.0267}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_metric_config config = rd_metric_defaults("bleu");
        config.effective_order = true;
        config.smooth_method = cases[i].smooth;
        config.smooth_value = cases[i].value;
        config.lowercase = cases[i].lowercase;
        config.tokenizer = tokenizer_of(cases[i].tokenizer);
        assert_near(corpus(&config, 1, hyp, 1, ref), cases[i].score, 1e-3);
        config.tokenizer = tokenizer_of("13a");
        assert_near(corpus(&config, 1, other, 1, nothing), 0, 0);
    }
}

static void test_orders(void **state) {
    (void)state;
    const double scores[] = {77.65, 60.50, 53.93, 48.53, 46.14, 43.28};
    rd_metric_config config = rd_metric_defaults("bleu");
    for (int order = 1; order <= 6; order++) {
        config.max_ngram_order = order;
        assert_near(corpus(&config, 3, HYPS, 2, REFS), scores[order - 1], 0.005);
    }
}

/* The floor of smoothing: given, none, and the default of 0.1; and the statistics behind it. */
static void test_floor(void **state) {
    (void)state;
    const char *const hyp[] = {"am I am a character sequence"},
                      *const ref[] = {"I am a symbol string sequence a a"};
    const double expected[10] = {6, 8, 4, 2, 1, 0, 6, 5, 4, 3};
    rd_metric_config config = raw(0);
    assert_near(corpus(&config, 1, hyp, 1, ref), 0, 0);
    config.smooth_value = NAN;
    assert_near(corpus(&config, 1, hyp, 1, ref), 15.55722182, 1e-6);
    double stats[RD_METRIC_MAX_STATS];
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    rd_line hyp_line = {hyp[0], strlen(hyp[0])}, ref_line = {ref[0], strlen(ref[0])};
    assert_int_equal(rd_metric_line(&config, scratch, hyp_line, 1, &ref_line, stats), RD_OK);
    for (int k = 0; k < 10; k++) assert_near(stats[k], expected[k], 0);
    rd_metric_scratch_free(scratch);
}

static void test_corpus_entry(void **state) {
    (void)state;
    double bleu = -1;
    assert_int_equal(rd_bleu_corpus(3, HYPS, HYPS, NULL, false, &bleu), RD_OK);
    assert_near(bleu, 100, 1e-9);
    rd_metric_config config = rd_metric_defaults("bleu");
    assert_int_equal(rd_bleu_corpus(3, HYPS, REFS, NULL, false, &bleu), RD_OK);
    assert_near(bleu, corpus(&config, 3, HYPS, 1, REFS), 0);
    const char *const upper[] = {"THE DOG BIT THE MAN."}, *const lower[] = {"the dog bit the man."};
    assert_int_equal(rd_bleu_corpus(1, upper, lower, NULL, true, &bleu), RD_OK);
    assert_near(bleu, 100, 1e-9);
    assert_int_equal(rd_bleu_corpus(0, NULL, NULL, NULL, false, &bleu), RD_OK);
    assert_near(bleu, 0, 0);
}

/* Chinese, in which 13a sees one word. */
static void test_tokenizers(void **state) {
    (void)state;
    const char *const hyp[] = {"他在北京工作了三年。"}, *const ref[] = {"他在上海工作了三年。"};
    double bleu = -1;
    assert_int_equal(rd_bleu_corpus(1, hyp, ref, NULL, false, &bleu), RD_OK);
    assert_near(bleu, 0, 0);
    assert_int_equal(rd_bleu_corpus(1, hyp, ref, tokenizer_of("zh"), false, &bleu), RD_OK);
    assert_near(bleu, 58.14307369682194, 1e-9);
    rd_metric_tokenizer *tokenizer = NULL;
    assert_int_equal(rd_metric_tokenizer_open("14b", &tokenizer), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "14b"));
    assert_null(tokenizer);
    assert_int_equal(rd_metric_tokenizer_open("spm", &tokenizer), RD_ERR_ARGUMENT);
    assert_int_equal(rd_metric_tokenizer_open("spm:/nowhere/spm.model", &tokenizer), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "/nowhere/spm.model"));
    assert_int_equal(rd_metric_tokenizer_open("zh:file", &tokenizer), RD_ERR_ARGUMENT);
}

static void test_tokenizer_of_a_language(void **state) {
    (void)state;
    const char *const languages[][2] = {
        {"zh", "zh"},      {"zh-TW", "zh"}, {"zho_Hans", "zh"}, {"yue", "zh"},     {"ja", "char"},
        {"ja_XX", "char"}, {"th", "char"},  {"khm", "char"},    {"lo", "char"},    {"my", "char"},
        {"ko_KR", "char"}, {"de", "13a"},   {"de_DE", "13a"},   {"target", "13a"}, {"", "13a"},
        {"z", "13a"},      {"kha", "13a"},  {"summary", "13a"}, {"thx", "13a"}};
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        assert_string_equal(rd_metric_tokenizer_for(languages[i][0]), languages[i][1]);
}

static void test_bad_configurations(void **state) {
    (void)state;
    rd_metric_config config = rd_metric_defaults("bleu");
    config.max_ngram_order = RD_METRIC_MAX_ORDER + 1;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    config = rd_metric_defaults("bleu");
    config.smooth_value = INFINITY;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    config = rd_metric_defaults("meteor");
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    config = rd_metric_defaults("rouge");
    config.tokenizer = tokenizer_of("char");
    config.stem = RD_STEM_NLTK;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    config = rd_metric_defaults("chrf");
    config.char_order = 0;
    assert_int_equal(rd_metric_check(&config), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "chrF"));
    rd_line line = {"a", 1};
    double stats[RD_METRIC_MAX_STATS];
    config = rd_metric_defaults("bleu");
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    assert_int_equal(rd_metric_line(&config, scratch, line, 0, NULL, stats), RD_ERR_ARGUMENT);
    rd_metric_scratch_free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readme_example),
        cmocka_unit_test(test_tokenizers),
        cmocka_unit_test(test_tokenizer_of_a_language),
        cmocka_unit_test(test_raw_cases),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_corpus_entry),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_bad_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, close_tokenizers);
}
