/* Tables: their forms, columns by name and number, and what is wrong with a row, by its line. Then
 * what becomes of them: parts of sentences, datasets of classes and numbers, their batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/text.h"
#include "data/batch.h"
#include "data/binarize_table.h"
#include "data/dataset.h"
#include "io/output.h"

static char directory[] = "/tmp/rdrop-table-XXXXXX";

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *text) {
    assert_int_equal(rd_write_file(path_of(name), text, strlen(text)), RD_OK);
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command); /* NOLINT(cert-env33-c): a path of this test's own */
}

static const rd_table_config two_named = {.header = true,
                                          .n_columns = 2,
                                          .columns = {"label", "text"},
                                          .settings = {"label-column", "sentence1-column"}};

/* All rows as "label|text\n", and the status that ended the reading. */
static rd_status read_all(const char *name, const rd_table_config *config, char *out) {
    rd_table *table;
    const rd_field *row = NULL;
    *out = '\0';
    rd_status status = rd_table_open(&table, path_of(name), config);
    while (status == RD_OK && (status = rd_table_next(table, &row)) == RD_OK && row) {
        assert_int_equal(row[0].text[row[0].length], '\0');
        out += sprintf(out, "%s|%s\n", row[0].text, row[1].text);
    }
    rd_table_close(table);
    return status;
}

/* `name` holds the rows "1|a" and "2|b c". */
static void expect_two(const char *name, const rd_table_config *config) {
    char out[256];
    assert_int_equal(read_all(name, config, out), RD_OK);
    assert_string_equal(out, "1|a\n2|b c\n");
}

static void test_forms(void **state) {
    (void)state;
    put("a.tsv", "id\ttext\tlabel\n7\ta\t1\n8\tb c\t2\n");
    expect_two("a.tsv", &two_named);
    put("a.tsv", "\xEF\xBB\xBFlabel\ttext\r\n1\ta\r\n2\tb c\r\n");
    expect_two("a.tsv", &two_named);
    put("a.csv", "text,label\n\"a\",1\nb c,\"2\"\n");
    expect_two("a.csv", &two_named);
    put("a.jsonl",
        "{\"label\": 1, \"text\": \"a\", \"x\": [1]}\n{\"text\": \"b c\", \"label\": 2}\n");
    expect_two("a.jsonl", &two_named);
    put("a.tsv", "label\ttext\n1\ta\n2\tb c\n\r\n\n");
    expect_two("a.tsv", &two_named); /* empty lines at the end are none of its rows */
    /* what is not asked for is not looked at */
    put("a.jsonl", "{\"id\": 12345678901234567890, \"label\": 1, \"text\": \"a\"}\n"
                   "{\"text\": \"b c\", \"label\": 2}\n\n");
    expect_two("a.jsonl", &two_named);
    gzFile file = gzopen(path_of("a.csv.gz"), "wb");
    assert_true(gzputs(file, "label,text\n1,a\n2,b c\n") > 0);
    assert_int_equal(gzclose(file), Z_OK);
    expect_two("a.csv.gz", &two_named);
}

static void test_numbered_columns(void **state) {
    (void)state;
    rd_table_config config = {
        .n_columns = 2, .columns = {"2", "4"}, .settings = {"label-column", "sentence1-column"}};
    put("cola.tsv", "gj04\t1\t\ta\ngj04\t2\t*\tb c\n");
    expect_two("cola.tsv", &config);
    config.header = true;
    put("cola.tsv", "id\t4\t-\ttext\nx\ty\t-\tz\n"); /* a name goes before a number */
    char out[64];
    assert_int_equal(read_all("cola.tsv", &config, out), RD_OK);
    assert_string_equal(out, "y|y\n");
}

static void test_quotes(void **state) {
    (void)state;
    char out[256];
    put("q.csv", "label,text\n1,\"a, \"\"b\"\"\nc\"\n\"\",\"\"\n2,say \"x\"\n");
    assert_int_equal(read_all("q.csv", &two_named, out), RD_OK);
    assert_string_equal(out, "1|a, \"b\"\nc\n|\n2|say \"x\"\n");
    put("q.tsv", "label\ttext\n1\t\"a\n"); /* no quotes in tsv, unless asked for */
    assert_int_equal(read_all("q.tsv", &two_named, out), RD_OK);
    assert_string_equal(out, "1|\"a\n");
}

