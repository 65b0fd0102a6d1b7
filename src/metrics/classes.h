/* The inside of classes.c: examples that count more than once, as in a resample. */
#ifndef RD_METRICS_CLASSES_H
#define RD_METRICS_CLASSES_H

#include "rdrop/metrics.h"

/* rd_count_classes of valid classes. times: [n] how often each example counts; NULL: once. */
void rd_count_classes_times(int64_t n, const int32_t *labels, const int32_t *predictions,
                            const uint32_t *times, int32_t n_classes, rd_class_counts *counts);

#endif
