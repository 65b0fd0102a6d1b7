/* Output projection, log-softmax, label smoothing, R-Drop's KL and all their gradients as one
 * operation over chunks of rows, so memory is chunk x vocabulary, not tokens x vocabulary. */
#include <math.h>

#include "criterion/adaptive_loss.h"
#include "criterion/counted.h"

/* Logits of a chunk: 16 MiB, well inside a server's last-level cache, unless that were so few
 * tokens that the weights are read for little. */
enum { CHUNK_FLOATS = 4 << 20, LEAST_TOKENS = 32 };

int64_t rd_token_loss_chunk(int64_t passes, int64_t n_tokens, int64_t vocab) {
    int64_t chunk = CHUNK_FLOATS / (passes * vocab);
    if (chunk < LEAST_TOKENS) chunk = LEAST_TOKENS;
    return chunk < n_tokens ? chunk : n_tokens;
}

/* What the chunks of a batch share: room for logits and for the gradient of rows. */
typedef struct {
    const rd_criterion *self;
    const rd_step *step;
    const rd_head *head;
    const rd_counted *counted;
    const rd_output *out;
    rd_activations weight, drows;
    float *logits;
} projection;

/* Counted rows first .. first + n of each pass. */
static rd_status project_chunk(const projection *p, int64_t first, int64_t n,
                               rd_criterion_sums *sums) {
    const rd_step *step = p->step;
    const rd_head *head = p->head;
    const rd_output *out = p->out;
    int64_t vocab = head->n_out, width = out->width, passes = step->n_passes, rows = passes * n;
    rd_activations logits = {.f32 = p->logits}, x = rd_step_activations(step, rows, width);
    rd_activations dlogits = step->bf16 ? rd_step_activations(step, rows, vocab) : logits;
    if (!rd_activations_exists(x) || !rd_activations_exists(dlogits)) return RD_ERR_MEMORY;
    rd_counted_exchange(x, out->x, p->counted, false, passes, out->rows, first, n, width);
    rd_gemm_forward(rows, vocab, width, x, p->weight, 0.0f, logits);
    RD_TRY(rd_op_token_criterion(step->arena, logits.f32, head->bias.value, dlogits, passes, n,
                                 vocab, p->counted->targets + first, p->self->label_smoothing,
                                 p->self->reg_alpha, sums));
    if (!out->dx) return RD_OK;
    rd_gemm_backward_weights(rows, vocab, width, dlogits, x, 1.0f, head->weight.grad);
    if (head->bias.value)
        RD_TRY(rd_op_column_sums(step->arena, head->bias.grad, dlogits, rows, vocab));
    rd_gemm_backward_data(rows, vocab, width, dlogits, p->weight, 0.0f, p->drows);
    rd_counted_exchange(p->drows, (rd_activations){.f32 = out->dx}, p->counted, true, passes,
                        out->rows, first, n, width);
    return RD_OK;
}

/* Projection and criterion of the counted rows, a chunk at a time. */
static rd_status project(const rd_criterion *self, const rd_step *step, const rd_head *head,
                         const rd_counted *c, const rd_output *out, rd_criterion_sums *sums) {
    int64_t passes = step->n_passes, chunk = rd_token_loss_chunk(passes, c->n, head->n_out);
    const projection p = {.self = self,
                          .step = step,
                          .head = head,
                          .counted = c,
                          .out = out,
                          .weight = rd_step_weights(step, &head->weight, 0),
                          .drows = {.f32 = rd_step_rows(step, passes * chunk, out->width)},
                          .logits = rd_step_rows(step, passes * chunk, head->n_out)};
    if (!p.logits || !p.drows.f32) return RD_ERR_MEMORY;
    if (out->dx && c->rows)
        rd_op_zero((rd_activations){.f32 = out->dx}, passes * out->rows * out->width);
    for (int64_t first = 0; first < c->n; first += chunk) {
        rd_arena_mark mark = rd_arena_save(step->arena);
        RD_TRY(project_chunk(&p, first, c->n - first < chunk ? c->n - first : chunk, sums));
        rd_arena_restore(step->arena, mark);
    }
    return RD_OK;
}

/* The same through the head's transform, which sees only the counted rows. */
static rd_status transform_and_project(const rd_criterion *self, const rd_step *step,
                                       const rd_head *head, const rd_counted *c,
                                       const rd_output *out, rd_criterion_sums *sums) {
    int64_t width = out->width, passes = step->n_passes, rows = passes * c->n;
    const rd_sequences sequences = {.rows = rows};
    const rd_counted all = {.n = c->n, .targets = c->targets};
    rd_activations x = rd_step_activations(step, rows, width);
    if (!rd_activations_exists(x)) return RD_ERR_MEMORY;
    rd_counted_exchange(x, out->x, c, false, passes, out->rows, 0, c->n, width);
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
    rd_counted_exchange((rd_activations){.f32 = inner.dx}, dx, c, true, passes, out->rows, 0, c->n,
                        width);
    return RD_OK;
}

rd_status rd_token_loss(const rd_criterion *self, const rd_step *step, const rd_head *head,
                        const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    rd_counted c = {0};
    rd_arena_mark mark = rd_arena_save(step->arena);
    RD_TRY(rd_count_rows(step, batch, out->rows, &c));
    if (head->adaptive.n_tails > 0)
        RD_TRY(rd_adaptive_loss(self, step, &head->adaptive, &c, out, sums));
    else
        RD_TRY((head->transform == RD_TRANSFORM_NONE ? project : transform_and_project)(
            self, step, head, &c, out, sums));
    rd_arena_restore(step->arena, mark);
    if (!isfinite(sums->loss))
        return rd_error(RD_ERR_NUMERIC, "the loss of this batch is not finite (%f)", sums->loss);
    return RD_OK;
}
