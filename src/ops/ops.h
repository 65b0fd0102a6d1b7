/* The operations of the network on whole tensors; matrix products are in gemm.h and packed.h. The
 * implementation (cpu/, the only one) decides how to divide work among threads, and which scratch
 * it needs.
 *
 * Matrices are row-major. An rd_activations is read in float32 if it has that form, and written in
 * all forms that it has. `dropout` counts the rows of its tensor from 0. Sums over rows (gradients
 * of biases, of norms) add to their results and depend on the number of threads in their last bits;
 * nothing else does.
 *
 * Operations that take an arena use it for scratch, leave it as it was, and fail with
 * RD_ERR_MEMORY. Inside a parallel region an operation runs on the calling thread alone. */
#ifndef RD_OPS_OPS_H
#define RD_OPS_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "ops/dropout.h"
#include "ops/activations.h"
#include "rdrop/criterion.h"
#include "rdrop/model.h"

/* ---- Copies and conversions ---- */

/* to: [n] = from: [n], in the forms that `to` has, which `from` must have. */
void rd_op_copy(rd_activations to, rd_activations from, int64_t n);
/* Row i of to: [n, width] = row rows[i] of from, in the forms that `to` has. */
void rd_op_gather(rd_activations to, rd_activations from, const int32_t *rows, int64_t n,
                  int64_t width);
/* Row rows[i] of to += row i of from: [n, width]; no row comes twice. */
void rd_op_add_rows(float *to, const int32_t *rows, const float *from, int64_t n, int64_t width);
/* x: [n] = 0. */
void rd_op_zero(rd_activations x, int64_t n);
/* out: [n] = x: [n] rounded (rd_f32_to_bf16). */
void rd_op_to_bf16(uint16_t *out, const float *x, int64_t n);
/* Row places[r] of to: [.., width] = row r of from: [rows, width], rows `stride` floats apart. */
void rd_op_scatter(float *to, const int32_t *places, const float *from, int64_t stride,
                   int64_t rows, int64_t width);

/* ---- Embedding ---- */

/* out: [rows, width] = dropout(scale * table[token] + position_table[position]); tokens,
 * positions: [rows]. */
void rd_op_embed(rd_activations out, int64_t rows, int64_t width, const int32_t *tokens,
                 const int32_t *positions, const float *table, const float *position_table,
                 float scale, const rd_dropout *dropout);
/* dtable[token] += scale * d, dposition_table[position] += d (NULL: not wanted), for d: [rows,
 * width], the gradient before dropout. The same bits on any number of threads. */
void rd_op_embed_backward(float *dtable, float *dposition_table, const float *d, int64_t rows,
                          int64_t width, const int32_t *tokens, const int32_t *positions,
                          float scale);
/* out: [rows, width] += table[ids[r]]; ids: [rows]. Backward: rd_op_embed_backward. */
void rd_op_embed_add(float *out, int64_t rows, int64_t width, const int32_t *ids,
                     const float *table);

/* ---- Rows: bias, dropout, activation, residual connection, layer norm ---- */

/* y: [rows, width] += bias: [width]. */
void rd_op_add_bias(float *y, const float *bias, int64_t rows, int64_t width);
/* total: [width] += column sums of x: [rows, width]. */
rd_status rd_op_column_sums(rd_arena *arena, float *total, rd_activations x, int64_t rows,
                            int64_t width);
/* x: [rows, width] = dropout(x). Its own backward pass. */
void rd_op_dropout(rd_activations x, int64_t rows, int64_t width, const rd_dropout *dropout);

/* out = dropout(act(h + bias)); h, out: [rows, width], bias: [width]. */
void rd_op_activation(rd_activations out, rd_activations h, const float *bias, int64_t rows,
                      int64_t width, rd_activation act, const rd_dropout *dropout);
/* dh = act'(h + bias) * dropout(dout); dbias: [width] += column sums of dh; out is made again as in
 * the forward pass, so that it need not be kept. dh may be dout, out may be h. */
rd_status rd_op_activation_backward(rd_arena *arena, rd_activations dh, rd_activations out,
                                    rd_activations dout, rd_activations h, const float *bias,
                                    float *dbias, int64_t rows, int64_t width, rd_activation act,
                                    const rd_dropout *dropout);

typedef struct {
    const float *weight, *bias; /* [width] */
    float eps;                  /* added to the variance */
} rd_layer_norm;

