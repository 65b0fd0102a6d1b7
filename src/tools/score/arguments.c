#include "tools/score/arguments.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "metrics/metric.h"

static const char *const stemmers[] = {"none", "nltk", "porter", NULL};
static const char *const metric_names[] = {
    "bleu",     "chrf",     "chrf++",   "ter",     "rouge",    "accuracy", "f1",
    "f1-macro", "f1-micro", "matthews", "pearson", "spearman", NULL};
static const char *const formats[] = {"text", "json", "latex", "markdown", NULL};
enum { MOST_TRIALS = 10000000 };

/* clang-format off: a row an option */
static const rd_key input_options[] = {
    {"ref", RD_KEY_LIST, offsetof(arguments, ref_list), .value = "FILE", .aliases = "r",
     .help =
         "a reference; repeat for several. FILE.jsonl has a JSON list of references on each line"},
    {"num-refs", RD_KEY_INT32, offsetof(arguments, refs_per_line), 1, 1000, .aliases = "nr",
     .help = "references on each line of the one --ref, with tabs between"},
    {"input", RD_KEY_WORDS, offsetof(arguments, input_list), .value = "FILE", .aliases = "i",
     .help = "system outputs; then all operands are references. FILE.jsonl has a JSON string on "
             "each line, in which \\n parts lines"},
    {"language-pair", RD_KEY_WORD, offsetof(arguments, language_pair), .value = "SRC-TGT",
     .aliases = "l", .help = "tokenizers are those for the target language"},
    {"metric", RD_KEY_WORDS, offsetof(arguments, metric_list), .names = metric_names,
     .default_value = "bleu", .value = "NAME", .aliases = "m metrics",
     .help = "several with blanks or commas between, of texts or of labels and numbers"},
    {.name = NULL}};
static const rd_key bleu_options[] = {
    {"tokenize", RD_KEY_WORD, offsetof(arguments, tokenize), .value = "NAME", .aliases = "tok",
     .help = "13a, intl, zh, char, none, flores101, flores200, spBLEU-1K, spm:FILE, ja-mecab or "
             "ko-mecab; see below. Default 13a, or the target language's"},
    {"lowercase", RD_KEY_BOOL, offsetof(arguments, shared.lowercase), .aliases = "lc",
     .help = "ignore case"},
    {"force", RD_KEY_BOOL, offsetof(arguments, force),
     .help = "do not warn of input that looks tokenized"},
    {"smooth-method", RD_KEY_ENUM, offsetof(arguments, shared.smooth_method),
     .names = rd_smoothing_names, .default_value = "exp", .aliases = "s",
     .help = "smoothing of orders without a match"},
    {"smooth-value", RD_KEY_DOUBLE, offsetof(arguments, shared.smooth_value), 0, 1e9,
     .aliases = "sv", .help = "for floor (default 0.1) and add-k (default 1)"},
    {.name = NULL}};
static const rd_key chrf_options[] = {
    {"chrf-char-order", RD_KEY_INT32, offsetof(arguments, shared.char_order), 0,
     RD_METRIC_MAX_ORDER, "6", .aliases = "cc", .help = "longest n-grams of characters"},
    {"chrf-word-order", RD_KEY_INT32, offsetof(arguments, shared.word_order), 0,
     RD_METRIC_MAX_ORDER, "0", .aliases = "cw", .help = "longest n-grams of words; 2 is chrF++"},
    {"chrf-beta", RD_KEY_INT32, offsetof(arguments, shared.beta), 0, 1000, "2",
     .help = "weight of recall"},
    {"chrf-whitespace", RD_KEY_BOOL, offsetof(arguments, shared.whitespace),
     .help = "blanks are characters, too"},
    {"chrf-lowercase", RD_KEY_BOOL, offsetof(arguments, chrf_lowercase), .help = "ignore case"},
    {"chrf-eps-smoothing", RD_KEY_BOOL, offsetof(arguments, shared.eps_smoothing),
     .help = "smoothing as chrF++.py's, NLTK's and Moses'"},
    {.name = NULL}};
