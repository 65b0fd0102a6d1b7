#include "convert/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "convert/convert.h"
#include "convert/json_file.h"
#include "rdrop/tokenizer.h"
#include "recipe/recipe_keys.h"

static rd_status check_side(rd_recipe *recipe, const char *directory, const char *spm,
                            const char *vocab, int32_t rows) {
    const rd_model_config *c = &recipe->model;
    char *spm_path = rd_path_join(directory, spm), *vocab_path = rd_path_join(directory, vocab);
    rd_tokenizer *tokenizer = NULL;
    rd_status status = spm_path && vocab_path
                           ? rd_tokenizer_open_mapped(&tokenizer, spm_path, vocab_path)
                           : RD_ERR_MEMORY;
    if (status == RD_OK && rd_tokenizer_size(tokenizer) > rows)
        status = rd_error(RD_ERR_FORMAT, "%s: ids up to %d, but the model has embeddings of %d",
                          vocab_path, rd_tokenizer_size(tokenizer) - 1, rows);
    else if (status == RD_OK && rd_tokenizer_eos(tokenizer) != c->eos_id)
        status = rd_error(RD_ERR_FORMAT, "%s: </s> is %d, but the model's end of sentence %d",
                          vocab_path, rd_tokenizer_eos(tokenizer), c->eos_id);
    if (status == RD_OK) recipe->model.unk_id = rd_tokenizer_unk(tokenizer);
    rd_tokenizer_close(tokenizer);
    free(spm_path);
    free(vocab_path);
    return status;
}

/* The target's comes last, whose unk the search is told. */
rd_status rd_import_check_vocabulary(rd_recipe *recipe, const char *directory) {
    const rd_model_config *c = &recipe->model;
    bool separate;
    RD_TRY(rd_json_exists(directory, "target_vocab.json", &separate));
    const char *target = separate ? "target_vocab.json" : "vocab.json";
    RD_TRY(check_side(recipe, directory, "source.spm", "vocab.json", c->src_vocab));
    RD_TRY(check_side(recipe, directory, "target.spm", target, c->tgt_vocab));
    recipe->data.joined_dictionary = !separate && c->src_vocab == c->tgt_vocab;
    recipe->data.vocab_size_src = c->src_vocab;
    recipe->data.vocab_size_tgt = c->tgt_vocab;
    if (c->share_all_embeddings && !recipe->data.joined_dictionary)
        return rd_error(RD_ERR_FORMAT, "%s: shared embeddings, but two vocabularies", directory);
    return RD_OK;
}

rd_status rd_import_save(const rd_recipe *recipe, const rd_parameters *parameters, const char *to) {
    char *model = rd_path_join(to, "model.safetensors"), *config = rd_path_join(to, "config.yaml");
    rd_status status = model && config ? rd_recipe_check(recipe) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_parameters_save(parameters, parameters->values, model);
    if (status == RD_OK) status = rd_recipe_save(recipe, config);
    free(model);
    free(config);
    return status;
}

static bool is_npz(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".npz") == 0;
}

rd_status rd_import(const char *from, const char *to) {
    bool hf, marian;
    if (is_npz(from)) return rd_import_marian(from, to);
    RD_TRY(rd_json_exists(from, "config.json", &hf));
    RD_TRY(rd_json_exists(from, "decoder.yml", &marian));
    if (hf) return rd_import_hf(from, to);
    if (marian) return rd_import_marian(from, to);
    return rd_error(RD_ERR_IO,
                    "%s: neither a .npz file nor a directory with a config.json (Hugging Face) or "
                    "a decoder.yml (Marian)",
                    from);
}
