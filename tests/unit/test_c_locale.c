/* The library in a program whose locale writes decimal commas: files, scores and signatures are
 * those of any other program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "base/text.h"
#include "rdrop/metrics.h"
#include "rdrop/translator.h"
#include "toy_directory.h"

enum { PIECES = 34 };
static char root[] = "/tmp/rdrop-locale-XXXXXX";

/* The system's German locale, or one made of its sources; without both there is nothing to see. */
static void choose_commas(void) {
    char command[200];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             root, root);
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        setenv("LOCPATH", root, 1);
        if (system(command) != 0 || !setlocale(LC_ALL, "de_DE.UTF-8")) {
            print_message("no locale with decimal commas: skipped\n");
            skip();
        }
    }
    snprintf(command, sizeof command, "%.1f", 0.5);
    assert_string_equal(command, "0,5");
}

static void test_files_and_scores(void **state) {
    (void)state;
    char directory[64], text[32], signature[256], details[256];
    const char *opened = directory, *line = "the red dog";
    double value, stats[96];
    snprintf(directory, sizeof directory, "%s/model", root);
    toy_directory_make(
        directory, "arch: transformer-tiny\nmax-source-positions: 40\ndropout: 0.25\n", PIECES, 0);
    choose_commas();
    assert_true(rd_parse_number("1.5e-1", &value) && value == 0.15);
    rd_shortest_double(0.15, text);
    assert_string_equal(text, "0.15");
    rd_metric_config bleu = rd_metric_defaults("bleu");
    bleu.smooth_method = RD_SMOOTH_FLOOR;
    bleu.smooth_value = 0.25;
    rd_signature_info info = {.n_refs = 1};
    rd_metric_signature(&bleu, &info, signature);
    assert_non_null(strstr(signature, "smooth:floor[0.25]"));
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    rd_line same = {line, strlen(line)};
    assert_int_equal(rd_metric_line(&bleu, scratch, same, 1, &same, stats), RD_OK);
    rd_metric_details(&bleu, 0, stats, details);
    assert_non_null(strstr(details, "100.0/100.0/100.0/"));
    assert_non_null(strstr(details, "BP = 1.000 ratio = 1.000"));
    rd_metric_scratch_free(scratch);
    rd_translator *translator;
    if (rd_translator_open(&translator, &opened, 1, RD_PRECISION_FP32) != RD_OK)
        fail_msg("%s", rd_last_error());
    rd_translate_options options = rd_translator_defaults(translator);
    rd_translations found;
    options.search.sequence_bias = "5: -2.5";
    if (rd_translator_run(translator, &options, 1, &line, NULL, &found) != RD_OK)
        fail_msg("%s", rd_last_error());
    rd_translations_free(&found);
    rd_translator_close(translator);
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the program's own numbers stay as they were */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_and_scores)};
    if (!mkdtemp(root)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) != 0 || failed;
}