static const rd_key ter_options[] = {
    {"ter-case-sensitive", RD_KEY_BOOL, offsetof(arguments, shared.case_sensitive),
     .help = "do not ignore case"},
    {"ter-normalized", RD_KEY_BOOL, offsetof(arguments, shared.normalized),
     .help = "also tokenize, as tercom does"},
    {"ter-no-punct", RD_KEY_BOOL, offsetof(arguments, shared.no_punct),
     .help = "leave punctuation out"},
    {"ter-asian-support", RD_KEY_BOOL, offsetof(arguments, shared.asian_support),
     .help = "cut Asian characters apart"},
    {.name = NULL}};
static const rd_key rouge_options[] = {
    {"rouge-stemmer", RD_KEY_ENUM, offsetof(arguments, shared.stem), .names = stemmers,
     .default_value = "none", .help = "nltk is rouge-score's use_stemmer"},
    {"rouge-tokenizer", RD_KEY_WORD, offsetof(arguments, rouge_tokenize), .value = "NAME",
     .help = "one of --tokenize, for scripts other than Latin, or default: rouge-score's, which "
             "leaves a-z and 0-9"},
    {.name = NULL}};
static const rd_key label_options[] = {
    {"positive", RD_KEY_WORD, offsetof(arguments, answers.positive), .value = "LABEL",
     .help = "whose F1 is f1; default, of two labels: 1, or else the last one"},
    {"per-class", RD_KEY_BOOL, offsetof(arguments, per_class),
     .help = "precision, recall, F1 and support of each label, and the confusion matrix, which "
             "JSON always has"},
    {.name = NULL}};
static const rd_key output_options[] = {
    {"sentence-level", RD_KEY_BOOL, offsetof(arguments, sentence_level), .aliases = "sl",
     .help = "one metric, one system: every line as sacreBLEU prints it"},
    {"sentence-bleu", RD_KEY_BOOL, offsetof(arguments, sentence_bleu),
     .help = "--sentence-level by BLEU"},
    {"per-line", RD_KEY_BOOL, offsetof(arguments, per_line),
     .help = "a table of every line's scores, tab-separated"},
    {"worst", RD_KEY_INT64, offsetof(arguments, worst), 1, 100000,
     .help = "an HTML page of the N lines on which the first system does worst"},
    {"diff", RD_KEY_BOOL, offsetof(arguments, diff),
     .help = "an HTML page of the lines where two systems differ most"},
    {"html", RD_KEY_WORD, offsetof(arguments, html), .value = "FILE",
     .help = "where the page goes, gzipped if its name ends with .gz; default standard output, as "
             "is -"},
    {"format", RD_KEY_ENUM, offsetof(arguments, report.format), .names = formats, .aliases = "f",
     .default_value = "text", .help = "of the scores"},
    {"json", RD_KEY_CONSTANT, offsetof(arguments, report.format), RD_REPORT_JSON,
     .help = "--format json"},
    {"width", RD_KEY_INT32, offsetof(arguments, report.width), 0, 17, .aliases = "w",
     .help = "digits after the point; default 1, in JSON all"},
    {"short", RD_KEY_BOOL, offsetof(arguments, report.brief), .aliases = "sh",
     .help = "shorter signatures"},
    {"score-only", RD_KEY_BOOL, offsetof(arguments, report.score_only), .aliases = "b",
     .help = "nothing but scores, a line each, system after system"},
    {.name = NULL}};
static const rd_key test_options[] = {
    {"confidence", RD_KEY_CONSTANT, offsetof(arguments, report.test), RD_TEST_CONFIDENCE,
     .aliases = "ci", .help = "bootstrap 95% interval"},
    {"confidence-n", RD_KEY_INT64, offsetof(arguments, confidence_n), 2, MOST_TRIALS, "1000",
     .aliases = "cin", .help = "its resamples"},
    {"paired-bs", RD_KEY_CONSTANT, offsetof(arguments, report.test), RD_TEST_PAIRED_BS,
     .aliases = "pbs", .help = "paired bootstrap against the first system"},
    {"paired-bs-n", RD_KEY_INT64, offsetof(arguments, paired_bs_n), 2, MOST_TRIALS, "1000",
     .aliases = "pbsn", .help = "its resamples"},
    {"paired-ar", RD_KEY_CONSTANT, offsetof(arguments, report.test), RD_TEST_PAIRED_AR,
     .aliases = "par", .help = "paired approximate randomization"},
    {"paired-ar-n", RD_KEY_INT64, offsetof(arguments, paired_ar_n), 2, MOST_TRIALS, "10000",
     .aliases = "parn", .help = "its trials"},
    {"seed", RD_KEY_UINT64, offsetof(arguments, report.seed), .default_value = "12345",
     .help = "of the resamples and trials"},
    {"threads", RD_KEY_INT32, offsetof(arguments, threads), 0, 1024,
     .help = "default all cores, or OMP_NUM_THREADS"},
    {.name = NULL}};
