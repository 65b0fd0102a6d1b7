/* Each kernel of the dispatch table as a benchmark can call it. */
#ifndef RD_TESTS_BENCH_KERNELS_H
#define RD_TESTS_BENCH_KERNELS_H

#include "ops/cpu/kernels.h"

enum {
    BENCH_ARRAYS = 8,
    BENCH_TABLE = 4096 /* rows of the embedding table */
};

typedef struct {
    float dropout;
    int64_t length, head; /* tokens of the sequences that attention sees, width of its heads */
} bench_settings;

typedef struct {
    const rd_kernels *ops;
    bool pairs; /* of bfloat16, in attention */
    int64_t rows, width, length, head;
    float *x[BENCH_ARRAYS]; /* [rows, width] each, as many as the kernel wants */
    float *vectors;         /* [4, width] biases, gains */
    float *sums;            /* [threads, 2, width] */
    float *statistics;      /* [2, rows] means and reciprocal deviations */
    float *lse;             /* [rows, heads] */
    float *table;           /* [BENCH_TABLE, width] */
    float *scratch;         /* [threads, scratch_size] */
    int32_t *tokens;        /* [rows] of the table */
    int64_t scratch_size;
    rd_dropout dropout;
} bench_arrays;

typedef struct {
    const char *name;
    int arrays;      /* of [rows, width] */
    double floats;   /* read and written for each element of [rows, width], at best */
    double keys[2];  /* floats and arithmetic operations more for each token of its sequence */
    bool vocabulary; /* rows are as wide as vocabularies, not as models */
    void (*run)(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread);
} bench_kernel;

extern const bench_kernel bench_kernels[];
extern const int bench_n_kernels;

void bench_arrays_make(bench_arrays *a, const bench_kernel *kernel, const bench_settings *settings,
                       int64_t rows, int64_t width);
void bench_arrays_free(bench_arrays *a);

#endif
