/* Caches. The encoder's keys and values are projected once per layer and shared by all hypotheses
 * of a sentence. A token's self-attention key and value are stored once, in a slot; each hypothesis
 * is a list of slots, so that reordering, duplicating and dropping hypotheses copies small integers
 * only. */
#include "model/decode.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/cross_weights.h"
#include "model/projection.h"
#include "model/seq2seq.h"

struct rd_decoding {
    const rd_model *model;
    rd_arena persistent, temporary; /* per decoding; per step */
    int32_t *src_offsets;           /* [n_sentences + 1] */
    int64_t n_sentences;
    float **cross; /* [layers] of [n_src, 2 d_model]: keys, values */
    float **slots; /* [layers] of [slot_capacity, 2 d_model] */
    int64_t slot_capacity, n_slots;
    int32_t *history; /* [n_rows, position]: the slots of each row so far */
    int32_t *next_history;
    int64_t history_capacity, next_capacity;
    int64_t n_rows, position;
    rd_projection projection;
    rd_mixed output;         /* [n_rows, d_model] of the latest step, in `temporary` */
    int32_t attention_layer; /* whose cross-attention is kept; -1: none's */
    float *attention;        /* [n_rows, attention_stride] of the latest step */
    int64_t attention_stride;
};

static rd_status encode(rd_decoding *d, const int32_t *src) {
    const rd_stack *decoder = &d->model->decoder;
    int64_t width = d->model->config.d_model, rows = d->src_offsets[d->n_sentences];
    rd_step step = {.ops = rd_backend(), .arena = &d->temporary, .n_passes = 1};
    rd_sequences sequences = {.n_seqs = d->n_sentences, .rows = rows, .offsets = d->src_offsets};
    rd_mixed memory;
    RD_TRY(rd_encode(d->model, &step, &sequences, src, &memory));
    for (int32_t i = 0; i < decoder->n_layers; i++) {
        const rd_attention *attention = &decoder->layers[i].cross_attention;
        d->cross[i] = rd_arena_f32(&d->persistent, rd_gemm_rows(rows) * 2 * width);
        if (!d->cross[i]) return RD_ERR_MEMORY;
        RD_TRY(rd_step_product(&step, rows, 2 * width, width, memory, &attention->in_weight,
                               width * width, attention->packed_memory,
                               attention->in_bias.value + width, (rd_mixed){.f32 = d->cross[i]}));
    }
    rd_arena_reset(&d->temporary);
    return RD_OK;
}

rd_status rd_decoding_begin(rd_decoding **out, const rd_model *model, int64_t n_sentences,
                            const int32_t *src, const int32_t *src_offsets) {
    *out = NULL;
    rd_decoding *d = rd_calloc(1, sizeof *d);
    if (!d) return RD_ERR_MEMORY;
    size_t layers = (size_t)model->decoder.n_layers;
    d->model = model;
    d->n_sentences = n_sentences;
    d->attention_layer = -1;
    d->projection = rd_projection_whole(model);
    d->cross = rd_arena_alloc(&d->persistent, layers, sizeof *d->cross);
    d->src_offsets = rd_arena_i32(&d->persistent, n_sentences + 1);
    d->slots = rd_calloc(layers, sizeof *d->slots);
    rd_status status = d->cross && d->src_offsets && d->slots ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        memcpy(d->src_offsets, src_offsets, sizeof(int32_t) * (size_t)(n_sentences + 1));
        status = encode(d, src);
    }
    if (status != RD_OK) {
        rd_decoding_end(d);
        return status;
    }
    *out = d;
    return RD_OK;
}

void rd_decoding_end(rd_decoding *d) {
    if (!d) return;
    for (int32_t i = 0; d->slots && i < d->model->decoder.n_layers; i++) free(d->slots[i]);
    free(d->slots);
    free(d->history);
    free(d->next_history);
    rd_projection_free(&d->projection);
    rd_arena_free(&d->persistent);
    rd_arena_free(&d->temporary);
    free(d);
}

static int64_t longest_source(const rd_decoding *d) {
    int64_t longest = 1;
    for (int64_t s = 0; s < d->n_sentences; s++)
        if (d->src_offsets[s + 1] - d->src_offsets[s] > longest)
            longest = d->src_offsets[s + 1] - d->src_offsets[s];
    return longest;
}

/* Room for the slots of one more step in each layer, aligned to cache lines. Outputs are about as
 * long as sources, so that few batches need more than the first step expects; pages that are not
 * written yet take no memory. */
static rd_status reserve_slots(rd_decoding *d, int64_t n_rows) {
    int64_t needed = d->n_slots + n_rows, width = 2 * d->model->config.d_model;
    if (needed <= d->slot_capacity) return RD_OK;
    int64_t capacity = d->slot_capacity + d->slot_capacity / 2;
    if (d->position < 2) needed = d->n_slots + n_rows * (longest_source(d) + 2);
    if (capacity < needed) capacity = needed;
    for (int32_t i = 0; i < d->model->decoder.n_layers; i++) {
        float *slots = rd_malloc((size_t)(capacity * width), sizeof *slots);
        if (!slots) return RD_ERR_MEMORY;
        if (d->n_slots > 0)
            memcpy(slots, d->slots[i], sizeof *slots * (size_t)(d->n_slots * width));
        free(d->slots[i]);
        d->slots[i] = slots;
    }
    d->slot_capacity = capacity;
    return RD_OK;
}

