/* The metrics of the score stage: those that fit the task. */
#include <string.h>

#include "base/text.h"
#include "metrics/answers.h"
#include "rdrop/metrics.h"
#include "recipe/recipe_keys.h"

static bool predicts_sentences(const rd_recipe *recipe) {
    return strcmp(recipe->task, "sentence_prediction") == 0;
}

static rd_status check_one(const rd_recipe *recipe, const char *name) {
    const rd_answer_metric *of_answers = rd_find_answer_metric(name);
    const rd_metric_config of_texts = rd_metric_defaults(name);
    bool numbers = recipe->table.regression;
    if (!of_answers && !of_texts.metric)
        return rd_error(RD_ERR_FORMAT,
                        "score-metrics: no metric '%s'; rdrop-score --help names them", name);
    if (predicts_sentences(recipe) && (!of_answers || of_answers->has_classes == numbers))
        return rd_error(RD_ERR_FORMAT, "score-metrics: %s is not of %s, which are predicted", name,
                        numbers ? "numbers" : "classes");
    if (strcmp(recipe->task, "translation") == 0 && of_answers)
        return rd_error(RD_ERR_FORMAT, "score-metrics: %s is of labels or numbers, not of texts",
                        name);
    return RD_OK;
}

/* That its name is one; its files may be on another machine. */
static rd_status check_tokenizer(const char *key, const char *name) {
    rd_metric_tokenizer *tokenizer;
    if (!*name) return RD_OK;
    rd_status status = rd_metric_tokenizer_open(name, &tokenizer);
    if (status == RD_OK) rd_metric_tokenizer_close(tokenizer);
    return status == RD_ERR_ARGUMENT ? rd_error_prefix(RD_ERR_FORMAT, "%s", key) : RD_OK;
}

static rd_status check_each(const rd_recipe *recipe, int64_t n_classes) {
    const char *at = recipe->score_metrics, *found;
    size_t n;
    while ((found = rd_next_name(&at, &n))) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)n, found);
        RD_TRY(check_one(recipe, name));
        /* F1 is that of the second class. */
        if (predicts_sentences(recipe) && strcmp(name, "f1") == 0 && n_classes > 2)
            return rd_error(RD_ERR_FORMAT,
                            "score-metrics: f1 is of two classes, but there are %lld "
                            "labels; set f1-macro or f1-micro",
                            (long long)n_classes);
    }
    return RD_OK;
}

rd_status rd_recipe_check_score(const rd_recipe *recipe, const rd_labels *labels) {
    rd_labels named = {0};
    RD_TRY(check_tokenizer("score-tokenizer", recipe->score_tokenizer));
    RD_TRY(check_tokenizer("eval-bleu-tokenizer", recipe->train.eval_bleu_tokenizer));
    if (labels || !*recipe->table.labels) return check_each(recipe, labels ? labels->n : 0);
    rd_status status = rd_labels_add_list(&named, recipe->table.labels);
    if (status == RD_OK) status = check_each(recipe, named.n);
    rd_labels_free(&named);
    return status;
}

rd_status rd_recipe_choose_score(rd_recipe *recipe) {
    const rd_key *key = rd_recipe_find_key("score-metrics");
    bool own = recipe->origins[rd_recipe_key_index(key)] == RD_WRITTEN_DOWN;
    if (!predicts_sentences(recipe) || own || rd_recipe_check_score(recipe, NULL) == RD_OK)
        return RD_OK;
    return rd_recipe_set_key(recipe, key, recipe->table.regression ? "pearson" : "accuracy");
}
