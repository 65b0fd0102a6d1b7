#include "model/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/network.h"
#include "model/kv_cache.h"
#include "model/cross_cache.h"
#include "model/prompts.h"

/* The tokens that a step reads, row after row. In the arena. */
typedef struct {
    int64_t n;
    int32_t *rows, *lengths; /* [n] each token's row; tokens of that row up to it */
} step_tokens;

struct rd_decoding {
    const rd_model *model;
    rd_arena temporary; /* of a step */
    rd_cross_cache cross_cache;
    rd_kv_cache kv_cache;
    rd_prompts prompts; /* of a model without an encoder */
    int32_t *counts;    /* [n_rows] tokens that each row reads, of such a model */
    int64_t counts_capacity;
    step_tokens read;
    const int32_t *sentences; /* [n_rows] of the step under way, the caller's */
    const rd_head *head;      /* the model's, or that of chosen pieces */
    rd_head subset;           /* of the model's head, when restricted */
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
    rd_cross_cache_begin(&d->cross_cache, model);
    rd_status status =
        rd_kv_cache_begin(&d->kv_cache, model->decoder.n_layers, 2 * model->config.d_model);
    if (status == RD_OK)
        *out = d;
    else
        rd_decoding_end(d);
    return status;
}

void rd_decoding_end(rd_decoding *d) {
    if (!d) return;
    rd_kv_cache_end(&d->kv_cache);
    rd_cross_cache_end(&d->cross_cache);
    rd_prompts_free(&d->prompts);
    free(d->counts);
    rd_head_subset_free(&d->subset);
    rd_arena_free(&d->temporary);
    free(d);
}

/* Each token's keys and values in a layer: those of its row's slots up to its own. */
static rd_cached_keys *own_keys(const rd_decoding *d, const rd_step *step, int32_t layer) {
    const rd_history *rows = &d->kv_cache.rows;
    const step_tokens *read = &d->read;
    rd_cached_keys *keys = rd_arena_alloc(step->arena, (size_t)read->n, sizeof *keys);
    for (int64_t i = 0; keys && i < read->n; i++)
        keys[i] = (rd_cached_keys){.kv = d->kv_cache.kv[layer],
                                   .index = rows->slots + read->rows[i] * rows->stride,
                                   .n = read->lengths[i]};
    return keys;
}

/* Each row's keys and values in a layer: its sentence's. */
static rd_cached_keys *source_keys(const rd_decoding *d, const rd_step *step, int32_t layer) {
    int64_t n = d->kv_cache.rows.n_rows;
    rd_cached_keys *keys = rd_arena_alloc(step->arena, (size_t)n, sizeof *keys);
    for (int64_t r = 0; keys && r < n; r++)
        keys[r] = (rd_cached_keys){.kv = rd_cross_cache_kv(&d->cross_cache, layer, d->sentences[r]),
                                   .n = rd_cross_cache_length(&d->cross_cache, d->sentences[r])};
    return keys;
}

/* Of the step's tokens, whose keys and values join the cache. */
static rd_status self_attention(void *self, const rd_step *step, int32_t i, rd_activations input,
                                rd_activations *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].self_attention;
    int64_t width = d->model->config.d_model, rows = d->read.n;
    float *qkv = rd_step_rows(step, rows, 3 * width);
    rd_activations out = {.f32 = rd_step_rows(step, rows, width)};
    const rd_cached_keys *keys = own_keys(d, step, i);
    *h = (rd_activations){.f32 = rd_step_rows(step, rows, width)};
    if (!qkv || !out.f32 || !keys || !h->f32) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, rows, 3 * width, width, input, &attention->in_weight, 0,
                           attention->packed_in, attention->in_bias.value,
                           (rd_activations){.f32 = qkv}));
    rd_op_scatter(d->kv_cache.kv[i], d->kv_cache.newest, qkv + width, 3 * width, rows, 2 * width);
    RD_TRY(rd_op_attention_cached(step->arena, out.f32, qkv, 3 * width, keys, rows, width,
                                  attention->heads));
    return rd_step_product(step, rows, width, width, out, &attention->out_weight, 0,
                           attention->packed_out, NULL, *h);
}

static rd_status cross_attention(void *self, const rd_step *step, int32_t i, rd_activations input,
                                 rd_activations *h) {
    rd_decoding *d = self;
    const rd_attention *attention = &d->model->decoder.layers[i].cross_attention;
    int64_t width = d->model->config.d_model, rows = d->kv_cache.rows.n_rows;
    float *q = rd_step_rows(step, rows, width);
    rd_activations out = {.f32 = rd_step_rows(step, rows, width)};
    const rd_cached_keys *keys = source_keys(d, step, i);
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
    return d->model->encoder.n_layers > 0
               ? rd_cross_cache_add(&d->cross_cache, sentence, src, n)
               : rd_prompts_add(&d->prompts, &d->model->config, sentence, src, n);
}

