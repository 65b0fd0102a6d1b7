/* The inside of rdrop/metrics.h: the definition of a metric, and the working memory of one thread.
 *
 * A metric of texts is a separate file that fills an rd_metric, and a row of the tables in
 * metric.c. It needs only sums over lines. Metrics of labels and numbers need more (ranks, classes
 * that only the whole files name): answers.h. */
#ifndef RD_METRICS_METRIC_H
#define RD_METRICS_METRIC_H

#include "base/text.h"
#include "metrics/ngrams.h"
#include "metrics/segment.h"

/* By rd_bleu_smooth; a NULL ends them. */
extern const char *const rd_smoothing_names[];

/* The parts of an F-measure. */
typedef struct {
    bool known;
    double precision, recall;
} rd_metric_parts;

struct rd_metric {
    const char *name; /* of its one score; NULL: see label */
    int n_scores;
    int main_score; /* of n_scores, where one number must do */
    bool smaller_is_better;
    bool wants_raw_text; /* its own tokenizer spoils tokenized text */
    rd_status (*check)(const rd_metric_config *config); /* NULL: nothing can be wrong */
    int (*n_stats)(const rd_metric_config *config);
    /* One line as the metric sees it: split on white space, it gives the metric's words. *out lives
     * until the next call. */
    rd_status (*prepare)(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line line,
                         bool reference, rd_line *out);
    /* stats: [n_stats], overwritten; n_refs >= 1 */
    rd_status (*statistics)(const rd_metric_config *config, rd_metric_scratch *scratch,
                            rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);
    /* Of a sum of statistics. parts: NULL, or zeros, filled by metrics that have them. */
    double (*score)(const rd_metric_config *config, int which, const double *stats,
                    rd_metric_parts *parts);
    /* See rd_metric_name(), _signature() (its middle part, each item ended by "|"), _details() and
     * _warning(); the last two may be NULL. */
    void (*label)(const rd_metric_config *config, int which, char name[32]);
    void (*sign)(const rd_metric_config *config, bool brief, char signature[128]);
    void (*explain)(const rd_metric_config *config, int which, const double *stats,
                    char details[256]);
    void (*warn)(const rd_metric_config *config, const double *stats, char warning[256]);
};

extern const rd_metric rd_metric_bleu, rd_metric_chrf, rd_metric_ter, rd_metric_rouge;

struct rd_metric_scratch {
    void *casemap;       /* see rd_line_lower() */
    void *stemmer;       /* libstemmer's, made when first needed */
    rd_text lower, a, b; /* one line on its way through lowercasing and tokenizing */
    rd_text joined;      /* a reference normalised once, for TER */
    rd_text pool;        /* what `words` points into */
    rd_word_table words;
    rd_ngram_counts counts;
    rd_ids hypothesis, reference; /* ids of words; -1 for words of no reference */
    rd_ids offsets;               /* [n_refs + 1] where each reference starts in `reference` */
    rd_ids hypothesis_ends, reference_ends; /* of sentences (ROUGE) */
    rd_ids characters[2];                   /* chrF: code points of hypothesis and reference */
    void *table;                            /* for dynamic programming */
    int64_t table_capacity;                 /* bytes */
};

/* A signature from the metric's part of it, each item ended by "|". */
void rd_signature_around(const char *middle, const rd_signature_info *info, char signature[256]);

/* If `wanted`, lowercases *line into `text`. */
rd_status rd_lower_if(bool wanted, rd_metric_scratch *scratch, rd_line *line, rd_text *text);

/* Makes scratch->table at least `bytes` long. */
rd_status rd_scratch_table(rd_metric_scratch *scratch, int64_t bytes);

/* The words of all references become ids in scratch->reference; then those of the hypothesis in
 * scratch->hypothesis. */
rd_status rd_prepare_words(const rd_metric_config *config, rd_metric_scratch *scratch,
                           rd_line hypothesis, int n_refs, const rd_line *refs);

#endif
