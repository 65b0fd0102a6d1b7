/* config.json, generation_config.json, tokenizer_config.json and the vocabulary of a MarianMT or
 * BART directory; generation_config.json of GPT-2 as well. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/hf.h"
#include "io/json.h"
#include "data/vocab_files.h"
#include "io/output.h"
#include "model/transformer.h"
#include "rdrop/tokenizer.h"
#include "recipe/recipe_keys.h"
#include "search/token_lists.h"

/* An object being filled; `failed` for lack of memory. */
typedef struct {
    json_t *root;
    bool failed;
} object;

static object new_object(void) {
    json_t *root = json_object();
    return (object){root, !root};
}

static void put_value(object *o, const char *key, json_t *value) {
    o->failed |= json_object_set_new(o->root, key, value) != 0;
}

static void put(object *o, const char *key, int64_t value) {
    put_value(o, key, json_integer(value));
}

static void put_real(object *o, const char *key, float value) {
    put_value(o, key, json_real((double)value));
}

static void put_bool(object *o, const char *key, bool value) {
    put_value(o, key, json_boolean(value));
}

static void put_text(object *o, const char *key, const char *value) {
    put_value(o, key, json_string(value));
}

static rd_status write_object(const object *o, const char *directory, const char *name) {
    if (!o->failed) return rd_json_write(directory, name, o->root);
    json_decref(o->root);
    return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
}

static int32_t target_row(const rd_hf_export *e, int32_t id) {
    return e->target_rows && id >= 0 && id < e->recipe->model.tgt_vocab ? e->target_rows[id] : id;
}

/* A language model's outputs continue their source. */
static bool continues(const rd_hf_export *e) {
    return e->recipe->model.encoder.layers == 0;
}

/* The settings that both config.json and generation_config.json have. */
static void put_specials(const rd_hf_export *e, object *o) {
    const rd_model_config *c = &e->recipe->model;
    if (e->pad >= 0) put(o, "pad_token_id", e->pad);
    put(o, "eos_token_id", c->eos_id);
    if (c->bos_id >= 0) put(o, "bos_token_id", target_row(e, c->bos_id));
    if (!continues(e)) put(o, "decoder_start_token_id", e->start);
    if (e->recipe->search.no_forced_eos)
        put_value(o, "forced_eos_token_id", json_null());
    else
        put(o, "forced_eos_token_id", c->eos_id);
    if (e->recipe->search.forced_bos) put(o, "forced_bos_token_id", c->bos_id);
}

static rd_status write_model_config(const rd_hf_export *e) {
    const rd_model_config *c = &e->recipe->model;
    object o = new_object();
    put_text(&o, "model_type", e->bart ? "bart" : "marian");
    put_value(&o, "architectures",
              json_pack("[s]", e->bart ? "BartForConditionalGeneration" : "MarianMTModel"));
    put_bool(&o, "is_encoder_decoder", true);
    put_text(&o, "dtype", "float32");
    for (const rd_foreign_key *key = rd_hf_model_keys; key->theirs; key++) {
        char text[32];
        /* a number always fits */
        (void)rd_recipe_format_key(e->recipe, rd_recipe_find_key(key->ours), text, sizeof text);
        put(&o, key->theirs, strtoll(text, NULL, 10));
    }
    put(&o, "vocab_size", e->src_rows);
    if (!e->bart) put(&o, "decoder_vocab_size", e->tgt_rows);
    put(&o, "max_position_embeddings", e->positions);
    put_text(&o, "activation_function", rd_hf_activation_name(c->activation));
    put_real(&o, "dropout", c->dropout);
    put_real(&o, "attention_dropout", c->attention_dropout);
    put_real(&o, "activation_dropout", c->activation_dropout);
    put_bool(&o, "scale_embedding", !c->no_scale_embedding);
    put_bool(&o, "normalize_before", false); /* which CTranslate2 asks for */
    if (!e->bart) {
        put_bool(&o, "static_position_embeddings", true);
        put_bool(&o, "share_encoder_decoder_embeddings", c->share_all_embeddings);
    }
    put_bool(&o, "tie_word_embeddings",
             c->share_all_embeddings || c->share_decoder_input_output_embed);
    put_specials(e, &o);
    return write_object(&o, e->to, "config.json");
}

/* Forbids pad, which MarianMT could otherwise generate. */
static void put_bad_words(const rd_hf_export *e, object *o, json_t *bad) {
    bool wanted = !e->bart && (e->pad >= 0 || !e->mapped);
    int old = (int)target_row(e, e->recipe->model.pad_id);
    if (wanted && e->pad >= 0)
        o->failed |= json_array_append_new(bad, json_pack("[i]", (int)e->pad)) != 0;
    if (wanted && !e->mapped && old >= 0)
        o->failed |= json_array_append_new(bad, json_pack("[i]", old)) != 0;
    if (json_array_size(bad) > 0)
        put_value(o, "bad_words_ids", bad);
    else
        json_decref(bad);
}

