#include "tools/predict/arguments.h"

#include <stddef.h>

#include "recipe/recipe_keys.h"
#include "tools/common/precision.h"

static const char *const poolings[] = {"model", "first", "mean", NULL}; /* predict_pooling */

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key file_options[] = {
    {"model", RD_KEY_WORD, RD_AT(model), .value = "DIR",
     .help = "directory of a model, as rdrop-train and rdrop-convert write it"},
    {"input", RD_KEY_WORD, RD_AT(input), .value = "FILE",
     .help = "a table, gzipped or plain, or names of pictures, one a line; default standard "
             "input"},
    {"output", RD_KEY_WORD, RD_AT(output), .value = "FILE",
     .help = "written when complete, gzipped if its name ends with .gz; default standard output"},
    {"references", RD_KEY_WORD, RD_AT(references), .value = "FILE",
     .help = "receives the table's own answers, the column label-column, for rdrop-score"},
    {"plain", RD_KEY_BOOL, RD_AT(plain),
     .help = "no table: a line is a sentence, or two with a tab between"},
    {.name = NULL}};
static const rd_key answer_options[] = {
    {"probabilities", RD_KEY_BOOL, RD_AT(probabilities),
     .help = "after the label, the probability of each class in the order of labels.txt, with tabs "
             "between"},
    {"json", RD_KEY_BOOL, RD_AT(json), .help = "an object a line, with probabilities"},
    {"embed", RD_KEY_BOOL, RD_AT(embed),
     .help = "a vector of length 1 instead, its numbers with blanks between; the product of two is "
             "their cosine"},
    {"pooling", RD_KEY_ENUM, RD_AT(pooling), .default_value = "model", .names = poolings,
     .help = "vectors are the mean of the outputs of all tokens, or the first one's ([CLS])"},
    {.name = NULL}};
static const rd_key speed_options[] = {
    {"precision", RD_KEY_ENUM, RD_AT(precision), .default_value = "auto", .names = precision_names,
     .help = "of matrix products, as in rdrop-translate"},
    {"threads", RD_KEY_INT32, RD_AT(threads), 1, 4096,
     .help = "default all cores, or OMP_NUM_THREADS"},
    {"max-tokens", RD_KEY_INT64, RD_AT(max_tokens), 0, 1 << 30, "0",
     .help = "tokens computed at once; 0: 256 for each thread"},
    {"window", RD_KEY_INT32, RD_AT(window), 1, 1 << 20, "1024",
     .help = "lines answered at once at most. It never waits for lines that are not there yet"},
    {.name = NULL}};
/* clang-format on */

static const char *const table_options[] = {
    "table-format",     "table-quoting", "table-header",     "sentence1-column",
    "sentence2-column", "label-column",  "max-sequence-len", NULL};
static const options_group groups[] = {{.heading = "Files", .keys = file_options},
                                       {.heading = "Answers", .keys = answer_options},
                                       {.heading = "Tables (defaults from the model's config.yaml)",
                                        .keys = rd_table_keys,
                                        .only = table_options,
                                        .are_settings = true,
                                        .offset = RD_AT(settings),
                                        .defaults_vary = true},
                                       {.heading = "Speed", .keys = speed_options},
                                       {.heading = NULL}};

static const options_relation relations[] = {{"model", OPTIONS_IS_REQUIRED, "DIR"},
                                             {"probabilities", OPTIONS_EXCLUDES, "json"},
                                             {"probabilities", OPTIONS_EXCLUDES, "embed"},
                                             {"pooling", OPTIONS_NEEDS, "embed"},
                                             {"plain", OPTIONS_EXCLUDES, "references"},
                                             {"label-column", OPTIONS_NEEDS, "references"},
                                             {"plain", OPTIONS_EXCLUDES, "table-format"},
                                             {"plain", OPTIONS_EXCLUDES, "table-header"},
                                             {"plain", OPTIONS_EXCLUDES, "table-quoting"},
                                             {"plain", OPTIONS_EXCLUDES, "sentence1-column"},
                                             {"plain", OPTIONS_EXCLUDES, "sentence2-column"},
                                             {.name = NULL}};

static const options_section sections[] = {
    {"Examples",
     "  rdrop-predict --model out/rte/model --input dev.tsv > labels\n"
     "  rdrop-predict --model out/rte/model --input dev.tsv --references right > found\n"
     "  rdrop-score --metric accuracy --ref right found\n"
     "  rdrop-predict --model out/sst2/model --plain --probabilities < sentences\n"
     "  rdrop-predict --model minilm --plain --embed < sentences > vectors\n"
     "  rdrop-predict --model out/cifar10-cct/train/model --probabilities *.png"},
    {"Pictures", "JPEG and PNG, resized as Pillow 13 does, whatever EXIF says of their orientation "
                 "(as in torchvision). One that cannot be read is an empty line, is named on "
                 "standard error, and makes the exit status 1."},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};

static const char *const synopsis[] = {"--model DIR [OPTION]... < table",
                                       "--model DIR --embed [OPTION]... < table",
                                       "--model DIR [OPTION]... PICTURE...", NULL};

const options_program predict_program = {
    .name = "rdrop-predict",
    .summary = "classes, numbers and vectors of sentences, classes of pictures",
    .synopsis = synopsis,
    .description = "Answers each row of a table by a line: the label of one or two sentences, a "
                   "number, or a vector. A header is not answered. Or answers each picture by its "
                   "class.",
    .operand = "PICTURE",
    .operand_help = "a file, for a model that reads pictures; without any, the input names them",
    .most_operands = 1 << 20,
    .operands = RD_AT(pictures),
    .groups = groups,
    .relations = relations,
    .sections = sections};

#undef RD_AT

int arguments_parse(arguments *a, int argc, char **argv) {
    *a = (arguments){.input = "-", .output = "-"};
    return options_parse(&a->given, &predict_program, a, argc, argv);
}

void arguments_free(arguments *a) {
    options_free(&a->given);
}
