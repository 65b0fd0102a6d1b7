/* Output projection, log-softmax, label smoothing, R-Drop's KL and all their gradients as one
 * operation over chunks of rows, so that memory is chunk x vocabulary, not tokens x vocabulary. */
#include <math.h>

#include "criterion/criterion.h"

/* Logits of a chunk: 16 MiB, well inside a server's last-level cache. */
enum { CHUNK_FLOATS = 4 << 20 };

int64_t rd_token_loss_chunk(int64_t passes, int64_t n_tokens, int64_t vocab) {
    int64_t chunk = CHUNK_FLOATS / (passes * vocab);
    if (chunk < 16) chunk = 16;
    return chunk < n_tokens ? chunk : n_tokens;
}

/* The rows whose outputs count, and what they are to predict. */
typedef struct {
    int64_t n;
    const int32_t *rows;    /* [n] of one pass, ascending; NULL: all, in order */
    const int32_t *targets; /* [n] */
} counted;

static rd_status count_rows(const rd_step *step, const rd_batch *batch, int64_t rows, counted *c) {
    const rd_ids *labels = &batch->labels;
    int64_t given = labels->length > 0 ? labels->length : rd_tokens_total(&batch->target);
    if (given != rows)
        return rd_error(RD_ERR_ARGUMENT, "the loss of tokens: %lld targets for %lld outputs",
                        (long long)given, (long long)rows);
    *c = (counted){.n = rows, .targets = batch->target.ids};
    if (labels->length == 0) return RD_OK;
    int32_t *places = rd_arena_i32(step->arena, rows), *targets = rd_arena_i32(step->arena, rows);
    if (!places || !targets) return RD_ERR_MEMORY;
    c->n = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (labels->data[r] < 0) continue;
        places[c->n] = (int32_t)r;
        targets[c->n++] = labels->data[r];
    }
    c->rows = places;
    c->targets = targets;
    return RD_OK;
}

/* Counted rows first .. first + n of each pass of whole: [passes * total, width] to (or, with
 * `back`, from) those of part: [passes * n, width]. */
static void exchange(rd_activations part, rd_activations whole, const counted *c, bool back,
                     int64_t passes, int64_t total, int64_t first, int64_t n, int64_t width) {
    int64_t step = c->rows ? 1 : n;
    for (int64_t pass = 0; pass < passes; pass++)
        for (int64_t i = 0; i < n; i += step) {
            int64_t row = c->rows ? c->rows[first + i] : first;
            rd_activations a = rd_activations_at(part, (pass * n + i) * width);
            rd_activations b = rd_activations_at(whole, (pass * total + row) * width);
            rd_op_copy(back ? b : a, back ? a : b, step * width);
        }
}

/* Projection and criterion of the counted rows, a chunk at a time. */
static rd_status project(const rd_criterion *self, const rd_step *step, const rd_head *head,
                         const counted *c, const rd_output *out, rd_criterion_sums *sums) {
    int64_t vocab = head->n_out, width = out->width, passes = step->n_passes;
    int64_t chunk = rd_token_loss_chunk(passes, c->n, vocab);
    float *logits = rd_step_rows(step, passes * chunk, vocab);
    rd_activations drows = {.f32 = rd_step_rows(step, passes * chunk, width)};
    rd_activations w = rd_step_weights(step, &head->weight, 0);
    rd_activations dx = {.f32 = out->dx};
    if (!logits || !drows.f32) return RD_ERR_MEMORY;
    if (out->dx && c->rows) rd_op_zero(dx, passes * out->rows * width);
    for (int64_t first = 0; first < c->n; first += chunk) {
        int64_t n = c->n - first < chunk ? c->n - first : chunk, rows = passes * n;
        rd_arena_mark chunk_mark = rd_arena_save(step->arena);
        rd_activations x = rd_step_activations(step, rows, width);
        rd_activations dlogits =
            step->bf16 ? rd_step_activations(step, rows, vocab) : (rd_activations){.f32 = logits};
        if (!rd_activations_exists(x) || !rd_activations_exists(dlogits)) return RD_ERR_MEMORY;
        exchange(x, out->x, c, false, passes, out->rows, first, n, width);
        rd_gemm_forward(rows, vocab, width, x, w, 0.0f, (rd_activations){.f32 = logits});
        RD_TRY(rd_op_token_criterion(step->arena, logits, head->bias.value, dlogits, passes, n,
                                     vocab, c->targets + first, self->label_smoothing,
                                     self->reg_alpha, sums));
        if (out->dx) {
            rd_gemm_backward_weights(rows, vocab, width, dlogits, x, 1.0f, head->weight.grad);
            if (head->bias.value)
                RD_TRY(rd_op_column_sums(step->arena, head->bias.grad, dlogits, rows, vocab));
            rd_gemm_backward_data(rows, vocab, width, dlogits, w, 0.0f, drows);
            exchange(drows, dx, c, true, passes, out->rows, first, n, width);
        }
        rd_arena_restore(step->arena, chunk_mark);
    }
    return RD_OK;
}

/* The same through the head's transform, which sees the counted rows alone. */
static rd_status transform_and_project(const rd_criterion *self, const rd_step *step,
                                       const rd_head *head, const counted *c, const rd_output *out,
                                       rd_criterion_sums *sums) {
    int64_t width = out->width, passes = step->n_passes, rows = passes * c->n;
    const rd_sequences sequences = {.rows = rows};
    const counted all = {.n = c->n, .targets = c->targets};
    rd_activations x = rd_step_activations(step, rows, width);
    if (!rd_activations_exists(x)) return RD_ERR_MEMORY;
    exchange(x, out->x, c, false, passes, out->rows, 0, c->n, width);
    rd_head_saved saved;
    RD_TRY(rd_head_features(head, step, &sequences, width, x, &saved));
    rd_output inner = {.rows = c->n,
                       .width = width,
                       .x = saved.features,
                       .dx = out->dx ? rd_step_rows(step, rows, width) : NULL};
    if (out->dx && !inner.dx) return RD_ERR_MEMORY;
    RD_TRY(project(self, step, head, &all, &inner, sums));
    if (!out->dx) return RD_OK;
    RD_TRY(rd_head_features_backward(head, step, &sequences, width, &saved, inner.dx, inner.dx));
    rd_activations dx = {.f32 = out->dx};
    rd_op_zero(dx, passes * out->rows * width);
    exchange((rd_activations){.f32 = inner.dx}, dx, c, true, passes, out->rows, 0, c->n, width);
    return RD_OK;
}

rd_status rd_token_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    counted c = {0};
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(count_rows(step, batch, out->rows, &c));
    RD_TRY((head->transform == RD_TRANSFORM_NONE ? project : transform_and_project)(
        self, step, head, &c, out, sums));
    rd_arena_restore(step->arena, mark);
    if (!isfinite(sums->loss))
        return rd_error(RD_ERR_NUMERIC, "the loss of this batch is not finite (%f)", sums->loss);
    return RD_OK;
}
