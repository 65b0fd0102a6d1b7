#include "tools/lm/arguments.h"

#include <stddef.h>

#include "search/options.h"
#include "tools/common/precision.h"
#include "tools/common/search_options.h"

static const char *const modes[] = {"none", "complete", "eos", "auto", NULL}; /* rd_break_mode */
static const char *const bases[] = {"2", "e", NULL};                          /* lm_base */

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key file_options[] = {
    {"model", RD_KEY_WORD, RD_AT(model), .value = "DIR",
     .help = "directory of a language model, as rdrop-train and rdrop-convert write it"},
    {"input", RD_KEY_WORD, RD_AT(input), .value = "FILE",
     .help = "gzipped or plain text; default standard input"},
    {"output", RD_KEY_WORD, RD_AT(output), .value = "FILE",
     .help = "written when complete, gzipped if its name ends with .gz; default standard output"},
    {.name = NULL}};
static const rd_key score_options[] = {
    {"context-window", RD_KEY_INT32, RD_AT(context_window), 0, 1 << 24, "0",
     .help = "the model reads N tokens again before those that it scores, as fairseq-eval-lm does: "
             "slower and better the larger N is. Every token is scored once"},
    {"tokens-per-sample", RD_KEY_INT32, RD_AT(tokens_per_sample), 0, 1 << 24, "0",
     .help = "tokens that the model reads at once, the context window included; 0: as many as it "
             "was trained with (tokens-per-sample in its config.yaml)"},
    {"sample-break-mode", RD_KEY_ENUM, RD_AT(mode), 0, 0, "auto", modes,
     .help = "where blocks end: after any token (none), after a line (complete; a longer line is a "
             "block by itself), or after each line (eos); auto: as in its training"},
    {"base", RD_KEY_ENUM, RD_AT(base), 0, 0, "e", bases,
     .help = "of the logarithms that are printed"},
    {"per-line", RD_KEY_BOOL, RD_AT(per_line),
     .help = "each line is a text by itself; print its log-probability, one a line. What is longer "
             "than tokens-per-sample is read in parts, with no context except the context window"},
    {"per-token", RD_KEY_BOOL, RD_AT(per_token),
     .help = "print LINE (from 1), TOKEN and its log-probability, with tabs between, one token a "
             "line; with "
             "--per-line, each line is a text by itself"},
    {"conditional", RD_KEY_BOOL, RD_AT(conditional),
     .help =
         "lines are FIRST, a tab, SECOND: score SECOND as the line after FIRST; if both are too "
         "long, only the end of FIRST is read; implies --per-line"},
    {"no-line-end", RD_KEY_BOOL, RD_AT(without_end),
     .help = "with --per-line, the end of the line does not count"},
    {.name = NULL}};
static const rd_key generate_options[] = {
    {"generate", RD_KEY_BOOL, RD_AT(generate),
     .help = "continue the prompts of the input, one a line, and print both as a line"},
    {"many-lines", RD_KEY_BOOL, RD_AT(many_lines),
     .help = "over ends of lines, where the vocabulary has these as newlines (characters, "
             "byte-level BPE)"},
    {"json", RD_KEY_BOOL, RD_AT(json),
     .help = "an object a line: line (from 1), text, score, log_prob"},
    {"window", RD_KEY_INT32, RD_AT(window), 1, 1 << 24, "64",
     .help = "prompts continued together at most, of those that can be read at once"},
    {.name = NULL}};
static const rd_key speed_options[] = {{"precision", RD_KEY_ENUM, RD_AT(precision),
                                        .default_value = "auto", .names = precision_names,
                                        .help = "of matrix products, as in rdrop-translate"},
                                       {"threads", RD_KEY_INT32, RD_AT(threads), 1, 4096,
                                        .help = "default all cores, or OMP_NUM_THREADS"},
                                       {"max-tokens", RD_KEY_INT64, RD_AT(max_tokens), 1, 1 << 30,
                                        "4096", .help = "tokens computed at once"},
                                       {.name = NULL}};
/* clang-format on */

static const options_group groups[] = {{.heading = "Files", .keys = file_options},
                                       {.heading = "Scores", .keys = score_options},
                                       {.heading = "Writing", .keys = generate_options},
                                       {.heading = "Search (defaults from the model's config.yaml)",
                                        .keys = rd_search_keys,
                                        .offset = RD_AT(search),
                                        .defaults_vary = true},
                                       {.heading = "Speed", .keys = speed_options},
                                       {.heading = NULL}};
