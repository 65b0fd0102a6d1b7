/* Matrix products, row-major: oneDNN where it was found, OpenBLAS otherwise. Parallel inside; call
 * from outside parallel regions.
 *
 * A product whose two operands have bfloat16 forms reads those and accumulates in float32; any
 * other product is float32 throughout, and its operands must have float32 forms. A result has one
 * form.
 *
 * oneDNN generates code for every shape it meets, and batches keep having new numbers of rows. So
 * rows are rounded up (rd_gemm_rows): a bfloat16 operand holds that many rows, those beyond `rows`
 * zero, and so must y and dx, whose rows beyond `rows` are overwritten: with zeros in y and, where
 * beta is 0, in dx. */
#ifndef RD_OPS_GEMM_H
#define RD_OPS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ops/activations.h"
#include "rdrop/model.h"

/* Rows that arrays taking part in a product of `rows` rows must have room for; at most 1/16 more,
 * or the next multiple of 16. */
int64_t rd_gemm_rows(int64_t rows);

/* Whether activations are bfloat16: auto uses it where it is faster. Fails if bfloat16 is requested
 * and this build or processor lacks it. */
rd_status rd_gemm_choose(rd_precision precision, bool *bf16);

/* The three products of a linear layer y = x W^T, with W: [n_out, n_in].
 * `beta` 0 overwrites the result, 1 adds to it. */

/* y: [rows, n_out] = x: [rows, n_in] * W^T + beta * y */
void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, rd_activations x, rd_activations w,
                     float beta, rd_activations y);
/* dx: [rows, n_in] = dy: [rows, n_out] * W + beta * dx */
void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, rd_activations dy,
                           rd_activations w, float beta, rd_activations dx);
/* dw: [n_out, n_in] = dy^T * x + beta * dw */
void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, rd_activations dy,
                              rd_activations x, float beta, float *dw);

#endif
