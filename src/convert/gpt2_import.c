/* GPT-2 directories of Hugging Face to model directories. */
#include <string.h>

#include "base/file.h"
#include "convert/gpt2.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "io/json.h"
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
    rd_recipe *r = im->recipe;
    rd_model_config *c = &r->model;
    rd_tokenizer *tokenizer, *target;
    RD_TRY(rd_vocabularies_open(im->from, RD_VOCABULARY_JOINT, &tokenizer, &target));
    int32_t size = rd_tokenizer_size(tokenizer);
    c->pad_id = rd_tokenizer_pad(tokenizer);
    c->bos_id = rd_tokenizer_bos(tokenizer);
    c->eos_id = rd_tokenizer_eos(tokenizer);
    c->unk_id = rd_tokenizer_unk(tokenizer);
    rd_vocabularies_close(tokenizer, target);
    RD_TRY(rd_vocabularies_copy(im->from, im->to, RD_VOCABULARY_JOINT));
    r->data.joined_dictionary = true;
    r->data.vocab_size_src = r->data.vocab_size_tgt = c->tgt_vocab;
    if (size > c->tgt_vocab)
        return rd_error(RD_ERR_FORMAT,
                        "%s: ids of the vocabulary up to %d, but the model has embeddings of %d",
                        im->from, (int)size - 1, (int)c->tgt_vocab);
    if (c->eos_id >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: the vocabulary lacks <|endoftext|>", im->from);
}

/* generation: of generation_config.json, NULL where there is none. */
static rd_status read_search(rd_importer *im, json_t *generation) {
    RD_TRY(rd_hf_read_search(im->recipe, im->from, im->config, generation, false, im->warnings));
    return im->warnings
               ? rd_hf_warn_settings(&im->recipe->model, generation ? generation : im->config,
                                     generation != NULL, im->warnings)
               : RD_OK;
}

static rd_status find_search(rd_importer *im) {
    bool own_file;
    json_t *generation = NULL;
    RD_TRY(rd_has_file(im->from, "generation_config.json", &own_file));
    if (own_file) RD_TRY(rd_json_read(im->from, "generation_config.json", &generation));
    rd_status status = read_search(im, generation);
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
    RD_TRY(find_search(im));
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
