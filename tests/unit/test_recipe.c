/* Recipes: values, precedence, extends, messages, hostile files, and the exact round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/output.h"
#include "recipe/recipe_keys.h"

static char directory[] = "/tmp/rdrop-recipe-XXXXXX";

static const char *write_recipe(const char *name, const char *text) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(rd_write_file(path, text, strlen(text)), RD_OK);
    return path;
}

static rd_recipe *load(const char *text) {
    rd_recipe *recipe = NULL;
    if (rd_recipe_load(&recipe, write_recipe("r.yaml", text), NULL, 0) != RD_OK)
        fail_msg("%s", rd_last_error());
    return recipe;
}

static void refused(const char *text, const char *message) {
    rd_recipe *recipe = NULL;
    assert_int_equal(rd_recipe_load(&recipe, write_recipe("r.yaml", text), NULL, 0), RD_ERR_FORMAT);
    assert_null(recipe);
    if (!strstr(rd_last_error(), message))
        fail_msg("'%s' is not in '%s'", message, rd_last_error());
}

static void explicit_keys_win_over_arch_in_any_order(void **state) {
    (void)state;
    rd_recipe *recipe = load("encoder-layers: 2\narch: transformer-tiny\ndropout: 0.3\n"
                             "max-update: 10\nadam-betas: [0.9, 0.98]\nbatch-size: 7\n");
    assert_int_equal(recipe->model.encoder.layers, 2);
    assert_int_equal(recipe->model.decoder.layers, 4);
    assert_int_equal(recipe->model.d_model, 128);
    assert_int_equal(recipe->model.decoder.ffn_dim, 256);
    assert_true(recipe->model.dropout == 0.3F);
    assert_true(recipe->optim.adam_beta1 == 0.9 && recipe->optim.adam_beta2 == 0.98);
    assert_int_equal(recipe->train.max_sentences, 7);
    assert_string_equal(recipe->name, "r");
    assert_string_equal(recipe->directory, directory);
    rd_recipe_free(recipe);
}

static void archs_are_named_as_in_fairseq_too(void **state) {
    (void)state;
    rd_recipe *recipe = load("arch: transformer_iwslt_de_en\nmax-update: 10\n");
    assert_int_equal(recipe->model.encoder.ffn_dim, 1024);
    rd_recipe_free(recipe);
    refused("arch: transformer_iwslt_de\n", "expected one of transformer-tiny");
    refused("arch: transformer_iwslt_de_en_v2\n", "expected one of transformer-tiny");
}

static void extends_and_settings_override(void **state) {
    (void)state;
    write_recipe("base.yaml", "max-epoch: 3\nreg-alpha: 5\nlr: 1e-3\nseed: 4\n");
    const char *path = write_recipe("r.yaml", "extends: base.yaml\nreg-alpha: 0\n");
    const char *settings[] = {"seed=18446744073709551615", "vocab-size=600",
                              "adam-betas=(0.8, 0.9)"};
    rd_recipe *recipe = NULL;
    assert_int_equal(rd_recipe_load(&recipe, path, settings, 3), RD_OK);
    assert_int_equal(recipe->train.max_epoch, 3);
    assert_true(recipe->train.reg_alpha == 0 && recipe->optim.lr == 1e-3);
    assert_true(recipe->train.seed == UINT64_MAX);
    assert_int_equal(recipe->data.vocab_size_src, 600);
    assert_int_equal(recipe->data.vocab_size_tgt, 600);
    assert_true(recipe->optim.adam_beta1 == 0.8);
    rd_recipe_free(recipe);
    const char *bad[] = {"beam=0"};
    assert_int_equal(rd_recipe_load(&recipe, path, bad, 1), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "--set beam=0: beam is 0; expected 1 to 1024"));
    const char *no_value[] = {"beam"};
    assert_int_equal(rd_recipe_load(&recipe, path, no_value, 1), RD_ERR_FORMAT);
}

static void a_decay_ends_with_training(void **state) {
    (void)state;
    const char *path = write_recipe("r.yaml", "lr-scheduler: cosine\nmax-update: 700\n");
    rd_recipe *recipe = NULL;
    assert_int_equal(rd_recipe_load(&recipe, path, NULL, 0), RD_OK);
    assert_int_equal(recipe->optim.total_num_update, 700);
    rd_recipe_free(recipe);
    const char *settings[] = {"total-num-update=900", "max-update=800"};
    assert_int_equal(rd_recipe_load(&recipe, path, settings, 2), RD_OK);
    assert_int_equal(recipe->optim.total_num_update, 900);
    rd_recipe_free(recipe);
}

/* One that does not fall to an end has none, so that more updates change nothing else. */
static void other_schedules_have_no_end(void **state) {
    (void)state;
    rd_recipe *recipe = load("lr-scheduler: inverse_sqrt\nmax-update: 700\n");
    assert_int_equal(recipe->optim.total_num_update, 0);
    rd_recipe_free(recipe);
}

