/* One interface over the metrics, and how their numbers are named. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "metrics/scratch.h"

static const char *const ROUGE_NAMES[] = {"rouge1", "rouge2", "rougeL", "rougeLsum"};

rd_metric_config rd_metric_defaults(rd_metric_kind kind) {
    return (rd_metric_config){
        .kind = kind, .smooth_value = NAN, .max_ngram_order = 4, .char_order = 6, .beta = 2};
}

rd_status rd_metric_check(const rd_metric_config *config) {
    int most = RD_METRIC_MAX_ORDER;
    if (config->kind == RD_METRIC_BLEU &&
        (config->max_ngram_order < 1 || config->max_ngram_order > most))
        return rd_error(RD_ERR_ARGUMENT, "BLEU's n-gram order is %d, must be 1 to %d",
                        config->max_ngram_order, most);
    if (config->kind == RD_METRIC_BLEU && (config->smooth_value < 0 || isinf(config->smooth_value)))
        return rd_error(RD_ERR_ARGUMENT, "the smoothing value is %g, must be finite, not negative",
                        config->smooth_value);
    if (config->kind != RD_METRIC_CHRF) return RD_OK;
    if (config->char_order < 0 || config->char_order > most || config->word_order < 0 ||
        config->word_order > most || config->char_order + config->word_order == 0)
        return rd_error(
            RD_ERR_ARGUMENT,
            "chrF's character and word order are %d and %d, must be 0 to %d, not both 0",
            config->char_order, config->word_order, most);
    if (config->beta < 0 || config->beta > 1000)
        return rd_error(RD_ERR_ARGUMENT, "chrF's beta is %d, must be 0 to 1000", config->beta);
    return RD_OK;
}

int rd_metric_n_stats(const rd_metric_config *config) {
    switch (config->kind) {
    case RD_METRIC_BLEU:
        return 2 + 2 * config->max_ngram_order;
    case RD_METRIC_CHRF:
        return 3 * (config->char_order + config->word_order);
    case RD_METRIC_TER:
        return 2;
    case RD_METRIC_ROUGE:
        return 13;
    }
    return 0;
}

rd_status rd_metric_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                         rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    if (n_refs < 1) return rd_error(RD_ERR_ARGUMENT, "a line without a reference");
    switch (config->kind) {
    case RD_METRIC_BLEU:
        return rd_bleu_line(config, scratch, hypothesis, n_refs, refs, stats);
    case RD_METRIC_CHRF:
        return rd_chrf_line(config, scratch, hypothesis, n_refs, refs, stats);
    case RD_METRIC_TER:
        return rd_ter_line(config, scratch, hypothesis, n_refs, refs, stats);
    case RD_METRIC_ROUGE:
        return rd_rouge_line(config, scratch, hypothesis, n_refs, refs, stats);
    }
    return rd_error(RD_ERR_ARGUMENT, "no such metric: %d", (int)config->kind);
}

int rd_metric_n_scores(const rd_metric_config *config) {
    return config->kind == RD_METRIC_ROUGE ? 4 : 1;
}

double rd_metric_score(const rd_metric_config *config, int which, const double *stats) {
    switch (config->kind) {
    case RD_METRIC_BLEU:
        return rd_bleu_score(config, stats, NULL, NULL);
    case RD_METRIC_CHRF:
        return rd_chrf_score(config, stats);
    case RD_METRIC_TER:
        return rd_ter_score(stats);
    case RD_METRIC_ROUGE:
        return rd_rouge_score(stats, which, NULL, NULL);
    }
    return 0;
}

void rd_metric_name(const rd_metric_config *config, int which, char name[32]) {
    switch (config->kind) {
    case RD_METRIC_BLEU:
        strcpy(name, "BLEU");
        return;
    case RD_METRIC_TER:
        strcpy(name, "TER");
        return;
    case RD_METRIC_ROUGE:
        strcpy(name, ROUGE_NAMES[which]);
        return;
    case RD_METRIC_CHRF:
        break;
    }
    /* sacreBLEU puts a plus for each word order */
    snprintf(name, 32, "chrF%d%.*s", config->beta, config->word_order, "++++++++++++++++");
}

/* Appends "key:value|" to a signature of 256 bytes. */
__attribute__((format(printf, 2, 3))) static void add(char *signature, const char *format, ...) {
    size_t used = strlen(signature);
    va_list args;
    va_start(args, format);
    vsnprintf(signature + used, 256 - used, format, args);
    va_end(args);
}

