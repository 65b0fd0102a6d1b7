#include "reference_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void reference_dropout(const rd_dropout *dropout, int64_t row, int64_t width, float *scale) {
    rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    uint64_t row_key = rd_dropout_row_key(&keys, row);
    for (int64_t column = 0; column < width; column++) {
        uint64_t word = rd_dropout_word(row_key + (uint64_t)(column / 4) * RD_DROPOUT_STEP);
        uint32_t bits = word >> column % 4 * 16 & 0xFFFF;
        scale[column] = bits >= keys.threshold ? keys.kept : 0.0f;
    }
}

/* Dropout scales of one row; release with free(). */
static double *keep_of(const rd_dropout *dropout, int64_t row, int64_t width) {
    double *keep = malloc(sizeof *keep * (size_t)width);
    float *scale = malloc(sizeof *scale * (size_t)width);
    reference_dropout(dropout, row, width, scale);
    for (int64_t i = 0; i < width; i++) keep[i] = dropout->rate > 0.0f ? (double)scale[i] : 1.0;
    free(scale);
    return keep;
}

void reference_embed(double *out, int64_t first_row, int64_t rows, int64_t width,
                     const int32_t *tokens, const int32_t *positions, const float *table,
                     const float *position_table, float scale, const rd_dropout *dropout) {
    for (int64_t r = 0; r < rows; r++) {
        double *keep = keep_of(dropout, first_row + r, width);
        for (int64_t i = 0; i < width; i++) {
            double embedding = (double)table[tokens[r] * width + i];
            double position = (double)position_table[positions[r] * width + i];
            out[r * width + i] = keep[i] * ((double)scale * embedding + position);
        }
        free(keep);
    }
}

void reference_apply_dropout(double *out, const float *x, int64_t first_row, int64_t rows,
                             int64_t width, const rd_dropout *dropout) {
    for (int64_t r = 0; r < rows; r++) {
        double *keep = keep_of(dropout, first_row + r, width);
        for (int64_t i = 0; i < width; i++) out[r * width + i] = (double)x[r * width + i] * keep[i];
        free(keep);
    }
}

/* Phi, the standard normal distribution function, and its density. */
static double normal_cdf(double x) {
    return 0.5 * erfc(-x * sqrt(0.5));
}

static double normal_density(double x) {
    return exp(-0.5 * x * x) / sqrt(2.0 * acos(-1.0));
}

static double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

/* GELU's approximation, x * (1 + tanh(u)) / 2, by its definition, and its slope. */
static double inner(double x) {
    return sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x);
}

static double tanh_slope(double x) {
    double t = tanh(inner(x)), du = sqrt(2.0 / acos(-1.0)) * (1.0 + 3.0 * 0.044715 * x * x);
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du;
}

static double activated(rd_activation act, double x) {
    if (act == RD_RELU) return fmax(x, 0.0);
    if (act == RD_TANH) return tanh(x);
    if (act == RD_GELU_TANH) return 0.5 * x * (1.0 + tanh(inner(x)));
    return x * (act == RD_GELU ? normal_cdf(x) : sigmoid(x));
}

static double activation_slope(rd_activation act, double x) {
    if (act == RD_RELU) return x > 0.0 ? 1.0 : 0.0;
    if (act == RD_GELU) return normal_cdf(x) + x * normal_density(x);
    if (act == RD_TANH) return 1.0 - tanh(x) * tanh(x);
    if (act == RD_GELU_TANH) return tanh_slope(x);
    return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
}

void reference_activation(double *out, const float *h, const float *bias, int64_t first_row,
                          int64_t rows, int64_t width, rd_activation act,
                          const rd_dropout *dropout) {
    for (int64_t r = 0; r < rows; r++) {
        double *keep = keep_of(dropout, first_row + r, width);
        for (int64_t i = 0; i < width; i++) {
            double x = (double)h[r * width + i] + (double)bias[i];
            out[r * width + i] = activated(act, x) * keep[i];
        }
        free(keep);
    }
}

