/* How transformers would search: by generation_config.json or, without one, config.json. */
#include <string.h>

#include "base/file.h"
#include "convert/hf.h"
#include "io/json.h"
#include "search/options.h"

typedef struct {
    rd_foreign f;
    rd_text *warnings; /* or NULL */
    bool bart;
    bool own_file;  /* generation_config.json is there */
    bool continues; /* the model has no encoder */
} reader;

static json_t *setting(const reader *r, const char *key) {
    return rd_foreign_value(r->f.values, key);
}

static rd_status bad_value(const reader *r, const char *key, const char *expected) {
    return rd_error(RD_ERR_FORMAT, "%s/%s: %s is not %s", r->f.path, r->f.file, key, expected);
}

static rd_status warn(const reader *r, const char *message) {
    return r->warnings ? rd_text_printf(r->warnings, "%s: %s\n", r->f.file, message) : RD_OK;
}

static rd_status set(const reader *r, const char *ours, const char *theirs, const char *value) {
    return rd_foreign_set(&r->f, ours, theirs, value);
}

/* early_stopping and renormalize_logits: booleans, or the text "never". */
static void read_stopping(const reader *r) {
    const json_t *stopping = setting(r, "early_stopping");
    const char *text = json_string_value(stopping);
    rd_search_options *search = &r->f.recipe->search;
    search->early_stopping = json_is_true(stopping)               ? RD_STOP_STEP
                             : text && strcmp(text, "never") == 0 ? RD_STOP_NEVER
                                                                  : RD_STOP_UNLIKELY;
    search->renormalize = json_is_true(setting(r, "renormalize_logits"));
}

/* A first token that is forced is BART's bos, which older files have another key for; in MarianMT
 * it would be the target's language. */
static rd_status read_forced_bos(const reader *r) {
    const json_t *bos = setting(r, "forced_bos_token_id");
    rd_search_options *search = &r->f.recipe->search;
    search->forced_bos =
        bos || (r->bart && json_is_true(setting(r, "force_bos_token_to_be_generated")));
    search->forced_tokens_free = true;
    if (!bos || (r->bart && json_integer_value(bos) == r->f.recipe->model.bos_id)) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED, "%s/%s: this forced_bos_token_id is not supported",
                    r->f.path, r->f.file);
}

static bool is_id(const json_t *value, int32_t id) {
    return json_is_integer(value) && json_integer_value(value) == id;
}

/* A config.json that does not say it means the end of sentence; a null, and a
 * generation_config.json that does not say it, nothing. */
static rd_status read_forced_eos(const reader *r) {
    const json_t *value = json_object_get(r->f.values, "forced_eos_token_id");
    int32_t eos = r->f.recipe->model.eos_id;
    r->f.recipe->search.no_forced_eos = json_is_null(value) || (!value && r->own_file);
    if (json_is_array(value) && json_array_size(value) == 1) value = json_array_get(value, 0);
    if (r->f.recipe->search.no_forced_eos || !value || is_id(value, eos)) return RD_OK;
    return warn(r, "forced_eos_token_id: the longest output ends with eos_token_id here");
}

/* Tokens that end outputs besides the model's end of sentence, which always does. */
static rd_status read_ends(const reader *r) {
    const json_t *value = setting(r, "eos_token_id"), *id;
    int32_t eos = r->f.recipe->model.eos_id;
    rd_text ends = {0};
    bool found = !value || is_id(value, eos);
    size_t n = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
    rd_status status = RD_OK;
    for (size_t i = 0; status == RD_OK && i < n; i++) {
        id = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= r->f.recipe->model.tgt_vocab)
            status = bad_value(r, "eos_token_id", "an id or a list of ids");
        else if (is_id(id, eos))
            found = true;
        else
            status = rd_text_printf(&ends, "%s%lld", ends.length ? " " : "",
                                    (long long)json_integer_value(id));
    }
    if (status == RD_OK && ends.length) status = set(r, "end-tokens", "eos_token_id", ends.data);
    rd_text_free(&ends);
    if (status == RD_OK && !found)
        status = warn(r, "eos_token_id: the model's own end of sentence ends outputs here, too");
    return status;
}

