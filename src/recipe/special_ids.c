#include "recipe/special_ids.h"

static rd_status missing(const char *directory, const char *setting, const char *piece,
                         const char *flag) {
    return rd_error(RD_ERR_FORMAT,
                    "%s: %s needs %s, and the vocabulary has none; train it with rdrop-preprocess "
                    "or with SentencePiece's --%s",
                    directory, setting, piece, flag);
}

/* A model has one id for each special piece, which both sides share. */
static rd_status unequal(const char *directory, const char *what, int32_t source, int32_t target) {
    return rd_error(
        RD_ERR_FORMAT,
        "%s: %s is piece %d of the source vocabulary and piece %d of the target's; both "
        "must have one id (SentencePiece's --eos_id and --bos_id)",
        directory, what, (int)source, (int)target);
}

static rd_status check_used(const rd_recipe *recipe, const rd_tokenizer *source,
                            const rd_tokenizer *target, const char *directory) {
    const rd_model_config *c = &recipe->model;
    int32_t eos[2] = {rd_tokenizer_eos(source), rd_tokenizer_eos(target)};
    int32_t bos[2] = {rd_tokenizer_bos(source), rd_tokenizer_bos(target)};
    if (eos[0] < 0 || eos[1] < 0)
        return missing(directory, "every model", "an end of sentence", "eos_id");
    if (eos[0] != eos[1]) return unequal(directory, "the end of sentence", eos[0], eos[1]);
    if (c->prepend_bos && (bos[0] < 0 || bos[1] < 0))
        return missing(directory, "prepend-bos", "a begin of sentence", "bos_id");
    if (c->prepend_bos && bos[0] != bos[1])
        return unequal(directory, "the begin of sentence", bos[0], bos[1]);
    if (recipe->search.forced_bos && c->bos_id < 0)
        return missing(directory, "forced-bos", "a begin of sentence", "bos_id");
    if (c->decoder_start == RD_START_BOS && c->bos_id < 0)
        return missing(directory, "decoder-start: bos", "a begin of sentence", "bos_id");
    if (c->decoder_start == RD_START_PAD && c->pad_id < 0)
        return missing(directory, "decoder-start: pad", "a pad", "pad_id");
    return RD_OK;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

rd_status rd_recipe_take_vocabularies(rd_recipe *recipe, const rd_tokenizer *source,
                                      const rd_tokenizer *target, const char *directory) {
    rd_model_config *c = &recipe->model;
    bool from_model = *recipe->train.finetune_from_model != '\0';
    int32_t pad = rd_tokenizer_pad(target), bos = rd_tokenizer_bos(target);
    if (pad >= 0 || !from_model) c->pad_id = pad;
    if (bos >= 0 || !from_model) c->bos_id = bos;
    c->eos_id = rd_tokenizer_eos(target);
    c->unk_id = rd_tokenizer_unk(target);
    c->src_vocab = larger(rd_tokenizer_size(source), from_model ? c->src_vocab : 0);
    c->tgt_vocab = larger(rd_tokenizer_size(target), from_model ? c->tgt_vocab : 0);
    return check_used(recipe, source, target, directory);
}
