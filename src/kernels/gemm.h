/* Matrix products, row-major: oneDNN where it was found, OpenBLAS otherwise. Parallel inside; call
 * from outside parallel regions.
 *
 * An operand is a float32 matrix that may have a bfloat16 copy. A product whose two operands have
 * one reads the copies and accumulates in float32; any other product is float32 throughout. The
 * result is always float32.
 *
 * oneDNN generates code for every shape it meets, and batches have ever new numbers of rows. So
 * rows are rounded up (rd_gemm_rows): a bfloat16 copy holds that many rows, those beyond `rows`
 * zero, and so must y and dx, whose rows beyond `rows` are overwritten with what nobody reads. */
#ifndef RD_KERNELS_GEMM_H
#define RD_KERNELS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    const float *f32;
    const uint16_t *bf16; /* NULL: none */
} rd_operand;

/* Rows that arrays taking part in a product of `rows` rows must have room for; at most 1/16 more,
 * or the next multiple of 16. */
int64_t rd_gemm_rows(int64_t rows);

typedef enum { RD_PRECISION_AUTO, RD_PRECISION_FP32, RD_PRECISION_BF16 } rd_precision;

/* Whether products read bfloat16 copies: auto takes them where they are faster. Fails when they are
 * asked for and this build or processor cannot. */
rd_status rd_gemm_choose(rd_precision precision, bool *bf16);

/* The three products of a linear layer y = x W^T, with W: [n_out, n_in].
 * `beta` 0 overwrites the result, 1 adds to it. */

/* y: [rows, n_out] = x: [rows, n_in] * W^T + beta * y */
void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, rd_operand x, rd_operand w,
                     float beta, float *y);
/* dx: [rows, n_in] = dy: [rows, n_out] * W + beta * dx */
void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, rd_operand dy, rd_operand w,
                           float beta, float *dx);
/* dw: [n_out, n_in] = dy^T * x + beta * dw */
void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, rd_operand dy,
                              rd_operand x, float beta, float *dw);

#endif