/* clang-format on */

static const options_group groups[] = {{.heading = "Input", .keys = input_options},
                                       {.heading = "BLEU", .keys = bleu_options},
                                       {.heading = "chrF", .keys = chrf_options},
                                       {.heading = "TER", .keys = ter_options},
                                       {.heading = "ROUGE", .keys = rouge_options},
                                       {.heading = "Labels", .keys = label_options},
                                       {.heading = "Output", .keys = output_options},
                                       {.heading = "Significance", .keys = test_options},
                                       {.heading = NULL}};

static const options_relation relations[] = {{"confidence", OPTIONS_EXCLUDES, "paired-bs"},
                                             {"confidence", OPTIONS_EXCLUDES, "paired-ar"},
                                             {"paired-bs", OPTIONS_EXCLUDES, "paired-ar"},
                                             {"confidence-n", OPTIONS_NEEDS, "confidence"},
                                             {"paired-bs-n", OPTIONS_NEEDS, "paired-bs"},
                                             {"paired-ar-n", OPTIONS_NEEDS, "paired-ar"},
                                             {.name = NULL}};

static const options_section sections[] = {
    {"Labels and numbers",
     "For accuracy, f1, f1-macro, f1-micro and matthews each line is a label, for pearson and "
     "spearman a number, in HYP and in the one REF. The scores are 100 times scikit-learn's and "
     "SciPy's. f1 is of one label, the others of all that REF and all HYPs have."},
    {"Tokenizers",
     "The names are sacreBLEU's. A model or a dictionary follows a colon: spm:FILE, "
     "flores200:FILE, ja-mecab:FOLDER. Without one, flores101, flores200 and spBLEU-1K take the "
     "file that sacreBLEU has fetched, ja-mecab and ko-mecab the system's IPADIC and mecab-ko-dic. "
     "With --language-pair zh is for Chinese, char for Japanese, Korean, Thai, Khmer, Lao, "
     "Burmese and Tibetan, in BLEU and ROUGE; for all others 13a, and rouge-score's."},
    {"Significance",
     "The p-value of a paired test is the share of trials whose difference is at least that of the "
     "two systems. sacreBLEU leaves out trials with the same difference, and so calls systems with "
     "the same output, or that differ in one line, significantly different."},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};

static const char *const synopsis[] = {"[OPTION]... --ref REF [--ref REF2]... [HYP]...",
                                       "[OPTION]... REF HYP...",
                                       "[OPTION]... REF... --input HYP...", NULL};

const options_program score_program = {
    .name = "rdrop-score",
    .summary = "BLEU, chrF, TER and ROUGE of system outputs, accuracy, F1 and correlations of "
               "labels and numbers, with tests of significance",
    .synopsis = synopsis,
    .description = "Scores each HYP (default: standard input) against the references. Files may "
                   "be gzipped, or .jsonl: one JSON string a line; \"-\" is standard input.",
    .operand = "FILE",
    .most_operands = -1,
    .operands = offsetof(arguments, files),
    .groups = groups,
    .relations = relations,
    .sections = sections};

static int add_text_metric(arguments *args, const char *name) {
    rd_metric_config *metric = &args->metrics[args->n_metrics++];
    rd_metric_config own = rd_metric_defaults(name);
    *metric = args->shared;
    metric->metric = own.metric;
    metric->tokenizer = args->tokenizer;
    if (strcmp(name, "rouge") == 0) metric->tokenizer = args->rouge_tokenizer;
    if (strncmp(name, "chrf", 4) == 0) metric->lowercase = args->chrf_lowercase;
    if (!options_has(&args->given, "chrf-word-order")) metric->word_order = own.word_order;
    if (rd_metric_check(metric) == RD_OK) return 0;
    return options_usage(&score_program, "%s", rd_last_error());
}

