/* The table of kernels. simd.c is compiled once per instruction set and fills one table each;
 * rd_cpu_kernels() picks the one for the processor. Kernels work on the rows that they are given,
 * on the calling thread; the operations (ops/ops.h), which call them, divide rows among threads. */
#ifndef RD_OPS_CPU_KERNELS_H
#define RD_OPS_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "ops/dropout.h"
#include "ops/activations.h"
#include "ops/ops.h"
#include "rdrop/model.h"

/* n rounded up to a multiple of 16, the widest vector. */
static inline int64_t rd_pad16(int64_t n) {
    return (n + 15) / 16 * 16;
}

/* State shared by the rows of one site in one update. */
typedef struct {
    uint64_t pass[2]; /* keys of the first two passes; others' differ by RD_DROPOUT_PASS */
    int64_t rows_per_pass;
    uint32_t threshold; /* draws, of 16 bits, below are dropped, the others scaled by `kept` */
    float kept;
} rd_dropout_keys;

/* By Philox (base/rng.h) of everything except the row and the column; a rate of 0 keeps all. */
rd_dropout_keys rd_dropout_keys_of(const rd_dropout *dropout);

/* 2^64 divided by the golden ratio: steps from row to row and from word to word. */
#define RD_DROPOUT_STEP   0x9E3779B97F4A7C15u
#define RD_DROPOUT_FACTOR 0xD2511F53u
/* Steps from a pass to the one after the next: far from any number of rows. */
#define RD_DROPOUT_PASS 0xD1342543DE82EF95u

/* The key of a row's pass; *row becomes the row's place there. */
static inline uint64_t rd_dropout_pass_key(const rd_dropout_keys *keys, int64_t *row) {
    uint64_t pass = 0;
    for (; keys->rows_per_pass > 0 && *row >= keys->rows_per_pass; pass++)
        *row -= keys->rows_per_pass;
    return keys->pass[pass % 2] + pass / 2 * RD_DROPOUT_PASS;
}

/* The key of a pass's row: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), counted from the pass's
 * key. */
