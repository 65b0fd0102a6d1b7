#include "search/scorer.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/decode.h"
#include "model/transformer.h"
#include "ops/ops.h"

struct rd_model_scorer {
    int32_t n_models, vocab_size, max_length;
    int32_t bos, eos, pad, unk, start;
    bool continues, begins;
    bool keeps_attention, skips_softmax;
    rd_decoding **decodings; /* [n_models] */
    float *other;            /* [RD_SCORER_ROWS, vocab_size] of the models after the first */
    const int32_t *ids;      /* [vocab_size] when restricted, else NULL */
    int32_t *tokens;         /* of a step, as ids */
    int64_t token_capacity;
};

static rd_status model_scorer_add(void *self, int32_t sentence, rd_token_span source) {
    rd_model_scorer *scorer = self;
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_add(scorer->decodings[m], sentence, source.tokens, source.length));
    return RD_OK;
}

static rd_status model_scorer_step(void *self, int64_t n_rows, const int32_t *parents,
                                   const int32_t *sentences, const int32_t *tokens) {
    rd_model_scorer *scorer = self;
    if (scorer->ids) {
        RD_TRY(
            rd_reserve(&scorer->tokens, &scorer->token_capacity, n_rows, sizeof *scorer->tokens));
        for (int64_t r = 0; r < n_rows; r++) scorer->tokens[r] = scorer->ids[tokens[r]];
        tokens = scorer->tokens;
    }
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_step(scorer->decodings[m], n_rows, parents, sentences, tokens));
    return RD_OK;
}

static rd_status model_scorer_log_probs(void *self, int64_t first, int64_t n_rows,
                                        float *log_probs) {
    rd_model_scorer *scorer = self;
    RD_TRY(rd_decoding_logits(scorer->decodings[0], first, n_rows, log_probs));
    if (scorer->skips_softmax) return RD_OK;
    rd_op_log_softmax(log_probs, n_rows, scorer->vocab_size);
    for (int32_t m = 1; m < scorer->n_models; m++) {
        RD_TRY(rd_decoding_logits(scorer->decodings[m], first, n_rows, scorer->other));
        bool last = m + 1 == scorer->n_models;
        rd_op_log_softmax_add(log_probs, scorer->other, n_rows, scorer->vocab_size,
                              last ? -logf((float)scorer->n_models) : 0.0f);
    }
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

int32_t rd_index_of_id(const int32_t *ids, int32_t n, int32_t id) {
    int32_t low = 0, high = n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ids[low] == id ? low : -1;
}

rd_status rd_model_scorer_restrict(rd_model_scorer *scorer, int32_t n, const int32_t *ids) {
    for (int32_t m = 0; m < scorer->n_models; m++)
        RD_TRY(rd_decoding_restrict(scorer->decodings[m], n, ids));
    scorer->vocab_size = n;
    scorer->ids = ids;
    scorer->bos = rd_index_of_id(ids, n, scorer->bos);
    scorer->eos = rd_index_of_id(ids, n, scorer->eos);
    scorer->pad = rd_index_of_id(ids, n, scorer->pad);
    scorer->unk = rd_index_of_id(ids, n, scorer->unk);
    scorer->start = rd_index_of_id(ids, n, scorer->start);
    return RD_OK;
}

/* Copies the properties on which the models agree. The decoder reads its start token and then the
 * output, so one position is not the output's. */
static rd_status agree(rd_model_scorer *scorer, const rd_model *const *models) {
    const rd_model_config *first = rd_model_get_config(models[0]);
    scorer->vocab_size = first->tgt_vocab;
    scorer->bos = first->bos_id;
    scorer->eos = first->eos_id;
    scorer->pad = first->pad_id;
    scorer->unk = first->unk_id;
    scorer->max_length = first->max_target_positions - 1;
    scorer->continues = first->encoder.layers == 0;
    scorer->begins = first->prepend_bos;
    scorer->start = scorer->continues ? -1 : rd_start_id(first);
    for (int32_t m = 1; m < scorer->n_models; m++) {
        const rd_model_config *config = rd_model_get_config(models[m]);
        if (config->tgt_vocab != first->tgt_vocab || config->src_vocab != first->src_vocab)
            return rd_error(RD_ERR_ARGUMENT,
                            "models of an ensemble must share their vocabularies; model %d has %d "
                            "and %d pieces, the first %d and %d",
                            m + 1, config->src_vocab, config->tgt_vocab, first->src_vocab,
                            first->tgt_vocab);
        if (config->prepend_bos != first->prepend_bos)
            return rd_error(RD_ERR_ARGUMENT,
                            "models of an ensemble must read alike; model %d has prepend-bos: %s, "
                            "the first %s",
                            m + 1, config->prepend_bos ? "true" : "false",
                            first->prepend_bos ? "true" : "false");
        if (config->max_target_positions - 1 < scorer->max_length)
            scorer->max_length = config->max_target_positions - 1;
    }
    return RD_OK;
}

static rd_status set_up(rd_model_scorer *s, const rd_model *const *models) {
    s->decodings = rd_calloc((size_t)s->n_models, sizeof(rd_decoding *));
    if (!s->decodings) return RD_ERR_MEMORY;
    RD_TRY(agree(s, models));
    if (s->n_models > 1) {
        s->other = rd_malloc(RD_SCORER_ROWS, (size_t)s->vocab_size * sizeof *s->other);
        if (!s->other) return RD_ERR_MEMORY;
    }
    for (int32_t m = 0; m < s->n_models; m++)
        RD_TRY(rd_decoding_begin(&s->decodings[m], models[m]));
    return RD_OK;
}

rd_status rd_model_scorer_open(rd_model_scorer **scorer, const rd_model *const *models,
                               int32_t n_models) {
    *scorer = NULL;
    if (n_models < 1) return rd_error(RD_ERR_ARGUMENT, "no model to translate with");
    rd_model_scorer *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    s->n_models = n_models;
    rd_status status = set_up(s, models);
    if (status == RD_OK)
        *scorer = s;
    else
        rd_model_scorer_close(s);
    return status;
}

void rd_model_scorer_close(rd_model_scorer *scorer) {
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
                       .bos = scorer->bos,
                       .eos = scorer->eos,
                       .pad = scorer->pad,
                       .unk = scorer->unk,
                       .start = scorer->start,
                       .ids = scorer->ids,
                       .logits = scorer->skips_softmax,
                       .begins = scorer->begins,
                       .max_length = scorer->max_length,
                       .continues = scorer->continues,
                       .add = model_scorer_add,
                       .step = model_scorer_step,
                       .log_probs = model_scorer_log_probs,
                       .attention = scorer->keeps_attention ? model_scorer_attention : NULL};
}