/* Each fails with a message that has all of `parts`. */
static void test_faults(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"f.tsv", "id\ttext\n1\ta\n",
         "f.tsv:1: no column 'label' (label-column); there are: id, text"},
        {"f.tsv", "", "f.tsv: empty; expected a header"},
        {"f.tsv", "label\ttext\n1\ta\n2\n", "f.tsv:3: 1 column; expected 2, as in the first row"},
        {"f.csv", "label,text\n1,a\n2,\"b\n3,c\n",
         "f.csv:3: column 2 begins with a quote that is never closed; where quotes mean nothing, "
         "set table-quoting: no"},
        {"f.csv", "label,text\n1,\"a\"b\n",
         "f.csv:2: text after the closing quote of column 2; expected the next column, or \"\" for "
         "a quote inside"},
        {"f.jsonl", "{\"label\": 1}\n",
         "f.jsonl:1: 'text' (sentence1-column) is missing from the object; expected a text or a "
         "number"},
        {"f.jsonl", "{\"label\": 1, \"text\": []}\n",
         "f.jsonl:1: 'text' (sentence1-column) is a list or an object; expected a text or a "
         "number"},
        {"f.jsonl", "{\"label\": 123456789012345678901, \"text\": \"a\"}\n",
         "f.jsonl:1: 'label' (label-column) is a number of more than 64 bits; write it as a text"},
        {"f.jsonl", "[1]\n", "f.jsonl:1: no object; expected an object a line"},
        {"f.tsv", "label\ttext\n\n1\ta\n",
         "f.tsv:2: the line is empty; empty lines may only be at the end of a table"},
        {"f.jsonl", "{\"label\": 1, \"text\": \"a\"}\n\n\n[]\n",
         "f.jsonl:2: the line is empty; empty lines may only be at the end of a table"},
        {"f.csv", "label\ttext\n1\ta\n",
         "f.csv:1: no column 'label' (label-column); there are: label\\ttext (if these are "
         "several, "
         "set table-format)"},
        {"f.csv", "label;text\n1;a\n",
         "f.csv:1: no column 'label' (label-column); there are: label;text (semicolons separate "
         "nothing: make them tabs or commas)"},
        {"f.tsv", "label\ttext\n1\t\xFF\n",
         "f.tsv:2: byte 3 of the line (0xff) is not valid UTF-8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[256], message[512];
        put(cases[i].name, cases[i].text);
        assert_int_equal(read_all(cases[i].name, &two_named, out), RD_ERR_FORMAT);
        snprintf(message, sizeof message, "%s/%s", directory, cases[i].message);
        assert_string_equal(rd_last_error(), message);
    }
    rd_table_config named = two_named;
    char out[64];
    named.header = false;
    assert_int_equal(read_all("f.tsv", &named, out), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "label-column is 'label'"));
    named.columns[0] = "3";
    named.columns[1] = "1";
    put("f.tsv", "a\tb\n");
    assert_int_equal(read_all("f.tsv", &named, out), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "f.tsv:1: 2 columns, but label-column is 3"));
}

static void test_labels(void **state) {
    (void)state;
    rd_labels labels = {0}, read = {0};
    char list[64];
    assert_int_equal(rd_labels_add_list(&labels, "no, yes ,may be"), RD_OK);
    assert_int_equal(rd_labels_find(&labels, "may be"), 2);
    assert_int_equal(rd_labels_find(&labels, "maybe"), -1);
    assert_int_equal(rd_labels_add_list(&labels, "yes"), RD_ERR_FORMAT);
    assert_string_equal(rd_last_error(), "the label 'yes' comes twice");
    assert_int_equal(rd_labels_add_list(&labels, "a,,b"), RD_ERR_FORMAT);
    assert_int_equal(rd_labels_write(&labels, directory), RD_OK);
    assert_int_equal(rd_labels_read(&read, directory), RD_OK);
    rd_labels_list(&read, list, sizeof list);
    assert_string_equal(list, "no, yes, may be, a");
    rd_names_sort(&read);
    rd_labels_list(&read, list, sizeof list);
    assert_string_equal(list, "a, may be, no, yes");
    rd_labels_free(&labels);
    rd_labels_free(&read);
}

/* Byte-level BPE without merges: <s> 0, <pad> 1, </s> 2, <unk> 3, a 4, b 5, c 6, then the letters
 * of all other bytes. */
