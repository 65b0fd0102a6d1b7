/* Written keys that have no effect without another. */
#include <string.h>

#include "recipe/recipe_keys.h"

/* A key, and the values of another with which it matters; none: all but that one's default. */
static const struct {
    const char *key, *needs, *values[3];
} rows[] = {{"momentum", "optimizer", {"nag", "sgd"}},
            {"adam-betas", "optimizer", {"adam"}},
            {"adam-eps", "optimizer", {"adam"}},
            {"adam-eps-last", "optimizer", {"adam"}},
            {"decoupled-weight-decay", "weight-decay", {NULL}},
            {"no-decay-bias-norm", "weight-decay", {NULL}},
            {"end-learning-rate", "lr-scheduler", {"polynomial_decay", "cosine"}},
            {"total-num-update", "lr-scheduler", {"polynomial_decay", "cosine"}},
            {"power", "lr-scheduler", {"polynomial_decay"}},
            {"lr-period-updates", "lr-scheduler", {"cosine"}},
            {"t-mult", "lr-scheduler", {"cosine"}},
            {"lr-shrink", "lr-scheduler", {"cosine"}},
            {"cutoff-ratio", "cutoff", {NULL}},
            {"adaptive-input-cutoff", "adaptive-input", {NULL}},
            {"adaptive-input-factor", "adaptive-input", {NULL}},
            {"adaptive-softmax-factor", "adaptive-softmax-cutoff", {NULL}},
            {"adaptive-softmax-dropout", "adaptive-softmax-cutoff", {NULL}},
            {"tie-adaptive-weights", "adaptive-softmax-cutoff", {NULL}},
            {"tie-adaptive-proj", "adaptive-softmax-cutoff", {NULL}},
            {"poisson-lambda", "mask", {NULL}},
            {"replace-length", "mask", {NULL}},
            {"mask-random", "mask", {NULL}},
            {"vocab-size-src", "vocab-type", {"unigram", "bpe"}},
            {"threshold", "vocab-type", {"words", "characters"}},
            {"nwords", "vocab-type", {"words", "characters"}},
            {"sentencepiece-nbest", "sentencepiece-alpha", {NULL}},
            {"sentencepiece-nbest", "vocab-type", {"unigram"}},
            {"position-interpolation", "finetune-from-model", {NULL}},
            {"update-freq", "batches-per-update", {"0"}},
            {"validate-interval", "validate-interval-updates", {"0"}},
            {"rand-augment-magnitude", "rand-augment", {NULL}}};

static bool matters(size_t row, const rd_recipe *recipe, const rd_recipe *plain) {
    const rd_key *other = rd_recipe_find_key(rows[row].needs);
    const char *const *wanted = rows[row].values;
    bool does = !*wanted && !rd_recipe_same_value(recipe, plain, other);
    for (int i = 0; !does && wanted[i]; i++) does = rd_recipe_has_value(recipe, other, wanted[i]);
    return does;
}

static rd_status warn(size_t row, const rd_recipe *recipe, const rd_recipe *plain,
                      rd_text *warnings) {
    const rd_key *key = rd_recipe_find_key(rows[row].key);
    const char *const *wanted = rows[row].values;
    if (matters(row, recipe, plain) || !rd_recipe_is_written(recipe, key->name) ||
        rd_recipe_same_value(recipe, plain, key))
        return RD_OK;
    RD_TRY(rd_text_printf(warnings, "%s has no effect without %s", key->name, rows[row].needs));
    for (int i = 0; wanted[i]; i++)
        RD_TRY(rd_text_printf(warnings, "%s%s", i ? " or " : ": ", wanted[i]));
    return rd_text_append(warnings, "\n", 1);
}

rd_status rd_recipe_warn_of_idle(const rd_recipe *recipe, const char *group, rd_text *warnings) {
    rd_recipe *plain;
    RD_TRY(rd_recipe_new(&plain));
    rd_status status = RD_OK;
    for (size_t row = 0; status == RD_OK && row < sizeof rows / sizeof *rows; row++) {
        const rd_key *key = rd_recipe_find_key(rows[row].key);
        if (!group || strcmp(rd_recipe_group_of(key)->name, group) == 0)
            status = warn(row, recipe, plain, warnings);
    }
    rd_recipe_free(plain);
    return status;
}
