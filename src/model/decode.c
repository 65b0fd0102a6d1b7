#include "model/decode.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/cross_weights.h"
#include "model/network.h"
#include "model/slots.h"
#include "model/sources.h"

struct rd_decoding {
    const rd_model *model;
    rd_arena temporary; /* of a step */
    rd_sources sources;
    rd_slots slots;
    const int32_t *sentences; /* [n_rows] of the step under way, the caller's */
    const rd_head *head;      /* the model's, or that of chosen pieces */
    rd_head_subset subset;    /* of the model's head, when restricted */
    rd_mixed output;          /* [n_rows, d_model] of the latest step, in `temporary` */
    int32_t attention_layer;  /* whose cross-attention is kept; -1: none's */
    float *attention;         /* [n_rows, attention_stride] of the latest step */
    int64_t attention_stride;
};

rd_status rd_decoding_begin(rd_decoding **out, const rd_model *model) {
    *out = NULL;
    rd_decoding *d = rd_calloc(1, sizeof *d);
    if (!d) return RD_ERR_MEMORY;
    d->model = model;
    d->attention_layer = -1;
    d->head = &model->head;
    rd_sources_begin(&d->sources, model);
    rd_status status =
        rd_slots_begin(&d->slots, model->decoder.n_layers, 2 * model->config.d_model);
    if (status == RD_OK)
        *out = d;
    else
        rd_decoding_end(d);
    return status;
}

void rd_decoding_end(rd_decoding *d) {
    if (!d) return;
    rd_slots_end(&d->slots);
    rd_sources_end(&d->sources);
    rd_head_subset_free(&d->subset);
    rd_arena_free(&d->temporary);
    free(d);
}

/* Both attentions of all rows of a layer; self: over the row's slots, else over its sentence. */
typedef struct {
    const rd_backend_ops *ops;
    const rd_decoding *d;
    int32_t layer, heads;
    bool self;
    const float *q; /* [n_rows, stride_q] */
    int64_t stride_q;
    float *out;     /* [n_rows, d_model] */
    float *scratch; /* [threads, scratch_size] */
    int64_t scratch_size;
} attend_work;

static void attend_rows(const void *self, int thread, int64_t first, int64_t end) {
    const attend_work *w = self;
    const rd_decoding *d = w->d;
    const rd_history *rows = &d->slots.rows;
    int64_t width = d->model->config.d_model;
    for (int64_t r = first; r < end; r++) {
        const float *kv =
            w->self ? d->slots.kv[w->layer] : rd_sources_kv(&d->sources, w->layer, d->sentences[r]);
        int64_t n = w->self ? rows->lengths[r] : rd_sources_length(&d->sources, d->sentences[r]);
        w->ops->attention_query(w->out + r * width, w->q + r * w->stride_q, kv, 2 * width,
                                w->self ? rows->slots + r * rows->stride : NULL, n, w->heads,
                                width / w->heads, w->scratch + thread * w->scratch_size);
    }
}

static rd_status attend(const rd_step *step, attend_work *work) {
    const rd_decoding *d = work->d;
    int64_t longest = work->self ? d->slots.rows.stride : d->sources.longest;
    work->scratch_size = (longest + 15) / 16 * 16 * work->heads;
    work->scratch = rd_arena_f32(step->arena, omp_get_max_threads() * work->scratch_size);
    if (!work->scratch) return RD_ERR_MEMORY;
    rd_over_rows(d->slots.rows.n_rows, attend_rows, work);
    return RD_OK;
}

/* Of the rows' newest tokens, whose keys and values join the cache. */
static rd_status self_attention(void *self, const rd_step *step, int32_t i, rd_mixed input,
                                rd_mixed *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].self_attention;
    int64_t width = d->model->config.d_model, rows = d->slots.rows.n_rows;
    float *qkv = rd_step_rows(step, rows, 3 * width);
    rd_mixed out = {.f32 = rd_step_rows(step, rows, width)};
    *h = (rd_mixed){.f32 = rd_step_rows(step, rows, width)};
    if (!qkv || !out.f32 || !h->f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, 3 * width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value, (rd_mixed){.f32 = qkv}));
    for (int64_t r = 0; r < rows; r++)
        memcpy(rd_slots_newest(&d->slots, i, r), qkv + r * 3 * width + width,
               sizeof(float) * 2 * (size_t)width);
    RD_TRY(attend(step, &(attend_work){.ops = step->ops,
                                       .d = d,
                                       .layer = i,
                                       .heads = attention->heads,
                                       .self = true,
                                       .q = qkv,
                                       .stride_q = 3 * width,
                                       .out = out.f32}));
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

