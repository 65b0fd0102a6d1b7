/* rdrop-score's library: readers, metrics and reports. Parts: a line of options, two systems, a
 * reference, and references as lists in JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parallel.h"
#include "fuzz.h"
#include "metrics/report.h"

/* Lists of references are known by their file's name: a link to slot 3. */
static char link_path[64];

static void remove_link(void) {
    unlink(link_path);
}

static const char *list_file(fuzz_part part) {
    const char *path = fuzz_file(3, part.bytes, part.n);
    if (!*link_path) {
        snprintf(link_path, sizeof link_path, "/tmp/rdrop-fuzz-%ld.jsonl", (long)getpid());
        FUZZ_CHECK(symlink(path, link_path) == 0);
        atexit(remove_link);
    }
    return link_path;
}

/* Options by the bytes of their line. */
static int option(fuzz_part options, size_t index, int choices) {
    return index < options.n ? (unsigned char)options.bytes[index] % choices : 0;
}

/* Opened at the first call; ja-mecab where the machine has it, else 13a. -1: NULL. */
enum { N_TOKENIZERS = 6 };
static const rd_metric_tokenizer *tokenizer(int i) {
    static const char *const names[N_TOKENIZERS] = {"13a",  "intl", "zh",
                                                    "char", "none", "ja-mecab"};
    static rd_metric_tokenizer *opened[N_TOKENIZERS];
    if (i < 0) return NULL;
    if (!opened[i] && rd_metric_tokenizer_open(names[i], &opened[i]) != RD_OK)
        FUZZ_CHECK(rd_metric_tokenizer_open("13a", &opened[i]) == RD_OK);
    return opened[i];
}

static void set_options(rd_metric_config metrics[4], fuzz_part o) {
    static const char *const names[4] = {"bleu", "chrf", "ter", "rouge"};
    for (int m = 0; m < 4; m++) metrics[m] = rd_metric_defaults(names[m]);
    metrics[0].tokenizer = tokenizer(option(o, 0, N_TOKENIZERS));
    metrics[3].tokenizer = tokenizer(option(o, 19, N_TOKENIZERS + 1) - 1);
    metrics[0].smooth_method = (rd_bleu_smooth)option(o, 1, 4);
    metrics[0].lowercase = metrics[1].lowercase = option(o, 2, 2);
    metrics[0].effective_order = option(o, 3, 2);
    metrics[1].char_order = 1 + option(o, 4, RD_METRIC_MAX_ORDER);
    metrics[1].word_order = option(o, 5, RD_METRIC_MAX_ORDER + 1);
    metrics[1].beta = option(o, 6, 5);
    metrics[1].whitespace = option(o, 7, 2);
    metrics[1].eps_smoothing = option(o, 8, 2);
    metrics[2].normalized = option(o, 9, 2);
    metrics[2].no_punct = option(o, 10, 2);
    metrics[2].asian_support = option(o, 11, 2);
    metrics[2].case_sensitive = option(o, 12, 2);
    if (!metrics[3].tokenizer) metrics[3].stem = (rd_rouge_stem)option(o, 13, 3);
}

static void report_all(const rd_scoring_config *config, const rd_scoring *scoring, fuzz_part o) {
    rd_text out = {0};
    rd_report_config how = {.format = (rd_report_format)option(o, 14, 4),
                            .test = (rd_test)option(o, 15, 4),
                            .trials = 3,
                            .seed = 1,
                            .width = option(o, 16, 4) - 1,
                            .brief = option(o, 17, 2)};
    rd_report report;
    if (rd_report_make(config, scoring, &how, &report) == RD_OK) {
        FUZZ_CHECK(rd_report_write(&report, &how, &out) == RD_OK);
        rd_report_free(&report);
    }
    FUZZ_CHECK(rd_report_lines(config, scoring, &how, &out) == RD_OK);
    FUZZ_CHECK(rd_report_html(config, scoring, option(o, 18, 2), 5, &out) == RD_OK);
    rd_text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part parts[5];
    for (int i = 0; i < 5; i++) parts[i] = fuzz_cut(data, size, i);
    rd_metric_config metrics[4];
    set_options(metrics, parts[0]);
    const char *systems[2] = {fuzz_file(0, parts[1].bytes, parts[1].n),
                              fuzz_file(1, parts[2].bytes, parts[2].n)};
    const char *refs[2] = {fuzz_file(2, parts[3].bytes, parts[3].n), list_file(parts[4])};
    rd_scoring_config config = {
        .files = {.n_systems = 2, .n_refs = parts[4].n ? 2 : 1, .systems = systems, .refs = refs},
        .n_metrics = 4,
        .metrics = metrics,
        .keep_lines = true};
    rd_set_threads(1);
    rd_scoring scoring;
    if (rd_score_files(&config, &scoring) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return 0;
    }
    for (int m = 0; m < 4; m++)
        for (int which = 0; which < rd_metric_n_scores(&metrics[m]); which++) {
            double score = rd_metric_score(&metrics[m], which, scoring.sums + scoring.offsets[m]);
            FUZZ_CHECK(isfinite(score) && score >= 0 && (m == 2 || score <= 100.0001));
        }
    report_all(&config, &scoring, parts[0]);
    rd_scoring_free(&scoring);
    return 0;
}
