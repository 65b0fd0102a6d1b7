#include "criterion/adaptive_loss.h"

#include <math.h>

typedef struct {
    const rd_criterion *self;
    const rd_step *step;
    const rd_adaptive_softmax *softmax;
    int64_t passes, n, width; /* n: tokens that count, of one pass */
    const int32_t *targets;   /* [n] */
    rd_activations x;         /* [passes * n, width] after dropout */
    float *dx;                /* as x, accumulates; NULL: no gradient */
    double uniform;           /* eps / V: CE's factor of each word's -log P */
    float half;               /* of the KL's directions; one pass: 0 */
    bool exact;               /* two passes, and the KL is that of the whole distribution */
    float *band_p;            /* [2, n, n_tails] P_head(band) of each pass; where exact */
    float *band_kl;           /* [2, n, n_tails] the tails' KL(P1 || P2), KL(P2 || P1); likewise */
    rd_criterion_sums *sums;
} job;

/* A product with words and the loss of its rows: the head, or a tail. */
typedef struct {
    const rd_weight *words; /* [n_words, dim] */
    int64_t n_words, dim;
    int tail; /* -1: the head */
    int64_t m;
    const int32_t *places; /* [m] which tokens its rows are, of one pass; NULL: all n */
    rd_activations y;      /* [passes * m, dim] */
    float *dy;             /* as y; NULL: no gradient. The head adds to it. */
} band;

static float *band_value(const job *j, float *values, int pass, int64_t token, int tail) {
    return values + (pass * j->n + token) * j->softmax->n_tails + tail;
}

static double log_prob(const rd_row_stats *stats, const float *logits, int pass, int64_t class) {
    return ((double)logits[class] - stats->max[pass]) - stats->log_z[pass];
}

/* Row r of a chunk of `rows`: in each pass, from logits: [passes * rows, n_words]. */
static const float *row_of(const band *b, const float *logits, int64_t rows, int pass, int64_t r) {
    return logits + (pass * rows + r) * b->n_words;
}

static void add_cross_entropy(job *j, const rd_row_stats *stats, const rd_row_loss *loss,
                              const float *row, int pass, double rest) {
    double nll = loss->target >= 0 ? -log_prob(stats, row, pass, loss->target) : 0.0;
    j->sums->nll += nll;
    j->sums->label_smoothed += (double)loss->hit * nll - j->uniform * (stats->sum[pass] + rest);
}

/* A class counts for each word of its band: CE adds its log-probability once a word. */
static double rest_of_classes(const job *j, const rd_row_stats *stats, const float *row, int pass) {
    double rest = 0.0;
    for (int i = 0; i < j->softmax->n_tails; i++)
        rest += (double)(j->softmax->tails[i].n_words - 1) *
                log_prob(stats, row, pass, j->softmax->n_head + i);
    return rest;
}

static rd_row_loss head_loss(job *j, const band *b, const rd_row_stats *stats, const float *logits,
                             int64_t rows, int64_t r, int64_t token) {
    const rd_adaptive_softmax *softmax = j->softmax;
    int32_t word = j->targets[token];
    int own = rd_adaptive_band_of(softmax, word);
    rd_row_loss loss = {.target = own < 0 ? word : (int32_t)softmax->n_head + own,
                        .hit = 1.0f - j->self->label_smoothing,
                        .uniform = (float)j->uniform,
                        .total = 1.0f,
                        .kl = {j->half, j->half}};
    for (int pass = 0; pass < (int)j->passes; pass++) {
        const float *row = row_of(b, logits, rows, pass, r);
        add_cross_entropy(j, stats, &loss, row, pass,
                          j->uniform > 0.0 ? rest_of_classes(j, stats, row, pass) : 0.0);
        j->sums->kl += 0.5 * stats->kl[pass];
        for (int i = 0; j->exact && i < softmax->n_tails; i++)
            loss.shift[pass] += j->half * *band_value(j, j->band_p, pass, token, i) *
                                *band_value(j, j->band_kl, pass, token, i);
    }
    return loss;
}

