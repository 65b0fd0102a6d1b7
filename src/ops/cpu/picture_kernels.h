/* Windows over one picture whose channels lie next to each other. Included by simd.c only, once per
 * instruction set. */
#ifndef RD_OPS_CPU_PICTURE_KERNELS_H
#define RD_OPS_CPU_PICTURE_KERNELS_H

#include <math.h>
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/windows.h"

static void fold(float *dpicture, const float *dout, const rd_windows *w) {
    int64_t n = windows_of(w), size = rd_windows_size(w);
    memset(dpicture, 0, sizeof(float) * (size_t)samples_of(w));
    for (int64_t i = 0; i < n; i++) {
        rd_window_place p = place_of(w, i);
        int64_t run = (p.last_x - p.first_x) * w->channels;
        for (int64_t ky = p.first_y; ky < p.last_y; ky++) {
            float *to = dpicture + run_in_picture(w, &p, ky);
            const float *from = dout + i * size + run_in_window(w, &p, ky);
            for (int64_t k = 0; k < run; k++) to[k] += from[k];
        }
    }
}

static void max_pool(float *out, const float *picture, const rd_windows *w) {
    int64_t n = windows_of(w), channels = w->channels;
    memset(out, 0, sizeof(float) * (size_t)(n * channels));
    for (int64_t i = 0; i < n; i++) {
        float *restrict to = out + i * channels;
        rd_window_place p = place_of(w, i);
        for (int64_t ky = p.first_y; ky < p.last_y; ky++)
            for (int64_t kx = p.first_x; kx < p.last_x; kx++) {
                const float *restrict x = picture + sample_at(w, &p, ky, kx);
                for (int64_t c = 0; c < channels; c++)
                    to[c] = x[c] <= to[c] || isnan(to[c]) ? to[c] : x[c];
            }
    }
}

/* left: [n] the gradient not yet given to a sample of the window; x, out, dx: [n]. */
static void give(float *restrict dx, const float *restrict x, const float *restrict out,
                 float *restrict left, int64_t n) {
    for (int64_t c = 0; c < n; c++) {
        float given = x[c] == out[c] ? left[c] : 0.0f;
        dx[c] += given;
        left[c] = x[c] == out[c] ? 0.0f : left[c];
    }
}

static void max_pool_backward(float *dpicture, const float *dout, const float *out,
                              const float *picture, const rd_windows *w) {
    int64_t n = windows_of(w), channels = w->channels;
    float left[PIECE];
    memset(dpicture, 0, sizeof(float) * (size_t)samples_of(w));
    for (int64_t i = 0; i < n; i++) {
        rd_window_place p = place_of(w, i);
        for (int64_t first = 0; first < channels; first += PIECE) {
            const float *largest = out + i * channels + first, *d = dout + i * channels + first;
            int64_t count = piece_of(first, channels);
            for (int64_t c = 0; c < count; c++) left[c] = largest[c] <= 0.0f ? 0.0f : d[c];
            for (int64_t ky = p.first_y; ky < p.last_y; ky++)
                for (int64_t kx = p.first_x; kx < p.last_x; kx++) {
                    int64_t at = sample_at(w, &p, ky, kx) + first;
                    give(dpicture + at, picture + at, largest, left, count);
                }
        }
    }
}

#endif
