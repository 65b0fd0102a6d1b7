#include "layers/embedding.h"

#include <math.h>

typedef struct {
    const rd_step *step;
    const rd_embedding *embedding;
    const rd_residual_saved *saved; /* of the norm, if there is one */
    int64_t width;
    const int32_t *tokens, *positions;
    rd_mixed sum, y; /* before and behind the norm */
    const rd_dropout *dropout;
} embed_work;

static void embed_rows(const void *self, int thread, int64_t begin, int64_t end) {
    (void)thread;
    const embed_work *w = self;
    const rd_embedding *e = w->embedding;
    const rd_dropout none = {0};
    int64_t at = begin * w->width, rows = end - begin;
    bool normed = e->norm.gain.value;
    w->step->ops->embed(rd_mixed_at(w->sum, at), begin, rows, w->width, w->tokens + begin,
                        w->positions + begin, e->tokens.value, e->positions.value, e->scale,
                        normed ? &none : w->dropout);
    if (!normed) return;
    w->step->ops->residual_norm(NULL, rd_mixed_at(w->y, at), w->saved->mean + begin,
                                w->saved->rstd + begin, w->sum.f32 + at, (rd_mixed){0}, NULL,
                                e->norm.gain.value, e->norm.shift.value, begin, rows, w->width,
                                &none);
    w->step->ops->apply_dropout(rd_mixed_at(w->y, at), begin, rows, w->width, w->dropout);
}

rd_status rd_embedding_forward(const rd_step *step, const rd_embedding *embedding,
                               rd_residual_saved *saved, int64_t rows, int64_t width,
                               const int32_t *tokens, const int32_t *positions, rd_mixed *out) {
    rd_mixed y = rd_step_stream(step, rows, width), sum = y;
    if (embedding->norm.gain.value) {
        sum = (rd_mixed){.f32 = rd_step_rows(step, rows, width)};
        RD_TRY(rd_norm_statistics(step, saved, rows));
        saved->sum = sum.f32;
    }
    if (!rd_mixed_exists(sum) || !rd_mixed_exists(y)) return RD_ERR_MEMORY;
    rd_dropout dropout = rd_step_dropout(step, embedding->dropout, embedding->site, rows);
    rd_over_rows(rows, embed_rows,
                 &(embed_work){.step = step,
                               .embedding = embedding,
                               .saved = saved,
                               .width = width,
                               .tokens = tokens,
                               .positions = positions,
                               .sum = sum,
                               .y = y,
                               .dropout = &dropout});
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
