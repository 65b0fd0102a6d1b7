#include "model/network.h"

#include <string.h>

/* One side of the batch, laid out for all passes, and its stack's data for the backward pass. */
typedef struct {
    rd_stack_rows rows;
    rd_stack_saved saved;
} side;

/* A sequence's tokens as its stack reads them: unchanged, or, with start >= 0, shifted by one after
 * `start`, so that each is predicted from those before it. */
static void copy_sequence(int32_t *to, const int32_t *ids, int32_t n, int32_t start) {
    int32_t moved = start >= 0 && n > 0;
    if (moved) to[0] = start;
    memcpy(to + moved, ids, sizeof *to * (size_t)(n - moved));
}

static rd_status check_length(int32_t length, int32_t max_positions) {
    if (length > 0 && length <= max_positions) return RD_OK;
    if (length <= 0) return rd_error(RD_ERR_ARGUMENT, "a sequence without a token");
    return rd_error(RD_ERR_ARGUMENT,
                    "a sequence of %d tokens is longer than the model's %d positions", (int)length,
                    (int)max_positions);
}

/* n sequences, to be laid out once for each pass. */
typedef struct {
    int64_t n;
    const int32_t *ids, *offsets; /* [offsets[n]], [n + 1] */
    int32_t start;                /* the token that a decoder reads first; -1: ids are read as they
                                   * are */
    const int32_t *starts;        /* [n] the same, of each; NULL: `start` */
    const int32_t *segments;      /* [offsets[n]]; NULL: none */
    int32_t max_positions;
} packed;

static rd_status layout(const rd_model_config *config, const rd_step *step, const packed *p,
                        rd_stack_rows *rows) {
    int64_t n = p->n;
    const int32_t *offsets = p->offsets;
    int64_t passes = step->n_passes, total = offsets[n];
    int32_t *all_offsets = rd_arena_i32(step->arena, passes * n + 1);
    int32_t *tokens = rd_arena_i32(step->arena, passes * total);
    int32_t *positions = rd_arena_i32(step->arena, passes * total);
    int32_t *segments = p->segments ? rd_arena_i32(step->arena, passes * total) : NULL;
    if (!all_offsets || !tokens || !positions || !segments != !p->segments) return RD_ERR_MEMORY;
    for (int64_t pass = 0; pass < passes; pass++) {
        for (int64_t i = 0; i < n; i++) {
            int64_t at = pass * total + offsets[i];
            int32_t length = offsets[i + 1] - offsets[i];
            RD_TRY(check_length(length, p->max_positions));
            all_offsets[pass * n + i] = (int32_t)at;
            copy_sequence(tokens + at, p->ids + offsets[i], length,
                          p->starts ? p->starts[i] : p->start);
            for (int32_t t = 0; t < length; t++) positions[at + t] = rd_position(config, t);
        }
        if (segments)
            memcpy(segments + pass * total, p->segments, sizeof *segments * (size_t)total);
    }
    all_offsets[passes * n] = (int32_t)(passes * total);
    *rows = (rd_stack_rows){
        .sequences = {.n_seqs = passes * n, .rows = passes * total, .offsets = all_offsets},
        .input = {tokens, positions, segments}};
    return RD_OK;
}

/* The rows that pictures become: each as many. */
static rd_status layout_pictures(const rd_model *model, const rd_step *step, const rd_batch *batch,
                                 rd_stack_rows *rows) {
    const rd_picture_shape *shape = &model->config.picture;
    int64_t n = step->n_passes * batch->n, length = rd_patches_length(&model->encoder.patches);
    int64_t samples = (int64_t)shape->size * shape->size * shape->channels;
    if (batch->pictures.length != batch->n * samples)
        return rd_error(RD_ERR_ARGUMENT, "%lld pictures of %lld samples, expected %lld samples",
                        (long long)batch->n, (long long)batch->pictures.length,
                        (long long)(batch->n * samples));
    int32_t *offsets = rd_arena_i32(step->arena, n + 1);
    if (!offsets) return RD_ERR_MEMORY;
    for (int64_t i = 0; i <= n; i++) offsets[i] = (int32_t)(i * length);
    *rows = (rd_stack_rows){.sequences = {.n_seqs = n, .rows = n * length, .offsets = offsets},
                            .pictures = batch->pictures.data};
    return RD_OK;
}

