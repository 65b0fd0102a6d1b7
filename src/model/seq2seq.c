#include "model/seq2seq.h"

#include <string.h>

#include "criterion/projection_loss.h"

typedef struct {
    rd_mixed x; /* [rows, d_model] the layer's input, where nothing else is kept */
    rd_attention_saved self, cross;
    rd_feed_forward_saved ffn;
    rd_residual_saved self_residual, cross_residual, ffn_residual;
} layer_saved;

/* One side of the batch, laid out for all passes, and what its stack saves for the backward pass.
 */
typedef struct {
    rd_sequences sequences;
    const int32_t *tokens, *positions; /* [rows] */
    layer_saved *layers;
    rd_residual_saved embedding_norm, final_norm;
    rd_mixed out; /* [rows, d_model] */
} side;

/* start >= 0 takes the place of each sequence's first token. */
static rd_status layout(const rd_model_config *config, const rd_step *step, int64_t n_seqs,
                        const int32_t *tokens, const int32_t *offsets, int32_t start,
                        int32_t n_layers, int32_t max_positions, side *s) {
    int64_t passes = step->n_passes, n = offsets[n_seqs];
    int32_t *all_offsets = rd_arena_i32(step->arena, passes * n_seqs + 1);
    int32_t *all_tokens = rd_arena_i32(step->arena, passes * n),
            *positions = rd_arena_i32(step->arena, passes * n);
    s->layers = rd_arena_alloc(step->arena, (size_t)n_layers, sizeof *s->layers);
    if (!all_offsets || !all_tokens || !positions || !s->layers) return RD_ERR_MEMORY;
    for (int64_t pass = 0; pass < passes; pass++) {
        memcpy(all_tokens + pass * n, tokens, sizeof(int32_t) * (size_t)n);
        for (int64_t i = 0; i < n_seqs; i++) {
            int32_t begin = offsets[i], length = offsets[i + 1] - begin;
            if (length > max_positions)
                return rd_error(RD_ERR_ARGUMENT,
                                "a sequence of %d tokens is longer than the model's %d positions",
                                (int)length, (int)max_positions);
            all_offsets[pass * n_seqs + i] = (int32_t)(pass * n) + begin;
            if (start >= 0 && length > 0) all_tokens[pass * n + begin] = start;
            for (int32_t t = 0; t < length; t++)
                positions[pass * n + begin + t] = rd_position(config, t);
        }
    }
    all_offsets[passes * n_seqs] = (int32_t)(passes * n);
    s->sequences =
        (rd_sequences){.n_seqs = passes * n_seqs, .rows = passes * n, .offsets = all_offsets};
    s->tokens = all_tokens;
    s->positions = positions;
    return RD_OK;
}

static rd_status self_attention(const rd_step *step, const rd_layer *layer, layer_saved *saved,
                                int64_t width, const rd_sequences *sequences, rd_mixed *x) {
    rd_mixed input, h;
    RD_TRY(rd_residual_begin(step, &layer->self_residual, &saved->self_residual, sequences->rows,
                             width, *x, &input));
    RD_TRY(rd_attention_forward(step, &layer->self_attention, &saved->self, width, sequences, input,
                                sequences, (rd_mixed){0}, &h));
    return rd_residual_end(step, &layer->self_residual, &saved->self_residual, sequences->rows,
                           width, *x, h, x);
}

static rd_status cross_attention(const rd_step *step, const rd_layer *layer, layer_saved *saved,
                                 int64_t width, const rd_sequences *queries, const side *encoder,
                                 rd_mixed *x) {
    rd_mixed input, h;
    RD_TRY(rd_residual_begin(step, &layer->cross_residual, &saved->cross_residual, queries->rows,
                             width, *x, &input));
    RD_TRY(rd_attention_forward(step, &layer->cross_attention, &saved->cross, width, queries, input,
                                &encoder->sequences, encoder->out, &h));
    return rd_residual_end(step, &layer->cross_residual, &saved->cross_residual, queries->rows,
                           width, *x, h, x);
}

static rd_status feed_forward(const rd_step *step, const rd_layer *layer, layer_saved *saved,
                              int64_t width, int64_t rows, rd_mixed *x) {
    rd_mixed input, h;
    RD_TRY(rd_residual_begin(step, &layer->ffn_residual, &saved->ffn_residual, rows, width, *x,
                             &input));
    RD_TRY(rd_feed_forward_forward(step, &layer->ffn, &saved->ffn, rows, width, input, &h));
    return rd_residual_end(step, &layer->ffn_residual, &saved->ffn_residual, rows, width, *x, h, x);
}

/* *x: the layer's input, then its output. encoder NULL: a layer of the encoder. */
static rd_status layer_forward(const rd_step *step, const rd_layer *layer, layer_saved *saved,
                               int64_t width, const side *s, const side *encoder, rd_mixed *x) {
    RD_TRY(self_attention(step, layer, saved, width, &s->sequences, x));
    if (encoder) RD_TRY(cross_attention(step, layer, saved, width, &s->sequences, encoder, x));
    rd_profile_end(step->profile, RD_PART_ATTENTION);
    RD_TRY(feed_forward(step, layer, saved, width, s->sequences.rows, x));
    rd_profile_end(step->profile, RD_PART_FEED_FORWARD);
    return RD_OK;
}

