/* Tokenizers of Hugging Face directories whose files differ: the rules that transformers takes, and
 * a line for what is not the same here. */
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
#include "data/ids.h"
#include "data/vocab_files.h"
#include "golden.h"
#include "io/json.h"
#include "io/output.h"

#define GENERIC "\"tokenizer_class\": \"PreTrainedTokenizerFast\""
#define TYPES   "\"model_input_names\": [\"token_type_ids\"]"
#define BERT    "\"tokenizer_class\": \"BertTokenizer\""

static char directory[] = "/tmp/rdrop-hf-tokenizer-XXXXXX";
static char from[64], to[64];

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return 1;
    snprintf(from, sizeof from, "%s/from", directory);
    snprintf(to, sizeof to, "%s/to", directory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command); /* NOLINT(cert-env33-c): a path of this test's own */
}

static json_t *parse(const char *text) {
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) fail_msg("%s: %s", text, error.text);
    return value;
}

/* The directory `from` without a vocabulary, of a golden model. */
static void start(const char *golden) {
    static const char *const files[] = {"config.json", "model.safetensors"};
    char command[160], path[512];
    snprintf(command, sizeof command, "rm -rf %s %s", from, to);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    snprintf(path, sizeof path, "%s/bert/%s", TEST_DATA, golden);
    must(rd_make_directories(from));
    for (int i = 0; i < 2; i++) must(rd_copy_file(path, files[i], from, files[i]));
}

/* Takes the model. */
static void write_tokenizer(const char *normalizer, const char *words, const char *processor,
                            json_t *model) {
    must(rd_json_write(from, "tokenizer.json",
                       json_pack("{s:o, s:o, s:o, s:o, s:[]}", "normalizer", parse(normalizer),
                                 "pre_tokenizer", parse(words), "post_processor", parse(processor),
                                 "model", model, "added_tokens")));
}

static const char usual_bert[] =
    "{\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 3], \"cls\": [\"[CLS]\", 2]}";
static const char usual_roberta[] =
    "{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0]}";

static void import_bert(const char *rules, const char *processor, const char *settings,
                        rd_text *warnings) {
    char *text, *line, *rest, normalizer[160];
    size_t n;
    json_t *pieces = json_object();
    start("bert");
    must(rd_read_file(TEST_DATA "/bert/bert/vocab.txt", 1 << 20, &text, &n));
    rest = text;
    for (int id = 0; (line = strsep(&rest, "\n")) && *line; id++)
        json_object_set_new(pieces, line, json_integer(id));
    free(text);
    snprintf(normalizer, sizeof normalizer, "{\"type\": \"BertNormalizer\"%s}", rules);
    write_tokenizer(normalizer, "{\"type\": \"BertPreTokenizer\"}", processor,
                    json_pack("{s:s, s:o}", "type", "WordPiece", "vocab", pieces));
    must(rd_json_write(from, "tokenizer_config.json", parse(settings)));
    rd_text_clear(warnings);
    must(rd_import(from, to, warnings));
}

static void import_roberta(const char *prefix, const char *processor, const char *settings,
                           rd_text *warnings) {
    char *text, *line, *rest, words[96];
    size_t n;
    json_t *pieces, *merges = json_array();
    start("roberta");
    must(rd_json_read(TEST_DATA "/bert/roberta", "vocab.json", &pieces));
    must(rd_read_file(TEST_DATA "/bert/roberta/merges.txt", 1 << 20, &text, &n));
    rest = text;
    (void)strsep(&rest, "\n"); /* the version */
    while ((line = strsep(&rest, "\n")) && *line) json_array_append_new(merges, json_string(line));
    free(text);
    snprintf(words, sizeof words, "{\"type\": \"ByteLevel\", \"add_prefix_space\": %s}", prefix);
    write_tokenizer("null", words, processor,
                    json_pack("{s:s, s:o, s:o}", "type", "BPE", "vocab", pieces, "merges", merges));
    must(rd_json_write(from, "tokenizer_config.json", parse(settings)));
    rd_text_clear(warnings);
    must(rd_import(from, to, warnings));
}