/* Gives each row a new slot behind its parent's. */
static rd_status extend_history(rd_decoding *d, int64_t n_rows, const int32_t *parents) {
    int64_t old = d->position;
    RD_TRY(rd_reserve(&d->next_history, &d->next_capacity, n_rows * (old + 1),
                      sizeof *d->next_history));
    int32_t *history = d->next_history;
    for (int64_t r = 0; r < n_rows; r++) {
        if (old > 0 && (parents[r] < 0 || parents[r] >= d->n_rows))
            return rd_error(RD_ERR_ARGUMENT, "decoding: row %lld continues row %d of %lld",
                            (long long)r, (int)parents[r], (long long)d->n_rows);
        if (old > 0)
            memcpy(history + r * (old + 1), d->history + parents[r] * old,
                   sizeof(int32_t) * (size_t)old);
        history[r * (old + 1) + old] = (int32_t)(d->n_slots + r);
    }
    RD_TRY(reserve_slots(d, n_rows));
    int64_t capacity = d->next_capacity;
    d->next_history = d->history;
    d->next_capacity = d->history_capacity;
    d->history = history;
    d->history_capacity = capacity;
    d->n_rows = n_rows;
    d->position = old + 1;
    d->n_slots += n_rows;
    return RD_OK;
}

/* Both attentions of all rows; self: over the row's slots, cross: over its sentence. */
typedef struct {
    const rd_backend_ops *ops;
    const rd_decoding *d;
    const rd_attention *attention;
    bool self;
    const float *q, *kv; /* [n_rows, stride_q], [slots or source tokens, 2 d_model] */
    int64_t stride_q;
    const int32_t *sentences;
    float *out;     /* [n_rows, d_model] */
    float *scratch; /* [threads, scratch_size] */
    int64_t scratch_size;
} attend_work;

static void attend_rows(const void *self, int thread, int64_t first, int64_t end) {
    const attend_work *w = self;
    const rd_decoding *d = w->d;
    int64_t width = d->model->config.d_model;
    for (int64_t r = first; r < end; r++) {
        int32_t begin = w->self ? 0 : d->src_offsets[w->sentences[r]];
        int64_t n = w->self ? d->position : d->src_offsets[w->sentences[r] + 1] - begin;
        w->ops->attention_query(
            w->out + r * width, w->q + r * w->stride_q, w->kv + begin * 2 * width, 2 * width,
            w->self ? d->history + r * d->position : NULL, n, w->attention->heads,
            width / w->attention->heads, w->scratch + thread * w->scratch_size);
    }
}

static rd_status attend(const rd_step *step, attend_work *work) {
    int64_t longest = work->self ? work->d->position : longest_source(work->d);
    work->scratch_size = (longest + 15) / 16 * 16 * work->attention->heads;
    work->scratch = rd_arena_f32(step->arena, omp_get_max_threads() * work->scratch_size);
    if (!work->scratch) return RD_ERR_MEMORY;
    rd_over_rows(work->d->n_rows, attend_rows, work);
    return RD_OK;
}

static rd_status self_attention(rd_decoding *d, const rd_step *step, int32_t i, rd_mixed *x) {
    const rd_layer *layer = &d->model->decoder.layers[i];
    const rd_attention *attention = &layer->self_attention;
    int64_t width = d->model->config.d_model, rows = d->n_rows;
    rd_residual_saved saved;
    rd_mixed input;
    RD_TRY(rd_residual_begin(step, &layer->self_residual, &saved, rows, width, *x, &input));
    float *qkv = rd_step_rows(step, rows, 3 * width);
    rd_mixed out = {.f32 = rd_step_rows(step, rows, width)};
    rd_mixed h = {.f32 = rd_step_rows(step, rows, width)};
    if (!qkv || !out.f32 || !h.f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, 3 * width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value, (rd_mixed){.f32 = qkv}));
    float *slots = d->slots[i] + (d->n_slots - rows) * 2 * width;
    for (int64_t r = 0; r < rows; r++)
        memcpy(slots + r * 2 * width, qkv + r * 3 * width + width,
               sizeof(float) * 2 * (size_t)width);
    RD_TRY(attend(step, &(attend_work){.ops = step->ops,
                                       .d = d,
                                       .attention = attention,
                                       .self = true,
                                       .q = qkv,
                                       .stride_q = 3 * width,
                                       .kv = d->slots[i],
                                       .out = out.f32}));
    RD_TRY(rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, h));
    return rd_residual_end(step, &layer->self_residual, &saved, rows, width, *x, h, x);
}

