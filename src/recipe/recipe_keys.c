#include "recipe/recipe_keys.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "data/masking.h"
#include "data/noise.h"
#include "model/model_keys.h"
#include "optim/optim_keys.h"
#include "search/options.h"

static const char *const score_break_modes[] = {"none", "complete", "eos", "auto",
                                                NULL}; /* rd_break_mode */
static const char *const tasks[] = {
    "translation", "denoising", "language_modeling", "image_classification", "sentence_prediction",
    "masked_lm",   NULL};

/* clang-format off: one row a key reads as the table it is */
const rd_key rd_directive_keys[] = {
    {"extends", RD_KEY_STRING, 0, .default_value = "",
     .help = "recipe whose keys this one overrides"},
    {"arch", RD_KEY_STRING, 0, .default_value = "",
     .help = "defaults of the model's shape, by a name that rdrop-recipe --help-recipe lists"},
    {"vocab-size", RD_KEY_INT32, 0, .default_value = "8000",
     .help = "vocab-size-src and vocab-size-tgt"},
    {.name = NULL}};
#define RD_AT(field) offsetof(rd_recipe, field)
const rd_key rd_task_keys[] = {
    {"task", RD_KEY_STRING, RD_AT(task), 0, 0, "translation", tasks, .effect = RD_EFFECT_MODEL,
     .help = "what to learn"},
    {"vocabulary", RD_KEY_STRING, RD_AT(vocabulary), 0, 0, "", .effect = RD_EFFECT_MODEL,
     .help = "fingerprint that the vocabulary must have (config.yaml of a model)"},
    {.name = NULL}};
