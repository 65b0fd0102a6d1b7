/* Attention whose products multiply pairs of bfloat16 and add in float32 (AVX512_BF16), at twice
 * the rate: the same as attention_kernels.h, with every operand as words of 32 bits that hold two
 * neighbours along the sum. Scores sum over a head's columns, which lie in pairs already; other
 * sums are over rows, so two rows are woven into one. Only products read rounded probabilities.
 * Included by simd.c only, once per instruction set. */
#ifndef RD_OPS_CPU_ATTENTION_PAIRS_H
#define RD_OPS_CPU_ATTENTION_PAIRS_H

#include <string.h>

#include "ops/cpu/attention_kernels.h"

/* Can this head's operands be read in pairs? */
static bool comes_in_pairs(const rd_attention_head *h) {
    return NATIVE == 16 && h->pairs && !h->q.f32 && !h->k.f32 && h->head_dim % 2 == 0 &&
           h->stride_kv % 2 == 0;
}

/* Words of two neighbours in a row of `width` numbers, rounded up for transpose(). */
static int64_t words_of(int64_t width) {
    return rd_pad16(width / 2);
}

/* words: [n / 2 rounded up, ld] of rows 2 j and 2 j + 1 of x: [n, width], zero where x ends. */
static void weave(float *words, int64_t ld, const uint16_t *x, int64_t stride, int64_t n,
                  int64_t width) {
    int64_t whole = width / LANES * LANES;
    for (int64_t j = 0; j < n; j += 2) {
        const uint16_t *low = x + j * stride, *high = j + 1 < n ? low + stride : NULL;
        float *row = words + j / 2 * ld;
        for (int64_t c = 0; c < whole; c += LANES) {
            word16 w = load_halves(low + c);
            if (high) w |= load_halves(high + c) << 16;
            memcpy(row + c, &w, sizeof w);
        }
        for (int64_t c = whole; c < ld; c++) {
            uint32_t w = 0;
            if (c < width) w = low[c] | (high ? (uint32_t)high[c] << 16 : 0);
            memcpy(row + c, &w, sizeof w);
        }
    }
}

/* words: [n / 2 rounded up, ld] of rows 2 j and 2 j + 1 of p: [n, ld], rounded; columns 0 .. width,
 * a multiple of 16. words may be p. */
static void weave_rounded(float *words, const float *p, int64_t ld, int64_t n, int64_t width) {
    for (int64_t j = 0; j < n; j += 2)
        for (int64_t l = 0; l < width; l += LANES) {
            const float *from = p + j * ld + l;
            half16 low = halves_of(*(const vec16_anywhere *)from, true), high = {0};
            if (j + 1 < n) high = halves_of(*(const vec16_anywhere *)(from + ld), true);
            word16 w = __builtin_convertvector(high, word16) << 16;
            w |= __builtin_convertvector(low, word16);
            memcpy(words + j / 2 * ld + l, &w, sizeof w);
        }
}

/* x: [width], a multiple of 16, to as many bfloat16 in its first half. */
static inline void round_row(float *x, int64_t width) {
    const rd_activations y = {.bf16 = (uint16_t *)(void *)x};
    for (int64_t c = 0; c < width; c += LANES)
        store_vector(y, c, *(const vec16_anywhere *)(x + c), true);
}

/* A block's queries with their bias: rows of bfloat16 in b->o, [n, 2 words_of(width)], and these
 * transposed in words, in b->qt. */
static void pair_queries(const rd_attention_head *h, const attention_buffers *b, int64_t first,
                         int64_t n) {
    int64_t words = words_of(b->width), width = h->head_dim, whole = width / LANES * LANES;
    const rd_activations rows = {.bf16 = (uint16_t *)(void *)b->o};
    for (int64_t i = 0; i < n; i++) {
        int64_t from = (first + i) * h->stride_q, to = 2 * words * i;
        for (int64_t c = 0; c < whole; c += LANES)
            store_vector(rows, to + c,
                         load_vector(h->q, from + c) + *(const vec16_anywhere *)(h->bias_q + c),
                         true);
        for (int64_t c = whole; c < width; c++)
            store_one(rows, to + c, rd_bf16_to_f32(h->q.bf16[from + c]) + h->bias_q[c]);
        if (width < 2 * words)
            memset(rows.bf16 + to + width, 0, sizeof *rows.bf16 * (size_t)(2 * words - width));
    }
    transpose(b->qt, b->block, b->o, words, NULL, n, words);
}

static void attention_forward_pairs(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    const rd_dropout_keys dropout = rd_dropout_keys_of(h->dropout);
    const float *k = (const float *)(const void *)h->k.bf16;
    weave(b.v, b.width, h->v.bf16, h->stride_kv, h->n_keys, h->head_dim);
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t seen, n = block_at(h, &b, first, &seen);
        rd_activations out = rd_activations_at(h->out, first * h->stride_out);
        rows16 o = target_of(out, h->stride_out, b.o, h->head_dim);
        pair_queries(h, &b, first, n);
        multiply(&(product){seen, rd_pad16(n), h->head_dim / 2, k, h->stride_kv / 2, 1, b.qt,
                            b.block, b.p, b.block, .pairs = true});
        softmax_block(h, &b, &dropout, first, n, seen);
        weave_rounded(b.p, b.p, b.block, seen, rd_pad16(n));
        multiply(&(product){n, b.width, (seen + 1) / 2, b.p, 1, b.block, b.v, b.width, o.x, o.ld,
                            .pairs = true});
        finish_block(h, &b, o, out, first, n);
    }
}