/* The pieces of a text, each with a bar after it. */
static void expect_pieces(const char *text, const char *wanted, const char *what) {
    rd_tokenizer *tokenizer;
    rd_ids ids = {0};
    rd_text found = {0};
    must(rd_vocabularies_open_one(to, &tokenizer));
    must(rd_tokenizer_encode(tokenizer, text, strlen(text), &ids));
    for (int64_t i = 0; i < ids.length; i++)
        must(rd_text_printf(&found, "%s|", rd_tokenizer_piece(tokenizer, ids.data[i])));
    if (strcmp(found.data, wanted) != 0) fail_msg("%s: %s, not %s", what, found.data, wanted);
    rd_text_free(&found);
    free(ids.data);
    rd_vocabularies_close(tokenizer, tokenizer);
}

/* NULL: there is no warning. */
static void expect_warning(const rd_text *warnings, const char *wanted, const char *what) {
    const char *found = warnings->length > 0 ? warnings->data : "";
    if (wanted ? !strstr(found, wanted) : *found) fail_msg("%s: warnings: %s", what, found);
}

static void test_rules_of_words(void **state) {
    (void)state;
    static const struct {
        const char *rules, *settings, *pieces, *warning;
    } cases[] = {
        {", \"lowercase\": false", "{" BERT "}", "the|cat|",
         "tokenizer.json: lowercase is false, but tokenizer_config.json's do_lower_case is true by "
         "default; true is taken, as transformers 5 does for BertTokenizer\n"},
        {", \"lowercase\": false", "{}", "the|cat|", "does for BertTokenizer"},
        {", \"lowercase\": false", "{" BERT ", \"do_lower_case\": false}", "[UNK]|[UNK]|", NULL},
        {", \"lowercase\": false", "{" GENERIC ", " TYPES "}", "[UNK]|[UNK]|", NULL},
        {", \"lowercase\": true", "{" GENERIC ", \"do_lower_case\": false}", "the|cat|",
         "tokenizer_config.json's do_lower_case is false; true is taken"},
        {", \"lowercase\": true, \"strip_accents\": false", "{" BERT "}", "the|cat|",
         "strip_accents is false"},
        {", \"lowercase\": true, \"strip_accents\": false", "{" GENERIC ", " TYPES "}",
         "[UNK]|cat|", NULL},
        {", \"lowercase\": true, \"clean_text\": false", "{" BERT "}", "the|cat|",
         "clean_text is false, and taken here"}};
    rd_text warnings = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        import_bert(cases[i].rules, usual_bert, cases[i].settings, &warnings);
        bool accents = strstr(cases[i].rules, "accents") != NULL;
        expect_pieces(accents ? "Th\u00e9 CAT" : "The CAT", cases[i].pieces, cases[i].settings);
        expect_warning(&warnings, cases[i].warning, cases[i].settings);
    }
    rd_text_free(&warnings);
}

static void test_prefix_space(void **state) {
    (void)state;
    static const struct {
        const char *prefix, *settings, *pieces, *warning;
    } cases[] = {{"true", "{\"tokenizer_class\": \"RobertaTokenizer\"}", "the|",
                  "add_prefix_space is false by default; false is taken"},
                 {"true", "{}", "the|", "does for RobertaTokenizer"},
                 {"true", "{\"add_prefix_space\": true}", "\u0120the|", NULL},
                 {"false", "{" GENERIC ", \"add_prefix_space\": true}", "the|", "false is taken"},
                 {"true", "{" GENERIC "}", "\u0120the|", NULL}};
    rd_text warnings = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        import_roberta(cases[i].prefix, usual_roberta, cases[i].settings, &warnings);
        expect_pieces("the", cases[i].pieces, cases[i].settings);
        expect_warning(&warnings, cases[i].warning, cases[i].settings);
    }
    rd_text_free(&warnings);
}

