/* Language models: each token of a text is predicted from those before it, block by block. */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/blocks.h"
#include "data/vocab_files.h"
#include "task/task.h"
#include "task/vocabularies.h"

/* Per word and end of line of the text: comparable between models with any tokens. */
static const rd_result_kind word_ppl = {.name = "word-ppl", .label = "ppl/word", .digits = 2};
static const rd_result_kind bits = {.name = "bits", .label = "bits", .digits = 3};
static const rd_result_kind *const kinds[] = {&rd_result_loss, &rd_result_nll, &rd_result_ppl,
                                              &bits,           &word_ppl,      NULL};

typedef struct {
    rd_recipe *recipe;
    const char *data_dir;
    rd_tokenizer *tokenizer, *target; /* the same one */
    struct {
        rd_stream *text;
        rd_blocks *blocks;
    } splits[2]; /* by rd_split */
} language_model;

static int32_t block_of(const rd_recipe *r) {
    return r->data.tokens_per_sample > 0 ? r->data.tokens_per_sample
                                         : r->model.max_target_positions;
}

static rd_status warn_of_small_batches(const rd_recipe *r, rd_text *warnings) {
    int64_t most = rd_max_tokens(&r->train, RD_TRAINING_DATA);
    if (most == 0 || most >= block_of(r) || r->data.break_mode != RD_BREAK_NONE) return RD_OK;
    return rd_text_printf(warnings,
                          "max-tokens is %lld, but a block has %d (tokens-per-sample): each is a "
                          "batch by itself\n",
                          (long long)most, (int)block_of(r));
}

static rd_status open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    language_model *m = rd_calloc(1, sizeof *m);
    *self = m;
    if (!m) return RD_ERR_MEMORY;
    if (recipe->model.encoder.layers > 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "task language_modeling: the model has an encoder; set an arch such as "
                        "transformer-lm, or encoder-layers: 0");
    if (recipe->model.decoder.layers == 0)
        return rd_error(RD_ERR_ARGUMENT, "task language_modeling: the model has no decoder layers");
    m->recipe = recipe;
    m->data_dir = data_dir;
    RD_TRY(warn_of_small_batches(recipe, warnings));
    return rd_task_open_vocabularies(recipe, data_dir, &m->tokenizer, &m->target, warnings);
}

static void close_all(void *self) {
    language_model *m = self;
    if (!m) return;
    for (int split = 0; split < 2; split++) {
        rd_blocks_free(m->splits[split].blocks);
        rd_stream_close(m->splits[split].text);
    }
    rd_vocabularies_close(m->tokenizer, m->target);
    free(m);
}

static rd_status open_text(const language_model *m, const char *path, rd_stream **text) {
    int32_t size = rd_tokenizer_size(m->tokenizer);
    const rd_identity sizes = {
        .src_vocab = size, .tgt_vocab = size, .prepend_bos = m->recipe->model.prepend_bos};
    RD_TRY(rd_stream_open(text, path));
    RD_TRY(rd_task_check_identity(m->recipe, &sizes, rd_stream_identity(*text), path));
    if (rd_stream_sizes(*text)->tokens == 0)
        return rd_error(RD_ERR_FORMAT, "%s: holds no tokens", path);
    return RD_OK;
}

static rd_status open_split(language_model *m, rd_split split, const char *name) {
    const rd_recipe *r = m->recipe;
    rd_blocks_config config = {.mode = r->data.break_mode,
                               .tokens_per_sample = block_of(r),
                               .longest = r->model.max_target_positions,
                               .max_tokens = rd_max_tokens(&r->train, split),
                               .max_sentences = r->train.max_sentences,
                               .seed = r->train.seed,
                               .start = r->model.eos_id};
    char *path = rd_path_join(m->data_dir, name);
    rd_status status = path ? open_text(m, path, &m->splits[split].text) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        status = rd_blocks_new(&m->splits[split].blocks, m->splits[split].text, &config);
        if (status == RD_ERR_FORMAT) rd_error_prefix(status, "%s", path);
    }
    free(path);
    return status;
}

static rd_status open_data(void *self) {
    RD_TRY(open_split(self, RD_TRAINING_DATA, "train.bin"));
    return open_split(self, RD_VALIDATION_DATA, "valid.bin");
}

static rd_batch_source batches(void *self, rd_split split) {
    language_model *m = self;
    return rd_blocks_source(m->splits[split].blocks);
}

static int64_t n_examples(const void *self, rd_split split) {
    const language_model *m = self;
    return rd_blocks_size(m->splits[split].blocks);
}

static uint64_t checksum(const void *self, rd_split split) {
    const language_model *m = self;
    return rd_stream_checksum(m->splits[split].text);
}

static rd_status validate(void *self, const rd_validation *validation, rd_results *results) {
    const language_model *m = self;
    const rd_stream_counts *counts = rd_stream_sizes(m->splits[RD_VALIDATION_DATA].text);
    RD_TRY(rd_task_add_losses(&rd_task_language_modeling, self, m->recipe, validation, results));
    double nll = results->items[1].value; /* the second of kinds */
    rd_results_add(results, &bits, nll / log(2.0));
    rd_results_add(results, &word_ppl, exp(nll * (double)counts->tokens / (double)counts->words));
    return RD_OK;
}

const rd_task rd_task_language_modeling = {.name = "language_modeling",
                                           .bit = RD_LANGUAGE_MODELING,
                                           .examples = "blocks",
                                           .loss_unit = "token",
                                           .kinds = kinds,
                                           .open = open,
                                           .close = close_all,
                                           .open_data = open_data,
                                           .batches = batches,
                                           .n_examples = n_examples,
                                           .checksum = checksum,
                                           .loss = rd_token_loss,
                                           .validate = validate};
