/* Operations on pictures: each thread takes pictures of its own, or columns. */
#include <string.h>

#include "ops/cpu/threads.h"
#include "ops/ops.h"

/* The part of a window that lies inside its picture: pixels (y, x) + [first, last) both ways. */
typedef struct {
    int64_t y, x, first_y, last_y, first_x, last_x;
} place;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The i-th window of a picture. */
static place place_of(const rd_windows *w, int64_t i) {
    int64_t side = rd_windows_side(w);
    place p = {.y = i / side * w->stride - w->padding, .x = i % side * w->stride - w->padding};
    p.first_y = p.y < 0 ? -p.y : 0;
    p.first_x = p.x < 0 ? -p.x : 0;
    p.last_y = least(w->kernel, w->side - p.y);
    p.last_x = least(w->kernel, w->side - p.x);
    return p;
}

static bool is_cut(const rd_windows *w, const place *p) {
    return p->first_y > 0 || p->first_x > 0 || p->last_y < w->kernel || p->last_x < w->kernel;
}

static int64_t samples_of(const rd_windows *w) {
    return w->side * w->side * w->channels;
}

static int64_t window_size(const rd_windows *w) {
    return w->kernel * w->kernel * w->channels;
}

static int64_t windows_of(const rd_windows *w) {
    return rd_windows_side(w) * rd_windows_side(w);
}

/* out: [channels, kernel, kernel]. */
static void copy_planes(float *out, const float *picture, const rd_windows *w, const place *p) {
    size_t run = sizeof(float) * (size_t)(p->last_x - p->first_x);
    for (int64_t c = 0; c < w->channels; c++)
        for (int64_t ky = p->first_y; ky < p->last_y; ky++)
            memcpy(out + (c * w->kernel + ky) * w->kernel + p->first_x,
                   picture + (c * w->side + p->y + ky) * w->side + p->x + p->first_x, run);
}

/* Where row ky of an interleaved window lies, in the window and in the picture. */
static int64_t run_in_window(const rd_windows *w, const place *p, int64_t ky) {
    return (ky * w->kernel + p->first_x) * w->channels;
}

static int64_t run_in_picture(const rd_windows *w, const place *p, int64_t ky) {
    return ((p->y + ky) * w->side + p->x + p->first_x) * w->channels;
}

/* out: [kernel, kernel, channels]. */
static void copy_pixels(float *out, const float *picture, const rd_windows *w, const place *p) {
    size_t run = sizeof(float) * (size_t)((p->last_x - p->first_x) * w->channels);
    for (int64_t ky = p->first_y; ky < p->last_y; ky++)
        memcpy(out + run_in_window(w, p, ky), picture + run_in_picture(w, p, ky), run);
}

void rd_op_unfold(float *out, const float *pictures, const rd_windows *w) {
    int64_t n = windows_of(w), size = window_size(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n * n);
        for (int64_t i = s.begin; i < s.begin + s.n; i++) {
            const float *picture = pictures + i / n * samples_of(w);
            place p = place_of(w, i % n);
            if (is_cut(w, &p)) memset(out + i * size, 0, sizeof(float) * (size_t)size);
            (w->interleaved ? copy_pixels : copy_planes)(out + i * size, picture, w, &p);
        }
    }
}

void rd_op_fold(float *dpictures, const float *dout, const rd_windows *w) {
    int64_t n = windows_of(w), size = window_size(w), samples = samples_of(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n);
        memset(dpictures + s.begin * samples, 0, sizeof(float) * (size_t)(s.n * samples));
        for (int64_t i = s.begin * n; i < (s.begin + s.n) * n; i++) {
            float *picture = dpictures + i / n * samples;
            place p = place_of(w, i % n);
            int64_t run = (p.last_x - p.first_x) * w->channels;
            for (int64_t ky = p.first_y; ky < p.last_y; ky++) {
                float *to = picture + run_in_picture(w, &p, ky);
                const float *from = dout + i * size + run_in_window(w, &p, ky);
                for (int64_t k = 0; k < run; k++) to[k] += from[k];
            }
        }
    }
}

void rd_op_max_pool(float *out, const float *pictures, const rd_windows *w) {
    int64_t n = windows_of(w), channels = w->channels;
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n * n);
        memset(out + s.begin * channels, 0, sizeof(float) * (size_t)(s.n * channels));
        for (int64_t i = s.begin; i < s.begin + s.n; i++) {
            const float *picture = pictures + i / n * samples_of(w);
            float *to = out + i * channels;
            place p = place_of(w, i % n);
            for (int64_t ky = p.first_y; ky < p.last_y; ky++)
                for (int64_t kx = p.first_x; kx < p.last_x; kx++) {
                    const float *x = picture + ((p.y + ky) * w->side + p.x + kx) * channels;
                    for (int64_t c = 0; c < channels; c++) to[c] = x[c] > to[c] ? x[c] : to[c];
                }
        }
    }
}

enum { BLOCK = 64 }; /* channels at a time */

/* left: [n] what is still to be given to a sample of the window. */
static void give(float *dx, const float *x, const float *out, float *left, int64_t n) {
    for (int64_t c = 0; c < n; c++) {
        bool hit = x[c] == out[c];
        dx[c] += hit ? left[c] : 0.0f;
        left[c] = hit ? 0.0f : left[c];
    }
}

/* Of one window, channels [first, first + n). */
static void pool_backward(float *dpicture, const float *picture, const float *dout,
                          const float *out, const rd_windows *w, const place *p, int64_t first,
                          int64_t n) {
    float left[BLOCK];
    for (int64_t c = 0; c < n; c++) left[c] = out[first + c] > 0.0f ? dout[first + c] : 0.0f;
    for (int64_t ky = p->first_y; ky < p->last_y; ky++)
        for (int64_t kx = p->first_x; kx < p->last_x; kx++) {
            int64_t at = ((p->y + ky) * w->side + p->x + kx) * w->channels + first;
            give(dpicture + at, picture + at, out + first, left, n);
        }
}

void rd_op_max_pool_backward(float *dpictures, const float *dout, const float *out,
                             const float *pictures, const rd_windows *w) {
    int64_t n = windows_of(w), channels = w->channels, samples = samples_of(w);
#pragma omp parallel
    {
        rd_share s = rd_share_of(w->n);
        memset(dpictures + s.begin * samples, 0, sizeof(float) * (size_t)(s.n * samples));
        for (int64_t i = s.begin * n; i < (s.begin + s.n) * n; i++) {
            int64_t at = i / n * samples;
            place p = place_of(w, i % n);
            for (int64_t c = 0; c < channels; c += BLOCK)
                pool_backward(dpictures + at, pictures + at, dout + i * channels,
                              out + i * channels, w, &p, c, least(BLOCK, channels - c));
        }
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

/* Each thread owns columns, so that no two write one element, in the same order on any number of
 * threads. */
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
