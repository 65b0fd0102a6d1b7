/* Raw corpora by their prefixes, and the vocabularies trained on them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/vocab.h"
#include "io/output.h"
#include "recipe/model_dir.h"
#include "data/vocab_extend.h"
#include "tools/preprocess/preprocess.h"

static rd_status corpus_path(const preprocess_job *j, const char *prefix, const char *lang,
                             rd_text *path) {
    rd_text_clear(path);
    const char *directory = prefix[0] == '/' ? "" : j->data, *slash = prefix[0] == '/' ? "" : "/";
    RD_TRY(rd_text_printf(path, "%s%s%s%s%s", directory, slash, prefix, *lang ? "." : "", lang));
    if (rd_file_exists(path->data)) return RD_OK;
    RD_TRY(rd_text_append(path, ".gz", 3));
    if (rd_file_exists(path->data)) return RD_OK;
    return rd_error(RD_ERR_IO,
                    "%.*s: no such corpus, nor with .gz; check --data and the recipe's prefixes",
                    (int)path->length - 3, path->data);
}

bool corpus_is_there(const preprocess_job *j, const char *prefix, const char *lang) {
    rd_text path = {0};
    rd_status found = corpus_path(j, prefix, lang, &path);
    rd_text_free(&path);
    return found == RD_OK;
}

rd_status each_prefix(const char *prefixes, rd_status (*use)(void *self, const char *prefix),
                      void *self) {
    char *list = rd_strdup(prefixes), *rest = list, *prefix;
    rd_status status = list ? RD_OK : RD_ERR_MEMORY;
    while (status == RD_OK && (prefix = strsep(&rest, ","))) {
        prefix += strspn(prefix, " ");
        for (size_t n = strlen(prefix); n > 0 && prefix[n - 1] == ' '; n--) prefix[n - 1] = '\0';
        if (*prefix) status = use(self, prefix);
    }
    free(list);
    return status;
}

/* A corpus that is not there is reported when it is read. */
static rd_status refuse_corpora_of(void *self, const char *prefix) {
    const written_file *w = self;
    const char *const langs[] = {w->job->recipe->data.source_lang,
                                 w->job->recipe->data.target_lang};
    rd_text path = {0};
    rd_status status = RD_OK;
    for (int i = 0; i < 2 && status == RD_OK; i++)
        if (langs[i] && corpus_path(w->job, prefix, langs[i], &path) == RD_OK)
            status = rd_refuse_input(w->path, path.data);
    rd_text_free(&path);
    return status;
}

rd_status refuse_corpora(const preprocess_job *job, const char *name) {
    return refuse_inputs(job, name, refuse_corpora_of);
}

/* Corpora being listed. */
typedef struct {
    const preprocess_job *job;
    const char *lang;
    rd_names *list;
} search;

/* Corpora are read several times: to be compared, for the vocabulary, and to be binarized. */
static rd_status refuse_pipe(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s: not a regular file; corpora are read several times", path);
}

static rd_status add_path(void *self, const char *prefix) {
    const search *s = self;
    rd_text path = {0};
    rd_status status = corpus_path(s->job, prefix, s->lang, &path);
    if (status == RD_OK) status = refuse_pipe(path.data);
    if (status == RD_OK) status = rd_names_add(s->list, path.data, (size_t)path.length);
    rd_text_free(&path);
    return status;
}

rd_status corpus_paths(const preprocess_job *job, const char *prefixes, const char *lang,
                       rd_names *list) {
    int64_t before = list->n;
    RD_TRY(each_prefix(prefixes, add_path, &(search){job, lang, list}));
    if (list->n > before) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: \"%s\" names no corpus; expected prefixes of files",
                    job->recipe_path, prefixes);
}

/* Test sets being gone through. */
typedef struct {
    const preprocess_job *job;
    const char *lang;
    rd_status (*use)(void *self, const char *prefix, const char *name);
    void *self;
    rd_names names; /* of the files so far */
} test_sets;

rd_status take_name(const preprocess_job *job, const char *prefix, const char *name,
                    rd_names *names) {
    bool taken = !strcmp(name, "train.bin") || !strcmp(name, "valid.bin") ||
                 (job->shortlist && !strcmp(name, "shortlist.bin"));
    for (int64_t i = 0; i < names->n; i++) taken |= !strcmp(name, names->names[i]);
    if (taken)
        return rd_error(RD_ERR_ARGUMENT,
                        "test set '%s' would overwrite %s, made of other data; rename it", prefix,
                        name);
    return rd_names_add(names, name, strlen(name));
}

