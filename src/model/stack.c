#include "model/stack.h"

struct rd_layer_saved {
    rd_activations x; /* [rows, width] the layer's input, where nothing else is kept */
    rd_attention_saved self, cross;
    rd_feed_forward_saved ffn;
    rd_residual_saved self_residual, cross_residual, ffn_residual;
};

/* One pass through a stack, as its layers see it. */
typedef struct {
    const rd_step *step;
    const rd_stack *stack;
    const rd_sequences *sequences, *read; /* rows; those of the output */
    const rd_memory *memory;
    const rd_attention_cache *cache;
} pass;

/* The rows that layer i writes. */
static const rd_sequences *written(const pass *p, int32_t i) {
    return i + 1 == p->stack->n_layers ? p->read : p->sequences;
}

/* The rows that are read, of the stream x and of the sublayer's input. */
static rd_status narrow(const pass *p, rd_activations *x, rd_activations *input) {
    int64_t n = p->read->n_seqs, width = p->stack->width;
    const int32_t *firsts = p->sequences->offsets;
    bool same = x->f32 == input->f32 && x->bf16 == input->bf16;
    rd_activations stream = x->bf16 ? rd_step_stream(p->step, n, width)
                                    : (rd_activations){.f32 = rd_step_rows(p->step, n, width)};
    rd_activations narrowed = same ? stream : rd_step_activations(p->step, n, width);
    if (!rd_activations_exists(stream) || !rd_activations_exists(narrowed)) return RD_ERR_MEMORY;
    rd_op_gather(stream, *x, firsts, n, width);
    if (!same) rd_op_gather(narrowed, *input, firsts, n, width);
    *x = stream;
    *input = narrowed;
    return RD_OK;
}

static rd_status self_attention(const pass *p, int32_t i, rd_layer_saved *saved,
                                rd_activations *x) {
    const rd_layer *layer = &p->stack->layers[i];
    const rd_sequences *queries = written(p, i);
    int64_t width = p->stack->width;
    rd_memory keys = {.sequences = p->sequences}; /* of the input itself */
    rd_activations input, h;
    RD_TRY(rd_residual_draw_paths(p->step, &layer->self_residual, &saved->self_residual, queries));
    RD_TRY(rd_residual_begin(p->step, &layer->self_residual, &saved->self_residual,
                             p->sequences->rows, width, *x, &input));
    if (layer->self_attention.apart) keys.out = input;
    if (queries != p->sequences) RD_TRY(narrow(p, x, &input));
    if (p->cache)
        RD_TRY(p->cache->self_attention(p->cache->self, p->step, i, input, &h));
    else
        RD_TRY(rd_attention_forward(p->step, &layer->self_attention, &saved->self, width, queries,
                                    input, &keys, &h));
    return rd_residual_end(p->step, &layer->self_residual, &saved->self_residual, queries->rows,
                           width, *x, h, x);
}

static rd_status cross_attention(const pass *p, int32_t i, rd_layer_saved *saved,
                                 rd_activations *x) {
    const rd_layer *layer = &p->stack->layers[i];
    int64_t rows = p->sequences->rows, width = p->stack->width;
    rd_activations input, h;
    saved->cross_residual.paths = NULL;
    RD_TRY(rd_residual_begin(p->step, &layer->cross_residual, &saved->cross_residual, rows, width,
                             *x, &input));
    if (p->cache)
        RD_TRY(p->cache->cross_attention(p->cache->self, p->step, i, input, &h));
    else
        RD_TRY(rd_attention_forward(p->step, &layer->cross_attention, &saved->cross, width,
                                    p->sequences, input, p->memory, &h));
    return rd_residual_end(p->step, &layer->cross_residual, &saved->cross_residual, rows, width, *x,
                           h, x);
}