/* Keeps the weights with which the rows look at their sources. q: [n_rows, d_model]. */
static rd_status keep_attention(rd_decoding *d, const rd_step *step, int32_t i, const float *q) {
    int64_t rows = d->slots.rows.n_rows, stride = d->attention_stride;
    int64_t width = d->model->config.d_model;
    int32_t heads = d->model->decoder.layers[i].cross_attention.heads;
    float *scratch = rd_arena_f32(step->arena, stride);
    d->attention = rd_arena_f32(step->arena, rows * stride);
    if (!scratch || !d->attention) return RD_ERR_MEMORY;
    for (int64_t r = 0; r < rows; r++)
        rd_cross_weights(
            heads, width / heads, q + r * width, rd_sources_length(&d->sources, d->sentences[r]),
            rd_sources_kv(&d->sources, i, d->sentences[r]), d->attention + r * stride, scratch);
    return RD_OK;
}

static rd_status cross_attention(void *self, const rd_step *step, int32_t i, rd_mixed input,
                                 rd_mixed *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].cross_attention;
    int64_t width = d->model->config.d_model, rows = d->slots.rows.n_rows;
    float *q = rd_step_rows(step, rows, width);
    rd_mixed out = {.f32 = rd_step_rows(step, rows, width)};
    *h = (rd_mixed){.f32 = rd_step_rows(step, rows, width)};
    if (!q || !out.f32 || !h->f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value, (rd_mixed){.f32 = q}));
    RD_TRY(attend(step, &(attend_work){.ops = step->ops,
                                       .d = d,
                                       .layer = i,
                                       .heads = attention->heads,
                                       .q = q,
                                       .stride_q = width,
                                       .out = out.f32}));
    if (i == d->attention_layer) RD_TRY(keep_attention(d, step, i, q));
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

rd_status rd_decoding_add(rd_decoding *d, int32_t sentence, const int32_t *src, int32_t n) {
    return rd_sources_add(&d->sources, sentence, src, n);
}

/* The decoder's rows. tokens: [n_rows] that they have just produced. */
static rd_status lay_out(rd_decoding *d, const rd_step *step, const int32_t *tokens,
                         rd_stack_rows *out) {
    const rd_model_config *c = &d->model->config;
    const rd_history *rows = &d->slots.rows;
    int32_t *inputs = rd_arena_i32(step->arena, rows->n_rows);
    int32_t *positions = rd_arena_i32(step->arena, rows->n_rows);
    if (!inputs || !positions) return RD_ERR_MEMORY;
    for (int64_t r = 0; r < rows->n_rows; r++) {
        inputs[r] = rows->lengths[r] == 1 ? rd_start_id(c) : tokens[r];
        positions[r] = rd_position(c, rows->lengths[r] - 1);
    }
    *out =
        (rd_stack_rows){.sequences.rows = rows->n_rows, .tokens = inputs, .positions = positions};
    return RD_OK;
}

rd_status rd_decoding_step(rd_decoding *d, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, const int32_t *tokens) {
    const rd_model_config *c = &d->model->config;
    RD_TRY(rd_sources_step(&d->sources, &d->temporary, n_rows, parents, sentences));
    RD_TRY(rd_slots_extend(&d->slots, n_rows, parents));
    if (d->slots.rows.stride > c->max_target_positions)
        return rd_error(RD_ERR_ARGUMENT, "decoding: the model has %d target positions",
                        (int)c->max_target_positions);
    rd_arena_reset(&d->temporary);
    d->sentences = sentences;
    d->attention_stride = d->sources.longest;
    rd_step step = {.ops = rd_backend(), .arena = &d->temporary, .n_passes = 1};
    rd_attention_cache cache = {d, self_attention, cross_attention};
    rd_stack_rows rows;
    rd_stack_saved saved;
    RD_TRY(lay_out(d, &step, tokens, &rows));
    RD_TRY(rd_stack_forward(&step, &d->model->decoder, &rows, NULL, &cache, RD_KEEP_ALL, &saved));
    d->output = saved.out;
    return RD_OK;
}

rd_status rd_decoding_restrict(rd_decoding *d, int64_t n_pieces, const int32_t *pieces) {
    RD_TRY(rd_head_choose(&d->subset, &d->model->head, d->model->config.d_model, n_pieces, pieces));
    d->head = &d->subset.head;
    return RD_OK;
}

rd_status rd_decoding_logits(rd_decoding *d, int64_t first, int64_t n, float *logits) {
    int64_t width = d->model->config.d_model;
    rd_step step = {.ops = rd_backend(), .arena = &d->temporary, .n_passes = 1};
    return rd_head_logits(d->head, &step, n, width, rd_mixed_at(d->output, first * width), logits);
}

rd_status rd_decoding_keep_attention(rd_decoding *d, int32_t layer) {
    int32_t n_layers = d->model->decoder.n_layers;
    if (layer < 0 || layer > n_layers)
        return rd_error(RD_ERR_ARGUMENT, "alignment-layer is %d; the decoder has %d layers", layer,
                        n_layers);
    d->attention_layer = (layer ? layer : n_layers) - 1;
    return RD_OK;
}

void rd_decoding_add_attention(const rd_decoding *d, int64_t row, int64_t n_src, float share,
                               float *out) {
    const float *weights = d->attention + row * d->attention_stride;
    for (int64_t j = 0; j < n_src; j++) out[j] += share * weights[j];
}
