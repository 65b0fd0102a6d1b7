#include "criterion/token_scores.h"

#include "criterion/counted.h"

/* Some of the rows that count, and the token that each is to predict. */
typedef struct {
    int64_t n;
    const int32_t *targets; /* [n] */
    rd_activations x;       /* [n, width] */
    float *log_probs;       /* [n] */
} chunk;

/* Adds the log-probability of classes[i] among n_words to log_probs[places[i]]; places NULL: i.
 * y: [n, dim]. */
static rd_status add_scores(const rd_step *step, const rd_weight *words, int64_t n_words,
                            int64_t dim, int64_t n, rd_activations y, const int32_t *classes,
                            const int32_t *places, float *log_probs) {
    float *logits = rd_step_rows(step, n, n_words), *scores = rd_arena_f32(step->arena, n);
    if (!logits || !scores) return RD_ERR_MEMORY;
    rd_gemm_forward(n, n_words, dim, y, rd_step_weights(step, words, 0), 0.0f,
                    (rd_activations){.f32 = logits});
    rd_op_target_log_probs(scores, logits, classes, n, n_words);
    for (int64_t i = 0; i < n; i++) log_probs[places ? places[i] : i] += scores[i];
    return RD_OK;
}

/* The rows whose targets are in the tail: places, words: [n], in the arena. */
static rd_status find_rows(const rd_step *step, const rd_adaptive_tail *tail, const chunk *c,
                           int32_t **places, int32_t **words, int64_t *n) {
    *n = 0;
    *places = rd_arena_i32(step->arena, c->n);
    *words = rd_arena_i32(step->arena, c->n);
    if (!*places || !*words) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; i++) {
        int64_t word = c->targets[i] - tail->first;
        if (word < 0 || word >= tail->n_words) continue;
        (*places)[*n] = (int32_t)i;
        (*words)[(*n)++] = (int32_t)word;
    }
    return RD_OK;
}

static rd_status add_tail(const rd_step *step, const rd_adaptive_tail *tail, int64_t width,
                          const chunk *c) {
    int32_t *places, *words;
    int64_t n;
    RD_TRY(find_rows(step, tail, c, &places, &words, &n));
    if (n == 0) return RD_OK;
    rd_activations x = rd_step_activations(step, n, width);
    rd_activations y = rd_step_activations(step, n, tail->dim);
    if (!rd_activations_exists(x) || !rd_activations_exists(y)) return RD_ERR_MEMORY;
    rd_op_gather(x, c->x, places, n, width);
    rd_adaptive_project(step, tail, n, width, x, y);
    return add_scores(step, &tail->words, tail->n_words, tail->dim, n, y, words, places,
                      c->log_probs);
}

/* The log-probability of the head's word or class, and of a word in its tail for targets there
 * only. */
static rd_status score_adaptive(const rd_step *step, const rd_adaptive_softmax *softmax,
                                int64_t width, const chunk *c) {
    int32_t *classes = rd_arena_i32(step->arena, c->n);
    if (!classes) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; i++) {
        int band = rd_adaptive_band_of(softmax, c->targets[i]);
        classes[i] = band < 0 ? c->targets[i] : (int32_t)softmax->n_head + band;
        c->log_probs[i] = 0.0f;
    }
    RD_TRY(add_scores(step, &softmax->head, softmax->n_head + softmax->n_tails, width, c->n, c->x,
                      classes, NULL, c->log_probs));
    for (int32_t i = 0; i < softmax->n_tails; i++)
        RD_TRY(add_tail(step, &softmax->tails[i], width, c));
    return RD_OK;
}

static rd_status score(const rd_step *step, const rd_head *head, int64_t width, const chunk *c) {
    if (head->adaptive.n_tails > 0) return score_adaptive(step, &head->adaptive, width, c);
    float *logits = rd_step_rows(step, c->n, head->n_out);
    if (!logits) return RD_ERR_MEMORY;
    RD_TRY(rd_head_logits(head, step, c->n, width, c->x, logits));
    rd_op_target_log_probs(c->log_probs, logits, c->targets, c->n, head->n_out);
    return RD_OK;
}

static rd_status score_counted(const rd_step *step, const rd_head *head, const rd_output *out,
                               const rd_counted *counted, int64_t first, int64_t n,
                               float *log_probs) {
    chunk c = {.n = n,
               .targets = counted->targets + first,
               .x = rd_step_activations(step, n, out->width),
               .log_probs = rd_arena_f32(step->arena, n)};
    if (!rd_activations_exists(c.x) || !c.log_probs) return RD_ERR_MEMORY;
    rd_counted_exchange(c.x, out->x, counted, false, 1, out->rows, first, n, out->width);
    RD_TRY(score(step, head, out->width, &c));
    for (int64_t i = 0; i < n; i++)
        log_probs[counted->rows ? counted->rows[first + i] : first + i] = c.log_probs[i];
    return RD_OK;
}

rd_status rd_token_log_probs(const rd_step *step, const rd_head *head, const rd_batch *batch,
                             const rd_output *out, float *log_probs) {
    rd_counted counted;
    rd_arena_mark mark = rd_arena_save(step->arena);
    for (int64_t r = 0; r < out->rows; r++) log_probs[r] = 0.0f;
    RD_TRY(rd_count_rows(step, batch, out->rows, &counted));
    int64_t most = rd_token_loss_chunk(1, counted.n, head->n_out);
    for (int64_t first = 0; first < counted.n; first += most) {
        int64_t left = counted.n - first;
        rd_arena_mark chunk_mark = rd_arena_save(step->arena);
        RD_TRY(
            score_counted(step, head, out, &counted, first, left < most ? left : most, log_probs));
        rd_arena_restore(step->arena, chunk_mark);
    }
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
