/* Each output sample is a sum of input samples with weights in fixed point: first along rows, then
 * along columns, rounded to 8 bits after each. */
#include "data/picture_resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { WEIGHT_BITS = 22 }; /* after the point */

static double triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -1/2. */
static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

typedef struct {
    double (*weight)(double x);
    double reach; /* where the weights end, in pixels of the coarser side */
} filter;

static const filter filters[] = {[RD_BILINEAR] = {triangle, 1.0}, [RD_BICUBIC] = {cubic, 2.0}};

/* Output i is the sum over k < n[i] of input first[i] + k times weights[i * most + k]. */
typedef struct {
    int64_t most;
    int32_t *first, *n; /* [n_out] */
    int32_t *weights;   /* [n_out, most] */
} taps;

static void free_taps(taps *t) {
    free(t->first);
    free(t->n);
    free(t->weights);
}

static int32_t fixed(double weight) {
    return (int32_t)(weight * (1 << WEIGHT_BITS) + (weight < 0.0 ? -0.5 : 0.5));
}

static void set_taps(taps *t, int64_t i, const filter *f, int32_t n_in, double scale,
                     double *exact) {
    double stretch = scale > 1.0 ? scale : 1.0, reach = f->reach * stretch;
    double centre = ((double)i + 0.5) * scale, sum = 0.0, shrink = 1.0 / stretch;
    int32_t first = (int32_t)(centre - reach + 0.5), end = (int32_t)(centre + reach + 0.5);
    if (first < 0) first = 0;
    if (end > n_in) end = n_in;
    t->first[i] = first;
    t->n[i] = end - first;
    for (int32_t k = 0; k < end - first; k++) {
        exact[k] = f->weight((k + first - centre + 0.5) * shrink);
        sum += exact[k];
    }
    for (int32_t k = 0; k < end - first; k++)
        t->weights[i * t->most + k] = fixed(sum != 0.0 ? exact[k] / sum : exact[k]);
}

/* Release with free_taps in any case. */
static rd_status make_taps(taps *t, const filter *f, int32_t n_in, int32_t n_out) {
    double scale = (double)n_in / n_out;
    t->most = (int64_t)ceil(f->reach * (scale > 1.0 ? scale : 1.0)) * 2 + 1;
    t->first = rd_malloc((size_t)n_out, sizeof *t->first);
    t->n = rd_malloc((size_t)n_out, sizeof *t->n);
    t->weights = rd_malloc((size_t)(n_out * t->most), sizeof *t->weights);
    double *exact = rd_malloc((size_t)t->most, sizeof *exact);
    rd_status status = t->first && t->n && t->weights && exact ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < n_out; i++) set_taps(t, i, f, n_in, scale, exact);
    free(exact);
    return status;
}

static uint8_t rounded(int32_t sum) {
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One row: to: [n_out, channels] of from: [n_in, channels]. */
static void resize_row(uint8_t *to, const uint8_t *from, int32_t n_out, int32_t channels,
                       const taps *t) {
    for (int32_t i = 0; i < n_out; i++) {
        const int32_t *w = t->weights + i * t->most;
        const uint8_t *in = from + (int64_t)t->first[i] * channels;
        if (channels == 3) {
            int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
            for (int32_t k = 0; k < t->n[i]; k++, in += 3)
                r += in[0] * w[k], g += in[1] * w[k], b += in[2] * w[k];
            *to++ = rounded(r), *to++ = rounded(g), *to++ = rounded(b);
        } else {
            int32_t sum = 1 << (WEIGHT_BITS - 1);
            for (int32_t k = 0; k < t->n[i]; k++) sum += in[k] * w[k];
            *to++ = rounded(sum);
        }
    }
}

/* One output row of the second pass; sums: [stride]. */
static void mix_rows(uint8_t *to, const uint8_t *from, int64_t stride, int32_t n, const int32_t *w,
                     int32_t *sums) {
    for (int64_t c = 0; c < stride; c++) sums[c] = 1 << (WEIGHT_BITS - 1);
    for (int32_t k = 0; k < n; k++)
        for (int64_t c = 0; c < stride; c++) sums[c] += from[k * stride + c] * w[k];
    for (int64_t c = 0; c < stride; c++) to[c] = rounded(sums[c]);
}

/* to: [box.height, width] of the box's rows. */
static rd_status along_rows(rd_picture *to, const rd_picture *from, rd_box box, int32_t width,
                            const filter *f) {
    int64_t channels = from->channels, stride = from->width * channels;
    const uint8_t *corner = from->samples + box.y * stride + box.x * channels;
    taps t = {0};
    RD_TRY(rd_picture_reshape(to, width, box.height, from->channels));
    rd_status status = width == box.width ? RD_OK : make_taps(&t, f, box.width, width);
    for (int64_t y = 0; status == RD_OK && y < box.height; y++) {
        uint8_t *row = to->samples + y * width * channels;
        if (width == box.width)
            memcpy(row, corner + y * stride, (size_t)(width * channels));
        else
            resize_row(row, corner + y * stride, width, from->channels, &t);
    }
    free_taps(&t);
    return status;
}

static rd_status along_columns(rd_picture *to, const rd_picture *from, int32_t height,
                               const filter *f) {
    int64_t stride = (int64_t)from->width * from->channels;
    taps t = {0};
    RD_TRY(rd_picture_reshape(to, from->width, height, from->channels));
    int32_t *sums = rd_malloc((size_t)stride, sizeof *sums);
    rd_status status = sums ? make_taps(&t, f, from->height, height) : RD_ERR_MEMORY;
    for (int64_t y = 0; status == RD_OK && y < height; y++)
        mix_rows(to->samples + y * stride, from->samples + t.first[y] * stride, stride, t.n[y],
                 t.weights + y * t.most, sums);
    free(sums);
    free_taps(&t);
    return status;
}

rd_status rd_picture_resize(rd_picture *to, rd_picture *scratch, const rd_picture *from, rd_box box,
                            int32_t width, int32_t height, rd_resampling resampling) {
    const filter *f = &filters[resampling];
    bool columns = height != box.height;
    RD_TRY(along_rows(columns ? scratch : to, from, box, width, f));
    return columns ? along_columns(to, scratch, height, f) : RD_OK;
}