/* A template of one [CLS] and [SEP], whose second text has this type. */
#define TOKEN(kind, id, type) "{\"" kind "\": {\"id\": \"" id "\", \"type_id\": " type "}}"
#define BEGINNING                                                                                  \
    TOKEN("SpecialToken", "[CLS]", "0")                                                            \
    ", " TOKEN("Sequence", "A", "0") ", " TOKEN("SpecialToken", "[SEP]", "0")
#define TEMPLATE(type)                                                                             \
    "{\"type\": \"TemplateProcessing\", \"single\": [" BEGINNING "], \"pair\": [" BEGINNING        \
    ", " TOKEN("Sequence", "B", type) ", " TOKEN("SpecialToken", "[SEP]", type) "]}"

static void test_special_tokens_of_words(void **state) {
    (void)state;
    static const char types[] = "{" GENERIC ", " TYPES "}";
    static const struct {
        const char *processor, *settings, *warning;
    } cases[] = {{TEMPLATE("1"), types, NULL},
                 {TEMPLATE("0"), types,
                  "makes a pair of texts \"[CLS] A [SEP] B [SEP]\", but here it is "
                  "\"[CLS] A [SEP] B:1 [SEP]:1\""},
                 {"null", types, "makes a text \"A\", but here it is \"[CLS] A [SEP]\""},
                 {"null", "{" BERT "}", NULL},
                 {"{\"type\": \"TemplateProcessing\"}", "{" GENERIC "}", "makes a text \"\""},
                 {usual_bert, "{" GENERIC "}", "model_input_names lacks token_type_ids"}};
    rd_text warnings = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        import_bert("", cases[i].processor, cases[i].settings, &warnings);
        expect_warning(&warnings, cases[i].warning, cases[i].processor);
    }
    rd_text_free(&warnings);
}

static void test_special_tokens_of_bytes(void **state) {
    (void)state;
    static const char bert[] =
        "{\"type\": \"BertProcessing\", \"sep\": [\"</s>\", 2], \"cls\": [\"<s>\", 0]}";
    static const struct {
        const char *processor, *settings, *warning;
    } cases[] = {{usual_roberta, "{" GENERIC "}", NULL},
                 {bert, "{" GENERIC "}", "\"<s> A </s> B </s>\", but here it is \"<s> A </s> </s>"},
                 {bert, "{}", NULL},
                 {"{\"type\": \"ByteLevel\"}", "{" GENERIC "}", "makes a text \"A\""}};
    rd_text warnings = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        import_roberta("false", cases[i].processor, cases[i].settings, &warnings);
        expect_warning(&warnings, cases[i].warning, cases[i].processor);
    }
    rd_text_free(&warnings);
}

static void test_cleanup(void **state) {
    (void)state;
    static const char *const settings[] = {"{\"clean_up_tokenization_spaces\": true}",
                                           "{\"clean_up_tokenization_spaces\": false}", "{}"};
    rd_text warnings = {0};
    for (int i = 0; i < 3; i++) {
        char command[600];
        snprintf(command, sizeof command, "rm -rf %s %s && cp -r %s/marian/tied %s", from, to,
                 TEST_DATA, from);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
        must(rd_json_write(from, "tokenizer_config.json", parse(settings[i])));
        rd_text_clear(&warnings);
        must(rd_import(from, to, &warnings));
        expect_warning(&warnings,
                       i == 0 ? "clean_up_tokenization_spaces: true has no effect" : NULL,
                       settings[i]);
    }
    rd_text_free(&warnings);
}

static void test_truncation_side(void **state) {
    (void)state;
    rd_text warnings = {0};
    import_bert("", usual_bert, "{\"truncation_side\": \"left\"}", &warnings);
    expect_warning(&warnings, "truncation_side: left has no effect here", "left");
    import_bert("", usual_bert, "{\"truncation_side\": \"right\"}", &warnings);
    expect_warning(&warnings, NULL, "right");
    rd_text_free(&warnings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_words),
        cmocka_unit_test(test_prefix_space),
        cmocka_unit_test(test_special_tokens_of_words),
        cmocka_unit_test(test_special_tokens_of_bytes),
        cmocka_unit_test(test_cleanup),
        cmocka_unit_test(test_truncation_side),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
