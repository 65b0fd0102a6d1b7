/* Products with weights that never change, as in translation: a matrix is put once into the layout
 * and the type that the processor multiplies fastest, and is then multiplied very often with few
 * rows at a time. */
#ifndef RD_OPS_PACKED_H
#define RD_OPS_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "rdrop/model.h"

typedef struct rd_packed rd_packed;

/* *chosen: `precision` on this machine; auto becomes bf16 if that is faster, else fp32. Fails if
 * bf16 or int8 is requested and this processor lacks it. */
rd_status rd_packed_choose(rd_precision precision, rd_precision *chosen);

/* Whether int8 may be asked for. */
bool rd_packed_has_int8(void);

/* w: [n_out, n_in], not needed afterwards. int8 rounds each row of W to 255 steps between its
 * largest magnitude and its negative; bf16 rounds each weight. */
rd_status rd_packed_new(rd_packed **packed, rd_precision chosen, int64_t n_out, int64_t n_in,
                        const float *w);
void rd_packed_free(rd_packed *packed); /* NULL is fine */
/* The precision it was made with; fp32 for NULL. */
rd_precision rd_packed_precision(const rd_packed *packed);

/* y: [rows, n_out] = x: [rows, n_in] * W^T + bias: [n_out] (NULL: none). x is rounded as W is, each
 * row by its own scale; sums of int8 products are exact, the others float32. Several threads may
 * use one packed matrix at once. A row's result depends on the other rows only through the
 * order of float32 sums. */
rd_status rd_packed_multiply(const rd_packed *packed, rd_arena *arena, int64_t rows, const float *x,
                             const float *bias, float *y);

/* rounded: [n_out, n_in] = w / scales: [n_out], which make each row's largest magnitude 127. */
void rd_quantize_weights(int8_t *rounded, float *scales, const float *w, int64_t n_out,
                         int64_t n_in);

#endif
