#include "layers/adaptive_input.h"

#include <string.h>

#include "ops/gemm.h"

/* The rows of a band, in their order. */
typedef struct {
    const rd_adaptive_band *band;
    int64_t n, first;     /* rows; before them in the table */
    const int32_t *words; /* [n] their tokens, from 0 */
} band_rows;

static band_rows rows_of(const rd_adaptive_input *input, const rd_adaptive_embeddings *table,
                         int32_t i) {
    int64_t first = table->first[i];
    return (band_rows){&input->bands[i], table->first[i + 1] - first, first, table->words + first};
}

/* Room for the table, whose rows are in the order of bands, and in a band in that of tokens. */
static rd_status make_table(const rd_adaptive_input *input, const rd_step *step, int64_t rows,
                            int64_t width, const int32_t *tokens, rd_adaptive_embeddings *out) {
    int64_t n = 0;
    out->table = rd_step_rows_in_parts(step, rows, width);
    out->places = rd_arena_i32(step->arena, rows);
    out->words = rd_arena_i32(step->arena, rows);
    if (!out->table || !out->places || !out->words) return RD_ERR_MEMORY;
    for (int32_t i = 0; i < input->n_bands; i++) {
        const rd_adaptive_band *band = &input->bands[i];
        out->first[i] = n;
        for (int64_t r = 0; r < rows; r++) {
            int64_t word = tokens[r] - band->first;
            if (word < 0 || word >= band->n_words) continue;
            out->words[n] = (int32_t)word;
            out->places[r] = (int32_t)n++;
        }
    }
    out->first[input->n_bands] = n;
    return RD_OK;
}

/* *x: [n, dim], the projection's input. */
static rd_status gather(const rd_step *step, const band_rows *b, rd_activations *x) {
    int64_t dim = b->band->dim;
    *x = rd_step_activations(step, b->n, dim);
    float *rows = x->f32 ? x->f32 : rd_step_rows(step, b->n, dim);
    if (!rd_activations_exists(*x) || !rows) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < b->n; i++)
        memcpy(rows + i * dim, b->band->words.value + b->words[i] * dim,
               sizeof *rows * (size_t)dim);
    if (x->bf16) rd_op_to_bf16(x->bf16, rows, b->n * dim);
    return RD_OK;
}

static rd_status project(const rd_step *step, const band_rows *b, int64_t width, float *table) {
    rd_activations x;
    rd_arena_mark mark = rd_arena_save(step->arena);
    if (b->n == 0) return RD_OK;
    RD_TRY(gather(step, b, &x));
    rd_gemm_forward(b->n, width, b->band->dim, x, rd_step_weights(step, &b->band->projection, 0),
                    0.0f, (rd_activations){.f32 = table + b->first * width});
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}

rd_status rd_adaptive_input_forward(const rd_adaptive_input *input, const rd_step *step,
                                    int64_t rows, int64_t width, const int32_t *tokens,
                                    rd_adaptive_embeddings *out) {
    RD_TRY(make_table(input, step, rows, width, tokens, out));
    for (int32_t i = 0; i < input->n_bands; i++) {
        band_rows b = rows_of(input, out, i);
        RD_TRY(project(step, &b, width, out->table));
    }
    return RD_OK;
}

rd_status rd_adaptive_input_gradient(const rd_adaptive_input *input, const rd_step *step,
                                     int64_t rows, int64_t width, const int32_t *tokens,
                                     rd_adaptive_embeddings *dtable) {
    RD_TRY(make_table(input, step, rows, width, tokens, dtable));
    rd_op_zero((rd_activations){.f32 = dtable->table}, rows * width);
    return RD_OK;
}

static rd_status band_backward(const rd_step *step, const band_rows *b, int64_t width,
                               float *table) {
    const rd_adaptive_band *band = b->band;
    rd_activations x, dy, w = rd_step_weights(step, &band->projection, 0);
    if (b->n == 0) return RD_OK;
    RD_TRY(gather(step, b, &x));
    RD_TRY(rd_step_operand(step, table + b->first * width, b->n, width, &dy));
    float *dx = rd_step_rows(step, b->n, band->dim);
    if (!dx) return RD_ERR_MEMORY;
    rd_gemm_backward_weights(b->n, width, band->dim, dy, x, 1.0f, band->projection.grad);
    rd_gemm_backward_data(b->n, width, band->dim, dy, w, 0.0f, (rd_activations){.f32 = dx});
    rd_op_embed_backward(band->words.grad, NULL, dx, b->n, band->dim, b->words, NULL, 1.0f);
    return RD_OK;
}

rd_status rd_adaptive_input_backward(const rd_adaptive_input *input, const rd_step *step,
                                     int64_t width, const rd_adaptive_embeddings *dtable) {
    for (int32_t i = 0; i < input->n_bands; i++) {
        band_rows b = rows_of(input, dtable, i);
        rd_arena_mark mark = rd_arena_save(step->arena);
        RD_TRY(band_backward(step, &b, width, dtable->table));
        rd_arena_restore(step->arena, mark);
    }
    return RD_OK;
}