static rd_row_loss tail_loss(job *j, const band *b, const rd_row_stats *stats, const float *logits,
                             int64_t rows, int64_t r, int64_t token) {
    const rd_adaptive_tail *tail = &j->softmax->tails[b->tail];
    int32_t word = j->targets[token];
    bool inside = rd_adaptive_band_of(j->softmax, word) == b->tail;
    rd_row_loss loss = {.target = inside ? word - (int32_t)tail->first : -1,
                        .hit = inside ? 1.0f - j->self->label_smoothing : 0.0f,
                        .uniform = (float)j->uniform};
    loss.total = loss.hit + (float)(j->uniform * (double)tail->n_words);
    for (int pass = 0; pass < (int)j->passes; pass++) {
        double share = inside ? 1.0 : 0.0; /* of this tail's KL in the loss */
        if (j->exact) {
            share = (double)*band_value(j, j->band_p, pass, token, b->tail);
            *band_value(j, j->band_kl, pass, token, b->tail) = (float)stats->kl[pass];
        }
        add_cross_entropy(j, stats, &loss, row_of(b, logits, rows, pass, r), pass, 0.0);
        j->sums->kl += 0.5 * share * stats->kl[pass];
        loss.kl[pass] = j->half * (float)share;
    }
    return loss;
}

static void add_to(rd_activations x, int64_t at, float value) {
    if (x.f32)
        x.f32[at] += value;
    else
        x.bf16[at] = rd_f32_to_bf16(rd_bf16_to_f32(x.bf16[at]) + value);
}

/* Adds the bands' part to the gradients of the head's classes. */
static void add_to_classes(const job *j, rd_activations d, int pass, int64_t token) {
    const rd_adaptive_softmax *softmax = j->softmax;
    for (int i = 0; i < softmax->n_tails; i++) {
        float value = -(float)(j->uniform * (double)(softmax->tails[i].n_words - 1));
        if (j->exact)
            value += j->half * *band_value(j, j->band_p, pass, token, i) *
                     *band_value(j, j->band_kl, pass, token, i);
        add_to(d, softmax->n_head + i, value);
    }
}

/* A chunk of a band's rows, in its own memory. */
typedef struct {
    int64_t first, rows;
    rd_activations y, dlogits;
    float *logits, *dy;
    rd_row_stats *stats;
    rd_row_loss *losses;
} chunk;

static rd_status chunk_room(const job *j, const band *b, chunk *c) {
    const rd_step *step = j->step;
    int64_t rows = j->passes * c->rows;
    c->y = rd_step_activations(step, rows, b->dim);
    c->logits = rd_step_rows(step, rows, b->n_words);
    c->dlogits = step->bf16 && b->dy ? rd_step_activations(step, rows, b->n_words)
                                     : (rd_activations){.f32 = c->logits};
    c->dy = b->dy ? rd_step_rows(step, rows, b->dim) : NULL;
    c->stats = rd_arena_alloc(step->arena, (size_t)c->rows, sizeof *c->stats);
    c->losses = rd_arena_alloc(step->arena, (size_t)c->rows, sizeof *c->losses);
    return rd_activations_exists(c->y) && c->logits && rd_activations_exists(c->dlogits) &&
                   (c->dy || !b->dy) && c->stats && c->losses
               ? RD_OK
               : RD_ERR_MEMORY;
}

static int64_t token_of(const band *b, const chunk *c, int64_t r) {
    return b->places ? b->places[c->first + r] : c->first + r;
}

/* Logits and what sums over them. */
static rd_status chunk_forward(const job *j, const band *b, chunk *c) {
    const rd_counted all = {.n = b->m};
    RD_TRY(chunk_room(j, b, c));
    rd_counted_exchange(c->y, b->y, &all, false, j->passes, b->m, c->first, c->rows, b->dim);
    rd_gemm_forward(j->passes * c->rows, b->n_words, b->dim, c->y,
                    rd_step_weights(j->step, b->words, 0), 0.0f,
                    (rd_activations){.f32 = c->logits});
    rd_op_row_stats(c->stats, c->logits, j->passes, c->rows, b->n_words);
    return RD_OK;
}

static void chunk_backward(const job *j, const band *b, chunk *c) {
    int64_t rows = j->passes * c->rows;
    rd_op_row_gradient(c->dlogits, c->logits, j->passes, c->rows, b->n_words, c->stats, c->losses);
    for (int64_t i = 0; b->tail < 0 && i < rows; i++)
        add_to_classes(j, rd_activations_at(c->dlogits, i * b->n_words), (int)(i / c->rows),
                       token_of(b, c, i % c->rows));
    const rd_counted all = {.n = b->m};
    rd_activations dy = {.f32 = c->dy}, whole = {.f32 = b->dy};
    bool adds = b->tail < 0; /* to what the tails left */
    if (adds)
        rd_counted_exchange(dy, whole, &all, false, j->passes, b->m, c->first, c->rows, b->dim);
    rd_gemm_backward_weights(rows, b->n_words, b->dim, c->dlogits, c->y, 1.0f, b->words->grad);
    rd_gemm_backward_data(rows, b->n_words, b->dim, c->dlogits,
                          rd_step_weights(j->step, b->words, 0), adds ? 1.0f : 0.0f, dy);
    rd_counted_exchange(dy, whole, &all, true, j->passes, b->m, c->first, c->rows, b->dim);
}