static inline uint64_t rd_dropout_key_in_pass(uint64_t pass_key, int64_t row) {
    uint64_t z = (uint64_t)(row + 1) * RD_DROPOUT_STEP + pass_key;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline uint64_t rd_dropout_row_key(const rd_dropout_keys *keys, int64_t row) {
    uint64_t pass_key = rd_dropout_pass_key(keys, &row);
    return rd_dropout_key_in_pass(pass_key, row);
}

/* 64 bits, of four elements, from a state that is the row's key plus RD_DROPOUT_STEP a word: the
 * product of the state's halves, as in Widynski's "Squares" (2020), then a round of Philox2x32. The
 * key is random, so this need only tell the words of one row apart. */
static inline uint64_t rd_dropout_word(uint64_t state) {
    uint64_t square = (state & 0xFFFFFFFF) * (state >> 32);
    state ^= square << 24 | square >> 40;
    uint64_t product = (state & 0xFFFFFFFF) * RD_DROPOUT_FACTOR;
    return (product << 32 | product >> 32) ^ state >> 32;
}

/* Attention of one (sequence, head): all pointers are at that sequence's first row and that head's
 * first column. d_* may be NULL in the forward pass. */
typedef struct {
    int64_t n_queries, n_keys, head_dim;
    bool causal;            /* query i sees keys 0..i */
    bool pairs;             /* rd_cpu_has_bf16_pairs(): products of bfloat16 may be that */
    rd_activations q, k, v; /* [n, head_dim] with row strides below */
    /* [head_dim], added to q and v. That of keys adds the same to all scores of a query, which its
     * softmax does not see. */
    const float *bias_q, *bias_v;
    int64_t stride_q, stride_kv; /* elements between rows */
    rd_activations out;          /* [n_queries, head_dim], stride stride_out */
    /* [n_queries], stride stride_lse: log-sum-exp of the scores without the keys' bias */
    float *lse;
    int64_t stride_out, stride_lse;
    const rd_dropout *dropout;               /* on the attention probabilities */
    int64_t dropout_row, dropout_row_stride; /* row number of query 0, and between queries */
    /* Backward only. */
    rd_activations d_out;         /* as out */
    rd_activations d_q, d_k, d_v; /* as q, k, v; overwritten */
} rd_attention_head;

/* Weights as products with few rows read them best: words of 4 bytes (a float, two bfloat16 or four
 * int8 that follow each other in a row of W), and of each word those of a panel, the rows of W that
 * a tile of sums has. Missing words, and rows up to a multiple of RD_MOST_PANEL, are zeros; int8 is
 * never -128. oneDNN uses the same layout for panels of 64 (BA16a64b and the like). */
enum { RD_MOST_PANEL = 64 };

/* Words of `rows` rows of W, a multiple of the panel, from n_words a row. */
static inline int64_t rd_panels_size(int64_t rows, int64_t n_words) {
    return rd_pad16(n_words) * rows;
}

typedef struct {
    int64_t rows, n_out, n_words;
    const void *x; /* [rows, n_words]; int8: the numbers with 128 added, or signs_apart's */
    /* [n_out, rounded up to a multiple of RD_MOST_PANEL, / panel, rd_pad16(n_words), panel] */
    const uint32_t *panels;
    float *y; /* [rows, n_out] = sums + bias; stride_y elements between rows */
    int64_t stride_y;
    const float *bias; /* [n_out]; NULL: none */
    /* int8: y = row_scales: [rows] * (scales: [n_out] * sums - offsets: [n_out]) + bias.
     * row_scales NULL: y holds the sums as int32, and no bias is added. */
    const float *row_scales, *scales, *offsets;
} rd_panels_product;

/* Sums that a criterion kernel adds to; see rdrop/criterion.h. */
typedef struct {
    double label_smoothed, nll, kl;
} rd_criterion_partial;

/* If an rd_activations has both formats, kernels read its float32 form and write both. */
typedef struct {
    const char *name;

    /* Like the operations of these names in ops.h (apply_dropout: rd_op_dropout), for rows from
     * first_row on: pointers to rows begin there, and dropout counts from there. */
    void (*embed)(rd_activations out, int64_t first_row, int64_t rows, int64_t width,
                  const int32_t *tokens, const int32_t *positions, const float *table,
                  const float *position_table, float scale, const rd_dropout *dropout);
    void (*apply_dropout)(rd_activations x, int64_t first_row, int64_t rows, int64_t width,
                          const rd_dropout *dropout);
    void (*activation)(rd_activations out, rd_activations h, const float *bias, int64_t first_row,
                       int64_t rows, int64_t width, rd_activation act, const rd_dropout *dropout);
    void (*activation_backward)(rd_activations dh, rd_activations out, rd_activations dout,
                                rd_activations h, const float *bias, float *dbias,
                                int64_t first_row, int64_t rows, int64_t width, rd_activation act,
                                const rd_dropout *dropout);
    void (*residual_norm)(float *sum, rd_activations y, rd_norm_stats stats, const float *x,
                          rd_activations h, const float *bias, const rd_layer_norm *norm,
                          int64_t first_row, int64_t rows, int64_t width,
                          const rd_dropout *dropout);
    void (*norm_backward)(float *dx, bool accumulate, const float *dy, const float *sum,
                          rd_norm_stats stats, const float *weight, float *dweight, float *dbias,
                          int64_t rows, int64_t width);
    void (*residual_backward)(rd_activations dh, const float *dsum, float *dbias, int64_t first_row,
                              int64_t rows, int64_t width, const rd_dropout *dropout);
    void (*to_bf16)(uint16_t *out, const float *x, int64_t n);
    void (*add_bias)(float *y, const float *bias, int64_t rows, int64_t width);
    void (*column_sums)(float *total, rd_activations x, int64_t rows, int64_t width);

    /* y = x * W^T. panels_int8 is NULL without AVX2; AVX-512's needs VNNI. It multiplies weights by
     * the numbers with 128 added or, if signs_apart is not NULL, by the numbers themselves, and
     * reads what that writes. */
    void (*panels_f32)(const rd_panels_product *product);
    void (*panels_bf16)(const rd_panels_product *product);
    void (*panels_int8)(const rd_panels_product *product);
    /* split: [n_words, 2] = the numbers of `rounded`: [n_words] of four, signed, and their
     * magnitudes. */
    void (*signs_apart)(uint32_t *split, const uint8_t *rounded, int64_t n_words);
    int64_t panel; /* divides RD_MOST_PANEL */

    /* rounded: [rows, width] = x / row scale + 128, where the row scale, kept in row_scales:
     * [rows], makes the row's largest magnitude 127. A row that holds no numbers gets the scale
     * NaN. */
    void (*quantize_rows)(uint8_t *rounded, float *row_scales, const float *x, int64_t rows,
                          int64_t width);
    /* y: [rows, width] = row_scales: [rows] * (scales: [width] * sums - offsets: [width]) + bias:
     * [width] (NULL: none), where y holds the sums as int32. */
    void (*dequantize_rows)(float *y, const float *row_scales, const float *scales,
                            const float *offsets, const float *bias, int64_t rows, int64_t width);

    /* scratch: rd_attention_scratch() floats. */
    void (*attention)(const rd_attention_head *head, float *scratch);
    void (*attention_backward)(const rd_attention_head *head, float *scratch);

    /* Attention of one query over all heads, for incremental decoding. q: [n_heads * head_dim]; key
     * j is kv + index[j] * stride, its value n_heads * head_dim floats after it (index NULL: key j
     * is row j). out: as q. scratch: [n_heads, n_keys rounded up to a multiple of 16]. Biases are
     * already in q and kv. */
    void (*attention_query)(float *out, const float *q, const float *kv, int64_t stride,
                            const int32_t *index, int64_t n_keys, int64_t n_heads, int64_t head_dim,
                            float *scratch);

    /* One target's loss, as rd_op_token_criterion says (ops.h). logits and dlogits, which may be
     * the logits: one row of [vocab] a pass, `stride` elements apart. scratch:
     * [rd_criterion_scratch]. */
    void (*criterion)(const float *logits, rd_activations dlogits, int64_t passes, int64_t stride,
                      int64_t vocab, int32_t target, float label_smoothing, float reg_alpha,
                      float *scratch, rd_criterion_partial *sums);

    /* Of a row of logits in two passes, a and b: [n]; b NULL: one pass. Definitions in ops.h. */
    void (*row_stats)(rd_row_stats *stats, const float *a, const float *b, int64_t n);
    /* da and db: [n] may be a and b. */
    void (*row_gradient)(rd_activations da, rd_activations db, const float *a, const float *b,
                         int64_t n, const rd_row_stats *stats, const rd_row_loss *loss);

    /* log(sum(exp(logits))); logits: [vocab]. */
    float (*log_sum_exp)(const float *logits, int64_t vocab);

    /* logits: [vocab] to log-probabilities, in place. */
    void (*log_softmax)(float *logits, int64_t vocab);

    /* sum: [n] = log(exp(sum) + exp(x)) + shift: logarithms of probabilities, of which -inf is one,
     * added. */
    void (*log_add_exp)(float *sum, const float *x, int64_t n, float shift);

    /* As in ops.h. */
    bool (*strided_maxima)(float *maxima, const float *x, int64_t n, int64_t stride);
    double (*sum_of_squares)(const float *x, int64_t n);
    void (*adam)(float *p, float *g, float *m, float *v, int64_t n, const rd_adam *adam);

    /* Of one picture: definitions in ops.h. */
    void (*fold)(float *dpicture, const float *dout, const rd_windows *windows);
    void (*max_pool)(float *out, const float *picture, const rd_windows *windows);
    void (*max_pool_backward)(float *dpicture, const float *dout, const float *out,
                              const float *picture, const rd_windows *windows);
} rd_kernels;

const rd_kernels *rd_kernels_of(rd_isa isa); /* the processor must have it */
const rd_kernels *rd_cpu_kernels(void);      /* of rd_cpu_isa() */
const rd_kernels *rd_int8_kernels(void);     /* with the panels_int8 to use; NULL: there is none */

/* Floats of scratch that attention and attention_backward need for these sizes. */
int64_t rd_attention_scratch(int64_t n_queries, int64_t n_keys, int64_t head_dim);

/* Floats of scratch that criterion needs. */
static inline int64_t rd_criterion_scratch(int64_t passes, int64_t vocab) {
    return (passes > 2 ? 4 + passes : 2) * vocab;
}

/* Scores are computed for this many queries at a time, a multiple of 16, so memory is linear in
 * length, and the data of a block fit into a core's cache. */
int64_t rd_attention_block(int64_t n_queries, int64_t n_keys);

#endif
