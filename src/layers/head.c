#include "layers/head.h"

#include <stdlib.h>
#include <string.h>

rd_status rd_head_logits(const rd_head *head, const rd_step *step, int64_t rows, int64_t width,
                         rd_activations x, float *logits) {
    if (head->adaptive.n_tails > 0)
        return rd_adaptive_log_probs(&head->adaptive, step, rows, width, x, logits);
    return rd_step_product(step, rows, head->n_out, width, x, &head->weight, 0, head->packed,
                           head->bias.value, (rd_activations){.f32 = logits});
}

/* A head that pools has few rows: float32, which needs no conversions. */
static rd_step own_step(const rd_head *head, const rd_step *step) {
    rd_step own = *step;
    if (rd_head_pools(head)) own.bf16 = false;
    return own;
}

static rd_status pool(const rd_head *head, const rd_step *step, const rd_sequences *sequences,
                      int64_t width, rd_activations x, rd_head_saved *saved) {
    *saved = (rd_head_saved){.rows = sequences->rows, .pooled = x};
    if (!rd_head_pools(head)) return RD_OK;
    int64_t n = sequences->n_seqs;
    float *pooled = rd_step_rows(step, n, width);
    if (!pooled) return RD_ERR_MEMORY;
    if (head->pooling == RD_POOL_ATTENTION) {
        saved->x = x;
        if (x.bf16) saved->x.f32 = NULL; /* whose place dx may take */
        saved->shares = rd_step_rows(step, sequences->rows, 1);
        if (!saved->shares) return RD_ERR_MEMORY;
        rd_op_attention_pool(pooled, saved->shares, saved->x, head->attention.value, sequences,
                             width);
    } else {
        rd_op_pool(pooled, x, sequences, width, head->pooling == RD_POOL_MEAN);
    }
    rd_dropout dropout = rd_step_dropout(step, head->dropout_before, head->site, n);
    rd_op_dropout((rd_activations){.f32 = pooled}, n, width, &dropout);
    saved->rows = n;
    saved->pooled.f32 = pooled;
    saved->pooled.bf16 = NULL;
    return RD_OK;
}

/* The dropout after the transform. Without a transform it follows the pool, which is then dropped
 * out twice. */
static rd_dropout last_dropout(const rd_head *head, const rd_step *step, int64_t rows) {
    return rd_step_dropout(step, head->dropout_after, head->site + 1, rows);
}

static rd_activation activation_of(const rd_head *head) {
    return head->transform == RD_TRANSFORM_TANH ? RD_TANH : head->activation;
}

static rd_status transform(const rd_head *head, const rd_step *step, int64_t width,
                           rd_head_saved *saved) {
    int64_t n = saved->rows;
    rd_dropout dropout = last_dropout(head, step, n);
    const rd_dropout none = {0};
    bool normed = head->transform == RD_TRANSFORM_NORM;
    rd_activations y = {0};
    if (normed)
        y.f32 = rd_step_rows(step, n, width);
    else
        y = rd_step_activations(step, n, width);
    if (!rd_activations_exists(y)) return RD_ERR_MEMORY;
    saved->h = rd_step_activations(step, n, width);
    if (!rd_activations_exists(saved->h)) return RD_ERR_MEMORY;
    RD_TRY(rd_step_product(step, n, width, width, saved->pooled, &head->dense, 0,
                           head->packed_dense, NULL, saved->h));
    rd_op_activation(y, saved->h, head->dense_bias.value, n, width, activation_of(head),
                     normed ? &none : &dropout);
    saved->features = y;
    if (!normed) return RD_OK;
    RD_TRY(rd_norm_forward(step, &head->norm, &saved->norm, n, width, y.f32, &saved->features));
    rd_op_dropout(saved->features, n, width, &dropout);
    return RD_OK;
}

rd_status rd_head_features(const rd_head *head, const rd_step *step, const rd_sequences *sequences,
                           int64_t width, rd_activations x, rd_head_saved *saved) {
    rd_step own = own_step(head, step);
    RD_TRY(pool(head, &own, sequences, width, x, saved));
    if (head->transform != RD_TRANSFORM_NONE) return transform(head, &own, width, saved);
    saved->features = saved->pooled;
    rd_dropout dropout = last_dropout(head, step, saved->rows);
    if (rd_head_pools(head)) rd_op_dropout(saved->features, saved->rows, width, &dropout);
    return RD_OK;
}