#undef RD_AT

static const options_relation relations[] = {{"model", OPTIONS_IS_REQUIRED, "DIR"},
                                             {"generate", OPTIONS_EXCLUDES, "per-line"},
                                             {"generate", OPTIONS_EXCLUDES, "per-token"},
                                             {"generate", OPTIONS_EXCLUDES, "conditional"},
                                             {"generate", OPTIONS_EXCLUDES, "context-window"},
                                             {"generate", OPTIONS_EXCLUDES, "tokens-per-sample"},
                                             {"generate", OPTIONS_EXCLUDES, "sample-break-mode"},
                                             {"generate", OPTIONS_EXCLUDES, "base"},
                                             {"generate", OPTIONS_EXCLUDES, "no-line-end"},
                                             {"generate", OPTIONS_EXCLUDES, "max-tokens"},
                                             {"per-line", OPTIONS_EXCLUDES, "sample-break-mode"},
                                             {"conditional", OPTIONS_EXCLUDES, "sample-break-mode"},
                                             {"many-lines", OPTIONS_NEEDS, "generate"},
                                             {"json", OPTIONS_NEEDS, "generate"},
                                             {"window", OPTIONS_NEEDS, "generate"},
                                             {.name = NULL}};

static const options_section sections[] = {
    {"Perplexity",
     "Without --per-line, --per-token and --generate, the perplexity of the whole text is printed: "
     "of tokens, and of words with ends of lines, which compares models whatever their tokens are. "
     "Every token counts, the ends of lines and unknown words too."},
    {"How a text begins",
     "A text begins after the token that ended the one before: its first token is scored, and a "
     "prompt "
     "is continued, as in training. transformers begins with the text itself, so the first token "
     "is "
     "not scored there, and a GPT-2 continues a prompt otherwise unless it is given <|endoftext|> "
     "first."},
    {"How far it writes",
     "A prompt and what is written after it have at most as many tokens as the model has positions "
     "(max-target-positions in its config.yaml), whatever --min-len and --max-len-b say. Where "
     "config.yaml has sampling, --sampling=false searches."},
    {"Examples",
     "  rdrop-lm --model DIR --input wiki.test.tokens --tokens-per-sample 512 --context-window "
     "400\n"
     "  rdrop-lm --model DIR --per-line < sentences.en           log P of each\n"
     "  paste first.en second.en | rdrop-lm --model DIR --conditional\n"
     "  echo 'O Romeo,' | rdrop-lm --model DIR --generate --sampling --sampling-topk 40 "
     "--max-len-b 200\n"
     "Rescoring the n-best lists of a translation by its own score and a language model's:\n"
     "  rdrop-translate --model MT --nbest 10 < in > nbest\n"
     "  sed 's/^.* ||| \\(.*\\) ||| .*$/\\1/' nbest | rdrop-lm --model LM --per-line > lm\n"
     "  paste nbest lm | awk -F '( \\\\|\\\\|\\\\| |\\t)' '{s = $3 + 0.1 * $4; if (!($1 in b) || s "
     "> b[$1]) "
     "{b[$1] = s; t[$1] = $2}} END {for (i = 0; i in t; i++) print t[i]}'"},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};

static const char *const synopsis[] = {"--model DIR [OPTION]... < text",
                                       "--model DIR --generate [OPTION]... < prompts", NULL};

const options_program lm_program = {.name = "rdrop-lm",
                                    .summary = "perplexity, scores and text of language models",
                                    .synopsis = synopsis,
                                    .description =
                                        "Scores text by a language model, or lets it write on.",
                                    .groups = groups,
                                    .relations = relations,
                                    .sections = sections};

int arguments_parse(arguments *a, int argc, char **argv) {
    *a = (arguments){.input = "-", .output = "-"};
    int code = options_parse(&a->given, &lm_program, a, argc, argv);
    if (code >= 0) return code;
    if (a->conditional) a->per_line = true;
    if (a->without_end && !a->per_line)
        return options_usage(&lm_program, "--no-line-end needs --per-line or --conditional");
    if (options_has(&a->given, "base") && !a->per_line && !a->per_token)
        return options_usage(&lm_program, "--base needs --per-line or --per-token: a summary has "
                                          "both");
    const char *of_search = search_options_given(&a->given);
    if (of_search && !a->generate)
        return options_usage(&lm_program, "--%s means nothing without --generate", of_search);
    return -1;
}

void arguments_free(arguments *a) {
    options_free(&a->given);
}
