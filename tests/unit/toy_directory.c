#include "toy_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/vocab.h"
#include "io/output.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"

const char *const toy_sources[TOY_LINES] = {"a dog sees the old house", "two cats",
                                            "the man under the tree runs", "a blue — häuser", "x"};
const char *const toy_targets[TOY_LINES] = {"old house", "the two cats see a man", "tree",
                                            "red dog runs under a tree", "a"};

static void must(rd_status status) {
    if (status == RD_OK) return;
    fprintf(stderr, "%s\n", rd_last_error());
    exit(1);
}

static void make_text(const char *path) {
    static const char *const words[] = {"a",   "dog",  "cat",   "man", "red",  "blue", "house",
                                        "the", "sees", "under", "two", "tree", "old",  "runs"};
    rd_text text = {0};
    rd_rng rng = rd_rng_make(1, 1);
    for (int i = 0; i < 400; i++)
        for (int64_t k = 1 + (int64_t)rd_rng_below(&rng, 9); k >= 0; k--)
            must(rd_text_printf(&text, "%s%s", words[rd_rng_below(&rng, 14)], k ? " " : "\n"));
    must(rd_write_file(path, text.data, (size_t)text.length));
    rd_text_free(&text);
}

static void make_vocabulary(const char *path, const char *name, int32_t pieces) {
    char corpus[4096], model[4096];
    const char *const corpora[] = {corpus};
    snprintf(corpus, sizeof corpus, "%s/corpus", path);
    snprintf(model, sizeof model, "%s/%s", path, name);
    make_text(corpus);
    const rd_vocab_config vocab = {.type = "unigram", .size = pieces, .character_coverage = 1};
    must(rd_vocab_train(&vocab, corpora, 1, model));
    unlink(corpus);
}

void toy_directory_make(const char *path, const char *yaml, int32_t src, int32_t tgt) {
    char config_path[4096];
    rd_text text = {0};
    rd_recipe *recipe;
    rd_model *model;
    snprintf(config_path, sizeof config_path, "%s/config.yaml", path);
    must(rd_make_directories(path));
    make_vocabulary(path, tgt ? "source.spm" : "spm.model", src);
    if (tgt) make_vocabulary(path, "target.spm", tgt);
    must(rd_text_printf(&text, "%s\nmax-update: 1\njoined-dictionary: %s\n", yaml,
                        tgt ? "false" : "true"));
    must(rd_write_file(config_path, text.data, (size_t)text.length));
    rd_text_free(&text);
    must(rd_recipe_load(&recipe, config_path, NULL, 0));
    recipe->model.src_vocab = src, recipe->model.tgt_vocab = tgt ? tgt : src;
    recipe->model.bos_id = 0, recipe->model.pad_id = 1;
    recipe->model.eos_id = 2, recipe->model.unk_id = 3;
    must(rd_model_new(&model, &recipe->model, 1));
    rd_rng rng = rd_rng_make(2, 2); /* biases and pad rows away from zero, too */
    for (int64_t i = 0; i < model->parameters.total; i++)
        model->parameters.values[i] += 0.1f * (float)rd_rng_normal(&rng);
    must(rd_model_dir_save(path, recipe, NULL, RD_VOCABULARY_ANY, &model->parameters,
                           RD_WEIGHTS_FP32));
    rd_model_free(model);
    rd_recipe_free(recipe);
}

void toy_directory_replace_vocabulary(const char *path, const rd_vocab_config *vocab,
                                      const char *corpus) {
    char spm[4096];
    rd_model_dir directory;
    rd_model *model;
    snprintf(spm, sizeof spm, "%s/spm.model", path);
    must(rd_model_dir_open(&directory, path));
    must(rd_model_dir_load(&directory, &model));
    must(rd_vocab_train(vocab, &corpus, 1, spm));
    must(rd_model_dir_save(path, directory.recipe, NULL, RD_VOCABULARY_JOINT, &model->parameters,
                           RD_WEIGHTS_FP32));
    rd_model_free(model);
    rd_model_dir_close(&directory);
}
