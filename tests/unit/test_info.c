/* rdrop-convert --info: what is said of each kind of model, and of what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "convert/info.h"
#include "golden.h"
#include "io/output.h"
#include "toy_directory.h"
#include "train/checkpoint.h"

static char directory[] = "/tmp/rdrop-info-XXXXXX";
static char model[64]; /* as rdrop-train leaves it: DIR/model, DIR/train.jsonl */

static int setup(void **state) {
    (void)state;
    static const char log[] =
        "{\"event\":\"start\",\"update\":0}\n"
        "{\"event\":\"train\",\"update\":10,\"loss\":5.5}\n"
        "{\"event\":\"valid\",\"update\":10,\"epoch\":1,\"loss\":4.25,\"bleu\":31.5,\"best\":true}"
        "\n"
        "{\"event\":\"valid\",\"update\":20,\"epoch\":2,\"loss\":4.5,\"best\":false}\n"
        "{\"event\":\"end\",\"update\":20,\"reason\":\"max-update reached\"}\n{\"event";
    char path[128];
    if (!mkdtemp(directory)) return 1;
    snprintf(model, sizeof model, "%s/model", directory);
    snprintf(path, sizeof path, "%s/train.jsonl", directory);
    toy_directory_make(model,
                       "arch: transformer-tiny\nencoder-embed-dim: 16\ndecoder-layers: 2\n"
                       "encoder-normalize-before: true\nreg-alpha: 5\nbeam: 7\n",
                       28, 34);
    return rd_write_file(path, log, sizeof log - 1) != RD_OK;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

/* lines: NULL behind the last. */
static void says(const char *path, const char *const *lines) {
    rd_text text = {0};
    must(rd_info(path, &text));
    for (; *lines; lines++)
        if (!strstr(text.data, *lines)) fail_msg("no \"%s\" in:\n%s", *lines, text.data);
    rd_text_free(&text);
}

static void test_model_directory(void **state) {
    (void)state;
    static const char *const lines[] = {
        "kind: model directory\n",
        "architecture: transformer, width 16, relu, no embeddings tied\n",
        "encoder: 4 layers, 4 heads, feed-forward 256, pre-norm, sinusoidal positions\n",
        "decoder: 2 layers, 4 heads, feed-forward 256, post-norm, sinusoidal positions\n",
        "vocabulary: 28 of source, 34 of target\n",
        "vocabulary files: source.spm, target.spm\n",
        "parameters: 61504 in 121 tensors, 0.2 MiB: F32 61504\n",
        " beam 7\n",
        "train.jsonl: 20 updates in 1 run, 2 validations, max-update reached\n",
        "best validation: update 10, epoch 1, loss 4.25, BLEU 31.5\n",
        "last validation: update 20, epoch 2, loss 4.5\n",
        NULL};
    says(model, lines);
    says(directory, lines);
}

static void test_weights(void **state) {
    (void)state;
    static const char *const lines[] = {"kind: safetensors file\n",
                                        "parameters: 61504 in 121 tensors", NULL};
    char path[128];
    snprintf(path, sizeof path, "%s/model.safetensors", model);
    says(path, lines);
}

static void test_foreign(void **state) {
    (void)state;
    static const char *const hf[] = {
        "kind: Hugging Face directory of type marian\n", "width 12, relu, no embeddings tied\n",
        "vocabulary files: source.spm, target.spm, vocab.json, tokenizer_config.json\n", ": BF16 ",
        NULL};
    static const char *const shards[] = {"parameters: 2910 in 45 tensors", NULL};
    static const char *const marian[] = {
        "kind: Marian model\n", "width 12, swish, all embeddings tied",
        "encoder: 2 layers, 4 heads, feed-forward 16",
        "parameters: 4628 in 60 tensors, 0.0 MiB: F32 4628\n", NULL};
    says(TEST_DATA "/marian/untied", hf);
    says(TEST_DATA "/marian/separate", shards);
    says(TEST_DATA "/marian_npz/opus", marian);
    says(TEST_DATA "/marian_npz/opus/model.npz", marian);
}

/* Models that cannot be imported can still be described. */
static void test_unsupported(void **state) {
    (void)state;
    static const char config[] = "{\"model_type\": \"t5\"}", tensors[] = "\x02\0\0\0\0\0\0\0{}";
    static const char *const lines[] = {"of type t5\n", "not importable: ", "0 in 0 tensors", NULL};
    char path[128], file[160];
    snprintf(path, sizeof path, "%s/t5", directory);
    must(rd_make_directories(path));
    snprintf(file, sizeof file, "%s/config.json", path);
    must(rd_write_file(file, config, sizeof config - 1));
    snprintf(file, sizeof file, "%s/model.safetensors", path);
    must(rd_write_file(file, tensors, sizeof tensors - 1));
    says(path, lines);
}

/* Models of one stack have one side; of pictures no positions of tokens. */
static void test_one_stack(void **state) {
    (void)state;
    static const char *const bert[] = {
        "directory of type bert\n", "decoder: none\npositions: 40\nvocabulary: 25\n",
        "vocabulary files: vocab.txt, tokenizer_config.json\n", NULL};
    static const char *const xlm[] = {"directory of type xlm-roberta\n",
                                      "vocabulary files: sentencepiece.bpe.model\n", NULL};
    static const char *const gpt2[] = {
        "directory of type gpt2\n", "encoder: none\ndecoder: 2 layers, 3 heads",
        "positions: 40\nvocabulary: 269\n", "vocabulary files: vocab.json, merges.txt\n", NULL};
    static const char *const vit[] = {"kind: Hugging Face directory of type vit\n",
                                      "decoder: none\npictures: 16 x 16, 3 channels, patches of "
                                      "4 x 4, class tokens: 1\n",
                                      NULL};
    static const char *const timm[] = {"kind: timm directory of type ", NULL};
    says(TEST_DATA "/bert/bert", bert);
    says(TEST_DATA "/bert/xlm_roberta", xlm);
    says(TEST_DATA "/gpt2", gpt2);
    says(TEST_DATA "/vit/hf", vit);
    says(TEST_DATA "/vit/timm", timm);
}

static void test_fairseq(void **state) {
    (void)state;
    static const char *const lines[] = {"kind: checkpoint of fairseq\n", "languages: en to de\n",
                                        NULL};
    says(TEST_DATA "/fairseq/old/model.pt", lines);
}

/* A decoder.yml without a list of models. */
static void test_no_models(void **state) {
    (void)state;
    static const char *const texts[] = {"beam-size: 6\n", "models: model.npz\n", "models: []\n"};
    char path[128], file[160];
    rd_text text = {0};
    snprintf(path, sizeof path, "%s/marian", directory);
    snprintf(file, sizeof file, "%s/decoder.yml", path);
    must(rd_make_directories(path));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        must(rd_write_file(file, texts[i], strlen(texts[i])));
        assert_int_equal(rd_info(path, &text), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), "decoder.yml: does not name a model"));
    }
    must(rd_write_file(file, "models: [model.pt]\n", 19));
    assert_int_equal(rd_info(path, &text), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "a model that is not a .npz file"));
    rd_text_free(&text);
}