/* The same, but of all that the layer computes only its output stays in the arena, and its input is
 * as it was. */
static rd_status layer_output(const rd_step *step, const rd_layer *layer, layer_saved *saved,
                              int64_t width, const side *s, const side *encoder, rd_mixed *x) {
    int64_t n = s->sequences.rows * width;
    rd_mixed out = rd_step_stream(step, s->sequences.rows, width);
    if (!rd_mixed_exists(out)) return RD_ERR_MEMORY;
    rd_arena_mark mark = rd_arena_save(step->arena);
    rd_mixed y = *x;
    if (y.bf16) { /* its float32 form is overwritten */
        memcpy(out.f32, y.f32, sizeof *out.f32 * (size_t)n);
        y.f32 = out.f32;
    }
    RD_TRY(layer_forward(step, layer, saved, width, s, encoder, &y));
    if (y.f32 != out.f32) memcpy(out.f32, y.f32, sizeof *out.f32 * (size_t)n);
    if (y.bf16)
        memcpy(out.bf16, y.bf16, sizeof *out.bf16 * (size_t)n);
    else
        out.bf16 = NULL;
    rd_arena_restore(step->arena, mark);
    *x = out;
    return RD_OK;
}

/* What a forward pass leaves of each layer for the backward pass. */
typedef enum { KEEP_ALL, KEEP_INPUTS } activations;

/* encoder NULL: this is the encoder. */
static rd_status stack_forward(const rd_step *step, const rd_stack *stack, int64_t width,
                               activations keep, side *s, const side *encoder) {
    rd_mixed x;
    int64_t rows = s->sequences.rows;
    RD_TRY(rd_embedding_forward(step, &stack->embedding, &s->embedding_norm, rows, width, s->tokens,
                                s->positions, &x));
    rd_profile_end(step->profile, RD_PART_EMBEDDING);
    for (int32_t i = 0; i < stack->n_layers; i++) {
        s->layers[i].x = x;
        RD_TRY((keep == KEEP_ALL ? layer_forward : layer_output)(
            step, &stack->layers[i], &s->layers[i], width, s, encoder, &x));
    }
    s->out = x;
    if (stack->pre_norm)
        RD_TRY(
            rd_norm_forward(step, &stack->final_norm, &s->final_norm, rows, width, x.f32, &s->out));
    return RD_OK;
}

