/* Matrix products through oneDNN's matmul primitive. */
#ifndef RD_OPS_CPU_MATMUL_H
#define RD_OPS_CPU_MATMUL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const void *data;
    bool bf16;       /* bfloat16, else float */
    bool transposed; /* stored as the transpose */
} rd_matmul_operand;

/* Whether there is room for a product, by any library, whose operands and result have so many
 * floats: the libraries make code for each shape and copy the operands, and without room for that
 * they crash or end the process. */
bool rd_matmul_has_room(int64_t floats);

/* c: [m, n] = a: [m, k] * b: [k, n] + beta * c, with beta 0 or 1; a and b of one type. False when
 * oneDNN is absent, cannot do this on this processor, or is out of memory; c is then as it was. */
bool rd_matmul(int64_t m, int64_t n, int64_t k, rd_matmul_operand a, rd_matmul_operand b,
               float beta, rd_matmul_operand c);

#endif
