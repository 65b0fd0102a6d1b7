#include "layers/attention.h"

#include <omp.h>

static int64_t longest(const rd_sequences *sequences) {
    int64_t longest_so_far = 1;
    for (int64_t i = 0; i < sequences->n_seqs; i++) {
        int64_t n = sequences->offsets[i + 1] - sequences->offsets[i];
        if (n > longest_so_far) longest_so_far = n;
    }
    return longest_so_far;
}

/* The kernel's view of one (sequence, head). */
static rd_attention_head head_view(const rd_attention *attention, const rd_attention_saved *saved,
                                   int64_t width, const rd_sequences *queries,
                                   const rd_sequences *keys, const rd_dropout *dropout,
                                   int64_t sequence, int64_t head) {
    int64_t q0 = queries->offsets[sequence], k0 = keys->offsets[sequence];
    int64_t head_dim = width / attention->heads, column = head * head_dim;
    const float *bias = attention->in_bias.value;
    return (rd_attention_head){
        .n_queries = queries->offsets[sequence + 1] - q0,
        .n_keys = keys->offsets[sequence + 1] - k0,
        .head_dim = head_dim,
        .causal = attention->causal,
        .q = saved->q + q0 * saved->stride_q + column,
        .k = saved->kv + k0 * saved->stride_kv + column,
        .v = saved->kv + k0 * saved->stride_kv + width + column,
        .bias_q = bias + column,
        .bias_k = bias + width + column,
        .bias_v = bias + 2 * width + column,
        .stride_q = saved->stride_q,
        .stride_kv = saved->stride_kv,
        .out = saved->out + q0 * width + column,
        .lse = saved->lse + q0 * attention->heads + head,
        .stride_out = width,
        .stride_lse = attention->heads,
        .dropout = dropout,
        .dropout_row = q0 * attention->heads + head,
        .dropout_row_stride = attention->heads,
    };
}

/* One scratch per thread. */
static float *scratch_new(const rd_step *step, int64_t width, int32_t heads,
                          const rd_sequences *queries, const rd_sequences *keys, int64_t *size) {
    *size = rd_attention_scratch(longest(queries), longest(keys), width / heads);
    *size = (*size + 15) / 16 * 16;
    return rd_partials_new(step, *size);
}

rd_status rd_attention_forward(const rd_step *step, const rd_attention *attention,
                               rd_attention_saved *saved, int64_t width,
                               const rd_sequences *queries, const float *x,
                               const rd_sequences *keys, rd_operand memory, float **h) {
    const rd_tensor *w = &attention->in_weight;
    rd_arena *arena = step->arena;
    bool self = !memory.f32;
    saved->memory = memory;
    saved->out = rd_step_rows(step, queries->rows, width);
    saved->lse = rd_arena_f32(arena, queries->rows * attention->heads);
    saved->q = rd_step_rows(step, queries->rows, width * (self ? 3 : 1));
    saved->kv = self ? saved->q : rd_step_rows(step, keys->rows, width * 2);
    *h = rd_step_rows(step, queries->rows, width);
    if (!saved->out || !saved->lse || !saved->q || !saved->kv || !*h) return RD_ERR_MEMORY;
    RD_TRY(rd_step_operand(step, x, queries->rows, width, &saved->x));
    if (self) {
        saved->stride_q = saved->stride_kv = 3 * width;
        saved->kv = saved->q + width;
        rd_gemm_forward(queries->rows, 3 * width, width, saved->x, rd_step_weights(step, w, 0),
                        0.0f, saved->q);
    } else {
        saved->stride_q = width;
        saved->stride_kv = 2 * width;
        rd_gemm_forward(queries->rows, width, width, saved->x, rd_step_weights(step, w, 0), 0.0f,
                        saved->q);
        rd_gemm_forward(keys->rows, 2 * width, width, memory,
                        rd_step_weights(step, w, width * width), 0.0f, saved->kv);
    }
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t size;
    float *scratch = scratch_new(step, width, attention->heads, queries, keys, &size);
    if (!scratch) return RD_ERR_MEMORY;
    rd_dropout dropout = rd_step_dropout(step, attention->dropout, attention->site,
                                         queries->rows * attention->heads);
    int64_t tasks = queries->n_seqs * attention->heads;
#pragma omp parallel
    {
        float *mine = scratch + omp_get_thread_num() * size;
#pragma omp for schedule(dynamic, 8)
        for (int64_t task = 0; task < tasks; task++) {
            rd_attention_head head = head_view(attention, saved, width, queries, keys, &dropout,
                                               task / attention->heads, task % attention->heads);
            step->ops->attention(&head, mine);
        }
    }
    rd_arena_restore(arena, mark);
    RD_TRY(rd_step_operand(step, saved->out, queries->rows, width, &saved->out_operand));
    rd_gemm_forward(queries->rows, width, width, saved->out_operand,
                    rd_step_weights(step, &attention->out_weight, 0), 0.0f, *h);
    return RD_OK;
}