static void numbers_are_written_short(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"dropout", "0.1"},
                                           {"lr", "0.0005"},
                                           {"adam-betas", "[0.9, 0.98]"},
                                           {"adam-eps", "1e-08"},
                                           {"lenpen", "-0.333333343"}};
    rd_recipe *recipe = load("max-update: 1\ndropout: 0.1\nlr: 5e-4\nadam-betas: [0.9, 0.98]\n"
                             "lenpen: -0.33333334\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_text text = {0};
        const rd_key *key = rd_recipe_find_key(cases[i][0]);
        assert_int_equal(rd_recipe_format_key(recipe, key, &text), RD_OK);
        if (i < 4) assert_string_equal(text.data, cases[i][1]);
        assert_true(i < 4 || strtof(text.data, NULL) == strtof(cases[i][1], NULL));
        rd_text_free(&text);
    }
    rd_recipe_free(recipe);
}

/* Of any length, and lists of numbers too. */
static void values_are_copied(void **state) {
    (void)state;
    enum { LONG = 100000 };
    rd_recipe *from = load("max-update: 1\nadaptive-softmax-cutoff: 20,60\n"), *to;
    assert_int_equal(rd_recipe_new(&to), RD_OK);
    char *labels = malloc(LONG + 1);
    memset(labels, 'a', LONG);
    labels[LONG] = '\0';
    const rd_key *keys[] = {rd_recipe_find_key("labels"),
                            rd_recipe_find_key("adaptive-softmax-cutoff")};
    assert_int_equal(rd_recipe_set_key(from, keys[0], labels), RD_OK);
    for (int i = 0; i < 2; i++) {
        assert_false(rd_recipe_same_value(from, to, keys[i]));
        assert_int_equal(rd_recipe_copy_key(to, from, keys[i]), RD_OK);
        assert_true(rd_recipe_same_value(from, to, keys[i]));
    }
    assert_true(rd_recipe_has_value(to, keys[1], "20,60"));
    rd_text out = {0};
    assert_int_equal(rd_recipe_write(to, NULL, &out), RD_OK);
    assert_non_null(strstr(out.data, labels));
    rd_text_free(&out);
    rd_recipe_free(from);
    rd_recipe_free(to);
    free(labels);
}

static void lists_of_texts_are_joined(void **state) {
    (void)state;
    rd_recipe *recipe = load("max-update: 1\nlabels: [no, \"may be\"]\ntestpref:\n- one\n- two\n");
    assert_string_equal(recipe->table.labels, "no,may be");
    assert_string_equal(recipe->data.testpref, "one,two");
    rd_recipe_free(recipe);
    const char *settings[] = {"labels=[no, \"may be\"]", "extend-vocab=[<a>, <b>]",
                              "finetune-from-model=[a]"};
    const char *path = write_recipe("r.yaml", "max-update: 1\n");
    assert_int_equal(rd_recipe_load(&recipe, path, settings, 3), RD_OK);
    assert_string_equal(recipe->table.labels, "no,may be");
    assert_string_equal(recipe->train.extend_vocab, "<a> <b>");
    assert_string_equal(recipe->train.finetune_from_model, "[a]"); /* no list: a text is itself */
    rd_recipe_free(recipe);
    settings[1] = "extend-vocab=[ENT] [REL]"; /* symbols in brackets */
    assert_int_equal(rd_recipe_load(&recipe, path, settings, 3), RD_OK);
    assert_string_equal(recipe->train.extend_vocab, "[ENT] [REL]");
    rd_recipe_free(recipe);
    static const char *const bad[] = {"labels=[no", "labels=[no, yes]x"};
    for (int i = 0; i < 2; i++) {
        settings[0] = bad[i];
        assert_int_equal(rd_recipe_load(&recipe, path, settings, 1), RD_ERR_FORMAT);
    }
}