static rd_tokenizer *open_letters(void) {
    rd_tokenizer *tokenizer;
    rd_text text = {0};
    uint32_t next = 256;
    int id = 7;
    assert_int_equal(rd_text_printf(&text, "{\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, \"<unk>\": 3"),
                     RD_OK);
    for (uint32_t byte = 0; byte < 256; byte++) {
        bool printed = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        bool first = byte >= 'a' && byte <= 'c';
        char letter[5] = "";
        rd_utf8_put(printed ? byte : next++, letter);
        assert_int_equal(rd_text_printf(&text, ", \"%s%s\": %d",
                                        strchr("\"\\", *letter) ? "\\" : "", letter,
                                        first ? 4 + (int)(byte - 'a') : id++),
                         RD_OK);
    }
    assert_int_equal(rd_text_append(&text, "}", 1), RD_OK);
    put("vocab.json", text.data);
    put("merges.txt", "#version: 0.2\n");
    assert_int_equal(rd_tokenizer_open(&tokenizer, path_of("vocab.json")), RD_OK);
    rd_text_free(&text);
    return tokenizer;
}

static void expect_ids(const rd_ids *ids, const char *expected) {
    char text[128] = "";
    for (int64_t i = 0; i < ids->length; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i ? " " : "",
                 (int)ids->data[i]);
    assert_string_equal(text, expected);
}

static void test_sentences(void **state) {
    (void)state;
    rd_tokenizer *tokenizer = open_letters();
    rd_sentence_reader reader = {.tokenizer = tokenizer, .longest = 20};
    rd_sentence_scratch scratch = {0};
    rd_field a = {"aaaa", 4}, b = {"bb", 2};
    rd_sentence_tokens t;
    assert_int_equal(rd_pair_form_of(&reader.form, tokenizer), RD_OK);
    assert_int_equal(rd_sentences_read(&reader, &a, &b, &scratch, &t), RD_OK);
    rd_ids ids = {(int32_t *)(uintptr_t)t.ids, t.n, 0};
    expect_ids(&ids, "0 4 4 4 4 2 2 5 5 2"); /* as RoBERTa's, all of one segment */
    assert_int_equal(t.first, 10);
    reader.form.segments = true; /* as BERT's */
    reader.form.separators = 1;
    reader.longest = 8;
    assert_int_equal(rd_sentences_read(&reader, &a, &b, &scratch, &t), RD_OK);
    ids = (rd_ids){(int32_t *)(uintptr_t)t.ids, t.n, 0};
    expect_ids(&ids, "0 4 4 4 2 5 5 2");
    assert_int_equal(t.first, 5);
    assert_true(t.cut);
    assert_int_equal(rd_sentences_read(&reader, &b, NULL, &scratch, &t), RD_OK);
    ids = (rd_ids){(int32_t *)(uintptr_t)t.ids, t.n, 0};
    expect_ids(&ids, "0 5 5 2");
    assert_false(t.cut);
    rd_sentence_scratch_free(&scratch);
    rd_tokenizer_close(tokenizer);
}

/* A dataset of a table with columns label, a and b; numbers where there are no labels. */
static rd_status binarize(const char *text, const rd_tokenizer *tokenizer, const rd_labels *labels,
                          rd_table_statistics *statistics) {
    put("t.tsv", text);
    char table[128], dest[128];
    snprintf(table, sizeof table, "%s", path_of("t.tsv"));
    snprintf(dest, sizeof dest, "%s", path_of("t.bin"));
    const char *paths[] = {table};
    rd_binarize_table_config config = {
        .paths = paths,
        .n_paths = 1,
        .table = {.header = true,
                  .n_columns = 3,
                  .columns = {"label", "a", "b"},
                  .settings = {"label-column", "sentence1-column", "sentence2-column"}},
        .reader = {.tokenizer = tokenizer, .longest = 16, .form = {0, 2, 1, true}},
        .labels = labels};
    return rd_binarize_table(&config, dest, statistics);
}

