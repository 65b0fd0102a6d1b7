/* Each output sample is a sum of input samples with weights in fixed point: along rows and along
 * columns, rounded to 8 bits after each. */
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

/* One side of a picture: n_in pixels become n_out. The first `skipped` pixels are not there; `n` of
 * the results are wanted, from `first` on. */
typedef struct {
    int32_t n_in, skipped, n;
    int64_t first, n_out;
} side;

/* Of outputs first .. first + n - 1: output first + i is the sum over k < n_in[i] of input from[i]
 * + k times weights[i * most + k]. */
typedef struct {
    int64_t most;
    int32_t *from, *n_in; /* [n] */
    int32_t *weights;     /* [n, most] */
} taps;

static void free_taps(taps *t) {
    free(t->from);
    free(t->n_in);
    free(t->weights);
}

static int32_t fixed(double weight) {
    return (int32_t)(weight * (1 << WEIGHT_BITS) + (weight < 0.0 ? -0.5 : 0.5));
}

static void set_taps(taps *t, int64_t i, const side *s, const filter *f, double *exact) {
    double scale = (double)s->n_in / (double)s->n_out;
    double stretch = scale > 1.0 ? scale : 1.0, reach = f->reach * stretch;
    double centre = ((double)(s->first + i) + 0.5) * scale, sum = 0.0, shrink = 1.0 / stretch;
    int32_t first = (int32_t)(centre - reach + 0.5), end = (int32_t)(centre + reach + 0.5);
    if (first < 0) first = 0;
    if (end > s->n_in) end = s->n_in;
    t->from[i] = first - s->skipped;
    t->n_in[i] = end - first;
    for (int32_t k = 0; k < end - first; k++) {
        exact[k] = f->weight((k + first - centre + 0.5) * shrink);
        sum += exact[k];
    }
    for (int32_t k = 0; k < end - first; k++)
        t->weights[i * t->most + k] = fixed(sum != 0.0 ? exact[k] / sum : exact[k]);
}

/* Release with free_taps in any case. */
static rd_status make_taps(taps *t, const filter *f, const side *s) {
    double scale = (double)s->n_in / (double)s->n_out;
    t->most = (int64_t)ceil(f->reach * (scale > 1.0 ? scale : 1.0)) * 2 + 1;
    t->from = rd_malloc((size_t)s->n, sizeof *t->from);
    t->n_in = rd_malloc((size_t)s->n, sizeof *t->n_in);
    t->weights = rd_malloc((size_t)(s->n * t->most), sizeof *t->weights);
    double *exact = rd_malloc((size_t)t->most, sizeof *exact);
    rd_status status = t->from && t->n_in && t->weights && exact ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < s->n; i++) set_taps(t, i, s, f, exact);
    free(exact);
    return status;
}

