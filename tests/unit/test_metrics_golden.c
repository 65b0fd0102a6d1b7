/* Every metric and option against sacreBLEU and rouge-score, on 300 damaged translations in many
 * scripts; tests/oracles/metric_cases.py (with seed 3) and metric_scores.py made the files.
 * tests/oracles/metric_check.sh runs this on 10,000 cases and every combination of options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <zlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "metrics/metric.h"
#include "tokenizers.h"

enum { MAX_REFS = 3, MAX_CASES = 10000 };

typedef struct {
    int n_refs;
    rd_line lines[1 + MAX_REFS]; /* the hypothesis, then the references */
} golden_case;

static rd_text cases_text, scores_text;
static golden_case *cases;
static int64_t n_cases;

static void read_gz(const char *path, rd_text *text) {
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    char buffer[1 << 16];
    for (int n; (n = gzread(file, buffer, sizeof buffer)) > 0;)
        assert_int_equal(rd_text_append(text, buffer, (size_t)n), RD_OK);
    assert_int_equal(gzclose(file), Z_OK);
}

/* U+2424 in the file is a newline inside a text. In place. */
static rd_line decode(char *field) {
    char *to = field;
    for (const char *s = field; *s; s++) {
        bool newline = strncmp(s, "\xE2\x90\xA4", 3) == 0;
        *to++ = newline ? '\n' : *s;
        if (newline) s += 2;
    }
    return (rd_line){field, (size_t)(to - field)};
}

/* Splits text in place at newlines and tabs into cases. */
static void split_cases(void) {
    cases = rd_calloc(MAX_CASES, sizeof *cases);
    char *line = cases_text.data;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        golden_case *one = &cases[n_cases++];
        assert_true(n_cases <= MAX_CASES);
        *end = '\0';
        char *field = line;
        for (one->n_refs = -1; field; one->n_refs++) {
            char *tab = strchr(field, '\t');
            if (tab) *tab = '\0';
            one->lines[one->n_refs + 1] = decode(field);
            field = tab ? tab + 1 : NULL;
        }
    }
}

static int set_up(void **state) {
    (void)state;
    const char *cases_path = getenv("RD_METRIC_CASES"), *scores_path = getenv("RD_METRIC_SCORES");
    read_gz(cases_path ? cases_path : TEST_DATA "/metrics/cases.txt.gz", &cases_text);
    read_gz(scores_path ? scores_path : TEST_DATA "/metrics/scores.txt.gz", &scores_text);
    split_cases();
    return 0;
}

static int tear_down(void **state) {
    rd_text_free(&cases_text);
    rd_text_free(&scores_text);
    free(cases);
    return close_tokenizers(state);
}

static int index_of(const char *value, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (strcmp(value, names[i]) == 0) return i;
    fail_msg("unknown value %s", value);
    return -1;
}

/* "spm:FILE" of the golden folder, "ko-mecab" with a dictionary that no package has: a folder in
 * the environment. NULL: not here. */
static const rd_metric_tokenizer *find_tokenizer(const char *name) {
    char path[512];
    const char *korean = getenv("RD_KO_DICTIONARY");
    if (strncmp(name, "spm:", 4) == 0)
        snprintf(path, sizeof path, "spm:%s/metrics/%s", TEST_DATA, name + 4);
    else if (strcmp(name, "ko-mecab") == 0 && korean)
        snprintf(path, sizeof path, "ko-mecab:%s", korean);
    else
        snprintf(path, sizeof path, "%s", name);
    return tokenizer_of(path);
}