/* *length is the value of `key`, or of the key that replaces it, which does not count the decoder's
 * first token. */
static bool read_length(const reader *r, const char *key, const char *new_key, int64_t *length) {
    const json_t *all = setting(r, key), *added = setting(r, new_key);
    if (json_is_integer(all)) *length = json_integer_value(all);
    if (json_is_integer(added) && json_integer_value(added) < INT32_MAX)
        *length = json_integer_value(added) + 1;
    return json_is_integer(all) || json_is_integer(added);
}

/* Their lengths count the decoder's first token, and max_length the last as well. */
static rd_status read_lengths(const reader *r) {
    int64_t most = r->f.recipe->model.max_target_positions, least = 0;
    bool limited = read_length(r, "max_length", "max_new_tokens", &most);
    (void)read_length(r, "min_length", "min_new_tokens", &least);
    if (most < 2 || most > 1000000 || least < 0 || least > most)
        return rd_error(RD_ERR_FORMAT, "%s: min_length %lld and max_length %lld make no sense",
                        r->f.path, (long long)least, (long long)most);
    r->f.recipe->search.max_len_a = 0;
    r->f.recipe->search.max_len_b = (float)(most - 2);
    r->f.recipe->search.min_len = least > 0 ? (int32_t)least - 1 : 0;
    if (limited || !r->warnings) return RD_OK;
    return rd_text_printf(r->warnings,
                          "%s: neither max_length nor max_new_tokens: transformers ends outputs "
                          "after 20 tokens, here they may have %lld (max-len-b)\n",
                          r->f.file, (long long)most - 1);
}

/* For outputs that continue their source, which max_new_tokens and min_new_tokens do not count, but
 * the other lengths do. Our lengths do not count the token that ends an output; if theirs ends
 * without one, it is added. */
static rd_status read_new_lengths(const reader *r) {
    const json_t *most = setting(r, "max_new_tokens"), *least = setting(r, "min_new_tokens");
    rd_search_options *search = &r->f.recipe->search;
    json_int_t longest = json_integer_value(most), shortest = json_integer_value(least);
    if ((most && (longest < 1 || longest > 1000000)) || shortest < 0 || shortest > 1000000)
        return rd_error(RD_ERR_FORMAT,
                        "%s: min_new_tokens %lld and max_new_tokens %lld make no sense", r->f.path,
                        (long long)shortest, (long long)longest);
    bool ends = search->no_forced_eos || setting(r, "forced_eos_token_id");
    if (most) search->max_len_b = (float)(longest - ends);
    search->min_len = (int32_t)shortest;
    if (!most && !setting(r, "max_length") && r->warnings)
        RD_TRY(rd_text_printf(r->warnings,
                              "%s: neither max_length nor max_new_tokens: transformers writes 20 "
                              "tokens, rdrop-lm up to %g (max-len-b)\n",
                              r->f.file, (double)search->max_len_b));
    if (!setting(r, "max_length") && !setting(r, "min_length")) return RD_OK;
    return warn(r, "max_length and min_length count the prompt, and have no effect here: max-len-b "
                   "and min-len are of what is written");
}

/* Appends a list of ids. */
static rd_status add_ids(const reader *r, const char *key, const json_t *list, rd_text *text) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id)) return bad_value(r, key, "a list of ids");
        if (json_integer_value(id) < 0 || json_integer_value(id) >= r->f.recipe->model.tgt_vocab)
            return rd_error(RD_ERR_FORMAT, "%s/%s: %s: %lld is none of the model's %d tokens",
                            r->f.path, r->f.file, key, (long long)json_integer_value(id),
                            r->f.recipe->model.tgt_vocab);
        RD_TRY(rd_text_printf(text, "%s%lld", text->length ? " " : "",
                              (long long)json_integer_value(id)));
    }
    return RD_OK;
}

static rd_status read_ids(const reader *r, const char *theirs, rd_text *text) {
    const json_t *list = setting(r, theirs);
    if (!list) return RD_OK;
    return json_is_array(list) ? add_ids(r, theirs, list, text)
                               : bad_value(r, theirs, "a list of ids");
}

