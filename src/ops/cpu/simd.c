/* The fused kernels. This file is compiled once per instruction set (RD_KERNELS_NAME names the
 * table it defines); loops are written so that the compiler turns them into vector code. */
#include "ops/cpu/kernels.h"

#include <math.h>
#include <string.h>

#include "ops/cpu/activation_kernels.h"
#include "ops/cpu/attention_pairs.h"
#include "ops/cpu/attention_query.h"
#include "ops/cpu/criterion_kernels.h"
#include "ops/cpu/dropout_bits.h"
#include "ops/cpu/panels.h"
#include "ops/cpu/picture_kernels.h"
#include "ops/cpu/vector.h"

static void embed_piece(rd_activations out, int64_t at, int64_t n, const float *restrict e,
                        const float *restrict p, float scale, const float *keep) {
    float buffer[PIECE], *restrict y = float_target(out, at, buffer);
    if (keep)
        for (int64_t i = 0; i < n; i++) y[i] = (scale * e[i] + p[i]) * keep[i];
    else
        for (int64_t i = 0; i < n; i++) y[i] = scale * e[i] + p[i];
    store_bf16(out, at, y, n);
}

static void embed(rd_activations out, int64_t first_row, int64_t rows, int64_t width,
                  const int32_t *tokens, const int32_t *positions, const float *table,
                  const float *position_table, float scale, const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    float keep[PIECE];
    bool drops = dropout->rate > 0.0f;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t begin = 0; begin < width; begin += PIECE) {
            int64_t n = piece_of(begin, width);
            if (drops) dropout_piece(&keys, first_row + r, begin, n, keep);
            embed_piece(out, r * width + begin, n, table + tokens[r] * width + begin,
                        position_table + positions[r] * width + begin, scale, drops ? keep : NULL);
        }
}

static void apply_dropout(rd_activations x, int64_t first_row, int64_t rows, int64_t width,
                          const rd_dropout *dropout) {
    if (dropout->rate <= 0.0f) return;
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    float keep[PIECE], in[PIECE], out[PIECE];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t begin = 0; begin < width; begin += PIECE) {
            int64_t n = piece_of(begin, width), at = r * width + begin;
            dropout_piece(&keys, first_row + r, begin, n, keep);
            const float *from = floats(x, at, n, in);
            float *y = float_target(x, at, out);
            for (int64_t i = 0; i < n; i++) y[i] = from[i] * keep[i];
            store_bf16(x, at, y, n);
        }
}

/* Layer norm of one row (Ba et al. 2016). */
static void norm_row(rd_activations y, int64_t at, float *mean, float *rstd,
                     const float *restrict x, const float *restrict weight,
                     const float *restrict bias, float eps, int64_t width) {
    float sum = 0.0f, squares = 0.0f, buffer[PIECE];
    for (int64_t i = 0; i < width; i++) sum += x[i];
    float m = sum / (float)width;
    for (int64_t i = 0; i < width; i++) squares += (x[i] - m) * (x[i] - m);
    float s = 1.0f / sqrtf(squares / (float)width + eps);
    for (int64_t begin = 0; begin < width; begin += PIECE) {
        int64_t n = piece_of(begin, width);
        float *restrict normed = float_target(y, at + begin, buffer);
        for (int64_t i = 0; i < n; i++)
            normed[i] = (x[begin + i] - m) * s * weight[begin + i] + bias[begin + i];
        store_bf16(y, at + begin, normed, n);
    }
    *mean = m;
    *rstd = s;
}

/* sum = x + (h + bias), dropped out */
static void add_residual(float *sum, const float *x, rd_activations h, const float *bias,
                         int64_t row, int64_t at, int64_t width, const rd_dropout_keys *keys) {
    float keep[PIECE], in[PIECE];
    for (int64_t begin = 0; begin < width; begin += PIECE) {
        int64_t n = piece_of(begin, width);
        const float *restrict hr = floats(h, at + begin, n, in);
        const float *xr = x + begin, *b = bias + begin;
        float *sr = sum + begin;
        if (keys->threshold > 0) {
            dropout_piece(keys, row, begin, n, keep);
            for (int64_t i = 0; i < n; i++) sr[i] = xr[i] + (hr[i] + b[i]) * keep[i];
        } else {
            for (int64_t i = 0; i < n; i++) sr[i] = xr[i] + (hr[i] + b[i]);
        }
    }
}

static void residual_norm(float *sum, rd_activations y, rd_norm_stats stats, const float *x,
                          rd_activations h, const float *bias, const rd_layer_norm *norm,
                          int64_t first_row, int64_t rows, int64_t width,
                          const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    const rd_layer_norm n = norm ? *norm : (rd_layer_norm){0}; /* stores do not change a copy */
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * width;
        if (rd_activations_exists(h)) {
            add_residual(sum + r * width, row, h, bias, first_row + r, r * width, width, &keys);
            row = sum + r * width;
        }
        if (norm)
            norm_row(y, r * width, stats.mean + r, stats.rstd + r, row, n.weight, n.bias, n.eps,
                     width);
    }
}

static void norm_backward(float *dx, bool accumulate, const float *dy, const float *sum,
                          rd_norm_stats stats, const float *weight, float *restrict dweight,
                          float *restrict dbias, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        const float *x = sum + r * width, *g = dy + r * width;
        float *out = dx + r * width;
        float m = stats.mean[r], s = stats.rstd[r];
        float sum_g = 0.0f, sum_gx = 0.0f; /* of weight * dy, and of weight * dy * xhat */
        for (int64_t i = 0; i < width; i++) {
            float xhat = (x[i] - m) * s, gg = g[i] * weight[i];
            sum_g += gg;
            sum_gx += gg * xhat;
            dweight[i] += g[i] * xhat;
            dbias[i] += g[i];
        }
        float mean_g = sum_g / (float)width, mean_gx = sum_gx / (float)width;
        for (int64_t i = 0; i < width; i++) {
            float xhat = (x[i] - m) * s;
            float d = s * (g[i] * weight[i] - mean_g - xhat * mean_gx);
            out[i] = accumulate ? out[i] + d : d;
        }
    }
}