void reference_activation_backward(double *dh, const float *dout, const float *h, const float *bias,
                                   double *dbias, int64_t first_row, int64_t rows, int64_t width,
                                   rd_activation act, const rd_dropout *dropout) {
    for (int64_t r = 0; r < rows; r++) {
        double *keep = keep_of(dropout, first_row + r, width);
        for (int64_t i = 0; i < width; i++) {
            double x = (double)h[r * width + i] + (double)bias[i];
            dh[r * width + i] = activation_slope(act, x) * keep[i] * (double)dout[r * width + i];
        }
        free(keep);
    }
    reference_column_sums(dbias, dh, rows, width);
}

static void moments(const double *x, int64_t width, double eps, double *mean, double *rstd) {
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < width; i++) sum += x[i];
    *mean = sum / (double)width;
    for (int64_t i = 0; i < width; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *rstd = 1.0 / sqrt(squares / (double)width + eps);
}

void reference_residual_norm(double *sum, double *y, double *mean, double *rstd, const float *x,
                             const float *h, const float *bias, const float *gain,
                             const float *shift, float eps, int64_t first_row, int64_t rows,
                             int64_t width, const rd_dropout *dropout) {
    for (int64_t r = 0; r < rows; r++) {
        double *keep = keep_of(dropout, first_row + r, width), *s = sum + r * width;
        for (int64_t i = 0; i < width; i++) {
            s[i] = (double)x[r * width + i];
            if (h) s[i] += keep[i] * ((double)h[r * width + i] + (double)bias[i]);
        }
        free(keep);
        if (!gain) continue;
        moments(s, width, (double)eps, &mean[r], &rstd[r]);
        for (int64_t i = 0; i < width; i++)
            y[r * width + i] = (s[i] - mean[r]) * rstd[r] * (double)gain[i] + (double)shift[i];
    }
}

/* By the whole Jacobian: d xhat_j / d x_i = rstd ([i = j] - 1/n - xhat_i xhat_j / n). */
void reference_norm_backward(double *dx, const float *dy, const float *sum, const float *gain,
                             double *dgain, double *dshift, int64_t rows, int64_t width) {
    double *xhat = malloc(sizeof *xhat * (size_t)width), n = (double)width;
    for (int64_t r = 0; r < rows; r++) {
        double mean, rstd;
        for (int64_t i = 0; i < width; i++) xhat[i] = (double)sum[r * width + i];
        moments(xhat, width, 1e-5, &mean, &rstd);
        for (int64_t i = 0; i < width; i++) xhat[i] = (xhat[i] - mean) * rstd;
        for (int64_t j = 0; j < width; j++) {
            double g = (double)dy[r * width + j];
            dgain[j] += g * xhat[j];
            dshift[j] += g;
            for (int64_t i = 0; i < width; i++)
                dx[r * width + i] += g * (double)gain[j] * rstd *
                                     ((i == j ? 1.0 : 0.0) - 1.0 / n - xhat[i] * xhat[j] / n);
        }
    }
    free(xhat);
}

void reference_column_sums(double *out, const double *x, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) out[i] += x[r * width + i];
}

static double number(rd_activations x, int64_t i) {
    return (double)(x.f32 ? x.f32[i] : rd_bf16_to_f32(x.bf16[i]));
}

/* One query's view of the attention: P after softmax, keep the dropout scales, both 0 where the
 * query may not look; o = sum_j P_j keep_j v_j. Returns the log-sum-exp of the scores. */