static rd_status chunk_loss(job *j, const band *b, chunk *c) {
    RD_TRY(chunk_forward(j, b, c));
    for (int64_t r = 0; r < c->rows; r++)
        c->losses[r] = (b->tail < 0 ? head_loss : tail_loss)(j, b, &c->stats[r], c->logits, c->rows,
                                                             r, token_of(b, c, r));
    if (b->dy) chunk_backward(j, b, c);
    return RD_OK;
}

/* The probabilities of the bands. */
static rd_status chunk_bands(job *j, const band *b, chunk *c) {
    RD_TRY(chunk_forward(j, b, c));
    for (int64_t r = 0; r < c->rows; r++)
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < j->softmax->n_tails; i++)
                *band_value(j, j->band_p, pass, c->first + r, i) =
                    (float)exp(log_prob(&c->stats[r], row_of(b, c->logits, c->rows, pass, r), pass,
                                        j->softmax->n_head + i));
    return RD_OK;
}

static rd_status each_chunk(job *j, const band *b,
                            rd_status (*work)(job *, const band *, chunk *)) {
    int64_t most = rd_token_loss_chunk(j->passes, b->m, b->n_words);
    for (int64_t first = 0; first < b->m; first += most) {
        rd_arena_mark mark = rd_arena_save(j->step->arena);
        chunk c = {.first = first, .rows = b->m - first < most ? b->m - first : most};
        RD_TRY(work(j, b, &c));
        rd_arena_restore(j->step->arena, mark);
    }
    return RD_OK;
}

/* Rows of x in both passes, when a tail has not all of them. */
static int32_t *rows_of_passes(const job *j, const band *b) {
    int32_t *rows = rd_arena_i32(j->step->arena, j->passes * b->m);
    for (int64_t i = 0; rows && i < j->passes * b->m; i++)
        rows[i] = (int32_t)(i / b->m * j->n) + b->places[i % b->m];
    return rows;
}

static rd_status tail_backward(const job *j, const rd_adaptive_tail *tail, const band *b,
                               const int32_t *rows, rd_activations x, const rd_dropout *dropout) {
    int64_t n = j->passes * b->m;
    rd_activations d;
    rd_op_dropout((rd_activations){.f32 = b->dy}, n, b->dim, dropout);
    RD_TRY(rd_step_operand(j->step, b->dy, n, b->dim, &d));
    if (!rows) {
        rd_adaptive_project_backward(j->step, tail, n, j->width, x, d, 1.0f, j->dx);
        return RD_OK;
    }
    float *dx = rd_step_rows(j->step, n, j->width);
    if (!dx) return RD_ERR_MEMORY;
    rd_adaptive_project_backward(j->step, tail, n, j->width, x, d, 0.0f, dx);
    rd_op_add_rows(j->dx, rows, dx, n, j->width);
    return RD_OK;
}

/* places: [m] the tokens that the tail is computed for; NULL: all. */
static rd_status tail_of(job *j, int i, const int32_t *places, int64_t m) {
    const rd_adaptive_tail *tail = &j->softmax->tails[i];
    const rd_step *step = j->step;
    band b = {.words = &tail->words, .n_words = tail->n_words, .dim = tail->dim, .tail = i, .m = m};
    b.places = places;
    int64_t n = j->passes * m;
    int32_t *rows = NULL;
    rd_activations x = j->x;
    if (places) {
        rows = rows_of_passes(j, &b);
        x = rd_step_activations(step, n, j->width);
        if (!rows || !rd_activations_exists(x)) return RD_ERR_MEMORY;
        rd_op_gather(x, j->x, rows, n, j->width);
    }
    b.y = rd_step_activations(step, n, b.dim);
    b.dy = j->dx ? rd_step_rows(step, n, b.dim) : NULL;
    if (!rd_activations_exists(b.y) || (j->dx && !b.dy)) return RD_ERR_MEMORY;
    rd_dropout dropout = rd_step_dropout(step, j->softmax->dropout, j->softmax->site + 1 + i, n);
    rd_adaptive_project(step, tail, n, j->width, x, b.y);
    rd_op_dropout(b.y, n, b.dim, &dropout);
    RD_TRY(each_chunk(j, &b, chunk_loss));
    return j->dx ? tail_backward(j, tail, &b, rows, x, &dropout) : RD_OK;
}

