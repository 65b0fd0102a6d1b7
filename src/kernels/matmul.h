/* Matrix products through oneDNN's matmul primitive. */
#ifndef RD_KERNELS_MATMUL_H
#define RD_KERNELS_MATMUL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const void *data; /* float or bfloat16 */
    bool transposed;  /* stored as the transpose */
} rd_matmul_operand;

/* c: [m, n] f32 = a: [m, k] * b: [k, n] + beta * c, with beta 0 or 1; a and b both bfloat16 or both
 * float. False when oneDNN is absent, cannot do this on this processor, or is out of memory; c is
 * then as it was. */
bool rd_matmul(bool bf16, int64_t m, int64_t n, int64_t k, rd_matmul_operand a, rd_matmul_operand b,
               float beta, float *c);

#endif