static void residual_backward(rd_activations dh, const float *dsum, float *restrict dbias,
                              int64_t first_row, int64_t rows, int64_t width,
                              const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    float keep[PIECE], buffer[PIECE];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t begin = 0; begin < width; begin += PIECE) {
            int64_t n = piece_of(begin, width), at = r * width + begin;
            const float *restrict ds = dsum + at;
            float *restrict d = float_target(dh, at, buffer);
            if (dropout->rate > 0.0f) {
                dropout_piece(&keys, first_row + r, begin, n, keep);
                for (int64_t i = 0; i < n; i++) d[i] = ds[i] * keep[i];
            } else {
                memcpy(d, ds, sizeof(float) * (size_t)n);
            }
            for (int64_t i = 0; i < n; i++) dbias[begin + i] += d[i];
            store_bf16(dh, at, d, n);
        }
}

static void column_sums(float *restrict out, rd_activations x, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++)
        if (x.f32)
            for (int64_t i = 0; i < width; i++) out[i] += x.f32[r * width + i];
        else
            for (int64_t i = 0; i < width; i++) out[i] += rd_bf16_to_f32(x.bf16[r * width + i]);
}

static void add_bias(float *restrict y, const float *restrict bias, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) y[r * width + i] += bias[i];
}

/* Largest |x|. Magnitudes are in the order of their bits, NaN above all. */
static float largest_magnitude(const float *restrict x, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7FFFFFFF;
        largest = bits > largest ? bits : largest;
    }
    float value;
    memcpy(&value, &largest, sizeof value);
    return value;
}

/* x: -127 to 127, to the nearest integer plus 128. A float of this size has no fraction: adding
 * rounds, and leaves the integer in the lowest bits. */
static inline uint8_t round_and_shift(float x) {
    float sum = x + (0x1.8p23f + 128);
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (uint8_t)bits;
}

static void quantize_rows(uint8_t *restrict rounded, float *restrict row_scales,
                          const float *restrict x, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        float largest = largest_magnitude(x + r * width, width);
        bool tiny = largest < 1e-30f, finite = largest <= 3.4e38f;
        float inverse = tiny || !finite ? 0.0f : 127.0f / largest;
        row_scales[r] = finite ? (tiny ? 0.0f : largest / 127.0f) : NAN;
        if (!finite)
            memset(rounded + r * width, 128, (size_t)width);
        else
            for (int64_t i = 0; i < width; i++)
                rounded[r * width + i] = round_and_shift(x[r * width + i] * inverse);
    }
}

static void dequantize_rows(float *y, const float *restrict row_scales,
                            const float *restrict scales, const float *restrict offsets,
                            const float *restrict bias, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        float *restrict row = y + r * width, scale = row_scales[r];
        for (int64_t i = 0; i < width; i++) {
            int32_t sum;
            memcpy(&sum, row + i, sizeof sum);
            row[i] = scale * (scales[i] * (float)sum - offsets[i]);
        }
        if (bias) add_bias(row, bias, 1, width);
    }
}

static double sum_of_squares(const float *x, int64_t n) {
    double total = 0.0;
    for (int64_t i = 0; i < n; i += 4096) { /* float sums stay short, their total is exact enough */
        int64_t end = i + 4096 < n ? i + 4096 : n;
        float part = 0.0f;
        for (int64_t k = i; k < end; k++) part += x[k] * x[k];
        total += (double)part;
    }
    return total;
}

static void adam(float *restrict p, float *restrict g, float *restrict m, float *restrict v,
                 int64_t n, const rd_adam *adam) {
    const rd_adam c = *adam; /* no store changes it */
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] * c.grad_scale + c.l2 * p[i];
        float mi = c.beta1 * m[i] + (1.0f - c.beta1) * d;
        float vi = c.beta2 * v[i] + (1.0f - c.beta2) * d * d;
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * c.decay - c.step * mi / (sqrtf(vi) + c.eps);
        g[i] = 0.0f;
    }
}

#define RD_STRING_(x) #x
#define RD_STRING(x)  RD_STRING_(x)

extern const rd_kernels RD_KERNELS_NAME;
const rd_kernels RD_KERNELS_NAME = {
    .name = RD_STRING(RD_KERNELS_NAME),
    .embed = embed,
    .apply_dropout = apply_dropout,
    .activation = activation,
    .activation_backward = activation_backward,
    .residual_norm = residual_norm,
    .norm_backward = norm_backward,
    .residual_backward = residual_backward,
    .to_bf16 = to_bf16,
    .column_sums = column_sums,
    .attention = attention,
    .attention_backward = attention_gradients,
    .attention_query = attention_query,
    .criterion = criterion,
    .row_stats = row_stats,
    .row_gradient = row_gradient,
    .log_sum_exp = log_sum_exp,
    .log_softmax = log_softmax,
    .log_add_exp = log_add_exp,
    .add_bias = add_bias,
    .panels_f32 = panels_f32,
    .panels_bf16 = panels_bf16,
    .panel = PANEL,
#if defined(__AVX2__)
    .panels_int8 = panels_int8,
#endif
#if defined(__AVX2__) && !defined(__AVX512F__)
    .signs_apart = signs_apart,
#endif
    .quantize_rows = quantize_rows,
    .dequantize_rows = dequantize_rows,
    .strided_maxima = strided_maxima,
    .sum_of_squares = sum_of_squares,
    .fold = fold,
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .adam = adam,
};
