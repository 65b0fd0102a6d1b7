#include <stdlib.h>
#include <string.h>

#include "data/vocab_files.h"
#include "lm/lm.h"
#include "recipe/model_dir.h"
#include "search/options.h"

rd_status rd_lm_list_newlines(rd_lm *lm) {
    for (int32_t id = 0; id < rd_tokenizer_size(lm->tokenizer); id++) {
        char *text;
        RD_TRY(rd_tokenizer_decode(lm->tokenizer, &id, 1, &text, NULL));
        rd_status status =
            strchr(text, '\n') ? rd_text_printf(&lm->newlines, " %d", (int)id) : RD_OK;
        free(text);
        RD_TRY(status);
    }
    return RD_OK;
}

static rd_status read_directory(rd_lm *lm, rd_model_dir *files, const char *path,
                                rd_precision precision) {
    rd_tokenizer *target;
    RD_TRY(rd_model_dir_open(files, path));
    const rd_model_config *c = &files->recipe->model;
    if (c->encoder.layers > 0 || c->decoder.layers == 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: no language model: it has %d encoder and %d decoder layers", path,
                        (int)c->encoder.layers, (int)c->decoder.layers);
    RD_TRY(rd_model_dir_vocabularies(files, &lm->tokenizer, &target));
    if (target != lm->tokenizer) {
        rd_tokenizer_close(target);
        return rd_error(RD_ERR_FORMAT, "%s: two vocabularies, but a language model has one", path);
    }
    lm->end = files->recipe->data.line_end;
    RD_TRY(rd_search_options_copy(&lm->search, &files->recipe->search));
    lm->positions = c->max_target_positions;
    int32_t block = files->recipe->data.tokens_per_sample;
    lm->mode = files->recipe->data.break_mode;
    if (lm->mode == RD_BREAK_EOS) block = 0; /* lines, of any length */
    lm->block = block > 0 && block < lm->positions ? block : lm->positions;
    lm->start = c->eos_id;
    rd_status status = rd_line_end_choose(&lm->end, lm->tokenizer);
    if (status != RD_OK) return rd_error_prefix(status, "%s", path);
    return rd_model_dir_load_packed(files, precision, &lm->model);
}

rd_status rd_lm_open(rd_lm *lm, const char *directory, rd_precision precision) {
    rd_model_dir files;
    *lm = (rd_lm){0};
    rd_status status = read_directory(lm, &files, directory, precision);
    rd_model_dir_close(&files);
    if (status != RD_OK) rd_lm_close(lm);
    return status;
}

void rd_lm_close(rd_lm *lm) {
    rd_model_free(lm->model);
    rd_tokenizer_close(lm->tokenizer);
    rd_search_options_free(&lm->search);
    rd_text_free(&lm->newlines);
    *lm = (rd_lm){0};
}
