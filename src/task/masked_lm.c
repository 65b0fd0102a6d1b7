/* Pre-training as BERT's (Devlin et al. 2019), without its second task: an encoder predicts tokens
 * of a line that are masked, others in every epoch. Validated by the loss of masked tokens. */
#include <string.h>

#include "task/pairs.h"

static const rd_result_kind *const kinds[] = {&rd_result_loss, &rd_result_nll, &rd_result_ppl,
                                              NULL};

static rd_status open_all(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    const rd_model_config *c = &recipe->model;
    *self = NULL;
    if (c->encoder.layers == 0 || c->decoder.layers > 0)
        return rd_error(RD_ERR_ARGUMENT, "task masked_lm: the model is an encoder alone; set arch "
                                         "bert-base or its like, or decoder-layers: 0");
    if (strcmp(recipe->data.source_lang, recipe->data.target_lang) != 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "task masked_lm: it reads one text, but source-lang is %s and "
                        "target-lang %s",
                        recipe->data.source_lang, recipe->data.target_lang);
    recipe->model.head = RD_HEAD_TOKENS;
    recipe->model.pooling = RD_POOL_NONE;
    RD_TRY(rd_pairs_open(self, recipe, data_dir, warnings));
    rd_pairs *p = *self;
    if (!recipe->data.joined_dictionary)
        return rd_error(RD_ERR_ARGUMENT, "task masked_lm: two vocabularies; set "
                                         "joined-dictionary: true");
    return rd_masking_new(&p->masking, &recipe->train.masking, p->source);
}

static rd_status validate(void *self, const rd_validation *validation, rd_results *results) {
    const rd_pairs *p = self;
    return rd_task_add_losses(&rd_task_masked_lm, self, p->recipe, validation, results);
}

const rd_task rd_task_masked_lm = {.name = "masked_lm",
                                   .bit = RD_MASKED_LM,
                                   .examples = "lines",
                                   .loss_unit = "token",
                                   .kinds = kinds,
                                   .open = open_all,
                                   .close = rd_pairs_close,
                                   .open_data = rd_pairs_open_data,
                                   .batches = rd_pairs_batches,
                                   .n_examples = rd_pairs_n_examples,
                                   .checksum = rd_pairs_checksum,
                                   .loss = rd_token_loss,
                                   .validate = validate};
