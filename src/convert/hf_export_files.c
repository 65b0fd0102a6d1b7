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
#include "search/token_lists.h"

static int32_t target_row(const rd_hf_export *e, int32_t id) {
    return e->target_rows && id >= 0 && id < e->recipe->model.tgt_vocab ? e->target_rows[id] : id;
}

/* A language model's outputs continue their source. */
static bool continues(const rd_hf_export *e) {
    return e->recipe->model.encoder.layers == 0;
}

/* The settings that both config.json and generation_config.json have. */
static void put_specials(const rd_hf_export *e, rd_object *o) {
    const rd_model_config *c = &e->recipe->model;
    if (e->pad >= 0) rd_put(o, "pad_token_id", json_integer(e->pad));
    rd_put(o, "eos_token_id", json_integer(c->eos_id));
    if (c->bos_id >= 0) rd_put(o, "bos_token_id", json_integer(target_row(e, c->bos_id)));
    if (!continues(e)) rd_put(o, "decoder_start_token_id", json_integer(e->start));
    if (e->recipe->search.no_forced_eos)
        rd_put(o, "forced_eos_token_id", json_null());
    else
        rd_put(o, "forced_eos_token_id", json_integer(c->eos_id));
    if (e->recipe->search.forced_bos) rd_put(o, "forced_bos_token_id", json_integer(c->bos_id));
}

static rd_status write_model_config(const rd_hf_export *e) {
    const rd_model_config *c = &e->recipe->model;
    rd_object o = e->bart ? rd_object_of_model("bart", "BartForConditionalGeneration")
                          : rd_object_of_model("marian", "MarianMTModel");
    rd_put(&o, "is_encoder_decoder", json_boolean(true));
    rd_put_keys(&o, e->recipe, rd_hf_model_keys);
    rd_put(&o, "vocab_size", json_integer(e->src_rows));
    if (!e->bart) rd_put(&o, "decoder_vocab_size", json_integer(e->tgt_rows));
    rd_put(&o, "max_position_embeddings", json_integer(e->positions));
    rd_put(&o, "activation_function", json_string(rd_hf_activation_name(c->activation)));
    rd_put_keys(&o, e->recipe, rd_hf_rate_keys);
    rd_put(&o, "scale_embedding", json_boolean(!c->no_scale_embedding));
    rd_put(&o, "normalize_before", json_boolean(false)); /* which CTranslate2 asks for */
    if (!e->bart) {
        rd_put(&o, "static_position_embeddings", json_boolean(true));
        rd_put(&o, "share_encoder_decoder_embeddings", json_boolean(c->share_all_embeddings));
    }
    rd_put(&o, "tie_word_embeddings",
           json_boolean(c->share_all_embeddings || c->share_decoder_input_output_embed));
    put_specials(e, &o);
    return rd_object_write(&o, e->to, "config.json");
}

/* Forbids pad, which MarianMT could otherwise generate. */
static void put_bad_words(const rd_hf_export *e, rd_object *o, json_t *bad) {
    bool wanted = !e->bart && (e->pad >= 0 || !e->mapped);
    int old = (int)target_row(e, e->recipe->model.pad_id);
    if (wanted && e->pad >= 0)
        o->failed |= json_array_append_new(bad, json_pack("[i]", (int)e->pad)) != 0;
    if (wanted && !e->mapped && old >= 0)
        o->failed |= json_array_append_new(bad, json_pack("[i]", old)) != 0;
    if (json_array_size(bad) > 0)
        rd_put(o, "bad_words_ids", bad);
    else
        json_decref(bad);
}

static json_t *rows_of(const rd_hf_export *e, rd_object *o, const int32_t *tokens, int64_t n) {
    json_t *rows = json_array();
    for (int64_t i = 0; i < n; i++)
        o->failed |= json_array_append_new(rows, json_integer(target_row(e, tokens[i]))) != 0;
    return rows;
}

/* Appends a list of ids, if there is one, to those of `first` (NULL: none). */
static rd_status put_ids(const rd_hf_export *e, rd_object *o, const char *key, const char *text,
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
    rd_put(o, key, first ? first : rows);
    return RD_OK;
}

/* Forbidden sequences go to bad_words_ids, because JSON has no infinity. */
static rd_status put_biases(const rd_hf_export *e, rd_object *o) {
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
        rd_put(o, "sequence_bias", biases);
    else
        json_decref(biases);
    put_bad_words(e, o, bad);
    return RD_OK;
}

static void put_penalty(rd_object *o, const char *key, float value) {
    if (value != 0.0f && value != 1.0f) rd_put(o, key, json_real((double)value));
}