static rd_status use_test_set(void *self, const char *prefix) {
    test_sets *t = self;
    const char *slash = strrchr(prefix, '/');
    rd_text name = {0};
    if (!strcmp(prefix, t->job->recipe->data.validpref)) return RD_OK; /* valid.bin is it */
    if (!corpus_is_there(t->job, prefix, t->lang)) { /* training does not need it */
        if (t->job->comm->rank == 0)
            fprintf(stderr, "rdrop-preprocess: test set skipped: %s\n", rd_last_error());
        return RD_OK;
    }
    rd_status status = rd_text_printf(&name, "%s.bin", slash ? slash + 1 : prefix);
    if (status == RD_OK) status = take_name(t->job, prefix, name.data, &t->names);
    if (status == RD_OK) status = refuse_corpora(t->job, name.data);
    status = rd_comm_agree(t->job->comm, status);
    if (status == RD_OK) status = t->use(t->self, prefix, name.data);
    rd_text_free(&name);
    return status;
}

rd_status each_test_set(const preprocess_job *job, const char *lang,
                        rd_status (*use)(void *self, const char *prefix, const char *name),
                        void *self) {
    const char *prefixes = job->recipe->data.testpref;
    test_sets sets = {job, lang, use, self, {0}};
    rd_status status = prefixes ? each_prefix(prefixes, use_test_set, &sets) : RD_OK;
    rd_names_free(&sets.names);
    return status;
}

rd_status copy_vocabulary(const preprocess_job *job) {
    rd_tokenizer *source, *target;
    const char *from = job->recipe->data.vocab_from;
    rd_vocabulary_kind kind = rd_recipe_vocabulary_kind(job->recipe);
    RD_TRY(rd_vocabularies_open(from, kind, &source, &target));
    printf("vocabulary: %d pieces", (int)rd_tokenizer_size(source));
    if (target != source) printf(" and %d", (int)rd_tokenizer_size(target));
    printf(", that of %s\n", from);
    rd_vocabularies_close(source, target);
    const char *symbols = job->recipe->train.extend_vocab;
    if (*symbols && rd_is_same_file(from, job->dest))
        return rd_error(RD_ERR_ARGUMENT,
                        "extend-vocab would change the vocabulary in %s; name another folder with "
                        "--dest",
                        from);
    RD_TRY(rd_vocabularies_copy(from, job->dest, kind));
    if (!*symbols) return RD_OK;
    RD_TRY(rd_vocabularies_extend(job->dest, symbols));
    printf("vocabulary: %d more: %s\n", (int)rd_count_symbols(symbols), symbols);
    return RD_OK;
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

/* NFKC may change text that is only read; it must not change text that a model writes. A dictionary
 * is made without rules. */
static const char *normalization_of(const rd_data_config *d, rd_vocab_side side) {
    if (strcmp(d->normalization, "auto") != 0) return d->normalization;
    if (rd_vocab_is_dictionary(d->vocab_type)) return NULL;
    return side == RD_VOCAB_SOURCE ? "nmt_nfkc" : "identity";
}

static rd_status size_of(const char *path, int32_t *size) {
    rd_tokenizer *tokenizer;
    RD_TRY(rd_tokenizer_open(&tokenizer, path));
    *size = rd_tokenizer_size(tokenizer);
    rd_tokenizer_close(tokenizer);
    return RD_OK;
}

rd_status train_vocabulary(const preprocess_job *j, const rd_names *corpora, rd_vocab_side side,
                           int32_t size) {
    const rd_data_config *d = &j->recipe->data;
    const char *rules = normalization_of(d, side);
    rd_vocab_config config = {.type = d->vocab_type,
                              .threshold = d->threshold,
                              .most = d->n_words,
                              .size = size,
                              .character_coverage = d->character_coverage,
                              .byte_fallback = d->byte_fallback,
                              .mask = d->mask_piece,
                              .normalization = rules,
                              .symbols = d->user_defined_symbols,
                              .max_sentences = d->vocab_sentences,
                              .no_memory = no_memory,
                              .gave_up = gave_up};
    char *path = rd_path_join(j->dest, rd_vocab_file(d->vocab_type, side));
    rd_status status =
        path ? rd_vocab_train(&config, (const char *const *)corpora->names, (int)corpora->n, path)
             : RD_ERR_MEMORY;
    if (status == RD_OK && side != RD_VOCAB_TARGET)
        status = rd_vocabularies_keep(j->dest, rd_vocab_file(d->vocab_type, side));
    if (status == RD_OK && rd_vocab_is_dictionary(d->vocab_type)) status = size_of(path, &size);
    if (status == RD_OK)
        printf("%s: %d pieces, %s%s%s\n", path, (int)size, d->vocab_type, rules ? ", " : "",
               rules ? rules : "");
    free(path);
    return status;
}
