#include "translate/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/network.h"

/* Pairs as a batch, and log-probabilities of its target tokens. */
typedef struct {
    rd_batch batch;
    rd_ids target; /* scratch: one with its eos */
    float *sum;    /* [target tokens] of the models so far */
    float *other;  /* [target tokens] of one more */
} scoring;

static rd_status add_pair(scoring *s, int64_t index, rd_token_span source, rd_token_span target,
                          int32_t eos) {
    s->target.length = 0;
    RD_TRY(rd_ids_add(&s->target, target.tokens, target.length));
    RD_TRY(rd_ids_push(&s->target, eos));
    return rd_batch_add(&s->batch, index, source.tokens, source.length, s->target.data,
                        (int32_t)s->target.length);
}

static rd_status run_model(const rd_model *model, const rd_batch *batch, float *log_probs) {
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    rd_status status = rd_network_log_probs(model, &step, batch, log_probs);
    rd_arena_free(&arena);
    return status;
}

static rd_status run_models(scoring *s, const rd_model *const *models, int32_t n_models) {
    int64_t n = rd_tokens_total(&s->batch.target);
    s->sum = rd_malloc((size_t)n, sizeof *s->sum);
    if (n_models > 1) s->other = rd_malloc((size_t)n, sizeof *s->other);
    if (!s->sum || (n_models > 1 && !s->other)) return RD_ERR_MEMORY;
    RD_TRY(run_model(models[0], &s->batch, s->sum));
    for (int32_t m = 1; m < n_models; m++) {
        RD_TRY(run_model(models[m], &s->batch, s->other));
        for (int64_t t = 0; t < n; t++) {
            float a = s->sum[t], b = s->other[t], top = a > b ? a : b;
            s->sum[t] = top + logf(expf(a - top) + expf(b - top));
        }
    }
    return RD_OK;
}

/* Of the batch's pair i, whose tokens' sums are over n_models. */
static rd_status add_up(const scoring *s, int64_t i, int32_t n_models, double *log_prob) {
    const int32_t *offsets = s->batch.target.offsets;
    *log_prob = -(double)(offsets[i + 1] - offsets[i]) * log(n_models);
    for (int32_t t = offsets[i]; t < offsets[i + 1]; t++) *log_prob += (double)s->sum[t];
    if (!isnan(*log_prob)) return RD_OK;
    return rd_error(RD_ERR_NUMERIC, "the model gives log-probabilities that are not numbers; its "
                                    "weights are damaged");
}

rd_status rd_score_targets(const rd_model *const *models, int32_t n_models, int64_t n,
                           const int64_t *indices, const rd_token_span *sources,
                           const rd_token_span *targets, double *log_probs) {
    scoring s = {0};
    int32_t eos = rd_model_get_config(models[0])->eos_id;
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < n; i++)
        status = add_pair(&s, indices[i], sources[indices[i]], targets[indices[i]], eos);
    if (status == RD_OK) status = run_models(&s, models, n_models);
    for (int64_t i = 0; status == RD_OK && i < n; i++)
        status = add_up(&s, i, n_models, &log_probs[indices[i]]);
    rd_batch_free(&s.batch);
    free(s.target.data);
    free(s.sum);
    free(s.other);
    return status;
}
