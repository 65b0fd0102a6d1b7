/* rdrop-preprocess: raw corpora to vocabularies and binarized data. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/progress.h"
#include "base/text.h"
#include "data/binarize.h"
#include "data/corpus.h"
#include "data/shortlist.h"
#include "data/vocab.h"
#include "data/vocab_files.h"
#include "recipe/recipe_keys.h"
#include "recipe/special_ids.h"
#include "tools/common/options.h"
#include "tools/common/start.h"
#include "tools/common/stop.h"

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
     .help = "the raw corpora: files PREFIX.LANG or PREFIX.LANG.gz, one sentence a line, where the "
             "recipe's trainpref, validpref and testpref name the prefixes (several with commas) "
             "and source-lang and target-lang the languages"},
    {"dest", RD_KEY_WORD, RD_AT(dest), .value = "DIR",
     .help = "receives spm.model (or source.spm and target.spm without joined-dictionary; or the "
             "files of vocab-from), train.bin, valid.bin and PREFIX.bin for each test set that is "
             "there"},
    {"shortlist", RD_KEY_BOOL, RD_AT(shortlist),
     .help = "also make DEST/shortlist.bin from train.bin: the target pieces that each source "
             "piece may become, for rdrop-translate --shortlist"},
    {"only", RD_KEY_WORD, RD_AT(only), .value = "STAGE", .names = stages,
     .help = "train the vocabulary only, binarize with the one in DEST, or make the shortlist of "
             "the train.bin in DEST"},
    {"set", RD_KEY_LIST, RD_AT(settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {"threads", RD_KEY_INT32, RD_AT(threads), 1, 4096,
     .help = "default all cores; the results do not depend on it"},
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
     "user-defined-symbols and vocab-sentences for the vocabulary. Training pairs outside "
     "min-source-len .. max-source-len, "
     "min-target-len .. max-target-len or max-ratio are dropped and counted; validation and test "
     "sets are kept whole. With sentencepiece-alpha the text is kept as well, to be segmented anew "
     "in each epoch.\n"
     "The datasets carry a fingerprint of the vocabulary, and the languages: rdrop-train refuses "
     "them with another vocabulary, even of the same size.\n"
     "Lengths are in tokens, without the end of sentence. A high share of unknown tokens asks for "
     "more character-coverage or byte-fallback."},
    {"Examples", "  rdrop-preprocess recipes/multi30k-en-de.yaml --data corpora --dest bin\n"
                 "  rdrop-train recipes/multi30k-en-de.yaml --data bin"},
    {"Exit status", "0 done, 1 failed, 2 wrong usage."},
    {.heading = NULL}};
static const char *const synopsis[] = {"RECIPE --data DIR --dest DIR [OPTION]...", NULL};
static const options_program program = {
    .name = "rdrop-preprocess",
    .summary = "raw corpora to vocabularies and binarized data",
    .synopsis = synopsis,
    .description = "Trains the SentencePiece vocabulary of a recipe and binarizes its corpora for "
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

typedef struct {
    rd_recipe *recipe;
    const char *data, *dest;
    rd_tokenizer *source, *target;
    rd_identity identity; /* of the datasets */
} job;

static int fail(void) {
    return options_fail(&program);
}

/* DATA/PREFIX.LANG or, if that is not there, DATA/PREFIX.LANG.gz. */
static rd_status corpus_path(const job *j, const char *prefix, const char *lang, rd_text *path) {
    rd_text_clear(path);
    const char *directory = prefix[0] == '/' ? "" : j->data, *slash = prefix[0] == '/' ? "" : "/";
    RD_TRY(rd_text_printf(path, "%s%s%s.%s", directory, slash, prefix, lang));
    if (rd_file_exists(path->data)) return RD_OK;
    RD_TRY(rd_text_append(path, ".gz", 3));
    if (rd_file_exists(path->data)) return RD_OK;
    return rd_error(RD_ERR_IO,
                    "%s: no such corpus, nor without .gz; check --data and the recipe's prefixes",
                    path->data);
}