static json_t *rows_of(const rd_hf_export *e, object *o, const int32_t *tokens, int64_t n) {
    json_t *rows = json_array();
    for (int64_t i = 0; i < n; i++)
        o->failed |= json_array_append_new(rows, json_integer(target_row(e, tokens[i]))) != 0;
    return rows;
}

/* Appends a list of ids, if there is one, to those of `first` (NULL: none). */
static rd_status put_ids(const rd_hf_export *e, object *o, const char *key, const char *text,
                         json_t *first) {
    rd_token_list list;
    rd_status status = rd_token_list_parse(&list, key, text);
    if (status != RD_OK || list.n == 0) {
        json_decref(first);
        return status;
    }
    json_t *rows = rows_of(e, o, list.tokens, list.n);
    free(list.tokens);
    if (first) {
        o->failed |= json_array_extend(first, rows) != 0;
        json_decref(rows);
    }
    put_value(o, key, first ? first : rows);
    return RD_OK;
}

/* Forbidden sequences go to bad_words_ids, because JSON has no infinity. */
static rd_status put_biases(const rd_hf_export *e, object *o) {
    rd_sequence_list list;
    RD_TRY(rd_sequence_list_parse(&list, e->recipe->search.sequence_bias));
    json_t *biases = json_array(), *bad = json_array();
    int64_t first = 0;
    for (int64_t i = 0; i < list.n; first = list.ends[i++]) {
        json_t *tokens = rows_of(e, o, list.tokens + first, list.ends[i] - first);
        o->failed |= list.biases[i] == -INFINITY
                         ? json_array_append_new(bad, tokens) != 0
                         : json_array_append_new(
                               biases, json_pack("[o, f]", tokens, (double)list.biases[i])) != 0;
    }
    rd_sequence_list_free(&list);
    if (json_array_size(biases) > 0)
        put_value(o, "sequence_bias", biases);
    else
        json_decref(biases);
    put_bad_words(e, o, bad);
    return RD_OK;
}

static void put_penalty(object *o, const char *key, float value) {
    if (value != 0.0f && value != 1.0f) put_real(o, key, value);
}

static rd_status put_rules(const rd_hf_export *e, object *o) {
    const rd_search_options *s = &e->recipe->search;
    put_penalty(o, "repetition_penalty", s->repetition_penalty);
    put_penalty(o, "encoder_repetition_penalty", s->encoder_repetition_penalty);
    if (s->encoder_no_repeat_ngram > 0)
        put(o, "encoder_no_repeat_ngram_size", s->encoder_no_repeat_ngram);
    if (s->decay_factor != 0 && s->decay_factor != 1)
        put_value(o, "exponential_decay_length_penalty",
                  json_pack("[I, f]", (json_int_t)s->decay_start, s->decay_factor));
    if (s->sampling) {
        put_bool(o, "do_sample", true);
        put_real(o, "temperature", s->temperature);
        put(o, "top_k", s->top_k);
        put_real(o, "top_p", s->top_p);
    }
    RD_TRY(put_ids(e, o, "suppress_tokens", s->suppress_tokens, NULL));
    RD_TRY(put_ids(e, o, "begin_suppress_tokens", s->begin_suppress_tokens, NULL));
    RD_TRY(put_ids(e, o, "eos_token_id", s->end_tokens,
                   json_pack("[i]", (int)e->recipe->model.eos_id)));
    return put_biases(e, o);
}

/* Their max_length is one number: of ours, max-len-b, or as long as the model goes. */
static void put_lengths(const rd_hf_export *e, object *o) {
    const rd_search_options *s = &e->recipe->search;
    int64_t most = e->recipe->model.max_target_positions + 1, fixed = (int64_t)s->max_len_b + 2;
    if (continues(e)) {
        put(o, "max_new_tokens", fixed > most ? most - 1 : fixed - 1);
        put(o, "min_new_tokens", s->min_len);
        return;
    }
    put(o, "max_length", s->max_len_a > 0 || fixed > most ? most : fixed);
    put(o, "min_length", s->min_len > 0 ? s->min_len + 1 : 0);
}

rd_status rd_hf_write_generation_config(const rd_hf_export *e) {
    const rd_search_options *s = &e->recipe->search;
    object o = new_object();
    put_specials(e, &o);
    rd_status status = put_rules(e, &o);
    if (status != RD_OK) {
        json_decref(o.root);
        return status;
    }
    put(&o, "num_beams", s->sampling ? 1 : s->beam); /* samples are drawn one by one */
    put_real(&o, "length_penalty", s->lenpen);
    put_lengths(e, &o);
    put(&o, "no_repeat_ngram_size", s->no_repeat_ngram);
    put_bool(&o, "renormalize_logits", s->renormalize);
    if (s->early_stopping == RD_STOP_NEVER)
        put_text(&o, "early_stopping", "never");
    else
        put_bool(&o, "early_stopping", s->early_stopping != RD_STOP_UNLIKELY);
    return write_object(&o, e->to, "generation_config.json");
}