/* A row's token at `position`: the start token, one of its prompt, or the one just produced. */
static int32_t input_at(const rd_decoding *d, int64_t row, int32_t position, int32_t produced) {
    if (position == 0) return rd_start_id(&d->model->config);
    bool begins = d->counts && d->counts[row] > 1;
    return begins ? d->prompts.items[d->sentences[row]].tokens[position - 1] : produced;
}

/* The decoder's rows: one for each token that is read. tokens: [n_rows] just produced. */
static rd_status lay_out(rd_decoding *d, const rd_step *step, const int32_t *tokens,
                         rd_stack_rows *out) {
    const rd_history *rows = &d->kv_cache.rows;
    int64_t n = d->kv_cache.n_newest, at = 0;
    int32_t *inputs = rd_arena_i32(step->arena, n), *positions = rd_arena_i32(step->arena, n);
    d->read = (step_tokens){
        .n = n, .rows = rd_arena_i32(step->arena, n), .lengths = rd_arena_i32(step->arena, n)};
    if (!inputs || !positions || !d->read.rows || !d->read.lengths) return RD_ERR_MEMORY;
    for (int64_t r = 0; r < rows->n_rows; r++) {
        int32_t new = d->counts ? d->counts[r] : 1;
        for (int32_t t = rows->lengths[r] - new; t < rows->lengths[r]; t++, at++) {
            inputs[at] = input_at(d, r, t, tokens[r]);
            positions[at] = rd_position(&d->model->config, t);
            d->read.rows[at] = (int32_t)r;
            d->read.lengths[at] = t + 1;
        }
    }
    *out = (rd_stack_rows){.sequences.rows = n, .input = {inputs, positions, NULL}};
    return RD_OK;
}

/* The sentences' sources, or prompts, and slots for the tokens that the rows read. */
static rd_status begin_step(rd_decoding *d, int64_t n_rows, const int32_t *parents,
                            const int32_t *sentences) {
    if (d->model->encoder.n_layers > 0) {
        RD_TRY(rd_cross_cache_step(&d->cross_cache, &d->temporary, n_rows, parents, sentences));
    } else {
        RD_TRY(rd_reserve(&d->counts, &d->counts_capacity, n_rows, sizeof *d->counts));
        RD_TRY(rd_prompts_begin(&d->prompts, n_rows, parents, sentences, d->counts));
    }
    RD_TRY(rd_kv_cache_extend(&d->kv_cache, n_rows, parents, d->counts));
    if (d->kv_cache.rows.stride > d->model->config.max_target_positions)
        return rd_error(RD_ERR_ARGUMENT, "decoding: the model has %d target positions",
                        (int)d->model->config.max_target_positions);
    return RD_OK;
}

/* out: [read.n, width] to the last token of each row. */
static rd_status take_last(const rd_decoding *d, const rd_step *step, rd_activations *out) {
    int64_t n_rows = d->kv_cache.rows.n_rows, width = d->model->config.d_model;
    float *last = rd_step_rows(step, n_rows, width);
    if (!last) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < d->read.n; i++)
        if (i + 1 == d->read.n || d->read.rows[i + 1] != d->read.rows[i])
            memcpy(last + d->read.rows[i] * width, out->f32 + i * width,
                   sizeof *last * (size_t)width);
    *out = (rd_activations){.f32 = last};
    return RD_OK;
}

rd_status rd_decoding_step(rd_decoding *d, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, const int32_t *tokens) {
    RD_TRY(begin_step(d, n_rows, parents, sentences));
    rd_arena_reset(&d->temporary);
    d->sentences = sentences;
    d->attention_stride = d->cross_cache.longest;
    rd_step step = {.arena = &d->temporary, .n_passes = 1};
    rd_attention_cache cache = {d, self_attention, cross_attention};
    rd_stack_rows rows;
    rd_stack_saved saved;
    RD_TRY(lay_out(d, &step, tokens, &rows));
    RD_TRY(rd_stack_forward(&step, &d->model->decoder, &rows, NULL, &cache, RD_KEEP_ALL, &saved));
    d->output = saved.out;
    return d->read.n > n_rows ? take_last(d, &step, &d->output) : RD_OK;
}

rd_status rd_decoding_restrict(rd_decoding *d, int64_t n_pieces, const int32_t *pieces) {
    RD_TRY(rd_head_choose(&d->subset, &d->model->head, d->model->config.d_model, n_pieces, pieces));
    d->head = &d->subset;
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
