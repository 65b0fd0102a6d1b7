/* The working memory behind rd_metric_scratch, and the metrics' common preparation of lines. */
#ifndef RD_METRICS_SCRATCH_H
#define RD_METRICS_SCRATCH_H

#include "base/text.h"
#include "metrics/ngrams.h"
#include "metrics/segment.h"

struct rd_metric_scratch {
    void *casemap;       /* see rd_line_lower() */
    void *stemmer;       /* libstemmer's, made when first needed */
    rd_text lower, a, b; /* one line on its way through lowercasing and tokenizing */
    rd_text joined;      /* a reference normalised once, for TER */
    rd_text pool;        /* what `words` points into */
    rd_word_table words;
    rd_ngram_counts counts;
    rd_id_list hypothesis, reference; /* ids of words; -1 for words of no reference */
    rd_id_list offsets;               /* [n_refs + 1] where each reference starts in `reference` */
    rd_id_list hypothesis_ends, reference_ends; /* of sentences (ROUGE) */
    rd_id_list characters[2];                   /* chrF: code points of hypothesis and reference */
    void *table;                                /* for dynamic programming */
    int64_t table_capacity;                     /* bytes */
};

static inline rd_line rd_text_line(const rd_text *text) {
    return (rd_line){text->data, (size_t)text->length};
}

rd_status rd_id_push(rd_id_list *list, int32_t id);

/* Makes scratch->table at least `bytes` long. */
rd_status rd_scratch_table(rd_metric_scratch *scratch, int64_t bytes);

/* One line as the metric sees it, lowercased, tokenized and stemmed: split on white space it is the
 * metric's words (chrF: those of its word n-grams). *out lives until the next call. */
rd_status rd_prepare_line(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line line,
                          rd_line *out);

/* The words of all references become ids in scratch->reference; then those of the hypothesis in
 * scratch->hypothesis. */
rd_status rd_prepare_words(const rd_metric_config *config, rd_metric_scratch *scratch,
                           rd_line hypothesis, int n_refs, const rd_line *refs);

/* Each metric's statistics of one line and score of a sum, as rdrop/metrics.h says. */
rd_status rd_bleu_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                       rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);
/* precisions: [max_ngram_order], brevity penalty: may be NULL. */
double rd_bleu_score(const rd_metric_config *config, const double *stats, double *precisions,
                     double *brevity_penalty);
rd_status rd_chrf_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                       rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);
rd_status rd_chrf_words(rd_line line, rd_text *out); /* `out`: words and blanks; overwritten */
double rd_chrf_score(const rd_metric_config *config, const double *stats);
rd_status rd_ter_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                      rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);
double rd_ter_score(const double *stats);
rd_status rd_rouge_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                        rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);
/* Means over lines; precision, recall: may be NULL. */
double rd_rouge_score(const double *stats, int which, double *precision, double *recall);
/* `out`: words and blanks; overwritten */
rd_status rd_rouge_words(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line text,
                         rd_text *out);

#endif
