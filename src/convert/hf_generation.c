/* generation_config.json of a model that goes to Hugging Face. */
#include <math.h>
#include <stdlib.h>

#include "convert/hf.h"
#include "search/token_lists.h"

static int32_t target_row(const rd_hf_generation *g, int32_t id) {
    return g->target_rows && id >= 0 && id < g->recipe->model.tgt_vocab ? g->target_rows[id] : id;
}

/* A language model's outputs continue their source. */
static bool continues(const rd_hf_generation *g) {
    return g->recipe->model.encoder.layers == 0;
}

void rd_hf_put_specials(const rd_hf_generation *g, rd_object *o) {
    const rd_model_config *c = &g->recipe->model;
    if (g->pad >= 0) rd_put(o, "pad_token_id", json_integer(g->pad));
    rd_put(o, "eos_token_id", json_integer(c->eos_id));
    if (c->bos_id >= 0) rd_put(o, "bos_token_id", json_integer(target_row(g, c->bos_id)));
    if (!continues(g)) rd_put(o, "decoder_start_token_id", json_integer(g->start));
    if (g->recipe->search.no_forced_eos)
        rd_put(o, "forced_eos_token_id", json_null());
    else
        rd_put(o, "forced_eos_token_id", json_integer(c->eos_id));
    if (g->recipe->search.forced_bos) rd_put(o, "forced_bos_token_id", json_integer(c->bos_id));
}

/* Forbids pad, and the piece that was pad here. */
static void put_bad_words(const rd_hf_generation *g, rd_object *o, json_t *bad) {
    int old = (int)target_row(g, g->recipe->model.pad_id);
    if (g->forbids_pad && g->pad >= 0)
        o->failed |= json_array_append_new(bad, json_pack("[i]", (int)g->pad)) != 0;
    if (g->forbids_pad && old >= 0 && old != g->pad)
        o->failed |= json_array_append_new(bad, json_pack("[i]", old)) != 0;
    if (json_array_size(bad) > 0)
        rd_put(o, "bad_words_ids", bad);
    else
        json_decref(bad);
}

static json_t *rows_of(const rd_hf_generation *g, rd_object *o, const int32_t *tokens, int64_t n) {
    json_t *rows = json_array();
    for (int64_t i = 0; i < n; i++)
        o->failed |= json_array_append_new(rows, json_integer(target_row(g, tokens[i]))) != 0;
    return rows;
}

/* Appends a list of ids, if there is one, to those of `first` (NULL: none). */
static rd_status put_ids(const rd_hf_generation *g, rd_object *o, const char *key, const char *text,
                         json_t *first) {
    rd_token_list list;
    rd_status status = rd_token_list_parse(&list, key, text);
    if (status != RD_OK || list.n == 0) {
        json_decref(first);
        return status;
    }
    json_t *rows = rows_of(g, o, list.tokens, list.n);
    free(list.tokens);
    if (first) {
        o->failed |= json_array_extend(first, rows) != 0;
        json_decref(rows);
    }
    rd_put(o, key, first ? first : rows);
    return RD_OK;
}

/* Forbidden sequences go to bad_words_ids, because JSON has no infinity. */
static rd_status put_biases(const rd_hf_generation *g, rd_object *o) {
    rd_sequence_list list;
    RD_TRY(rd_sequence_list_parse(&list, g->recipe->search.sequence_bias));
    json_t *biases = json_array(), *bad = json_array();
    int64_t first = 0;
    for (int64_t i = 0; i < list.n; first = list.ends[i++]) {
        json_t *tokens = rows_of(g, o, list.tokens + first, list.ends[i] - first);
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
    put_bad_words(g, o, bad);
    return RD_OK;
}

static void put_penalty(rd_object *o, const char *key, float value) {
    if (value != 0.0f && value != 1.0f) rd_put(o, key, json_real((double)value));
}

static rd_status put_rules(const rd_hf_generation *g, rd_object *o) {
    const rd_search_options *s = &g->recipe->search;
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
    RD_TRY(put_ids(g, o, "suppress_tokens", s->suppress_tokens, NULL));
    RD_TRY(put_ids(g, o, "begin_suppress_tokens", s->begin_suppress_tokens, NULL));
    RD_TRY(put_ids(g, o, "eos_token_id", s->end_tokens,
                   json_pack("[i]", (int)g->recipe->model.eos_id)));
    return put_biases(g, o);
}

/* Their max_length is one number: of ours, max-len-b, or as long as the model goes. */
static void put_lengths(const rd_hf_generation *g, rd_object *o) {
    const rd_search_options *s = &g->recipe->search;
    int64_t most = g->recipe->model.max_target_positions + 1, fixed = (int64_t)s->max_len_b + 2;
    if (continues(g)) {
        rd_put(o, "max_new_tokens", json_integer(fixed > most ? most - 1 : fixed - 1));
        rd_put(o, "min_new_tokens", json_integer(s->min_len));
        return;
    }
    rd_put(o, "max_length", json_integer(s->max_len_a > 0 || fixed > most ? most : fixed));
    rd_put(o, "min_length", json_integer(s->min_len > 0 ? s->min_len + 1 : 0));
}

rd_status rd_hf_write_generation_config(const rd_hf_generation *g) {
    const rd_search_options *s = &g->recipe->search;
    rd_object o = rd_object_new();
    rd_hf_put_specials(g, &o);
    rd_status status = put_rules(g, &o);
    if (status != RD_OK) {
        json_decref(o.root);
        return status;
    }
    rd_put(&o, "num_beams",
           json_integer(s->sampling ? 1 : s->beam)); /* samples are drawn one by one */
    rd_put(&o, "length_penalty", json_real((double)s->lenpen));
    put_lengths(g, &o);
    rd_put(&o, "no_repeat_ngram_size", json_integer(s->no_repeat_ngram));
    rd_put(&o, "renormalize_logits", json_boolean(s->renormalize));
    if (s->early_stopping == RD_STOP_NEVER)
        rd_put(&o, "early_stopping", json_string("never"));
    else
        rd_put(&o, "early_stopping", json_boolean(s->early_stopping != RD_STOP_UNLIKELY));
    return rd_object_write(&o, g->to, "generation_config.json");
}