static double query_row(const rd_attention_head *h, int64_t i, double *p, double *keep) {
    double max = -INFINITY, z = 0.0;
    for (int64_t j = 0; j < h->n_keys; j++) {
        bool hidden = h->causal && j > i;
        p[j] = hidden ? -INFINITY : 0.0;
        for (int64_t c = 0; c < h->head_dim && !hidden; c++)
            p[j] += (number(h->q, i * h->stride_q + c) + (double)h->bias_q[c]) *
                    number(h->k, j * h->stride_kv + c) / sqrt((double)h->head_dim);
        max = fmax(max, p[j]);
    }
    for (int64_t j = 0; j < h->n_keys; j++) z += exp(p[j] - max);
    for (int64_t j = 0; j < h->n_keys; j++) p[j] = exp(p[j] - max) / z;
    /* The layout of dropout bits depends on how many keys a query sees. */
    int64_t seen = h->causal && i + 1 < h->n_keys ? i + 1 : h->n_keys;
    double *scales = keep_of(h->dropout, h->dropout_row + i * h->dropout_row_stride, seen);
    for (int64_t j = 0; j < h->n_keys; j++) keep[j] = j < seen ? scales[j] : 0.0;
    free(scales);
    return max + log(z);
}

static double value(const rd_attention_head *h, int64_t j, int64_t c) {
    return number(h->v, j * h->stride_kv + c) + (double)h->bias_v[c];
}

void reference_attention(const rd_attention_head *h, double *out, double *lse) {
    double *p = malloc(sizeof *p * (size_t)h->n_keys),
           *keep = malloc(sizeof *p * (size_t)h->n_keys);
    for (int64_t i = 0; i < h->n_queries; i++) {
        lse[i] = query_row(h, i, p, keep);
        for (int64_t c = 0; c < h->head_dim; c++) {
            out[i * h->head_dim + c] = 0.0;
            for (int64_t j = 0; j < h->n_keys; j++)
                out[i * h->head_dim + c] += p[j] * keep[j] * value(h, j, c);
        }
    }
    free(p);
    free(keep);
}

/* dL/dscore_j = P_j (dL/dP_j - sum_k P_k dL/dP_k), the Jacobian of softmax. */
void reference_attention_backward(const rd_attention_head *h, double *d_q, double *d_k,
                                  double *d_v) {
    int64_t n = h->n_keys, dim = h->head_dim;
    double *p = malloc(sizeof *p * (size_t)n), *keep = malloc(sizeof *p * (size_t)n),
           *dp = malloc(sizeof *p * (size_t)n), scale = 1.0 / sqrt((double)dim);
    memset(d_q, 0, sizeof *d_q * (size_t)(h->n_queries * dim));
    memset(d_k, 0, sizeof *d_k * (size_t)(n * dim));
    memset(d_v, 0, sizeof *d_v * (size_t)(n * dim));
    for (int64_t i = 0; i < h->n_queries; i++) {
        rd_activations d_out = rd_activations_at(h->d_out, i * h->stride_out);
        query_row(h, i, p, keep);
        double mean = 0.0;
        for (int64_t j = 0; j < n; j++) {
            dp[j] = 0.0;
            for (int64_t c = 0; c < dim; c++) {
                dp[j] += keep[j] * number(d_out, c) * value(h, j, c);
                d_v[j * dim + c] += p[j] * keep[j] * number(d_out, c);
            }
            mean += p[j] * dp[j];
        }
        for (int64_t j = 0; j < n; j++)
            for (int64_t c = 0; c < dim; c++) {
                double d_score = p[j] * (dp[j] - mean) * scale;
                double q = number(h->q, i * h->stride_q + c) + (double)h->bias_q[c];
                d_q[i * dim + c] += d_score * number(h->k, j * h->stride_kv + c);
                d_k[j * dim + c] += d_score * q;
            }
    }
    free(p), free(keep), free(dp);
}

void reference_log_softmax(double *log_probs, const float *logits, int64_t vocab) {
    double max = -INFINITY, z = 0.0;
    for (int64_t i = 0; i < vocab; i++) max = logits[i] > max ? (double)logits[i] : max;
    for (int64_t i = 0; i < vocab; i++) z += exp((double)logits[i] - max);
    for (int64_t i = 0; i < vocab; i++) log_probs[i] = (double)logits[i] - max - log(z);
}