static void test_dataset(void **state) {
    (void)state;
    rd_tokenizer *tokenizer = open_letters();
    rd_labels labels = {0};
    rd_table_statistics s;
    rd_dataset *data;
    rd_batcher *batcher;
    rd_batch batch = {0};
    assert_int_equal(rd_labels_add_list(&labels, "no,yes"), RD_OK);
    assert_int_equal(
        binarize("label\ta\tb\nyes\taa\tb\nno\tc\tbb\nno\ta\tc\n", tokenizer, &labels, &s), RD_OK);
    assert_int_equal(s.examples, 3);
    assert_int_equal(s.classes[0], 2);
    assert_int_equal(s.tokens.tokens, 8);
    free(s.classes);
    assert_int_equal(rd_dataset_open(&data, path_of("t.bin")), RD_OK);
    assert_int_equal(rd_dataset_answers(data), RD_CLASSES);
    rd_batcher_config config = {.max_sentences = 3, .max_src = 16, .n_classes = 2};
    assert_int_equal(rd_batcher_new(&batcher, data, &config), RD_OK);
    assert_int_equal(rd_batcher_get(batcher, 0, &batch), RD_OK);
    assert_int_equal(batch.n, 3);
    rd_ids source = {batch.source.ids, rd_tokens_total(&batch.source), 0};
    expect_ids(&source, "0 4 2 6 2 0 4 4 2 5 2 0 6 2 5 5 2"); /* epoch 0: the shorter ones first */
    expect_ids(&batch.segments, "0 0 0 1 1 0 0 0 0 1 1 0 0 0 1 1 1");
    expect_ids(&batch.labels, "0 1 0");
    assert_int_equal(batch.values.length, 0);
    rd_batcher_free(batcher);
    config.n_classes = 1; /* as of another model */
    assert_int_equal(rd_batcher_new(&batcher, data, &config), RD_OK);
    assert_int_equal(rd_batcher_get(batcher, 0, &batch), RD_ERR_FORMAT);
    rd_batcher_free(batcher);
    rd_dataset_close(data);

    assert_int_equal(binarize("label\ta\tb\n-1.5\taa\tb\n4\tc\tbb\n", tokenizer, NULL, &s), RD_OK);
    assert_true(s.lowest == -1.5 && s.highest == 4.0 && s.sum == 2.5);
    assert_int_equal(rd_dataset_open(&data, path_of("t.bin")), RD_OK);
    assert_int_equal(rd_dataset_answers(data), RD_NUMBERS);
    assert_true(rd_dataset_get(data, 0).value == -1.5);
    assert_int_equal(rd_batcher_new(&batcher, data, &config), RD_OK);
    assert_int_equal(rd_batcher_get(batcher, 0, &batch), RD_OK);
    assert_int_equal(batch.labels.length, 0);
    assert_true(batch.values.data[0] == -1.5f && batch.values.data[1] == 4.0f);
    rd_batcher_free(batcher);
    rd_dataset_close(data);
    rd_batch_free(&batch);
    rd_labels_free(&labels);
    rd_tokenizer_close(tokenizer);
}

static void test_wrong_answers(void **state) {
    (void)state;
    rd_tokenizer *tokenizer = open_letters();
    rd_labels labels = {0};
    rd_table_statistics s;
    static const struct {
        const char *row, *message;
        bool number;
    } cases[] = {{"maybe\ta\tb",
                  "t.tsv:2: unknown label 'maybe' (label-column); expected one of: no, yes", false},
                 {"\ta\tb", "t.tsv:2: column 'label' (label-column) is empty", false},
                 {"no\t \tb", "t.tsv:2: column 'a' (sentence1-column) is empty", false},
                 {"no\t\u00a0\u3000\tb", "t.tsv:2: column 'a' (sentence1-column) is empty", false},
                 {"no\ta\t", "t.tsv:2: column 'b' (sentence2-column) is empty", false},
                 {"1.5x\ta\tb", "t.tsv:2: '1.5x' (label-column) is no finite number", true},
                 {"nan\ta\tb", "t.tsv:2: 'nan' (label-column) is no finite number", true},
                 {"1e99\ta\tb", "t.tsv:2: '1e99' (label-column) is too large", true}};
    assert_int_equal(rd_labels_add_list(&labels, "no,yes"), RD_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        snprintf(text, sizeof text, "label\ta\tb\n%s\n", cases[i].row);
        assert_int_equal(binarize(text, tokenizer, cases[i].number ? NULL : &labels, &s),
                         RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), cases[i].message));
        free(s.classes);
    }
    rd_labels_free(&labels);
    rd_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_numbered_columns),
        cmocka_unit_test(test_quotes),  cmocka_unit_test(test_faults),
        cmocka_unit_test(test_labels),  cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_dataset), cmocka_unit_test(test_wrong_answers),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
