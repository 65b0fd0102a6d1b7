/* Products of packed weights (packed.c) with many rows, through oneDNN. */
#ifndef RD_OPS_CPU_PACKED_ONEDNN_H
#define RD_OPS_CPU_PACKED_ONEDNN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "rdrop/model.h"

enum { RD_PACKED_MOST_ROWS = 64 }; /* that a call multiplies */

typedef struct rd_packed_onednn rd_packed_onednn;

bool rd_packed_onednn_is_there(void); /* in this build */

/* panels: [n_out, n_in], of 64, as ops/cpu/kernels.h has them; they must stay. *made is NULL, which
 * is not a failure, where oneDNN is absent or has no fast product of them. */
rd_status rd_packed_onednn_new(rd_packed_onednn **made, rd_precision precision, int64_t n_out,
                               int64_t n_in, void *panels);
void rd_packed_onednn_free(rd_packed_onednn *product); /* NULL is fine */

/* How many of the rows (two or more) a call multiplies. oneDNN makes code for each number that it
 * meets, so only a few numbers are used. */
int64_t rd_packed_onednn_rows(int64_t rows);

/* y: [rows, n_out], of int8 the sums as int32; x: [rows, n_in] of float, bfloat16, or 8 bits
 * unsigned. Several threads may call at once. */
rd_status rd_packed_onednn_multiply(rd_packed_onednn *product, rd_arena *arena, int64_t rows,
                                    const void *x, float *y);

#endif