/* "bleu,chrf++" */
static int add_metrics(arguments *args, const char *names) {
    int code = 0;
    const char *found;
    size_t n;
    while (code == 0 && (found = rd_next_name(&names, &n))) {
        char name[16];
        snprintf(name, sizeof name, "%.*s", (int)n, found);
        if (args->n_metrics + args->answers.n_metrics == RD_SCORING_MAX_METRICS)
            return options_usage(&score_program, "--metric: more than %d", RD_SCORING_MAX_METRICS);
        const rd_answer_metric *metric = rd_find_answer_metric(name);
        if (metric)
            args->answers.metrics[args->answers.n_metrics++] = metric;
        else
            code = add_text_metric(args, name);
    }
    return code;
}

static int make_metrics(arguments *args) {
    int code = 0;
    if (args->metric_list.n == 0) return add_metrics(args, "bleu");
    for (int i = 0; code == 0 && i < args->metric_list.n; i++)
        code = add_metrics(args, args->metric_list.items[i]);
    if (code) return code;
    bool bleu =
        args->n_metrics == 1 && args->metrics[0].metric == rd_metric_defaults("bleu").metric;
    if (args->sentence_bleu && (!bleu || args->answers.n_metrics > 0))
        return options_usage(&score_program, "--sentence-bleu takes no other metric than bleu");
    if (args->n_metrics + args->answers.n_metrics > 0) return 0;
    return options_usage(&score_program, "--metric: which one?");
}

/* Labels and numbers can be shown in fewer ways than texts. */
static int check_answers(const arguments *args) {
    const rd_answers_config *answers = &args->answers;
    bool classes = false, positive = false;
    for (int m = 0; m < answers->n_metrics; m++) {
        classes = classes || answers->metrics[m]->has_classes;
        positive = positive || answers->metrics[m]->has_positive;
    }
    if (answers->positive && !positive)
        return options_usage(&score_program, "--positive is for the metric f1");
    if (args->per_class && !classes)
        return options_usage(&score_program, "--per-class is for metrics of labels");
    if (args->per_class && (args->report.format != RD_REPORT_TEXT || args->report.score_only))
        return options_usage(&score_program, "--per-class goes with the format text");
    if (answers->n_metrics == 0) return 0;
    if (args->n_metrics > 0)
        return options_usage(&score_program, "%s is of labels or numbers, others are of texts",
                             answers->metrics[0]->name);
    if (args->n_refs > 1 || args->refs_per_line > 1)
        return options_usage(&score_program, "%s takes one reference", answers->metrics[0]->name);
    if (args->sentence_level || args->per_line || args->worst > 0 || args->diff)
        return options_usage(&score_program, "%s is of whole files, not of lines",
                             answers->metrics[0]->name);
    if (args->shared.lowercase || args->tokenize || args->language_pair)
        return options_usage(&score_program,
                             "--lowercase, --tokenize and --language-pair are of texts; %s takes "
                             "answers as they are",
                             answers->metrics[0]->name);
    return 0;
}

/* Refuses options that exclude each other. */
static int check(const arguments *args) {
    rd_test test = args->report.test;
    bool html = args->worst > 0 || args->diff;
    if (args->input_list.n > 0 && args->ref_list.n > 0 && args->files.n > 0)
        return options_usage(&score_program, "with --ref and --input nothing else is a file: %s",
                             args->files.items[0]);
    if (args->n_refs == 0)
        return options_usage(&score_program, "no reference: give one with --ref");
    bool lists = rd_ends_with(args->refs[0], ".jsonl") || rd_ends_with(args->refs[0], ".jsonl.gz");
    if (args->refs_per_line > 1 && (args->n_refs > 1 || lists))
        return options_usage(&score_program,
                             "--num-refs is for one file of references with tabs between them");
    if (args->sentence_level && (args->n_metrics > 1 || args->n_systems > 1))
        return options_usage(&score_program, "--sentence-level takes one metric and one system");
    if (test != RD_TEST_NONE && (args->sentence_level || args->per_line || html))
        return options_usage(&score_program,
                             "tests of significance are of whole files, not of lines");
    if ((test == RD_TEST_PAIRED_BS || test == RD_TEST_PAIRED_AR) && args->n_systems < 2)
        return options_usage(&score_program, "paired tests need at least two systems");
    if (args->diff && args->n_systems != 2)
        return options_usage(&score_program, "--diff takes two systems");
    if (args->report.format != RD_REPORT_TEXT && (args->sentence_level || args->per_line || html))
        return options_usage(&score_program, "--format and --json are for scores of whole files");
    if (args->sentence_level + args->per_line + html > 1)
        return options_usage(
            &score_program, "only one of --sentence-level, --per-line and a page can be asked for");
    if (args->html && !html)
        return options_usage(&score_program, "--html goes with --worst or --diff");
    int standard_input = 0;
    for (int s = 0; s < args->n_systems; s++) standard_input += !strcmp(args->systems[s], "-");
    for (int r = 0; r < args->n_refs; r++) standard_input += !strcmp(args->refs[r], "-");
    if (standard_input > 1)
        return options_usage(&score_program, "only one file can be standard input");
    if (standard_input && html)
        return options_usage(&score_program, "--worst and --diff read files twice: not \"-\"");
    return 0;
}