static const char *yes_no(bool value) {
    return value ? "yes" : "no";
}

static void add_bleu(const rd_metric_config *config, bool brief, char *signature) {
    static const char *const tokenizers[] = {"13a", "intl", "zh", "char", "none"};
    static const char *const smoothings[] = {"exp", "floor", "add-k", "none"};
    add(signature, "%s:%s|", brief ? "c" : "case", config->lowercase ? "lc" : "mixed");
    add(signature, "%s:%s|", brief ? "e" : "eff", yes_no(config->effective_order));
    add(signature, "tok:%s|", tokenizers[config->tokenize]);
    add(signature, "%s:%s", brief ? "s" : "smooth", smoothings[config->smooth_method]);
    if (config->smooth_method == RD_SMOOTH_FLOOR || config->smooth_method == RD_SMOOTH_ADD_K) {
        double usual = config->smooth_method == RD_SMOOTH_FLOOR ? 0.1 : 1;
        add(signature, "[%.2f]", isnan(config->smooth_value) ? usual : config->smooth_value);
    }
    add(signature, "|");
}

static void add_ter(const rd_metric_config *config, bool brief, char *signature) {
    add(signature, "%s:%s|", brief ? "c" : "case", config->case_sensitive ? "mixed" : "lc");
    add(signature, "%s:tercom|", brief ? "t" : "tok");
    add(signature, "%s:%s|", brief ? "nr" : "norm", yes_no(config->normalized));
    add(signature, "%s:%s|", brief ? "pn" : "punct", yes_no(!config->no_punct));
    add(signature, "%s:%s|", brief ? "as" : "asian", yes_no(config->asian_support));
}

static void add_chrf(const rd_metric_config *config, bool brief, char *signature) {
    add(signature, "%s:%s|", brief ? "c" : "case", config->lowercase ? "lc" : "mixed");
    add(signature, "%s:%s|", brief ? "e" : "eff", yes_no(!config->eps_smoothing));
    add(signature, "nc:%d|nw:%d|", config->char_order, config->word_order);
    add(signature, "%s:%s|", brief ? "s" : "space", yes_no(config->whitespace));
}

void rd_metric_signature(const rd_metric_config *config, const rd_signature_info *info,
                         char signature[256]) {
    static const char *const stems[] = {"no", "nltk", "porter"};
    bool brief = info->brief;
    signature[0] = '\0';
    if (info->n_refs < 0)
        add(signature, "%s:var|", brief ? "#" : "nrefs");
    else
        add(signature, "%s:%d|", brief ? "#" : "nrefs", info->n_refs);
    if (info->test) {
        add(signature, "%s:%lld|", info->test, (long long)info->trials);
        add(signature, "%s:%llu|", brief ? "rs" : "seed", (unsigned long long)info->seed);
    }
    switch (config->kind) {
    case RD_METRIC_BLEU:
        add_bleu(config, brief, signature);
        break;
    case RD_METRIC_CHRF:
        add_chrf(config, brief, signature);
        break;
    case RD_METRIC_TER:
        add_ter(config, brief, signature);
        break;
    case RD_METRIC_ROUGE:
        add(signature, "case:lc|stem:%s|agg:mean|", stems[config->stem]);
        break;
    }
    add(signature, "%s:rdrop-score-%s", brief ? "v" : "version", rd_version());
}

void rd_metric_details(const rd_metric_config *config, int which, const double *stats,
                       char details[256]) {
    details[0] = '\0';
    if (config->kind == RD_METRIC_ROUGE) {
        double precision, recall;
        rd_rouge_score(stats, which, &precision, &recall);
        add(details, "(P = %.1f R = %.1f)", precision, recall);
    }
    if (config->kind != RD_METRIC_BLEU) return;
    double precisions[RD_METRIC_MAX_ORDER], bp;
    rd_bleu_score(config, stats, precisions, &bp);
    for (int n = 0; n < config->max_ngram_order; n++)
        add(details, "%s%.1f", n ? "/" : "", precisions[n]);
    add(details, " (BP = %.3f ratio = %.3f hyp_len = %.0f ref_len = %.0f)", bp,
        stats[1] > 0 ? stats[0] / stats[1] : 0.0, stats[0], stats[1]);
}
