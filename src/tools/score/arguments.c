#include "tools/score/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    OPT_TOKENIZE = 256,
    OPT_LOWERCASE,
    OPT_FORCE,
    OPT_SMOOTH_METHOD,
    OPT_SMOOTH_VALUE,
    OPT_CHAR_ORDER,
    OPT_WORD_ORDER,
    OPT_BETA,
    OPT_WHITESPACE,
    OPT_CHRF_LOWERCASE,
    OPT_EPS,
    OPT_TER_CASE,
    OPT_TER_NORMALIZED,
    OPT_TER_NO_PUNCT,
    OPT_TER_ASIAN,
    OPT_STEMMER,
    OPT_SENTENCE,
    OPT_SENTENCE_BLEU,
    OPT_PER_LINE,
    OPT_WORST,
    OPT_DIFF,
    OPT_HTML,
    OPT_FORMAT,
    OPT_JSON,
    OPT_WIDTH,
    OPT_SHORT,
    OPT_SCORE_ONLY,
    OPT_CONFIDENCE,
    OPT_CONFIDENCE_N,
    OPT_PAIRED_BS,
    OPT_PAIRED_BS_N,
    OPT_PAIRED_AR,
    OPT_PAIRED_AR_N,
    OPT_SEED,
    OPT_THREADS,
    OPT_VERSION,
    OPT_HELP
};

static const struct option OPTIONS[] = {
    {"ref", required_argument, NULL, 'r'},
    {"metric", required_argument, NULL, 'm'},
    {"metrics", required_argument, NULL, 'm'},
    {"tokenize", required_argument, NULL, OPT_TOKENIZE},
    {"lowercase", no_argument, NULL, OPT_LOWERCASE},
    {"force", no_argument, NULL, OPT_FORCE},
    {"smooth-method", required_argument, NULL, OPT_SMOOTH_METHOD},
    {"smooth-value", required_argument, NULL, OPT_SMOOTH_VALUE},
    {"chrf-char-order", required_argument, NULL, OPT_CHAR_ORDER},
    {"chrf-word-order", required_argument, NULL, OPT_WORD_ORDER},
    {"chrf-beta", required_argument, NULL, OPT_BETA},
    {"chrf-whitespace", no_argument, NULL, OPT_WHITESPACE},
    {"chrf-lowercase", no_argument, NULL, OPT_CHRF_LOWERCASE},
    {"chrf-eps-smoothing", no_argument, NULL, OPT_EPS},
    {"ter-case-sensitive", no_argument, NULL, OPT_TER_CASE},
    {"ter-normalized", no_argument, NULL, OPT_TER_NORMALIZED},
    {"ter-no-punct", no_argument, NULL, OPT_TER_NO_PUNCT},
    {"ter-asian-support", no_argument, NULL, OPT_TER_ASIAN},
    {"rouge-stemmer", required_argument, NULL, OPT_STEMMER},
    {"sentence-level", no_argument, NULL, OPT_SENTENCE},
    {"sentence-bleu", no_argument, NULL, OPT_SENTENCE_BLEU},
    {"per-line", no_argument, NULL, OPT_PER_LINE},
    {"worst", required_argument, NULL, OPT_WORST},
    {"diff", no_argument, NULL, OPT_DIFF},
    {"html", required_argument, NULL, OPT_HTML},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"json", no_argument, NULL, OPT_JSON},
    {"width", required_argument, NULL, OPT_WIDTH},
    {"short", no_argument, NULL, OPT_SHORT},
    {"score-only", no_argument, NULL, OPT_SCORE_ONLY},
    {"confidence", no_argument, NULL, OPT_CONFIDENCE},
    {"confidence-n", required_argument, NULL, OPT_CONFIDENCE_N},
    {"paired-bs", no_argument, NULL, OPT_PAIRED_BS},
    {"paired-bs-n", required_argument, NULL, OPT_PAIRED_BS_N},
    {"paired-ar", no_argument, NULL, OPT_PAIRED_AR},
    {"paired-ar-n", required_argument, NULL, OPT_PAIRED_AR_N},
    {"seed", required_argument, NULL, OPT_SEED},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

static int usage(const char *format, const char *value) {
    fprintf(stderr, "rdrop-score: ");
    fprintf(stderr, format, value);
    fprintf(stderr, " (see rdrop-score --help)\n");
    return 2;
}

static int choice(const char *option, const char *value, const char *const *names, int *index) {
    for (*index = 0; names[*index]; ++*index)
        if (strcmp(value, names[*index]) == 0) return 0;
    char message[256];
    snprintf(message, sizeof message, "--%s: no such choice: %%s", option);
    return usage(message, value);
}

static int integer(const char *option, const char *value, int64_t low, int64_t high,
                   int64_t *number) {
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (*value && !*end && errno == 0 && n >= low && n <= high) {
        *number = n;
        return 0;
    }
    char message[256];
    snprintf(message, sizeof message, "--%s: a whole number from %lld to %lld is needed, not %%s",
             option, (long long)low, (long long)high);
    return usage(message, value);
}

