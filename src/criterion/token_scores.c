#include "criterion/token_scores.h"

/* Counted rows first .. first + n, packed: their outputs and targets. */
typedef struct {
    int64_t n;
    const int32_t *rows, *targets;
    rd_activations x; /* [n, width] */
} chunk;

/* The rows that count, and their targets. */
static rd_status count_rows(const rd_step *step, const rd_batch *batch, int64_t rows, chunk *all) {
    bool labelled = batch->labels.length > 0;
    int64_t given = labelled ? batch->labels.length : rd_tokens_total(&batch->target);
    const int32_t *targets = labelled ? batch->labels.data : batch->target.ids;
    if (given != rows)
        return rd_error(RD_ERR_ARGUMENT, "the scores of tokens: %lld targets for %lld outputs",
                        (long long)given, (long long)rows);
    int32_t *places = rd_arena_i32(step->arena, rows), *wanted = rd_arena_i32(step->arena, rows);
    if (!places || !wanted) return RD_ERR_MEMORY;
    *all = (chunk){.rows = places, .targets = wanted};
    for (int64_t r = 0; r < rows; r++) {
        if (targets[r] < 0) continue;
        places[all->n] = (int32_t)r;
        wanted[all->n++] = targets[r];
    }
    return RD_OK;
}

static rd_status score(const rd_step *step, const rd_head *head, int64_t width, const chunk *c,
                       float *log_probs) {
    float *logits = rd_step_rows(step, c->n, head->n_out);
    float *scores = rd_arena_f32(step->arena, c->n);
    if (!logits || !scores) return RD_ERR_MEMORY;
    RD_TRY(rd_head_logits(head, step, c->n, width, c->x, logits));
    rd_op_target_log_probs(scores, logits, c->targets, c->n, head->n_out);
    for (int64_t i = 0; i < c->n; i++) log_probs[c->rows[i]] = scores[i];
    return RD_OK;
}

static rd_status score_chunk(const rd_step *step, const rd_head *head, const rd_output *out,
                             chunk *c, float *log_probs) {
    c->x = rd_step_activations(step, c->n, out->width);
    if (!rd_activations_exists(c->x)) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; i++)
        rd_op_copy(rd_activations_at(c->x, i * out->width),
                   rd_activations_at(out->x, c->rows[i] * out->width), out->width);
    return score(step, head, out->width, c, log_probs);
}

rd_status rd_token_log_probs(const rd_step *step, const rd_head *head, const rd_batch *batch,
                             const rd_output *out, float *log_probs) {
    chunk all = {0};
    rd_arena_mark mark = rd_arena_save(step->arena);
    for (int64_t r = 0; r < out->rows; r++) log_probs[r] = 0.0f;
    RD_TRY(count_rows(step, batch, out->rows, &all));
    int64_t most = rd_token_loss_chunk(1, all.n, head->n_out);
    for (int64_t first = 0; first < all.n; first += most) {
        rd_arena_mark chunk_mark = rd_arena_save(step->arena);
        chunk c = {.n = all.n - first < most ? all.n - first : most,
                   .rows = all.rows + first,
                   .targets = all.targets + first};
        RD_TRY(score_chunk(step, head, out, &c, log_probs));
        rd_arena_restore(step->arena, chunk_mark);
    }
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
