/* Scores of predicted classes: all that scikit-learn makes of a confusion matrix needs only its
 * margins and its diagonal, so many classes take little memory. */
#include "metrics/classes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static rd_status check_class(int32_t k, int32_t n_classes, int64_t example, const char *of) {
    if (k >= 0 && k < n_classes) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "the %s of example %lld is class %d, must be 0 to %d", of,
                    (long long)example, (int)k, (int)n_classes - 1);
}

/* predictions: NULL: none */
static rd_status check_classes(int64_t n, const int32_t *labels, const int32_t *predictions,
                               int32_t n_classes) {
    if (n < 0) return rd_error(RD_ERR_ARGUMENT, "%lld examples", (long long)n);
    if (n_classes < 0) return rd_error(RD_ERR_ARGUMENT, "%d classes", (int)n_classes);
    for (int64_t i = 0; i < n; i++) {
        RD_TRY(check_class(labels[i], n_classes, i, "label"));
        if (predictions) RD_TRY(check_class(predictions[i], n_classes, i, "prediction"));
    }
    return RD_OK;
}

void rd_count_classes_times(int64_t n, const int32_t *labels, const int32_t *predictions,
                            const uint32_t *times, int32_t n_classes, rd_class_counts *counts) {
    memset(counts, 0, (size_t)n_classes * sizeof *counts);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = times ? times[i] : 1;
        counts[labels[i]].support += k;
        counts[predictions[i]].predicted += k;
        if (labels[i] == predictions[i]) counts[labels[i]].hits += k;
    }
}

rd_status rd_count_classes(int64_t n, const int32_t *labels, const int32_t *predictions,
                           int32_t n_classes, rd_class_counts *counts) {
    RD_TRY(check_classes(n, labels, predictions, n_classes));
    rd_count_classes_times(n, labels, predictions, NULL, n_classes, counts);
    return RD_OK;
}

rd_status rd_confusion_matrix(int64_t n, const int32_t *labels, const int32_t *predictions,
                              int32_t n_classes, int64_t *matrix) {
    RD_TRY(check_classes(n, labels, predictions, n_classes));
    memset(matrix, 0, (size_t)n_classes * (size_t)n_classes * sizeof *matrix);
    for (int64_t i = 0; i < n; i++) matrix[(int64_t)labels[i] * n_classes + predictions[i]]++;
    return RD_OK;
}

