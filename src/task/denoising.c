/* Pre-training as BART's (Lewis et al. 2020): lines get noise, different in every epoch, and are to
 * be written as they were. Both sides are the same text. */
#include "task/pairs.h"

static const rd_result_kind *const kinds[] = {&rd_result_loss, &rd_result_nll, &rd_result_ppl,
                                              NULL};

static rd_status open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    *self = NULL;
    if (!rd_noise_wanted(&recipe->train.noise))
        return rd_error(RD_ERR_ARGUMENT, "task denoising: the recipe gives no noise; set mask, or "
                                         "another key of it");
    return rd_pairs_open(self, recipe, data_dir, warnings);
}

static rd_status validate(void *self, const rd_validation *validation, rd_results *results) {
    const rd_pairs *p = self;
    rd_pairs_answers answers = {0};
    RD_TRY(rd_task_add_losses(&rd_task_denoising, self, p->recipe, validation, results));
    rd_status status = rd_pairs_generate(p, validation, false, &answers);
    if (status == RD_OK) results->samples = rd_pairs_samples(&answers);
    rd_pairs_answers_free(&answers);
    return status;
}

const rd_task rd_task_denoising = {.name = "denoising",
                                   .bit = RD_DENOISING,
                                   .examples = "lines",
                                   .loss_unit = "token",
                                   .kinds = kinds,
                                   .open = open,
                                   .close = rd_pairs_close,
                                   .open_data = rd_pairs_open_data,
                                   .batches = rd_pairs_batches,
                                   .n_examples = rd_pairs_n_examples,
                                   .checksum = rd_pairs_checksum,
                                   .loss = rd_token_loss,
                                   .validate = validate};
