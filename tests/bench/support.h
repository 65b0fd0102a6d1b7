/* Shared code of the benchmarks: timing, the limits of this machine, and reports as text or
 * JSON. */
#ifndef RD_TESTS_BENCH_SUPPORT_H
#define RD_TESTS_BENCH_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "tools/common/options.h"

typedef void (*bench_work)(void *self);

/* Parses the command line into `arguments` and runs the benchmark; main returns its result. */
int bench_main(const options_program *program, void *arguments, bench_work bench, int argc,
               char **argv);

/* Ends the program with the library's message to stderr and exit 1. */
_Noreturn void bench_fail(void);

/* Of any size and alignment, filled with normal deviates; ends the program without memory. */
float *bench_floats(int64_t n);

/* Seconds of the fastest call, after one that does not count, repeated for about `budget` seconds:
 * what the machine can do, whatever else runs on it. */
double bench_time(bench_work work, void *self, double budget);

/* Bytes a second that all threads together read and write in a[i] += s * b[i] over arrays of
 * `bytes` together. Small ones stay in caches. */
double bench_bandwidth(int64_t bytes, double budget);

/* The products of a linear layer, y = x W^T with W: [n_out, n_in] and x: [rows, n_in]. */
typedef enum { BENCH_FORWARD, BENCH_BACKWARD_DATA, BENCH_BACKWARD_WEIGHTS } bench_product;

/* Operations a second, through the library's own products. */
double bench_gemm(bench_product product, bool bf16, int64_t rows, int64_t n_out, int64_t n_in,
                  double budget);

/* {"cpu", "isa", "threads", "bf16", "load_average"}: whether bfloat16 products are to be had; the
 * load is the last minute's, of others too. As one line of text to stdout. */
json_t *bench_machine(void);
void bench_print_machine(void);

/* Writes the object to stdout and releases it. */
void bench_print_json(json_t *object);

#endif
