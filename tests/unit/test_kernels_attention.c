/* The attention entries, for every instruction set this machine has, against the definitions in
 * reference_kernels.c: self-attention (causal or not) and attention to another sequence, laid out
 * as the model does, around the sizes of vectors and of query blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel_harness.h"
#include "reference_kernels.h"

/* Heads of a row; the middle one is computed, so that a stray write hits a neighbour. */
enum { HEADS = 3, HEAD = 1 };

typedef struct {
    int64_t n_queries, n_keys, head_dim;
    bool causal;
    double size; /* of q, k and v: scores grow with its square */
} shape;

/* The buffers of one check; gradients as q and kv. */
typedef struct {
    rd_attention_head head;
    rd_dropout dropout;
    rd_activations q, kv, out, d_q, d_kv;
    float *lse;
    int64_t n_q, n_kv, n_out; /* elements */
} buffers;

/* q: [n_queries, width]; kv: [n_keys, 2 width], keys and values beside each other. */
static void lay_out(const shape *s, float rate, buffers *b) {
    int64_t width = HEADS * s->head_dim, column = HEAD * s->head_dim;
    b->n_q = b->n_out = s->n_queries * width, b->n_kv = s->n_keys * 2 * width;
    b->q = formed(filled(b->n_q, s->size), b->n_q);
    b->kv = formed(filled(b->n_kv, s->size), b->n_kv);
    b->out = formed(zeros(b->n_out), b->n_out), b->lse = zeros(s->n_queries * HEADS);
    b->d_q = formed(zeros(b->n_q), b->n_q), b->d_kv = formed(zeros(b->n_kv), b->n_kv);
    b->dropout = (rd_dropout){rate, 5, 1000, 1, 35, s->n_queries * HEADS};
    const float *bias = filled(3 * width, 0.5);
    b->head = (rd_attention_head){
        .n_queries = s->n_queries,
        .n_keys = s->n_keys,
        .head_dim = s->head_dim,
        .causal = s->causal,
        .pairs = rd_cpu_has_bf16_pairs(),
        .q = rd_activations_at(b->q, column),
        .k = rd_activations_at(b->kv, column),
        .v = rd_activations_at(b->kv, width + column),
        .bias_q = bias + column,
        .bias_v = bias + 2 * width + column,
        .stride_q = width,
        .stride_kv = 2 * width,
        .out = rd_activations_at(b->out, column),
        .lse = b->lse + HEAD,
        .stride_out = width,
        .stride_lse = HEADS,
        .dropout = &b->dropout,
        /* Half of the queries are of the second pass. */
        .dropout_row = s->n_queries / 2 * HEADS + HEAD,
        .dropout_row_stride = HEADS,
        .d_out = rd_activations_at(formed(filled(b->n_out, 1), b->n_out), column),
        .d_q = rd_activations_at(b->d_q, column),
        .d_k = rd_activations_at(b->d_kv, column),
        .d_v = rd_activations_at(b->d_kv, width + column)};
}

/* got: [n, head_dim] inside rows of `stride` floats. */
static void assert_rows(const char *what, const float *got, int64_t stride, const double *wanted,
                        int64_t n, int64_t head_dim, double tolerance) {
    double largest = 0.1; /* what cancels leaves the rounding of its terms */
    for (int64_t i = 0; i < n * head_dim; i++) largest = fmax(largest, fabs(wanted[i]));
    for (int64_t i = 0; i < n; i++)
        assert_same_sized(what, got + i * stride, wanted + i * head_dim, head_dim, tolerance,
                          largest);
}

/* Columns of other heads, zero before, must be so still: `parts` tensors lie side by side. */
static void assert_neighbours_untouched(const float *x, int64_t n, int64_t head_dim) {
    for (int64_t i = 0; i < n; i++)
        if (i / head_dim % HEADS != HEAD && x[i] != 0.0f)
            fail_msg("%s: another head is written", context);
}