static void messages_name_line_and_remedy(void **state) {
    (void)state;
    refused("max-epoch: 1\n\nmax-token: 4\n",
            "r.yaml:3: unknown key 'max-token'; did you mean 'max-tokens'?");
    refused("zzzzzzzzzzzzzzzzzzz: 4\n", "rdrop-recipe --help-recipe");
    refused("max-epoch: many\n", "r.yaml:1: max-epoch is 'many'; expected a whole number");
    refused("max-epoch: 1.5\n", "expected a whole number");
    refused("max-epoch: 99999999999999999999\n", "expected 0 to");
    refused("dropout: .nan\n", "expected a number");
    refused("dropout: nan\n", "expected a number");
    refused("lr: 1e999\n", "expected a number");
    refused("dropout: 1\n", "expected 0 to 0.99");
    refused("adaptive-input-cutoff: 0,5\n", "expected 1 to");
    refused("reg-alpha: -1\n", "expected 0 to 1000");
    refused("ema-decay: 1\n", "expected 0 to 0.9999999");
    refused("eval-bleu: maybe\n", "expected true or false");
    refused("lr-scheduler: linear\n", "expected one of fixed, inverse_sqrt");
    refused("optimizer: lion\n", "expected one of adam, nag, sgd");
    refused("arch: bert\n", "expected one of transformer-tiny");
    refused("adam-betas: [0.9]\n", "expected two numbers");
    refused("adam-betas: [0.9, 1]\n", "expected 0 to");
    refused("seed: -1\n", "18446744073709551615");
    refused("labels: [a, \"b, c\"]\n", "r.yaml:1: an item with a comma");
    refused("extend-vocab: [a b]\n", "r.yaml:1: an item with a blank");
    refused("sentence1-column: [a, b]\n", "r.yaml:1: expected one text, not a list");
    refused("labels: [a, [b]]\n", "r.yaml:1: expected a plain value or a list of them");
    refused("lr: 1\nseed: 1\nlr: 2\n", "r.yaml:3: key 'lr' is given twice, first on line 1");
    refused("trainpref: \"a\\nb\"\n", "control characters");
}

static void contradictions_are_refused(void **state) {
    (void)state;
    refused("seed: 1\n", "neither max-update nor max-epoch");
    refused("max-epoch: 1\nshare-all-embeddings: true\n", "needs joined-dictionary");
    refused("max-epoch: 1\nencoder-attention-heads: 7\n", "not a multiple");
    refused("max-epoch: 1\nencoder-embed-dim: 64\ndecoder-embed-dim: 32\n", "must be the same");
    refused("max-epoch: 1\nmax-tokens: 0\n", "limits a batch");
    refused("max-epoch: 1\nsentencepiece-nbest: 1\n", "draws nothing");
    refused("max-epoch: 1\nvocab-type: bpe\nsentencepiece-alpha: 1.5\n", "at most 1");
    refused("max-epoch: 1\nkl-adaptive: cluster\n", "there are no clusters");
    refused("max-epoch: 1\ntask: translating\n", "translation");
    refused("max-epoch: 1\nbeam: 2\nnbest: 3\n", "nbest is 3; expected 1 to the beam, 2");
    refused("max-epoch: 1\nbeam: 4\nsampling: true\ndiverse-beam-groups: 2\n",
            "exclude each other");
    refused("max-epoch: 1\nlr-scheduler: cosine\n", "total-num-update");
    refused("max-epoch: 1\njoined-dictionary: true\nvocab-size-src: 90\n", "give vocab-size");
    refused("max-epoch: 1\nvocab-size: 3\n", "r.yaml:2: vocab-size: vocab-size-src is 3; expected 8");
    refused("max-epoch: 1\nvocab-size-src: 90\nvocab-size: 80\n",
            "r.yaml:3: 'vocab-size' and 'vocab-size-src' on line 2");
    refused("max-epoch: 1\nvocab-size: 80\nvocab-size-tgt: 90\n",
            "r.yaml:3: 'vocab-size-tgt' and 'vocab-size' on line 2");
    refused("max-epoch: 1\nscore-metrics: bleu,bluer\n", "score-metrics: no metric 'bluer'");
}

