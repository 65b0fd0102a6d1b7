/* Conditions that a configuration must meet before a model is built from it. */
#include "model/adaptive.h"
#include "model/model_keys.h"
#include "model/pictures.h"
#include "model/transformer.h"

/* Bytes of the largest table of positions that a config alone can make a program allocate. */
enum { MAX_POSITION_TABLE = 1 << 30 };

int64_t rd_position_table_rows(const rd_model_config *c) {
    return rd_position(c, c->max_source_positions > c->max_target_positions
                              ? c->max_source_positions
                              : c->max_target_positions);
}

static rd_status check_stack(const rd_model_config *c, const rd_stack_config *s, const char *name) {
    if (s->layers == 0) return RD_OK;
    if (s->layers < 0 || s->ffn_dim < 1 || s->ffn_dim > RD_WIDEST || s->heads < 1 ||
        c->d_model % s->heads)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: %s: expected 1 <= ffn_dim <= %d, and heads that divide d_model "
                        "(%d); found ffn_dim %d and %d heads",
                        name, RD_WIDEST, (int)c->d_model, (int)s->ffn_dim, (int)s->heads);
    return RD_OK;
}

static rd_status check_start(const rd_model_config *c) {
    if (rd_start_id(c) < 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: the decoder starts with %s (decoder-start), which the vocabulary "
                        "does not have",
                        c->decoder_start == RD_START_PAD   ? "pad"
                        : c->decoder_start == RD_START_BOS ? "bos"
                                                           : "eos");
    if (rd_start_id(c) >= c->tgt_vocab)
        return rd_error(RD_ERR_ARGUMENT, "model: start token %d outside a vocabulary of %d",
                        (int)rd_start_id(c), (int)c->tgt_vocab);
    return RD_OK;
}

static rd_status check_token_head(const rd_model_config *c) {
    if (c->tgt_vocab < 4)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: expected a target vocabulary of at least 4, "
                        "found %d",
                        (int)c->tgt_vocab);
    if (c->pooling != RD_POOL_NONE || c->pooler_dropout > 0.0f || c->classifier_dropout > 0.0f)
        return rd_error(RD_ERR_ARGUMENT, "model: pooling, pooler-dropout and classifier-dropout "
                                         "need head: classes or value");
    if (c->decoder.layers > 0 && c->head_transform != RD_TRANSFORM_NONE)
        return rd_error(RD_ERR_ARGUMENT, "model: head-transform is for models without a decoder");
    if (c->share_all_embeddings && c->src_vocab != c->tgt_vocab)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: share_all_embeddings needs one vocabulary, found sizes %d and %d",
                        (int)c->src_vocab, (int)c->tgt_vocab);
    return check_start(c);
}

static rd_status check_head(const rd_model_config *c) {
    if (c->head == RD_HEAD_TOKENS) return check_token_head(c);
    if (c->decoder.layers > 0 || c->encoder.layers == 0)
        return rd_error(RD_ERR_ARGUMENT, "model: a head of classes or a value needs an encoder "
                                         "alone (decoder-layers: 0)");
    if (c->head == RD_HEAD_CLASSES && (c->num_classes < 2 || c->num_classes > 1000000))
        return rd_error(RD_ERR_ARGUMENT,
                        "model: expected 2 to 1000000 classes (num-classes), "
                        "found %d",
                        (int)c->num_classes);
    return RD_OK;
}

rd_status rd_model_check(const rd_model_config *c) {
    for (const rd_key *key = rd_model_keys; key->name; key++)
        if (rd_key_check(c, key) != RD_OK) return rd_error_prefix(RD_ERR_ARGUMENT, "model");
    if (c->segment_types < 0 || (c->segment_types > 0 && !c->layernorm_embedding))
        return rd_error(RD_ERR_ARGUMENT, "model: segment-types needs layernorm-embedding");
    RD_TRY(rd_pictures_check(c));
    bool of_pictures = c->picture.size > 0;
    if (!of_pictures && c->drop_path > 0.0f && !c->encoder.normalize_before)
        return rd_error(RD_ERR_ARGUMENT, "model: drop-path needs encoder-normalize-before");
    if (c->d_model < 1 || c->d_model > RD_WIDEST ||
        (c->encoder.layers > 0 && !of_pictures && c->src_vocab < 4) || c->pad_id < -1 ||
        c->max_source_positions < 1 || c->max_target_positions < 1)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: expected 1 <= d_model <= %d, vocabularies of at least 4, "
                        "pad_id >= -1 (none) and at least one position",
                        RD_WIDEST);
    RD_TRY(check_stack(c, &c->encoder, "encoder"));
    RD_TRY(check_stack(c, &c->decoder, "decoder"));
    if (c->encoder.layers == 0 && c->decoder.layers == 0)
        return rd_error(RD_ERR_ARGUMENT, "model: expected at least one layer of an encoder or a "
                                         "decoder, found neither");
    int64_t table = rd_position_table_rows(c) * c->d_model * (int64_t)sizeof(float);
    if (table > MAX_POSITION_TABLE)
        return rd_error(
            RD_ERR_ARGUMENT,
            "model: %d positions of width %d make a table of %.1f GiB; at most 1 GiB is "
            "allowed (max_source_positions, max_target_positions)",
            (int)(table / c->d_model / 4), (int)c->d_model, (double)table / 0x1p30);
    if (of_pictures) return check_head(c);
    if (c->prepend_bos && c->bos_id < 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: prepend-bos, but the vocabulary has no begin of sentence");
    RD_TRY(rd_adaptive_check(c));
    return check_head(c);
}