static uint8_t rounded(int32_t sum) {
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One row: to: [n, channels] of from: [n_in, channels]. */
static void resize_row(uint8_t *to, const uint8_t *from, int32_t n, int32_t channels,
                       const taps *t) {
    for (int32_t i = 0; i < n; i++) {
        const int32_t *w = t->weights + i * t->most;
        const uint8_t *in = from + (int64_t)t->from[i] * channels;
        if (channels == 3) {
            int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
            for (int32_t k = 0; k < t->n_in[i]; k++, in += 3)
                r += in[0] * w[k], g += in[1] * w[k], b += in[2] * w[k];
            *to++ = rounded(r), *to++ = rounded(g), *to++ = rounded(b);
        } else {
            int32_t sum = 1 << (WEIGHT_BITS - 1);
            for (int32_t k = 0; k < t->n_in[i]; k++) sum += in[k] * w[k];
            *to++ = rounded(sum);
        }
    }
}

/* One output row: to: [width] of `n` rows, `stride` apart; sums: [width]. */
static void mix_rows(uint8_t *to, const uint8_t *from, int64_t stride, int64_t width, int32_t n,
                     const int32_t *w, int32_t *sums) {
    for (int64_t c = 0; c < width; c++) sums[c] = 1 << (WEIGHT_BITS - 1);
    for (int32_t k = 0; k < n; k++)
        for (int64_t c = 0; c < width; c++) sums[c] += from[k * stride + c] * w[k];
    for (int64_t c = 0; c < width; c++) to[c] = rounded(sums[c]);
}

static bool is_resized(const side *s) {
    return s->n_in != s->n_out;
}

static const uint8_t *corner_of(const rd_picture *from, const rd_box *box) {
    return from->samples + ((int64_t)box->y * from->width + box->x) * from->channels;
}

/* to: [box.height, s->n] of the box. */
static rd_status along_rows(rd_picture *to, const rd_picture *from, const rd_box *box,
                            const side *s, const filter *f) {
    int64_t channels = from->channels, stride = from->width * channels;
    const uint8_t *corner = corner_of(from, box);
    taps t = {0};
    RD_TRY(rd_picture_reshape(to, s->n, box->height, from->channels));
    rd_status status = is_resized(s) ? make_taps(&t, f, s) : RD_OK;
    for (int64_t y = 0; status == RD_OK && y < box->height; y++) {
        uint8_t *row = to->samples + y * s->n * channels;
        if (is_resized(s))
            resize_row(row, corner + y * stride, s->n, from->channels, &t);
        else
            memcpy(row, corner + y * stride + (s->first - s->skipped) * channels,
                   (size_t)(s->n * channels));
    }
    free_taps(&t);
    return status;
}

/* to: [s->n, box.width] of the box. */
static rd_status along_columns(rd_picture *to, const rd_picture *from, const rd_box *box,
                               const side *s, const filter *f) {
    int64_t channels = from->channels, stride = from->width * channels,
            width = box->width * channels;
    const uint8_t *corner = corner_of(from, box);
    taps t = {0};
    RD_TRY(rd_picture_reshape(to, box->width, s->n, from->channels));
    int32_t *sums = rd_malloc((size_t)width, sizeof *sums);
    rd_status status = !sums ? RD_ERR_MEMORY : is_resized(s) ? make_taps(&t, f, s) : RD_OK;
    for (int64_t y = 0; status == RD_OK && y < s->n; y++) {
        uint8_t *row = to->samples + y * width;
        if (is_resized(s))
            mix_rows(row, corner + t.from[y] * stride, stride, width, t.n_in[y],
                     t.weights + y * t.most, sums);
        else
            memcpy(row, corner + (s->first - s->skipped + y) * stride, (size_t)width);
    }
    free(sums);
    free_taps(&t);
    return status;
}

/* Finds the inputs that the wanted outputs are made of: n after those skipped. */
static int32_t skip_inputs(side *s, const filter *f) {
    double scale = (double)s->n_in / (double)s->n_out;
    double reach = f->reach * (scale > 1.0 ? scale : 1.0) + 1.0; /* and one for rounding */
    double begin = floor(((double)s->first + 0.5) * scale - reach);
    double end = ceil(((double)(s->first + s->n) - 0.5) * scale + reach);
    if (!is_resized(s)) begin = (double)s->first, end = (double)(s->first + s->n);
    s->skipped = begin > 0.0 ? (int32_t)begin : 0;
    return (end < s->n_in ? (int32_t)end : s->n_in) - s->skipped;
}

/* Pillow 13 goes along columns first where that leaves much less to do along rows; versions up to
 * 11, never. */
static bool is_tall(const rd_box *box, int64_t width, int64_t height) {
    int64_t narrower = box->width > width ? box->width - width : 0;
    return box->height - height > 2 * narrower;
}

rd_status rd_picture_resize(rd_picture *to, rd_picture *scratch, const rd_picture *from, rd_box box,
                            int64_t width, int64_t height, const rd_resized_part *part,
                            rd_resampling resampling) {
    const filter *f = &filters[resampling];
    side x = {.n_in = box.width, .n_out = width, .first = part->x, .n = part->width};
    side y = {.n_in = box.height, .n_out = height, .first = part->y, .n = part->height};
    bool tall = is_tall(&box, width, height);
    side *second = tall ? &x : &y;
    int32_t n = skip_inputs(second, f); /* of the rows that the second pass reads; the first makes
                                         * no others */
    if (tall)
        box.x += x.skipped, box.width = n;
    else
        box.y += y.skipped, box.height = n;
    RD_TRY((tall ? along_columns : along_rows)(scratch, from, &box, tall ? &y : &x, f));
    const rd_box all = {.width = scratch->width, .height = scratch->height};
    return (tall ? along_rows : along_columns)(to, scratch, &all, second, f);
}
