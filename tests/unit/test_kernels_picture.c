/* The kernels over windows of a picture, for every instruction set this machine has, against their
 * definitions (ops/ops.h) sample by sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "kernel_harness.h"

/* The sample of channel c at pixel (ky, kx) of window i; -1: outside the picture. */
static int64_t sample_of(const rd_windows *w, int64_t i, int64_t ky, int64_t kx, int64_t c) {
    int64_t side = rd_windows_side(w);
    int64_t y = i / side * w->stride - w->padding + ky, x = i % side * w->stride - w->padding + kx;
    bool inside = y >= 0 && x >= 0 && y < w->side && x < w->side;
    return inside ? (y * w->side + x) * w->channels + c : -1;
}

static int64_t n_windows(const rd_windows *w) {
    return rd_windows_side(w) * rd_windows_side(w);
}

static void check_fold(const rd_windows *w) {
    int64_t samples = w->side * w->side * w->channels, size = w->kernel * w->kernel * w->channels;
    float *windows = filled(n_windows(w) * size, 1), *got = empty(samples);
    double *wanted = doubles(samples);
    for (int64_t i = 0; i < n_windows(w); i++)
        for (int64_t k = 0; k < size; k++) {
            int64_t pixel = k / w->channels;
            int64_t at = sample_of(w, i, pixel / w->kernel, pixel % w->kernel, k % w->channels);
            if (at >= 0) wanted[at] += (double)windows[i * size + k];
        }
    ops->fold(got, windows, w);
    assert_same("fold", got, wanted, samples, 1e-6);
}

/* The first sample of the window that is its largest; -1: none is positive. */
static int64_t largest_of(const rd_windows *w, const float *picture, int64_t i, int64_t c) {
    int64_t largest = -1;
    for (int64_t k = 0; k < w->kernel * w->kernel; k++) {
        int64_t at = sample_of(w, i, k / w->kernel, k % w->kernel, c);
        if (at < 0 || picture[at] <= (largest < 0 ? 0.0f : picture[largest])) continue;
        largest = at;
    }
    return largest;
}

static void check_max_pool(const rd_windows *w) {
    int64_t samples = w->side * w->side * w->channels, pooled = n_windows(w) * w->channels;
    float *picture = filled(samples, 1), *out = empty(pooled);
    float *dout = filled(pooled, 1), *got = empty(samples);
    double *wanted_out = doubles(pooled), *wanted = doubles(samples);
    for (int64_t k = 0; k < samples; k++) /* many are equal, some windows have no positive one */
        picture[k] = roundf(4.0f * picture[k]) - 1.0f;
    for (int64_t k = 0; k < pooled; k++) {
        int64_t at = largest_of(w, picture, k / w->channels, k % w->channels);
        if (at < 0) continue;
        wanted_out[k] = (double)picture[at];
        wanted[at] += (double)dout[k];
    }
    ops->max_pool(out, picture, w);
    assert_same("max_pool", out, wanted_out, pooled, 0.0);
    ops->max_pool_backward(got, dout, out, picture, w);
    assert_same("max_pool_backward", got, wanted, samples, 1e-6);
}

static void for_each_shape(void (*check)(const rd_windows *)) {
    static const int64_t channels[] = {1, 3, 16, 70, 513};
    static const rd_windows windows[] = {
        {.side = 1, .kernel = 3, .stride = 1, .padding = 1},
        {.side = 7, .kernel = 3, .stride = 2, .padding = 1},
        {.side = 6, .kernel = 3, .stride = 1, .padding = 1},
        {.side = 8, .kernel = 2, .stride = 2, .padding = 0},
    };
    for (int t = 0; t < n_tables; t++)
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
            for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
                rd_windows w = windows[i];
                w.n = 1;
                w.channels = channels[c];
                w.interleaved = true;
                ops = tables[t];
                rng = rd_rng_make(1, c * 100 + i);
                snprintf(context, sizeof context, "%s, %d channels, side %d", ops->name,
                         (int)w.channels, (int)w.side);
                check(&w);
                check_guards_and_release();
            }
}

static void test_fold(void **state) {
    (void)state;
    for_each_shape(check_fold);
}

static void test_max_pool(void **state) {
    (void)state;
    for_each_shape(check_max_pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fold),
                                       cmocka_unit_test(test_max_pool)};
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