static int small_integer(const char *option, const char *value, int high, int *number) {
    int64_t n = 0;
    int code = integer(option, value, 0, high, &n);
    *number = (int)n;
    return code;
}

static int set_test(arguments *args, rd_test test) {
    if (args->report.test != RD_TEST_NONE && args->report.test != test)
        return usage("only one of --confidence, --paired-bs and --paired-ar can be asked for%s",
                     "");
    args->report.test = test;
    return 0;
}

static int set_value(arguments *args, int option, const char *name, const char *value) {
    static const char *const tokenizers[] = {"13a", "intl", "zh", "char", "none", NULL};
    static const char *const smoothings[] = {"exp", "floor", "add-k", "none", NULL};
    static const char *const stemmers[] = {"none", "nltk", "porter", NULL};
    static const char *const formats[] = {"text", "json", "latex", "markdown", NULL};
    enum { MOST_TRIALS = 10000000 };
    int index = 0, code = 0;
    char *end = NULL;
    switch (option) {
    case OPT_TOKENIZE:
        code = choice(name, value, tokenizers, &index);
        args->shared.tokenize = (rd_bleu_tokenize)index;
        return code;
    case OPT_SMOOTH_METHOD:
        code = choice(name, value, smoothings, &index);
        args->shared.smooth_method = (rd_bleu_smooth)index;
        return code;
    case OPT_STEMMER:
        code = choice(name, value, stemmers, &index);
        args->shared.stem = (rd_rouge_stem)index;
        return code;
    case OPT_FORMAT:
        code = choice(name, value, formats, &index);
        args->report.format = (rd_report_format)index;
        return code;
    case OPT_SMOOTH_VALUE:
        args->shared.smooth_value = strtod(value, &end);
        return *value && !*end && args->shared.smooth_value >= 0 &&
                       isfinite(args->shared.smooth_value)
                   ? 0
                   : usage("--smooth-value: a number not below 0 is needed, not %s", value);
    case OPT_CHAR_ORDER:
        return small_integer(name, value, RD_METRIC_MAX_ORDER, &args->shared.char_order);
    case OPT_WORD_ORDER:
        args->word_order_given = true;
        return small_integer(name, value, RD_METRIC_MAX_ORDER, &args->shared.word_order);
    case OPT_BETA:
        return small_integer(name, value, 1000, &args->shared.beta);
    case OPT_WIDTH:
        return small_integer(name, value, 17, &args->report.width);
    case OPT_THREADS:
        return small_integer(name, value, 1024, &args->threads);
    case OPT_WORST:
        return integer(name, value, 1, 100000, &args->worst);
    case OPT_CONFIDENCE_N:
        return integer(name, value, 2, MOST_TRIALS, &args->confidence_n);
    case OPT_PAIRED_BS_N:
        return integer(name, value, 2, MOST_TRIALS, &args->paired_bs_n);
    case OPT_PAIRED_AR_N:
        return integer(name, value, 2, MOST_TRIALS, &args->paired_ar_n);
    case OPT_SEED: {
        int64_t seed = 0;
        code = integer(name, value, 0, INT64_MAX, &seed);
        args->report.seed = (uint64_t)seed;
        return code;
    }
    case OPT_HTML:
        args->html = value;
        return 0;
    case 'm':
        args->metric_list = value;
        return 0;
    case 'r':
        args->refs[args->n_refs++] = value;
        return 0;
    default:
        return usage("option --%s is not known", name);
    }
}

/* The field an option without a value sets, or NULL. */
static bool *flag_of(arguments *args, int option) {
    switch (option) {
    case OPT_LOWERCASE:
        return &args->shared.lowercase;
    case OPT_FORCE:
        return &args->force;
    case OPT_WHITESPACE:
        return &args->shared.whitespace;
    case OPT_CHRF_LOWERCASE:
        return &args->chrf_lowercase;
    case OPT_EPS:
        return &args->shared.eps_smoothing;
    case OPT_TER_CASE:
        return &args->shared.case_sensitive;
    case OPT_TER_NORMALIZED:
        return &args->shared.normalized;
    case OPT_TER_NO_PUNCT:
        return &args->shared.no_punct;
    case OPT_TER_ASIAN:
        return &args->shared.asian_support;
    case OPT_SENTENCE_BLEU:
    case OPT_SENTENCE:
        return &args->sentence_level;
    case OPT_PER_LINE:
        return &args->per_line;
    case OPT_DIFF:
        return &args->diff;
    case OPT_SHORT:
        return &args->report.brief;
    case OPT_SCORE_ONLY:
        return &args->report.score_only;
    default:
        return NULL;
    }
}

static int set_flag(arguments *args, int option) {
    bool *flag = flag_of(args, option);
    if (flag) *flag = true;
    if (option == OPT_SENTENCE_BLEU) args->metric_list = "bleu";
    if (option == OPT_JSON) args->report.format = RD_REPORT_JSON;
    if (option == OPT_CONFIDENCE) return set_test(args, RD_TEST_CONFIDENCE);
    if (option == OPT_PAIRED_BS) return set_test(args, RD_TEST_PAIRED_BS);
    return option == OPT_PAIRED_AR ? set_test(args, RD_TEST_PAIRED_AR) : 0;
}

