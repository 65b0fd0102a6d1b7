/* Operations on pictures: each thread takes its own pictures, or columns. */
#include <string.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/threads.h"
#include "ops/cpu/windows.h"
#include "ops/ops.h"

static bool is_cut(const rd_windows *w, const rd_window_place *p) {
    return p->first_y > 0 || p->first_x > 0 || p->last_y < w->kernel || p->last_x < w->kernel;
}

/* out: [channels, kernel, kernel]. */
static void copy_planes(float *out, const float *picture, const rd_windows *w,
                        const rd_window_place *p) {
    size_t run = sizeof(float) * (size_t)(p->last_x - p->first_x);
    for (int64_t c = 0; c < w->channels; c++)
        for (int64_t ky = p->first_y; ky < p->last_y; ky++)
            memcpy(out + (c * w->kernel + ky) * w->kernel + p->first_x,
                   picture + (c * w->side + p->y + ky) * w->side + p->x + p->first_x, run);
}

/* out: [kernel, kernel, channels]. */
static void copy_pixels(float *out, const float *picture, const rd_windows *w,
                        const rd_window_place *p) {
    size_t run = sizeof(float) * (size_t)((p->last_x - p->first_x) * w->channels);
    for (int64_t ky = p->first_y; ky < p->last_y; ky++)
        memcpy(out + run_in_window(w, p, ky), picture + run_in_picture(w, p, ky), run);
}

void rd_op_unfold(float *out, const float *pictures, const rd_windows *w) {
    int64_t n = windows_of(w), size = rd_windows_size(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n * n);
        for (int64_t i = s.begin; i < s.begin + s.n; i++) {
            const float *picture = pictures + i / n * samples_of(w);
            rd_window_place p = place_of(w, i % n);
            if (is_cut(w, &p)) memset(out + i * size, 0, sizeof(float) * (size_t)size);
            (w->interleaved ? copy_pixels : copy_planes)(out + i * size, picture, w, &p);
        }
    }
}

void rd_op_fold(float *dpictures, const float *dout, const rd_windows *w) {
    const rd_kernels *kernels = rd_cpu_kernels();
    int64_t row = windows_of(w) * rd_windows_size(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n);
        for (int64_t i = s.begin; i < s.begin + s.n; i++)
            kernels->fold(dpictures + i * samples_of(w), dout + i * row, w);
    }
}

void rd_op_max_pool(float *out, const float *pictures, const rd_windows *w) {
    const rd_kernels *kernels = rd_cpu_kernels();
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n);
        for (int64_t i = s.begin; i < s.begin + s.n; i++)
            kernels->max_pool(out + i * windows_of(w) * w->channels, pictures + i * samples_of(w),
                              w);
    }
}

void rd_op_max_pool_backward(float *dpictures, const float *dout, const float *out,
                             const float *pictures, const rd_windows *w) {
    const rd_kernels *kernels = rd_cpu_kernels();
    int64_t pooled = windows_of(w) * w->channels, samples = samples_of(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n);
        for (int64_t i = s.begin; i < s.begin + s.n; i++)
            kernels->max_pool_backward(dpictures + i * samples, dout + i * pooled, out + i * pooled,
                                       pictures + i * samples, w);
    }
}

/* ---- Patches in rows ---- */

void rd_op_place_patches(float *out, const float *x, const float *bias, const float *class_token,
                         const float *positions, const rd_patch_rows *rows) {
    int64_t first = rows->class_tokens, length = rows->patches + first, width = rows->width;
#pragma omp parallel
    {
        rd_share s = rd_share_of(rows->passes * rows->n * length);
        for (int64_t r = s.begin; r < s.begin + s.n; r++) {
            int64_t t = r % length, picture = r / length % rows->n;
            const float *position = positions + t * width;
            const float *from = t < first ? class_token + t * width
                                          : x + (picture * rows->patches + t - first) * width;
            float *to = out + r * width;
            for (int64_t i = 0; i < width; i++) to[i] = from[i] + position[i];
            if (t < first || !bias) continue;
            for (int64_t i = 0; i < width; i++) to[i] += bias[i];
        }
    }
}

static void add_row(float *to, const float *from, int64_t first, int64_t last) {
    if (!to) return;
    for (int64_t i = first; i < last; i++) to[i] += from[i];
}

/* Each thread owns columns, so no two threads write one element, and sums have the same order on
 * any number of threads. */
void rd_op_place_patches_backward(float *dx, float *dbias, float *dclass_token, float *dpositions,
                                  const float *dout, const rd_patch_rows *rows) {
    int64_t front = rows->class_tokens, length = rows->patches + front, width = rows->width;
    memset(dx, 0, sizeof(float) * (size_t)(rows->n * rows->patches * width));
#pragma omp parallel
    {
        rd_share columns = rd_share_of(width);
        int64_t first = columns.begin, last = first + columns.n;
        for (int64_t r = 0; r < rows->passes * rows->n * length; r++) {
            int64_t t = r % length, picture = r / length % rows->n;
            const float *row = dout + r * width;
            if (dpositions) add_row(dpositions + t * width, row, first, last);
            if (t < front) {
                if (dclass_token) add_row(dclass_token + t * width, row, first, last);
                continue;
            }
            add_row(dbias, row, first, last);
            add_row(dx + (picture * rows->patches + t - front) * width, row, first, last);
        }
    }
}
