#include "kernel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "golden.h"

enum { GUARD = 16 };

const rd_kernels *tables[3];
int n_tables;
const rd_kernels *ops;
char context[120];
rd_rng rng;

int find_tables(void **state) {
    (void)state;
    for (rd_isa isa = RD_ISA_GENERIC; isa <= rd_cpu_isa(); isa++)
        tables[n_tables++] = rd_kernels_of(isa);
    return 0;
}

/* Arrays of one check, released together. */
static struct {
    float *x;
    int64_t n;
} arrays[96];
static int n_arrays;

float *empty(int64_t n) { /* NaN until written */
    float *x = rd_malloc((size_t)(n + GUARD), sizeof *x);
    assert_non_null(x);
    memset(x, 0xff, sizeof *x * (size_t)(n + GUARD));
    assert_true(n_arrays < 96);
    arrays[n_arrays].x = x;
    arrays[n_arrays++].n = n;
    return x;
}

float *filled(int64_t n, double size) {
    float *x = empty(n);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(size * rd_rng_normal(&rng));
    return x;
}

float *zeros(int64_t n) {
    return filled(n, 0.0);
}

bool in_bf16;

rd_activations empty_form(int64_t n) {
    float *room = empty(in_bf16 ? (n + 1) / 2 : n);
    return in_bf16 ? (rd_activations){.bf16 = (uint16_t *)room} : (rd_activations){.f32 = room};
}

rd_activations formed(float *x, int64_t n) {
    if (!in_bf16) return (rd_activations){.f32 = x};
    rd_activations copy = empty_form(n);
    for (int64_t i = 0; i < n; i++) {
        copy.bf16[i] = rd_f32_to_bf16(x[i]);
        x[i] = rd_bf16_to_f32(copy.bf16[i]);
    }
    return copy;
}

float *numbers(rd_activations x, int64_t n) {
    if (x.f32) return x.f32;
    float *copy = empty(n);
    for (int64_t i = 0; i < n; i++) copy[i] = rd_bf16_to_f32(x.bf16[i]);
    return copy;
}

double tolerance_of_form(double of_f32) {
    return in_bf16 ? 0x1p-8 : of_f32;
}

double *doubles(int64_t n) { /* zeros; doubles share the book-keeping */
    float *x = empty(2 * n);
    memset(x, 0, sizeof *x * 2 * (size_t)n);
    return (double *)x;
}

void to_doubles(double *to, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (double)from[i];
}

void check_guards_and_release(void) {
    uint32_t guard[GUARD];
    memset(guard, 0xff, sizeof guard);
    for (int i = 0; i < n_arrays; i++) {
        if (memcmp(arrays[i].x + arrays[i].n, guard, sizeof guard) != 0)
            fail_msg("%s: array %d is written beyond its end", context, i);
        free(arrays[i].x);
    }
    n_arrays = 0;
}

void dropout_scales(const rd_kernels *table, const rd_dropout *dropout, int64_t row, int64_t width,
                    float *scale) {
    for (int64_t i = 0; i < width; i++) scale[i] = 1.0f;
    table->apply_dropout((rd_activations){.f32 = scale}, row, 1, width, dropout);
}

void assert_same_sized(const char *what, const float *got, const double *wanted, int64_t n,
                       double tolerance, double size) {
    char name[200];
    snprintf(name, sizeof name, "%s: %s", context, what);
    for (int64_t i = 0; i < n; i++)
        assert_near((double)got[i], wanted[i], tolerance, tolerance * size, name, i);
}

void assert_same(const char *what, const float *got, const double *wanted, int64_t n,
                 double tolerance) {
    assert_same_sized(what, got, wanted, n, tolerance, 1.0);
}
