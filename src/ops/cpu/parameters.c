/* Operations on all parameters at once: each thread takes an equal share of them. */
#include <stdlib.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

/* Fixed blocks, added in order: the same bits on any number of threads. */
double rd_op_sum_of_squares(const float *x, int64_t n) {
    enum { BLOCK = 1 << 16 };
    const rd_kernels *kernels = rd_cpu_kernels();
    int64_t blocks = (n + BLOCK - 1) / BLOCK;
    double total = 0.0, *parts = calloc((size_t)blocks + 1, sizeof *parts);
    if (!parts) return kernels->sum_of_squares(x, n);
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < blocks; b++)
        parts[b] =
            kernels->sum_of_squares(x + b * BLOCK, n - b * BLOCK < BLOCK ? n - b * BLOCK : BLOCK);
    for (int64_t b = 0; b < blocks; b++) total += parts[b];
    free(parts);
    return total;
}

void rd_op_adam(float *p, float *g, float *m, float *v, int64_t n, const rd_adam *adam) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel
    {
        rd_share s = rd_share_of(n);
        kernels->adam(p + s.begin, g + s.begin, m + s.begin, v + s.begin, s.n, adam);
    }
}

void rd_op_momentum(float *p, float *g, float *m, int64_t n, const rd_momentum *c) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] * c->grad_scale + c->l2 * p[i];
        p[i] = p[i] * c->decay + c->from_m * m[i] + c->from_g * d;
        m[i] = m[i] * c->keep + d * c->add;
        g[i] = 0.0f;
    }
}

void rd_op_average(float *average, const float *x, int64_t n, float share) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) average[i] += share * (x[i] - average[i]);
}