/* One sublayer's backward pass is the same dance for all three kinds. */
static rd_status ffn_backward(const rd_step *step, const rd_layer *layer, const layer_saved *saved,
                              int64_t width, int64_t rows, float *dx) {
    rd_mixed dh;
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

static rd_status attention_backward(const rd_step *step, const rd_attention *attention,
                                    const rd_residual *residual, const rd_attention_saved *saved,
                                    const rd_residual_saved *residual_saved, int64_t width,
                                    const rd_sequences *queries, const rd_sequences *keys,
                                    float *dx, float *dmemory) {
    rd_mixed dh;
    float *dinput, beta;
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(rd_residual_end_backward(step, residual, residual_saved, queries->rows, width, dx, &dh,
                                    &dinput, &beta));
    RD_TRY(rd_attention_backward(step, attention, saved, width, queries, keys, dh, dinput, beta,
                                 dmemory));
    RD_TRY(rd_residual_begin_backward(step, residual, residual_saved, queries->rows, width, dx,
                                      dinput));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* dx: [rows, width] holds dL/d(output) and becomes dL/d(input). */
static rd_status layer_backward(const rd_step *step, const rd_layer *layer,
                                const layer_saved *saved, int64_t width, const side *s,
                                const side *encoder, float *dx, float *dencoder) {
    RD_TRY(ffn_backward(step, layer, saved, width, s->sequences.rows, dx));
    rd_profile_end(step->profile, RD_PART_FEED_FORWARD);
    if (encoder)
        RD_TRY(attention_backward(step, &layer->cross_attention, &layer->cross_residual,
                                  &saved->cross, &saved->cross_residual, width, &s->sequences,
                                  &encoder->sequences, dx, dencoder));
    RD_TRY(attention_backward(step, &layer->self_attention, &layer->self_residual, &saved->self,
                              &saved->self_residual, width, &s->sequences, &s->sequences, dx,
                              NULL));
    rd_profile_end(step->profile, RD_PART_ATTENTION);
    return RD_OK;
}

/* The same where only the layer's input was kept: dropout draws the same bits again, so what the
 * forward pass computed comes out bit for bit. */
static rd_status layer_backward_again(const rd_step *step, const rd_layer *layer,
                                      layer_saved *saved, int64_t width, const side *s,
                                      const side *encoder, float *dx, float *dencoder) {
    rd_mixed x = saved->x;
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(layer_forward(step, layer, saved, width, s, encoder, &x));
    RD_TRY(layer_backward(step, layer, saved, width, s, encoder, dx, dencoder));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

/* dx: [rows, width] holds dL/dout and is used up; dencoder accumulates dL/d(encoder output). */
static rd_status stack_backward(const rd_step *step, const rd_stack *stack, int64_t width, side *s,
                                const side *encoder, float *dx, float *dencoder) {
    int64_t rows = s->sequences.rows;
    if (stack->pre_norm)
        RD_TRY(
            rd_norm_backward(step, &stack->final_norm, &s->final_norm, rows, width, dx, false, dx));
    for (int32_t i = stack->n_layers - 1; i >= 0; i--) {
        const rd_layer *layer = &stack->layers[i];
        layer_saved *saved = &s->layers[i];
        RD_TRY(step->checkpoint_activations
                   ? layer_backward_again(step, layer, saved, width, s, encoder, dx, dencoder)
                   : layer_backward(step, layer, saved, width, s, encoder, dx, dencoder));
    }
    RD_TRY(rd_embedding_backward(step, &stack->embedding, &s->embedding_norm, rows, width,
                                 s->tokens, s->positions, dx));
    rd_profile_end(step->profile, RD_PART_EMBEDDING);
    return RD_OK;
}

static rd_status forward(const rd_model *model, const rd_step *step, const rd_batch *batch,
                         activations keep, side *source, side *target) {
    const rd_model_config *c = &model->config;
    RD_TRY(layout(c, step, batch->n_seqs, batch->src, batch->src_offsets, -1, c->encoder.layers,
                  c->max_source_positions, source));
    RD_TRY(layout(c, step, batch->n_seqs, batch->tgt_in, batch->tgt_offsets, rd_start_id(c),
                  c->decoder.layers, c->max_target_positions, target));
    RD_TRY(stack_forward(step, &model->encoder, c->d_model, keep, source, NULL));
    return stack_forward(step, &model->decoder, c->d_model, keep, target, source);
}

/* Room for dL/dout: where products read out's bfloat16 form, its float32 form has done its part. */
static float *gradient_of(const rd_step *step, const side *s, int64_t width) {
    return s->out.f32 && s->out.bf16 ? s->out.f32 : rd_step_rows(step, s->sequences.rows, width);
}

rd_status rd_seq2seq_loss(rd_model *model, const rd_step *step, const rd_batch *batch,
                          float label_smoothing, float reg_alpha, bool with_gradient,
                          rd_criterion_sums *sums) {
    int64_t width = model->config.d_model;
    side source, target;
    rd_profile_end(step->profile, RD_PART_REST);
    RD_TRY(forward(model, step, batch,
                   with_gradient && !step->checkpoint_activations ? KEEP_ALL : KEEP_INPUTS, &source,
                   &target));
    float *dx = NULL, *dencoder = NULL;
    if (with_gradient) {
        dx = gradient_of(step, &target, width);
        dencoder = gradient_of(step, &source, width);
        if (!dx || !dencoder) return RD_ERR_MEMORY;
        memset(dencoder, 0, sizeof(float) * (size_t)(source.sequences.rows * width));
    }
    RD_TRY(rd_projection_loss(step, label_smoothing, reg_alpha, batch->n_tgt, width,
                              model->config.tgt_vocab, target.out, batch->tgt,
                              &model->output_projection, &model->output_bias, dx, sums));
    rd_profile_end(step->profile, RD_PART_CRITERION);
    if (!with_gradient) return RD_OK;
    RD_TRY(stack_backward(step, &model->decoder, width, &target, &source, dx, dencoder));
    return stack_backward(step, &model->encoder, width, &source, NULL, dencoder, NULL);
}

rd_status rd_seq2seq_logits(const rd_model *model, rd_arena *arena, const rd_batch *batch,
                            float *logits) {
    rd_step step = {.ops = rd_backend(), .arena = arena, .n_passes = 1};
    side source, target;
    RD_TRY(forward(model, &step, batch, KEEP_INPUTS, &source, &target));
    return rd_step_product(&step, batch->n_tgt, model->config.tgt_vocab, model->config.d_model,
                           target.out, &model->output_projection, 0, model->packed_projection,
                           model->output_bias.value, (rd_mixed){.f32 = logits});
}

rd_status rd_encode(const rd_model *model, const rd_step *step, const rd_sequences *sequences,
                    const int32_t *tokens, rd_mixed *out) {
    const rd_model_config *c = &model->config;
    side source;
    RD_TRY(layout(c, step, sequences->n_seqs, tokens, sequences->offsets, -1, c->encoder.layers,
                  c->max_source_positions, &source));
    RD_TRY(stack_forward(step, &model->encoder, c->d_model, KEEP_INPUTS, &source, NULL));
    *out = source.out;
    return RD_OK;
}
