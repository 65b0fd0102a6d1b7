/* Corpus metrics that give the numbers of the reference tools: BLEU, chrF, chrF++ and TER as in
 * sacreBLEU 2.x, ROUGE as in Google's rouge-score; then metrics of classes and numbers.
 *
 * Every metric is a vector of statistics per line, the sum of those vectors over lines, and a score
 * computed from the sum. So a corpus is scored in one pass with memory for one line, threads score
 * lines independently, and bootstrap resampling needs only the vectors.
 *
 * Sources: BLEU Papineni et al. 2002, smoothing Chen and Cherry 2014; chrF Popović 2015, chrF++
 * Popović 2017; TER Snover et al. 2006; ROUGE Lin 2004. Where a paper leaves a choice, the
 * reference tool decides. Scores of text are in [0, 100] (TER may exceed 100; lower is better there
 * only). */
#ifndef RDROP_METRICS_H
#define RDROP_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Cuts lines into words, by sacreBLEU's name:
 *
 *   13a, intl, zh, char, none
 *   spm:FILE                 the pieces of a SentencePiece model
 *   flores101, flores200, spBLEU-1K
 *                            those of the models of sacreBLEU's name: NAME:FILE, or NAME alone
 *                            where sacreBLEU has fetched the file
 *   ja-mecab, ko-mecab       the words of MeCab: NAME:FOLDER of IPADIC or mecab-ko-dic, or NAME
 *                            alone where the system has the dictionary
 *
 * RD_ERR_UNSUPPORTED for MeCab's if the library was built without libmecab.
 *
 * Threads may share a tokenizer. It must outlive everything it is given to. */
typedef struct rd_metric_tokenizer rd_metric_tokenizer;
RD_API rd_status rd_metric_tokenizer_open(const char *name, rd_metric_tokenizer **tokenizer);
RD_API void rd_metric_tokenizer_close(rd_metric_tokenizer *tokenizer); /* NULL is fine */

/* The right tokenizer for a language, given its code ("zh", "zh-TW", "zho_Hans", "de"): zh for
 * Chinese, char for Japanese, Korean and others that are written without blanks, 13a for the rest.
 * Never one that a machine may lack, so scores of two machines can be compared. */
RD_API const char *rd_metric_tokenizer_for(const char *language);

/* BLEU as sacreBLEU 2.x computes it by default (exponential smoothing). tokenizer NULL: 13a.
 * hypotheses, references: [n] NUL-terminated UTF-8 lines. */
RD_API rd_status rd_bleu_corpus(int64_t n, const char *const *hypotheses,
                                const char *const *references, const rd_metric_tokenizer *tokenizer,
                                bool lowercase, double *bleu);

/* Mean F-measures over lines, as rouge-score with use_stemmer = `stem`. */
typedef struct {
    double rouge1, rouge2, rougeL, rougeLsum;
} rd_rouge_scores;

/* tokenizer NULL: rouge-score's, whose words consist of a-z and 0-9 only. */
RD_API rd_status rd_rouge_corpus(int64_t n, const char *const *hypotheses,
                                 const char *const *references,
                                 const rd_metric_tokenizer *tokenizer, bool stem,
                                 rd_rouge_scores *rouge);

/* A metric: bleu, chrf, chrf++, ter or rouge. */
typedef struct rd_metric rd_metric;
typedef enum { RD_SMOOTH_EXP, RD_SMOOTH_FLOOR, RD_SMOOTH_ADD_K, RD_SMOOTH_NONE } rd_bleu_smooth;
/* NLTK: the Porter variant that rouge-score uses. PORTER: Porter's own algorithm, by libstemmer. */
typedef enum { RD_STEM_NONE, RD_STEM_NLTK, RD_STEM_PORTER } rd_rouge_stem;

enum {
    RD_METRIC_MAX_ORDER = 16, /* of n-grams, in any metric */
    RD_METRIC_MAX_STATS = 6 * RD_METRIC_MAX_ORDER,
    RD_METRIC_MAX_SCORES = 4
};

/* The metric to compute and its settings; names are sacreBLEU's. Only the metric's own fields are
 * read. Start from rd_metric_defaults(). */
typedef struct {
    const rd_metric *metric;

    const rd_metric_tokenizer *tokenizer; /* BLEU and ROUGE; NULL: 13a, and rouge-score's */

    rd_bleu_smooth smooth_method;
    double smooth_value;  /* floor and add-k; NaN: the method's default, 0.1 and 1 */
    bool effective_order; /* orders without any n-gram do not count: for single sentences */
    int max_ngram_order;

    int char_order, word_order; /* chrF: 6 and 0; chrF++: 6 and 2 */
    int beta;
    bool whitespace, eps_smoothing;

    bool lowercase; /* BLEU and chrF; TER lowercases unless case_sensitive, ROUGE always */

    bool normalized, no_punct, asian_support, case_sensitive; /* TER */

    rd_rouge_stem stem;
} rd_metric_config;

/* Defaults by name; for an unknown name `metric` is NULL. */
RD_API rd_metric_config rd_metric_defaults(const char *name);
/* RD_ERR_ARGUMENT if a setting is wrong; the message says which. */
RD_API rd_status rd_metric_check(const rd_metric_config *config);

/* A line of UTF-8 (valid: callers check), not necessarily NUL-terminated. */
typedef struct {
    const char *data;
    size_t length;
} rd_line;

/* Working memory for one thread; it grows with the longest line. */
typedef struct rd_metric_scratch rd_metric_scratch;
RD_API rd_metric_scratch *rd_metric_scratch_new(void);
RD_API void rd_metric_scratch_free(rd_metric_scratch *scratch); /* NULL is fine */