static rd_status cross_attention(rd_decoding *d, const rd_step *step, int32_t i,
                                 const int32_t *sentences, rd_mixed *x) {
    const rd_layer *layer = &d->model->decoder.layers[i];
    const rd_attention *attention = &layer->cross_attention;
    int64_t width = d->model->config.d_model, rows = d->n_rows;
    rd_residual_saved saved;
    rd_mixed input;
    RD_TRY(rd_residual_begin(step, &layer->cross_residual, &saved, rows, width, *x, &input));
    float *q = rd_step_rows(step, rows, width);
    rd_mixed out = {.f32 = rd_step_rows(step, rows, width)};
    rd_mixed h = {.f32 = rd_step_rows(step, rows, width)};
    if (!q || !out.f32 || !h.f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value, (rd_mixed){.f32 = q}));
    RD_TRY(attend(step, &(attend_work){.ops = step->ops,
                                       .d = d,
                                       .attention = attention,
                                       .q = q,
                                       .stride_q = width,
                                       .kv = d->cross[i],
                                       .sentences = sentences,
                                       .out = out.f32}));
    if (i == d->attention_layer) {
        float *scratch = rd_arena_f32(step->arena, rows * d->attention_stride);
        d->attention = rd_arena_f32(step->arena, rows * d->attention_stride);
        if (!scratch || !d->attention) return RD_ERR_MEMORY;
        rd_cross_weights(rows, attention->heads, width / attention->heads, q, d->cross[i],
                         sentences, d->src_offsets, d->attention_stride, d->attention, scratch);
    }
    RD_TRY(rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, h));
    return rd_residual_end(step, &layer->cross_residual, &saved, rows, width, *x, h, x);
}

static rd_status feed_forward(rd_decoding *d, const rd_step *step, int32_t i, rd_mixed *x) {
    const rd_layer *layer = &d->model->decoder.layers[i];
    int64_t width = d->model->config.d_model, rows = d->n_rows;
    rd_residual_saved saved;
    rd_feed_forward_saved ffn_saved;
    rd_mixed input, h;
    RD_TRY(rd_residual_begin(step, &layer->ffn_residual, &saved, rows, width, *x, &input));
    RD_TRY(rd_feed_forward_forward(step, &layer->ffn, &ffn_saved, rows, width, input, &h));
    return rd_residual_end(step, &layer->ffn_residual, &saved, rows, width, *x, h, x);
}

rd_status rd_decoding_step(rd_decoding *d, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, const int32_t *tokens) {
    const rd_model_config *c = &d->model->config;
    const rd_stack *decoder = &d->model->decoder;
    int64_t width = c->d_model;
    if (d->position >= c->max_target_positions)
        return rd_error(RD_ERR_ARGUMENT, "decoding: the model has %d target positions",
                        (int)c->max_target_positions);
    RD_TRY(extend_history(d, n_rows, parents));
    rd_arena_reset(&d->temporary);
    rd_step step = {.ops = rd_backend(), .arena = &d->temporary, .n_passes = 1};
    int32_t *inputs = rd_arena_i32(step.arena, n_rows);
    int32_t *positions = rd_arena_i32(step.arena, n_rows);
    if (!inputs || !positions) return RD_ERR_MEMORY;
    for (int64_t r = 0; r < n_rows; r++) {
        inputs[r] = d->position == 1 ? rd_start_id(c) : tokens[r];
        positions[r] = rd_position(c, d->position - 1);
    }
    rd_residual_saved saved;
    rd_mixed x;
    RD_TRY(rd_embedding_forward(&step, &decoder->embedding, &saved, n_rows, width, inputs,
                                positions, &x));
    for (int32_t i = 0; i < decoder->n_layers; i++) {
        RD_TRY(self_attention(d, &step, i, &x));
        RD_TRY(cross_attention(d, &step, i, sentences, &x));
        RD_TRY(feed_forward(d, &step, i, &x));
    }
    if (decoder->pre_norm)
        RD_TRY(rd_norm_forward(&step, &decoder->final_norm, &saved, n_rows, width, x.f32, &x));
    d->output = x;
    return RD_OK;
}

rd_status rd_decoding_restrict(rd_decoding *d, int64_t n_pieces, const int32_t *pieces) {
    return rd_projection_restrict(&d->projection, d->model, &d->persistent, n_pieces, pieces);
}

rd_status rd_decoding_logits(rd_decoding *d, int64_t first, int64_t n, float *logits) {
    int64_t width = d->model->config.d_model;
    rd_step step = {.ops = rd_backend(), .arena = &d->temporary, .n_passes = 1};
    return rd_projection_logits(&d->projection, &step, n, width,
                                rd_mixed_at(d->output, first * width), logits);
}

rd_status rd_decoding_keep_attention(rd_decoding *d, int32_t layer) {
    int32_t n_layers = d->model->decoder.n_layers;
    if (layer < 0 || layer > n_layers)
        return rd_error(RD_ERR_ARGUMENT, "alignment-layer is %d; the decoder has %d layers", layer,
                        n_layers);
    d->attention_layer = (layer ? layer : n_layers) - 1;
    d->attention_stride = longest_source(d);
    return RD_OK;
}

void rd_decoding_add_attention(const rd_decoding *d, int64_t row, int64_t n_src, float share,
                               float *out) {
    const float *weights = d->attention + row * d->attention_stride;
    for (int64_t j = 0; j < n_src; j++) out[j] += share * weights[j];
}