/* As PyYAML reads them; in quotes they are texts. */
static void null_is_not_set(void **state) {
    (void)state;
    rd_recipe *recipe =
        load("arch: transformer-tiny\nmax-epoch: 1\nfinetune-from-model: ~\ntestpref:\n"
             "user-defined-symbols: null\nseed: NULL\nclass-names: 'null'\nprepare: Null\n");
    assert_string_equal(recipe->train.finetune_from_model, "");
    assert_string_equal(recipe->data.testpref, "");
    assert_string_equal(recipe->data.user_defined_symbols, "");
    assert_string_equal(recipe->data.class_names, "null");
    assert_int_equal(recipe->train.seed, 1);
    assert_null(recipe->script);
    assert_false(rd_recipe_is_written(recipe, "seed"));
    rd_recipe_free(recipe);
    write_recipe("base.yaml", "arch: transformer-tiny\nmax-epoch: 3\nencoder-layers: 2\n"
                              "vocab-size: 600\nbatch-size: 7\n");
    recipe = load("extends: base.yaml\nencoder-layers: null\nvocab-size: ~\nmax-sentences:\n");
    assert_int_equal(recipe->model.encoder.layers, 4); /* the arch's */
    assert_int_equal(recipe->data.vocab_size_src, 8000);
    assert_int_equal(recipe->data.vocab_size_tgt, 8000);
    assert_int_equal(recipe->train.max_sentences, 0);
    rd_recipe_free(recipe);
    recipe = load("extends: base.yaml\narch: ~\nmax-epoch: 2\n");
    assert_int_equal(recipe->model.d_model, 512);
    rd_recipe_free(recipe);
    recipe = load("extends:\nmax-epoch: 1\n");
    rd_recipe_free(recipe);
    refused("max-epoch: 1\ntestpref: [a, ~]\n", "r.yaml:2: an item without a value");
    refused("max-epoch: ~\n", "neither max-update nor max-epoch");
    refused("max-epoch: 1\nmax-token: ~\n", "unknown key 'max-token'");
    refused("max-epoch: 1\nmax-sentences: ~\nbatch-size: 3\n", "mean one thing");
}

/* The score stage's metrics are of what the task predicts. */
static void score_metrics_fit_the_task(void **state) {
    static const char *const defaults[][2] = {
        {"", "bleu"},
        {"task: sentence_prediction\n", "accuracy"},
        {"task: sentence_prediction\nregression-target: true\n", "pearson"},
        {"task: sentence_prediction\nscore-metrics: f1\nlabels: no, yes\n", "f1"},
        {"task: sentence_prediction\nscore-metrics: f1\nlabels: 2, 1\n", "f1"}};
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        snprintf(text, sizeof text, "max-epoch: 1\n%s", defaults[i][0]);
        rd_recipe *recipe = load(text);
        assert_string_equal(recipe->score_metrics, defaults[i][1]);
        rd_recipe_free(recipe);
    }
    rd_recipe *two = load("max-epoch: 1\ntask: sentence_prediction\nscore-metrics: f1\n");
    assert_string_equal(two->score_metrics, "f1"); /* of two labels in the data, perhaps */
    rd_recipe_free(two);
    static const char *const wrong[][2] = {
        {"task: sentence_prediction\nscore-metrics: accuracy,bleu\n", "bleu is not of classes"},
        {"task: sentence_prediction\nscore-metrics: pearson\n", "pearson is not of classes"},
        {"task: sentence_prediction\nregression-target: true\nscore-metrics: f1\n",
         "f1 is not of numbers"},
        {"score-metrics: accuracy\n", "accuracy is of labels or numbers, not of texts"},
        {"task: sentence_prediction\nscore-metrics: f1\nlabels: a, b, c\n", "f1-macro"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "max-epoch: 1\n%s", wrong[i][0]);
        refused(text, wrong[i][1]);
    }
    write_recipe("base.yaml", "max-epoch: 3\nscore-metrics: chrf\n");
    rd_recipe *recipe = load("extends: base.yaml\ntask: sentence_prediction\n");
    assert_string_equal(recipe->score_metrics, "accuracy");
    rd_recipe_free(recipe);
}