/* Statistics of rows that a layer norm's backward pass needs. */
typedef struct {
    float *mean, *rstd; /* [rows] */
} rd_norm_stats;

/* sum = x + dropout(h + bias), the residual connection; y = norm(sum), and stats are kept. x, h,
 * sum, y: [rows, width]; bias: [width]. h none: sum = x, and `sum` is not written. norm NULL: y and
 * stats untouched. x may be sum; with h, y may be h, and its float32 form x. */
void rd_op_residual_norm(float *sum, rd_activations y, rd_norm_stats stats, const float *x,
                         rd_activations h, const float *bias, const rd_layer_norm *norm,
                         int64_t rows, int64_t width, const rd_dropout *dropout);
/* dh: [rows, width] = dropout(dsum); dbias: [width] += column sums of dh. */
rd_status rd_op_residual_backward(rd_arena *arena, rd_activations dh, const float *dsum,
                                  float *dbias, int64_t rows, int64_t width,
                                  const rd_dropout *dropout);
/* dx: [rows, width] (+)= gradient through the layer norm at `sum`; `accumulate` keeps what dx
 * holds; otherwise dx may be dy. dweight, dbias: [width] accumulate. */
rd_status rd_op_norm_backward(rd_arena *arena, float *dx, bool accumulate, const float *dy,
                              const float *sum, rd_norm_stats stats, const float *weight,
                              float *dweight, float *dbias, int64_t rows, int64_t width);
/* y: [rows, width] = x + scale[row] * (y - x), and to = scale[row] * from; scale: [rows]. */
void rd_op_mix_rows(float *y, const float *x, const float *scale, int64_t rows, int64_t width);
void rd_op_scale_rows(float *to, const float *from, const float *scale, int64_t rows,
                      int64_t width);

/* ---- Pictures ---- */

/* Square windows over pictures with zeros around: of [n, channels, side, side], where a window is
 * [channels, kernel, kernel], or, with `interleaved`, of [n, side, side, channels], where it is
 * [kernel, kernel, channels]. */
typedef struct {
    int64_t n, side, channels;
    int64_t kernel, stride, padding; /* of the windows; padding < kernel <= side + 2 * padding */
    bool interleaved;
} rd_windows;

/* Windows along a side. */
static inline int64_t rd_windows_side(const rd_windows *w) {
    return (w->side + 2 * w->padding - w->kernel) / w->stride + 1;
}

/* Samples of a window. */
static inline int64_t rd_windows_size(const rd_windows *w) {
    return w->kernel * w->kernel * w->channels;
}

/* out: [n * windows, kernel * kernel * channels] = every window of the pictures as a row. */
void rd_op_unfold(float *out, const float *pictures, const rd_windows *windows);
/* dpictures (interleaved) = for each sample the sum of its gradients in all windows, dout. */
void rd_op_fold(float *dpictures, const float *dout, const rd_windows *windows);
/* out: [n * windows, channels] = max_pool(relu(pictures)): the largest positive sample of each
 * window, or 0; interleaved. */
void rd_op_max_pool(float *out, const float *pictures, const rd_windows *windows);
/* dpictures = dout where the sample is the first that made `out`, else 0. */
void rd_op_max_pool_backward(float *dpictures, const float *dout, const float *out,
                             const float *pictures, const rd_windows *windows);

/* Patches as an encoder reads them: [passes, n, class_tokens + patches, width], all passes alike.
 */
typedef struct {
    int64_t passes, n, patches, width;
    int64_t class_tokens; /* come before the patches of each picture */
} rd_patch_rows;

/* out = x: [n * patches, width] + bias: [width] (NULL: none), or class_token: [class_tokens,
 * width]; and positions: [class_tokens + patches, width]. */
void rd_op_place_patches(float *out, const float *x, const float *bias, const float *class_token,
                         const float *positions, const rd_patch_rows *rows);
/* dx = the sum over passes; the others (NULL: not wanted) accumulate. The same bits on any number
 * of threads. */
void rd_op_place_patches_backward(float *dx, float *dbias, float *dclass_token, float *dpositions,
                                  const float *dout, const rd_patch_rows *rows);

/* ---- Attention ---- */