/* d: [rows, width] holds dL/dfeatures and becomes dL/dpooled. */
static rd_status transform_backward(const rd_head *head, const rd_step *step, int64_t width,
                                    rd_head_saved *saved, float *d) {
    int64_t n = saved->rows;
    rd_dropout dropout = last_dropout(head, step, n);
    const rd_dropout none = {0};
    bool normed = head->transform == RD_TRANSFORM_NORM;
    rd_activations df = {.f32 = d}, dh = rd_step_activations(step, n, width);
    if (!rd_activations_exists(dh)) return RD_ERR_MEMORY;
    if (normed) { /* in place: each row is read before it is written */
        rd_op_dropout(df, n, width, &dropout);
        RD_TRY(rd_norm_backward(step, &head->norm, &saved->norm, n, width, d, false, d));
    }
    RD_TRY(rd_op_activation_backward(step->arena, dh, saved->h, df, saved->h,
                                     head->dense_bias.value, head->dense_bias.grad, n, width,
                                     activation_of(head), normed ? &none : &dropout));
    rd_gemm_backward_weights(n, width, width, dh, saved->pooled, 1.0f, head->dense.grad);
    rd_gemm_backward_data(n, width, width, dh, rd_step_weights(step, &head->dense, 0), 0.0f, df);
    return RD_OK;
}

rd_status rd_head_features_backward(const rd_head *head, const rd_step *step,
                                    const rd_sequences *sequences, int64_t width,
                                    rd_head_saved *saved, float *dfeatures, float *dx) {
    rd_step own = own_step(head, step);
    int64_t n = saved->rows;
    rd_activations d = {.f32 = dfeatures};
    if (head->transform != RD_TRANSFORM_NONE) {
        RD_TRY(transform_backward(head, &own, width, saved, dfeatures));
    } else if (rd_head_pools(head)) {
        rd_dropout dropout = last_dropout(head, step, n);
        rd_op_dropout(d, n, width, &dropout);
    }
    if (!rd_head_pools(head)) {
        if (dx != dfeatures) rd_op_copy((rd_activations){.f32 = dx}, d, n * width);
        return RD_OK;
    }
    rd_dropout dropout = rd_step_dropout(step, head->dropout_before, head->site, n);
    rd_op_dropout(d, n, width, &dropout);
    if (head->pooling == RD_POOL_ATTENTION)
        return rd_op_attention_pool_backward(step->arena, dx, head->attention.grad, dfeatures,
                                             saved->x, saved->shares, head->attention.value,
                                             sequences, width);
    rd_op_pool_backward(dx, dfeatures, sequences, width, head->pooling == RD_POOL_MEAN);
    return RD_OK;
}

rd_status rd_head_logits_of(const rd_head *head, const rd_step *step, int64_t width,
                            const rd_head_saved *saved, float *logits) {
    rd_step own = own_step(head, step);
    return rd_head_logits(head, &own, saved->rows, width, saved->features, logits);
}

rd_status rd_head_backward(const rd_head *head, const rd_step *step, const rd_sequences *sequences,
                           int64_t width, rd_head_saved *saved, float *dlogits, float *dx) {
    rd_step own = own_step(head, step);
    int64_t n = saved->rows, n_out = head->n_out;
    rd_activations d = {.f32 = dlogits};
    float *dfeatures = rd_step_rows(step, n, width);
    if (!dfeatures) return RD_ERR_MEMORY;
    rd_gemm_backward_weights(n, n_out, width, d, saved->features, 1.0f, head->weight.grad);
    if (head->bias.value) RD_TRY(rd_op_column_sums(step->arena, head->bias.grad, d, n, n_out));
    rd_gemm_backward_data(n, n_out, width, d, rd_step_weights(&own, &head->weight, 0), 0.0f,
                          (rd_activations){.f32 = dfeatures});
    return rd_head_features_backward(head, step, sequences, width, saved, dfeatures, dx);
}

static rd_status choose(rd_head *subset, const rd_head *whole, int64_t width, int64_t n,
                        const int32_t *chosen) {
    float *rows = rd_malloc((size_t)(n * (width + 1)), sizeof *rows); /* the bias comes last */
    if (!rows) return RD_ERR_MEMORY;
    float *bias = whole->bias.value ? rows + n * width : NULL;
    *subset = (rd_head){.n_out = n, .weight.value = rows, .bias.value = bias};
    for (int64_t i = 0; i < n; i++) {
        memcpy(rows + i * width, whole->weight.value + chosen[i] * width,
               sizeof *rows * (size_t)width);
        if (bias) bias[i] = whole->bias.value[chosen[i]];
    }
    return whole->packed
               ? rd_packed_new(&subset->packed, rd_packed_precision(whole->packed), n, width, rows)
               : RD_OK;
}

rd_status rd_head_choose(rd_head *subset, const rd_head *whole, int64_t width, int64_t n_chosen,
                         const int32_t *chosen) {
    *subset = (rd_head){0};
    rd_status status = choose(subset, whole, width, n_chosen, chosen);
    if (status != RD_OK) rd_head_subset_free(subset);
    return status;
}

void rd_head_subset_free(rd_head *subset) {
    rd_packed_free(subset->packed);
    free(subset->weight.value);
    *subset = (rd_head){0};
}