/* A tail is computed for all tokens where each of them has a loss in it, else for its own. */
static rd_status tails(job *j) {
    int32_t *places = rd_arena_i32(j->step->arena, j->n);
    if (!places) return RD_ERR_MEMORY;
    for (int i = 0; i < j->softmax->n_tails; i++) {
        rd_arena_mark mark = rd_arena_save(j->step->arena);
        int64_t m = 0;
        for (int64_t t = 0; t < j->n; t++)
            if (rd_adaptive_band_of(j->softmax, j->targets[t]) == i) places[m++] = (int32_t)t;
        if (j->exact || j->uniform > 0.0)
            RD_TRY(tail_of(j, i, NULL, j->n));
        else if (m > 0)
            RD_TRY(tail_of(j, i, places, m));
        rd_arena_restore(j->step->arena, mark);
    }
    return RD_OK;
}

/* The head comes last: it needs the tails' KL. */
static rd_status bands(job *j) {
    const rd_adaptive_softmax *softmax = j->softmax;
    band head = {.words = &softmax->head,
                 .n_words = softmax->n_head + softmax->n_tails,
                 .dim = j->width,
                 .tail = -1,
                 .m = j->n,
                 .y = j->x,
                 .dy = j->dx};
    if (j->exact) {
        int64_t room = 2 * j->n * softmax->n_tails;
        j->band_p = rd_arena_f32(j->step->arena, room);
        j->band_kl = rd_arena_f32(j->step->arena, room);
        if (!j->band_p || !j->band_kl) return RD_ERR_MEMORY;
        RD_TRY(each_chunk(j, &head, chunk_bands));
    }
    RD_TRY(tails(j));
    return each_chunk(j, &head, chunk_loss);
}

static rd_status check_targets(const rd_counted *counted, int64_t vocab) {
    for (int64_t i = 0; i < counted->n; i++)
        if (counted->targets[i] < 0 || counted->targets[i] >= vocab)
            return rd_error(RD_ERR_ARGUMENT, "the loss of tokens: target %d is outside [0, %lld)",
                            (int)counted->targets[i], (long long)vocab);
    return RD_OK;
}

rd_status rd_adaptive_loss(const rd_criterion *self, const rd_step *step,
                           const rd_adaptive_softmax *softmax, const rd_counted *counted,
                           const rd_output *out, rd_criterion_sums *sums) {
    int64_t vocab = rd_adaptive_vocab(softmax), passes = step->n_passes, n = counted->n;
    if (passes > 2)
        return rd_error(RD_ERR_UNSUPPORTED, "n-passes: %lld: an adaptive softmax knows two passes",
                        (long long)passes);
    rd_criterion_sums mine = {.n_tokens = n};
    job j = {.self = self,
             .step = step,
             .softmax = softmax,
             .passes = passes,
             .n = n,
             .width = out->width,
             .targets = counted->targets,
             .uniform = (double)self->label_smoothing / (double)vocab,
             .half = passes == 2 ? 0.5f * self->reg_alpha : 0.0f,
             .exact = passes == 2 && self->adaptive_kl == RD_ADAPTIVE_KL_EXACT,
             .sums = &mine};
    RD_TRY(check_targets(counted, vocab));
    rd_dropout dropout = rd_step_dropout(step, softmax->dropout, softmax->site, passes * n);
    j.x = rd_step_activations(step, passes * n, j.width);
    if (!rd_activations_exists(j.x)) return RD_ERR_MEMORY;
    rd_counted_exchange(j.x, out->x, counted, false, passes, out->rows, 0, n, j.width);
    rd_op_dropout(j.x, passes * n, j.width, &dropout);
    rd_activations dx = {.f32 = out->dx ? rd_step_rows(step, passes * n, j.width) : NULL};
    if (out->dx) {
        if (!dx.f32) return RD_ERR_MEMORY;
        rd_op_zero(dx, passes * n * j.width);
        j.dx = dx.f32;
    }
    RD_TRY(bands(&j));
    if (out->dx) {
        rd_activations all = {.f32 = out->dx};
        rd_op_dropout(dx, passes * n, j.width, &dropout);
        rd_op_zero(all, passes * out->rows * j.width);
        rd_counted_exchange(dx, all, counted, true, passes, out->rows, 0, n, j.width);
    }
    mine.loss = mine.label_smoothed + (double)self->reg_alpha * mine.kl;
    rd_criterion_sums_add(sums, &mine, 1.0);
    return RD_OK;
}
