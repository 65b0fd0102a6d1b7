/* What the processor can do, asked once at run time. */
#ifndef RD_BASE_CPU_H
#define RD_BASE_CPU_H

typedef enum { RD_ISA_GENERIC, RD_ISA_AVX2, RD_ISA_AVX512 } rd_isa;

/* The widest instruction set that both the processor and this build support. The environment
 * variable RDROP_ISA=generic|avx2|avx512 lowers it, for tests and for comparing. */
rd_isa rd_cpu_isa(void);

/* Threads used by every parallel loop of the library (OpenMP); n <= 0 means all cores. */
void rd_set_threads(int n);
int rd_get_threads(void);

#endif
