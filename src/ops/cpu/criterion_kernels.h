/* Losses of rows of logits and their gradients, and logarithms of probabilities. Included by simd.c
 * only, once per instruction set. */
#ifndef RD_OPS_CPU_CRITERION_KERNELS_H
#define RD_OPS_CPU_CRITERION_KERNELS_H

#include <math.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/vector.h"

/* Adds a row's target, whose -log P counts `hit` times, to a piece of its gradient. */
static void pull_target(float *d, int64_t begin, int64_t n, int32_t target, float hit) {
    if (target >= begin && target < begin + n) d[target - begin] -= hit;
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
        int64_t count = piece_of(begin, vocab);
        float buffer[PIECE], *restrict d = float_target(da, begin, buffer);
        for (int64_t i = 0; i < count; i++) d[i] = e[begin + i] * inverse_z - uniform;
        pull_target(d, begin, count, target, 1.0f - eps);
        store_bf16(da, begin, d, count);
    }
}

/* For two rows of logits a and b: their maxima, and, with the maxima subtracted, the sums of
 * exponentials, of logits and of e^a (a - b), e^b (b - a); the logarithms of z, and the two
 * directions of KL. */
typedef struct {
    float max_a, max_b, za, zb, sum_a, sum_b;
    double log_za, log_zb, kl_pq, kl_qp;
} two_rows;

/* Stores the exponentials where ea and eb, [n], are not NULL. */
static inline __attribute__((always_inline)) two_rows
sums_of_two(const float *a, const float *b, int64_t n, float *restrict ea, float *restrict eb) {
    float max_a = max_of(a, n), max_b = max_of(b, n);
    float za = 0.0f, zb = 0.0f, sum_a = 0.0f, sum_b = 0.0f, kl_a = 0.0f, kl_b = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        float s = a[i] - max_a, t = b[i] - max_b;
        float es = exp_fast(s), et = exp_fast(t);
        if (ea) ea[i] = es;
        if (eb) eb[i] = et;
        za += es;
        zb += et;
        sum_a += s;
        sum_b += t;
        kl_a += es * (s - t);
        kl_b += et * (t - s);
    }
    double log_za = log((double)za), log_zb = log((double)zb);
    return (two_rows){.max_a = max_a,
                      .max_b = max_b,
                      .za = za,
                      .zb = zb,
                      .sum_a = sum_a,
                      .sum_b = sum_b,
                      .log_za = log_za,
                      .log_zb = log_zb,
                      .kl_pq = (double)kl_a / (double)za - (log_za - log_zb),
                      .kl_qp = (double)kl_b / (double)zb - (log_zb - log_za)};
}

/* Both passes and the KL between them in three sweeps: maxima, exponentials with all sums,
 * gradients. delta_i = log p_i - log q_i is formed from shifted logits, so nothing overflows. */
static void pair(const float *a, const float *b, rd_activations da, rd_activations db,
                 int64_t vocab, int32_t target, float eps, float alpha, float *scratch,
                 rd_criterion_partial *sums) {
    float *restrict ea = scratch, *restrict eb = scratch + vocab;
    const two_rows t = sums_of_two(a, b, vocab, ea, eb);
    double n = (double)vocab;
    double nll_a = t.log_za - ((double)a[target] - (double)t.max_a);
    double nll_b = t.log_zb - ((double)b[target] - (double)t.max_b);
    sums->nll += nll_a + nll_b;
    sums->label_smoothed +=
        (1.0 - (double)eps) * (nll_a + nll_b) +
        (double)eps * (t.log_za - (double)t.sum_a / n + t.log_zb - (double)t.sum_b / n);
    sums->kl += 0.5 * (t.kl_pq + t.kl_qp);

    float inverse_za = 1.0f / t.za, inverse_zb = 1.0f / t.zb, uniform = eps / (float)vocab,
          half = 0.5f * alpha;
    float shift =
        (t.max_a - t.max_b) + (float)(t.log_za - t.log_zb); /* delta_i = a_i - b_i - shift */
    float kp = (float)t.kl_pq, kq = (float)t.kl_qp;
    for (int64_t begin = 0; begin < vocab; begin += PIECE) {
        int64_t count = piece_of(begin, vocab);
        float buffer_a[PIECE], buffer_b[PIECE];
        float *x = float_target(da, begin, buffer_a), *y = float_target(db, begin, buffer_b);
        for (int64_t i = 0; i < count; i++) {
            float p = ea[begin + i] * inverse_za, q = eb[begin + i] * inverse_zb;
            float delta = a[begin + i] - b[begin + i] - shift;
            x[i] = p - uniform + half * (p * (delta - kp) + (p - q));
            y[i] = q - uniform + half * (q * (-delta - kq) + (q - p));
        }
        pull_target(x, begin, count, target, 1.0f - eps);
        pull_target(y, begin, count, target, 1.0f - eps);
        store_bf16(da, begin, x, count);
        store_bf16(db, begin, y, count);
    }
}