/* The sequences of a packed batch: sequence i is rows offsets[i] .. offsets[i + 1]. */
typedef struct {
    int64_t n_seqs, rows;
    const int32_t *offsets; /* [n_seqs + 1] */
} rd_sequences;

/* Cutoff: parts of each sequence's rows are set to 0, chosen by a pure function of these fields. */
typedef struct {
    rd_cutoff_kind kind;
    float ratio; /* expected, of all rows or columns; 0: nothing */
    uint64_t seed;
    int64_t update;
    int32_t micro_batch, site, passes; /* sequences are those of all passes */
} rd_cutoff;

/* x: [sequences->rows, width]. Its own backward pass. */
void rd_op_cutoff(rd_activations x, const rd_sequences *sequences, int64_t width,
                  const rd_cutoff *cutoff);

/* The operands of attention over packed sequences: sequence i of the queries attends to sequence i
 * of the keys, in each head by itself. */
typedef struct {
    const rd_sequences *queries, *keys; /* the same for self-attention */
    int64_t width;
    int32_t heads;     /* head h is columns h * width / heads .. */
    bool causal;       /* query i sees keys 0..i */
    rd_activations q;  /* [queries->rows, width], rows stride_q apart */
    rd_activations kv; /* [keys->rows, 2 * width], a key and a value, rows stride_kv apart */
    int64_t stride_q, stride_kv;
    const float *bias;  /* [3 * width], added to q, k and v */
    rd_activations out; /* [queries->rows, width] */
    /* [queries->rows, heads] log-sum-exp of scores without the keys' bias, for the backward pass */
    float *lse;
    rd_dropout dropout; /* on the probabilities; its rows are [queries->rows, heads] */
} rd_attention_operands;

rd_status rd_op_attention(rd_arena *arena, const rd_attention_operands *operands);
/* dq and dkv, laid out as q and kv, are overwritten; dout: as out. */
rd_status rd_op_attention_backward(rd_arena *arena, const rd_attention_operands *operands,
                                   rd_activations dout, rd_activations dq, rd_activations dkv);

/* The keys and values of one query, biases added: key j is width floats at kv + index[j] * 2 *
 * width (index NULL: j), its value the next width floats. */
typedef struct {
    const float *kv;
    const int32_t *index; /* [n] */
    int64_t n;
} rd_cached_keys;

/* out: [rows, width] = attention of q: [rows, width], rows stride_q apart, biases added; query r
 * attends to keys[r]. */
rd_status rd_op_attention_cached(rd_arena *arena, float *out, const float *q, int64_t stride_q,
                                 const rd_cached_keys *keys, int64_t rows, int64_t width,
                                 int32_t heads);
/* weights: [rows, stride], of row r the first keys[r].n = the weights with which that attention,
 * averaged over the heads, adds up values. q: [rows, width]. */
rd_status rd_op_attention_weights(rd_arena *arena, float *weights, int64_t stride, const float *q,
                                  const rd_cached_keys *keys, int64_t rows, int64_t width,
                                  int32_t heads);

/* ---- Pools: one row a sequence ---- */

/* out: [sequences->n_seqs, width] = the first row of each sequence of x: [sequences->rows, width],
 * or with `mean` the mean of its rows. */
void rd_op_pool(float *out, rd_activations x, const rd_sequences *sequences, int64_t width,
                bool mean);
/* dx: [sequences->rows, width] is overwritten; dout: as out. */
void rd_op_pool_backward(float *dx, const float *dout, const rd_sequences *sequences, int64_t width,
                         bool mean);

/* out: [sequences->n_seqs, width] = sum_t shares[t] x[t] over the rows of each sequence of x:
 * [sequences->rows, width], with shares: [sequences->rows] = softmax(x weight) in each; weight:
 * [width]. */
void rd_op_attention_pool(float *out, float *shares, rd_activations x, const float *weight,
                          const rd_sequences *sequences, int64_t width);
/* dx: as x is overwritten; dweight accumulates; dout: as out. */
rd_status rd_op_attention_pool_backward(rd_arena *arena, float *dx, float *dweight,
                                        const float *dout, rd_activations x, const float *shares,
                                        const float *weight, const rd_sequences *sequences,
                                        int64_t width);

/* ---- Rows of logits ---- */

