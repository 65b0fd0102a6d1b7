/* GPT-2 directories of Hugging Face to model directories. */
#include <string.h>

#include "convert/gpt2.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "rdrop/tokenizer.h"

static rd_places places_of(const rd_importer *im, const char *ours) {
    return rd_gpt2_places_of(&im->recipe->model, ours);
}

/* Copies of others, and masks of attention. */
static const char *const copies[] = {"lm_head.weight", ".attn.bias", ".attn.masked_bias", NULL};

static const rd_import_layout layout = {
    .places_of = places_of, .copies = copies, .reason = "config.json implies"};

/* Text begins and ends with one piece, <|endoftext|>. */
static rd_status take_vocabulary(rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    rd_tokenizer *tokenizer, *target;
    RD_TRY(rd_vocabularies_open(im->from, RD_VOCABULARY_JOINT, &tokenizer, &target));
    c->pad_id = rd_tokenizer_pad(tokenizer);
    rd_status status = rd_import_take_vocabulary(im, tokenizer, c->tgt_vocab);
    rd_vocabularies_close(tokenizer, target);
    RD_TRY(status);
    RD_TRY(rd_vocabularies_copy(im->from, im->to, RD_VOCABULARY_JOINT));
    if (c->eos_id >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: the vocabulary lacks <|endoftext|>", im->from);
}

static rd_status read_search(rd_importer *im) {
    json_t *generation;
    RD_TRY(rd_hf_read_generation(im->from, &generation));
    rd_status status =
        rd_hf_read_search(im->recipe, im->from, im->config, generation, false, im->warnings);
    json_decref(generation);
    return status;
}

static rd_status read_config(rd_importer *im) {
    return rd_gpt2_read_config(im->from, im->config, im->recipe);
}

static rd_status import_model(rd_importer *im) {
    im->layout = &layout;
    RD_TRY(read_config(im));
    RD_TRY(take_vocabulary(im));
    RD_TRY(read_search(im));
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(rd_import_tensors(im));
    if (im->warnings) RD_TRY(rd_gpt2_warn_config(im->config, im->warnings));
    return rd_import_warn(im, true);
}

static rd_status is_it(const rd_importer *im, bool *found) {
    const char *type = json_string_value(json_object_get(im->config, "model_type"));
    *found = type && strcmp(type, "gpt2") == 0;
    return RD_OK;
}

const rd_family rd_family_gpt2 = {is_it, read_config, import_model, RD_VOCABULARY_ANY, 0};
