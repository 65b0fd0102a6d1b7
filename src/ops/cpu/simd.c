/* The fused kernels. This file is compiled once per instruction set (RD_KERNELS_NAME names the
 * table it defines); loops are written so that the compiler turns them into vector code. */
#include "ops/cpu/kernels.h"

#include <math.h>
#include <string.h>

#include "ops/cpu/attention_kernels.h"
#include "ops/cpu/attention_query.h"
#include "ops/cpu/dropout_bits.h"
#include "ops/cpu/vector.h"

/* Rows are worked on in pieces of so many elements, a multiple of DROPOUT_BLOCK: their
 * dropout scales and float32 forms lie on the stack, which may be small. */
enum { PIECE = 512 };

static int64_t piece_of(int64_t begin, int64_t width) {
    return width - begin < PIECE ? width - begin : PIECE;
}

static void dropout_row(const rd_dropout *dropout, int64_t row, int64_t width, float *scale) {
    rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    dropout_piece(&keys, row, 0, width, scale);
}

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

/* 1 - sigmoid(u) is e^-u sigmoid(u), without cancellation. */
static float gelu_tanh_derivative(float x) {
    float u = 1.5957691f * (x + 0.044715f * x * x * x);
    float slope = 1.5957691f * (1.0f + 3.0f * 0.044715f * x * x);
    float e = exp_fast(u < -88.0f ? 88.0f : -u), sigmoid = 1.0f / (1.0f + e);
    return sigmoid * (1.0f + x * e * sigmoid * slope);
}

/* A sigmoid of twice x, from -1 to 1. */
static float tanh_of(float x) {
    return 2.0f * sigmoid_of(2.0f * x) - 1.0f;
}

