#include "search/model_scorer.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/decode.h"
#include "ops/ops.h"

struct rd_model_scorer {
    int32_t n_models, vocab_size, max_length;
    bool keeps_attention, skips_softmax;
    rd_decoding **decodings; /* [n_models] */
    float *other;            /* [RD_SCORER_ROWS, vocab_size] of the models behind the first */
    const int32_t *pieces;   /* [vocab_size] when restricted, else NULL */
    int32_t *tokens;         /* of a step: the pieces that its tokens are */
    int64_t token_capacity;
};

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
                                   const int32_t *sentences, const int32_t *tokens) {
    rd_model_scorer *scorer = self;
    if (scorer->pieces) {
        RD_TRY(
            rd_reserve(&scorer->tokens, &scorer->token_capacity, n_rows, sizeof *scorer->tokens));
        for (int64_t r = 0; r < n_rows; r++) scorer->tokens[r] = scorer->pieces[tokens[r]];
        tokens = scorer->tokens;
    }
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_step(scorer->decodings[m], n_rows, parents, sentences, tokens));
    return RD_OK;
}

static rd_status model_scorer_log_probs(void *self, int64_t first, int64_t n_rows,
                                        float *log_probs) {
    rd_model_scorer *scorer = self;
    int64_t n = n_rows * scorer->vocab_size;
    RD_TRY(rd_decoding_logits(scorer->decodings[0], first, n_rows, log_probs));
    if (scorer->skips_softmax) return RD_OK;
    rd_op_log_softmax(log_probs, n_rows, scorer->vocab_size);
    if (scorer->n_models == 1) return RD_OK;
    for (int32_t m = 1; m < scorer->n_models; m++) {
        RD_TRY(rd_decoding_logits(scorer->decodings[m], first, n_rows, scorer->other));
        rd_op_log_softmax(scorer->other, n_rows, scorer->vocab_size);
        add_probabilities(n, log_probs, scorer->other);
    }
    float log_count = logf((float)scorer->n_models);
    for (int64_t i = 0; i < n; i++) log_probs[i] -= log_count;
    return RD_OK;
}

static void model_scorer_attention(void *self, int64_t row, int32_t n_src, float *out) {
    rd_model_scorer *scorer = self;
    for (int32_t j = 0; j < n_src; j++) out[j] = 0.0f;
    for (int32_t m = 0; m < scorer->n_models; m++)
        rd_decoding_add_attention(scorer->decodings[m], row, n_src, 1.0f / (float)scorer->n_models,
                                  out);
}

rd_status rd_model_scorer_keep_attention(rd_model_scorer *scorer, int32_t layer) {
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_keep_attention(scorer->decodings[m], layer));
    scorer->keeps_attention = true;
    return RD_OK;
}

rd_status rd_model_scorer_skip_softmax(rd_model_scorer *scorer) {
    if (scorer->n_models != 1)
        return rd_error(RD_ERR_ARGUMENT, "logits of several models have no mean");
    scorer->skips_softmax = true;
    return RD_OK;
}

rd_status rd_model_scorer_restrict(rd_model_scorer *scorer, int32_t n_pieces,
                                   const int32_t *pieces) {
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_restrict(scorer->decodings[m], n_pieces, pieces));
    scorer->vocab_size = n_pieces;
    scorer->pieces = pieces;
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
    if (status == RD_OK && n_models > 1) {
        s->other = rd_malloc(RD_SCORER_ROWS, (size_t)s->vocab_size * sizeof *s->other);
        if (!s->other) status = RD_ERR_MEMORY;
    }
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
    free(scorer->tokens);
    free(scorer);
}

rd_scorer rd_model_scorer_view(rd_model_scorer *scorer) {
    return (rd_scorer){.self = scorer,
                       .vocab_size = scorer->vocab_size,
                       .max_length = scorer->max_length,
                       .step = model_scorer_step,
                       .log_probs = model_scorer_log_probs,
                       .attention = scorer->keeps_attention ? model_scorer_attention : NULL};
}
