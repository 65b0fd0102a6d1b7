#include "tools/translate/arguments.h"

#include <stddef.h>
#include <string.h>

#include "search/options.h"
#include "tools/common/precision.h"
#include "tools/common/search_options.h"

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key model_options[] = {
    {"model", RD_KEY_LIST, RD_AT(models), .value = "DIR",
     .help = "directory written by rdrop-train (model.safetensors, config.yaml, vocabulary); "
             "repeat to average the probabilities of several"},
    {.name = NULL}};
static const rd_key file_options[] = {
    {"input", RD_KEY_WORD, RD_AT(input), .value = "FILE",
     .help = "gzipped or plain text, one sentence a line; default standard input"},
    {"output", RD_KEY_WORD, RD_AT(output), .value = "FILE",
     .help =
         "written when complete, gzipped if its name ends with .gz; a device, a pipe or standard "
         "output, which is the default and -, as it comes"},
    {"print-alignment", RD_KEY_BOOL, RD_AT(align),
     .help = "and after a tab (in lists after |||) which word of the input, from 0, each word of "
             "the translation attends to: 0-0 1-2 ..."},
    {"replace-unk", RD_KEY_BOOL, RD_AT(options.replace_unk),
     .help = "unknown tokens become the input word that they attend to"},
    {"alignment-layer", RD_KEY_INT32, RD_AT(options.alignment_layer), 0, 1 << 20,
     .help = "by the attention of decoder layer N, from 1, averaged over its heads; default 0: the "
             "last. Of --coverage-penalty, too"},
    {"interactive", RD_KEY_BOOL, RD_AT(interactive),
     .help = "ask for each line with a prompt and translate it at once; Ctrl-D ends. On a "
             "terminal lines can be edited, and earlier ones recalled by arrow keys"},
    {"score", RD_KEY_WORD, RD_AT(score), .value = "REF",
     .help = "translate nothing; print the natural-log probability of each line of REF as the "
             "translation of its input line"},
    {.name = NULL}};
static const rd_key length_options[] = {
    {"max-input-length", RD_KEY_INT32, RD_AT(options.max_input_length), 1, 1 << 24,
     .help = "cut lines to N tokens (default: as many as the model has positions for), with a "
             "warning for each line that is cut"},
    {"truncate-source", RD_KEY_BOOL, RD_AT(truncate_source),
     .help = "with one warning at the end that counts them instead"},
    {"split-sentences", RD_KEY_BOOL, RD_AT(options.split_sentences),
     .help = "lines are paragraphs: translate each sentence, join by spaces; still one line out "
             "for each line in"},
    {"split-language", RD_KEY_WORD, RD_AT(options.split_language), .value = "L",
     .help = "its language (en, de, ...), for abbreviations; default the model's"},
    {"window-tokens", RD_KEY_INT32, RD_AT(options.window_tokens), 1, 1 << 24,
     .help = "translate a line (with --split-sentences, a sentence) of more than N tokens in "
             "windows of at most N, of whole sentences where these fit, and join the translations: "
             "for documents beyond the model's limit"},
    {"window-overlap", RD_KEY_INT32, RD_AT(options.window_overlap), 0, 1 << 24,
     .help = "each window begins with up to N tokens of the one before; default 0 (lines in parts "
             "have no --nbest lists and no --score)"},
    {.name = NULL}};
static const rd_key constraint_options[] = {
    {"prefix", RD_KEY_WORD, RD_AT(prefix), .value = "FILE",
     .help = "line by line, the beginning of each translation (may be empty); the rest is "
             "searched. Whole words work best"},
    {"constraints", RD_KEY_WORD, RD_AT(constraints), .value = "FILE",
     .help = "line by line, phrases with tabs between them that the translation must contain (may "
             "be empty); a warning names those that do not fit"},
    {"glossary", RD_KEY_WORD, RD_AT(glossary), .value = "FILE",
     .help = "lines SOURCE TERM, a tab, TARGET TERM: where the source term is in the input as "
             "whole words, the target term must be in the translation. Case counts; of "
             "overlapping terms the longest from the left. --constraints and --glossary need a "
             "--beam wider than the number of subwords in a line's terms"},
    {"keep", RD_KEY_WORD, RD_AT(keep), .value = "REGEX",
     .help = "copy the matches of this regular expression in a line to the translation unchanged: "
             "markup, placeholders, addresses. Those without a place go to the end (of a line's "
             "first string: the beginning) and are counted. "
             "'https?://\\S+|<[^>]+>|[{][a-z]+[}]'"},
    {.name = NULL}};
static const rd_key speed_options[] = {
    {"precision", RD_KEY_ENUM, RD_AT(precision), .default_value = "auto", .names = precision_names,
     .help = "of matrix products. bf16, for processors with AVX-512, hardly differs; int8, for "
             "those with AVX2, is fastest, most of all with AVX-512 VNNI, and rounds most; auto is "
             "int8 for weights already rounded to it, else bf16 where that is faster than fp32"},
    {"shortlist", RD_KEY_WORD, RD_AT(shortlist), .value = "FILE",
     .help = "score only the target pieces that FILE has for the pieces of the input "
             "(rdrop-preprocess --shortlist), not the whole vocabulary: faster, the more so the "
             "larger the vocabulary"},
    {"threads", RD_KEY_INT32, RD_AT(options.threads), 1, RD_TRANSLATOR_MOST_THREADS,
     .help = "default all cores, or OMP_NUM_THREADS"},
    {"batch-tokens", RD_KEY_INT64, RD_AT(batch_tokens), 1, 1 << 30,
     .help = "source tokens translated together; default 1920 / beam, at most 512. Sentences that "
             "are done make room for waiting ones (but not with --shortlist)"},
    {"window", RD_KEY_INT32, RD_AT(window), 1, 1 << 24, "4096",
     .help = "lines read ahead at most; 1 answers line by line"},
    {.name = NULL}};
