/* rdrop-preprocess: raw corpora to vocabularies and binarized data. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/binarize.h"
#include "data/vocab.h"
#include "recipe/recipe.h"

static const char help[] =
    "Usage: rdrop-preprocess RECIPE --data DIR --dest DIR [--only vocab|binarize] [--set "
    "KEY=VALUE]...\n"
    "Trains the SentencePiece vocabulary of a recipe and binarizes its corpora.\n"
    "\n"
    "  RECIPE            YAML file; rdrop-recipe --help-recipe lists all keys\n"
    "  --data DIR        the raw corpora: files PREFIX.LANG or PREFIX.LANG.gz, where the recipe's\n"
    "                    trainpref, validpref and testpref name the prefixes\n"
    "  --dest DIR        receives spm.model (or source.spm and target.spm), train.bin, valid.bin\n"
    "                    and one PREFIX.bin per test set\n"
    "  --only STAGE      vocab: train the vocabulary only; binarize: use the one in DEST\n"
    "  --set KEY=VALUE   override a key of the recipe; may be repeated\n"
    "  --threads N       default all cores; the results do not depend on it\n"
    "\n"
    "Training pairs outside min-source-len .. max-source-len, min-target-len .. max-target-len or\n"
    "max-ratio are dropped and counted; validation and test sets are kept whole.\n";

typedef struct {
    const rd_recipe *recipe;
    const char *data, *dest;
    rd_tokenizer *source, *target;
} job;

static int fail(void) {
    fprintf(stderr, "rdrop-preprocess: %s\n", rd_last_error());
    return 1;
}

static int usage(const char *message) {
    fprintf(stderr, "rdrop-preprocess: %s (see rdrop-preprocess --help)\n", message);
    return 2;
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

/* One vocabulary over the training corpora of `langs`. */
static rd_status train_vocab(job *j, int n_langs, const char *const *langs, int32_t size,
                             const char *name) {
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
                              .max_sentences = d->vocab_sentences};
    char *path = rd_path_join(j->dest, name);
    if (status == RD_OK)
        status = path ? rd_vocab_train(&config, (const char *const *)list.items, (int)list.n, path)
                      : RD_ERR_MEMORY;
    if (status == RD_OK) printf("%s: %d pieces, %s\n", path, (int)size, d->vocab_type);
    for (int64_t i = 0; i < list.n; i++) free(list.items[i]);
    free(list.items);
    free(path);
    return status;
}

static rd_status make_vocabularies(job *j) {
    const rd_data_config *d = &j->recipe->data;
    const char *langs[2] = {d->source_lang, d->target_lang};
    if (d->joined_dictionary) return train_vocab(j, 2, langs, d->vocab_size_src, "spm.model");
    RD_TRY(train_vocab(j, 1, langs, d->vocab_size_src, "source.spm"));
    return train_vocab(j, 1, langs + 1, d->vocab_size_tgt, "target.spm");
}

