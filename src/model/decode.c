#include "model/decode.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/network.h"
#include "model/kv_cache.h"
#include "model/cross_cache.h"

struct rd_decoding {
    const rd_model *model;
    rd_arena temporary; /* of a step */
    rd_cross_cache sources;
    rd_kv_cache slots;
    const int32_t *sentences; /* [n_rows] of the step under way, the caller's */
    const rd_head *head;      /* the model's, or that of chosen pieces */
    rd_head_subset subset;    /* of the model's head, when restricted */
    rd_activations output;    /* [n_rows, d_model] of the latest step, in `temporary` */
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
    rd_cross_cache_begin(&d->sources, model);
    rd_status status =
        rd_kv_cache_begin(&d->slots, model->decoder.n_layers, 2 * model->config.d_model);
    if (status == RD_OK)
        *out = d;
    else
        rd_decoding_end(d);
    return status;
}

void rd_decoding_end(rd_decoding *d) {
    if (!d) return;
    rd_kv_cache_end(&d->slots);
    rd_cross_cache_end(&d->sources);
    rd_head_subset_free(&d->subset);
    rd_arena_free(&d->temporary);
    free(d);
}

/* Each row's keys and values in a layer; self: those of its slots, else its sentence's. */
static rd_cached_keys *keys_of(const rd_decoding *d, const rd_step *step, int32_t layer,
                               bool self) {
    const rd_history *rows = &d->slots.rows;
    rd_cached_keys *keys = rd_arena_alloc(step->arena, (size_t)rows->n_rows, sizeof *keys);
    for (int64_t r = 0; keys && r < rows->n_rows; r++)
        keys[r] =
            self ? (rd_cached_keys){.kv = d->slots.kv[layer],
                                    .index = rows->slots + r * rows->stride,
                                    .n = rows->lengths[r]}
                 : (rd_cached_keys){.kv = rd_cross_cache_kv(&d->sources, layer, d->sentences[r]),
                                    .n = rd_cross_cache_length(&d->sources, d->sentences[r])};
    return keys;
}

/* Of the rows' newest tokens, whose keys and values join the cache. */
static rd_status self_attention(void *self, const rd_step *step, int32_t i, rd_activations input,
                                rd_activations *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].self_attention;
    int64_t width = d->model->config.d_model, rows = d->slots.rows.n_rows;
    float *qkv = rd_step_rows(step, rows, 3 * width);
    rd_activations out = {.f32 = rd_step_rows(step, rows, width)};
    const rd_cached_keys *keys = keys_of(d, step, i, true);
    *h = (rd_activations){.f32 = rd_step_rows(step, rows, width)};
    if (!qkv || !out.f32 || !keys || !h->f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, 3 * width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value,
                           (rd_activations){.f32 = qkv}));
    rd_op_scatter(d->slots.kv[i], d->slots.newest, qkv + width, 3 * width, rows, 2 * width);
    RD_TRY(rd_op_attention_cached(step->arena, out.f32, qkv, 3 * width, keys, rows, width,
                                  attention->heads));
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

static rd_status cross_attention(void *self, const rd_step *step, int32_t i, rd_activations input,
                                 rd_activations *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].cross_attention;
    int64_t width = d->model->config.d_model, rows = d->slots.rows.n_rows;
    float *q = rd_step_rows(step, rows, width);
    rd_activations out = {.f32 = rd_step_rows(step, rows, width)};
    const rd_cached_keys *keys = keys_of(d, step, i, false);
    *h = (rd_activations){.f32 = rd_step_rows(step, rows, width)};
    if (!q || !out.f32 || !keys || !h->f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value,
                           (rd_activations){.f32 = q}));
    RD_TRY(rd_op_attention_cached(step->arena, out.f32, q, width, keys, rows, width,
                                  attention->heads));
    if (i == d->attention_layer) {
        d->attention = rd_arena_f32(step->arena, rows * d->attention_stride);
        if (!d->attention) return RD_ERR_MEMORY;
        RD_TRY(rd_op_attention_weights(step->arena, d->attention, d->attention_stride, q, keys,
                                       rows, width, attention->heads));
    }
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

rd_status rd_decoding_add(rd_decoding *d, int32_t sentence, const int32_t *src, int32_t n) {
    return rd_cross_cache_add(&d->sources, sentence, src, n);
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
    *out = (rd_stack_rows){.sequences.rows = rows->n_rows, .input = {inputs, positions, NULL}};
    return RD_OK;
}

rd_status rd_decoding_step(rd_decoding *d, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, const int32_t *tokens) {
    const rd_model_config *c = &d->model->config;
    RD_TRY(rd_cross_cache_step(&d->sources, &d->temporary, n_rows, parents, sentences));
    RD_TRY(rd_kv_cache_extend(&d->slots, n_rows, parents));
    if (d->slots.rows.stride > c->max_target_positions)
        return rd_error(RD_ERR_ARGUMENT, "decoding: the model has %d target positions",
                        (int)c->max_target_positions);
    rd_arena_reset(&d->temporary);
    d->sentences = sentences;
    d->attention_stride = d->sources.longest;
    rd_step step = {.arena = &d->temporary, .n_passes = 1};
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
    rd_step step = {.arena = &d->temporary, .n_passes = 1};
    return rd_head_logits(d->head, &step, n, width, rd_activations_at(d->output, first * width),
                          logits);
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
