#include "layers/embedding.h"

#include <math.h>
#include <string.h>

static const int32_t *segments_of(const rd_step *step, const rd_embedded *input, int64_t rows) {
    if (input->segments) return input->segments;
    int32_t *zeros = rd_arena_i32(step->arena, rows);
    if (zeros) memset(zeros, 0, sizeof *zeros * (size_t)rows);
    return zeros;
}

/* sum: [rows, width] = dropout(the sum of token and position embeddings). */
static rd_status add_up(const rd_step *step, const rd_embedding *embedding, int64_t rows,
                        int64_t width, const rd_embedded *input, const rd_dropout *dropout,
                        rd_activations sum) {
    rd_adaptive_embeddings words = {.table = embedding->tokens.value};
    const int32_t *places = input->tokens;
    rd_arena_mark mark = rd_arena_save(step->arena);
    if (embedding->adaptive.n_bands > 0) {
        RD_TRY(rd_adaptive_input_forward(&embedding->adaptive, step, rows, width, input->tokens,
                                         &words));
        places = words.places;
    }
    rd_op_embed(sum, rows, width, places, input->positions, words.table, embedding->positions.value,
                embedding->scale, dropout);
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_embedding_forward(const rd_step *step, const rd_embedding *embedding,
                               rd_residual_saved *saved, int64_t rows, int64_t width,
                               const rd_embedded *input, rd_activations *out) {
    const rd_norm *norm = &embedding->norm;
    const rd_dropout dropout = rd_step_dropout(step, embedding->dropout, embedding->site, rows);
    const rd_dropout none = {0};
    bool normed = norm->weight.value;
    rd_activations y = rd_step_stream(step, rows, width), sum = y;
    if (normed) {
        sum = (rd_activations){.f32 = rd_step_rows(step, rows, width)};
        RD_TRY(rd_norm_statistics(step, saved, rows));
        saved->sum = sum.f32;
    }
    if (!rd_activations_exists(sum) || !rd_activations_exists(y)) return RD_ERR_MEMORY;
    RD_TRY(add_up(step, embedding, rows, width, input, normed ? &none : &dropout, sum));
    if (embedding->segments.value) {
        const int32_t *segments = segments_of(step, input, rows);
        if (!segments) return RD_ERR_MEMORY;
        rd_op_embed_add(sum.f32, rows, width, segments, embedding->segments.value);
    }
    if (normed) {
        const rd_layer_norm values = rd_norm_values(norm);
        rd_op_residual_norm(NULL, y, saved->stats, sum.f32, (rd_activations){0}, NULL, &values,
                            rows, width, &none);
        rd_op_dropout(y, rows, width, &dropout);
    }
    *out = y;
    return RD_OK;
}

/* dsum: [rows, width], of the sum before dropout. */
static rd_status add_up_backward(const rd_step *step, const rd_embedding *embedding, int64_t rows,
                                 int64_t width, const rd_embedded *input, const float *dsum) {
    rd_adaptive_embeddings words = {.table = embedding->tokens.grad};
    const rd_adaptive_input *adaptive = &embedding->adaptive;
    const int32_t *places = input->tokens;
    rd_arena_mark mark = rd_arena_save(step->arena);
    if (adaptive->n_bands > 0) {
        RD_TRY(rd_adaptive_input_gradient(adaptive, step, rows, width, input->tokens, &words));
        places = words.places;
    }
    float *padding = NULL, *kept = NULL;
    if (step->padding && *step->padding >= 0 && adaptive->n_bands == 0) {
        padding = words.table + *step->padding * width;
        kept = rd_arena_alloc(step->arena, (size_t)width, sizeof *kept);
        if (!kept) return RD_ERR_MEMORY;
        memcpy(kept, padding, sizeof *kept * (size_t)width);
    }
    rd_op_embed_backward(words.table, embedding->positions.grad, dsum, rows, width, places,
                         input->positions, embedding->scale);
    if (padding) memcpy(padding, kept, sizeof *kept * (size_t)width);
    if (adaptive->n_bands > 0) RD_TRY(rd_adaptive_input_backward(adaptive, step, width, &words));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_embedding_backward(const rd_step *step, const rd_embedding *embedding,
                                const rd_residual_saved *saved, int64_t rows, int64_t width,
                                const rd_embedded *input, float *dout) {
    rd_dropout dropout = rd_step_dropout(step, embedding->dropout, embedding->site, rows);
    rd_op_dropout((rd_activations){.f32 = dout}, rows, width, &dropout);
    if (embedding->norm.weight.value) /* in place: each row is read before it is written */
        RD_TRY(rd_norm_backward(step, &embedding->norm, saved, rows, width, dout, false, dout));
    RD_TRY(add_up_backward(step, embedding, rows, width, input, dout));
    if (embedding->segments.value) {
        const int32_t *segments = segments_of(step, input, rows);
        if (!segments) return RD_ERR_MEMORY;
        rd_op_embed_backward(embedding->segments.grad, NULL, dout, rows, width, segments, NULL,
                             1.0f);
    }
    return RD_OK;
}

/* With an odd width fairseq leaves the last column zero; Marian has one sine more. */
void rd_sinusoidal_positions(float *table, int64_t n, int64_t width, rd_position_layout layout) {
    bool marian = layout == RD_POSITIONS_HF_MARIAN;
    int64_t sines = marian ? (width + 1) / 2 : width / 2, cosines = width / 2;
    double step = log(10000.0) / (marian ? (double)width / 2 : fmax((double)cosines - 1, 1));
    for (int64_t position = 0; position < n; position++) {
        float *row = table + position * width;
        row[width - 1] = 0.0f;
        for (int64_t i = 0; i < sines; i++) {
            double angle = (double)position * exp(-step * (double)i);
            row[i] = (float)sin(angle);
            if (i < cosines) row[sines + i] = (float)cos(angle);
        }
    }
}