static double quotient(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

double rd_class_precision(const rd_class_counts *counts) {
    return quotient((double)counts->hits, (double)counts->predicted);
}

double rd_class_recall(const rd_class_counts *counts) {
    return quotient((double)counts->hits, (double)counts->support);
}

double rd_class_f1(const rd_class_counts *counts) {
    return quotient(2 * (double)counts->hits, (double)(counts->support + counts->predicted));
}

static rd_class_counts sum_of(int32_t n_classes, const rd_class_counts *counts) {
    rd_class_counts sum = {0};
    for (int32_t k = 0; k < n_classes; k++) {
        sum.support += counts[k].support;
        sum.predicted += counts[k].predicted;
        sum.hits += counts[k].hits;
    }
    return sum;
}

double rd_accuracy(int32_t n_classes, const rd_class_counts *counts) {
    rd_class_counts sum = sum_of(n_classes, counts);
    return rd_class_recall(&sum);
}

double rd_f1_micro(int32_t n_classes, const rd_class_counts *counts) {
    rd_class_counts sum = sum_of(n_classes, counts);
    return rd_class_f1(&sum);
}

double rd_f1_macro(int32_t n_classes, const rd_class_counts *counts) {
    int32_t present = 0;
    double sum = 0;
    for (int32_t k = 0; k < n_classes; k++) {
        present += counts[k].support + counts[k].predicted > 0;
        sum += rd_class_f1(&counts[k]);
    }
    return quotient(sum, present);
}

/* Covariances of the indicators of classes (Gorodkin 2004), as fractions of n^2: of labels and
 * predictions, and of each with itself. */
double rd_matthews(int32_t n_classes, const rd_class_counts *counts) {
    rd_class_counts sum = sum_of(n_classes, counts);
    double n = (double)sum.support, both = 0, labels = 0, predictions = 0;
    for (int32_t k = 0; k < n_classes; k++) {
        double l = (double)counts[k].support, p = (double)counts[k].predicted;
        both += l * p;
        labels += l * l;
        predictions += p * p;
    }
    double variance = (n * n - labels) * (n * n - predictions);
    return variance > 0 ? ((double)sum.hits * n - both) / sqrt(variance) : 0;
}

static rd_status check_table(int64_t n, int32_t n_classes, const int32_t *labels) {
    if (n < 1) return rd_error(RD_ERR_ARGUMENT, "no examples to score");
    return check_classes(n, labels, NULL, n_classes);
}

/* scores: [n_classes]. A label whose score is NaN is not among the highest. */
static bool is_among_highest(const float *scores, int32_t n_classes, int32_t label, int32_t k) {
    float own = scores[label];
    int32_t higher = 0;
    for (int32_t c = 0; c < n_classes; c++)
        higher += scores[c] > own || (c > label && scores[c] == own);
    return higher < k && !isnan(own);
}

rd_status rd_top_k_accuracy(int64_t n, int32_t n_classes, const float *scores,
                            const int32_t *labels, int32_t k, double *accuracy) {
    RD_TRY(check_table(n, n_classes, labels));
    if (k < 1) return rd_error(RD_ERR_ARGUMENT, "top-k accuracy: k is %d, at least 1", (int)k);
    int64_t hits = 0;
    for (int64_t i = 0; i < n; i++)
        hits += is_among_highest(scores + i * n_classes, n_classes, labels[i], k);
    *accuracy = (double)hits / (double)n;
    return RD_OK;
}

typedef struct {
    double hits, confidence; /* sums over its examples */
} calibration_bin;

/* The bin of a probability: the first whose upper end it does not exceed. A sum may be rounded up
 * to more than 1. */
static int32_t bin_of(double probability, int32_t n_bins) {
    int32_t bin = (int32_t)(fmin(probability, 1.0) * n_bins);
    if (bin > 0) bin--;
    while (bin < n_bins - 1 && probability > (double)(bin + 1) / n_bins) bin++;
    return bin;
}

/* bins: [n_bins], zeros at first */
static rd_status fill_bins(int64_t n, int32_t n_classes, const float *probabilities,
                           const int32_t *labels, int32_t n_bins, calibration_bin *bins) {
    for (int64_t i = 0; i < n; i++) {
        const float *row = probabilities + i * n_classes;
        int32_t best = 0;
        for (int32_t c = 0; c < n_classes; c++) {
            if (!(row[c] >= 0 && row[c] <= 1.0001f)) /* see bin_of */
                return rd_error(RD_ERR_ARGUMENT, "example %lld, class %d: %g is no probability",
                                (long long)i, (int)c, (double)row[c]);
            if (row[c] > row[best]) best = c;
        }
        calibration_bin *bin = &bins[bin_of(row[best], n_bins)];
        bin->hits += best == labels[i];
        bin->confidence += row[best];
    }
    return RD_OK;
}

rd_status rd_calibration_error(int64_t n, int32_t n_classes, const float *probabilities,
                               const int32_t *labels, int32_t n_bins, double *error) {
    RD_TRY(check_table(n, n_classes, labels));
    if (n_bins < 1)
        return rd_error(RD_ERR_ARGUMENT, "calibration error: %d bins, at least 1", (int)n_bins);
    calibration_bin *bins = rd_calloc((size_t)n_bins, sizeof *bins);
    if (!bins) return RD_ERR_MEMORY;
    rd_status status = fill_bins(n, n_classes, probabilities, labels, n_bins, bins);
    double sum = 0;
    for (int32_t b = 0; b < n_bins; b++) sum += fabs(bins[b].hits - bins[b].confidence);
    if (status == RD_OK) *error = sum / (double)n;
    free(bins);
    return status;
}
