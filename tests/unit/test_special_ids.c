/* Vocabularies that lack special pieces, as SentencePiece and T5 make them: what does not use those
 * pieces works from training to fine-tuning; what does is refused before anything is trained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "convert/convert.h"
#include "data/binarize.h"
#include "io/output.h"
#include "rdrop/translator.h"
#include "recipe/special_ids.h"
#include "sentencepiece_shim.h"
#include "train/trainer.h"

static char root[] = "/tmp/rdrop-special-XXXXXX";

static const char *const sentences[] = {"ka romi te suna lo", "lo ka te", "romi suna",
                                        "te te lo ka suna"};

static void must(rd_status status) {
    if (status != RD_OK) fail_msg("%s", rd_last_error());
}

static char *path_of(const char *name) {
    static char room[4][256];
    static int next;
    char *path = room[next++ % 4];
    snprintf(path, sizeof room[0], "%s/%s", root, name);
    return path;
}

static void write_text(const char *name, const char *text) {
    must(rd_write_file(path_of(name), text, strlen(text)));
}

static int next_sentence(void *self, const char **text, size_t *n) {
    int *i = self;
    *text = sentences[*i % 4];
    *n = strlen(*text);
    return (*i)++ < 400;
}

/* A vocabulary of 18 pieces with these special ids, in DIRECTORY/NAME. */
static void make_vocabulary(const char *directory, const char *name, const char *ids) {
    char options[256], path[128], *model = NULL, *message = NULL;
    int i = 0;
    size_t n = 0;
    snprintf(options, sizeof options, "vocab_size=18 model_type=unigram minloglevel=2 %s", ids);
    if (spm_train(options, next_sentence, &i, (spm_endings){0}, &model, &n, &message))
        fail_msg("%s", message);
    must(rd_make_directories(path_of(directory)));
    snprintf(path, sizeof path, "%s/%s", directory, name);
    must(rd_write_file(path_of(path), model, n));
    free(model);
}

static rd_tokenizer *open_tokenizer(const char *path) {
    rd_tokenizer *tokenizer;
    must(rd_tokenizer_open(&tokenizer, path_of(path)));
    return tokenizer;
}

static void binarize(const char *directory) {
    char name[128];
    const char *corpus = path_of("corpus");
    snprintf(name, sizeof name, "%s/spm.model", directory);
    rd_tokenizer *tokenizer = open_tokenizer(name);
    rd_binarize_config config = {.src_paths = &corpus,
                                 .tgt_paths = &corpus,
                                 .n_paths = 1,
                                 .src_tokenizer = tokenizer,
                                 .tgt_tokenizer = tokenizer,
                                 .keep_text = true};
    rd_binarize_statistics statistics;
    snprintf(name, sizeof name, "%s/train.bin", directory);
    must(rd_binarize(&config, path_of(name), &statistics));
    snprintf(name, sizeof name, "%s/valid.bin", directory);
    must(rd_binarize(&config, path_of(name), &statistics));
    rd_tokenizer_close(tokenizer);
}

static void on_event(void *self, const rd_train_event *event) {
    (void)self, (void)event;
}

static rd_status train(const char *yaml, const char *data, const char *to) {
    rd_recipe *recipe;
    write_text("recipe.yaml", yaml);
    RD_TRY(rd_recipe_load(&recipe, path_of("recipe.yaml"), NULL, 0));
    rd_status status =
        rd_train(NULL, recipe, path_of(data), path_of(to), on_event, NULL, NULL, NULL);
    rd_recipe_free(recipe);
    return status;
}

/* Opens the model and translates with it. */
static void translate(const char *model) {
    const char *directory = path_of(model), *line = "ka romi te";
    rd_translator *translator;
    rd_translations translations;
    must(rd_translator_open(&translator, &directory, 1, RD_PRECISION_FP32));
    rd_translate_options options = rd_translator_defaults(translator);
    must(rd_translator_run(translator, &options, 1, &line, NULL, &translations));
    assert_non_null(translations.items[0].text);
    rd_translations_free(&translations);
    rd_translator_close(translator);
}

#define SHAPE                                                                                      \
    "encoder-embed-dim: 8\nencoder-layers: 1\ndecoder-layers: 1\nencoder-ffn-embed-dim: 16\n"      \
    "decoder-ffn-embed-dim: 16\nencoder-attention-heads: 2\ndecoder-attention-heads: 2\n"
#define SCHEDULE "max-tokens: 60\nmax-update: 2\nthreads: 1\n"

