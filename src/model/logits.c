/* The public forward pass: packed arrays of the caller's in, logits out. */
#include "model/network.h"

/* One side of the caller's arrays. */
typedef struct {
    const char *name;
    const int32_t *ids, *lengths; /* NULL: the model does not read this side */
    int32_t vocab, most;
    int64_t read; /* tokens of the pairs so far */
} reader;

static rd_status check_next(const reader *side, int64_t i) {
    int32_t length = side->lengths[i];
    if (length < 1 || length > side->most)
        return rd_error(RD_ERR_ARGUMENT,
                        "rd_model_logits: %s %lld: expected 1 to %d tokens, found %d", side->name,
                        (long long)i, (int)side->most, (int)length);
    if (side->read + length > INT32_MAX)
        return rd_error(RD_ERR_ARGUMENT, "rd_model_logits: the %ss have more than %d tokens",
                        side->name, INT32_MAX);
    for (int32_t t = 0; t < length; t++) {
        int32_t id = side->ids[side->read + t];
        if (id < 0 || id >= side->vocab)
            return rd_error(RD_ERR_ARGUMENT,
                            "rd_model_logits: %s %lld, token %d: expected an id below %d, found %d",
                            side->name, (long long)i, (int)t, (int)side->vocab, (int)id);
    }
    return RD_OK;
}

/* The i-th sequence: *ids: [*length]. */
static rd_status next(reader *side, int64_t i, const int32_t **ids, int32_t *length) {
    *ids = NULL;
    *length = 0;
    if (!side->ids) return RD_OK;
    RD_TRY(check_next(side, i));
    *ids = side->ids + side->read;
    *length = side->lengths[i];
    side->read += *length;
    return RD_OK;
}

static rd_status add_pairs(const rd_model *model, int64_t n, reader *source, reader *target,
                           rd_batch *batch) {
    for (int64_t i = 0; i < n; i++) {
        const int32_t *src, *tgt;
        int32_t n_src, n_tgt;
        RD_TRY(next(source, i, &src, &n_src));
        RD_TRY(next(target, i, &tgt, &n_tgt));
        if (target->ids && model->config.decoder.layers == 0 && n_src != n_tgt)
            return rd_error(RD_ERR_ARGUMENT,
                            "rd_model_logits: pair %lld: a model without a decoder needs a target "
                            "for each of %d source tokens, found %d",
                            (long long)i, (int)n_src, (int)n_tgt);
        RD_TRY(rd_batch_add(batch, i, src, n_src, tgt, n_tgt));
    }
    return RD_OK;
}

rd_status rd_model_logits(const rd_model *model, int64_t n, const int32_t *sources,
                          const int32_t *source_lengths, const int32_t *targets,
                          const int32_t *target_lengths, const uint64_t *dropout_seed,
                          float *logits) {
    const rd_model_config *c = &model->config;
    bool encodes = c->encoder.layers > 0, of_tokens = c->head == RD_HEAD_TOKENS;
    if (n < 1) return rd_error(RD_ERR_ARGUMENT, "rd_model_logits: no pair");
    if (c->picture.size > 0)
        return rd_error(RD_ERR_UNSUPPORTED, "rd_model_logits: the model reads pictures, which "
                                            "cannot be given here");
    if (c->head == RD_HEAD_NONE)
        return rd_error(RD_ERR_ARGUMENT, "rd_model_logits: the model has no head");
    /* Without a decoder the sources' positions bound both. */
    reader source = {"source",     encodes ? sources : NULL, source_lengths,
                     c->src_vocab, c->max_source_positions,  0};
    reader target = {"target",
                     of_tokens ? targets : NULL,
                     target_lengths,
                     c->tgt_vocab,
                     c->decoder.layers > 0 ? c->max_target_positions : c->max_source_positions,
                     0};
    if ((of_tokens && (!targets || !target_lengths)) || (encodes && (!sources || !source_lengths)))
        return rd_error(RD_ERR_ARGUMENT, "rd_model_logits: an array that the model reads is NULL");
    rd_arena arena = {0};
    rd_batch batch = {0};
    rd_step step = {.arena = &arena,
                    .training = dropout_seed != NULL,
                    .seed = dropout_seed ? *dropout_seed : 0,
                    .n_passes = 1};
    rd_status status = add_pairs(model, n, &source, &target, &batch);
    if (status == RD_OK) status = rd_network_step_logits(model, &step, &batch, logits);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    return status;
}