static void check(const shape *s, float rate) {
    buffers b;
    lay_out(s, rate, &b);
    const rd_attention_head *head = &b.head;
    int64_t dim = s->head_dim, column = HEAD * dim, n_q = s->n_queries * dim,
            n_kv = s->n_keys * dim;
    double *out = doubles(n_q), *lse = doubles(s->n_queries), *d_q = doubles(n_q);
    double *d_k = doubles(n_kv), *d_v = doubles(n_kv);
    float *scratch = empty(rd_attention_scratch(s->n_queries, s->n_keys, dim));
    /* Rounding of scores shows in exponentials, that of outputs in what is computed from them. */
    double tolerance = tolerance_of_form(s->size > 1 ? 3e-4 : 1e-5);
    /* Pairs of bfloat16 round queries with their bias, and so large scores, and gradients of
     * scores, which cancel when they are added up. */
    bool pairs = in_bf16 && head->pairs && dim % 2 == 0 && ops == rd_kernels_of(RD_ISA_AVX512);
    if (pairs && s->size > 1) tolerance = 0x1p-4;
    double of_gradients = pairs ? 4 * tolerance : tolerance;
    reference_attention(head, out, lse);
    reference_attention_backward(head, d_q, d_k, d_v);
    ops->attention(head, scratch);
    assert_rows("out", numbers(b.out, b.n_out) + column, head->stride_out, out, s->n_queries, dim,
                tolerance);
    assert_rows("lse", b.lse + HEAD, head->stride_lse, lse, s->n_queries, 1,
                pairs ? tolerance_of_form(1e-6) : 1e-6);
    ops->attention_backward(head, scratch);
    float *d_kv = numbers(b.d_kv, b.n_kv);
    assert_rows("d_q", numbers(b.d_q, b.n_q) + column, head->stride_q, d_q, s->n_queries, dim,
                of_gradients);
    assert_rows("d_k", d_kv + column, head->stride_kv, d_k, s->n_keys, dim, of_gradients);
    assert_rows("d_v", d_kv + HEADS * dim + column, head->stride_kv, d_v, s->n_keys, dim,
                of_gradients);
    assert_neighbours_untouched(numbers(b.out, b.n_out), b.n_out, dim);
    assert_neighbours_untouched(numbers(b.d_q, b.n_q), b.n_q, dim);
    assert_neighbours_untouched(d_kv, b.n_kv, dim);
    assert_neighbours_untouched(b.lse, s->n_queries * HEADS, 1);
    check_guards_and_release();
}

static void test_attention(void **state) {
    (void)state;
    static const shape shapes[] = {
        {1, 1, 1, false, 1},     {1, 1, 16, true, 1},     {3, 3, 3, true, 1},
        {1, 5, 15, false, 1},    {7, 2, 17, false, 1},    {15, 15, 16, true, 1},
        {16, 16, 32, false, 1},  {17, 17, 8, true, 1},    {64, 64, 33, true, 1},
        {63, 129, 16, false, 1}, {65, 65, 64, true, 1},   {65, 17, 1, false, 1},
        {127, 3, 31, false, 1},  {129, 129, 15, true, 1}, {130, 300, 16, false, 1},
        {200, 200, 20, true, 1}, {20, 20, 16, true, 4},   {70, 33, 32, false, 4},
    };
    for (int t = 0; t < n_tables; t++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int with = 0; with < 4; with++) {
                const shape *s = &shapes[i];
                in_bf16 = with >= 2;
                ops = tables[t];
                rng = rd_rng_make(4, i);
                snprintf(context, sizeof context, "%s attention%s %d x %d, head %d%s%s", ops->name,
                         in_bf16 ? " in bf16" : "", (int)s->n_queries, (int)s->n_keys,
                         (int)s->head_dim, s->causal ? ", causal" : "",
                         with % 2 ? ", dropout" : "");
                check(s, with % 2 ? 0.2f : 0.0f);
            }
}

/* One query of the decoder over all heads: head by head it is attention of one query over keys
 * gathered by index. */