/* An unknown name is wrong usage, a missing file a failure. */
static int open_tokenizer(const char *name, rd_metric_tokenizer **tokenizer) {
    rd_status status = rd_metric_tokenizer_open(name, tokenizer);
    if (status == RD_ERR_ARGUMENT) return options_usage(&score_program, "%s", rd_last_error());
    return status == RD_OK ? 0 : options_fail(&score_program);
}

static int open_tokenizers(arguments *args) {
    const char *language = "", *name = args->tokenize, *rouge = args->rouge_tokenize;
    if (args->language_pair) {
        const char *dash = strchr(args->language_pair, '-');
        if (!dash)
            return options_usage(&score_program, "--language-pair: SRC-TGT is needed, not %s",
                                 args->language_pair);
        language = dash + 1;
    }
    if (!name) name = rd_metric_tokenizer_for(language);
    int code = open_tokenizer(name, &args->tokenizer);
    if (code) return code;
    if (!rouge) {
        rouge = rd_metric_tokenizer_for(language);
        if (strcmp(rouge, "13a") == 0) return 0;
    }
    return strcmp(rouge, "default") == 0 ? 0 : open_tokenizer(rouge, &args->rouge_tokenizer);
}

/* Without --ref the first of several files is the reference, with --input all are; without a system
 * it is read from standard input. */
static void sort_files(arguments *args) {
    static const char *const standard_input[] = {"-"};
    if (args->input_list.n > 0) {
        args->refs = args->ref_list.n ? args->ref_list.items : args->files.items;
        args->n_refs = args->ref_list.n ? args->ref_list.n : args->files.n;
        args->systems = args->input_list.items;
        args->n_systems = args->input_list.n;
        return;
    }
    int first = args->ref_list.n == 0 && args->files.n >= 2 ? 1 : 0;
    args->refs = first ? args->files.items : args->ref_list.items;
    args->n_refs = first ? 1 : args->ref_list.n;
    args->systems = args->files.items + first;
    args->n_systems = args->files.n - first;
    if (args->n_systems > 0) return;
    args->systems = standard_input;
    args->n_systems = 1;
}

static int64_t trials(const arguments *args) {
    if (args->report.test == RD_TEST_PAIRED_BS) return args->paired_bs_n;
    return args->report.test == RD_TEST_PAIRED_AR ? args->paired_ar_n : args->confidence_n;
}

int arguments_parse(arguments *args, int argc, char **argv) {
    *args = (arguments){.shared = rd_metric_defaults("bleu"), .report.width = -1};
    int code = options_parse(&args->given, &score_program, args, argc, argv);
    if (code >= 0) return code;
    sort_files(args);
    args->report.trials = trials(args);
    args->sentence_level = args->sentence_level || args->sentence_bleu;
    args->shared.effective_order = args->sentence_level;
    code = open_tokenizers(args);
    if (code == 0) code = make_metrics(args);
    if (code == 0) code = check(args);
    if (code == 0) code = check_answers(args);
    args->answers.n_systems = args->n_systems;
    args->answers.systems = args->systems;
    args->answers.reference = args->n_refs > 0 ? args->refs[0] : NULL;
    return code ? code : -1;
}

void arguments_free(arguments *args) {
    rd_metric_tokenizer_close(args->tokenizer);
    rd_metric_tokenizer_close(args->rouge_tokenizer);
    options_free(&args->given);
}
