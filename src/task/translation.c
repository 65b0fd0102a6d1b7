/* Translation, and everything else that turns one text into another (summaries, corrections): pairs
 * of lines, validated by loss and by metrics of the translated validation set. */
#include <string.h>

#include "rdrop/metrics.h"
#include "task/pairs.h"

static const rd_result_kind bleu = {"bleu", "BLEU", "BLEU of validation", 2, true, true};
static const rd_result_kind chrf = {"chrf", "chrF", "chrF of validation", 2, true, true};
static const rd_result_kind rouge1 = {"rouge1", "ROUGE-1", "ROUGE of validation", 2, true, true};
static const rd_result_kind rouge2 = {"rouge2", "ROUGE-2", "ROUGE of validation", 2, true, true};
static const rd_result_kind rougeL = {"rougeL", "ROUGE-L", "ROUGE of validation", 2, true, true};
static const rd_result_kind *const kinds[] = {
    &rd_result_loss, &rd_result_nll, &rd_result_ppl, &bleu, &chrf, &rouge1, &rouge2, &rougeL, NULL};

/* Whether the validation set is to be translated for scores. */
static bool wants_scores(const rd_recipe *recipe) {
    const rd_result_kind *best;
    return recipe->train.eval_bleu ||
           (rd_task_find_result(&rd_task_translation, recipe->train.best_checkpoint_metric,
                                &best) == RD_OK &&
            best->generates);
}

/* Before the training, so that an unknown name, or a missing model, stops it now. ROUGE does not
 * use the words of 13a: people compare scores with its own. */
static rd_status open_data(void *self) {
    rd_pairs *p = self;
    const char *name = p->recipe->train.eval_bleu_tokenizer;
    if (wants_scores(p->recipe)) {
        if (!*name) name = rd_metric_tokenizer_for(p->recipe->data.target_lang);
        rd_status status = rd_metric_tokenizer_open(name, &p->scored_words);
        if (status != RD_OK) return rd_error_prefix(status, "eval-bleu-tokenizer");
        p->rouge_words = strcmp(name, "13a") == 0 ? NULL : p->scored_words;
    }
    return rd_pairs_open_data(self);
}

static rd_status score(const rd_pairs *p, const rd_pairs_answers *a, rd_results *results) {
    const char *const *hypotheses = (const char *const *)a->hypotheses;
    const char *const *references = (const char *const *)a->references;
    rd_rouge_scores rouge;
    double percent;
    RD_TRY(rd_bleu_corpus(a->n, hypotheses, references, p->scored_words,
                          p->recipe->train.eval_bleu_lowercase, &percent));
    RD_TRY(rd_rouge_corpus(a->n, hypotheses, references, p->rouge_words, false, &rouge));
    rd_results_add(results, &bleu, percent);
    rd_metric_config characters = rd_metric_defaults("chrf");
    RD_TRY(rd_metric_corpus(&characters, a->n, hypotheses, references, &percent));
    rd_results_add(results, &chrf, percent);
    rd_results_add(results, &rouge1, rouge.rouge1);
    rd_results_add(results, &rouge2, rouge.rouge2);
    rd_results_add(results, &rougeL, rouge.rougeL);
    return RD_OK;
}

static rd_status validate(void *self, const rd_validation *validation, rd_results *results) {
    const rd_pairs *p = self;
    bool scores = wants_scores(p->recipe);
    rd_pairs_answers answers = {0};
    RD_TRY(rd_task_add_losses(&rd_task_translation, self, p->recipe, validation, results));
    rd_status status = rd_pairs_generate(p, validation, scores, &answers);
    bool first = validation->comm->rank == 0; /* who has the hypotheses */
    if (status == RD_OK && scores && first) status = score(p, &answers, results);
    if (status == RD_OK && first) results->samples = rd_pairs_samples(&answers);
    rd_pairs_answers_free(&answers);
    return status;
}

const rd_task rd_task_translation = {.name = "translation",
                                     .bit = RD_TRANSLATION,
                                     .examples = "pairs",
                                     .loss_unit = "token",
                                     .kinds = kinds,
                                     .open = rd_pairs_open,
                                     .close = rd_pairs_close,
                                     .open_data = open_data,
                                     .batches = rd_pairs_batches,
                                     .n_examples = rd_pairs_n_examples,
                                     .checksum = rd_pairs_checksum,
                                     .loss = rd_token_loss,
                                     .validate = validate};