static rd_status open_vocabulary(const job *j, const char *name, rd_tokenizer **tokenizer) {
    char *path = rd_path_join(j->dest, name);
    rd_status status = path ? rd_tokenizer_open(tokenizer, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

typedef struct {
    rd_dataset_writer *writer;
    rd_binarize_stats stats;
    const rd_filter_config *filter;
    const char *name;
    double started;
    bool terminal;
} output;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void show_progress(void *self, int64_t lines) {
    output *out = self;
    if (!out->terminal) return;
    fprintf(stderr, "\r\033[K%s: %lld lines, %.0f lines/s", out->name, (long long)lines,
            (double)lines / (now() - out->started + 1e-9));
}

static rd_status binarize_prefix(job *j, const char *prefix, void *arg) {
    output *out = arg;
    rd_text src = {0}, tgt = {0};
    rd_status status = corpus_path(j, prefix, j->recipe->data.source_lang, &src);
    if (status == RD_OK) status = corpus_path(j, prefix, j->recipe->data.target_lang, &tgt);
    if (status == RD_OK)
        status = rd_binarize(src.data, tgt.data, j->source, j->target, out->filter, out->writer,
                             &out->stats, show_progress, out);
    rd_text_free(&src);
    rd_text_free(&tgt);
    return status;
}

static void print_stats(const output *out) {
    const rd_binarize_stats *s = &out->stats;
    double seconds = now() - out->started, kept = s->kept > 0 ? (double)s->kept : 1.0;
    if (out->terminal) fprintf(stderr, "\r\033[K");
    printf(
        "%s: %lld pairs of %lld; source %lld tokens, %.1f a sentence, longest %d, %.3f%% unknown; "
        "target %lld tokens, %.1f a sentence, longest %d, %.3f%% unknown; %.1f s\n",
        out->name, (long long)s->kept, (long long)s->lines, (long long)s->src_tokens,
        (double)s->src_tokens / kept, (int)s->longest_src,
        100.0 * (double)s->src_unknown / (double)(s->src_tokens + !s->src_tokens),
        (long long)s->tgt_tokens, (double)s->tgt_tokens / kept, (int)s->longest_tgt,
        100.0 * (double)s->tgt_unknown / (double)(s->tgt_tokens + !s->tgt_tokens), seconds);
    if (s->kept < s->lines)
        printf("%s: dropped %lld too short, %lld too long, %lld of unequal length\n", out->name,
               (long long)s->too_short, (long long)s->too_long, (long long)s->bad_ratio);
}

/* All of `prefixes` into DEST/NAME. */
static rd_status binarize(job *j, const char *prefixes, const char *name,
                          const rd_filter_config *filter, bool keep_text) {
    output out = {
        .filter = filter, .name = name, .started = now(), .terminal = isatty(STDERR_FILENO)};
    char *path = rd_path_join(j->dest, name);
    rd_status status = path
                           ? rd_dataset_writer_open(&out.writer, path, rd_tokenizer_size(j->source),
                                                    rd_tokenizer_size(j->target), keep_text)
                           : RD_ERR_MEMORY;
    if (status == RD_OK) {
        status = each_prefix(j, prefixes, binarize_prefix, &out);
        if (status == RD_OK)
            status = rd_dataset_writer_finish(out.writer);
        else
            rd_dataset_writer_abort(out.writer);
    }
    if (status == RD_OK) print_stats(&out);
    free(path);
    return status;
}

static rd_status binarize_test_set(job *j, const char *prefix, void *arg) {
    (void)arg;
    const char *slash = strrchr(prefix, '/');
    rd_text name = {0};
    rd_status status = rd_text_printf(&name, "%s.bin", slash ? slash + 1 : prefix);
    if (status == RD_OK) status = binarize(j, prefix, name.data, NULL, true);
    rd_text_free(&name);
    return status;
}

static rd_status binarize_all(job *j) {
    const rd_data_config *d = &j->recipe->data;
    if (d->joined_dictionary) {
        RD_TRY(open_vocabulary(j, "spm.model", &j->source));
        j->target = j->source;
    } else {
        RD_TRY(open_vocabulary(j, "source.spm", &j->source));
        RD_TRY(open_vocabulary(j, "target.spm", &j->target));
    }
    rd_filter_config filter = {.min_source = d->min_source_len,
                               .max_source = d->max_source_len,
                               .min_target = d->min_target_len,
                               .max_target = d->max_target_len,
                               .max_ratio = d->max_ratio};
    RD_TRY(binarize(j, d->trainpref, "train.bin", &filter, d->sampling_alpha > 0.0f));
    RD_TRY(binarize(j, d->validpref, "valid.bin", NULL,
                    true)); /* its text is what BLEU compares with */
    return d->testpref ? each_prefix(j, d->testpref, binarize_test_set, NULL) : RD_OK;
}

static int run(job *j, const char *only) {
    rd_status status = rd_make_directories(j->dest);
    if (status == RD_OK && (!only || !strcmp(only, "vocab"))) status = make_vocabularies(j);
    if (status == RD_OK && (!only || !strcmp(only, "binarize"))) status = binarize_all(j);
    if (j->target != j->source) rd_tokenizer_close(j->target);
    rd_tokenizer_close(j->source);
    return status == RD_OK ? 0 : fail();
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"dest", required_argument, NULL, 'o'},
                                            {"only", required_argument, NULL, 'y'},
                                            {"set", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char **settings = rd_calloc((size_t)argc, sizeof *settings), *only = NULL;
    job j = {0};
    int n_settings = 0, threads = 0, option;
    if (!settings) return fail();
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            j.data = optarg;
            break;
        case 'o':
            j.dest = optarg;
            break;
        case 'y':
            only = optarg;
            break;
        case 's':
            settings[n_settings++] = optarg;
            break;
        case 't':
            threads = atoi(optarg);
            break;
        case 'h':
            fputs(help, stdout);
            free(settings);
            return 0;
        default:
            free(settings);
            return usage("unknown option or missing value");
        }
    }
    bool known = !only || !strcmp(only, "vocab") || !strcmp(only, "binarize");
    if (optind + 1 != argc || !j.data || !j.dest || !known) {
        free(settings);
        return usage(known ? "expected a recipe, --data DIR and --dest DIR"
                           : "--only takes vocab or binarize");
    }
    rd_set_threads(threads);
    rd_recipe *recipe;
    rd_status status = rd_recipe_load(&recipe, argv[optind], settings, n_settings);
    free(settings);
    if (status != RD_OK) return fail();
    j.recipe = recipe;
    int code = run(&j, only);
    rd_recipe_free(recipe);
    return code;
}
