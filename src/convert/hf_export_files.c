/* config.json, generation_config.json, tokenizer_config.json and the vocabulary of a MarianMT
 * directory. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/hf_marian.h"
#include "convert/json_file.h"
#include "rdrop/tokenizer.h"
#include "recipe/recipe_keys.h"

static void put(json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
}

static void put_real(json_t *object, const char *key, float value) {
    json_object_set_new(object, key, json_real((double)value));
}

static void put_bool(json_t *object, const char *key, bool value) {
    json_object_set_new(object, key, json_boolean(value));
}

static void put_text(json_t *object, const char *key, const char *value) {
    json_object_set_new(object, key, json_string(value));
}

/* What config.json and generation_config.json both say. */
static void put_specials(const rd_hf_export *e, json_t *object) {
    const rd_model_config *c = &e->recipe->model;
    put(object, "pad_token_id", e->pad);
    put(object, "eos_token_id", c->eos_id);
    put(object, "bos_token_id", c->bos_id);
    put(object, "decoder_start_token_id", e->start);
    put(object, "forced_eos_token_id", c->eos_id);
}

static rd_status write_model_config(const rd_hf_export *e) {
    static const char *const activations[] = {"relu", "gelu", "swish"}; /* rd_activation */
    const rd_model_config *c = &e->recipe->model;
    json_t *root = json_object();
    put_text(root, "model_type", "marian");
    json_object_set_new(root, "architectures", json_pack("[s]", "MarianMTModel"));
    put_bool(root, "is_encoder_decoder", true);
    put_text(root, "dtype", "float32");
    for (const rd_hf_key *key = rd_hf_model_keys; key->theirs; key++) {
        char text[32];
        RD_TRY(rd_recipe_format_key(e->recipe, rd_recipe_find_key(key->ours), text, sizeof text));
        put(root, key->theirs, strtoll(text, NULL, 10));
    }
    put(root, "vocab_size", e->src_rows);
    put(root, "decoder_vocab_size", e->tgt_rows);
    put(root, "max_position_embeddings", e->positions);
    put_text(root, "activation_function", activations[c->activation]);
    put_real(root, "dropout", c->dropout);
    put_real(root, "attention_dropout", c->attention_dropout);
    put_real(root, "activation_dropout", c->activation_dropout);
    put_bool(root, "scale_embedding", !c->no_scale_embedding);
    put_bool(root, "static_position_embeddings", true);
    put_bool(root, "share_encoder_decoder_embeddings", c->share_all_embeddings);
    put_bool(root, "tie_word_embeddings",
             c->share_all_embeddings || c->share_decoder_input_output_embed);
    put_specials(e, root);
    return rd_json_write(e->to, "config.json", root);
}

/* Their max_length is one number: of ours, max-len-b, or as long as the model goes. */
static rd_status write_generation_config(const rd_hf_export *e) {
    const rd_model_config *c = &e->recipe->model;
    const rd_beam_config *s = &e->recipe->search;
    json_t *root = json_object(), *bad = json_array();
    int64_t most = c->max_target_positions + 1, fixed = (int64_t)s->max_len_b + 2;
    put_specials(e, root);
    json_array_append_new(bad, json_pack("[i]", (int)e->pad));
    if (!e->mapped) json_array_append_new(bad, json_pack("[i]", (int)c->pad_id));
    json_object_set_new(root, "bad_words_ids", bad);
    put(root, "num_beams", s->beam);
    put_real(root, "length_penalty", s->lenpen);
    put(root, "max_length", s->max_len_a > 0 || fixed > most ? most : fixed);
    put(root, "min_length", s->min_len > 0 ? s->min_len + 1 : 0);
    put(root, "no_repeat_ngram_size", s->no_repeat_ngram);
    put_bool(root, "renormalize_logits", s->renormalize);
    if (s->early_stopping == RD_STOP_NEVER)
        put_text(root, "early_stopping", "never");
    else
        put_bool(root, "early_stopping", s->early_stopping == RD_STOP_FULL);
    return rd_json_write(e->to, "generation_config.json", root);
}

rd_status rd_hf_write_config(const rd_hf_export *e) {
    json_t *tokenizer = json_object();
    put_text(tokenizer, "tokenizer_class", "MarianTokenizer");
    put_text(tokenizer, "source_lang", e->recipe->data.source_lang);
    put_text(tokenizer, "target_lang", e->recipe->data.target_lang);
    put(tokenizer, "model_max_length", e->recipe->model.max_source_positions);
    put_bool(tokenizer, "separate_vocabs", e->separate);
    RD_TRY(rd_json_write(e->to, "tokenizer_config.json", tokenizer));
    RD_TRY(write_generation_config(e));
    return write_model_config(e);
}

/* A vocab.json of a SentencePiece model's own pieces: the specials under the names that Marian's
 * tokenizer knows, the old pad out of the way of the new. */
static rd_status write_pieces(const rd_hf_export *e, const char *spm, const char *name) {
    const rd_model_config *c = &e->recipe->model;
    char *path = rd_path_join(e->from, spm);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = path ? rd_tokenizer_open(&tokenizer, path) : RD_ERR_MEMORY;
    json_t *root = json_object();
    int32_t n = status == RD_OK ? rd_tokenizer_size(tokenizer) : 0;
    for (int32_t id = 0; id < n; id++) {
        const char *piece = rd_tokenizer_piece(tokenizer, id);
        if (id == rd_tokenizer_pad(tokenizer)) piece = "<unused_pad>";
        if (id == c->eos_id) piece = "</s>";
        if (id == rd_tokenizer_unk(tokenizer)) piece = "<unk>";
        put(root, piece, id);
    }
    put(root, "<pad>", e->pad);
    if (status == RD_OK && json_object_size(root) != (size_t)n + 1)
        status =
            rd_error(RD_ERR_UNSUPPORTED,
                     "%s: pieces are called <pad>, <unused_pad>, </s> or <unk> that are not", path);
    if (status == RD_OK)
        status = rd_json_write(e->to, name, root);
    else
        json_decref(root);
    rd_tokenizer_close(tokenizer);
    free(path);
    return status;
}

rd_status rd_hf_write_vocabulary(const rd_hf_export *e) {
    bool joint = !e->mapped && !e->separate;
    RD_TRY(rd_copy_file(e->from, joint ? "spm.model" : "source.spm", e->to, "source.spm"));
    RD_TRY(rd_copy_file(e->from, joint ? "spm.model" : "target.spm", e->to, "target.spm"));
    if (e->mapped) {
        RD_TRY(rd_copy_file(e->from, "vocab.json", e->to, "vocab.json"));
        return e->separate ? rd_copy_file(e->from, "target_vocab.json", e->to, "target_vocab.json")
                           : RD_OK;
    }
    RD_TRY(write_pieces(e, joint ? "spm.model" : "source.spm", "vocab.json"));
    return joint ? RD_OK : write_pieces(e, "target.spm", "target_vocab.json");
}
