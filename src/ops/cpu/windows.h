/* The places of a picture's windows (ops/ops.h). */
#ifndef RD_OPS_CPU_WINDOWS_H
#define RD_OPS_CPU_WINDOWS_H

#include "ops/ops.h"

/* The part of a window that lies inside its picture: pixels (y, x) + [first, last) both ways. */
typedef struct {
    int64_t y, x, first_y, last_y, first_x, last_x;
} rd_window_place;

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The i-th window of a picture. */
static inline rd_window_place place_of(const rd_windows *w, int64_t i) {
    int64_t side = rd_windows_side(w);
    rd_window_place p = {.y = i / side * w->stride - w->padding,
                         .x = i % side * w->stride - w->padding};
    p.first_y = p.y < 0 ? -p.y : 0;
    p.first_x = p.x < 0 ? -p.x : 0;
    p.last_y = least(w->kernel, w->side - p.y);
    p.last_x = least(w->kernel, w->side - p.x);
    return p;
}

static inline int64_t samples_of(const rd_windows *w) {
    return w->side * w->side * w->channels;
}

static inline int64_t windows_of(const rd_windows *w) {
    return rd_windows_side(w) * rd_windows_side(w);
}

/* The first channel of pixel (ky, kx) of an interleaved window, in the picture. */
static inline int64_t sample_at(const rd_windows *w, const rd_window_place *p, int64_t ky,
                                int64_t kx) {
    return ((p->y + ky) * w->side + p->x + kx) * w->channels;
}

/* Where row ky of an interleaved window lies, in the window and in the picture. */
static inline int64_t run_in_window(const rd_windows *w, const rd_window_place *p, int64_t ky) {
    return (ky * w->kernel + p->first_x) * w->channels;
}

static inline int64_t run_in_picture(const rd_windows *w, const rd_window_place *p, int64_t ky) {
    return sample_at(w, p, ky, p->first_x);
}

#endif