static rd_status feed_forward(const pass *p, int32_t i, rd_layer_saved *saved, rd_activations *x) {
    const rd_layer *layer = &p->stack->layers[i];
    int64_t rows = written(p, i)->rows, width = p->stack->width;
    rd_activations input, h;
    RD_TRY(
        rd_residual_draw_paths(p->step, &layer->ffn_residual, &saved->ffn_residual, written(p, i)));
    RD_TRY(rd_residual_begin(p->step, &layer->ffn_residual, &saved->ffn_residual, rows, width, *x,
                             &input));
    RD_TRY(rd_feed_forward_forward(p->step, &layer->ffn, &saved->ffn, rows, width, input, &h));
    return rd_residual_end(p->step, &layer->ffn_residual, &saved->ffn_residual, rows, width, *x, h,
                           x);
}

/* *x: the layer's input, then its output. */
static rd_status layer_forward(const pass *p, int32_t i, rd_layer_saved *saved, rd_activations *x) {
    RD_TRY(self_attention(p, i, saved, x));
    if (p->stack->cross) RD_TRY(cross_attention(p, i, saved, x));
    rd_profile_end(p->step->profile, RD_PART_ATTENTION);
    RD_TRY(feed_forward(p, i, saved, x));
    rd_profile_end(p->step->profile, RD_PART_FEED_FORWARD);
    return RD_OK;
}

/* As layer_forward, but of all that the layer computes only its output remains in the arena, and
 * its input is left as it was. */
static rd_status layer_output(const pass *p, int32_t i, rd_layer_saved *saved, rd_activations *x) {
    rd_arena *arena = p->step->arena;
    int64_t rows = written(p, i)->rows, n = rows * p->stack->width;
    rd_activations out = rd_step_stream(p->step, rows, p->stack->width);
    if (!rd_activations_exists(out)) return RD_ERR_MEMORY;
    rd_arena_mark mark = rd_arena_save(arena);
    rd_activations y = *x;
    if (y.bf16 && rows == p->sequences->rows) { /* its float32 form is overwritten */
        rd_op_copy((rd_activations){.f32 = out.f32}, y, n);
        y.f32 = out.f32;
    }
    RD_TRY(layer_forward(p, i, saved, &y));
    if (!y.bf16) out.bf16 = NULL;
    rd_op_copy(out, y, n);
    rd_arena_restore(arena, mark);
    *x = out;
    return RD_OK;
}

/* Of embeddings, or of their gradients. */
static void cut(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                rd_activations x) {
    if (rows->pictures || !step->training) return;
    rd_cutoff cutoff = rd_step_cutoff(step, stack->cutoff, stack->cutoff_ratio, stack->cutoff_site);
    rd_op_cutoff(x, &rows->sequences, stack->width, &cutoff);
}

/* Of one pass. */
static int64_t pictures_of(const rd_step *step, const rd_stack_rows *rows) {
    return rows->sequences.n_seqs / step->n_passes;
}

/* Each sequence's first row, if the head reads no other. */
static rd_status choose_read(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                             rd_sequences *read) {
    int64_t n = rows->sequences.n_seqs;
    *read = rows->sequences;
    if (!stack->first_alone) return RD_OK;
    int32_t *offsets = rd_arena_i32(step->arena, n + 1);
    if (!offsets) return RD_ERR_MEMORY;
    for (int64_t i = 0; i <= n; i++) offsets[i] = (int32_t)i;
    *read = (rd_sequences){.n_seqs = n, .rows = n, .offsets = offsets};
    return RD_OK;
}

static pass pass_of(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                    const rd_memory *memory, const rd_attention_cache *cache,
                    const rd_stack_saved *saved) {
    return (pass){.step = step,
                  .stack = stack,
                  .sequences = &rows->sequences,
                  .read = stack->first_alone ? &saved->read : &rows->sequences,
                  .memory = memory,
                  .cache = cache};
}

