#include "layers/embedding.h"

#include <math.h>

rd_status rd_embedding_forward(const rd_step *step, const rd_embedding *embedding,
                               rd_residual_saved *saved, int64_t rows, int64_t width,
                               const int32_t *tokens, const int32_t *positions, rd_mixed *out) {
    const rd_norm *norm = &embedding->norm;
    bool normed = norm->gain.value;
    rd_mixed y = rd_step_stream(step, rows, width), sum = y;
    if (normed) {
        sum = (rd_mixed){.f32 = rd_step_rows(step, rows, width)};
        RD_TRY(rd_norm_statistics(step, saved, rows));
        saved->sum = sum.f32;
    }
    if (!rd_mixed_exists(sum) || !rd_mixed_exists(y)) return RD_ERR_MEMORY;
    rd_dropout dropout = rd_step_dropout(step, embedding->dropout, embedding->site, rows);
    rd_dropout none = {0};
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        int64_t at = begin * width;
        step->ops->embed(rd_mixed_at(sum, at), begin, end - begin, width, tokens + begin,
                         positions + begin, embedding->tokens.value, embedding->positions.value,
                         embedding->scale, normed ? &none : &dropout);
        if (normed) {
            step->ops->residual_norm(NULL, rd_mixed_at(y, at), saved->mean + begin,
                                     saved->rstd + begin, sum.f32 + at, (rd_mixed){0}, NULL,
                                     norm->gain.value, norm->shift.value, begin, end - begin, width,
                                     &none);
            step->ops->apply_dropout(rd_mixed_at(y, at), begin, end - begin, width, &dropout);
        }
    }
    *out = y;
    return RD_OK;
}

/* Each thread owns columns, not rows: a token may occur in any row, and this way no two threads
 * write one element, in the same order whatever the number of threads. */
static void add_to_tables(const rd_embedding *embedding, int64_t rows, int64_t width,
                          const int32_t *tokens, const int32_t *positions, const float *d) {
    float *token_grad = embedding->tokens.grad, *position_grad = embedding->positions.grad;
#pragma omp parallel
    {
        int64_t first, last;
        rd_thread_rows(width, &first, &last);
        for (int64_t r = 0; r < rows; r++) {
            const float *row = d + r * width;
            float *t = token_grad + tokens[r] * width;
            for (int64_t i = first; i < last; i++) t[i] += embedding->scale * row[i];
            if (!position_grad) continue;
            float *p = position_grad + positions[r] * width;
            for (int64_t i = first; i < last; i++) p[i] += row[i];
        }
    }
}

rd_status rd_embedding_backward(const rd_step *step, const rd_embedding *embedding,
                                const rd_residual_saved *saved, int64_t rows, int64_t width,
                                const int32_t *tokens, const int32_t *positions, float *dout) {
    rd_dropout dropout = rd_step_dropout(step, embedding->dropout, embedding->site, rows);
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(rows, &begin, &end);
        step->ops->apply_dropout((rd_mixed){.f32 = dout + begin * width}, begin, end - begin, width,
                                 &dropout);
    }
    if (embedding->norm.gain.value) /* in place: each row is read before it is written */
        RD_TRY(rd_norm_backward(step, &embedding->norm, saved, rows, width, dout, false, dout));
    add_to_tables(embedding, rows, width, tokens, positions, dout);
    return RD_OK;
}

/* With an odd width fairseq leaves the last column zero; Marian has one sine more. */
void rd_sinusoidal_positions(float *table, int64_t n, int64_t width, rd_position_layout layout) {
    bool marian = layout == RD_POSITIONS_MARIAN;
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