const rd_key rd_score_keys[] = {
    {"score-metrics", RD_KEY_STRING, RD_AT(score_metrics), 0, 0, "bleu", .separator = ",",
     .help =
         "metrics of the score stage, comma-separated; sentence_prediction: accuracy, or pearson "
         "for numbers, unless set"},
    {"score-lowercase", RD_KEY_BOOL, RD_AT(score_lowercase), 0, 0, "false",
     .help = "score lowercased text"},
    {"score-tokenizer", RD_KEY_STRING, RD_AT(score_tokenizer), 0, 0, "",
     .help = "rdrop-score's --tokenize for BLEU and, unless it is 13a, ROUGE; empty: by "
             "target-lang"},
    {"score-tokens-per-sample", RD_KEY_INT32, RD_AT(score_tokens_per_sample), 0, 1e6, "0",
     .help = "language models: rdrop-lm's --tokens-per-sample for the test sets"},
    {"score-context-window", RD_KEY_INT32, RD_AT(score_context_window), 0, 1e6, "0",
     .help = "language models: rdrop-lm's --context-window"},
    {"score-break-mode", RD_KEY_ENUM, RD_AT(score_break_mode), 0, 0, "auto", score_break_modes,
     .help = "language models: rdrop-lm's --sample-break-mode"},
    {"compare", RD_KEY_STRING, RD_AT(compare), 0, 0, "", .separator = ",",
     .help = "recipes that recipes/run.sh runs too, to show all scores, comma-separated"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */

const rd_recipe_group rd_recipe_groups[] = {
    {"data", "Task", rd_task_keys, 0, RD_EFFECT_UPDATES},
    {"data", "Corpora and vocabulary", rd_data_keys, offsetof(rd_recipe, data), RD_EFFECT_UPDATES},
    {"data", "Tables of sentences", rd_table_keys, offsetof(rd_recipe, table), RD_EFFECT_UPDATES},
    {"model", "Model", rd_model_keys, offsetof(rd_recipe, model), RD_EFFECT_MODEL},
    {"model", "Pictures", rd_picture_form_keys, offsetof(rd_recipe, pictures), RD_EFFECT_UPDATES},
    {"train", "Optimizer", rd_optim_keys, offsetof(rd_recipe, optim), RD_EFFECT_UPDATES},
    {"train", "Noise of sources", rd_noise_keys, offsetof(rd_recipe, train.noise),
     RD_EFFECT_UPDATES},
    {"train", "Masking", rd_masking_keys, offsetof(rd_recipe, train.masking), RD_EFFECT_UPDATES},
    {"train", "Augmentation of pictures", rd_augmentation_keys,
     offsetof(rd_recipe, train.augmentation), RD_EFFECT_UPDATES},
    {"train", "Training", rd_train_keys, offsetof(rd_recipe, train), RD_EFFECT_UPDATES},
    {"search", "Search", rd_search_keys, offsetof(rd_recipe, search), RD_EFFECT_COURSE},
    {"score", "Scoring", rd_score_keys, 0, RD_EFFECT_NONE},
    {.name = NULL}};

const rd_key *rd_recipe_key(int index) {
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        for (const rd_key *key = group->keys; key->name; key++)
            if (index-- == 0) return key;
    return NULL;
}

int rd_recipe_key_index(const rd_key *key) {
    int index = 0;
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        for (const rd_key *own = group->keys; own->name; own++, index++)
            if (own == key) return index;
    return index;
}

int rd_recipe_key_count(void) {
    int n = 0;
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        for (const rd_key *key = group->keys; key->name; key++) n++;
    return n;
}

rd_key_effect rd_recipe_effect_of(const rd_key *key) {
    return key->effect == RD_EFFECT_OF_TABLE ? rd_recipe_group_of(key)->effect : key->effect;
}

bool rd_recipe_is_of_shape(const rd_key *key) {
    return rd_recipe_group_of(key)->keys == rd_model_keys &&
           rd_recipe_effect_of(key) == RD_EFFECT_MODEL;
}

const rd_recipe_group *rd_recipe_group_of(const rd_key *key) {
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        for (const rd_key *own = group->keys; own->name; own++)
            if (own == key) return group;
    return NULL;
}

const rd_key *rd_recipe_find_key(const char *name) {
    const rd_key *aliased = NULL;
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++) {
        const rd_key *key = rd_key_find(group->keys, name);
        if (key && strcmp(key->name, name) == 0) return key;
        if (key && !aliased) aliased = key;
    }
    return aliased;
}

const char *rd_recipe_nearest_key(const char *name) {
    rd_nearest_name nearest = rd_nearest_start(name);
    for (const rd_recipe_group *group = rd_recipe_groups; group->name; group++)
        rd_nearest_try_keys(&nearest, group->keys);
    rd_nearest_try_keys(&nearest, rd_directive_keys);
    return nearest.name;
}

/* The struct that the key is of. */
static size_t offset_of(const rd_key *key) {
    return rd_recipe_group_of(key)->offset;
}

rd_status rd_recipe_set_key(rd_recipe *recipe, const rd_key *key, const char *text) {
    return rd_key_set((char *)recipe + offset_of(key), key, text);
}

rd_status rd_recipe_format_key(const rd_recipe *recipe, const rd_key *key, rd_text *out) {
    return rd_key_format((const char *)recipe + offset_of(key), key, out);
}

rd_status rd_recipe_value(const rd_recipe *recipe, const rd_key *key, rd_text *out) {
    return rd_key_value((const char *)recipe + offset_of(key), key, out);
}

rd_status rd_recipe_copy_key(rd_recipe *to, const rd_recipe *from, const rd_key *key) {
    return rd_key_copy((char *)to + offset_of(key), (const char *)from + offset_of(key), key);
}

const char *rd_recipe_string(const rd_recipe *recipe, const rd_key *key) {
    return *(char *const *)(const void *)((const char *)recipe + offset_of(key) + key->offset);
}

bool rd_recipe_has_value(const rd_recipe *recipe, const rd_key *key, const char *value) {
    rd_text own = {0};
    bool same = rd_recipe_value(recipe, key, &own) == RD_OK && strcmp(own.data, value) == 0;
    rd_text_free(&own);
    return same;
}

bool rd_recipe_same_value(const rd_recipe *recipe, const rd_recipe *other, const rd_key *key) {
    rd_text value = {0};
    bool same = rd_recipe_value(other, key, &value) == RD_OK &&
                rd_recipe_has_value(recipe, key, value.data);
    rd_text_free(&value);
    return same;
}

rd_status rd_recipe_check(const rd_recipe *recipe) {
    const rd_model_config *model = &recipe->model;
    if (model->share_all_embeddings && !recipe->data.joined_dictionary)
        return rd_error(RD_ERR_FORMAT, "share-all-embeddings needs joined-dictionary: true");
    if (recipe->data.joined_dictionary &&
        recipe->data.vocab_size_src != recipe->data.vocab_size_tgt)
        return rd_error(RD_ERR_FORMAT,
                        "joined-dictionary is true but vocab-size-src is %d and "
                        "vocab-size-tgt %d; give vocab-size",
                        recipe->data.vocab_size_src, recipe->data.vocab_size_tgt);
    if (model->encoder.layers > 0 && model->d_model % model->encoder.heads != 0)
        return rd_error(RD_ERR_FORMAT,
                        "encoder-embed-dim %d is not a multiple of "
                        "encoder-attention-heads %d",
                        model->d_model, model->encoder.heads);
    if (model->decoder.layers > 0 && model->d_model % model->decoder.heads != 0)
        return rd_error(RD_ERR_FORMAT,
                        "decoder-embed-dim %d is not a multiple of "
                        "decoder-attention-heads %d",
                        model->d_model, model->decoder.heads);
    if (recipe->data.min_source_len > recipe->data.max_source_len ||
        recipe->data.min_target_len > recipe->data.max_target_len)
        return rd_error(RD_ERR_FORMAT, "the shortest length kept (min-source-len, min-target-len) "
                                       "is above the longest (max-source-len, max-target-len)");
    if (recipe->data.truncate_source && recipe->data.sampling_alpha > 0.0f)
        return rd_error(RD_ERR_FORMAT,
                        "truncate-source and sentencepiece-alpha exclude each other: "
                        "sampling segments the whole text anew");
    if (strcmp(recipe->data.vocab_type, "bpe") == 0 && recipe->data.sampling_alpha > 1.0f)
        return rd_error(RD_ERR_FORMAT,
                        "sentencepiece-alpha %g: with vocab-type bpe it is the share of merges "
                        "that are left out, at most 1",
                        (double)recipe->data.sampling_alpha);
    if (rd_search_check(&recipe->search) != RD_OK) return RD_ERR_FORMAT; /* what it said holds */
    return RD_OK;
}

rd_status rd_recipe_check_training(const rd_recipe *recipe) {
    const rd_train_config *train = &recipe->train;
    RD_TRY(rd_recipe_check_score(recipe, NULL));
    if (train->max_update == 0 && train->max_epoch == 0)
        return rd_error(RD_ERR_FORMAT, "neither max-update nor max-epoch is set; training needs an "
                                       "end");
    if (train->max_tokens == 0 && train->max_sentences == 0)
        return rd_error(RD_ERR_FORMAT, "neither max-tokens nor max-sentences limits a batch");
    if (*train->extend_vocab && !*train->finetune_from_model)
        return rd_error(RD_ERR_FORMAT, "extend-vocab needs finetune-from-model, whose vocabulary "
                                       "it extends");
    if (train->n_passes > 2 && recipe->model.adaptive_softmax_cutoff.n > 0)
        return rd_error(RD_ERR_FORMAT,
                        "n-passes: %d: over an adaptive softmax (adaptive-softmax-"
                        "cutoff) R-Drop has two passes",
                        (int)train->n_passes);
    if (train->adaptive_kl == RD_ADAPTIVE_KL_CLUSTER &&
        recipe->model.adaptive_softmax_cutoff.n == 0)
        return rd_error(RD_ERR_FORMAT, "kl-adaptive: cluster: there are no clusters; set "
                                       "adaptive-softmax-cutoff, or leave kl-adaptive out");
    if (recipe->data.sampling_nbest == 0 || recipe->data.sampling_nbest == 1)
        return rd_error(RD_ERR_FORMAT,
                        "sentencepiece-nbest: %d draws nothing; expected -1 (among "
                        "all) or 2 to 512",
                        (int)recipe->data.sampling_nbest);
    if (rd_lr_decays(&recipe->optim) && recipe->optim.total_num_update == 0 &&
        train->max_update == 0)
        return rd_error(RD_ERR_FORMAT, "lr-scheduler needs total-num-update or max-update, where "
                                       "its decay ends");
    return RD_OK;
}
