/* Attention: threads take heads of sequences when training and encoding, rows when decoding. */
#include <math.h>
#include <omp.h>

#include "base/parallel.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

/* The longest sequence, at least 1. */
static int64_t longest(const rd_sequences *sequences) {
    int64_t most = 1;
    for (int64_t i = 0; i < sequences->n_seqs; i++) {
        int64_t n = sequences->offsets[i + 1] - sequences->offsets[i];
        if (n > most) most = n;
    }
    return most;
}

/* The kernel's view of one (sequence, head); `task` counts head after head. */
static rd_attention_head head_view(const rd_attention_operands *a, bool pairs, int64_t task) {
    int64_t sequence = task / a->heads, head = task % a->heads;
    int64_t q0 = a->queries->offsets[sequence], k0 = a->keys->offsets[sequence];
    int64_t width = a->width, head_dim = width / a->heads, column = head * head_dim;
    return (rd_attention_head){
        .n_queries = a->queries->offsets[sequence + 1] - q0,
        .n_keys = a->keys->offsets[sequence + 1] - k0,
        .head_dim = head_dim,
        .causal = a->causal,
        .pairs = pairs,
        .q = rd_activations_at(a->q, q0 * a->stride_q + column),
        .k = rd_activations_at(a->kv, k0 * a->stride_kv + column),
        .v = rd_activations_at(a->kv, k0 * a->stride_kv + width + column),
        .bias_q = a->bias + column,
        .bias_v = a->bias + 2 * width + column,
        .stride_q = a->stride_q,
        .stride_kv = a->stride_kv,
        .out = rd_activations_at(a->out, q0 * width + column),
        .lse = a->lse + q0 * a->heads + head,
        .stride_out = width,
        .stride_lse = a->heads,
        .dropout = &a->dropout,
        .dropout_row = q0 * a->heads + head,
        .dropout_row_stride = a->heads,
    };
}

/* As head_view, with gradients. */
static rd_attention_head head_view_backward(const rd_attention_operands *a, bool pairs,
                                            int64_t task, rd_activations dout, rd_activations dq,
                                            rd_activations dkv) {
    rd_attention_head head = head_view(a, pairs, task);
    int64_t sequence = task / a->heads, column = task % a->heads * head.head_dim;
    int64_t q0 = a->queries->offsets[sequence], k0 = a->keys->offsets[sequence];
    head.d_out = rd_activations_at(dout, q0 * a->width + column);
    head.d_q = rd_activations_at(dq, q0 * a->stride_q + column);
    head.d_k = rd_activations_at(dkv, k0 * a->stride_kv + column);
    head.d_v = rd_activations_at(head.d_k, a->width);
    return head;
}

/* One for each thread, *size floats apart. */
static float *scratch_new(rd_arena *arena, const rd_attention_operands *a, int64_t *size) {
    *size =
        rd_pad16(rd_attention_scratch(longest(a->queries), longest(a->keys), a->width / a->heads));
    return rd_arena_f32(arena, omp_get_max_threads() * *size);
}

/* Heads that a thread takes at a time: few where there are few, so that no thread is left out. */
static int64_t chunk_of(int64_t tasks) {
    enum { MOST = 8, TURNS = 4 };
    int64_t chunk = tasks / (TURNS * (int64_t)rd_get_threads());
    return chunk < 1 ? 1 : chunk > MOST ? MOST : chunk;
}

rd_status rd_op_attention(rd_arena *arena, const rd_attention_operands *a) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t size, tasks = a->queries->n_seqs * a->heads;
    float *scratch = scratch_new(arena, a, &size);
    if (!scratch) return RD_ERR_MEMORY;
    bool pairs = rd_cpu_has_bf16_pairs();
    if (rd_is_alone()) {
        for (int64_t task = 0; task < tasks; task++) {
            rd_attention_head head = head_view(a, pairs, task);
            kernels->attention(&head, scratch);
        }
    } else {
#pragma omp parallel for schedule(dynamic, chunk_of(tasks))
        for (int64_t task = 0; task < tasks; task++) {
            rd_attention_head head = head_view(a, pairs, task);
            kernels->attention(&head, scratch + omp_get_thread_num() * size);
        }
    }
    rd_arena_restore(arena, mark);
    return RD_OK;
}

