/* rdrop-score: metrics of texts, labels and numbers, with tests of significance. */
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "io/output.h"
#include "metrics/tokenize.h"
#include "tools/common/start.h"
#include "tools/score/arguments.h"

static int fail(void) {
    return options_fail(&score_program);
}

static void warn_if_tokenized(const arguments *args, const rd_scoring *scoring) {
    bool bleu = false;
    for (int m = 0; m < args->n_metrics; m++)
        bleu = bleu || args->metrics[m].metric->wants_raw_text;
    for (int s = 0; s < args->n_systems && bleu && !args->force; s++)
        if (scoring->tokenized[s] >= 100)
            options_warn(&score_program,
                         "%s has %lld lines that end in a tokenized period; BLEU expects "
                         "detokenized text (--force silences this)",
                         args->systems[s], (long long)scoring->tokenized[s]);
}

static void warn_of_scores(const arguments *args, const rd_scoring *scoring) {
    char warning[256];
    for (int m = 0; m < args->n_metrics; m++) { /* of references: the same for all systems */
        rd_metric_warning(&args->metrics[m], scoring->sums + scoring->offsets[m], warning);
        if (*warning) options_warn(&score_program, "%s", warning);
    }
}

static rd_status make_output(const arguments *args, const rd_scoring_config *config,
                             const rd_scoring *scoring, rd_text *out) {
    if (args->worst > 0 || args->diff)
        return rd_report_html(config, scoring, args->diff, args->worst ? args->worst : 50, out);
    if (args->sentence_level) return rd_report_sentences(config, scoring, &args->report, out);
    if (args->per_line) return rd_report_lines(config, scoring, &args->report, out);
    rd_report report;
    RD_TRY(rd_report_make(config, scoring, &args->report, &report));
    rd_status status = rd_report_write(&report, &args->report, out);
    rd_report_free(&report);
    return status;
}

static rd_status refuse_inputs(const arguments *args) {
    const char *const read[] = {rd_tokenizer_path(args->tokenizer),
                                rd_tokenizer_path(args->rouge_tokenizer)};
    for (int i = 0; i < 2; i++) {
        RD_TRY(rd_refuse_input(args->html, read[i]));
        if (read[i]) RD_TRY(rd_refuse_inputs_in(args->html, read[i]));
    }
    for (int r = 0; r < args->n_refs; r++) RD_TRY(rd_refuse_input(args->html, args->refs[r]));
    for (int s = 0; s < args->n_systems; s++) RD_TRY(rd_refuse_input(args->html, args->systems[s]));
    return RD_OK;
}

static rd_status write_classes(const arguments *args, const rd_answers *answers, rd_text *out,
                               rd_text *warnings) {
    if (answers->n_labels > RD_MOST_SHOWN_CLASSES)
        return rd_text_printf(warnings, "%d labels: --per-class shows no more than %d\n",
                              (int)answers->n_labels, RD_MOST_SHOWN_CLASSES);
    for (int s = 0; s < args->n_systems; s++) {
        RD_TRY(rd_text_printf(out, "\n"));
        if (args->n_systems > 1) RD_TRY(rd_text_printf(out, "%s\n", args->systems[s]));
        RD_TRY(rd_answers_table(answers, s, args->report.width, out));
    }
    return RD_OK;
}

static rd_status write_answers(const arguments *args, const rd_answers *answers, rd_text *out,
                               rd_text *warnings) {
    rd_report report;
    RD_TRY(rd_answers_report(&args->answers, answers, &args->report, &report, warnings));
    rd_status status = rd_report_write(&report, &args->report, out);
    if (status == RD_OK && args->per_class) status = write_classes(args, answers, out, warnings);
    rd_report_free(&report);
    return status;
}

/* Metrics of labels and numbers. */
static int run_answers(const arguments *args) {
    rd_answers answers;
    rd_text out = {0}, warnings = {0};
    rd_status status = rd_answers_read(&args->answers, &answers);
    if (status == RD_ERR_ARGUMENT) return options_usage(&score_program, "%s", rd_last_error());
    if (status != RD_OK) return fail();
    status = write_answers(args, &answers, &out, &warnings);
    if (status == RD_OK) options_warn_lines(&score_program, &warnings);
    int code = status == RD_OK ? options_print(&score_program, out.data) : fail();
    rd_text_free(&out);
    rd_text_free(&warnings);
    rd_answers_free(&answers);
    return code;
}

/* Metrics of texts. */
static int run_texts(const arguments *args) {
    rd_scoring_config config = {
        .files = {.n_systems = args->n_systems,
                  .n_refs = args->n_refs,
                  .systems = args->systems,
                  .refs = args->refs,
                  .refs_per_line = args->refs_per_line > 1 ? args->refs_per_line : 0},
        .n_metrics = args->n_metrics,
        .metrics = args->metrics};
    config.keep_lines = args->sentence_level || args->per_line || args->worst > 0 || args->diff ||
                        args->report.test != RD_TEST_NONE;
    rd_scoring scoring;
    rd_text out = {0};
    if (args->html && refuse_inputs(args) != RD_OK) {
        fail();
        return 2;
    }
    if (rd_score_files(&config, &scoring) != RD_OK) return fail();
    warn_if_tokenized(args, &scoring);
    warn_of_scores(args, &scoring);
    rd_status status = make_output(args, &config, &scoring, &out);
    if (status == RD_OK && args->html)
        status = rd_write_output(args->html, out.data, (size_t)out.length);
    int code = status == RD_OK ? 0 : fail();
    if (code == 0 && !args->html) code = options_print(&score_program, out.data);
    rd_text_free(&out);
    rd_scoring_free(&scoring);
    return code;
}

int main(int argc, char **argv) {
    start_program();
    arguments args;
    int code = arguments_parse(&args, argc, argv);
    if (code < 0) {
        rd_set_threads(args.threads);
        code = args.answers.n_metrics > 0 ? run_answers(&args) : run_texts(&args);
    }
    arguments_free(&args);
    return code;
}