RD_API int rd_metric_n_stats(const rd_metric_config *config);

/* Statistics of one line against n_refs >= 1 references: stats [rd_metric_n_stats()], overwritten.
 * An empty corpus has a vector of zeros; vectors of lines add up to a corpus's. */
RD_API rd_status rd_metric_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                                rd_line hypothesis, int n_refs, const rd_line *refs, double *stats);

/* ROUGE has four scores (rouge1, rouge2, rougeL, rougeLsum), the others one. */
RD_API int rd_metric_n_scores(const rd_metric_config *config);
RD_API double rd_metric_score(const rd_metric_config *config, int which, const double *stats);

/* All scores of a corpus, one reference a line. hypotheses, references: [n] NUL-terminated UTF-8
 * lines; scores: [rd_metric_n_scores()]. */
RD_API rd_status rd_metric_corpus(const rd_metric_config *config, int64_t n,
                                  const char *const *hypotheses, const char *const *references,
                                  double *scores);

/* Name ("BLEU", "chrF2++", "TER", "rougeL"), at most 31 characters. */
RD_API void rd_metric_name(const rd_metric_config *config, int which, char name[32]);

/* How the score was made, in sacreBLEU's format ("nrefs:1|case:mixed|...|version:rdrop-score-X").
 * n_refs: -1 for a varying number. test: "bs", "ar" or NULL, with its number of trials and seed. */
typedef struct {
    int n_refs;
    const char *test;
    int64_t trials;
    uint64_t seed;
    bool brief; /* sacreBLEU's --short */
} rd_signature_info;

RD_API void rd_metric_signature(const rd_metric_config *config, const rd_signature_info *info,
                                char signature[256]);

/* The parts of a score ("57.9/31.9/19.7/12.7 (BP = 1.000 ...)"), "" for chrF and TER. */
RD_API void rd_metric_details(const rd_metric_config *config, int which, const double *stats,
                              char details[256]);

/* The reason why a score of these statistics says little ("no word of 97 of 100 references ..."),
 * or "". */
RD_API void rd_metric_warning(const rd_metric_config *config, const double *stats,
                              char warning[256]);

/* ---- Classes and numbers ----
 *
 * Scores of predicted classes and numbers, equal to scikit-learn's and SciPy's. Unlike the scores
 * above they are fractions: 0 to 1, correlations -1 to 1. */

/* Counts of one class: examples that have it, examples it is predicted for, and those in both. */
typedef struct {
    int64_t support, predicted, hits;
} rd_class_counts;

/* labels, predictions: [n] of 0 .. n_classes - 1, otherwise RD_ERR_ARGUMENT; counts: [n_classes],
 * overwritten. */
RD_API rd_status rd_count_classes(int64_t n, const int32_t *labels, const int32_t *predictions,
                                  int32_t n_classes, rd_class_counts *counts);

/* matrix: [n_classes, n_classes], overwritten: examples by label (row) and prediction (column). */
RD_API rd_status rd_confusion_matrix(int64_t n, const int32_t *labels, const int32_t *predictions,
                                     int32_t n_classes, int64_t *matrix);

/* Scores of one class; 0 where the divisor is 0. */
RD_API double rd_class_precision(const rd_class_counts *counts);
RD_API double rd_class_recall(const rd_class_counts *counts);
RD_API double rd_class_f1(const rd_class_counts *counts);

/* Scores of all classes. counts: [n_classes]. Macro F1 is the mean over the classes that occur in
 * labels or predictions; micro F1 is that of the summed counts, which equals the accuracy where
 * each example has one class. Matthews' correlation (Gorodkin's R_K for more than two classes) is 0
 * if either side has only one class; the others are 0 without any example. */
RD_API double rd_accuracy(int32_t n_classes, const rd_class_counts *counts);
RD_API double rd_f1_macro(int32_t n_classes, const rd_class_counts *counts);
RD_API double rd_f1_micro(int32_t n_classes, const rd_class_counts *counts);
RD_API double rd_matthews(int32_t n_classes, const rd_class_counts *counts);

/* The share of examples whose label is among the k classes that score highest; of equal scores the
 * later class counts as higher, as in scikit-learn. scores: [n, n_classes], probabilities or
 * logits. RD_ERR_ARGUMENT for k < 1, n < 1 and labels out of range. */
RD_API rd_status rd_top_k_accuracy(int64_t n, int32_t n_classes, const float *scores,
                                   const int32_t *labels, int32_t k, double *accuracy);

/* Expected calibration error (Guo et al. 2017): examples are put by their highest probability into
 * n_bins bins (i / n_bins, (i + 1) / n_bins], 15 in the paper; the error is the mean over examples
 * of the distance between their bin's accuracy and mean probability. probabilities: [n, n_classes].
 * RD_ERR_ARGUMENT also for a probability outside 0 .. 1. */
RD_API rd_status rd_calibration_error(int64_t n, int32_t n_classes, const float *probabilities,
                                      const int32_t *labels, int32_t n_bins, double *error);

/* Correlation of two lists of numbers: [n]. Spearman's is Pearson's of the ranks, and equal numbers
 * get the mean of their ranks. NaN, as in SciPy, if one list is constant or has a NaN;
 * RD_ERR_ARGUMENT for n < 2. */
RD_API rd_status rd_pearson(int64_t n, const double *x, const double *y, double *correlation);
RD_API rd_status rd_spearman(int64_t n, const double *x, const double *y, double *correlation);

#ifdef __cplusplus
}
#endif
#endif