rd_status rd_stack_forward(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                           const rd_memory *memory, const rd_attention_cache *cache, rd_keep keep,
                           rd_stack_saved *saved) {
    int64_t n = rows->sequences.rows;
    rd_activations x;
    RD_TRY(choose_read(step, stack, rows, &saved->read));
    pass p = pass_of(step, stack, rows, memory, cache, saved);
    saved->layers = rd_arena_alloc(step->arena, (size_t)stack->n_layers, sizeof *saved->layers);
    if (!saved->layers) return RD_ERR_MEMORY;
    RD_TRY(rows->pictures
               ? rd_patches_forward(step, &stack->patches, &saved->patches, pictures_of(step, rows),
                                    stack->width, rows->pictures, &x)
               : rd_embedding_forward(step, &stack->embedding, &saved->embedding_norm, n,
                                      stack->width, &rows->input, &x));
    cut(step, stack, rows, x);
    rd_profile_end(step->profile, RD_PART_EMBEDDING);
    for (int32_t i = 0; i < stack->n_layers; i++) {
        saved->layers[i].x = x;
        RD_TRY((keep == RD_KEEP_ALL ? layer_forward : layer_output)(&p, i, &saved->layers[i], &x));
    }
    saved->out = x;
    n = saved->read.rows;
    if (stack->ends_with_norm)
        return rd_norm_forward(step, &stack->final_norm, &saved->final_norm, n, stack->width, x.f32,
                               &saved->out);
    /* a pre-norm stack without a last norm ends in float32 only */
    return x.bf16 ? RD_OK : rd_step_operand(step, x.f32, n, stack->width, &saved->out);
}

