/* The processor's instruction sets, asked once at run time. */
#ifndef RD_BASE_CPU_H
#define RD_BASE_CPU_H

#include <stdbool.h>

typedef enum { RD_ISA_GENERIC, RD_ISA_AVX2, RD_ISA_AVX512 } rd_isa;

/* The widest instruction set that both the processor and this build support. The environment
 * variable RDROP_ISA=generic|avx2|avx512 lowers it, for tests and for comparing. */
rd_isa rd_cpu_isa(void);

/* Does this processor multiply bfloat16 matrices faster than float32 ones? Those with matrix units
 * (AMX), and those whose bfloat16 dot products run at twice the float32 rate (AMD since Zen 4). */
bool rd_cpu_bf16_is_fast(void);

/* Does it add up products of pairs of bfloat16 at twice the float32 rate (AVX512_BF16 of AMD)? */
bool rd_cpu_has_bf16_pairs(void);

/* Does this processor have dot products of 8-bit integers in 512 bits (AVX-512 VNNI)? */
bool rd_cpu_has_int8_dots(void);
/* Does it multiply whole tiles of them (AMX)? */
bool rd_cpu_has_int8_tiles(void);

/* Numbers smaller than 1.2e-38 are 0 from here on, in this thread and in those that it starts: an
 * operation on a denormal number takes up to a hundred times as long, and Adam's moments of rows
 * that are rarely used become one. No effect on unknown processors. */
void rd_cpu_ignore_denormals(void);

#endif
