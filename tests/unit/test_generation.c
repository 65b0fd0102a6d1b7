/* generation_config.json: lists of translations are those of transformers' generate(), under
 * settings that each have something of it (tests/oracles/check_generation.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "convert/convert.h"
#include "golden.h"
#include "io/json.h"
#include "rdrop/translator.h"

static char directory[] = "/tmp/rdrop-generation-XXXXXX";

/* A golden model with these settings, imported. */
static void import(const char *model, json_t *settings, int number, char imported[256]) {
    char from[256], command[900];
    snprintf(from, sizeof from, "%s/hf-%d", directory, number);
    snprintf(imported, 256, "%s/model-%d", directory, number);
    snprintf(command, sizeof command, "mkdir %s && cp %s/%s/* %s && chmod -R u+w %s", from,
             TEST_DATA, model, from, from);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    must(rd_json_write(from, "generation_config.json", json_incref(settings)));
    must(rd_import(from, imported, NULL));
}

/* Blanks and controls are as the oracle shows them: one blank between words. */
static void tidy(char *text) {
    char *to = text;
    for (char *word = strtok(text, " \t\n\r"); word; word = strtok(NULL, " \t\n\r")) {
        if (to != text) *to++ = ' ';
        memmove(to, word, strlen(word));
        to += strlen(word);
    }
    *to = '\0';
}

static void check_list(const rd_translation *items, const json_t *list, int number) {
    for (size_t k = 0; k < json_array_size(list); k++) {
        const json_t *wanted = json_array_get(list, k), *score = json_object_get(wanted, "score");
        if (!items[k].text) fail_msg("case %d: %zu translations", number, k);
        tidy(items[k].text);
        const char *text = json_string_value(json_object_get(wanted, "text"));
        if (strcmp(items[k].text, text) != 0)
            fail_msg("case %d, %zu: '%s', expected '%s'", number, k, items[k].text, text);
        if (json_is_number(score))
            assert_near((double)items[k].score, json_number_value(score), 1e-4, 1e-4, "score",
                        number);
    }
}

static void check_case(const json_t *c, int number) {
    char model[256];
    const char *directories[] = {model}, *lines[2];
    const json_t *texts = json_object_get(c, "texts"), *lists = json_object_get(c, "lists");
    rd_translator *translator;
    rd_translations found;
    import(json_string_value(json_object_get(c, "model")), json_object_get(c, "settings"), number,
           model);
    must(rd_translator_open(&translator, directories, 1, RD_PRECISION_FP32));
    rd_translate_options options = rd_translator_defaults(translator);
    options.search.n_best = options.search.beam;
    for (size_t i = 0; i < 2; i++) lines[i] = json_string_value(json_array_get(texts, i));
    must(rd_translator_run(translator, &options, 2, lines, NULL, &found));
    for (size_t i = 0; i < 2; i++)
        check_list(found.items + (int64_t)i * found.n_best, json_array_get(lists, i), number);
    rd_translations_free(&found);
    rd_translator_close(translator);
}

static void test_lists_of_the_oracle(void **state) {
    (void)state;
    json_t *cases = golden_load("generation.json");
    assert_int_equal(json_array_size(cases), 24);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(json_array_get(cases, i), (int)i);
    json_decref(cases);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists_of_the_oracle)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
