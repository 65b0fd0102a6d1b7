/* What the imports of all families have in common, besides tensors. */
#include "convert/import.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"

/* The first that a model is counts. */
static const rd_family *const families[] = {&rd_family_vit,  &rd_family_gpt2,   &rd_family_bert,
                                            &rd_family_bart, &rd_family_marian, &rd_family_fairseq};

static rd_status open_files(rd_importer *im) {
    bool found;
    if (rd_ends_with(im->from, ".npz") && !rd_is_directory(im->from))
        return rd_npz_open(&im->npz, im->from);
    RD_TRY(rd_has_file(im->from, "config.json", &found));
    return found ? rd_json_read(im->from, "config.json", &im->config) : RD_OK;
}

rd_status rd_import_open(rd_importer *im, const char *from, const rd_family **family) {
    *im = (rd_importer){.from = from};
    *family = NULL;
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(open_files(im));
    for (size_t i = 0; !*family && i < sizeof families / sizeof *families; i++) {
        bool found;
        RD_TRY(families[i]->is_it(im, &found));
        if (found) *family = families[i];
    }
    im->own = rd_calloc(1, *family ? (*family)->own : 0);
    return im->own ? RD_OK : RD_ERR_MEMORY;
}

void rd_import_close(rd_importer *im) {
    free(im->own);
    json_decref(im->config);
    rd_recipe_free(im->recipe);
    rd_parameters_free(&im->parameters);
    rd_labels_free(&im->labels);
    rd_tensor_set_close(&im->tensors);
    rd_npz_close(&im->npz);
    rd_string_table_free(&im->used);
}

rd_status rd_import_take_vocabulary(rd_importer *im, const rd_tokenizer *tokenizer, int32_t rows) {
    rd_data_config *d = &im->recipe->data;
    rd_model_config *c = &im->recipe->model;
    c->bos_id = rd_tokenizer_bos(tokenizer);
    c->eos_id = rd_tokenizer_eos(tokenizer);
    c->unk_id = rd_tokenizer_unk(tokenizer);
    d->joined_dictionary = true;
    d->vocab_size_src = d->vocab_size_tgt = rows;
    if (rd_tokenizer_size(tokenizer) <= rows) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: ids of the vocabulary up to %d, but the model has embeddings of %d",
                    im->from, rd_tokenizer_size(tokenizer) - 1, rows);
}

static rd_status check_side(const rd_model_config *c, const char *directory, const char *side,
                            const rd_tokenizer *tokenizer, int32_t rows) {
    if (rd_tokenizer_size(tokenizer) > rows)
        return rd_error(RD_ERR_FORMAT,
                        "%s: ids of the %s vocabulary up to %d, but the model has embeddings of %d",
                        directory, side, rd_tokenizer_size(tokenizer) - 1, rows);
    if (rd_tokenizer_eos(tokenizer) == c->eos_id) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: </s> is %d in the %s vocabulary, but the model's end of sentence %d",
                    directory, rd_tokenizer_eos(tokenizer), side, c->eos_id);
}

/* Ids are those of the JSON files, never SentencePiece's own. */
rd_status rd_import_vocabulary_kind(const char *directory, rd_vocabulary_kind *kind) {
    bool separate, ids;
    RD_TRY(rd_has_file(directory, "target_vocab.json", &separate));
    RD_TRY(rd_has_file(directory, "vocab.json", &ids));
    *kind = separate ? RD_VOCABULARY_SEPARATE : RD_VOCABULARY_JOINT;
    if (!separate || ids) return RD_OK;
    return rd_error(RD_ERR_IO, "%s/vocab.json: missing, next to a target_vocab.json", directory);
}

/* The search gets the target's unk. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory) {
    rd_model_config *c = &recipe->model;
    rd_tokenizer *source, *target;
    rd_vocabulary_kind kind;
    RD_TRY(rd_import_vocabulary_kind(directory, &kind));
    RD_TRY(rd_vocabularies_open(directory, kind, &source, &target));
    rd_status status = check_side(c, directory, "source", source, c->src_vocab);
    if (status == RD_OK) status = check_side(c, directory, "target", target, c->tgt_vocab);
    c->unk_id = rd_tokenizer_unk(target);
    rd_vocabularies_close(source, target);
    RD_TRY(status);
    recipe->data.joined_dictionary = kind == RD_VOCABULARY_JOINT && c->src_vocab == c->tgt_vocab;
    recipe->data.vocab_size_src = c->src_vocab;
    recipe->data.vocab_size_tgt = c->tgt_vocab;
    if (c->share_all_embeddings && !recipe->data.joined_dictionary)
        return rd_error(RD_ERR_FORMAT, "%s: shared embeddings, but two vocabularies", directory);
    return RD_OK;
}