rd_status rd_op_attention_backward(rd_arena *arena, const rd_attention_operands *a,
                                   rd_activations dout, rd_activations dq, rd_activations dkv) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t size, tasks = a->queries->n_seqs * a->heads;
    float *scratch = scratch_new(arena, a, &size);
    if (!scratch) return RD_ERR_MEMORY;
    bool pairs = rd_cpu_has_bf16_pairs();
#pragma omp parallel for schedule(dynamic, chunk_of(tasks))
    for (int64_t task = 0; task < tasks; task++) {
        rd_attention_head head = head_view_backward(a, pairs, task, dout, dq, dkv);
        kernels->attention_backward(&head, scratch + omp_get_thread_num() * size);
    }
    rd_arena_restore(arena, mark);
    return RD_OK;
}

static int64_t most_keys(const rd_cached_keys *keys, int64_t rows) {
    int64_t most = 1;
    for (int64_t r = 0; r < rows; r++)
        if (keys[r].n > most) most = keys[r].n;
    return most;
}

rd_status rd_op_attention_cached(rd_arena *arena, float *out, const float *q, int64_t stride_q,
                                 const rd_cached_keys *keys, int64_t rows, int64_t width,
                                 int32_t heads) {
    const rd_kernels *kernels = rd_cpu_kernels();
    rd_arena_mark mark = rd_arena_save(arena);
    int64_t size = rd_pad16(most_keys(keys, rows)) * heads, head_dim = width / heads;
    float *scratch = rd_arena_f32(arena, omp_get_max_threads() * size);
    if (!scratch) return RD_ERR_MEMORY;
    if (rd_is_alone()) {
        for (int64_t r = 0; r < rows; r++)
            kernels->attention_query(out + r * width, q + r * stride_q, keys[r].kv, 2 * width,
                                     keys[r].index, keys[r].n, heads, head_dim, scratch);
    } else {
#pragma omp parallel for schedule(static)
        for (int64_t r = 0; r < rows; r++)
            kernels->attention_query(out + r * width, q + r * stride_q, keys[r].kv, 2 * width,
                                     keys[r].index, keys[r].n, heads, head_dim,
                                     scratch + omp_get_thread_num() * size);
    }
    rd_arena_restore(arena, mark);
    return RD_OK;
}

/* Adds softmax(q . k_j / sqrt(head_dim)) / heads of one head to weights: [keys->n]. q and `column`
 * are that head's. */
static void add_weights(const rd_cached_keys *keys, int64_t width, int32_t heads, const float *q,
                        int64_t column, float *weights, float *scratch) {
    int64_t head_dim = width / heads;
    float scale = 1.0f / sqrtf((float)head_dim), max = -INFINITY, sum = 0.0f;
    for (int64_t j = 0; j < keys->n; j++) {
        const float *k = keys->kv + (keys->index ? keys->index[j] : j) * 2 * width + column;
        float dot = 0.0f;
        for (int64_t c = 0; c < head_dim; c++) dot += q[c] * k[c];
        scratch[j] = dot * scale;
        max = fmaxf(max, scratch[j]);
    }
    for (int64_t j = 0; j < keys->n; j++) sum += scratch[j] = expf(scratch[j] - max);
    for (int64_t j = 0; j < keys->n; j++) weights[j] += scratch[j] / (sum * (float)heads);
}

rd_status rd_op_attention_weights(rd_arena *arena, float *weights, int64_t stride, const float *q,
                                  const rd_cached_keys *keys, int64_t rows, int64_t width,
                                  int32_t heads) {
    rd_arena_mark mark = rd_arena_save(arena);
    float *scratch = rd_arena_f32(arena, most_keys(keys, rows));
    if (!scratch) return RD_ERR_MEMORY;
    for (int64_t r = 0; r < rows; r++) {
        float *row = weights + r * stride;
        for (int64_t j = 0; j < keys[r].n; j++) row[j] = 0.0f;
        for (int64_t column = 0; column < width; column += width / heads)
            add_weights(&keys[r], width, heads, q + r * width + column, column, row, scratch);
    }
    rd_arena_restore(arena, mark);
    return RD_OK;
}
