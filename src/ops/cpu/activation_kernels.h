/* Activations with bias and dropout, forward and backward. Included by simd.c only, once per
 * instruction set. */
#ifndef RD_OPS_CPU_ACTIVATION_KERNELS_H
#define RD_OPS_CPU_ACTIVATION_KERNELS_H

#include "ops/cpu/dropout_bits.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* Never overflows, keeps NaN. */
static float sigmoid_of(float x) {
    return 1.0f / (1.0f + exp_fast(x < -88.0f ? 88.0f : -x));
}

/* swish(x) = x * sigmoid(x), also called silu. */
static float swish(float x) {
    return x * sigmoid_of(x);
}

static float swish_derivative(float x) {
    float sigmoid = sigmoid_of(x);
    return sigmoid * (1.0f + x * (1.0f - sigmoid));
}

/* x * Phi(x) by tanh, which is a sigmoid of twice its argument (Hendrycks and Gimpel 2016). */
static float gelu_tanh(float x) {
    return x * sigmoid_of(1.5957691f * (x + 0.044715f * x * x * x));
}

/* 1 - sigmoid(u) is e^-u sigmoid(u), without cancellation. u is taken as at least
 * -60, where the derivative is 0: then the product of its factors is finite in any order. */
static float gelu_tanh_derivative(float x) {
    float u = 1.5957691f * (x + 0.044715f * x * x * x);
    float slope = 1.5957691f * (1.0f + 3.0f * 0.044715f * x * x);
    float e = exp_fast(u < -60.0f ? 60.0f : -u), sigmoid = 1.0f / (1.0f + e);
    return sigmoid * (1.0f + x * e * sigmoid * slope);
}

/* A sigmoid of twice x, from -1 to 1. */
static float tanh_of(float x) {
    return 2.0f * sigmoid_of(2.0f * x) - 1.0f;
}

static float tanh_derivative(float x) {
    float e = exp_fast(x < -30.0f ? 60.0f : -2.0f * x), sigmoid = 1.0f / (1.0f + e);
    return 4.0f * (e * sigmoid) * sigmoid;
}

/* gelu(v) = v * Phi(v), the exact form (fairseq's and PyTorch's default), of v = x + bias: Phi(v),
 * and e^(-v^2 / 2), which erf takes anyway. Not inlined, so that both directions round alike. */
static __attribute__((noinline)) void gelu_parts(float *restrict phi, float *restrict e,
                                                 const float *x, const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        phi[i] = 0.5f * (1.0f + erf_and_exp((x[i] + bias[i]) * 0.70710678f, &e[i]));
}

static void gelu(float *y, const float *x, const float *bias, int64_t n) {
    float phi[PIECE], e[PIECE];
    gelu_parts(phi, e, x, bias, n);
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] + bias[i]) * phi[i];
}

/* dx = gelu'(v) * dy * keep, y = gelu(v) */
static void gelu_backward(float *dx, float *restrict y, const float *x, const float *bias,
                          const float *dy, const float *keep, int64_t n) {
    float phi[PIECE], e[PIECE];
    gelu_parts(phi, e, x, bias, n);
    for (int64_t i = 0; i < n; i++) y[i] = (x[i] + bias[i]) * phi[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = (phi[i] + (x[i] + bias[i]) * 0.39894228f * e[i]) * dy[i] * keep[i];
}

/* y = act(x + bias), at most PIECE elements. NaN stays NaN. */
static void activate(float *restrict y, const float *restrict x, const float *restrict bias,
                     int64_t width, rd_activation act) {
    if (act == RD_RELU)
        for (int64_t i = 0; i < width; i++) y[i] = x[i] + bias[i] <= 0.0f ? 0.0f : x[i] + bias[i];
    else if (act == RD_SWISH)
        for (int64_t i = 0; i < width; i++) y[i] = swish(x[i] + bias[i]);
    else if (act == RD_GELU_TANH)
        for (int64_t i = 0; i < width; i++) y[i] = gelu_tanh(x[i] + bias[i]);
    else if (act == RD_TANH)
        for (int64_t i = 0; i < width; i++) y[i] = tanh_of(x[i] + bias[i]);
    else
        gelu(y, x, bias, width);
}

static void activation(rd_activations out, rd_activations h, const float *restrict bias,
                       int64_t first_row, int64_t rows, int64_t width, rd_activation act,
                       const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    float keep[PIECE], in[PIECE], buffer[PIECE];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t begin = 0; begin < width; begin += PIECE) {
            int64_t n = piece_of(begin, width), at = r * width + begin;
            const float *restrict x = floats(h, at, n, in);
            float *restrict y = float_target(out, at, buffer);
            activate(y, x, bias + begin, n, act);
            if (dropout->rate > 0.0f) {
                dropout_piece(&keys, first_row + r, begin, n, keep);
                for (int64_t i = 0; i < n; i++) y[i] *= keep[i];
            }
            store_bf16(out, at, y, n);
        }
}

/* dx = act'(x + bias) * dy * keep */
static void derive(float *dx, const float *x, const float *bias, const float *dy, const float *keep,
                   int64_t n, rd_activation act) {
    if (act == RD_RELU)
        for (int64_t i = 0; i < n; i++) dx[i] = x[i] + bias[i] <= 0.0f ? 0.0f : dy[i] * keep[i];
    else if (act == RD_SWISH)
        for (int64_t i = 0; i < n; i++) dx[i] = swish_derivative(x[i] + bias[i]) * dy[i] * keep[i];
    else if (act == RD_GELU_TANH)
        for (int64_t i = 0; i < n; i++)
            dx[i] = gelu_tanh_derivative(x[i] + bias[i]) * dy[i] * keep[i];
    else if (act == RD_TANH)
        for (int64_t i = 0; i < n; i++) dx[i] = tanh_derivative(x[i] + bias[i]) * dy[i] * keep[i];
}

static void activation_backward(rd_activations dh, rd_activations out, rd_activations dout,
                                rd_activations h, const float *restrict bias, float *restrict dbias,
                                int64_t first_row, int64_t rows, int64_t width, rd_activation act,
                                const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    float keep[PIECE], in[PIECE], din[PIECE], buffer[PIECE], again[PIECE];
    for (int64_t i = 0; i < PIECE; i++) keep[i] = 1.0f;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t begin = 0; begin < width; begin += PIECE) {
            int64_t n = piece_of(begin, width), at = r * width + begin;
            const float *x = floats(h, at, n, in), *dy = floats(dout, at, n, din);
            float *dx = float_target(dh, at, buffer);
            if (dropout->rate > 0.0f) dropout_piece(&keys, first_row + r, begin, n, keep);
            if (act == RD_GELU) {
                gelu_backward(dx, again, x, bias + begin, dy, keep, n);
            } else {
                derive(dx, x, bias + begin, dy, keep, n, act);
                activate(again, x, bias + begin, n, act);
            }
            for (int64_t i = 0; i < n; i++) dbias[begin + i] += dx[i];
            store_bf16(dh, at, dx, n);
            for (int64_t i = 0; i < n; i++) again[i] *= keep[i];
            store(out, at, again, n);
        }
}

#endif