rd_status rd_attention_backward(const rd_step *step, const rd_attention *attention,
                                const rd_attention_saved *saved, int64_t width,
                                const rd_sequences *queries, const rd_sequences *keys,
                                const float *dh, float *dx, float beta, float *dmemory) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    bool self = !saved->memory.f32;
    int64_t rows = queries->rows, size;
    float *d_out = rd_step_rows(step, rows, width);
    float *dq = rd_step_rows(step, rows, saved->stride_q);
    float *dkv = self ? dq : rd_step_rows(step, keys->rows, saved->stride_kv);
    float *scratch = scratch_new(step, width, attention->heads, queries, keys, &size);
    if (!d_out || !dq || !dkv || !scratch) return RD_ERR_MEMORY;
    if (self) dkv += width;

    rd_operand dh_operand, dq_operand, dkv_operand;
    RD_TRY(rd_step_operand(step, dh, rows, width, &dh_operand));
    rd_gemm_backward_data(rows, width, width, dh_operand,
                          rd_step_weights(step, &attention->out_weight, 0), 0.0f, d_out);
    rd_gemm_backward_weights(rows, width, width, dh_operand, saved->out_operand, 1.0f,
                             attention->out_weight.grad);

    rd_dropout dropout =
        rd_step_dropout(step, attention->dropout, attention->site, rows * attention->heads);
    int64_t tasks = queries->n_seqs * attention->heads, head_dim = width / attention->heads;
#pragma omp parallel
    {
        float *mine = scratch + omp_get_thread_num() * size;
#pragma omp for schedule(dynamic, 8)
        for (int64_t task = 0; task < tasks; task++) {
            int64_t sequence = task / attention->heads, column = task % attention->heads * head_dim;
            rd_attention_head head = head_view(attention, saved, width, queries, keys, &dropout,
                                               sequence, task % attention->heads);
            head.d_out = d_out + queries->offsets[sequence] * width + column;
            head.d_q = dq + queries->offsets[sequence] * saved->stride_q + column;
            head.d_k = dkv + keys->offsets[sequence] * saved->stride_kv + column;
            head.d_v = head.d_k + width;
            step->ops->attention_backward(&head, mine);
        }
    }

    float *dw = attention->in_weight.grad, *db = attention->in_bias.grad;
    rd_operand w = rd_step_weights(step, &attention->in_weight, 0);
    RD_TRY(rd_step_operand(step, dq, rows, saved->stride_q, &dq_operand));
    RD_TRY(rd_column_sums(step, dq, rows, saved->stride_q, db));
    rd_gemm_backward_weights(rows, saved->stride_q, width, dq_operand, saved->x, 1.0f, dw);
    rd_gemm_backward_data(rows, saved->stride_q, width, dq_operand, w, beta, dx);
    if (!self) {
        w = rd_step_weights(step, &attention->in_weight, width * width);
        RD_TRY(rd_step_operand(step, dkv, keys->rows, 2 * width, &dkv_operand));
        RD_TRY(rd_column_sums(step, dkv, keys->rows, 2 * width, db + width));
        rd_gemm_backward_weights(keys->rows, 2 * width, width, dkv_operand, saved->memory, 1.0f,
                                 dw + width * width);
        rd_gemm_backward_data(keys->rows, 2 * width, width, dkv_operand, w, 1.0f, dmemory);
    }
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
