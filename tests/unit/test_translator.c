/* The public translator over model directories made here: a vocabulary trained on generated text
 * and random weights. `test_translator DIR` only makes the models DIR/a and DIR/b, for the
 * integration test. */
#include <pthread.h>
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
#include "base/rng.h"
#include "base/text.h"
#include "data/vocab.h"
#include "io/output.h"
#include "model/transformer.h"
#include "rdrop/pattern.h"
#include "rdrop/translator.h"
#include "recipe/model_dir.h"
#include "recipe/recipe.h"
#include "search/search.h"
#include "translate/lines.h"
#include "translate/output.h"
#include "translate/words.h"

static char root[] = "/tmp/test_translator.XXXXXX";

/* A failed set-up also says why. */
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

static void make_model(const char *directory, const char *name, const char *corpus, int32_t pieces,
                       uint64_t seed) {
    char path[4096], recipe_path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    must(rd_make_directories(path));
    snprintf(path, sizeof path, "%s/%s/spm.model", directory, name);
    const rd_vocab_config vocab = {.type = "unigram", .size = pieces, .character_coverage = 1};
    must(rd_vocab_train(&vocab, &corpus, 1, path));
    static const char yaml[] = "arch: transformer-tiny\nencoder-embed-dim: 16\n"
                               "encoder-layers: 1\ndecoder-layers: 1\nencoder-ffn-embed-dim: 16\n"
                               "decoder-ffn-embed-dim: 16\nmax-source-positions: 40\n"
                               "max-update: 1\nlenpen: 0.5\nbeam: 4\nmax-len-b: 6\n";
    snprintf(recipe_path, sizeof recipe_path, "%s/%s/config.yaml", directory, name);
    must(rd_write_file(recipe_path, yaml, sizeof yaml - 1));
    rd_recipe *recipe;
    must(rd_recipe_load(&recipe, recipe_path, NULL, 0));
    rd_model_config *config = &recipe->model;
    config->src_vocab = config->tgt_vocab = pieces;
    config->bos_id = 0, config->pad_id = 1, config->eos_id = 2, config->unk_id = 3;
    rd_model *model;
    must(rd_model_new(&model, config, seed));
    snprintf(path, sizeof path, "%s/%s", directory, name);
    must(rd_model_dir_save(path, recipe, NULL, RD_VOCABULARY_ANY, &model->parameters,
                           RD_WEIGHTS_FP32));
    rd_model_free(model);
    rd_recipe_free(recipe);
}