static void set_option(rd_metric_config *config, const char *key, const char *value) {
    static const char *const smoothings[] = {"exp", "floor", "add-k", "none", NULL};
    struct {
        const char *key;
        bool *flag;
    } flags[] = {{"lowercase", &config->lowercase},
                 {"effective_order", &config->effective_order},
                 {"whitespace", &config->whitespace},
                 {"eps_smoothing", &config->eps_smoothing},
                 {"case_sensitive", &config->case_sensitive},
                 {"normalized", &config->normalized},
                 {"no_punct", &config->no_punct},
                 {"asian_support", &config->asian_support}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(key, flags[i].key) == 0) {
            *flags[i].flag = true;
            return;
        }
    if (strcmp(key, "tokenize") == 0)
        config->tokenizer = find_tokenizer(value);
    else if (strcmp(key, "smooth_method") == 0)
        config->smooth_method = (rd_bleu_smooth)index_of(value, smoothings);
    else if (strcmp(key, "smooth_value") == 0)
        config->smooth_value = atof(value);
    else if (strcmp(key, "max_ngram_order") == 0)
        config->max_ngram_order = atoi(value);
    else if (strcmp(key, "char_order") == 0)
        config->char_order = atoi(value);
    else if (strcmp(key, "word_order") == 0)
        config->word_order = atoi(value);
    else if (strcmp(key, "beta") == 0)
        config->beta = atoi(value);
    else if (strcmp(key, "stem") == 0)
        config->stem = RD_STEM_NLTK;
    else
        fail_msg("unknown option %s", key);
}

/* "bleu tokenize=intl lowercase=1" */
static rd_metric_config parse_config(char *text) {
    char *save = NULL, *word = strtok_r(text, " ", &save);
    rd_metric_config config = rd_metric_defaults(word);
    while ((word = strtok_r(NULL, " ", &save)) != NULL) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = '\0';
        set_option(&config, word, value);
    }
    return config;
}

static int64_t count_fields(const char *text) {
    int64_t n = 0;
    for (; *text; text++) n += *text == '\t';
    return n;
}

static bool is_rouge(const rd_metric_config *config) {
    return config->metric == &rd_metric_rouge;
}

/* Scores, but precision, recall and F for each score of ROUGE. */
static int n_values(const rd_metric_config *config) {
    return rd_metric_n_scores(config) * (is_rouge(config) ? 3 : 1);
}

static double value(const rd_metric_config *config, int which, const double *sums) {
    if (!is_rouge(config)) return rd_metric_score(config, which, sums);
    rd_metric_parts parts;
    double f = config->metric->score(config, which / 3, sums, &parts);
    return which % 3 == 0 ? parts.precision : which % 3 == 1 ? parts.recall : f;
}

/* One line of the scores file. Returns the number of scores that differ. */
static int64_t check_configuration(char *line, rd_metric_scratch *scratch) {
    int64_t n_expected = count_fields(line), wrong = 0;
    char *field = strchr(line, '\t'), name[128];
    *field++ = '\0';
    assert_true(strlen(line) < sizeof name);
    strcpy(name, line);
    rd_metric_config config = parse_config(line);
    if (strstr(name, "tokenize=") && !config.tokenizer) {
        print_message("%s: not tried, %s\n", name, rd_last_error());
        return 0;
    }
    assert_int_equal(rd_metric_check(&config), RD_OK);
    int n_stats = rd_metric_n_stats(&config), n_scores = n_values(&config);
    int64_t group = n_cases * n_scores / n_expected;
    for (int64_t start = 0; start < n_cases; start += group) {
        double sums[RD_METRIC_MAX_STATS] = {0}, stats[RD_METRIC_MAX_STATS];
        for (int64_t i = start; i < start + group && i < n_cases; i++) {
            assert_int_equal(rd_metric_line(&config, scratch, cases[i].lines[0], cases[i].n_refs,
                                            cases[i].lines + 1, stats),
                             RD_OK);
            for (int k = 0; k < n_stats; k++) sums[k] += stats[k];
        }
        for (int which = 0; which < n_scores; which++) {
            double expected = strtod(field, &field), found = value(&config, which, sums);
            field += *field == '\t';
            if (fabs(found - expected) <= 1e-6 * fabs(expected) + 1e-12) continue;
            if (wrong++ < 5)
                print_error("%s: cases %lld to %lld: %.10g, expected %.10g\n", name,
                            (long long)start + 1, (long long)(start + group), found, expected);
        }
    }
    return wrong;
}

static void test_golden_scores(void **state) {
    (void)state;
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    assert_non_null(scratch);
    int64_t wrong = 0, configurations = 0;
    char *line = scores_text.data;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, configurations++) {
        *end = '\0';
        wrong += check_configuration(line, scratch);
    }
    rd_metric_scratch_free(scratch);
    assert_int_equal(wrong, 0);
    assert_true(configurations >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_scores)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