static rd_status add_sequence(const reader *r, const char *key, const json_t *ids, const char *bias,
                              rd_text *text) {
    rd_text sequence = {0};
    if (!json_is_array(ids) || json_array_size(ids) == 0)
        return bad_value(r, key, "a list of lists of ids");
    rd_status status = add_ids(r, key, ids, &sequence);
    if (status == RD_OK)
        status = rd_text_printf(text, "%s%s: %s", text->length ? ", " : "", sequence.data, bias);
    rd_text_free(&sequence);
    return status;
}

/* Whether eos_token_id has it. */
static bool is_end(const reader *r, const json_t *id) {
    const json_t *ends = setting(r, "eos_token_id");
    if (is_id(id, r->f.recipe->model.eos_id) || json_equal(id, ends)) return true;
    for (size_t i = 0; i < json_array_size(ends); i++)
        if (json_equal(id, json_array_get(ends, i))) return true;
    return false;
}

/* One token is forbidden, except an end, and pad, which never is chosen; of more the last, after
 * the others. */
static rd_status read_bad_words(const reader *r, rd_text *suppressed, rd_text *biases) {
    static const char key[] = "bad_words_ids";
    const rd_model_config *c = &r->f.recipe->model;
    const json_t *words = setting(r, key);
    if (words && !json_is_array(words)) return bad_value(r, key, "a list of lists of ids");
    for (size_t i = 0; i < json_array_size(words); i++) {
        const json_t *word = json_array_get(words, i), *first = json_array_get(word, 0);
        bool one = json_array_size(word) == 1;
        if (one && (is_end(r, first) || is_id(first, c->pad_id))) continue;
        RD_TRY(one ? add_ids(r, key, word, suppressed)
                   : add_sequence(r, key, word, "-inf", biases));
    }
    return RD_OK;
}

/* Whether a later pair of the list is of the same tokens. */
static bool comes_again(const json_t *list, size_t i) {
    const json_t *tokens = json_array_get(json_array_get(list, i), 0);
    for (size_t k = i + 1; k < json_array_size(list); k++)
        if (json_equal(tokens, json_array_get(json_array_get(list, k), 0))) return true;
    return false;
}

/* [[[5, 6], -2.5], ...]; the last one of the same tokens counts. */
static rd_status read_biases(const reader *r, rd_text *biases) {
    static const char key[] = "sequence_bias";
    const json_t *list = setting(r, key);
    if (list && !json_is_array(list)) return bad_value(r, key, "a list of ids with numbers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i), *bias = json_array_get(pair, 1);
        char number[32];
        if (json_array_size(pair) != 2 || !json_is_number(bias))
            return bad_value(r, key, "a list of ids with numbers");
        if (comes_again(list, i)) continue;
        rd_shortest_float((float)json_number_value(bias), number);
        RD_TRY(add_sequence(r, key, json_array_get(pair, 0), number, biases));
    }
    return RD_OK;
}

static rd_status set_lists(const reader *r, rd_text *suppressed, rd_text *first, rd_text *biases) {
    RD_TRY(read_ids(r, "suppress_tokens", suppressed));
    RD_TRY(read_ids(r, "begin_suppress_tokens", first));
    RD_TRY(read_bad_words(r, suppressed, biases));
    RD_TRY(read_biases(r, biases));
    if (suppressed->length) RD_TRY(set(r, "suppress-tokens", "bad_words_ids", suppressed->data));
    if (first->length)
        RD_TRY(set(r, "begin-suppress-tokens", "begin_suppress_tokens", first->data));
    return biases->length ? set(r, "sequence-bias", "sequence_bias", biases->data) : RD_OK;
}

static rd_status read_lists(const reader *r) {
    rd_text suppressed = {0}, first = {0}, biases = {0};
    rd_status status = set_lists(r, &suppressed, &first, &biases);
    rd_text_free(&suppressed);
    rd_text_free(&first);
    rd_text_free(&biases);
    return status;
}

