/* rdrop-preprocess: raw corpora to vocabularies and binarized data. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "recipe/data_record.h"
#include "recipe/recipe_keys.h"
#include "task/keys.h"
#include "tools/common/options.h"
#include "tools/common/ranks.h"
#include "tools/common/start.h"
#include "tools/preprocess/preprocess.h"

static const char *const stages[] = {"vocab", "binarize", "shortlist", NULL};

typedef struct {
    options_list recipe, settings;
    const char *data, *dest, *only;
    int32_t threads;
    bool shortlist;
} arguments;

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key options[] = {
    {"data", RD_KEY_WORD, RD_AT(data), .value = "DIR",
     .help =
         "the raw corpora: files PREFIX.LANG or PREFIX.LANG.gz, one sentence a line, where the "
         "recipe's trainpref, validpref and testpref name the prefixes (several with commas) "
         "and source-lang and target-lang the languages; of the task sentence_prediction, tables "
         "that these three keys name, with or without .gz"},
    {"dest", RD_KEY_WORD, RD_AT(dest), .value = "DIR",
     .help = "receives spm.model (or source.spm and target.spm without joined-dictionary; dict.txt "
             "or characters.txt with vocab-type words or characters; or the files of "
             "vocab-from), train.bin, valid.bin, PREFIX.bin for each test set that is there, and "
             "made-with.yaml, by which rdrop-train tells settings that came too late"},
    {"shortlist", RD_KEY_BOOL, RD_AT(shortlist),
     .help = "also make DEST/shortlist.bin from train.bin: the target pieces that each source "
             "piece may become, for rdrop-translate --shortlist"},
    {"only", RD_KEY_WORD, RD_AT(only), .value = "STAGE", .names = stages,
     .help = "train the vocabulary only, binarize with the one in DEST, or make the shortlist of "
             "the train.bin in DEST"},
    {"set", RD_KEY_LIST, RD_AT(settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {"threads", RD_KEY_INT32, RD_AT(threads), 1, 4096,
     .help = "default all cores, or OMP_NUM_THREADS; the results do not depend on it"},
    {.name = NULL}};
/* clang-format on */

static const char *const recipe_options[] = {"truncate-source", NULL};
static const options_group groups[] = {{.heading = "Options", .keys = options},
                                       {.heading = "Keys of the recipe that are options, too",
                                        .keys = rd_data_keys,
                                        .only = recipe_options,
                                        .are_settings = true,
                                        .offset = RD_AT(settings)},
                                       {.heading = NULL}};
static const options_relation relations[] = {
    {"data", OPTIONS_IS_REQUIRED, "DIR"}, {"dest", OPTIONS_IS_REQUIRED, "DIR"}, {.name = NULL}};
static const options_section sections[] = {
    {"Keys that matter here",
     "vocab-type, vocab-size, joined-dictionary, character-coverage, byte-fallback, normalization, "
     "user-defined-symbols and vocab-sentences for the vocabulary; for one of words, threshold and "
     "nwords. Training pairs outside "
     "min-source-len .. max-source-len, "
     "min-target-len .. max-target-len or max-ratio are dropped and counted; validation and test "
     "sets are kept whole. With sentencepiece-alpha the text is kept as well, to be segmented anew "
     "in each epoch.\n"
     "For task image_classification trainpref, validpref and testpref name pictures: a folder of a "
     "folder for each class, the same in an archive (ARCHIVE.tar.gz:FOLDER), a list of lines "
     "\"path, "
     "tab, class\" (.tsv), MNIST's ...-images-idx3-ubyte(.gz), or CIFAR's .bin files, in an "
     "archive "
     "too. DEST receives labels.txt, the names of the classes. What cannot be read is left out, "
     "counted, and listed with the reason in DEST/SET.bin.left-out.\n"
     "The datasets carry a fingerprint of the vocabulary, and the languages: rdrop-train refuses "
     "them with another vocabulary, even of the same size.\n"
     "Lengths are in tokens, without the end of sentence. A high share of unknown tokens asks for "
     "more character-coverage or byte-fallback."},
    {"Texts for language models",
     "The files PREFIX.LANG of trainpref, validpref and testpref are texts, LANG is target-lang. A "
     "line's end is a token, too (line-end). train.bin and the others are streams of tokens, cut "
     "into blocks in training (tokens-per-sample, sample-break-mode); no line is dropped."},
    {"Examples", "  rdrop-preprocess recipes/multi30k-en-de.yaml --data corpora --dest bin\n"
                 "  rdrop-train recipes/multi30k-en-de.yaml --data bin"},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};
