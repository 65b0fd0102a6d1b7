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
        .q = rd_mixed_at(saved->q, q0 * saved->stride_q + column),
        .k = rd_mixed_at(saved->kv, k0 * saved->stride_kv + column),
        .v = rd_mixed_at(saved->kv, k0 * saved->stride_kv + width + column),
        .bias_q = bias + column,
        .bias_k = bias + width + column,
        .bias_v = bias + 2 * width + column,
        .stride_q = saved->stride_q,
        .stride_kv = saved->stride_kv,
        .out = rd_mixed_at(saved->out, q0 * width + column),
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

/* The projections of x (and of memory) to queries, keys and values. */
static rd_status project(const rd_step *step, const rd_attention *attention,
                         rd_attention_saved *saved, int64_t width, int64_t n_queries,
                         int64_t n_keys) {
    const rd_tensor *w = &attention->in_weight;
    bool self = !rd_mixed_exists(saved->memory);
    saved->stride_q = self ? 3 * width : width;
    saved->stride_kv = self ? 3 * width : 2 * width;
    saved->q = rd_step_activations(step, n_queries, saved->stride_q);
    saved->kv = self ? rd_mixed_at(saved->q, width) : rd_step_activations(step, n_keys, 2 * width);
    if (!rd_mixed_exists(saved->q) || !rd_mixed_exists(saved->kv)) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, n_queries, saved->stride_q, width, saved->x, w, 0,
                           attention->packed_in, NULL, saved->q));
    return self ? RD_OK
                : rd_step_product(step, n_keys, 2 * width, width, saved->memory, w, width * width,
                                  attention->packed_memory, NULL, saved->kv);
}

typedef struct {
    const rd_step *step;
    const rd_attention *attention;
    const rd_attention_saved *saved;
    int64_t width;
    const rd_sequences *queries, *keys;
    const rd_dropout *dropout;
} attention_work;

/* Task: a head of a sequence, head after head. */
static void attend(const attention_work *w, int64_t task, float *scratch) {
    int32_t heads = w->attention->heads;
    rd_attention_head head = head_view(w->attention, w->saved, w->width, w->queries, w->keys,
                                       w->dropout, task / heads, task % heads);
    w->step->ops->attention(&head, scratch);
}

rd_status rd_attention_forward(const rd_step *step, const rd_attention *attention,
                               rd_attention_saved *saved, int64_t width,
                               const rd_sequences *queries, rd_mixed x, const rd_sequences *keys,
                               rd_mixed memory, rd_mixed *h) {
    rd_arena *arena = step->arena;
    saved->x = x;
    saved->memory = memory;
    saved->out = rd_step_activations(step, queries->rows, width);
    saved->lse = rd_arena_f32(arena, queries->rows * attention->heads);
    *h = rd_step_activations(step, queries->rows, width);
    if (!rd_mixed_exists(saved->out) || !saved->lse || !rd_mixed_exists(*h)) return RD_ERR_MEMORY;
    RD_TRY(project(step, attention, saved, width, queries->rows, keys->rows));
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t size;
    float *scratch = scratch_new(step, width, attention->heads, queries, keys, &size);
    if (!scratch) return RD_ERR_MEMORY;
    rd_dropout dropout = rd_step_dropout(step, attention->dropout, attention->site,
                                         queries->rows * attention->heads);
    int64_t tasks = queries->n_seqs * attention->heads;
    attention_work work = {step, attention, saved, width, queries, keys, &dropout};
    if (omp_get_max_threads() == 1) { /* see rd_over_rows */
        for (int64_t task = 0; task < tasks; task++) attend(&work, task, scratch);
    } else {
#pragma omp parallel for schedule(dynamic, 8)
        for (int64_t task = 0; task < tasks; task++)
            attend(&work, task, scratch + omp_get_thread_num() * size);
    }
    rd_arena_restore(arena, mark);
    return rd_step_product(step, queries->rows, width, width, saved->out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

rd_status rd_attention_backward(const rd_step *step, const rd_attention *attention,
                                const rd_attention_saved *saved, int64_t width,
                                const rd_sequences *queries, const rd_sequences *keys, rd_mixed dh,
                                float *dx, float beta, float *dmemory) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    bool self = !rd_mixed_exists(saved->memory);
    int64_t rows = queries->rows, size;
    rd_mixed d_out = rd_step_activations(step, rows, width);
    rd_mixed dq = rd_step_activations(step, rows, saved->stride_q);
    rd_mixed dkv = self ? rd_mixed_at(dq, width) : rd_step_activations(step, keys->rows, 2 * width);
    float *scratch = scratch_new(step, width, attention->heads, queries, keys, &size);
    if (!rd_mixed_exists(d_out) || !rd_mixed_exists(dq) || !rd_mixed_exists(dkv) || !scratch)
        return RD_ERR_MEMORY;

    rd_gemm_backward_data(rows, width, width, dh, rd_step_weights(step, &attention->out_weight, 0),
                          0.0f, d_out);
    rd_gemm_backward_weights(rows, width, width, dh, saved->out, 1.0f, attention->out_weight.grad);

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
            int64_t q0 = queries->offsets[sequence], k0 = keys->offsets[sequence];
            head.d_out = rd_mixed_at(d_out, q0 * width + column);
            head.d_q = rd_mixed_at(dq, q0 * saved->stride_q + column);
            head.d_k = rd_mixed_at(dkv, k0 * saved->stride_kv + column);
            head.d_v = rd_mixed_at(head.d_k, width);
            step->ops->attention_backward(&head, mine);
        }
    }

    float *dw = attention->in_weight.grad, *db = attention->in_bias.grad;
    rd_mixed w = rd_step_weights(step, &attention->in_weight, 0);
    RD_TRY(rd_column_sums(step, dq, rows, saved->stride_q, db));
    rd_gemm_backward_weights(rows, saved->stride_q, width, dq, saved->x, 1.0f, dw);
    rd_gemm_backward_data(rows, saved->stride_q, width, dq, w, beta, (rd_mixed){.f32 = dx});
    if (!self) {
        w = rd_step_weights(step, &attention->in_weight, width * width);
        RD_TRY(rd_column_sums(step, dkv, keys->rows, 2 * width, db + width));
        rd_gemm_backward_weights(keys->rows, 2 * width, width, dkv, saved->memory, 1.0f,
                                 dw + width * width);
        rd_gemm_backward_data(keys->rows, 2 * width, width, dkv, w, 1.0f,
                              (rd_mixed){.f32 = dmemory});
    }
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