static rd_status forward_pictures(const rd_model *model, const rd_step *step, const rd_batch *batch,
                                  rd_keep keep, side *source) {
    RD_TRY(layout_pictures(model, step, batch, &source->rows));
    return rd_stack_forward(step, &model->encoder, &source->rows, NULL, NULL, keep, &source->saved);
}

/* The encoder's output, as the decoder reads it. */
static rd_memory memory_of(const side *source) {
    return (rd_memory){&source->rows.sequences, source->saved.out};
}

static rd_status forward_source(const rd_model *model, const rd_step *step, const packed *p,
                                rd_keep keep, side *source) {
    RD_TRY(layout(&model->config, step, p, &source->rows));
    return rd_stack_forward(step, &model->encoder, &source->rows, NULL, NULL, keep, &source->saved);
}

/* The sentences of an encoder; RoBERTa's table of segments has one row, for all. */
static packed source_of(const rd_model_config *c, const rd_batch *batch) {
    bool has_segments = c->segment_types > 1 && batch->segments.length > 0;
    return (packed){.n = batch->n,
                    .ids = batch->source.ids,
                    .offsets = batch->source.offsets,
                    .start = -1,
                    .segments = has_segments ? batch->segments.data : NULL,
                    .max_positions = c->max_source_positions};
}

static rd_status forward_target(const rd_model *model, const rd_step *step, const rd_batch *batch,
                                rd_keep keep, const side *source, side *target) {
    const rd_model_config *c = &model->config;
    rd_memory memory = memory_of(source);
    const packed p = {.n = batch->n,
                      .ids = batch->target.ids,
                      .offsets = batch->target.offsets,
                      .start = rd_start_id(c),
                      .starts = batch->starts.length > 0 ? batch->starts.data : NULL,
                      .max_positions = c->max_target_positions};
    RD_TRY(layout(c, step, &p, &target->rows));
    return rd_stack_forward(step, &model->decoder, &target->rows, &memory, NULL, keep,
                            &target->saved);
}

/* The stacks that the model has; *last: the one whose output the head reads. */
static rd_status forward(const rd_model *model, const rd_step *step, const rd_batch *batch,
                         rd_keep keep, side *source, side *target, side **last) {
    *source = *target = (side){0};
    packed p = source_of(&model->config, batch);
    if (model->config.picture.size > 0)
        RD_TRY(forward_pictures(model, step, batch, keep, source));
    else if (model->encoder.n_layers > 0)
        RD_TRY(forward_source(model, step, &p, keep, source));
    if (model->decoder.n_layers > 0)
        RD_TRY(forward_target(model, step, batch, keep, source, target));
    *last = model->decoder.n_layers > 0 ? target : source;
    return RD_OK;
}

/* Room for dL/dout: where products read out's bfloat16 form, its float32 form has done its part. */
static float *gradient_of(const rd_step *step, const side *s, int64_t width) {
    rd_activations out = s->saved.out;
    return out.f32 && out.bf16 ? out.f32 : rd_step_rows(step, s->saved.read.rows, width);
}

/* dx: dL/d(output of the last stack). */
static rd_status backward(const rd_model *model, const rd_step *step, side *source, side *target,
                          float *dx) {
    float *dsource = dx;
    if (model->decoder.n_layers > 0) {
        rd_memory memory = memory_of(source);
        if (model->encoder.n_layers > 0) {
            int64_t n = source->rows.sequences.rows * model->encoder.width;
            dsource = gradient_of(step, source, model->encoder.width);
            if (!dsource) return RD_ERR_MEMORY;
            rd_op_zero((rd_activations){.f32 = dsource}, n);
        }
        RD_TRY(rd_stack_backward(step, &model->decoder, &target->rows, &memory, &target->saved, dx,
                                 dsource));
    }
    return model->encoder.n_layers > 0 ? rd_stack_backward(step, &model->encoder, &source->rows,
                                                           NULL, &source->saved, dsource, NULL)
                                       : RD_OK;
}