static rd_status put_rules(const rd_hf_export *e, rd_object *o) {
    const rd_search_options *s = &e->recipe->search;
    put_penalty(o, "repetition_penalty", s->repetition_penalty);
    put_penalty(o, "encoder_repetition_penalty", s->encoder_repetition_penalty);
    if (s->encoder_no_repeat_ngram > 0)
        rd_put(o, "encoder_no_repeat_ngram_size", json_integer(s->encoder_no_repeat_ngram));
    if (s->decay_factor != 0 && s->decay_factor != 1)
        rd_put(o, "exponential_decay_length_penalty",
               json_pack("[I, f]", (json_int_t)s->decay_start, s->decay_factor));
    if (s->sampling) {
        rd_put(o, "do_sample", json_boolean(true));
        rd_put(o, "temperature", json_real((double)s->temperature));
        rd_put(o, "top_k", json_integer(s->top_k));
        rd_put(o, "top_p", json_real((double)s->top_p));
    }
    RD_TRY(put_ids(e, o, "suppress_tokens", s->suppress_tokens, NULL));
    RD_TRY(put_ids(e, o, "begin_suppress_tokens", s->begin_suppress_tokens, NULL));
    RD_TRY(put_ids(e, o, "eos_token_id", s->end_tokens,
                   json_pack("[i]", (int)e->recipe->model.eos_id)));
    return put_biases(e, o);
}

/* Their max_length is one number: of ours, max-len-b, or as long as the model goes. */
static void put_lengths(const rd_hf_export *e, rd_object *o) {
    const rd_search_options *s = &e->recipe->search;
    int64_t most = e->recipe->model.max_target_positions + 1, fixed = (int64_t)s->max_len_b + 2;
    if (continues(e)) {
        rd_put(o, "max_new_tokens", json_integer(fixed > most ? most - 1 : fixed - 1));
        rd_put(o, "min_new_tokens", json_integer(s->min_len));
        return;
    }
    rd_put(o, "max_length", json_integer(s->max_len_a > 0 || fixed > most ? most : fixed));
    rd_put(o, "min_length", json_integer(s->min_len > 0 ? s->min_len + 1 : 0));
}

rd_status rd_hf_write_generation_config(const rd_hf_export *e) {
    const rd_search_options *s = &e->recipe->search;
    rd_object o = rd_object_new();
    put_specials(e, &o);
    rd_status status = put_rules(e, &o);
    if (status != RD_OK) {
        json_decref(o.root);
        return status;
    }
    rd_put(&o, "num_beams",
           json_integer(s->sampling ? 1 : s->beam)); /* samples are drawn one by one */
    rd_put(&o, "length_penalty", json_real((double)s->lenpen));
    put_lengths(e, &o);
    rd_put(&o, "no_repeat_ngram_size", json_integer(s->no_repeat_ngram));
    rd_put(&o, "renormalize_logits", json_boolean(s->renormalize));
    if (s->early_stopping == RD_STOP_NEVER)
        rd_put(&o, "early_stopping", json_string("never"));
    else
        rd_put(&o, "early_stopping", json_boolean(s->early_stopping != RD_STOP_UNLIKELY));
    return rd_object_write(&o, e->to, "generation_config.json");
}

static rd_status write_tokenizer_config(const rd_hf_export *e) {
    rd_object o = rd_object_new();
    rd_put(&o, "tokenizer_class", json_string(e->bart ? "BartTokenizer" : "MarianTokenizer"));
    if (!e->bart) {
        rd_put(&o, "source_lang", json_string(e->recipe->data.source_lang));
        rd_put(&o, "target_lang", json_string(e->recipe->data.target_lang));
        rd_put(&o, "separate_vocabs", json_boolean(e->separate));
    }
    rd_put(&o, "model_max_length", json_integer(e->recipe->model.max_source_positions));
    return rd_object_write(&o, e->to, "tokenizer_config.json");
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
                          rd_object *vocabulary, int32_t *rows) {
    rd_object own = rd_object_new();
    bool distinct = true;
    for (int32_t id = 0; id < rd_tokenizer_size(tokenizer); id++) {
        const char *piece = new_name(e, tokenizer, id);
        distinct &= strcmp(piece, "<pad>") != 0 && !json_object_get(own.root, piece);
        rd_put(&own, piece, json_boolean(true));
        if (!json_object_get(vocabulary->root, piece))
            rd_put(vocabulary, piece, json_integer((int64_t)json_object_size(vocabulary->root)));
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

static rd_status add_pieces(const rd_hf_export *e, const char *spm, int32_t n,
                            rd_object *vocabulary, int32_t **rows) {
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
static rd_status join(rd_hf_export *e, rd_object *vocabulary) {
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
    rd_put(vocabulary, "<pad>", json_integer(e->pad));
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
    rd_object vocabulary = rd_object_new();
    rd_status status = join(e, &vocabulary);
    if (status == RD_OK) return rd_object_write(&vocabulary, e->to, "vocab.json");
    json_decref(vocabulary.root);
    return status;
}
