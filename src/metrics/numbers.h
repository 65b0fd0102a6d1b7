/* The inside of numbers.c: examples that count more than once, as in a resample. */
#ifndef RD_METRICS_NUMBERS_H
#define RD_METRICS_NUMBERS_H

#include "rdrop/metrics.h"

/* order: [n] the indices of x by size. No NaN may be among x. */
rd_status rd_order_numbers(int64_t n, const double *x, int64_t *order);

/* Ranks from 1 of the examples that count, equal numbers at the mean of theirs. order: [n] by
 * rd_order_numbers; times: [n] how often each example counts, NULL: once; ranks: [n] */
void rd_rank_numbers(int64_t n, const double *x, const int64_t *order, const uint32_t *times,
                     double *ranks);

/* rd_pearson of examples that count `times`; NaN where fewer than two do. */
double rd_pearson_times(int64_t n, const double *x, const double *y, const uint32_t *times);

#endif