rd_status rd_network_loss(const rd_model *model, const rd_step *step, const rd_batch *batch,
                          const rd_criterion *criterion, bool with_gradient,
                          rd_criterion_sums *sums) {
    int64_t width = model->config.d_model;
    side source, target, *last;
    rd_output out;
    rd_profile_end(step->profile, RD_PART_REST);
    bool keep_all = with_gradient && !step->checkpoint_activations;
    RD_TRY(forward(model, step, batch, keep_all ? RD_KEEP_ALL : RD_KEEP_INPUTS, &source, &target,
                   &last));
    out = (rd_output){.sequences = &last->saved.read,
                      .rows = last->saved.read.rows / step->n_passes,
                      .width = width,
                      .x = last->saved.out,
                      .dx = with_gradient ? gradient_of(step, last, width) : NULL};
    if (with_gradient && !out.dx) return RD_ERR_MEMORY;
    RD_TRY(criterion->loss(criterion, step, &model->head, batch, &out, sums));
    rd_profile_end(step->profile, RD_PART_CRITERION);
    return with_gradient ? backward(model, step, &source, &target, out.dx) : RD_OK;
}

rd_status rd_network_step_logits(const rd_model *model, const rd_step *step, const rd_batch *batch,
                                 float *logits) {
    side source, target, *last;
    rd_head_saved saved;
    int64_t width = model->config.d_model;
    RD_TRY(forward(model, step, batch, RD_KEEP_INPUTS, &source, &target, &last));
    RD_TRY(rd_head_features(&model->head, step, &last->saved.read, width, last->saved.out, &saved));
    return rd_head_logits_of(&model->head, step, width, &saved, logits);
}

rd_status rd_network_log_probs(const rd_model *model, const rd_step *step, const rd_batch *batch,
                               float *log_probs) {
    side source, target, *last;
    RD_TRY(forward(model, step, batch, RD_KEEP_INPUTS, &source, &target, &last));
    rd_output out = {.sequences = &last->saved.read,
                     .rows = last->saved.read.rows,
                     .width = model->config.d_model,
                     .x = last->saved.out};
    return rd_token_log_probs(step, &model->head, batch, &out, log_probs);
}

rd_status rd_network_logits(const rd_model *model, rd_arena *arena, const rd_batch *batch,
                            float *logits) {
    rd_step step = {.arena = arena, .n_passes = 1};
    return rd_network_step_logits(model, &step, batch, logits);
}

rd_status rd_network_vectors(const rd_model *model, rd_arena *arena, const rd_batch *batch,
                             rd_pooling pooling, float *vectors) {
    rd_step step = {.arena = arena, .n_passes = 1};
    rd_model whole = *model; /* a mean is of all rows, whatever the head reads */
    side source, target, *last;
    if (pooling == RD_POOL_MEAN) whole.encoder.first_alone = false;
    RD_TRY(forward(&whole, &step, batch, RD_KEEP_INPUTS, &source, &target, &last));
    rd_op_pool(vectors, last->saved.out, &last->saved.read, model->config.d_model,
               pooling == RD_POOL_MEAN);
    return RD_OK;
}

rd_status rd_encode(const rd_model *model, const rd_step *step, const rd_sequences *sequences,
                    const int32_t *tokens, rd_activations *out) {
    side source;
    const packed p = {.n = sequences->n_seqs,
                      .ids = tokens,
                      .offsets = sequences->offsets,
                      .start = -1,
                      .max_positions = model->config.max_source_positions};
    RD_TRY(forward_source(model, step, &p, RD_KEEP_INPUTS, &source));
    *out = source.saved.out;
    return RD_OK;
}
