#include "metrics/significance.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"

/* Streams of the two tests, so that equal seeds do not draw the same numbers. */
enum { BOOTSTRAP_STREAM = 0x62730000, RANDOMIZATION_STREAM = 0x61720000 };

void rd_bootstrap_times(uint64_t seed, int64_t trial, int64_t n_lines, uint32_t *times) {
    rd_rng rng = rd_rng_make(seed, (uint64_t)BOOTSTRAP_STREAM << 32 | (uint64_t)trial);
    memset(times, 0, (size_t)n_lines * sizeof *times);
    for (int64_t i = 0; i < n_lines; i++) times[rd_rng_below(&rng, (uint64_t)n_lines)]++;
}

/* Lines are counted first and added once, in order: the memory is walked through a single time. */
static void bootstrap_trial(const double *lines, int64_t n_lines, int width, const uint32_t *counts,
                            double *sums) {
    memset(sums, 0, (size_t)width * sizeof *sums);
    for (int64_t i = 0; i < n_lines; i++) {
        if (counts[i] == 0) continue;
        const double *line = lines + i * width, count = counts[i];
        for (int k = 0; k < width; k++) sums[k] += count * line[k];
    }
}

/* Trials of all threads. */
typedef struct {
    const double *lines;
    int64_t n_lines;
    int n_systems, width;
    uint64_t seed;
    uint32_t *times; /* [threads, n_lines], of the bootstrap */
    double *sums;
} trials_work;

static rd_status bootstrap_job(void *self, int thread, int64_t t) {
    const trials_work *w = self;
    uint32_t *own = w->times + thread * w->n_lines;
    rd_bootstrap_times(w->seed, t, w->n_lines, own);
    bootstrap_trial(w->lines, w->n_lines, w->width, own, w->sums + t * w->width);
    return RD_OK;
}

rd_status rd_bootstrap_sums(const double *lines, int64_t n_lines, int width, int64_t trials,
                            uint64_t seed, double *sums) {
    trials_work work = {
        .lines = lines, .n_lines = n_lines, .width = width, .seed = seed, .sums = sums};
    work.times = rd_malloc((size_t)rd_get_threads() * (size_t)n_lines, sizeof *work.times);
    if (!work.times) return RD_ERR_MEMORY;
    rd_status status = rd_over_jobs(0, trials, 1, bootstrap_job, &work, NULL);
    free(work.times);
    return status;
}

rd_rng rd_randomization_rng(uint64_t seed, int64_t trial) {
    return rd_rng_make(seed, (uint64_t)RANDOMIZATION_STREAM << 32 | (uint64_t)trial);
}

/* sums: [n_systems, 2, width] */
static void randomization_trial(const double *lines, int64_t n_lines, int n_systems, int width,
                                rd_rng rng, double *sums) {
    int64_t row = (int64_t)n_systems * width;
    memset(sums, 0, (size_t)(2 * row) * sizeof *sums);
    uint32_t bits = 0;
    for (int64_t i = 0; i < n_lines; i++) {
        bool keep = rd_randomization_keeps(&rng, i, &bits);
        const double *baseline = lines + i * row;
        for (int s = 0; s < n_systems; s++) {
            const double *system = baseline + s * width;
            double *a = sums + 2 * s * width, *b = a + width;
            const double *to_a = keep ? baseline : system, *to_b = keep ? system : baseline;
            for (int k = 0; k < width; k++) a[k] += to_a[k];
            for (int k = 0; k < width; k++) b[k] += to_b[k];
        }
    }
}

static rd_status randomization_job(void *self, int thread, int64_t t) {
    const trials_work *w = self;
    int64_t row = 2 * (int64_t)w->n_systems * w->width;
    (void)thread;
    randomization_trial(w->lines, w->n_lines, w->n_systems, w->width,
                        rd_randomization_rng(w->seed, t), w->sums + t * row);
    return RD_OK;
}

rd_status rd_randomization_sums(const double *lines, int64_t n_lines, int n_systems, int width,
                                int64_t trials, uint64_t seed, double *sums) {
    trials_work work = {.lines = lines,
                        .n_lines = n_lines,
                        .n_systems = n_systems,
                        .width = width,
                        .seed = seed,
                        .sums = sums};
    return rd_over_jobs(0, trials, 1, randomization_job, &work, NULL);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rd_confidence(double *scores, int64_t n, double *mean, double *interval) {
    qsort(scores, (size_t)n, sizeof *scores, compare);
    int64_t cut = n / 40; /* 2.5% at either end */
    *interval = (scores[n - cut - 1] - scores[cut]) / 2;
    *mean = 0;
    for (int64_t i = 0; i < n; i++) *mean += scores[i] / (double)n;
}

double rd_p_value(const double *differences, int64_t n, double real) {
    int64_t exceed = 0;
    for (int64_t i = 0; i < n; i++) exceed += differences[i] > real;
    return (double)(exceed + 1) / (double)(n + 1);
}
