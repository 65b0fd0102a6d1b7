#include "tools/translate/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options, and where their value goes. Those of rd_translate_options are
 * laid over the model's defaults once the model is open. */
typedef enum {
    MODEL,
    TEXT,
    WHOLE,
    WHOLE64,
    REAL,
    POSITIVE,
    LENPEN_FORM,
    PRECISION,
    FLAG
} value_type;
typedef struct {
    const char *name;
    value_type type;
    size_t offset; /* in arguments */
    int64_t least, most;
} option_info;

#define OF_ARGUMENTS(field) offsetof(arguments, field)
static const option_info infos[] = {
    {"model", MODEL, 0, 0, 0},
    {"input", TEXT, OF_ARGUMENTS(input), 0, 0},
    {"output", TEXT, OF_ARGUMENTS(output), 0, 0},
    {"score", TEXT, OF_ARGUMENTS(score), 0, 0},
    {"prefix", TEXT, OF_ARGUMENTS(prefix), 0, 0},
    {"constraints", TEXT, OF_ARGUMENTS(constraints), 0, 0},
    {"glossary", TEXT, OF_ARGUMENTS(glossary), 0, 0},
    {"keep", TEXT, OF_ARGUMENTS(keep), 0, 0},
    {"shortlist", TEXT, OF_ARGUMENTS(shortlist), 0, 0},
    {"interactive", FLAG, OF_ARGUMENTS(interactive), 0, 0},
    {"max-input-length", WHOLE, OF_ARGUMENTS(options.max_input_length), 1, 1 << 24},
    {"truncate-source", FLAG, OF_ARGUMENTS(truncate_source), 0, 0},
    {"split-sentences", FLAG, OF_ARGUMENTS(options.split_sentences), 0, 0},
    {"split-language", TEXT, OF_ARGUMENTS(options.split_language), 0, 0},
    {"window-tokens", WHOLE, OF_ARGUMENTS(options.window_tokens), 1, 1 << 24},
    {"window-overlap", WHOLE, OF_ARGUMENTS(options.window_overlap), 0, 1 << 24},
    {"window", WHOLE, OF_ARGUMENTS(window), 1, 1 << 24},
    {"beam", WHOLE, OF_ARGUMENTS(options.beam), 1, 1024},
    {"lenpen", REAL, OF_ARGUMENTS(options.lenpen), 0, 0},
    {"lenpen-form", LENPEN_FORM, OF_ARGUMENTS(options.lenpen_form), 0, 0},
    {"patience", POSITIVE, OF_ARGUMENTS(options.patience), 0, 0},
    {"temperature", POSITIVE, OF_ARGUMENTS(options.temperature), 0, 0},
    {"max-len-a", REAL, OF_ARGUMENTS(options.max_len_a), 0, 0},
    {"max-len-b", REAL, OF_ARGUMENTS(options.max_len_b), 0, 0},
    {"min-len", WHOLE, OF_ARGUMENTS(options.min_len), 0, 1 << 20},
    {"n-best", WHOLE, OF_ARGUMENTS(options.n_best), 1, 1024},
    {"unk-penalty", REAL, OF_ARGUMENTS(options.unk_penalty), 0, 0},
    {"no-repeat-ngram", WHOLE, OF_ARGUMENTS(options.no_repeat_ngram), 0, 1 << 20},
    {"sampling", FLAG, OF_ARGUMENTS(options.sampling), 0, 0},
    {"top-k", WHOLE, OF_ARGUMENTS(options.top_k), 0, 1024},
    {"top-p", POSITIVE, OF_ARGUMENTS(options.top_p), 0, 0},
    {"seed", WHOLE64, OF_ARGUMENTS(options.seed), 0, INT64_MAX},
    {"diverse-beam-groups", WHOLE, OF_ARGUMENTS(options.diverse_beam_groups), 1, 1024},
    {"diverse-beam-strength", REAL, OF_ARGUMENTS(options.diverse_beam_strength), 0, 0},
    {"coverage-penalty", REAL, OF_ARGUMENTS(options.coverage_penalty), 0, 0},
    {"print-alignment", FLAG, OF_ARGUMENTS(options.align), 0, 0},
    {"replace-unk", FLAG, OF_ARGUMENTS(options.replace_unk), 0, 0},
    {"alignment-layer", WHOLE, OF_ARGUMENTS(options.alignment_layer), 0, 1 << 20},
    {"precision", PRECISION, OF_ARGUMENTS(precision), 0, 0},
    {"batch-tokens", WHOLE64, OF_ARGUMENTS(options.batch_tokens), 1, 1 << 30},
    {"threads", WHOLE, OF_ARGUMENTS(options.threads), 1, 4096},
};
enum { N_INFOS = sizeof infos / sizeof *infos, OPT_HELP = N_INFOS + 1, OPT_VERSION };

__attribute__((format(printf, 1, 2))) _Noreturn static void usage_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("rdrop-translate: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; see rdrop-translate --help\n", stderr);
    exit(2);
}

static int64_t whole_number(const option_info *info, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < info->least || value > info->most)
        usage_error("--%s: \"%s\" is not a whole number from %lld to %lld", info->name, text,
                    (long long)info->least, (long long)info->most);
    return value;
}

static float real_number(const option_info *info, const char *text) {
    char *end;
    float value = strtof(text, &end);
    if (end == text || *end || !isfinite(value))
        usage_error("--%s: \"%s\" is not a number", info->name, text);
    return value;
}

