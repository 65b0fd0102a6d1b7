/* Matrix products, row-major float32: oneDNN's sgemm where it was found (fast at small shapes),
 * OpenBLAS otherwise. Parallel inside; call from outside parallel regions. */
#ifndef RD_KERNELS_GEMM_H
#define RD_KERNELS_GEMM_H

#include <stdint.h>

/* The three products of a linear layer y = x W^T, with W: [n_out, n_in].
 * `beta` 0 overwrites the result, 1 adds to it. */

/* y: [rows, n_out] = x: [rows, n_in] * W^T + beta * y */
void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, const float *x, const float *w,
                     float beta, float *y);
/* dx: [rows, n_in] = dy: [rows, n_out] * W + beta * dx */
void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, const float *dy,
                           const float *w, float beta, float *dx);
/* dw: [n_out, n_in] = dy^T * x + beta * dw */
void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, const float *dy,
                              const float *x, float beta, float *dw);

#endif
