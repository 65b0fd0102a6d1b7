#include "layers/attention.h"

/* The projections of x (and of memory) to queries, keys and values. */
static rd_status project(const rd_step *step, const rd_attention *attention,
                         rd_attention_saved *saved) {
    const rd_weight *w = &attention->in_weight;
    rd_attention_operands *o = &saved->operands;
    int64_t width = o->width, n_queries = o->queries->rows, n_keys = o->keys->rows;
    bool self = !rd_activations_exists(saved->memory);
    o->stride_q = self ? 3 * width : width;
    o->stride_kv = self ? 3 * width : 2 * width;
    o->q = rd_step_activations(step, n_queries, o->stride_q);
    o->kv = self ? rd_activations_at(o->q, width) : rd_step_activations(step, n_keys, 2 * width);
    if (!rd_activations_exists(o->q) || !rd_activations_exists(o->kv)) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, n_queries, o->stride_q, width, saved->x, w, 0,
                           attention->packed_in, NULL, o->q));
    return self ? RD_OK
                : rd_step_product(step, n_keys, 2 * width, width, saved->memory, w, width * width,
                                  attention->packed_memory, NULL, o->kv);
}

rd_status rd_attention_forward(const rd_step *step, const rd_attention *attention,
                               rd_attention_saved *saved, int64_t width,
                               const rd_sequences *queries, rd_activations x,
                               const rd_memory *memory, rd_activations *h) {
    int64_t rows = queries->rows;
    saved->x = x;
    saved->memory = memory->out;
    saved->operands = (rd_attention_operands){
        .queries = queries,
        .keys = memory->sequences,
        .width = width,
        .heads = attention->heads,
        .causal = attention->causal,
        .bias = attention->in_bias.value,
        .out = rd_step_activations(step, rows, width),
        .lse = rd_arena_f32(step->arena, rows * attention->heads),
        .dropout =
            rd_step_dropout(step, attention->dropout, attention->site, rows * attention->heads)};
    *h = rd_step_activations(step, rows, width);
    rd_activations out = saved->operands.out;
    if (!rd_activations_exists(out) || !saved->operands.lse || !rd_activations_exists(*h))
        return RD_ERR_MEMORY;
    RD_TRY(project(step, attention, saved));
    RD_TRY(rd_op_attention(step->arena, &saved->operands));
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

/* Of one projection: y = x W^T for rows `offset` .. of in_weight, n_out of them, with dy: [rows,
 * n_out]. dx = beta * dx + dL/dx. */
static rd_status project_backward(const rd_step *step, const rd_attention *attention, int64_t rows,
                                  int64_t offset, int64_t n_out, int64_t width, rd_activations dy,
                                  rd_activations x, float beta, float *dx) {
    RD_TRY(rd_op_column_sums(step->arena, attention->in_bias.grad + offset, dy, rows, n_out));
    rd_gemm_backward_weights(rows, n_out, width, dy, x, 1.0f,
                             attention->in_weight.grad + offset * width);
    rd_gemm_backward_data(rows, n_out, width, dy,
                          rd_step_weights(step, &attention->in_weight, offset * width), beta,
                          (rd_activations){.f32 = dx});
    return RD_OK;
}

rd_status rd_attention_backward(const rd_step *step, const rd_attention *attention,
                                const rd_attention_saved *saved, rd_activations dh, float *dx,
                                float beta, float *dmemory) {
    rd_arena_mark mark = rd_arena_save(step->arena);
    const rd_attention_operands *o = &saved->operands;
    bool self = !rd_activations_exists(saved->memory);
    int64_t rows = o->queries->rows, n_keys = o->keys->rows, width = o->width;
    rd_activations dout = rd_step_activations(step, rows, width);
    rd_activations dq = rd_step_activations(step, rows, o->stride_q);
    rd_activations dkv =
        self ? rd_activations_at(dq, width) : rd_step_activations(step, n_keys, 2 * width);
    if (!rd_activations_exists(dout) || !rd_activations_exists(dq) || !rd_activations_exists(dkv))
        return RD_ERR_MEMORY;

    rd_gemm_backward_data(rows, width, width, dh, rd_step_weights(step, &attention->out_weight, 0),
                          0.0f, dout);
    rd_gemm_backward_weights(rows, width, width, dh, o->out, 1.0f, attention->out_weight.grad);
    RD_TRY(rd_op_attention_backward(step->arena, o, dout, dq, dkv));
    RD_TRY(project_backward(step, attention, rows, 0, o->stride_q, width, dq, saved->x, beta, dx));
    if (!self)
        RD_TRY(project_backward(step, attention, n_keys, width, 2 * width, width, dkv,
                                saved->memory, 1.0f, dmemory));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