/* The mean over pairs of their KL, with each pass's cross-entropy once. Every pass is in n - 1
 * pairs, so this is the sum of the pairs' losses with 2 / n of alpha, divided by n - 1. */
static void pairs(const float *logits, rd_activations dlogits, int64_t passes, int64_t stride,
                  int64_t vocab, int32_t target, float eps, float alpha, float *restrict scratch,
                  rd_criterion_partial *sums) {
    float *exponentials = scratch, *da = scratch + 2 * vocab, *db = da + vocab;
    float *total = db + vocab, share = 1.0f / (float)(passes - 1);
    const rd_activations first = {.f32 = da}, second = {.f32 = db};
    rd_criterion_partial of_pairs = {0};
    memset(total, 0, sizeof *total * (size_t)(passes * vocab));
    for (int64_t i = 0; i < passes; i++)
        for (int64_t j = i + 1; j < passes; j++) {
            float *restrict ta = total + i * vocab, *restrict tb = total + j * vocab;
            pair(logits + i * stride, logits + j * stride, first, second, vocab, target, eps,
                 2.0f * alpha / (float)passes, exponentials, &of_pairs);
            for (int64_t k = 0; k < vocab; k++) ta[k] += share * da[k];
            for (int64_t k = 0; k < vocab; k++) tb[k] += share * db[k];
        }
    for (int64_t i = 0; i < passes; i++) store(dlogits, i * stride, total + i * vocab, vocab);
    double n = (double)passes;
    sums->label_smoothed += of_pairs.label_smoothed / (n - 1.0);
    sums->nll += of_pairs.nll / (n - 1.0);
    sums->kl += of_pairs.kl / (0.5 * n * (n - 1.0));
}

static void criterion(const float *logits, rd_activations dlogits, int64_t passes, int64_t stride,
                      int64_t vocab, int32_t target, float eps, float alpha, float *scratch,
                      rd_criterion_partial *sums) {
    if (passes == 1)
        cross_entropy(logits, dlogits, vocab, target, eps, scratch, sums);
    else if (passes == 2)
        pair(logits, logits + stride, dlogits, rd_activations_at(dlogits, stride), vocab, target,
             eps, alpha, scratch, sums);
    else
        pairs(logits, dlogits, passes, stride, vocab, target, eps, alpha, scratch, sums);
}

/* sum: of logarithms of probabilities. */
static void row_stats(rd_row_stats *stats, const float *a, const float *b, int64_t n) {
    if (b) {
        const two_rows t = sums_of_two(a, b, n, NULL, NULL);
        *stats = (rd_row_stats){
            .max = {(double)t.max_a, (double)t.max_b},
            .log_z = {t.log_za, t.log_zb},
            .sum = {(double)t.sum_a - (double)n * t.log_za, (double)t.sum_b - (double)n * t.log_zb},
            .kl = {t.kl_pq, t.kl_qp}};
        return;
    }
    float max = max_of(a, n), z = 0.0f, sum = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        z += exp_fast(a[i] - max);
        sum += a[i] - max;
    }
    double log_z = log((double)z);
    *stats = (rd_row_stats){
        .max = {(double)max}, .log_z = {log_z}, .sum = {(double)sum - (double)n * log_z}};
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
        int64_t count = piece_of(begin, n);
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
            pull_target(y, begin, count, loss->target, loss->hit);
            store_bf16(db, begin, y, count);
        }
        pull_target(x, begin, count, loss->target, loss->hit);
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

#endif
