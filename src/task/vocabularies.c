#include "task/vocabularies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/sentencepiece_check.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"
#include "recipe/special_ids.h"

rd_status rd_task_take_fingerprint(rd_recipe *recipe, const char *data_dir,
                                   rd_vocabulary_kind kind) {
    char found[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_fingerprint(data_dir, kind, found));
    const char *wanted = recipe->vocabulary;
    if (*wanted && strcmp(wanted, found) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: vocabulary %.12s..., but the recipe is for %.12s...",
                        data_dir, found, wanted);
    return rd_recipe_set_key(recipe, rd_recipe_find_key("vocabulary"), found);
}

/* vocab-from is for rdrop-preprocess, and need not exist any more; but if it names another
 * vocabulary than the data's, the data were made with another recipe. */
static rd_status warn_of_vocab_from(const rd_recipe *recipe, const char *data_dir,
                                    rd_text *warnings) {
    const char *from = recipe->data.vocab_from, *start = recipe->train.finetune_from_model;
    char there[RD_SHA256_HEX];
    if (!*from || strcmp(from, start) == 0) return RD_OK; /* a start is compared piece by piece */
    rd_vocabulary_kind kind = rd_recipe_vocabulary_kind(recipe);
    if (rd_vocabularies_fingerprint(from, kind, there) != RD_OK ||
        strcmp(there, recipe->vocabulary) == 0)
        return RD_OK;
    return rd_text_printf(warnings,
                          "vocab-from is %s, but %s has another vocabulary (%.12s..., not "
                          "%.12s...)\n",
                          from, data_dir, recipe->vocabulary, there);
}

static rd_status warn_of_key(const rd_recipe *recipe, const char *key, const char *ours,
                             const char *theirs, const char *path, rd_text *warnings) {
    if (!rd_recipe_is_written(recipe, key) || strcmp(ours, theirs) == 0) return RD_OK;
    return rd_text_printf(warnings, "%s has no effect: it is %s, but %s was made with %s\n", key,
                          *ours ? ours : "empty", path, *theirs ? theirs : "none");
}

static rd_status warn_of_settings(const rd_recipe *recipe, const char *path,
                                  const rd_spm_settings *made, rd_text *warnings) {
    const rd_data_config *d = &recipe->data;
    const char *symbols = made->symbols.data ? made->symbols.data : "";
    char ours[32], theirs[32];
    rd_shortest_float(d->character_coverage, ours);
    rd_shortest_float(made->coverage, theirs);
    RD_TRY(warn_of_key(recipe, "vocab-type", d->vocab_type, made->type, path, warnings));
    if (made->coverage > 0.0f)
        RD_TRY(warn_of_key(recipe, "character-coverage", ours, theirs, path, warnings));
    RD_TRY(warn_of_key(recipe, "byte-fallback", d->byte_fallback ? "true" : "false",
                       made->bytes ? "true" : "false", path, warnings));
    if (strcmp(d->normalization, "auto") != 0)
        RD_TRY(warn_of_key(recipe, "normalization", d->normalization, made->normalization, path,
                           warnings));
    return warn_of_key(recipe, "user-defined-symbols", d->user_defined_symbols, symbols, path,
                       warnings);
}

/* The file of a vocabulary records how it was trained, which the recipe cannot change any more. */
static rd_status warn_of_file(const rd_recipe *recipe, const char *path, rd_text *warnings) {
    rd_spm_settings made = {0};
    char *bytes = NULL;
    size_t n;
    RD_TRY(rd_read_file(path, INT32_MAX, &bytes, &n));
    rd_status status = rd_spm_read_settings(bytes, n, &made);
    if (status == RD_OK) status = warn_of_settings(recipe, path, &made, warnings);
    rd_text_free(&made.symbols);
    free(bytes);
    return status;
}

static rd_status warn_of_training(const rd_recipe *recipe, const char *data_dir,
                                  rd_text *warnings) {
    static const char *const names[] = {"spm.model", "source.spm", "target.spm"};
    if (*recipe->data.vocab_from || *recipe->train.finetune_from_model) return RD_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = rd_path_join(data_dir, names[i]);
        if (!path) return RD_ERR_MEMORY;
        rd_status status = rd_file_exists(path) ? warn_of_file(recipe, path, warnings) : RD_OK;
        free(path);
        RD_TRY(status);
    }
    return RD_OK;
}

rd_status rd_task_open_vocabularies(rd_recipe *recipe, const char *data_dir, rd_tokenizer **source,
                                    rd_tokenizer **target, rd_text *warnings) {
    char warning[256];
    RD_TRY(rd_vocabularies_open(data_dir, rd_recipe_vocabulary_kind(recipe), source, target));
    RD_TRY(rd_task_take_fingerprint(recipe, data_dir, rd_recipe_vocabulary_kind(recipe)));
    RD_TRY(warn_of_vocab_from(recipe, data_dir, warnings));
    RD_TRY(warn_of_training(recipe, data_dir, warnings));
    if (rd_recipe_vocab_size_differs(recipe, rd_tokenizer_size(*source), rd_tokenizer_size(*target),
                                     warning, sizeof warning))
        RD_TRY(rd_text_printf(warnings, "%s: %s\n", data_dir, warning));
    recipe->data.vocab_size_src = rd_tokenizer_size(*source);
    recipe->data.vocab_size_tgt = rd_tokenizer_size(*target);
    return rd_recipe_take_vocabularies(recipe, *source, *target, data_dir);
}

rd_status rd_task_check_identity(const rd_recipe *r, const rd_identity *sizes,
                                 const rd_identity *found, const char *path) {
    rd_identity expected;
    RD_TRY(rd_identity_make(&expected, r->task, r->data.source_lang, r->data.target_lang,
                            r->vocabulary));
    expected.src_vocab = sizes->src_vocab;
    expected.tgt_vocab = sizes->tgt_vocab;
    expected.prepend_bos = sizes->prepend_bos;
    rd_status status = rd_identity_check(found, &expected);
    if (status == RD_OK) return RD_OK;
    rd_error_prefix(status, "%s", path);
    return rd_error_suffix(status, "run rdrop-preprocess again");
}

rd_status rd_task_open_dataset(const rd_recipe *recipe, const rd_identity *sizes, const char *items,
                               const char *path, rd_dataset **dataset) {
    RD_TRY(rd_dataset_open(dataset, path));
    RD_TRY(rd_task_check_identity(recipe, sizes, rd_dataset_identity(*dataset), path));
    if (rd_dataset_size(*dataset) > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: holds no %s", path, items);
}

rd_status rd_task_read_labels(rd_labels *labels, const char *data_dir, const char *names) {
    char *path = rd_path_join(data_dir, "labels.txt");
    if (!path) return RD_ERR_MEMORY;
    rd_status status =
        rd_file_exists(path)
            ? rd_labels_read_as(labels, data_dir, names)
            : rd_error(RD_ERR_FORMAT,
                       "%s: not there: the data have no classes; they are of another task, or "
                       "numbers (regression-target)",
                       path);
    free(path);
    return status;
}