static const char *const synopsis[] = {"RECIPE --data DIR --dest DIR [OPTION]...", NULL};
static const options_program program = {
    .name = "rdrop-preprocess",
    .summary = "raw corpora to vocabularies and binarized data",
    .synopsis = synopsis,
    .description = "Makes the vocabulary of a recipe and binarizes its corpora for "
                   "rdrop-train.",
    .operand = "RECIPE",
    .operand_help = "YAML file; rdrop-recipe --help-recipe lists all keys",
    .least_operands = 1,
    .most_operands = 1,
    .operands = RD_AT(recipe),
    .find_setting = rd_recipe_find_key,
    .groups = groups,
    .relations = relations,
    .sections = sections};
#undef RD_AT

/* Which data a task reads. */
static const struct {
    const char *task;
    rd_status (*run)(const preprocess_job *job);
} kinds[] = {
    {"translation", preprocess_pairs},          {"denoising", preprocess_pairs},
    {"language_modeling", preprocess_text},     {"image_classification", preprocess_pictures},
    {"sentence_prediction", preprocess_tables}, {"masked_lm", preprocess_pairs}};

/* Data and a vocabulary of another form would replace files that the model there needs. */
static rd_status make_destination(const char *dest) {
    bool ours, weights, foreign;
    RD_TRY(rd_has_file(dest, "config.yaml", &ours));
    RD_TRY(rd_has_file(dest, "model.safetensors", &weights));
    RD_TRY(rd_has_file(dest, "config.json", &foreign));
    if ((ours && weights) || foreign)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: a model is there (%s); name another folder with --dest", dest,
                        foreign ? "config.json" : "config.yaml");
    return rd_make_directories(dest);
}

/* Ranks share the work on pairs. Only the first one makes other data, and the others wait for
 * it. */
static rd_status run_kind(const preprocess_job *job) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(job->recipe->task, kinds[i].task) == 0)
            return job->comm->rank > 0 && kinds[i].run != preprocess_pairs ? RD_OK
                                                                           : kinds[i].run(job);
    return rd_error(RD_ERR_ARGUMENT, "%s: no data of task %s are known", job->recipe_path,
                    job->recipe->task);
}

static rd_status run(const preprocess_job *job) {
    bool first = job->comm->rank == 0, records = first && job->binarize;
    if (first) RD_TRY(make_destination(job->dest));
    if (records) RD_TRY(rd_data_record_refuse_recipe(job->recipe_path, job->dest));
    RD_TRY(run_kind(job));
    return records ? rd_data_record_write(job->recipe, job->dest) : RD_OK;
}

static bool has_stage(const arguments *a, const char *stage) {
    return !a->only || !strcmp(a->only, stage);
}

/* Of keys of the data; the others are for the training to tell. */
static rd_status warn_of_idle(const rd_recipe *recipe) {
    rd_text warnings = {0};
    rd_status status = rd_recipe_warn_of_idle(recipe, "data", &warnings);
    if (status == RD_OK) options_warn_lines(&program, &warnings);
    rd_text_free(&warnings);
    return status;
}

/* A key without effect is said before the work, not by the training after it. */
static rd_status load(const arguments *a, bool first, rd_recipe **recipe) {
    const rd_task *task;
    RD_TRY(rd_recipe_load(recipe, a->recipe.items[0], a->settings.items, a->settings.n));
    rd_status status = rd_task_find(&task, (*recipe)->task);
    if (status == RD_OK) status = rd_task_refuse_ignored(task, *recipe);
    if (status == RD_OK && first) status = warn_of_idle(*recipe);
    if (status == RD_OK) return RD_OK;
    rd_recipe_free(*recipe);
    *recipe = NULL;
    return status;
}

static int preprocess(const arguments *a) {
    bool shortlist = a->shortlist || (a->only && strcmp(a->only, "shortlist") == 0);
    if (shortlist && a->only && strcmp(a->only, "vocab") == 0)
        return options_usage(&program, "--shortlist is made from binarized data; --only vocab "
                                       "makes none");
    rd_recipe *recipe;
    rd_comm *comm;
    rd_set_threads(a->threads);
    if (!ranks_start(&program, RANKS_PATIENCE, &comm)) return 1;
    if (a->threads > 0) rd_set_threads(a->threads);
    rd_status status = rd_comm_agree(comm, load(a, comm->rank == 0, &recipe));
    if (status != RD_OK) return ranks_end(&program, comm, status, 1);
    status = run(&(preprocess_job){.recipe = recipe,
                                   .recipe_path = a->recipe.items[0],
                                   .data = a->data,
                                   .dest = a->dest,
                                   .vocab = has_stage(a, "vocab"),
                                   .binarize = has_stage(a, "binarize"),
                                   .shortlist = shortlist,
                                   .comm = comm,
                                   .program = &program});
    rd_recipe_free(recipe);
    return ranks_end(&program, comm, status, 1);
}

int main(int argc, char **argv) {
    start_program();
    arguments a = {.data = NULL};
    options_given given;
    int code = options_parse(&given, &program, &a, argc, argv);
    if (code < 0) code = preprocess(&a);
    options_free(&given);
    return code;
}