static float positive_number(const option_info *info, const char *text) {
    float value = real_number(info, text);
    if (!(value > 0)) usage_error("--%s: \"%s\" is not above 0", info->name, text);
    return value;
}

/* Index into names, which NULL ends. */
static int named_choice(const option_info *info, const char *text, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0) return i;
    usage_error("--%s: there is no \"%s\"", info->name, text);
}

static const char *const lenpen_forms[] = {"power", "gnmt", NULL}; /* rd_lenpen_form */

static const char *const precisions[] = {"auto", "fp32", "bf16", "int8", NULL}; /* rd_precision */

static void store(arguments *a, const option_info *info, char *text) {
    char *field = (char *)a + info->offset;
    switch (info->type) {
    case MODEL:
        if (a->n_models == ARGUMENTS_MAX_MODELS)
            usage_error("more than %d models", ARGUMENTS_MAX_MODELS);
        a->models[a->n_models++] = text;
        break;
    case TEXT:
        memcpy(field, &text, sizeof text);
        break;
    case WHOLE:
        *(int32_t *)(void *)field = (int32_t)whole_number(info, text);
        break;
    case WHOLE64:
        *(int64_t *)(void *)field = whole_number(info, text);
        break;
    case REAL:
        *(float *)(void *)field = real_number(info, text);
        break;
    case POSITIVE:
        *(float *)(void *)field = positive_number(info, text);
        break;
    case LENPEN_FORM:
        *(rd_lenpen_form *)(void *)field = (rd_lenpen_form)named_choice(info, text, lenpen_forms);
        break;
    case PRECISION:
        *(rd_precision *)(void *)field = (rd_precision)named_choice(info, text, precisions);
        break;
    case FLAG:
        *(bool *)field = true;
        break;
    }
}

/* Options that say nothing together, or nothing without another. */
typedef struct {
    const char *name;
    enum { EXCLUDES, NEEDS } relation;
    const char *other;
} relation;
static const relation relations[] = {
    {"score", EXCLUDES, "prefix"},
    {"score", EXCLUDES, "print-alignment"},
    {"score", EXCLUDES, "constraints"},
    {"score", EXCLUDES, "glossary"},
    {"score", EXCLUDES, "keep"},
    {"score", EXCLUDES, "shortlist"},
    {"score", EXCLUDES, "split-sentences"},
    {"score", EXCLUDES, "window-tokens"},
    {"split-sentences", EXCLUDES, "n-best"},
    {"split-sentences", EXCLUDES, "constraints"},
    {"split-language", NEEDS, "split-sentences"},
    {"window-tokens", EXCLUDES, "n-best"},
    {"window-tokens", EXCLUDES, "constraints"},
    {"window-overlap", NEEDS, "window-tokens"},
    {"interactive", EXCLUDES, "input"},
    {"interactive", EXCLUDES, "output"},
    {"interactive", EXCLUDES, "score"},
    {"interactive", EXCLUDES, "prefix"},
    {"interactive", EXCLUDES, "constraints"},
    {"sampling", EXCLUDES, "constraints"},
    {"sampling", EXCLUDES, "glossary"},
    {"sampling", EXCLUDES, "keep"},
    {"top-k", NEEDS, "sampling"},
    {"top-p", NEEDS, "sampling"},
    {"seed", NEEDS, "sampling"},
    {"sampling", EXCLUDES, "diverse-beam-groups"},
    {"diverse-beam-strength", NEEDS, "diverse-beam-groups"},
};

static bool is_given(const bool *given, const char *name) {
    for (int i = 0; i < N_INFOS; i++)
        if (strcmp(infos[i].name, name) == 0) return given[i];
    return false;
}

static void check_relations(const bool *given) {
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        const relation *r = &relations[i];
        if (!is_given(given, r->name)) continue;
        bool other = is_given(given, r->other);
        if (r->relation == EXCLUDES && other)
            usage_error("--%s and --%s exclude each other", r->name, r->other);
        if (r->relation == NEEDS && !other)
            usage_error("--%s means nothing without --%s", r->name, r->other);
    }
}

void arguments_parse(arguments *a, int argc, char **argv) {
    struct option options[N_INFOS + 3] = {{0}};
    for (int i = 0; i < N_INFOS; i++)
        options[i] = (struct option){
            infos[i].name, infos[i].type == FLAG ? no_argument : required_argument, NULL, i + 1};
    options[N_INFOS] = (struct option){"help", no_argument, NULL, OPT_HELP};
    options[N_INFOS + 1] = (struct option){"version", no_argument, NULL, OPT_VERSION};
    bool given[N_INFOS] = {false};
    optind = 1;
    opterr = 0;
    a->n_models = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?') usage_error("unknown option or missing value: \"%s\"", argv[optind - 1]);
        if (option == OPT_HELP) {
            for (int i = 0; arguments_help[i]; i++) fputs(arguments_help[i], stdout);
            exit(0);
        }
        if (option == OPT_VERSION) {
            puts("rdrop-translate " RD_VERSION);
            exit(0);
        }
        given[option - 1] = true;
        store(a, &infos[option - 1], optarg);
    }
    if (optind < argc)
        usage_error("unexpected \"%s\": input comes from standard input or --input", argv[optind]);
    if (a->n_models == 0) usage_error("--model DIR is missing");
    check_relations(given);
    if (a->score && strcmp(a->score, "-") == 0 && strcmp(a->input, "-") == 0)
        usage_error("--score - needs --input FILE");
}
