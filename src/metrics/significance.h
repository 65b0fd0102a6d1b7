/* How sure scores are: bootstrap resampling (Koehn 2004) and approximate randomization (Riezler and
 * Maxwell 2005) on per-line statistics, defined as in sacreBLEU, but see report.h. Random numbers
 * come from (seed, trial), so results do not depend on threads. */
#ifndef RD_METRICS_SIGNIFICANCE_H
#define RD_METRICS_SIGNIFICANCE_H

#include "base/rng.h"
#include "rdrop/metrics.h"

/* One resample of trial t: times [n_lines], how often each line is drawn. */
void rd_bootstrap_times(uint64_t seed, int64_t trial, int64_t n_lines, uint32_t *times);

/* One shuffle of trial t: whether line i, from 0 on in order, stays with its system. bits: kept
 * between lines. */
rd_rng rd_randomization_rng(uint64_t seed, int64_t trial);
static inline bool rd_randomization_keeps(rd_rng *rng, int64_t i, uint32_t *bits) {
    if (i % 32 == 0) *bits = rd_rng_u32(rng);
    return *bits >> (i % 32) & 1;
}

/* Resampled statistics: trial t draws n_lines lines with replacement, the same for all columns.
 * lines: [n_lines, width]; sums: [trials, width] */
rd_status rd_bootstrap_sums(const double *lines, int64_t n_lines, int width, int64_t trials,
                            uint64_t seed, double *sums);

/* Shuffled statistics: in trial t each line's statistics go with probability 1/2 from the baseline
 * (the first of n_systems) to the other system, the same lines for all systems. lines: [n_lines,
 * n_systems, width]; sums: [trials, n_systems, 2, width], of the two shuffled systems. */
rd_status rd_randomization_sums(const double *lines, int64_t n_lines, int n_systems, int width,
                                int64_t trials, uint64_t seed, double *sums);

/* Mean and half the width of the 95% interval of scores [n], which are sorted in place. */
void rd_confidence(double *scores, int64_t n, double *mean, double *interval);

/* (1 + how many exceed `real`) / (1 + n) */
double rd_p_value(const double *differences, int64_t n, double real);

#endif
