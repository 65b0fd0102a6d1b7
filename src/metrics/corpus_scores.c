/* Whole-corpus scores of lines that are in memory: what training asks for at validation. */
#include <string.h>

#include "base/error.h"
#include "rdrop/metrics.h"

/* Sums statistics over lines into `sums`. One thread: a validation set takes milliseconds. */
static rd_status sum_lines(const rd_metric_config *config, int64_t n, const char *const *hypotheses,
                           const char *const *references, double *sums) {
    int n_stats = rd_metric_n_stats(config);
    double stats[RD_METRIC_MAX_STATS];
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    if (!scratch) return RD_ERR_MEMORY;
    memset(sums, 0, (size_t)n_stats * sizeof *sums);
    rd_status status = RD_OK;
    for (int64_t i = 0; i < n && status == RD_OK; i++) {
        rd_line hypothesis = {hypotheses[i], strlen(hypotheses[i])};
        rd_line reference = {references[i], strlen(references[i])};
        status = rd_metric_line(config, scratch, hypothesis, 1, &reference, stats);
        for (int k = 0; k < n_stats && status == RD_OK; k++) sums[k] += stats[k];
    }
    rd_metric_scratch_free(scratch);
    return status;
}

rd_status rd_bleu_corpus(int64_t n, const char *const *hypotheses, const char *const *references,
                         bool lowercase, double *bleu) {
    rd_metric_config config = rd_metric_defaults(RD_METRIC_BLEU);
    config.lowercase = lowercase;
    double sums[RD_METRIC_MAX_STATS];
    RD_TRY(sum_lines(&config, n, hypotheses, references, sums));
    *bleu = rd_metric_score(&config, 0, sums);
    return RD_OK;
}

rd_status rd_rouge_corpus(int64_t n, const char *const *hypotheses, const char *const *references,
                          bool stem, rd_rouge_scores *rouge) {
    rd_metric_config config = rd_metric_defaults(RD_METRIC_ROUGE);
    config.stem = stem ? RD_STEM_NLTK : RD_STEM_NONE;
    double sums[RD_METRIC_MAX_STATS];
    RD_TRY(sum_lines(&config, n, hypotheses, references, sums));
    rouge->rouge1 = rd_metric_score(&config, 0, sums);
    rouge->rouge2 = rd_metric_score(&config, 1, sums);
    rouge->rougeL = rd_metric_score(&config, 2, sums);
    rouge->rougeLsum = rd_metric_score(&config, 3, sums);
    return RD_OK;
}