/* clang-format on */

static const options_group groups[] = {{.heading = "Model", .keys = model_options},
                                       {.heading = "Input and output", .keys = file_options},
                                       {.heading = "Long lines", .keys = length_options},
                                       {.heading = "Search (defaults from the model's config.yaml)",
                                        .keys = rd_search_keys,
                                        .offset = RD_AT(search),
                                        .defaults_vary = true},
                                       {.heading = "Terms", .keys = constraint_options},
                                       {.heading = "Speed", .keys = speed_options},
                                       {.heading = NULL}};
#undef RD_AT

static const options_relation relations[] = {{"model", OPTIONS_IS_REQUIRED, "DIR"},
                                             {"score", OPTIONS_EXCLUDES, "prefix"},
                                             {"score", OPTIONS_EXCLUDES, "print-alignment"},
                                             {"score", OPTIONS_EXCLUDES, "replace-unk"},
                                             {"score", OPTIONS_EXCLUDES, "alignment-layer"},
                                             {"score", OPTIONS_EXCLUDES, "constraints"},
                                             {"score", OPTIONS_EXCLUDES, "glossary"},
                                             {"score", OPTIONS_EXCLUDES, "keep"},
                                             {"score", OPTIONS_EXCLUDES, "shortlist"},
                                             {"score", OPTIONS_EXCLUDES, "split-sentences"},
                                             {"score", OPTIONS_EXCLUDES, "window-tokens"},
                                             {"split-sentences", OPTIONS_EXCLUDES, "nbest"},
                                             {"split-sentences", OPTIONS_EXCLUDES, "constraints"},
                                             {"split-language", OPTIONS_NEEDS, "split-sentences"},
                                             {"window-tokens", OPTIONS_EXCLUDES, "nbest"},
                                             {"window-tokens", OPTIONS_EXCLUDES, "constraints"},
                                             {"window-overlap", OPTIONS_NEEDS, "window-tokens"},
                                             {"interactive", OPTIONS_EXCLUDES, "input"},
                                             {"interactive", OPTIONS_EXCLUDES, "window"},
                                             {"interactive", OPTIONS_EXCLUDES, "output"},
                                             {"interactive", OPTIONS_EXCLUDES, "score"},
                                             {"interactive", OPTIONS_EXCLUDES, "prefix"},
                                             {"interactive", OPTIONS_EXCLUDES, "constraints"},
                                             {"sampling", OPTIONS_EXCLUDES, "constraints"},
                                             {"sampling", OPTIONS_EXCLUDES, "glossary"},
                                             {"sampling", OPTIONS_EXCLUDES, "keep"},
                                             {.name = NULL}};

static const options_section sections[] = {
    {"Examples",
     "  rdrop-translate --model DIR --input news.en.gz --output news.de.gz\n"
     "  zcat news.en.gz | rdrop-translate --model DIR --beam 1 > news.de\n"
     "  rdrop-translate --model A --model B < in > out     an ensemble of two models\n"
     "  rdrop-translate --model DIR --nbest 5 < in         LINE ||| TRANSLATION ||| SCORE\n"
     "  rdrop-translate --model DIR --score refs.de < in   log P of each reference"},
    {"Notes",
     "Lists of --nbest have lines counted from 0; without --beam, the beam is at least as wide as "
     "the list. A progress bar is shown where standard error is a terminal and the output is not, "
     "with an ETA if --input is a file."},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};

static const char *const synopsis[] = {"--model DIR [OPTION]... < input > output", NULL};

const options_program translate_program = {
    .name = "rdrop-translate",
    .summary = "text in, translations out",
    .synopsis = synopsis,
    .description = "Translates text line by line: one output line for each input line, in the same "
                   "order.",
    .groups = groups,
    .relations = relations,
    .sections = sections};

/* Of two that read standard input, each would get a part of it. */
static int refuse_shared_input(const arguments *a) {
    const struct {
        const char *name, *path;
    } files[] = {{"score", a->score},
                 {"prefix", a->prefix},
                 {"constraints", a->constraints},
                 {"glossary", a->glossary}};
    const char *other = strcmp(a->input, "-") == 0 ? "input" : NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!files[i].path || strcmp(files[i].path, "-") != 0) continue;
        if (other)
            return options_usage(&translate_program, "--%s and --%s are both standard input", other,
                                 files[i].name);
        other = files[i].name;
    }
    return -1;
}

int arguments_parse(arguments *a, int argc, char **argv) {
    *a = (arguments){.input = "-", .output = "-"};
    int code = options_parse(&a->given, &translate_program, a, argc, argv);
    if (code >= 0) return code;
    code = refuse_shared_input(a);
    if (code >= 0) return code;
    const char *of_search = search_options_given(&a->given);
    if (a->score && of_search)
        return options_usage(&translate_program, "--%s means nothing with --score", of_search);
    return -1;
}

void arguments_free(arguments *a) {
    options_free(&a->given);
}

rd_status arguments_search(const arguments *a, const rd_search_options *of_model,
                           rd_search_options *search) {
    RD_TRY(search_options_lay(&a->given, of_model, search));
    search->align = a->align;
    search->batch_tokens = a->batch_tokens;
    if (options_has(&a->given, "alignment-layer") && !a->options.replace_unk &&
        !rd_search_needs_attention(search))
        return rd_error(RD_ERR_ARGUMENT, "--alignment-layer means nothing without "
                                         "--print-alignment, --replace-unk or --coverage-penalty");
    return RD_OK;
}