/* A block's gradients of outputs: transposed in b->d_ot, woven in b->d_o, and what a bias of values
 * adds to all products with them. */
static void pair_gradients(const rd_attention_head *h, const attention_buffers *b, int64_t first,
                           int64_t n) {
    const uint16_t *d_out = h->d_out.bf16 + first * h->stride_out;
    int64_t words = words_of(b->width), whole = h->head_dim / LANES * LANES;
    weave(b->d_o, b->width, d_out, h->stride_out, n, h->head_dim);
    memset(b->of_bias_v, 0, sizeof *b->of_bias_v * (size_t)rd_pad16(n));
    for (int64_t i = 0; i < n; i++) {
        const uint16_t *from = d_out + i * h->stride_out;
        uint16_t *row = (uint16_t *)(void *)(b->o + i * words);
        for (int64_t c = 0; c < whole; c += LANES) memcpy(row + c, from + c, LANES * sizeof *row);
        if (whole < 2 * words) {
            memcpy(row + whole, from + whole, sizeof *row * (size_t)(h->head_dim - whole));
            memset(row + h->head_dim, 0, sizeof *row * (size_t)(2 * words - h->head_dim));
        }
        float sum = 0.0f;
        for (int64_t c = 0; c < h->head_dim; c++) sum += h->bias_v[c] * rd_bf16_to_f32(from[c]);
        b->of_bias_v[i] = sum;
    }
    transpose(b->d_ot, b->block, b->o, words, NULL, n, words);
}

/* A block's P o M, rounded, in rows of b->p, and gradients of scores in rows of b->dp, and woven in
 * b->pairs. */
static void scores_backward_pairs(const rd_attention_head *h, const attention_buffers *b,
                                  const rd_dropout_keys *dropout, int64_t first, int64_t n,
                                  int64_t seen) {
    const float *k = (const float *)(const void *)h->k.bf16;
    const float *v = (const float *)(const void *)h->v.bf16;
    int64_t lanes_used = rd_pad16(n);
    multiply(&(product){seen, lanes_used, h->head_dim / 2, k, h->stride_kv / 2, 1, b->qt, b->block,
                        b->p, b->block, .pairs = true});
    multiply(&(product){seen, lanes_used, h->head_dim / 2, v, h->stride_kv / 2, 1, b->d_ot,
                        b->block, b->dp, b->block, .pairs = true});
    softmax_block_backward(h, b, dropout, first, n, seen);
    weave_rounded(b->pairs, b->dp, b->block, seen, lanes_used);
    for (int64_t j = 0; j < seen; j++) {
        round_row(b->p + j * b->block, lanes_used);
        round_row(b->dp + j * b->block, lanes_used);
    }
}

static void attention_backward_pairs(const rd_attention_head *h, float *scratch) {
    attention_buffers b = carve(h, scratch);
    const rd_dropout_keys dropout = rd_dropout_keys_of(h->dropout);
    int64_t written = 0; /* rows of dk and dv */
    rows16 dk = target_of(h->d_k, h->stride_kv, b.dk, h->head_dim);
    rows16 dv = target_of(h->d_v, h->stride_kv, b.dv, h->head_dim);
    weave(b.k, b.width, h->k.bf16, h->stride_kv, h->n_keys, h->head_dim);
    for (int64_t first = 0; first < h->n_queries; first += b.block) {
        int64_t seen, n = block_at(h, &b, first, &seen), pairs = (n + 1) / 2;
        rd_activations d_q = rd_activations_at(h->d_q, first * h->stride_q);
        rows16 dq = target_of(d_q, h->stride_q, b.o, h->head_dim);
        pair_queries(h, &b, first, n);
        weave(b.q, b.width, (const uint16_t *)(void *)b.o, 2 * words_of(b.width), n, b.width);
        pair_gradients(h, &b, first, n);
        scores_backward_pairs(h, &b, &dropout, first, n, seen);
        multiply_onto((product){seen, b.width, pairs, b.p, b.block, 1, b.d_o, b.width, dv.x, dv.ld,
                                .pairs = true},
                      written);
        multiply_onto((product){seen, b.width, pairs, b.dp, b.block, 1, b.q, b.width, dk.x, dk.ld,
                                .pairs = true},
                      written);
        multiply(&(product){n, b.width, (seen + 1) / 2, b.pairs, 1, b.block, b.k, b.width, dq.x,
                            dq.ld, .pairs = true});
        if (dq.x == b.o) unpack(d_q, h->stride_q, b.o, n, h->head_dim, true);
        if (seen > written) written = seen;
    }
    finish_keys(h, &b, dk, dv, written);
}

/* The entries of the table. */
static void attention(const rd_attention_head *h, float *scratch) {
    if (comes_in_pairs(h))
        attention_forward_pairs(h, scratch);
    else
        attention_forward(h, scratch);
}

static void attention_gradients(const rd_attention_head *h, float *scratch) {
    if (comes_in_pairs(h) && !h->d_out.f32)
        attention_backward_pairs(h, scratch);
    else
        attention_backward(h, scratch);
}

#endif