static rd_status same_block(void *values, int i, const float **block) {
    (void)i;
    *block = values;
    return RD_OK;
}

/* Checkpoints keep a loss negated; it is shown as it was. */
static void test_checkpoint(void **state) {
    (void)state;
    static const struct {
        const char *settings, *metric;
        double best;
        const char *line;
    } cases[] = {
        {"task: \"masked_lm\"\n", "ppl", -7.5, "best validation: update 5, ppl 7.5\n"},
        {"seed: 1\n", "nll", -2.5, "best validation: update 5, nll 2.5\n"},
        {"task: \"translation\"\n", "bleu", 31.5, "best validation: update 5, bleu 31.5\n"}};
    char path[128];
    snprintf(path, sizeof path, "%s/checkpoint", directory);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float values[3] = {1, 2, 3};
        const rd_checkpoint_blocks blocks = {.count = 3, .n = 3, .get = same_block, .self = values};
        rd_progress_state s = {.update = 12, .epoch = 2, .validated_update = 10, .best_update = 5};
        const char *const lines[] = {"parameters: 3, with the optimizer's state\n", cases[i].line,
                                     NULL};
        s.best_metric = cases[i].best;
        strcpy(s.metric, cases[i].metric);
        must(rd_checkpoint_save(path, path, cases[i].settings, &s, &blocks));
        says(path, lines);
    }
}

static void test_no_model(void **state) {
    (void)state;
    rd_text text = {0};
    char path[128];
    assert_int_equal(rd_info(TEST_DATA, &text), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "no model"));
    assert_int_equal(rd_info("/nowhere", &text), RD_ERR_IO);
    snprintf(path, sizeof path, "%s/checkpoint_last", directory);
    must(rd_write_file(path, "RDCKPT03", 8));
    assert_int_equal(rd_info(path, &text), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "not a checkpoint"));
    must(rd_write_file(path, "RDCKPT02", 8));
    assert_int_equal(rd_info(path, &text), RD_ERR_UNSUPPORTED);
    assert_non_null(strstr(rd_last_error(), "another version of this program (02, expected 03)"));
    rd_text_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_directory), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_foreign),         cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_one_stack),       cmocka_unit_test(test_fairseq),
        cmocka_unit_test(test_no_models),       cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_no_model),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
