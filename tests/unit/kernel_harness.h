/* Shared code of the tests of kernels: the tables of this machine, arrays that end with guards
 * nobody may write, and comparisons. */
#ifndef RD_TESTS_KERNEL_HARNESS_H
#define RD_TESTS_KERNEL_HARNESS_H

#include "base/rng.h"
#include "ops/cpu/kernels.h"

/* One table for every instruction set of this machine; a group set-up. */
extern const rd_kernels *tables[3];
extern int n_tables;
int find_tables(void **state);

extern const rd_kernels *ops; /* the one being checked */
extern char context[120];     /* what is being checked, for messages */
extern rd_rng rng;            /* of `filled` */

/* Arrays, released together by check_guards_and_release. */
float *empty(int64_t n); /* NaN until written */
float *filled(int64_t n, double size);
float *zeros(int64_t n);
double *doubles(int64_t n); /* zeros */
void to_doubles(double *to, const float *from, int64_t n);
void check_guards_and_release(void);

/* The form of activations being checked. */
extern bool in_bf16;
/* x: [n] in that form; in bfloat16 x itself is rounded to what the form holds. */
rd_activations formed(float *x, int64_t n);
rd_activations empty_form(int64_t n);
/* Its elements: [n]. */
float *numbers(rd_activations x, int64_t n);
/* That of a result in that form, float32's being given: bfloat16 rounds to 2^-9. */
double tolerance_of_form(double of_f32);

/* A row of ones after a table's dropout, in scale: [width]. */
void dropout_scales(const rd_kernels *table, const rd_dropout *dropout, int64_t row, int64_t width,
                    float *scale);

/* Within `tolerance` times the number itself, or times the size of what it was made of (1). */
void assert_same_sized(const char *what, const float *got, const double *wanted, int64_t n,
                       double tolerance, double size);
void assert_same(const char *what, const float *got, const double *wanted, int64_t n,
                 double tolerance);

#endif