static void without_bos_or_pad_models_train_translate_and_fine_tune(void **state) {
    (void)state;
    static const char *const ids[] = {"", "unk_id=0 bos_id=-1 eos_id=1 pad_id=-1",
                                      "pad_id=0 eos_id=1 unk_id=2 bos_id=-1"};
    static const char *const positions[] = {"", "encoder-learned-pos: true\n"};
    for (int i = 0; i < 3; i++) {
        char command[160], yaml[1024];
        make_vocabulary("data", "spm.model", ids[i]);
        binarize("data");
        snprintf(yaml, sizeof yaml, "joined-dictionary: true\n%s" SHAPE SCHEDULE, positions[i % 2]);
        must(train(yaml, "data", "out"));
        translate("out/model");
        must(rd_export(path_of("out/model"), path_of("exported"), NULL));
        must(rd_import(path_of("exported"), path_of("imported"), NULL));
        translate("imported");
        /* The recipe says nothing of the vocabulary: it is the model's. */
        snprintf(yaml, sizeof yaml, "finetune-from-model: %s\n" SCHEDULE, path_of("out/model"));
        must(train(yaml, "data", "tuned"));
        translate("tuned/model");
        snprintf(command, sizeof command, "cd %s && rm -r data out exported imported tuned", root);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    }
}

static void refuses(const char *yaml, const char *source_ids, const char *target_ids,
                    const char *expected) {
    rd_recipe *recipe;
    make_vocabulary("refused", "source.spm", source_ids);
    make_vocabulary("refused", "target.spm", target_ids);
    write_text("recipe.yaml", yaml);
    must(rd_recipe_load(&recipe, path_of("recipe.yaml"), NULL, 0));
    rd_tokenizer *source = open_tokenizer("refused/source.spm");
    rd_tokenizer *target = open_tokenizer("refused/target.spm");
    assert_int_equal(rd_recipe_take_vocabularies(recipe, source, target, "bin"), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), expected));
    rd_tokenizer_close(source);
    rd_tokenizer_close(target);
    rd_recipe_free(recipe);
}

static void a_special_piece_that_a_setting_uses_must_be_there(void **state) {
    (void)state;
    const char *plain = "", *no_bos = "unk_id=0 bos_id=-1 eos_id=1";
    refuses("max-update: 2\n", "unk_id=0 bos_id=1 eos_id=-1", plain, "--eos_id");
    refuses("max-update: 2\n", no_bos, plain,
            "the end of sentence is piece 1 of the source vocabulary and piece 2 of the target's");
    refuses("max-update: 2\ndecoder-start: pad\n", plain, plain, "decoder-start: pad needs a pad");
    refuses("max-update: 2\ndecoder-start: bos\n", no_bos, no_bos,
            "decoder-start: bos needs a begin of sentence");
    refuses("max-update: 2\nprepend-bos: true\n", no_bos, no_bos,
            "prepend-bos needs a begin of sentence");
    refuses("max-update: 2\nforced-bos: true\n", no_bos, no_bos,
            "forced-bos needs a begin of sentence");
}

static void the_vocabulary_is_read_as_the_start_model_reads_it(void **state) {
    (void)state;
    rd_recipe *recipe;
    char yaml[512];
    const char *settings[] = {"joined-dictionary=false"};
    must(rd_make_directories(path_of("start")));
    write_text("start/config.yaml",
               "joined-dictionary: true\nprepend-bos: true\nmax-update: 2\nbos-id: -1\npad-id: "
               "-1\nfinetune-from-model: .\n");
    snprintf(yaml, sizeof yaml, "finetune-from-model: %s\nmax-update: 2\n", path_of("start"));
    write_text("recipe.yaml", yaml);
    must(rd_recipe_load(&recipe, path_of("recipe.yaml"), NULL, 0));
    assert_true(recipe->data.joined_dictionary);
    assert_true(recipe->model.prepend_bos);
    rd_recipe_free(recipe);
    must(rd_recipe_load(&recipe, path_of("recipe.yaml"), settings, 1));
    assert_false(recipe->data.joined_dictionary); /* written down: training refuses it */
    rd_recipe_free(recipe);
    write_text("start/config.yaml", "joined-dictionary: maybe\n");
    assert_int_equal(rd_recipe_load(&recipe, path_of("recipe.yaml"), NULL, 0), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "finetune-from-model: "));
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(root)) return -1;
    write_text("corpus", "ka romi te\nsuna lo ka\nlo te\nromi suna lo ka te\n");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_bos_or_pad_models_train_translate_and_fine_tune),
        cmocka_unit_test(a_special_piece_that_a_setting_uses_must_be_there),
        cmocka_unit_test(the_vocabulary_is_read_as_the_start_model_reads_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
