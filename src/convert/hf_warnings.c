/* Warnings of settings in a Hugging Face directory that have no effect here. */
#include <stdlib.h>
#include <string.h>

#include "convert/hf.h"
#include "recipe/recipe_keys.h"

/* A key that changes nothing with the number `neutral`. */
typedef struct {
    const char *key;
    double neutral;
} setting;

/* Honoured (bart_config.c, hf_search.c), about the program's own output, or of transformers'
 * inside.
 */
static const char *const harmless[] = {"_from_model_config",
                                       "bad_words_ids",
                                       "begin_suppress_tokens",
                                       "bos_token_id",
                                       "cache_implementation",
                                       "decoder_start_token_id",
                                       "do_sample",
                                       "early_stopping",
                                       "encoder_no_repeat_ngram_size",
                                       "encoder_repetition_penalty",
                                       "eos_token_id",
                                       "exponential_decay_length_penalty",
                                       "forced_bos_token_id",
                                       "forced_eos_token_id",
                                       "length_penalty",
                                       "low_memory",
                                       "max_length",
                                       "max_new_tokens",
                                       "min_length",
                                       "min_new_tokens",
                                       "no_repeat_ngram_size",
                                       "num_beams",
                                       "output_attentions",
                                       "output_hidden_states",
                                       "output_logits",
                                       "output_scores",
                                       "renormalize_logits",
                                       "repetition_penalty",
                                       "return_dict_in_generate",
                                       "sequence_bias",
                                       "suppress_tokens",
                                       "transformers_version",
                                       "use_cache"};

/* Without effect at one value; and where nothing is sampled. */
static const setting neutral[] = {{"diversity_penalty", 0},
                                  {"guidance_scale", 1},
                                  {"num_beam_groups", 1},
                                  {"num_return_sequences", 1},
                                  {"penalty_alpha", 0}};
static const setting sampling[] = {
    {"typical_p", 1}, {"epsilon_cutoff", 0}, {"eta_cutoff", 0}, {"min_p", 0}, {"top_h", 0}};
static const char *const of_samples[] = {"temperature", "top_k", "top_p"}; /* honoured there */

/* Not honoured at any value except an empty one; also looked for in config.json, where other keys
 * are the model's. */
static const char *const others[] = {"constraints", "force_words_ids", "pad_token_id",
                                     "remove_invalid_values", "stop_strings"};

#define LENGTH(list) (sizeof(list) / sizeof *(list))

static const setting *find(const setting *list, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].key, key) == 0) return &list[i];
    return NULL;
}

/* Null, false, "", [], {}: nothing is asked for. */
static bool is_empty(const json_t *value) {
    return json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_string(value) && !*json_string_value(value));
}

/* The id itself, or a list of only that id: [7], [[7]]. */
static bool is_id(const json_t *value, int32_t id) {
    while (json_is_array(value) && json_array_size(value) == 1) value = json_array_get(value, 0);
    return json_is_integer(value) && json_integer_value(value) == id;
}

static bool is_among(const char *const *list, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], key) == 0) return true;
    return false;
}

static bool changes_nothing(const rd_model_config *model, bool samples, const char *key,
                            const json_t *value) {
    if (is_empty(value) || is_among(harmless, LENGTH(harmless), key) ||
        is_among(of_samples, LENGTH(of_samples), key))
        return true;
    const setting *s = find(neutral, LENGTH(neutral), key);
    const setting *of_draws = find(sampling, LENGTH(sampling), key);
    if (of_draws && !samples) return true;
    if (of_draws) s = of_draws;
    if (s) return json_is_number(value) && json_number_value(value) == s->neutral;
    if (strcmp(key, "pad_token_id") != 0) return false;
    /* never chosen, or what follows an end that has come */
    return is_id(value, model->pad_id) ||
           (model->encoder.layers == 0 && is_id(value, model->eos_id));
}

static rd_status warn_setting(rd_text *warnings, const char *file, const char *key,
                              const json_t *value) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7));
    if (!text) return rd_error(RD_ERR_MEMORY, "out of memory");
    char shown[128]; /* keys are from a file, and warnings a line each */
    rd_escape(shown, sizeof shown, key);
    rd_status status = rd_text_printf(warnings, "%s: %.60s: %.60s%s has no effect here\n", file,
                                      shown, text, strlen(text) > 60 ? "..." : "");
    free(text);
    return status;
}

static bool is_of_generation(const char *key) {
    return is_among(others, LENGTH(others), key) || find(neutral, LENGTH(neutral), key) ||
           find(sampling, LENGTH(sampling), key);
}

rd_status rd_hf_warn_settings(const rd_model_config *model, json_t *settings, bool own_file,
                              rd_text *warnings) {
    const char *key, *file = own_file ? "generation_config.json" : "config.json";
    json_t *value;
    bool samples = json_is_true(json_object_get(settings, "do_sample"));
    json_object_foreach(settings, key, value) {
        if ((own_file || is_of_generation(key)) && !changes_nothing(model, samples, key, value))
            RD_TRY(warn_setting(warnings, file, key, value));
    }
    return RD_OK;
}

/* Keys that generation_config.json has fields for, or, of tokens that are free, that it means;
 * max-len-b only without max-len-a. */
static bool is_exported(const rd_recipe *recipe, const char *name) {
    static const char *const names[] = {"beam",
                                        "lenpen",
                                        "min-len",
                                        "max-len-b",
                                        "forced-bos",
                                        "forced-tokens-free",
                                        "no-forced-eos",
                                        "no-repeat-ngram-size",
                                        "encoder-no-repeat-ngram-size",
                                        "repetition-penalty",
                                        "encoder-repetition-penalty",
                                        "exponential-decay-length-penalty",
                                        "suppress-tokens",
                                        "begin-suppress-tokens",
                                        "sequence-bias",
                                        "end-tokens",
                                        "early-stopping",
                                        "renormalize-logits",
                                        "sampling"};
    static const char *const of_draws[] = {"temperature", "sampling-topk", "sampling-topp"};
    return is_among(names, LENGTH(names), name) ||
           (recipe->search.sampling && is_among(of_draws, LENGTH(of_draws), name));
}

static rd_status warn_of_key(const char *from, const rd_recipe *recipe, const rd_recipe *defaults,
                             const rd_key *key, rd_text *warnings) {
    bool bounds = strcmp(key->name, "max-len-a") == 0 && recipe->search.max_len_a > 0;
    bool any = strcmp(key->name, "max-len-a") == 0 && !bounds; /* max-len-b says all */
    if (any || (!bounds && rd_recipe_same_value(recipe, defaults, key))) return RD_OK;
    RD_TRY(rd_text_printf(warnings, "%s: %s: ", from, key->name));
    RD_TRY(rd_recipe_format_key(recipe, key, warnings));
    return rd_text_printf(warnings, " has no place in generation_config.json%s\n",
                          bounds ? ", whose max_length is all that the model takes" : "");
}

rd_status rd_hf_warn_of_search(const char *from, const rd_recipe *recipe, rd_text *warnings) {
    rd_recipe *defaults;
    RD_TRY(rd_recipe_new(&defaults));
    rd_status status = RD_OK;
    const rd_key *key;
    for (int i = 0; status == RD_OK && (key = rd_recipe_key(i)); i++)
        if (strcmp(rd_recipe_group_of(key)->name, "search") == 0 && !is_exported(recipe, key->name))
            status = warn_of_key(from, recipe, defaults, key, warnings);
    rd_recipe_free(defaults);
    return status;
}
