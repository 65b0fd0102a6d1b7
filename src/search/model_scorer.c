#include "search/model_scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/decode.h"

struct rd_model_scorer {
    int32_t n_models, vocab_size, max_length;
    rd_decoding **decodings; /* [n_models] */
    float *other;            /* [rows, vocab_size] of the models behind the first */
    int64_t other_capacity;
};

/* exp(x) for x <= 0 to about 2e-7 relative, without a branch or a call, so that the loop around it
 * vectorises: exp(x) = 2^n exp(r) with n = round(x / ln 2), and |r| <= ln 2 / 2 goes through the
 * Taylor polynomial of degree 6. NaN stays NaN. */
static inline float exp_nonpositive(float x) {
    float clamped = x < -87.0f ? -87.0f : x;             /* 2^n stays a normal number */
    float shifted = clamped * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to whole numbers */
    float n = shifted - 12582912.0f;
    float r = clamped - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23; /* the low bits of `shifted` hold n */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

static void log_softmax_row(int32_t n, float *x) {
    float largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
    for (int32_t i = 0; i < n; i++) largest = x[i] > largest ? x[i] : largest;
#pragma omp simd reduction(+ : sum)
    for (int32_t i = 0; i < n; i++) sum += exp_nonpositive(x[i] - largest);
    float norm = largest + logf(sum);
    for (int32_t i = 0; i < n; i++) x[i] -= norm;
}

void rd_log_softmax(int64_t n_rows, int32_t vocab_size, float *rows) {
#pragma omp parallel for schedule(static) if (n_rows > 1)
    for (int64_t r = 0; r < n_rows; r++) log_softmax_row(vocab_size, rows + r * vocab_size);
}

/* sum[i] = log(exp(sum[i]) + exp(x[i])) */
static void add_probabilities(int64_t n, float *sum, const float *x) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float high = sum[i] > x[i] ? sum[i] : x[i], low = sum[i] > x[i] ? x[i] : sum[i];
        /* Both -inf: their difference is no number. */
        sum[i] = high == -INFINITY ? high : high + log1pf(expf(low - high));
    }
}

static rd_status model_scorer_step(void *self, int64_t n_rows, const int32_t *parents,
                                   const int32_t *sentences, const int32_t *tokens,
                                   float *log_probs) {
    rd_model_scorer *scorer = self;
    int64_t n = n_rows * scorer->vocab_size;
    RD_TRY(rd_decoding_step(scorer->decodings[0], n_rows, parents, sentences, tokens, log_probs));
    rd_log_softmax(n_rows, scorer->vocab_size, log_probs);
    if (scorer->n_models == 1) return RD_OK;
    RD_TRY(rd_reserve(&scorer->other, &scorer->other_capacity, n, sizeof *scorer->other));
    for (int32_t m = 1; m < scorer->n_models; m++) {
        RD_TRY(rd_decoding_step(scorer->decodings[m], n_rows, parents, sentences, tokens,
                                scorer->other));
        rd_log_softmax(n_rows, scorer->vocab_size, scorer->other);
        add_probabilities(n, log_probs, scorer->other);
    }
    float log_count = logf((float)scorer->n_models);
    for (int64_t i = 0; i < n; i++) log_probs[i] -= log_count;
    return RD_OK;
}

/* The decoder reads eos and then the output, so one position is not the output's. */
static rd_status agree(rd_model_scorer *scorer, const rd_model *const *models) {
    const rd_model_config *first = rd_model_get_config(models[0]);
    scorer->vocab_size = first->tgt_vocab;
    scorer->max_length = first->max_target_positions - 1;
    for (int32_t m = 1; m < scorer->n_models; m++) {
        const rd_model_config *config = rd_model_get_config(models[m]);
        if (config->tgt_vocab != first->tgt_vocab || config->src_vocab != first->src_vocab)
            return rd_error(RD_ERR_ARGUMENT,
                            "models of an ensemble must share their vocabularies; model %d has %d "
                            "and %d pieces, the first %d and %d",
                            m + 1, config->src_vocab, config->tgt_vocab, first->src_vocab,
                            first->tgt_vocab);
        if (config->max_target_positions - 1 < scorer->max_length)
            scorer->max_length = config->max_target_positions - 1;
    }
    return RD_OK;
}

rd_status rd_model_scorer_begin(rd_model_scorer **scorer, const rd_model *const *models,
                                int32_t n_models, int64_t n_sentences, const int32_t *src,
                                const int32_t *src_offsets) {
    *scorer = NULL;
    if (n_models < 1) return rd_error(RD_ERR_ARGUMENT, "no model to translate with");
    rd_model_scorer *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    s->n_models = n_models;
    s->decodings = rd_calloc((size_t)n_models, sizeof(rd_decoding *));
    rd_status status = s->decodings ? agree(s, models) : RD_ERR_MEMORY;
    for (int32_t m = 0; status == RD_OK && m < n_models; m++)
        status = rd_decoding_begin(&s->decodings[m], models[m], n_sentences, src, src_offsets);
    if (status == RD_OK)
        *scorer = s;
    else
        rd_model_scorer_end(s);
    return status;
}

void rd_model_scorer_end(rd_model_scorer *scorer) {
    if (!scorer) return;
    for (int32_t m = 0; scorer->decodings && m < scorer->n_models; m++)
        rd_decoding_end(scorer->decodings[m]);
    free(scorer->decodings);
    free(scorer->other);
    free(scorer);
}

rd_scorer rd_model_scorer_view(rd_model_scorer *scorer) {
    return (rd_scorer){.self = scorer,
                       .vocab_size = scorer->vocab_size,
                       .max_length = scorer->max_length,
                       .step = model_scorer_step};
}
