/* Attention of one head over one sequence, forward and backward (Vaswani et al. 2017, equation 1;
 * recomputing probabilities from a saved log-sum-exp as Dao et al. 2022, so nothing of size queries
 * x keys outlives a block of queries). Scores lie transposed, a row for each key and a lane for
 * each query: sums over keys are then sums of whole vectors, and no product needs keys or values
 * transposed. Included by simd.c only, once per instruction set. */
#ifndef RD_OPS_CPU_ATTENTION_KERNELS_H
#define RD_OPS_CPU_ATTENTION_KERNELS_H

#include <math.h>
#include <string.h>

#include "ops/cpu/attention_rows.h"
#include "ops/cpu/dropout_bits.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/tiles.h"
#include "ops/cpu/vector.h"

/* y: [block] = bias * xt, xt: [width, block] transposed rows: the bias's share of all products with
 * them. */
static void bias_products(float *restrict y, const float *restrict bias, const float *restrict xt,
                          int64_t width, int64_t block) {
    for (int64_t l = 0; l < block; l += LANES) {
        vec16 sums[4] = {{0}}; /* independent, so that none waits for the one before */
        int64_t c = 0;
        for (; c + 4 <= width; c += 4)
            for (int i = 0; i < 4; i++)
                sums[i] += bias[c + i] * *(const vec16_anywhere *)(xt + (c + i) * block + l);
        for (; c < width; c++) sums[0] += bias[c] * *(const vec16_anywhere *)(xt + c * block + l);
        *(vec16_anywhere *)(y + l) = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

/* Scratch of both directions, carved from one block; see rd_attention_scratch. */
typedef struct {
    int64_t width, block;   /* of the head, padded; of queries, a multiple of LANES */
    float *k, *v, *dk, *dv; /* [n_keys, width], where activations are not used in place */
    float *p, *dp;          /* [n_keys, block] */
    float *pairs;           /* [n_keys / 2 rounded up, block], of dp */
    float *q, *d_o, *o;     /* [block, width] */
    float *qt, *d_ot;       /* [width, block] */
    /* [block]: log-sum-exp; reciprocal and dropped-out sums of exponentials; what the bias of
     * values adds to a query's products */
    float *lse, *inverse, *kept, *of_bias_v;
} attention_buffers;

static attention_buffers carve(const rd_attention_head *h, float *scratch) {
    attention_buffers b = {.width = rd_pad16(h->head_dim),
                           .block = rd_attention_block(h->n_queries, h->n_keys)};
    int64_t kv = h->n_keys * b.width, scores = h->n_keys * b.block, rows = b.block * b.width;
    float *next = scratch;
    float **parts[] = {&b.p,  &b.q,    &b.qt,  &b.o, &b.lse, &b.inverse, &b.kept, &b.of_bias_v,
                       &b.dp, &b.d_ot, &b.d_o, &b.k, &b.v,   &b.dk,      &b.dv,   &b.pairs};
    int64_t sizes[] = {scores, rows, rows, rows, b.block, b.block, b.block, b.block,
                       scores, rows, rows, kv,   kv,      kv,      kv,      (scores + b.block) / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        *parts[i] = next;
        next += sizes[i];
    }
    return b;
}

/* A block's queries 16 lane .. 16 lane + 15: where their scores begin, and how many keys the last
 * of them sees. */
typedef struct {
    float *p, *dp;
    int64_t ld, keys, first; /* of queries, in the sequence */
    uint64_t row_keys[LANES];
} lanes;

/* Keys of 16 rows, `stride` apart: all at once if they belong to one pass. */
static void row_keys_of(const rd_dropout_keys *dropout, int64_t row, int64_t stride,
                        uint64_t *restrict keys) {
    int64_t first = row, last = row + (LANES - 1) * stride;
    uint64_t pass_key = rd_dropout_pass_key(dropout, &first);
    if (rd_dropout_pass_key(dropout, &last) == pass_key)
        for (int l = 0; l < LANES; l++)
            keys[l] = rd_dropout_key_in_pass(pass_key, first + l * stride);
    else
        for (int l = 0; l < LANES; l++) keys[l] = rd_dropout_row_key(dropout, row + l * stride);
}

static lanes lanes_of(const rd_attention_head *h, const attention_buffers *b,
                      const rd_dropout_keys *dropout, int64_t first, int64_t column) {
    lanes x = {.p = b->p + column, .dp = b->dp + column, .ld = b->block, .first = first + column};
    x.keys = h->causal && x.first + LANES < h->n_keys ? x.first + LANES : h->n_keys;
    if (dropout->threshold > 0)
        row_keys_of(dropout, h->dropout_row + x.first * h->dropout_row_stride,
                    h->dropout_row_stride, x.row_keys);
    return x;
}

/* Masks the scores of keys after the query. */
static void hide(const lanes *x) {
    for (int64_t j = x->first + 1; j < x->keys; j++) {
        float *restrict row = x->p + j * x->ld;
        for (int32_t l = 0, from = (int32_t)(j - x->first); l < LANES; l++)
            row[l] = l < from ? -INFINITY : row[l];
    }
}

/* Zeros for keys that other lanes of the block see, but none of these do. */
static void zero_unseen(const lanes *x, float *p, int64_t seen) {
    for (int64_t j = x->keys; j < seen; j++) memset(p + j * x->ld, 0, LANES * sizeof *p);
}

static void log_of(float *restrict y, const float *restrict x) {
    for (int l = 0; l < LANES; l++) {
        uint32_t bits, one;
        float part;
        memcpy(&bits, &x[l], sizeof bits);
        one = (bits & 0x7FFFFFu) | 0x3F800000u;
        memcpy(&part, &one, sizeof part);
        y[l] = (float)((int32_t)(bits >> 23) - 127) * 0.69314718f + log1p_fast(part - 1.0f);
    }
}

/* Scores to e^(score - largest), dropped out, whose sums are `kept`: to be scaled by `inverse`, the
 * reciprocal of their sum before dropout. lse: [16] the logarithm of the sum of e^score. */
static void softmax(const rd_attention_head *h, const lanes *x, const rd_dropout_keys *dropout,
                    float scale, int64_t seen, float *restrict lse, float *restrict inverse,
                    float *restrict kept) {
    float max[LANES], z[LANES] = {0}, sum[LANES] = {0}, keep[4][LANES];
    if (h->causal) hide(x);
    for (int l = 0; l < LANES; l += NATIVE) {
        native largest = *(const native_anywhere *)(x->p + l);
        for (int64_t j = 1; j < x->keys; j++)
            largest = larger(largest, *(const native_anywhere *)(x->p + j * x->ld + l));
        memcpy(max + l, &largest, sizeof largest);
    }
    for (int t = 0; t < 4; t++)
        for (int l = 0; l < LANES; l++) keep[t][l] = 1.0f;
    for (int64_t j = 0; j < x->keys; j += 4) {
        if (dropout->threshold > 0) dropout_of_four(dropout, x->row_keys, j / 4, keep);
        for (int64_t t = 0; t < 4 && j + t < x->keys; t++) {
            float *restrict row = x->p + (j + t) * x->ld;
            for (int l = 0; l < LANES; l++) {
                float e = exp_fast(scale * (row[l] - max[l]));
                z[l] += e;
                row[l] = e * keep[t][l];
                sum[l] += row[l];
            }
        }
    }
    zero_unseen(x, x->p, seen);
    log_of(lse, z);
    for (int l = 0; l < LANES; l++) {
        lse[l] += scale * max[l];
        inverse[l] = 1.0f / z[l];
        kept[l] = sum[l];
    }
}

/* A block's queries and their bias, transposed: qt: [width, block]. */
static void transpose_queries(const rd_attention_head *h, const attention_buffers *b, int64_t first,
                              int64_t n) {
    rd_activations q = rd_activations_at(h->q, first * h->stride_q);
    if (is_direct(q, h->head_dim)) {
        transpose(b->qt, b->block, q.f32, h->stride_q, h->bias_q, n, b->width);
    } else {
        pack(b->q, q, h->stride_q, h->bias_q, n, h->head_dim);
        transpose(b->qt, b->block, b->q, b->width, NULL, n, b->width);
    }
}

/* The last steps of a block's output: o / sums + bias, in the output's form, and the
 * log-sum-exp. */
static void finish_block(const rd_attention_head *h, const attention_buffers *b, rows16 o,
                         rd_activations out, int64_t first, int64_t n) {
    add_bias_and_scale(out, h->stride_out, o, b->kept, h->bias_v, b->inverse, n, h->head_dim,
                       h->pairs);
    for (int64_t i = 0; h->lse && i < n; i++) h->lse[(first + i) * h->stride_lse] = b->lse[i];
}

/* Scores of a block to probabilities that are to be scaled by `inverse`. */
static void softmax_block(const rd_attention_head *h, const attention_buffers *b,
                          const rd_dropout_keys *dropout, int64_t first, int64_t n, int64_t seen) {
    float scale = 1.0f / sqrtf((float)h->head_dim);
    for (int64_t column = 0; column < n; column += LANES) {
        lanes x = lanes_of(h, b, dropout, first, column);
        softmax(h, &x, dropout, scale, seen, b->lse + column, b->inverse + column,
                b->kept + column);
    }
}

/* The block of queries that begins at `first`, and the keys that it sees. */
static int64_t block_at(const rd_attention_head *h, const attention_buffers *b, int64_t first,
                        int64_t *seen) {
    int64_t n = h->n_queries - first < b->block ? h->n_queries - first : b->block;
    *seen = h->causal && first + n < h->n_keys ? first + n : h->n_keys;
    return n;
}

/* Keys and values are used without their biases. That of values adds to all products of a query
 * alike; so does that of keys, which softmax does not see at all. */
static void attention_forward(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    const rd_dropout_keys dropout = rd_dropout_keys_of(h->dropout);
    rows16 k = rows_of(h->k, h->stride_kv, b.k, h->n_keys, h->head_dim);
    rows16 v = rows_of(h->v, h->stride_kv, b.v, h->n_keys, h->head_dim);
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t seen, n = block_at(h, &b, first, &seen);
        rd_activations out = rd_activations_at(h->out, first * h->stride_out);
        rows16 o = target_of(out, h->stride_out, b.o, h->head_dim);
        transpose_queries(h, &b, first, n);
        multiply(&(product){seen, rd_pad16(n), b.width, k.x, k.ld, 1, b.qt, b.block, b.p, b.block,
                            .pairs = false});
        softmax_block(h, &b, &dropout, first, n, seen);
        multiply(
            &(product){n, b.width, seen, b.p, 1, b.block, v.x, v.ld, o.x, o.ld, .pairs = false});
        finish_block(h, &b, o, out, first, n);
    }
}

/* With P the probabilities, M the dropout scales, O = (P o M) V:
 *     dV = (P o M)^T dO,  dP = (dO V^T) o M,  dS = P o (dP - rowsum(P o dP)),
 *     dQ = dS K / sqrt(head_dim),  dK = dS^T Q / sqrt(head_dim).
 * First scores to P, negative where it is dropped. Adds up the rows' sums in mean: [16]. */
static void probabilities(const lanes *x, const rd_dropout_keys *dropout, float scale,
                          const float *restrict lse, const float *restrict of_bias_v,
                          float *restrict mean) {
    float keep[4][LANES];
    for (int t = 0; t < 4; t++)
        for (int l = 0; l < LANES; l++) keep[t][l] = 1.0f;
    for (int64_t j = 0; j < x->keys; j += 4) {
        if (dropout->threshold > 0) dropout_of_four(dropout, x->row_keys, j / 4, keep);
        for (int64_t t = 0; t < 4 && j + t < x->keys; t++) {
            float *restrict p = x->p + (j + t) * x->ld, *restrict dp = x->dp + (j + t) * x->ld;
            for (int l = 0; l < LANES; l++) {
                float e = exp_fast(scale * p[l] - lse[l]);
                dp[l] += of_bias_v[l];
                mean[l] += e * keep[t][l] * dp[l];
                p[l] = keep[t][l] > 0.0f ? e : -e;
            }
        }
    }
}

/* Then P to P o M, and dO V^T to scale * dS. */
static void softmax_backward(const rd_attention_head *h, const lanes *x,
                             const rd_dropout_keys *dropout, float scale, int64_t seen,
                             const float *restrict lse, const float *restrict of_bias_v) {
    float mean[LANES] = {0}, kept = dropout->kept;
    if (h->causal) hide(x);
    probabilities(x, dropout, scale, lse, of_bias_v, mean);
    for (int64_t j = 0; j < x->keys; j++) {
        float *restrict p = x->p + j * x->ld, *restrict dp = x->dp + j * x->ld;
        for (int l = 0; l < LANES; l++) {
            float e = fabsf(p[l]);
            p[l] = p[l] > 0.0f ? p[l] * kept : 0.0f;
            dp[l] = scale * (p[l] * dp[l] - e * mean[l]);
        }
    }
    zero_unseen(x, x->p, seen);
    zero_unseen(x, x->dp, seen);
}

/* Adds to rows of c that were written before, and writes those after them. */
static void multiply_onto(product x, int64_t written) {
    int64_t m = x.m, old = written < m ? written : m;
    x.m = old, x.accumulate = true;
    multiply(&x);
    x.m = m - old, x.accumulate = false;
    x.a += old * x.row_a, x.c += old * x.ldc;
    multiply(&x);
}

/* A block's scores to P o M, and dO V^T to the gradients of scores, scale * dS. */
static void softmax_block_backward(const rd_attention_head *h, const attention_buffers *b,
                                   const rd_dropout_keys *dropout, int64_t first, int64_t n,
                                   int64_t seen) {
    float scale = 1.0f / sqrtf((float)h->head_dim);
    for (int64_t i = 0; i < rd_pad16(n); i++)
        b->lse[i] = i < n ? h->lse[(first + i) * h->stride_lse] : 0.0f;
    for (int64_t column = 0; column < n; column += LANES) {
        lanes x = lanes_of(h, b, dropout, first, column);
        softmax_backward(h, &x, dropout, scale, seen, b->lse + column, b->of_bias_v + column);
    }
}

/* The same from queries and gradients of outputs. */
static void scores_backward(const rd_attention_head *h, const attention_buffers *b,
                            const rd_dropout_keys *dropout, rows16 k, rows16 v, rows16 d_o,
                            int64_t first, int64_t n, int64_t seen) {
    transpose(b->qt, b->block, b->q, b->width, NULL, n, b->width);
    transpose(b->d_ot, b->block, d_o.x, d_o.ld, NULL, n, b->width);
    bias_products(b->of_bias_v, h->bias_v, b->d_ot, h->head_dim, b->block);
    multiply(&(product){seen, rd_pad16(n), b->width, k.x, k.ld, 1, b->qt, b->block, b->p, b->block,
                        .pairs = false});
    multiply(&(product){seen, rd_pad16(n), b->width, v.x, v.ld, 1, b->d_ot, b->block, b->dp,
                        b->block, .pairs = false});
    softmax_block_backward(h, b, dropout, first, n, seen);
}

/* Rows first .. n are zero. */
static void zero_rows(rows16 x, int64_t first, int64_t n, int64_t width) {
    for (int64_t j = first; j < n; j++) memset(x.x + j * x.ld, 0, sizeof(float) * (size_t)width);
}

/* Gradients of keys that no query saw, and of all in the form that is wanted. */
static void finish_keys(const rd_attention_head *h, const attention_buffers *b, rows16 dk,
                        rows16 dv, int64_t written) {
    zero_rows(dk, written, h->n_keys, b->width);
    zero_rows(dv, written, h->n_keys, b->width);
    if (dk.x == b->dk) unpack(h->d_k, h->stride_kv, b->dk, h->n_keys, h->head_dim, h->pairs);
    if (dv.x == b->dv) unpack(h->d_v, h->stride_kv, b->dv, h->n_keys, h->head_dim, h->pairs);
}

static void attention_backward(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    const rd_dropout_keys dropout = rd_dropout_keys_of(h->dropout);
    int64_t written = 0; /* rows of dk and dv */
    rows16 k = rows_of(h->k, h->stride_kv, b.k, h->n_keys, h->head_dim);
    rows16 v = rows_of(h->v, h->stride_kv, b.v, h->n_keys, h->head_dim);
    rows16 dk = target_of(h->d_k, h->stride_kv, b.dk, h->head_dim);
    rows16 dv = target_of(h->d_v, h->stride_kv, b.dv, h->head_dim);
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t seen, n = block_at(h, &b, first, &seen);
        rows16 d_o = rows_of(rd_activations_at(h->d_out, first * h->stride_out), h->stride_out,
                             b.d_o, n, h->head_dim);
        rd_activations d_q = rd_activations_at(h->d_q, first * h->stride_q);
        rows16 dq = target_of(d_q, h->stride_q, b.o, h->head_dim);
        pack(b.q, rd_activations_at(h->q, first * h->stride_q), h->stride_q, h->bias_q, n,
             h->head_dim);
        scores_backward(h, &b, &dropout, k, v, d_o, first, n, seen);
        multiply_onto((product){seen, b.width, n, b.p, b.block, 1, d_o.x, d_o.ld, dv.x, dv.ld,
                                .pairs = false},
                      written);
        multiply_onto((product){seen, b.width, n, b.dp, b.block, 1, b.q, b.width, dk.x, dk.ld,
                                .pairs = false},
                      written);
        multiply(
            &(product){n, b.width, seen, b.dp, 1, b.block, k.x, k.ld, dq.x, dq.ld, .pairs = false});
        if (dq.x == b.o) unpack(d_q, h->stride_q, b.o, n, h->head_dim, h->pairs);
        if (seen > written) written = seen;
    }
    finish_keys(h, &b, dk, dv, written);
}

#endif
