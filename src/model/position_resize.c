#include "model/position_resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static double triangle(double x) {
    return fabs(x) < 1.0 ? 1.0 - fabs(x) : 0.0;
}

/* Keys' cubic convolution. */
static double cubic(double x, double a) {
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

/* row: [n_in] = the weight of each input in output i; beyond the ends the last input counts. */
static void fill_plain(double *row, int64_t n_in, double centre, double a) {
    int64_t first = (int64_t)floor(centre);
    for (int64_t k = first - 1; k <= first + 2; k++) {
        int64_t at = k < 0 ? 0 : k >= n_in ? n_in - 1 : k;
        row[at] += a == 0.0 ? triangle(centre - (double)k) : cubic(centre - (double)k, a);
    }
}

/* The same with weights as wide as an output, which end at the ends and sum to 1. */
static void fill_antialiased(double *row, int64_t n_in, double centre, double stretch,
                             bool linear) {
    double sum = 0.0;
    for (int64_t k = 0; k < n_in; k++) {
        double x = ((double)k - centre) / stretch;
        row[k] = linear ? triangle(x) : cubic(x, -0.5);
        sum += row[k];
    }
    for (int64_t k = 0; k < n_in; k++) row[k] /= sum;
}

/* weights: [n_out, n_in], zeros at first. */
static void fill_weights(double *weights, int64_t n_out, int64_t n_in,
                         rd_position_interpolation how) {
    double scale = (double)n_in / (double)n_out, stretch = scale > 1.0 ? scale : 1.0;
    for (int64_t i = 0; i < n_out; i++) {
        double *row = weights + i * n_in, middle = ((double)i + 0.5) * scale - 0.5;
        double corner = n_out > 1 ? (double)(i * (n_in - 1)) / (double)(n_out - 1) : 0.0;
        switch (how) {
        case RD_POSITIONS_GOOGLE:
            fill_plain(row, n_in, corner, 0.0);
            break;
        case RD_POSITIONS_HUGGING_FACE:
            fill_plain(row, n_in, middle, -0.75);
            break;
        case RD_POSITIONS_TIMM:
        case RD_POSITIONS_TIMM_BILINEAR:
            fill_antialiased(row, n_in, middle, stretch, how == RD_POSITIONS_TIMM_BILINEAR);
            break;
        }
    }
}

static void add_scaled(double *to, const double *from, double share, int64_t n) {
    for (int64_t c = 0; c < n; c++) to[c] += share * from[c];
}

/* rows: [to_side, from_side, width], zeros at first; sums: [width]. */
static void resize(float *to, int64_t to_side, const double *from, int64_t from_side, int64_t width,
                   const double *weights, double *rows, double *sums) {
    for (int64_t y = 0; y < to_side; y++)
        for (int64_t k = 0; k < from_side; k++)
            if (weights[y * from_side + k] != 0.0)
                add_scaled(rows + y * from_side * width, from + k * from_side * width,
                           weights[y * from_side + k], from_side * width);
    for (int64_t y = 0; y < to_side; y++)
        for (int64_t x = 0; x < to_side; x++) {
            memset(sums, 0, sizeof *sums * (size_t)width);
            for (int64_t k = 0; k < from_side; k++)
                if (weights[x * from_side + k] != 0.0)
                    add_scaled(sums, rows + (y * from_side + k) * width, weights[x * from_side + k],
                               width);
            for (int64_t c = 0; c < width; c++) to[(y * to_side + x) * width + c] = (float)sums[c];
        }
}

rd_status rd_positions_resize(float *to, int64_t to_side, const float *from, int64_t from_side,
                              int64_t kept, int64_t width,
                              rd_position_interpolation interpolation) {
    int64_t n = from_side * from_side * width;
    double *wide = rd_malloc((size_t)n, sizeof *wide);
    double *weights = rd_calloc((size_t)(to_side * from_side), sizeof *weights);
    double *rows = rd_calloc((size_t)(to_side * from_side * width), sizeof *rows);
    double *sums = rd_malloc((size_t)width, sizeof *sums);
    rd_status status = wide && weights && rows && sums ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        memcpy(to, from, sizeof *to * (size_t)(kept * width));
        for (int64_t i = 0; i < n; i++) wide[i] = (double)from[kept * width + i];
        fill_weights(weights, to_side, from_side, interpolation);
        resize(to + kept * width, to_side, wide, from_side, width, weights, rows, sums);
    }
    free(wide);
    free(weights);
    free(rows);
    free(sums);
    return status;
}