static float tanh_derivative(float x) {
    float e = exp_fast(x < -44.0f ? 88.0f : -2.0f * x), sigmoid = 1.0f / (1.0f + e);
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

/* y = act(x + bias), at most PIECE elements. */
static void activate(float *restrict y, const float *restrict x, const float *restrict bias,
                     int64_t width, rd_activation act) {
    if (act == RD_RELU)
        for (int64_t i = 0; i < width; i++) y[i] = x[i] + bias[i] > 0.0f ? x[i] + bias[i] : 0.0f;
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
        for (int64_t i = 0; i < n; i++) dx[i] = x[i] + bias[i] > 0.0f ? dy[i] * keep[i] : 0.0f;
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

/* Layer norm of one row (Ba et al. 2016). */
static void norm_row(rd_activations y, int64_t at, float *mean, float *rstd,
                     const float *restrict x, const float *restrict gain,
                     const float *restrict shift, float eps, int64_t width) {
    float sum = 0.0f, squares = 0.0f, buffer[PIECE];
    for (int64_t i = 0; i < width; i++) sum += x[i];
    float m = sum / (float)width;
    for (int64_t i = 0; i < width; i++) squares += (x[i] - m) * (x[i] - m);
    float s = 1.0f / sqrtf(squares / (float)width + eps);
    for (int64_t begin = 0; begin < width; begin += PIECE) {
        int64_t n = piece_of(begin, width);
        float *restrict normed = float_target(y, at + begin, buffer);
        for (int64_t i = 0; i < n; i++)
            normed[i] = (x[begin + i] - m) * s * gain[begin + i] + shift[begin + i];
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

static void residual_norm(float *sum, rd_activations y, float *mean, float *rstd, const float *x,
                          rd_activations h, const float *bias, const float *gain,
                          const float *shift, float eps, int64_t first_row, int64_t rows,
                          int64_t width, const rd_dropout *dropout) {
    const rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * width;
        if (rd_activations_exists(h)) {
            add_residual(sum + r * width, row, h, bias, first_row + r, r * width, width, &keys);
            row = sum + r * width;
        }
        if (gain) norm_row(y, r * width, mean + r, rstd + r, row, gain, shift, eps, width);
    }
}

static void norm_backward(float *dx, bool accumulate, const float *dy, const float *sum,
                          const float *mean, const float *rstd, const float *gain,
                          float *restrict dgain, float *restrict dshift, int64_t rows,
                          int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        const float *x = sum + r * width, *g = dy + r * width;
        float *out = dx + r * width;
        float m = mean[r], s = rstd[r];
        float sum_g = 0.0f, sum_gx = 0.0f; /* of gain * dy, and of gain * dy * xhat */
        for (int64_t i = 0; i < width; i++) {
            float xhat = (x[i] - m) * s, gg = g[i] * gain[i];
            sum_g += gg;
            sum_gx += gg * xhat;
            dgain[i] += g[i] * xhat;
            dshift[i] += g[i];
        }
        float mean_g = sum_g / (float)width, mean_gx = sum_gx / (float)width;
        for (int64_t i = 0; i < width; i++) {
            float xhat = (x[i] - m) * s;
            float d = s * (g[i] * gain[i] - mean_g - xhat * mean_gx);
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

/* Adds a row's target to a piece of its gradient. */
static void pull_target(float *d, int64_t begin, int64_t n, int32_t target, float eps) {
    if (target >= begin && target < begin + n) d[target - begin] -= 1.0f - eps;
}

/* Cross-entropy of one pass; see criterion.h. Sum_v -log P[v] = V lse - sum_v logit[v]. */
static void cross_entropy(const float *a, rd_activations da, int64_t vocab, int32_t target,
                          float eps, float *restrict e, rd_criterion_partial *sums) {
    float max = max_of(a, vocab), z = 0.0f, sum_a = 0.0f;
    for (int64_t i = 0; i < vocab; i++) {
        e[i] = exp_fast(a[i] - max);
        z += e[i];
        sum_a += a[i] - max;
    }
    double log_z = log((double)z), n = (double)vocab;
    double nll = log_z - ((double)a[target] - (double)max);
    sums->nll += nll;
    sums->label_smoothed += (1.0 - (double)eps) * nll + (double)eps * (log_z - (double)sum_a / n);
    float inverse_z = 1.0f / z, uniform = eps / (float)vocab;
    for (int64_t begin = 0; begin < vocab; begin += PIECE) {
        int64_t count = vocab - begin < PIECE ? vocab - begin : PIECE;
        float buffer[PIECE], *restrict d = float_target(da, begin, buffer);
        for (int64_t i = 0; i < count; i++) d[i] = e[begin + i] * inverse_z - uniform;
        pull_target(d, begin, count, target, eps);
        store_bf16(da, begin, d, count);
    }
}

/* Both passes and the KL between them in three sweeps: maxima, exponentials with all sums,
 * gradients. delta_i = log p_i - log q_i is formed from shifted logits, so nothing overflows. */
static void criterion(float *a, float *b, rd_activations da, rd_activations db, int64_t vocab,
                      int32_t target, float eps, float alpha, float *scratch,
                      rd_criterion_partial *sums) {
    if (!b) {
        cross_entropy(a, da, vocab, target, eps, scratch, sums);
        return;
    }
    float *restrict ea = scratch, *restrict eb = scratch + vocab;
    float max_a = max_of(a, vocab), max_b = max_of(b, vocab);
    float za = 0.0f, zb = 0.0f, sum_a = 0.0f, sum_b = 0.0f, kl_a = 0.0f, kl_b = 0.0f;
    for (int64_t i = 0; i < vocab; i++) {
        float s = a[i] - max_a, t = b[i] - max_b;
        float es = exp_fast(s), et = exp_fast(t);
        ea[i] = es;
        eb[i] = et;
        za += es;
        zb += et;
        sum_a += s;
        sum_b += t;
        kl_a += es * (s - t);
        kl_b += et * (t - s);
    }
    double log_za = log((double)za), log_zb = log((double)zb), n = (double)vocab;
    double nll_a = log_za - ((double)a[target] - (double)max_a);
    double nll_b = log_zb - ((double)b[target] - (double)max_b);
    double kl_pq = (double)kl_a / (double)za - (log_za - log_zb);
    double kl_qp = (double)kl_b / (double)zb - (log_zb - log_za);
    sums->nll += nll_a + nll_b;
    sums->label_smoothed += (1.0 - (double)eps) * (nll_a + nll_b) +
                            (double)eps * (log_za - (double)sum_a / n + log_zb - (double)sum_b / n);
    sums->kl += 0.5 * (kl_pq + kl_qp);

    float inverse_za = 1.0f / za, inverse_zb = 1.0f / zb, uniform = eps / (float)vocab,
          half = 0.5f * alpha;
    float shift = (max_a - max_b) + (float)(log_za - log_zb); /* delta_i = a_i - b_i - shift */
    float kp = (float)kl_pq, kq = (float)kl_qp;
    for (int64_t begin = 0; begin < vocab; begin += PIECE) {
        int64_t count = vocab - begin < PIECE ? vocab - begin : PIECE;
        float buffer_a[PIECE], buffer_b[PIECE];
        float *x = float_target(da, begin, buffer_a), *y = float_target(db, begin, buffer_b);
        for (int64_t i = 0; i < count; i++) {
            float p = ea[begin + i] * inverse_za, q = eb[begin + i] * inverse_zb;
            float delta = a[begin + i] - b[begin + i] - shift;
            x[i] = p - uniform + half * (p * (delta - kp) + (p - q));
            y[i] = q - uniform + half * (q * (-delta - kq) + (q - p));
        }
        pull_target(x, begin, count, target, eps);
        pull_target(y, begin, count, target, eps);
        store_bf16(da, begin, x, count);
        store_bf16(db, begin, y, count);
    }
}

/* As criterion's first two sweeps. */
static void row_stats(rd_row_stats *stats, const float *a, const float *b, int64_t n) {
    float max_a = max_of(a, n), max_b = b ? max_of(b, n) : 0.0f;
    float za = 0.0f, zb = 0.0f, sum_a = 0.0f, sum_b = 0.0f, kl_a = 0.0f, kl_b = 0.0f;
    for (int64_t i = 0; !b && i < n; i++) {
        za += exp_fast(a[i] - max_a);
        sum_a += a[i] - max_a;
    }
    for (int64_t i = 0; b && i < n; i++) {
        float s = a[i] - max_a, t = b[i] - max_b;
        float es = exp_fast(s), et = exp_fast(t);
        za += es;
        zb += et;
        sum_a += s;
        sum_b += t;
        kl_a += es * (s - t);
        kl_b += et * (t - s);
    }
    double log_za = log((double)za), log_zb = b ? log((double)zb) : 0.0;
    *stats = (rd_row_stats){
        .max = {(double)max_a, (double)max_b},
        .log_z = {log_za, log_zb},
        .sum = {(double)sum_a - (double)n * log_za, (double)sum_b - (double)n * log_zb}};
    if (!b) return;
    stats->kl[0] = (double)kl_a / (double)za - (log_za - log_zb);
    stats->kl[1] = (double)kl_b / (double)zb - (log_zb - log_za);
}

static void row_gradient(rd_activations da, rd_activations db, const float *a, const float *b,
                         int64_t n, const rd_row_stats *stats, const rd_row_loss *loss) {
    float max_a = (float)stats->max[0], max_b = (float)stats->max[1];
    float inverse_za = (float)exp(-stats->log_z[0]), inverse_zb = (float)exp(-stats->log_z[1]);
    float shift = (max_a - max_b) + (float)(stats->log_z[0] - stats->log_z[1]);
    float ka = loss->kl[0], kb = loss->kl[1], uniform = loss->uniform;
    float base_a = loss->total - loss->shift[0] - ka * (float)stats->kl[0];
    float base_b = loss->total - loss->shift[1] - kb * (float)stats->kl[1];
    for (int64_t begin = 0; begin < n; begin += PIECE) {
        int64_t count = n - begin < PIECE ? n - begin : PIECE;
        float buffer_a[PIECE], buffer_b[PIECE], *x = float_target(da, begin, buffer_a);
        if (!b) {
            for (int64_t i = 0; i < count; i++)
                x[i] = exp_fast(a[begin + i] - max_a) * inverse_za * base_a - uniform;
        } else {
            float *y = float_target(db, begin, buffer_b);
            for (int64_t i = 0; i < count; i++) {
                float p = exp_fast(a[begin + i] - max_a) * inverse_za;
                float q = exp_fast(b[begin + i] - max_b) * inverse_zb;
                float delta = a[begin + i] - b[begin + i] - shift;
                x[i] = p * (base_a + ka * delta) + kb * (p - q) - uniform;
                y[i] = q * (base_b - kb * delta) + ka * (q - p) - uniform;
            }
            if (loss->target >= begin && loss->target < begin + count)
                y[loss->target - begin] -= loss->hit;
            store_bf16(db, begin, y, count);
        }
        if (loss->target >= begin && loss->target < begin + count)
            x[loss->target - begin] -= loss->hit;
        store_bf16(da, begin, x, count);
    }
}

static float log_sum_exp(const float *restrict logits, int64_t vocab) {
    float max = max_of(logits, vocab), z = 0.0f;
    for (int64_t i = 0; i < vocab; i++) z += exp_fast(logits[i] - max);
    return max + (float)log((double)z);
}

static void log_softmax(float *restrict logits, int64_t vocab) {
    float lse = log_sum_exp(logits, vocab);
    for (int64_t i = 0; i < vocab; i++) logits[i] -= lse;
}

static void log_add_exp(float *restrict sum, const float *restrict x, int64_t n, float shift) {
    for (int64_t i = 0; i < n; i++) {
        float high = sum[i] > x[i] ? sum[i] : x[i], low = sum[i] > x[i] ? x[i] : sum[i];
        float log_sum = high + log1p_fast(exp_fast(low - high)) + shift;
        sum[i] = high == -INFINITY ? low : log_sum; /* -inf less -inf is no number */
    }
}

static bool strided_maxima(float *restrict maxima, const float *restrict x, int64_t n,
                           int64_t stride) {
    int32_t bad = 0;
    memcpy(maxima, x, sizeof *x * (size_t)stride);
    for (int64_t first = 0; first < n; first += stride) {
        int64_t count = n - first < stride ? n - first : stride;
        for (int64_t i = 0; i < count; i++) {
            bad |= x[first + i] != x[first + i];
            maxima[i] = x[first + i] > maxima[i] ? x[first + i] : maxima[i];
        }
    }
    return !bad;
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
                rounded[r * width + i] = (uint8_t)(int32_t)rintf(x[r * width + i] * inverse + 128);
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
                 int64_t n, float grad_scale, float beta1, float beta2, float step, float eps,
                 float l2, float decay) {
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] * grad_scale + l2 * p[i];
        float mi = beta1 * m[i] + (1.0f - beta1) * d;
        float vi = beta2 * v[i] + (1.0f - beta2) * d * d;
        m[i] = mi;
        v[i] = vi;
        p[i] = p[i] * decay - step * mi / (sqrtf(vi) + eps);
        g[i] = 0.0f;
    }
}

#define RD_STRING_(x) #x
#define RD_STRING(x)  RD_STRING_(x)

extern const rd_kernels RD_KERNELS_NAME;
const rd_kernels RD_KERNELS_NAME = {
    .name = RD_STRING(RD_KERNELS_NAME),
    .dropout_row = dropout_row,
    .embed = embed,
    .apply_dropout = apply_dropout,
    .activation = activation,
    .activation_backward = activation_backward,
    .residual_norm = residual_norm,
    .norm_backward = norm_backward,
    .residual_backward = residual_backward,
    .to_bf16 = to_bf16,
    .column_sums = column_sums,
    .attention = attention_forward,
    .attention_backward = attention_backward,
    .attention_query = attention_query,
    .criterion = criterion,
    .row_stats = row_stats,
    .row_gradient = row_gradient,
    .log_sum_exp = log_sum_exp,
    .log_softmax = log_softmax,
    .log_add_exp = log_add_exp,
    .add_bias = add_bias,
    .quantize_rows = quantize_rows,
    .dequantize_rows = dequantize_rows,
    .strided_maxima = strided_maxima,
    .sum_of_squares = sum_of_squares,
    .adam = adam,
};