/* Calls use(j, prefix, arg) for every comma-separated prefix. */
static rd_status each_prefix(job *j, const char *prefixes,
                             rd_status (*use)(job *, const char *, void *), void *arg) {
    char *list = rd_strdup(prefixes), *rest = list, *prefix;
    rd_status status = list ? RD_OK : RD_ERR_MEMORY;
    while (status == RD_OK && (prefix = strsep(&rest, ",")))
        if (*prefix) status = use(j, prefix, arg);
    free(list);
    return status;
}

typedef struct {
    char **items;
    int64_t n, capacity;
    const char *lang;
} path_list;

static rd_status add_path(job *j, const char *prefix, void *arg) {
    path_list *list = arg;
    rd_text path = {0};
    rd_status status = corpus_path(j, prefix, list->lang, &path);
    if (status == RD_OK)
        status = rd_reserve(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
    if (status == RD_OK)
        list->items[list->n++] = path.data;
    else
        rd_text_free(&path);
    return status;
}

static void free_paths(path_list *list) {
    for (int64_t i = 0; i < list->n; i++) free(list->items[i]);
    free(list->items);
}

/* Called on a thread without memory: nothing here takes any. Nothing is written by then. */
static void no_memory(void) {
    static const char message[] =
        "rdrop-preprocess: out of memory in training a vocabulary; vocab-sentences makes it learn "
        "from fewer\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(1);
}

/* Nothing is written by then, either. */
static void gave_up(const char *why) {
    fflush(stdout);
    rd_error(RD_ERR_FORMAT, "cannot train a vocabulary of these corpora: SentencePiece gave up: %s",
             why);
    fprintf(stderr, "rdrop-preprocess: %s\n", rd_last_error());
    _exit(1);
}

/* One vocabulary over the training corpora of `langs`. */
static rd_status train_vocab(job *j, int n_langs, const char *const *langs, int32_t size,
                             const char *name, const char *normalization) {
    const rd_data_config *d = &j->recipe->data;
    path_list list = {0};
    rd_status status = RD_OK;
    for (int i = 0; status == RD_OK && i < n_langs; i++) {
        list.lang = langs[i];
        status = each_prefix(j, d->trainpref, add_path, &list);
    }
    rd_vocab_config config = {.type = d->vocab_type,
                              .size = size,
                              .character_coverage = d->character_coverage,
                              .byte_fallback = d->byte_fallback,
                              .mask = d->mask_piece,
                              .normalization = normalization,
                              .symbols = d->user_defined_symbols,
                              .max_sentences = d->vocab_sentences,
                              .no_memory = no_memory,
                              .gave_up = gave_up};
    char *path = rd_path_join(j->dest, name);
    if (status == RD_OK)
        status = path ? rd_vocab_train(&config, (const char *const *)list.items, (int)list.n, path)
                      : RD_ERR_MEMORY;
    if (status == RD_OK)
        printf("%s: %d pieces, %s, %s\n", path, (int)size, d->vocab_type, normalization);
    free_paths(&list);
    free(path);
    return status;
}

static rd_vocabulary_kind kind_of(const rd_data_config *d) {
    return d->joined_dictionary ? RD_VOCABULARY_JOINT : RD_VOCABULARY_SEPARATE;
}

static rd_status copy_vocabularies(const job *j, const char *from) {
    rd_tokenizer *source, *target;
    rd_vocabulary_kind kind = kind_of(&j->recipe->data);
    RD_TRY(rd_vocabularies_open(from, kind, &source, &target));
    printf("vocabulary: %d pieces", (int)rd_tokenizer_size(source));
    if (target != source) printf(" and %d", (int)rd_tokenizer_size(target));
    printf(", that of %s\n", from);
    rd_vocabularies_close(source, target);
    return rd_vocabularies_copy(from, j->dest, kind);
}

/* Text that is only read may lose what NFKC takes; what a model writes must not. */
static const char *normalization_of(const rd_data_config *d, bool only_read) {
    if (strcmp(d->normalization, "auto") != 0) return d->normalization;
    return only_read ? "nmt_nfkc" : "identity";
}

static rd_status make_vocabularies(job *j) {
    const rd_data_config *d = &j->recipe->data;
    if (*d->vocab_from) return copy_vocabularies(j, d->vocab_from);
    const char *langs[2] = {d->source_lang, d->target_lang};
    int n_langs = strcmp(langs[0], langs[1]) == 0 ? 1 : 2; /* denoising has the one */
    const char *of_source = normalization_of(d, true), *of_target = normalization_of(d, false);
    if (d->joined_dictionary)
        return train_vocab(j, n_langs, langs, d->vocab_size_src, "spm.model", of_target);
    RD_TRY(train_vocab(j, 1, langs, d->vocab_size_src, "source.spm", of_source));
    return train_vocab(j, 1, langs + 1, d->vocab_size_tgt, "target.spm", of_target);
}

/* The corpora of one dataset: both lists name the same prefixes. */
typedef struct {
    path_list src, tgt;
} corpora;

static rd_status find_corpora(job *j, const char *prefixes, corpora *c) {
    c->src.lang = j->recipe->data.source_lang;
    c->tgt.lang = j->recipe->data.target_lang;
    RD_TRY(each_prefix(j, prefixes, add_path, &c->src));
    return each_prefix(j, prefixes, add_path, &c->tgt);
}

/* Training a vocabulary takes long: corpora that then could not be read in step are refused before.
 */
static rd_status count_pairs(const char *source, const char *target) {
    const char *s, *t;
    size_t n_s, n_t;
    rd_corpus *src, *tgt;
    RD_TRY(rd_corpus_open(&src, source, RD_UTF8_STRICT));
    rd_status status = rd_corpus_open(&tgt, target, RD_UTF8_STRICT);
    if (status != RD_OK) {
        rd_corpus_close(src);
        return status;
    }
    do status = rd_corpus_next_pair(src, tgt, &s, &n_s, &t, &n_t);
    while (status == RD_OK && s);
    rd_corpus_close(src);
    rd_corpus_close(tgt);
    return status;
}

static rd_status check_pairs(job *j, const char *prefixes) {
    corpora c = {0};
    rd_status status = find_corpora(j, prefixes, &c);
    for (int64_t i = 0; status == RD_OK && i < c.src.n; i++)
        if (strcmp(c.src.items[i], c.tgt.items[i]) != 0) /* denoising has the one */
            status = count_pairs(c.src.items[i], c.tgt.items[i]);
    free_paths(&c.src);
    free_paths(&c.tgt);
    return status;
}

static void print_side(const char *lang, const rd_side_statistics *side, int64_t sentences) {
    double per_sentence = sentences > 0 ? (double)side->tokens / (double)sentences : 0.0;
    double unknown = side->tokens > 0 ? (double)side->unknown / (double)side->tokens : 0.0;
    printf("  %-6s %10lld tokens, %.3f%% unknown; a sentence: mean %.1f, median %lld, 99%% up to "
           "%lld, longest %lld\n",
           lang, (long long)side->tokens, 100.0 * unknown, per_sentence,
           (long long)rd_length_quantile(side, 0.5), (long long)rd_length_quantile(side, 0.99),
           (long long)side->longest);
}

/* Where sources are cut; 0: nowhere. */
static int32_t longest_source(const rd_data_config *d) {
    return d->truncate_source ? d->max_source_len : 0;
}

static void print_statistics(const job *j, const char *name, const rd_binarize_statistics *s,
                             double seconds) {
    const rd_data_config *d = &j->recipe->data;
    int64_t read = rd_binarize_pairs_read(s), kept = s->pairs[RD_FILTER_KEPT];
    printf("%s: %lld sentence pairs", name, (long long)kept);
    if (kept < read)
        printf(" of %lld (dropped: source shorter than %d: %lld, longer than %d: %lld; target "
               "shorter than %d: %lld, longer than %d: %lld; ratio over %g: %lld)",
               (long long)read, (int)d->min_source_len, (long long)s->pairs[RD_FILTER_SRC_SHORT],
               (int)d->max_source_len, (long long)s->pairs[RD_FILTER_SRC_LONG],
               (int)d->min_target_len, (long long)s->pairs[RD_FILTER_TGT_SHORT],
               (int)d->max_target_len, (long long)s->pairs[RD_FILTER_TGT_LONG],
               (double)d->max_ratio, (long long)s->pairs[RD_FILTER_RATIO]);
    if (longest_source(d))
        printf("; %lld sources cut to %d tokens", (long long)s->truncated, (int)longest_source(d));
    printf("; %.1f s, %.0f pairs/s\n", seconds, (double)read / (seconds > 1e-3 ? seconds : 1e-3));
    print_side(d->source_lang, &s->src, kept);
    print_side(d->target_lang, &s->tgt, kept);
    fflush(stdout);
}

static void show_progress(void *self, int64_t pairs) {
    rd_progress_update(self, pairs, NULL);
}

static rd_status binarize_corpora(const job *j, const corpora *c, const char *name,
                                  const rd_filter_config *filter, bool keep_text) {
    char *path = rd_path_join(j->dest, name);
    if (!path) return RD_ERR_MEMORY;
    rd_progress progress;
    rd_progress_start(&progress,
                      &(rd_progress_config){.out = stderr,
                                            .label = name,
                                            .unit = "pairs",
                                            .terminal = rd_progress_is_terminal(stderr)});
    rd_binarize_config config = {.src_paths = (const char *const *)c->src.items,
                                 .tgt_paths = (const char *const *)c->tgt.items,
                                 .n_paths = (int)c->src.n,
                                 .src_tokenizer = j->source,
                                 .tgt_tokenizer = j->target,
                                 .identity = j->identity,
                                 .filter = filter,
                                 .keep_text = keep_text,
                                 .prepend_bos = j->recipe->model.prepend_bos,
                                 .longest_src = longest_source(&j->recipe->data),
                                 .progress = show_progress,
                                 .self = &progress,
                                 .stop = stop_requested(),
                                 .stop_fd = stop_fd()};
    rd_binarize_statistics statistics;
    double started = rd_seconds();
    rd_status status = rd_binarize(&config, path, &statistics);
    rd_progress_finish(&progress);
    if (status == RD_OK) print_statistics(j, name, &statistics, rd_seconds() - started);
    if (status == RD_OK && statistics.pairs[RD_FILTER_KEPT] == 0 && filter)
        status =
            rd_error(RD_ERR_FORMAT, "%s: no training pair is left; see the counts above", path);
    free(path);
    return status;
}

/* All of `prefixes` into DEST/NAME. */
static rd_status binarize(job *j, const char *prefixes, const char *name,
                          const rd_filter_config *filter, bool keep_text) {
    corpora c = {0};
    rd_status status = find_corpora(j, prefixes, &c);
    if (status == RD_OK) status = binarize_corpora(j, &c, name, filter, keep_text);
    free_paths(&c.src);
    free_paths(&c.tgt);
    return status;
}

static rd_status binarize_test_set(job *j, const char *prefix, void *arg) {
    (void)arg;
    const char *slash = strrchr(prefix, '/');
    rd_text name = {0}, path = {0};
    if (!strcmp(prefix, j->recipe->data.validpref)) return RD_OK; /* valid.bin is it */
    rd_status found = corpus_path(j, prefix, j->recipe->data.source_lang, &path);
    rd_text_free(&path);
    if (found != RD_OK) { /* training does not need it */
        fprintf(stderr, "rdrop-preprocess: test set skipped: %s\n", rd_last_error());
        return RD_OK;
    }
    rd_status status = rd_text_printf(&name, "%s.bin", slash ? slash + 1 : prefix);
    if (status == RD_OK && (!strcmp(name.data, "train.bin") || !strcmp(name.data, "valid.bin")))
        status = rd_error(RD_ERR_ARGUMENT,
                          "test set '%s' would overwrite %s, made of another corpus; rename it",
                          prefix, name.data);
    if (status == RD_OK) status = binarize(j, prefix, name.data, NULL, true);
    rd_text_free(&name);
    return status;
}

/* A vocabulary from elsewhere has the size it has. */
static void check_vocab_size(const job *j) {
    char message[256];
    if (rd_recipe_vocab_size_differs(j->recipe, rd_tokenizer_size(j->source),
                                     rd_tokenizer_size(j->target), message, sizeof message))
        fprintf(stderr, "rdrop-preprocess: warning: %s\n", message);
}

static rd_status binarize_all(job *j) {
    const rd_data_config *d = &j->recipe->data;
    char vocabulary[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_open(j->dest, kind_of(d), &j->source, &j->target));
    RD_TRY(rd_vocabularies_fingerprint(j->dest, kind_of(d), vocabulary));
    RD_TRY(rd_identity_make(&j->identity, j->recipe->task, d->source_lang, d->target_lang,
                            vocabulary));
    check_vocab_size(j);
    RD_TRY(rd_recipe_take_vocabularies(j->recipe, j->source, j->target, j->dest));
    rd_filter_config filter = {.min_src = d->min_source_len,
                               .max_src = d->max_source_len,
                               .min_tgt = d->min_target_len,
                               .max_tgt = d->max_target_len,
                               .max_ratio = d->max_ratio};
    RD_TRY(binarize(j, d->trainpref, "train.bin", &filter, d->sampling_alpha > 0.0f));
    /* The text of the validation set is what BLEU compares with. */
    RD_TRY(binarize(j, d->validpref, "valid.bin", NULL, true));
    return d->testpref ? each_prefix(j, d->testpref, binarize_test_set, NULL) : RD_OK;
}

static rd_status make_shortlist(const job *j) {
    rd_shortlist_config config = rd_shortlist_defaults();
    config.stop = stop_requested();
    char *data_path = rd_path_join(j->dest, "train.bin"),
         *path = rd_path_join(j->dest, "shortlist.bin");
    rd_dataset *data = NULL;
    rd_status status = data_path && path ? rd_dataset_open(&data, data_path) : RD_ERR_MEMORY;
    double started = rd_seconds();
    if (status == RD_OK) status = rd_shortlist_build(&config, data, path);
    if (status == RD_OK)
        printf("%s: up to %d target pieces for each of %d source pieces; %.1f s\n", path,
               (int)config.per_piece, (int)rd_dataset_src_vocab(data), rd_seconds() - started);
    rd_dataset_close(data);
    free(data_path);
    free(path);
    return status;
}

/* Keys that a recipe may leave out, though this program needs them. */
static rd_status check_recipe(const rd_recipe *recipe, const char *path) {
    const rd_data_config *d = &recipe->data;
    const char *keys[][2] = {{"source-lang", d->source_lang},
                             {"target-lang", d->target_lang},
                             {"trainpref", d->trainpref},
                             {"validpref", d->validpref}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!keys[i][1] || !*keys[i][1])
            return rd_error(RD_ERR_FORMAT, "%s: %s is not set; the corpora are files PREFIX.LANG",
                            path, keys[i][0]);
    return RD_OK;
}

static bool has_stage(const arguments *a, const char *stage) {
    return !a->only || !strcmp(a->only, stage);
}

static rd_status run(job *j, const arguments *a) {
    RD_TRY(check_recipe(j->recipe, a->recipe.items[0]));
    RD_TRY(rd_make_directories(j->dest));
    const rd_data_config *d = &j->recipe->data;
    bool trains = has_stage(a, "vocab") && !*d->vocab_from;
    if (trains) RD_TRY(check_pairs(j, d->trainpref));
    if (trains && has_stage(a, "binarize")) RD_TRY(check_pairs(j, d->validpref));
    if (has_stage(a, "vocab")) RD_TRY(make_vocabularies(j));
    /* So that no half-written file is left; training a vocabulary leaves none, but cannot stop. */
    stop_on_signals();
    if (has_stage(a, "binarize")) RD_TRY(binarize_all(j));
    return a->shortlist ? make_shortlist(j) : RD_OK;
}

static int preprocess(arguments *a) {
    if (a->only && strcmp(a->only, "shortlist") == 0) a->shortlist = true;
    if (a->shortlist && a->only && strcmp(a->only, "vocab") == 0)
        return options_usage(&program, "--shortlist is made from binarized data; --only vocab "
                                       "makes none");
    rd_recipe *recipe;
    rd_set_threads(a->threads);
    if (rd_recipe_load(&recipe, a->recipe.items[0], a->settings.items, a->settings.n) != RD_OK)
        return fail();
    job j = {.recipe = recipe, .data = a->data, .dest = a->dest};
    rd_status status = run(&j, a);
    rd_vocabularies_close(j.source, j.target);
    rd_recipe_free(recipe);
    return status == RD_OK ? 0 : fail();
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