static void check_query(int64_t n_keys, int64_t n_heads, int64_t head_dim, bool indexed) {
    int64_t width = n_heads * head_dim, stride = 2 * width + 3;
    float *q = filled(width, 1), *kv = filled((n_keys + 5) * stride, 1), *out = empty(width);
    float *gathered = empty(n_keys * 2 * width), *no_bias = zeros(head_dim);
    float *scratch = empty(n_heads * ((n_keys + 15) / 16 * 16));
    int32_t index[300];
    for (int64_t j = 0; j < n_keys; j++) { /* some rows twice, some never */
        index[j] = (int32_t)(indexed ? (j * 7 + 3) % (n_keys + 5) : j);
        memcpy(gathered + j * 2 * width, kv + index[j] * stride, sizeof *kv * 2 * (size_t)width);
    }
    ops->attention_query(out, q, kv, stride, indexed ? index : NULL, n_keys, n_heads, head_dim,
                         scratch);
    const rd_dropout none = {0};
    for (int64_t h = 0; h < n_heads; h++) {
        rd_attention_head head = {.n_queries = 1,
                                  .n_keys = n_keys,
                                  .head_dim = head_dim,
                                  .q = {.f32 = q + h * head_dim},
                                  .k = {.f32 = gathered + h * head_dim},
                                  .v = {.f32 = gathered + width + h * head_dim},
                                  .bias_q = no_bias,
                                  .bias_v = no_bias,
                                  .stride_q = width,
                                  .stride_kv = 2 * width,
                                  .dropout = &none};
        double wanted[64], lse;
        reference_attention(&head, wanted, &lse);
        assert_same("out", out + h * head_dim, wanted, head_dim, 3e-6);
    }
    check_guards_and_release();
}

static void test_attention_query(void **state) {
    (void)state;
    static const int64_t keys[] = {1, 2, 15, 16, 17, 129, 300}, dims[] = {1, 3, 8, 16, 33, 64};
    for (int t = 0; t < n_tables; t++)
        for (int k = 0; k < 7; k++)
            for (int d = 0; d < 6; d++) {
                ops = tables[t];
                rng = rd_rng_make(5, (uint64_t)(k * 10 + d));
                snprintf(context, sizeof context, "%s attention_query, %d keys, head %d", ops->name,
                         (int)keys[k], (int)dims[d]);
                check_query(keys[k], 1, dims[d], true);
                check_query(keys[k], 4, dims[d], false);
                check_query(keys[k], 3, dims[d], true);
            }
}

/* Rows of causal attention differ in length: each draws bits of its own, and a row's first keys
 * draw the same ones however many more there are. */
static void test_dropout_bits(void **state) {
    (void)state;
    enum { ROWS = 400, GROUP = 128 };
    rd_dropout dropout = {0.5f, 5, 1000, 1, 35, 0};
    for (int t = 0; t < n_tables; t++) {
        snprintf(context, sizeof context, "%s dropout bits", tables[t]->name);
        uint64_t seen[ROWS * 4];
        int n = 0;
        for (int64_t row = 0; row < ROWS; row++) {
            float scale[ROWS + 1], longer[ROWS + GROUP + 1];
            dropout_scales(tables[t], &dropout, row, row + 1, scale);
            dropout_scales(tables[t], &dropout, row, row + 1 + GROUP, longer);
            assert_memory_equal(scale, longer, sizeof(float) * (size_t)(row + 1));
            for (int64_t first = 0; first + GROUP <= row + 1; first += GROUP) {
                uint64_t bits = 0; /* half of them are enough to tell draws apart */
                for (int64_t j = 0; j < 64; j++) bits |= (uint64_t)(scale[first + j] > 0.0f) << j;
                for (int i = 0; i < n; i++)
                    if (seen[i] == bits) fail_msg("%s: row %d shares bits", context, (int)row);
                seen[n++] = bits;
            }
        }
        assert_true(n > ROWS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_attention_query),
        cmocka_unit_test(test_dropout_bits),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