/* "bleu,chrf++" */
static int make_metrics(arguments *args) {
    static const char *const names[] = {"bleu", "chrf", "ter", "rouge", "chrf++", NULL};
    char list[256], *save = NULL;
    if (strlen(args->metric_list) >= sizeof list) return usage("--metric: too long%s", "");
    strcpy(list, args->metric_list);
    for (char *name = strtok_r(list, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
        int index = 0;
        if (choice("metric", name, names, &index)) return 2;
        if (args->n_metrics == RD_SCORING_MAX_METRICS) return usage("--metric: too many%s", "");
        rd_metric_config *metric = &args->metrics[args->n_metrics++];
        *metric = args->shared;
        metric->kind = index == 4 ? RD_METRIC_CHRF : (rd_metric_kind)index;
        if (metric->kind == RD_METRIC_CHRF) metric->lowercase = args->chrf_lowercase;
        if (index == 4 && !args->word_order_given) metric->word_order = 2;
        if (rd_metric_check(metric) != RD_OK) return usage("%s", rd_last_error());
    }
    return args->n_metrics > 0 ? 0 : usage("--metric: which one?%s", "");
}

/* What cannot be asked for together. */
static int check(const arguments *args) {
    rd_test test = args->report.test;
    bool html = args->worst > 0 || args->diff;
    if (args->n_refs == 0) return usage("no reference: give one with --ref%s", "");
    if (args->sentence_level && (args->n_metrics > 1 || args->n_systems > 1))
        return usage("--sentence-level takes one metric and one system%s", "");
    if (test != RD_TEST_NONE && (args->sentence_level || args->per_line || html))
        return usage("tests of significance are of whole files, not of lines%s", "");
    if ((test == RD_TEST_PAIRED_BS || test == RD_TEST_PAIRED_AR) && args->n_systems < 2)
        return usage("paired tests need at least two systems%s", "");
    if (args->diff && args->n_systems != 2) return usage("--diff takes two systems%s", "");
    if (args->report.format != RD_REPORT_TEXT && (args->sentence_level || args->per_line || html))
        return usage("--format and --json are for scores of whole files%s", "");
    if (args->sentence_level + args->per_line + html > 1)
        return usage("only one of --sentence-level, --per-line and a page can be asked for%s", "");
    if (args->html && !html) return usage("--html goes with --worst or --diff%s", "");
    int standard_input = 0;
    for (int s = 0; s < args->n_systems; s++) standard_input += !strcmp(args->systems[s], "-");
    for (int r = 0; r < args->n_refs; r++) standard_input += !strcmp(args->refs[r], "-");
    if (standard_input > 1) return usage("only one file can be standard input%s", "");
    if (standard_input && html)
        return usage("--worst and --diff read files twice: not \"-\"%s", "");
    return 0;
}

int arguments_parse(arguments *args, int argc, char **argv) {
    *args = (arguments){.shared = rd_metric_defaults(RD_METRIC_BLEU),
                        .metric_list = "bleu",
                        .confidence_n = 1000,
                        .paired_bs_n = 1000,
                        .paired_ar_n = 10000,
                        .report = {.seed = 12345, .width = -1}};
    args->refs = rd_calloc((size_t)argc + 1, sizeof *args->refs);
    args->systems = rd_calloc((size_t)argc + 1, sizeof *args->systems);
    if (!args->refs || !args->systems) {
        fprintf(stderr, "rdrop-score: %s\n", rd_last_error());
        return 1;
    }
    for (int option, at = 0; (option = getopt_long(argc, argv, ":r:m:", OPTIONS, &at)) != -1;) {
        if (option == OPT_HELP) return fputs(arguments_help, stdout), 0;
        if (option == OPT_VERSION) return puts("rdrop-score " RD_VERSION), 0;
        if (option == '?') return usage("option %s is not known", argv[optind - 1]);
        if (option == ':') return usage("option %s needs a value", argv[optind - 1]);
        const char *name = option == 'r' ? "ref" : option == 'm' ? "metric" : OPTIONS[at].name;
        int code = optarg ? set_value(args, option, name, optarg) : set_flag(args, option);
        if (code) return code;
    }
    int next = optind;
    if (args->n_refs == 0 && argc - next >= 2) args->refs[args->n_refs++] = argv[next++];
    for (; next < argc; next++) args->systems[args->n_systems++] = argv[next];
    if (args->n_systems == 0) args->systems[args->n_systems++] = "-";
    rd_report_config *report = &args->report;
    report->trials = report->test == RD_TEST_PAIRED_BS   ? args->paired_bs_n
                     : report->test == RD_TEST_PAIRED_AR ? args->paired_ar_n
                                                         : args->confidence_n;
    if (args->sentence_level) args->shared.effective_order = true;
    int code = make_metrics(args);
    if (code == 0) code = check(args);
    return code ? code : -1;
}

void arguments_free(arguments *args) {
    free(args->refs);
    free(args->systems);
}