static rd_status read_decay(const reader *r) {
    static const char key[] = "exponential_decay_length_penalty";
    const json_t *pair = setting(r, key);
    char start[32], factor[32];
    rd_text text = {0};
    if (!pair) return RD_OK;
    if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) ||
        !json_is_number(json_array_get(pair, 1)))
        return bad_value(r, key, "a list of two numbers");
    rd_shortest_double(json_number_value(json_array_get(pair, 0)), start);
    rd_shortest_double(json_number_value(json_array_get(pair, 1)), factor);
    rd_status status = rd_text_printf(&text, "[%s, %s]", start, factor);
    if (status == RD_OK) status = set(r, "exponential-decay-length-penalty", key, text.data);
    rd_text_free(&text);
    return status;
}

/* Our own generator makes the draws, so samples differ from PyTorch's. */
static rd_status read_sampling(const reader *r) {
    static const rd_foreign_key keys[] = {
        {"temperature", "temperature", NULL}, {"top_p", "sampling-topp", NULL}, {NULL, NULL, NULL}};
    rd_search_options *search = &r->f.recipe->search;
    const json_t *top_k = setting(r, "top_k");
    json_int_t k = json_is_integer(top_k) ? json_integer_value(top_k) : 50;
    if (!json_is_true(setting(r, "do_sample"))) return RD_OK;
    if (search->beam > 1)
        return warn(r, "do_sample with num_beams: beams that are sampled are not supported; a beam "
                       "is searched, sampling with beam 1 draws");
    search->sampling = true;
    RD_TRY(rd_foreign_set_present(&r->f, keys));
    if (k < 0) return bad_value(r, "top_k", "0 or more");
    if (k >= r->f.recipe->model.tgt_vocab) k = 0;
    if (k > RD_MAX_TOP_K && r->warnings)
        RD_TRY(rd_text_printf(r->warnings, "%s: top_k: %lld; at most %d here\n", r->f.file,
                              (long long)k, RD_MAX_TOP_K));
    search->top_k = k > RD_MAX_TOP_K ? RD_MAX_TOP_K : (int32_t)k;
    return RD_OK;
}

static rd_status read_all(const reader *r) {
    static const rd_foreign_key keys[] = {
        {"num_beams", "beam", NULL},
        {"length_penalty", "lenpen", NULL},
        {"no_repeat_ngram_size", "no-repeat-ngram-size", NULL},
        {"encoder_no_repeat_ngram_size", "encoder-no-repeat-ngram-size", NULL},
        {"repetition_penalty", "repetition-penalty", NULL},
        {"encoder_repetition_penalty", "encoder-repetition-penalty", NULL},
        {NULL, NULL, NULL}};
    r->f.recipe->search.beam = 1; /* their defaults, if they differ from ours */
    RD_TRY(rd_foreign_set_present(&r->f, keys));
    read_stopping(r);
    RD_TRY(read_forced_bos(r));
    RD_TRY(read_forced_eos(r));
    RD_TRY(r->continues ? read_new_lengths(r) : read_lengths(r));
    RD_TRY(read_ends(r));
    RD_TRY(read_lists(r));
    RD_TRY(read_decay(r));
    return read_sampling(r);
}

rd_status rd_hf_read_generation(const char *directory, json_t **generation) {
    bool found;
    *generation = NULL;
    RD_TRY(rd_has_file(directory, "generation_config.json", &found));
    return found ? rd_json_read(directory, "generation_config.json", generation) : RD_OK;
}

rd_status rd_hf_read_search(rd_recipe *recipe, const char *directory, json_t *config,
                            json_t *generation, bool bart, rd_text *warnings) {
    json_t *settings = generation ? generation : config;
    reader r = {
        .f = {directory, generation ? "generation_config.json" : "config.json", settings, recipe},
        .warnings = warnings,
        .bart = bart,
        .own_file = generation != NULL,
        .continues = recipe->model.encoder.layers == 0};
    RD_TRY(read_all(&r));
    return warnings ? rd_hf_warn_settings(&recipe->model, settings, r.own_file, warnings) : RD_OK;
}