/* One warning for each written key that needs another; none for a default that is written. */
static void keys_without_effect_are_named(void **state) {
    static const char *const cases[][2] = {
        {"momentum: 0.5\n", "momentum has no effect without optimizer: nag or sgd\n"},
        {"momentum: 0.5\noptimizer: nag\n", NULL},
        {"momentum: 0.9\n", NULL},
        {"optimizer: sgd\nadam-eps: 1e-6\n", "adam-eps has no effect without optimizer: adam\n"},
        {"no-decay-bias-norm: true\n", "no-decay-bias-norm has no effect without weight-decay\n"},
        {"no-decay-bias-norm: true\nweight-decay: 0.1\n", NULL},
        {"end-learning-rate: 1e-6\n", "end-learning-rate has no effect without lr-scheduler: "
                                      "polynomial_decay or cosine\n"},
        {"lr-scheduler: cosine\ntotal-num-update: 9\npower: 2\n",
         "power has no effect without lr-scheduler: polynomial_decay\n"},
        {"lr-shrink: 0.5\n", "lr-shrink has no effect without lr-scheduler: cosine\n"},
        {"cutoff-ratio: 0.5\n", "cutoff-ratio has no effect without cutoff\n"},
        {"cutoff-ratio: 0.5\ncutoff: token\n", NULL},
        {"permute-sentences: 1\nmask-random: 0.5\n", "mask-random has no effect without mask\n"},
        {"threshold: 2\n", "threshold has no effect without vocab-type: words or characters\n"},
        {"threshold: 2\nvocab-type: characters\n", NULL},
        {"sentencepiece-nbest: 9\n",
         "sentencepiece-nbest has no effect without sentencepiece-alpha\n"},
        {"sentencepiece-nbest: 9\nsentencepiece-alpha: 0.1\nvocab-type: bpe\n",
         "sentencepiece-nbest has no effect without vocab-type: unigram\n"},
        {"position-interpolation: timm\n",
         "position-interpolation has no effect without finetune-from-model\n"},
        {"update-freq: 2\nbatches-per-update: 8\n",
         "update-freq has no effect without batches-per-update: 0\n"},
        {"validate-interval: 2\nvalidate-interval-updates: 9\n",
         "validate-interval has no effect without validate-interval-updates: 0\n"},
        {"rand-augment-magnitude: 5\n",
         "rand-augment-magnitude has no effect without rand-augment\n"},
        {"reg-alpha: 0\nn-passes: 3\n", NULL}};
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_text warnings = {0};
        snprintf(text, sizeof text, "max-epoch: 1\n%s", cases[i][0]);
        rd_recipe *recipe = load(text);
        assert_int_equal(rd_recipe_warn_of_idle(recipe, NULL, &warnings), RD_OK);
        if (cases[i][1])
            assert_string_equal(warnings.data, cases[i][1]);
        else if (warnings.length > 0)
            fail_msg("%s: %s", text, warnings.data);
        rd_text_free(&warnings);
        rd_recipe_free(recipe);
    }
}

static void hostile_files_are_refused(void **state) {
    (void)state;
    refused("", "empty");
    refused("- a\n- b\n", "expected 'key: value'");
    refused("max-epoch: [", "not valid YAML");
    refused("max-epoch: {a: b}\n", "expected a plain value");
    refused("max-epoch: 1\n---\nmax-epoch: 2\n", "second YAML document");
    refused("? [a]\n: 1\n", "not plain text");
    refused("lr: \"1\\0\"\n", "expected a plain value");
    refused("a: &a [1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n", "expected a plain value");
    refused("extends: r.yaml\n", "cycle of 'extends'");
    size_t size = 100000;
    char *deep = malloc(size + 1);
    memset(deep, '[', size);
    deep[size] = '\0';
    refused(deep, "r.yaml");
    free(deep);
    rd_recipe *recipe = NULL;
    const char *path = write_recipe("r.yaml", "extends: missing.yaml\n");
    assert_int_equal(rd_recipe_load(&recipe, path, NULL, 0), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "r.yaml:1: extends: "));
    assert_non_null(strstr(rd_last_error(), "missing.yaml"));
}

/* Every key away from its default, saved, loaded: the same bytes when saved again, and the same
 * value of every field in text that distinguishes all values. */
