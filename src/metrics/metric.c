/* The table of metrics, and the functions of rdrop/metrics.h over it. */
#include "metrics/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const rd_metric *metric;
    int word_order;
} METRICS[] = {{"bleu", &rd_metric_bleu, 0},
               {"chrf", &rd_metric_chrf, 0},
               {"chrf++", &rd_metric_chrf, 2},
               {"ter", &rd_metric_ter, 0},
               {"rouge", &rd_metric_rouge, 0}};

rd_metric_config rd_metric_defaults(const char *name) {
    rd_metric_config config = {
        .smooth_value = NAN, .max_ngram_order = 4, .char_order = 6, .beta = 2};
    for (size_t i = 0; i < sizeof METRICS / sizeof *METRICS; i++) {
        if (strcmp(name, METRICS[i].name) != 0) continue;
        config.metric = METRICS[i].metric;
        config.word_order = METRICS[i].word_order;
    }
    return config;
}

rd_status rd_metric_check(const rd_metric_config *config) {
    if (!config->metric) return rd_error(RD_ERR_ARGUMENT, "no such metric");
    return config->metric->check ? config->metric->check(config) : RD_OK;
}

int rd_metric_n_stats(const rd_metric_config *config) {
    return config->metric->n_stats(config);
}

rd_status rd_metric_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                         rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    if (n_refs < 1) return rd_error(RD_ERR_ARGUMENT, "a line without a reference");
    return config->metric->statistics(config, scratch, hypothesis, n_refs, refs, stats);
}

int rd_metric_n_scores(const rd_metric_config *config) {
    return config->metric->n_scores;
}

double rd_metric_score(const rd_metric_config *config, int which, const double *stats) {
    return config->metric->score(config, which, stats, NULL);
}

void rd_metric_name(const rd_metric_config *config, int which, char name[32]) {
    if (config->metric->label)
        config->metric->label(config, which, name);
    else
        strcpy(name, config->metric->name);
}

void rd_metric_signature(const rd_metric_config *config, const rd_signature_info *info,
                         char signature[256]) {
    char middle[128];
    config->metric->sign(config, info->brief, middle);
    rd_signature_around(middle, info, signature);
}

void rd_signature_around(const char *middle, const rd_signature_info *info, char signature[256]) {
    bool brief = info->brief;
    char refs[16] = "var", test[64] = "";
    if (info->n_refs >= 0) snprintf(refs, sizeof refs, "%d", info->n_refs);
    if (info->test)
        snprintf(test, sizeof test, "%s:%lld|%s:%llu|", info->test, (long long)info->trials,
                 brief ? "rs" : "seed", (unsigned long long)info->seed);
    snprintf(signature, 256, "%s:%s|%s%s%s:rdrop-score-%s", brief ? "#" : "nrefs", refs, test,
             middle, brief ? "v" : "version", rd_version());
}

void rd_metric_details(const rd_metric_config *config, int which, const double *stats,
                       char details[256]) {
    details[0] = '\0';
    if (config->metric->explain) config->metric->explain(config, which, stats, details);
}

void rd_metric_warning(const rd_metric_config *config, const double *stats, char warning[256]) {
    warning[0] = '\0';
    if (config->metric->warn) config->metric->warn(config, stats, warning);
}

/* Sums statistics over lines into `sums`. One thread: a validation set takes milliseconds. */
static rd_status sum_lines(const rd_metric_config *config, rd_metric_scratch *scratch, int64_t n,
                           const char *const *hypotheses, const char *const *references,
                           double *sums) {
    int n_stats = rd_metric_n_stats(config);
    double stats[RD_METRIC_MAX_STATS];
    memset(sums, 0, (size_t)n_stats * sizeof *sums);
    for (int64_t i = 0; i < n; i++) {
        rd_line hypothesis = {hypotheses[i], strlen(hypotheses[i])};
        rd_line reference = {references[i], strlen(references[i])};
        RD_TRY(rd_metric_line(config, scratch, hypothesis, 1, &reference, stats));
        for (int k = 0; k < n_stats; k++) sums[k] += stats[k];
    }
    return RD_OK;
}

rd_status rd_metric_corpus(const rd_metric_config *config, int64_t n, const char *const *hypotheses,
                           const char *const *references, double *scores) {
    double sums[RD_METRIC_MAX_STATS];
    if (n < 0) return rd_error(RD_ERR_ARGUMENT, "%lld lines to score", (long long)n);
    RD_TRY(rd_metric_check(config));
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    if (!scratch) return RD_ERR_MEMORY;
    rd_status status = sum_lines(config, scratch, n, hypotheses, references, sums);
    rd_metric_scratch_free(scratch);
    for (int k = 0; status == RD_OK && k < rd_metric_n_scores(config); k++)
        scores[k] = rd_metric_score(config, k, sums);
    return status;
}

rd_status rd_bleu_corpus(int64_t n, const char *const *hypotheses, const char *const *references,
                         const rd_metric_tokenizer *tokenizer, bool lowercase, double *bleu) {
    rd_metric_config config = rd_metric_defaults("bleu");
    config.tokenizer = tokenizer;
    config.lowercase = lowercase;
    return rd_metric_corpus(&config, n, hypotheses, references, bleu);
}

rd_status rd_rouge_corpus(int64_t n, const char *const *hypotheses, const char *const *references,
                          const rd_metric_tokenizer *tokenizer, bool stem, rd_rouge_scores *rouge) {
    rd_metric_config config = rd_metric_defaults("rouge");
    config.tokenizer = tokenizer;
    config.stem = stem ? RD_STEM_NLTK : RD_STEM_NONE;
    double scores[4];
    RD_TRY(rd_metric_corpus(&config, n, hypotheses, references, scores));
    *rouge = (rd_rouge_scores){scores[0], scores[1], scores[2], scores[3]};
    return RD_OK;
}