static rd_status write_tokenizer_config(const rd_hf_export *e) {
    object o = new_object();
    put_text(&o, "tokenizer_class", e->bart ? "BartTokenizer" : "MarianTokenizer");
    if (!e->bart) {
        put_text(&o, "source_lang", e->recipe->data.source_lang);
        put_text(&o, "target_lang", e->recipe->data.target_lang);
        put_bool(&o, "separate_vocabs", e->separate);
    }
    put(&o, "model_max_length", e->recipe->model.max_source_positions);
    return write_object(&o, e->to, "tokenizer_config.json");
}

rd_status rd_hf_write_config(const rd_hf_export *e) {
    bool copied = false; /* the one that the model came with says more */
    if (e->mapped) RD_TRY(rd_has_file(e->to, "tokenizer_config.json", &copied));
    if (!copied) RD_TRY(write_tokenizer_config(e));
    RD_TRY(rd_hf_write_generation_config(e));
    return write_model_config(e);
}

/* The name of a piece in the new vocabulary: the specials' are those that Marian's tokenizer knows,
 * and the old pad is out of the way of the new. */
static const char *new_name(const rd_hf_export *e, const rd_tokenizer *tokenizer, int32_t id) {
    if (id == rd_tokenizer_pad(tokenizer)) return "<unused_pad>";
    if (id == e->recipe->model.eos_id) return "</s>";
    if (id == rd_tokenizer_unk(tokenizer)) return "<unk>";
    return rd_tokenizer_piece(tokenizer, id);
}

/* Adds one side's pieces to the vocabulary, new ones at the end. rows: [size] = their places. */
static rd_status add_side(const rd_hf_export *e, const rd_tokenizer *tokenizer, const char *spm,
                          object *vocabulary, int32_t *rows) {
    object own = new_object();
    bool distinct = true;
    for (int32_t id = 0; id < rd_tokenizer_size(tokenizer); id++) {
        const char *piece = new_name(e, tokenizer, id);
        distinct &= strcmp(piece, "<pad>") != 0 && !json_object_get(own.root, piece);
        put_bool(&own, piece, true);
        if (!json_object_get(vocabulary->root, piece))
            put(vocabulary, piece, (int64_t)json_object_size(vocabulary->root));
        rows[id] = (int32_t)json_integer_value(json_object_get(vocabulary->root, piece));
    }
    json_decref(own.root);
    if (own.failed || vocabulary->failed)
        return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory for its pieces", e->from, spm);
    if (distinct) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/%s: pieces are called <pad>, <unused_pad>, </s> or <unk> that are not",
                    e->from, spm);
}

static rd_status add_pieces(const rd_hf_export *e, const char *spm, int32_t n, object *vocabulary,
                            int32_t **rows) {
    char *path = rd_path_join(e->from, spm);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = path ? rd_tokenizer_open(&tokenizer, path) : RD_ERR_MEMORY;
    if (status == RD_OK && rd_tokenizer_size(tokenizer) != n)
        status = rd_error(RD_ERR_FORMAT, "%s: %d pieces, but the model has embeddings of %d", path,
                          rd_tokenizer_size(tokenizer), n);
    if (status == RD_OK && !(*rows = rd_malloc((size_t)n, sizeof **rows))) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = add_side(e, tokenizer, spm, vocabulary, *rows);
    rd_tokenizer_close(tokenizer);
    free(path);
    return status;
}

/* The source's pieces keep their ids. */
static rd_status join(rd_hf_export *e, object *vocabulary) {
    const rd_model_config *c = &e->recipe->model;
    int32_t *source_rows = NULL;
    rd_status status = add_pieces(e, e->joint ? "spm.model" : "source.spm", c->src_vocab,
                                  vocabulary, &source_rows);
    free(source_rows);
    if (status == RD_OK && !e->joint)
        status = add_pieces(e, "target.spm", c->tgt_vocab, vocabulary, &e->target_rows);
    if (status != RD_OK) return status;
    e->pad = e->start = (int32_t)json_object_size(vocabulary->root);
    e->src_rows = e->tgt_rows = e->pad + 1;
    put(vocabulary, "<pad>", e->pad);
    return RD_OK;
}

static rd_status copy_mapped(rd_hf_export *e) {
    const rd_model_config *c = &e->recipe->model;
    e->src_rows = c->src_vocab;
    e->tgt_rows = c->tgt_vocab;
    e->pad = c->pad_id;
    e->start = rd_start_id(c);
    RD_TRY(rd_has_file(e->from, "target_vocab.json", &e->separate));
    return rd_vocabularies_copy(e->from, e->to, RD_VOCABULARY_ANY);
}

rd_status rd_hf_write_vocabulary(rd_hf_export *e) {
    if (e->mapped) return copy_mapped(e);
    RD_TRY(rd_copy_file(e->from, e->joint ? "spm.model" : "source.spm", e->to, "source.spm"));
    RD_TRY(rd_copy_file(e->from, e->joint ? "spm.model" : "target.spm", e->to, "target.spm"));
    object vocabulary = new_object();
    rd_status status = join(e, &vocabulary);
    if (status == RD_OK) return write_object(&vocabulary, e->to, "vocab.json");
    json_decref(vocabulary.root);
    return status;
}