static rd_status ffn_backward(const pass *p, int32_t i, const rd_layer_saved *saved, float *dx) {
    const rd_step *step = p->step;
    const rd_layer *layer = &p->stack->layers[i];
    int64_t rows = written(p, i)->rows, width = p->stack->width;
    rd_activations dh;
    float *dinput, beta;
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(rd_residual_end_backward(step, &layer->ffn_residual, &saved->ffn_residual, rows, width,
                                    dx, &dh, &dinput, &beta));
    RD_TRY(rd_feed_forward_backward(step, &layer->ffn, &saved->ffn, rows, width, dh, dinput, beta));
    RD_TRY(rd_residual_begin_backward(step, &layer->ffn_residual, &saved->ffn_residual, rows, width,
                                      dx, dinput));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* Self- or cross-attention; dmemory: of the latter. */
static rd_status attention_backward(const pass *p, const rd_attention *attention,
                                    const rd_residual *residual, const rd_attention_saved *saved,
                                    const rd_residual_saved *residual_saved, float *dx,
                                    float *dmemory) {
    const rd_step *step = p->step;
    int64_t rows = p->sequences->rows, width = p->stack->width;
    rd_activations dh;
    float *dinput, beta;
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(rd_residual_end_backward(step, residual, residual_saved, rows, width, dx, &dh, &dinput,
                                    &beta));
    RD_TRY(rd_attention_backward(step, attention, saved, dh, dinput, beta, dmemory));
    RD_TRY(rd_residual_begin_backward(step, residual, residual_saved, rows, width, dx, dinput));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* Of a last layer whose queries are the rows that are read, dL/d(output) of them in dx. below:
 * [rows, width] = dL/d(input). */
static rd_status narrow_attention_backward(const pass *p, const rd_layer *layer,
                                           const rd_layer_saved *saved, float *dx, float *below) {
    const rd_step *step = p->step;
    const rd_residual *residual = &layer->self_residual;
    const int32_t *firsts = p->sequences->offsets;
    int64_t rows = p->sequences->rows, n = p->read->rows, width = p->stack->width;
    rd_arena_mark mark = rd_arena_save(step->arena);
    float *dkeys = residual->pre_norm ? rd_step_rows(step, rows, width) : below;
    float *dinput, beta;
    rd_activations dh;
    if (!dkeys) return RD_ERR_MEMORY;
    rd_op_zero((rd_activations){.f32 = below}, rows * width);
    if (dkeys != below) rd_op_zero((rd_activations){.f32 = dkeys}, rows * width);
    RD_TRY(rd_residual_end_backward(step, residual, &saved->self_residual, n, width, dx, &dh,
                                    &dinput, &beta));
    RD_TRY(
        rd_attention_backward(step, &layer->self_attention, &saved->self, dh, dinput, beta, dkeys));
    rd_op_add_rows(below, firsts, dx, n, width);
    if (dinput != dx) rd_op_add_rows(dkeys, firsts, dinput, n, width);
    RD_TRY(rd_residual_begin_backward(step, residual, &saved->self_residual, rows, width, below,
                                      dkeys));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* dx: [written rows, width] holds dL/d(output) and is used up. below: [rows, width] = dL/d(input);
 * it is dx where both have the same rows. */
static rd_status layer_backward(const pass *p, int32_t i, const rd_layer_saved *saved, float *dx,
                                float *below, float *dmemory) {
    const rd_layer *layer = &p->stack->layers[i];
    RD_TRY(ffn_backward(p, i, saved, dx));
    rd_profile_end(p->step->profile, RD_PART_FEED_FORWARD);
    if (p->stack->cross)
        RD_TRY(attention_backward(p, &layer->cross_attention, &layer->cross_residual, &saved->cross,
                                  &saved->cross_residual, dx, dmemory));
    RD_TRY(below == dx ? attention_backward(p, &layer->self_attention, &layer->self_residual,
                                            &saved->self, &saved->self_residual, dx, NULL)
                       : narrow_attention_backward(p, layer, saved, dx, below));
    rd_profile_end(p->step->profile, RD_PART_ATTENTION);
    return RD_OK;
}

/* As layer_backward, where only the layer's input was kept: dropout draws the same bits again, so
 * the forward pass is repeated bit for bit. */
static rd_status layer_backward_again(const pass *p, int32_t i, rd_layer_saved *saved, float *dx,
                                      float *below, float *dmemory) {
    rd_activations x = saved->x;
    rd_arena_mark mark = rd_arena_save(p->step->arena);
    RD_TRY(layer_forward(p, i, saved, &x));
    RD_TRY(layer_backward(p, i, saved, dx, below, dmemory));
    rd_arena_restore(p->step->arena, mark);
    return RD_OK;
}

rd_status rd_stack_backward(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                            const rd_memory *memory, rd_stack_saved *saved, float *dx,
                            float *dmemory) {
    pass p = pass_of(step, stack, rows, memory, NULL, saved);
    float *below = dx;
    if (stack->first_alone) below = rd_step_rows(step, rows->sequences.rows, stack->width);
    if (!below) return RD_ERR_MEMORY;
    if (stack->ends_with_norm)
        RD_TRY(rd_norm_backward(step, &stack->final_norm, &saved->final_norm, saved->read.rows,
                                stack->width, dx, false, dx));
    for (int32_t i = stack->n_layers - 1; i >= 0; i--) {
        RD_TRY(step->checkpoint_activations
                   ? layer_backward_again(&p, i, &saved->layers[i], dx, below, dmemory)
                   : layer_backward(&p, i, &saved->layers[i], dx, below, dmemory));
        dx = below;
        rd_step_complete(step, &stack->layers[i].self_attention.in_weight);
    }
    cut(step, stack, rows, (rd_activations){.f32 = dx});
    RD_TRY(rows->pictures
               ? rd_patches_backward(step, &stack->patches, &saved->patches,
                                     pictures_of(step, rows), stack->width, dx)
               : rd_embedding_backward(step, &stack->embedding, &saved->embedding_norm,
                                       rows->sequences.rows, stack->width, &rows->input, dx));
    rd_profile_end(step->profile, RD_PART_EMBEDDING);
    return RD_OK;
}