static const char *model_path(const char *name) {
    static _Thread_local char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static rd_translator *open_model(const char *name) {
    rd_translator *translator;
    const char *path = model_path(name);
    must(rd_translator_open(&translator, &path, 1, RD_PRECISION_FP32));
    return translator;
}

static const char *const lines[] = {"a dog sees the old house", "", "two cats", "   ",
                                    "the man under the tree runs"};
enum { LINES = sizeof lines / sizeof *lines };

static void test_translations(void **state) {
    (void)state;
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    assert_int_equal(options.search.beam, 4); /* from config.yaml */
    assert_float_equal(options.search.lenpen, 0.5, 1e-6);
    options.search.n_best = 3;
    rd_translations found;
    assert_int_equal(rd_translator_run(translator, &options, -1, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "-1 lines"));
    options.threads = RD_TRANSLATOR_MOST_THREADS + 1;
    assert_int_equal(rd_translator_run(translator, &options, LINES, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    options.threads = 0;
    options.search.early_stopping = (rd_early_stopping)77;
    assert_int_equal(rd_translator_run(translator, &options, LINES, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    options.search.early_stopping = RD_STOP_FULL;
    assert_int_equal(rd_translator_run(translator, &options, LINES, lines, NULL, &found), RD_OK);
    assert_int_equal(found.n_lines, LINES);
    int texts = 0;
    for (int i = 0; i < LINES; i++) {
        const rd_translation *items = &found.items[i * 3];
        assert_non_null(items[0].text);
        assert_int_equal(found.dropped_tokens[i], 0);
        if (i == 1 || i == 3) {
            assert_string_equal(items[0].text, "");
            assert_null(items[1].text);
            continue;
        }
        for (int k = 0; k < 3; k++) {
            texts += items[k].n_tokens > 0;
            assert_int_equal(rd_utf8_invalid_at(items[k].text, strlen(items[k].text)), -1);
            assert_true(items[k].log_prob < 0 && items[k].log_prob <= items[k].score);
            if (k) assert_true(items[k].score <= items[k - 1].score);
        }
    }
    assert_true(texts > 0);
    rd_translations_free(&found);
    options.search.n_best = 9;
    assert_int_equal(rd_translator_run(translator, &options, LINES, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    assert_null(found.items);
    rd_translator_close(translator);
}

static int32_t count_words(const char *text) {
    int32_t n = 0;
    for (const char *c = text; *c; c++) n += *c != ' ' && (c == text || c[-1] == ' ');
    return n;
}

static void test_alignments(void **state) {
    (void)state;
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.align = true;
    options.search.n_best = 4;
    rd_translations found;
    int pairs = 0, several = 0;
    for (int unknown = 0; unknown < 2; unknown++) {
        options.search.unk_penalty = unknown ? -3 : 0;
        must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
        for (int i = 0; i < LINES * 4; i++) {
            const rd_translation *item = &found.items[i];
            if (!item->text) continue;
            if (item->n_tokens) assert_true(item->n_alignment > 0);
            several += item->n_alignment > 3;
            for (int32_t p = 0; p < item->n_alignment; p++, pairs++) {
                rd_aligned_words pair = item->alignment[p], before = item->alignment[p ? p - 1 : p];
                assert_in_range(pair.source, 0, count_words(lines[i / 4]) - 1);
                assert_in_range(pair.target, 0, count_words(item->text) - 1);
                if (p)
                    assert_true(before.source < pair.source ||
                                (before.source == pair.source && before.target < pair.target));
            }
        }
        rd_translations_free(&found);
    }
    assert_true(pairs > 10 && several > 0);
    static const char *const joined[] = {"two\u200bcats\u200bsee trees"}; /* as given: two words */
    must(rd_translator_run(translator, &options, 1, joined, NULL, &found));
    assert_true(found.items[0].n_alignment > 0);
    for (int32_t p = 0; p < found.items[0].n_alignment; p++)
        assert_in_range(found.items[0].alignment[p].source, 0, 1);
    rd_translations_free(&found);
    options.alignment_layer = 2; /* of one */
    assert_int_equal(rd_translator_run(translator, &options, LINES, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "1 layers"));
    rd_translator_close(translator);
}

/* A model that likes unknown tokens best writes words of the source only. */
static void test_unknown_tokens_are_replaced(void **state) {
    (void)state;
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.unk_penalty = -50;
    rd_translations found;
    must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
    assert_non_null(strstr(found.items[0].text, "\u2047"));
    rd_translations_free(&found);
    options.replace_unk = true;
    must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
    for (int i = 0; i < LINES; i++) {
        const char *c = found.items[i].text;
        assert_null(found.items[i].alignment);
        if (found.items[i].n_tokens) assert_true(*c);
        while (*c) { /* in a row, without spaces between them */
            size_t longest = 0;
            for (int32_t w = 0; w < count_words(lines[i]); w++) {
                rd_word word = rd_word_at(lines[i], strlen(lines[i]), w);
                if (strncmp(c, word.bytes, word.n) == 0 && word.n > longest) longest = word.n;
            }
            assert_true(longest > 0);
            c += longest;
        }
    }
    rd_translations_free(&found);
    rd_translator_close(translator);
}

/* Source words in the place of unknown pieces: once for those in a row of one word, and again after
 * any other piece, also one that is aligned to the same word. */
static void test_which_word_replaces(void **state) {
    (void)state;
    enum { MOST = 3, KNOWN = -1 };
    static const char source[] = "two cats";
    static const struct {
        int32_t n, tokens[MOST]; /* KNOWN: a piece " a"; else the unknown one */
        int32_t words[MOST];     /* what they are aligned to; -1: nothing */
        const char *text;
    } cases[] = {{2, {0, 0}, {0, 0}, "two"},
                 {2, {0, 0}, {0, 1}, "twocats"},
                 {2, {KNOWN, 0}, {1, 1}, "acats"},
                 {3, {0, KNOWN, 0}, {1, 1, 1}, "cats acats"},
                 {2, {0, 0}, {-1, 0}, "two"},
                 {3, {0, 0, 0}, {0, -1, 0}, "twotwo"},
                 {3, {0, 0, KNOWN}, {1, 0, 0}, "catstwo a"},
                 {1, {0}, {-1}, ""}};
    rd_translator *translator = open_model("a");
    rd_ids ids = {0}, known = {0};
    must(rd_tokenizer_encode(translator->source, source, strlen(source), &ids));
    must(rd_tokenizer_encode(translator->target, "a", 1, &known));
    assert_int_equal(known.length, 1);
    int32_t *of_word = calloc((size_t)ids.length, sizeof *of_word), first[2] = {-1, -1};
    assert_non_null(of_word);
    must(rd_words_of_tokens(translator->source, source, strlen(source), ids.data, ids.length,
                            of_word));
    for (int32_t i = (int32_t)ids.length - 1; i >= 0; i--) first[of_word[i]] = i;
    rd_output_form output = {.target = translator->target,
                             .text = source,
                             .text_length = strlen(source),
                             .words = of_word,
                             .replace_unk = true};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        int32_t tokens[MOST], aligned[MOST];
        for (int32_t i = 0; i < cases[c].n; i++) {
            tokens[i] =
                cases[c].tokens[i] == KNOWN ? known.data[0] : rd_tokenizer_unk(translator->target);
            aligned[i] = cases[c].words[i] < 0 ? -1 : first[cases[c].words[i]];
        }
        rd_hypothesis hypothesis = {.tokens = tokens, .aligned = aligned, .length = cases[c].n};
        rd_translation item = {0};
        must(rd_output_translation(&output, &hypothesis, &item));
        assert_string_equal(item.text, cases[c].text);
        free(item.text);
    }
    free(of_word);
    free(ids.data);
    free(known.data);
    rd_translator_close(translator);
}

static int32_t count_in(const char *text, const char *phrase) {
    int32_t n = 0;
    for (const char *c = text; (c = strstr(c, phrase)); c++) n++;
    return n;
}

/* Phrases of several tokens, of each line by itself, in every translation of a list. */
static void test_constraints(void **state) {
    (void)state;
    static const char *const constraints[] = {"red house\ttree", "two", "the man\t\tthe man", "",
                                              "blue\t  "};
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.constraints = constraints;
    options.search.max_len_b = 30;
    options.search.n_best = 3;
    options.search.align = true;
    rd_translations found;
    must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
    for (int k = 0; k < 3; k++) {
        const rd_translation *items = found.items + k;
        assert_true(count_in(items[0].text, "red house") > 0 &&
                    count_in(items[0].text, "tree") > 0);
        assert_true(count_in(items[6].text, "the man") > 1);
        assert_true(count_in(items[12].text, "blue") > 0);
        for (int i = 0; i < 15; i += 6) assert_null(items[i].unmet);
        for (int i = 0; i < 15; i += 6) assert_true(items[i].n_alignment > 0);
    }
    assert_string_equal(found.items[3].unmet, "two"); /* the line is empty */
    assert_null(found.items[9].unmet);
    rd_translations_free(&found);
    options.constraints = NULL;
    must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
    assert_null(strstr(found.items[0].text, "red house")); /* not of its own accord */
    rd_translations_free(&found);
    rd_translator_close(translator);
}

/* Scoring reads no option but those that its header names. */
static void test_scores_with_few_options(void **state) {
    (void)state;
    double wanted, log_prob;
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    must(rd_translator_score(translator, &options, 1, lines, NULL, lines, NULL, &wanted, NULL));
    memset(&options, 0x5A, sizeof options);
    options.max_input_length = options.threads = 0;
    options.search.batch_tokens = 0;
    options.search.stop = NULL;
    must(rd_translator_score(translator, &options, 1, lines, NULL, lines, NULL, &log_prob, NULL));
    assert_true(log_prob == wanted);
    assert_int_equal(
        rd_translator_score(translator, &options, -1, lines, NULL, lines, NULL, &log_prob, NULL),
        RD_ERR_ARGUMENT);
    rd_translator_close(translator);
}

/* Constraints without room, or without pieces, are named; the rest is there. */
static void test_constraints_that_do_not_fit(void **state) {
    (void)state;
    static const char *const constraints[] = {"house\t\u65e5\ttree two man house dog\tred"};
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.constraints = constraints;
    options.search.max_len_a = 0;
    options.search.max_len_b = 4;
    rd_translations found;
    must(rd_translator_run(translator, &options, 1, lines, NULL, &found));
    assert_non_null(strstr(found.items[0].text, "house"));
    assert_non_null(strstr(found.items[0].text, "red"));
    assert_string_equal(found.items[0].unmet, "\u65e5\ttree two man house dog");
    rd_translations_free(&found);
    options.search.sampling = true;
    assert_int_equal(rd_translator_run(translator, &options, 1, lines, NULL, &found),
                     RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "sampling"));
    rd_translator_close(translator);
}

/* Sentences of a line draw for themselves: the same one twice gives two samples. */
static void test_samples_of_sentences(void **state) {
    (void)state;
    static const char *const twice[] = {"A dog sees the old house. A dog sees the old house."};
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.split_sentences = true;
    options.search.sampling = true;
    options.search.beam = options.search.n_best = 1;
    options.search.max_len_a = 0;
    options.search.max_len_b = 12;
    rd_translations found;
    must(rd_translator_run(translator, &options, 1, twice, NULL, &found));
    const char *text = found.items[0].text;
    size_t half = strlen(text) / 2;
    assert_true(half > 2);
    if (text[half] == ' ' && memcmp(text, text + half + 1, half) == 0) fail_msg("twice: %s", text);
    rd_translations_free(&found);
    rd_translator_close(translator);
}

/* What had to be put back is counted over all sentences of a line. */
static void test_kept_in_sentences(void **state) {
    (void)state;
    static const char *const text[] = {"Two cats 11. A dog 22. The man 33."};
    rd_pattern *digits;
    must(rd_pattern_open(&digits, "[0-9]+"));
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.split_sentences = true;
    options.keep = digits;
    rd_translations found;
    must(rd_translator_run(translator, &options, 1, text, NULL, &found));
    assert_int_equal(found.items[0].n_restored, 3);
    rd_translations_free(&found);
    rd_translator_close(translator);
    rd_pattern_close(digits);
}

static void test_glossary(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/glossary.tsv", root);
    static const char terms[] = "house\tred tree\nold house\ttwo blue\ncat\tman\ncats\tdog\n";
    must(rd_write_file(path, terms, sizeof terms - 1));
    rd_glossary *glossary;
    must(rd_glossary_open(&glossary, path));
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.glossary = glossary;
    options.search.max_len_b = 20;
    rd_translations found;
    must(rd_translator_run(translator, &options, LINES, lines, NULL, &found));
    assert_non_null(strstr(found.items[0].text, "two blue"));
    assert_null(strstr(found.items[0].text, "red tree"));
    assert_non_null(strstr(found.items[2].text, "dog"));
    assert_null(strstr(found.items[2].text, "man"));
    for (int i = 0; i < LINES; i++) assert_null(found.items[i].unmet);
    rd_translations_free(&found);
    rd_translator_close(translator);
    rd_glossary_close(glossary);
}

/* Many threads over one model, each with what a single one gets. */
typedef struct {
    const rd_translator *translator;
    rd_translations found;
    rd_status status;
} caller;

static void *call(void *argument) {
    caller *c = argument;
    rd_translate_options options = rd_translator_defaults(c->translator);
    options.threads = 1;
    c->status = rd_translator_run(c->translator, &options, LINES, lines, NULL, &c->found);
    return NULL;
}

static void test_several_threads(void **state) {
    (void)state;
    enum { THREADS = 4 };
    rd_translator *translator = open_model("a");
    caller callers[THREADS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        callers[t] = (caller){.translator = translator};
        assert_int_equal(pthread_create(&threads[t], NULL, call, &callers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(callers[t].status, RD_OK);
        for (int i = 0; i < LINES; i++)
            assert_string_equal(callers[t].found.items[i].text, callers[0].found.items[i].text);
    }
    for (int t = 0; t < THREADS; t++) rd_translations_free(&callers[t].found);
    rd_translator_close(translator);
}

static void test_long_line_is_cut(void **state) {
    (void)state;
    rd_translator *translator = open_model("a");
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.max_len_a = 0;
    char text[2000];
    memset(text, 0, sizeof text);
    for (int i = 0; i < 180; i++) strcat(text, "dog cat ");
    const char *line = text;
    rd_translations found;
    assert_int_equal(rd_translator_run(translator, &options, 1, &line, NULL, &found), RD_OK);
    assert_true(found.dropped_tokens[0] > 300); /* at least a token a word, 39 kept */
    assert_true(found.items[0].n_tokens <= 6);
    rd_translations_free(&found);
    double log_prob;
    assert_int_equal(
        rd_translator_score(translator, &options, 1, &line, NULL, lines, NULL, &log_prob, NULL),
        RD_OK);
    assert_true(log_prob < 0);
    rd_translator_close(translator);
}

static void refused(const char *const *paths, int32_t n, const char *message) {
    rd_translator *translator;
    assert_int_not_equal(rd_translator_open(&translator, paths, n, RD_PRECISION_FP32), RD_OK);
    assert_null(translator);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
}

static void test_bad_directories(void **state) {
    (void)state;
    char a[256], other[256], broken[256], command[1200];
    snprintf(a, sizeof a, "%s/a", root);
    snprintf(other, sizeof other, "%s/other", root);
    snprintf(broken, sizeof broken, "%s/broken", root);
    refused(NULL, 0, "no model");
    refused((const char *[]){"/nonexistent"}, 1, "/nonexistent");
    refused((const char *[]){root}, 1, "config.yaml");
    refused((const char *[]){a, other}, 2, "vocabularies");
    static const char *const damages[][2] = {
        {"rm model.safetensors", "model.safetensors"},
        {"truncate -s 1000 model.safetensors", "model.safetensors"},
        {"echo nonsense > model.safetensors", "model.safetensors"},
        {"echo nonsense > spm.model", "broken: its vocabulary ("},
        {"sed -i '/^vocabulary:/d' config.yaml && echo nonsense > spm.model", "spm.model"},
        {"rm spm.model", "no vocabulary"},
        {"echo 'beam: many' > config.yaml", "config.yaml"},
        {"cp ../other/spm.model .", "were files taken from two models?"},
        {"sed -i '/^vocabulary:/d' config.yaml && cp ../other/spm.model .",
         "have 30 and 30 pieces"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s' && cd '%s' && %s", broken,
                 a, broken, broken, damages[i][0]);
        assert_int_equal(system(command), 0);
        refused((const char *[]){broken}, 1, damages[i][1]);
    }
}

static void make_models(const char *directory) {
    char corpus[256];
    snprintf(corpus, sizeof corpus, "%s/text", directory);
    make_text(corpus);
    make_model(directory, "a", corpus, 35, 1);
    make_model(directory, "b", corpus, 35, 2);
    make_model(directory, "other", corpus, 30, 1);
}

int main(int argc, char **argv) {
    if (argc == 2) {
        make_models(argv[1]);
        return 0;
    }
    if (!mkdtemp(root)) return 1;
    make_models(root);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translations),
        cmocka_unit_test(test_alignments),
        cmocka_unit_test(test_unknown_tokens_are_replaced),
        cmocka_unit_test(test_which_word_replaces),
        cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_scores_with_few_options),
        cmocka_unit_test(test_constraints_that_do_not_fit),
        cmocka_unit_test(test_samples_of_sentences),
        cmocka_unit_test(test_kept_in_sentences),
        cmocka_unit_test(test_glossary),
        cmocka_unit_test(test_several_threads),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_bad_directories),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command) != 0 || failures ? 1 : 0;
}