/* The criterion of rdrop/criterion.h. logits: [passes * rows, vocab], each pass under the one
 * before; bias: [vocab] is added to them (NULL: none). dlogits: as logits, which it may be = the
 * gradient of the loss. targets: [rows]. Adds to *sums. passes 1: cross-entropy alone; 3 or more:
 * that of every pass, and the mean of the KL of all pairs of passes. */
rd_status rd_op_token_criterion(rd_arena *arena, float *logits, const float *bias,
                                rd_activations dlogits, int64_t passes, int64_t rows, int64_t vocab,
                                const int32_t *targets, float label_smoothing, float reg_alpha,
                                rd_criterion_sums *sums);

/* x: [rows, vocab] logits to log-probabilities, in place. */
void rd_op_log_softmax(float *x, int64_t rows, int64_t vocab);
/* log_probs: [rows] = the log-probability of targets[r] in row r of logits: [rows, vocab]. */
void rd_op_target_log_probs(float *log_probs, const float *logits, const int32_t *targets,
                            int64_t rows, int64_t vocab);
/* Log-softmax of x, and then sum: [rows, vocab] = log(exp(sum) + exp(x)) + shift: a mixture of
 * models. */
void rd_op_log_softmax_add(float *sum, float *x, int64_t rows, int64_t vocab, float shift);

/* Statistics of one row of logits in one pass or two. */
typedef struct {
    double max[2], log_z[2]; /* log P[i] is (logit[i] - max) - log_z, in each pass */
    double sum[2];           /* of all log P[i] */
    double kl[2];            /* KL(P1 || P2), KL(P2 || P1); of one pass 0 */
} rd_row_stats;

/* A row's loss, in each pass: hit * -log P[target] + uniform * sum_i -log P[i], to which kl[0] *
 * KL(P1 || P2) + kl[1] * KL(P2 || P1) is added. */
typedef struct {
    int32_t target; /* -1: none */
    float hit, uniform, kl[2];
    float total;    /* of all factors of a pass's -log P: hit + uniform * n, where the caller
                     * subtracts no more */
    float shift[2]; /* times P, subtracted from the gradient of a pass */
} rd_row_loss;

/* stats: [rows] of logits: [passes * rows, n]. */
void rd_op_row_stats(rd_row_stats *stats, const float *logits, int64_t passes, int64_t rows,
                     int64_t n);
/* dlogits: as logits, which it may be = the gradient of losses: [rows]. */
void rd_op_row_gradient(rd_activations dlogits, const float *logits, int64_t passes, int64_t rows,
                        int64_t n, const rd_row_stats *stats, const rd_row_loss *losses);

/* Row r of to, `width` floats of rows `to_stride` apart, = row r of from, rows `stride` apart, +
 * shifts[r * shift_stride]; shifts NULL: a plain copy. */
void rd_op_copy_shifted(float *to, int64_t to_stride, const float *from, int64_t stride,
                        const float *shifts, int64_t shift_stride, int64_t rows, int64_t width);

/* maxima: [stride] = the largest of x[i], x[i + stride], x[i + 2 * stride], ... below n, n >=
 * stride. False if x: [n] has a NaN. */
bool rd_op_strided_maxima(float *maxima, const float *x, int64_t n, int64_t stride);

/* ---- The optimizer ---- */

/* Of x: [n]; the same bits on any number of threads. */
double rd_op_sum_of_squares(const float *x, int64_t n);

typedef struct {
    float beta1, beta2, eps;
    float step;       /* the learning rate, bias correction included */
    float grad_scale; /* gradients are multiplied by it first */
    float l2;         /* then this times the parameter is added */
    float decay;      /* of the parameter, before the step */
} rd_adam;

/* On p, g, m, v: [n]: m and v are brought up to date, p = p * decay - step * m / (sqrt(v) + eps),
 * and g is zeroed for the next update. */
void rd_op_adam(float *p, float *g, float *m, float *v, int64_t n, const rd_adam *adam);
/* g = g * grad_scale + l2 * p; p = p * decay + from_m * m + from_g * g; m = m * keep + g * add. */
typedef struct {
    float grad_scale, l2, decay, from_m, from_g, keep, add;
} rd_momentum;

/* On p, g, m: [n]; g is zeroed for the next update. */
void rd_op_momentum(float *p, float *g, float *m, int64_t n, const rd_momentum *momentum);
/* average: [n] += share * (x: [n] - average). */
void rd_op_average(float *average, const float *x, int64_t n, float share);

#endif
