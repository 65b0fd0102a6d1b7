/* The command line of rdrop-score. */
#ifndef RD_TOOLS_SCORE_ARGUMENTS_H
#define RD_TOOLS_SCORE_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/answers.h"
#include "tools/common/options.h"

/* The parsed command line. `shared` gathers the metrics' options before the list of metrics is
 * known. */
typedef struct {
    options_given given;
    options_list ref_list, input_list, files, metric_list; /* as typed */
    const char *tokenize, *rouge_tokenize, *language_pair;
    rd_metric_tokenizer *tokenizer, *rouge_tokenizer; /* NULL: each metric's default */
    rd_metric_config shared, metrics[RD_SCORING_MAX_METRICS];
    int n_metrics, n_refs, n_systems;
    const char *const *refs, *const *systems;
    rd_answers_config answers; /* with metrics, there are none in `metrics` */
    const char *html;
    bool chrf_lowercase, force, sentence_level, sentence_bleu, per_line, diff, per_class;
    int64_t worst, confidence_n, paired_bs_n, paired_ar_n;
    int32_t refs_per_line, threads;
    rd_report_config report;
} arguments;

extern const options_program score_program;

/* Fills `args`; release them with arguments_free() always. Returns -1 to continue, else the exit
 * code: help or an error message is already printed. */
int arguments_parse(arguments *args, int argc, char **argv);
void arguments_free(arguments *args);

#endif