static void round_trip_is_exact(void **state) {
    (void)state;
    rd_recipe *recipe =
        load("max-update: 300000\nlr: 0.1\ndropout: 0.1\nema-decay: 0.9999\n"
             "adam-betas: [0.9, 0.98]\nactivation-fn: gelu\nseed: 12345678901234567\n"
             "lr-scheduler: cosine\ntestpref: 'a\"b\\c,ü: #x'\nactivation-dropout: "
             "0.99\nsrc-vocab: 6001\nlenpen: -0.7\n");
    char saved[256];
    snprintf(saved, sizeof saved, "%s/config.yaml", directory);
    rd_text out = {0};
    assert_int_equal(rd_recipe_write(recipe, NULL, &out), RD_OK);
    assert_int_equal(rd_write_file(saved, out.data, (size_t)out.length), RD_OK);
    rd_text_free(&out);
    rd_recipe *again = NULL;
    assert_int_equal(rd_recipe_load(&again, saved, NULL, 0), RD_OK);
    assert_string_equal(again->data.testpref, "a\"b\\c,ü: #x");
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        rd_text before = {0}, after = {0};
        assert_int_equal(rd_recipe_format_key(recipe, key, &before), RD_OK);
        assert_int_equal(rd_recipe_format_key(again, key, &after), RD_OK);
        assert_string_equal(before.data, after.data);
        rd_text_free(&before);
        rd_text_free(&after);
    }
    assert_memory_equal(&recipe->model, &again->model, sizeof recipe->model);
    assert_memory_equal(&recipe->search, &again->search, sizeof recipe->search);
    assert_true(again->optim.lr == 0.1 && again->train.ema_decay == 0.9999F);
    rd_recipe_free(recipe);
    rd_recipe_free(again);
}

static void help_names_every_key(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    rd_recipe_describe(out);
    fclose(out);
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        assert_non_null(strstr(text, key->name));
        assert_ptr_equal(rd_recipe_find_key(key->name), key); /* no other key has the name */
    }
    free(text);
}

static char *written(const rd_recipe *recipe, const char *group) {
    rd_text text = {0};
    assert_int_equal(rd_recipe_write(recipe, group, &text), RD_OK);
    return text.data;
}

/* The groups' keys, one group after another, are all keys: each is in exactly one group. */
static void every_key_is_in_one_group(void **state) {
    (void)state;
    static const char *const names[] = {"data", "model", "train", "search", "score"};
    rd_recipe *recipe = load("max-update: 1\n");
    char *all = written(recipe, NULL);
    const char *at = all;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *group = written(recipe, names[i]);
        assert_true(*group);
        assert_memory_equal(at, group, strlen(group));
        at += strlen(group);
        free(group);
    }
    assert_string_equal(at, "");
    free(all);
    rd_recipe_free(recipe);
}

/* An alias sets its key, unless another key has it for its name. */
static void aliases_give_way_to_names(void **state) {
    (void)state;
    rd_recipe *recipe = load("max-update: 1\nbatch-size: 7\nn-best: 3\nunk-penalty: 2\n"
                             "patience: 4\nseed: 5\nbeam-patience: 0.5\nsampling-seed: 6\n");
    assert_int_equal(recipe->train.max_sentences, 7);
    assert_int_equal(recipe->search.n_best, 3);
    assert_true(recipe->search.unk_penalty == 2.0F && recipe->search.patience == 0.5F);
    assert_int_equal(recipe->train.patience, 4);
    assert_int_equal(recipe->train.seed, 5);
    assert_int_equal(recipe->search.seed, 6);
    rd_recipe_free(recipe);
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    const char *names[] = {"r.yaml", "base.yaml", "config.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_in_one_group),
        cmocka_unit_test(aliases_give_way_to_names),
        cmocka_unit_test(explicit_keys_win_over_arch_in_any_order),
        cmocka_unit_test(archs_are_named_as_in_fairseq_too),
        cmocka_unit_test(extends_and_settings_override),
        cmocka_unit_test(a_decay_ends_with_training),
        cmocka_unit_test(other_schedules_have_no_end),
        cmocka_unit_test(numbers_are_written_short),
        cmocka_unit_test(values_are_copied),
        cmocka_unit_test(lists_of_texts_are_joined),
        cmocka_unit_test(messages_name_line_and_remedy),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(null_is_not_set),
        cmocka_unit_test(score_metrics_fit_the_task),
        cmocka_unit_test(keys_without_effect_are_named),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(round_trip_is_exact),
        cmocka_unit_test(help_names_every_key),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
