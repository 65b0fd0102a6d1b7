/* Pairs of lines: for translation, and for denoising, whose sides are the same text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "data/binarize.h"
#include "data/corpus.h"
#include "data/shortlist.h"
#include "recipe/data_record.h"
#include "recipe/model_dir.h"
#include "recipe/special_ids.h"
#include "tools/common/stop.h"
#include "tools/preprocess/preprocess.h"

typedef struct {
    const preprocess_job *job;
    rd_recipe *recipe;
    const char *dest;
    char *vocabulary; /* the directory that it is read from */
    rd_tokenizer *source, *target;
    rd_identity identity; /* of the datasets */
} pairs;

/* From the corpora of both languages, or of only one. */
static rd_status train_on(const pairs *p, const char *first, const char *second, rd_vocab_side side,
                          int32_t size) {
    const char *prefixes = p->recipe->data.trainpref;
    rd_names list = {0};
    rd_status status = corpus_paths(p->job, prefixes, first, &list);
    if (status == RD_OK && second) status = corpus_paths(p->job, prefixes, second, &list);
    if (status == RD_OK) status = train_vocabulary(p->job, &list, side, size);
    rd_names_free(&list);
    return status;
}

static rd_status make_vocabularies(const pairs *p) {
    const rd_data_config *d = &p->recipe->data;
    if (*d->vocab_from) return copy_vocabulary(p->job);
    const char *source = d->source_lang, *target = d->target_lang;
    bool one = strcmp(source, target) == 0; /* denoising */
    if (d->joined_dictionary)
        return train_on(p, source, one ? NULL : target, RD_VOCAB_JOINT, d->vocab_size_src);
    RD_TRY(train_on(p, source, NULL, RD_VOCAB_SOURCE, d->vocab_size_src));
    return train_on(p, target, NULL, RD_VOCAB_TARGET, d->vocab_size_tgt);
}

/* The corpora of one dataset: both lists name the same prefixes. */
typedef struct {
    rd_names src, tgt;
} corpora;

static void corpora_free(corpora *c) {
    rd_names_free(&c->src);
    rd_names_free(&c->tgt);
}

static rd_status find_corpora(const pairs *p, const char *prefixes, corpora *c) {
    RD_TRY(corpus_paths(p->job, prefixes, p->recipe->data.source_lang, &c->src));
    return corpus_paths(p->job, prefixes, p->recipe->data.target_lang, &c->tgt);
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

static rd_status check_pairs(const pairs *p, const char *prefixes) {
    corpora c = {0};
    rd_status status = find_corpora(p, prefixes, &c);
    for (int64_t i = 0; status == RD_OK && i < c.src.n; i++)
        if (strcmp(c.src.names[i], c.tgt.names[i]) != 0) /* denoising has the one */
            status = count_pairs(c.src.names[i], c.tgt.names[i]);
    corpora_free(&c);
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

/* Whether both sides are the same text, to denoise or to mask. */
static bool is_one_text(const rd_data_config *d) {
    return strcmp(d->source_lang, d->target_lang) == 0;
}

/* Where sources are cut; 0: nowhere. */
static int32_t longest_source(const rd_data_config *d) {
    return d->truncate_source ? d->max_source_len : 0;
}

static void print_statistics(const pairs *p, const char *name, const rd_binarize_statistics *s,
                             double seconds) {
    const rd_data_config *d = &p->recipe->data;
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

static rd_status binarize_corpora(const pairs *p, const corpora *c, const char *name,
                                  const rd_filter_config *filter, bool keep_text,
                                  bool may_be_empty) {
    const rd_data_config *d = &p->recipe->data;
    char *path = rd_path_join(p->dest, name);
    if (!path) return RD_ERR_MEMORY;
    rd_progress progress;
    rd_binarize_config config = {.src_paths = (const char *const *)c->src.names,
                                 .tgt_paths = (const char *const *)c->tgt.names,
                                 .n_paths = (int)c->src.n,
                                 .src_tokenizer = p->source,
                                 .tgt_tokenizer = p->target,
                                 .identity = p->identity,
                                 .filter = filter,
                                 .keep_text = keep_text,
                                 .may_be_empty = may_be_empty,
                                 .prepend_bos = p->recipe->model.prepend_bos,
                                 .longest_src = longest_source(d),
                                 .longest_tgt = is_one_text(d) ? longest_source(d) : 0,
                                 .watch = start_progress(p->job, &progress, name, "pairs"),
                                 .comm = p->job->comm};
    rd_binarize_statistics statistics;
    double started = rd_seconds();
    rd_status status = rd_binarize(&config, path, &statistics);
    rd_progress_finish(&progress);
    if (p->job->comm->rank > 0) {
        free(path);
        return status;
    }
    bool empty = statistics.complete && statistics.pairs[RD_FILTER_KEPT] == 0;
    if (status == RD_OK || (empty && filter))
        print_statistics(p, name, &statistics, rd_seconds() - started);
    if (status == RD_ERR_FORMAT && empty)
        status = rd_error(status,
                          filter ? "%s: no training pair is left; see the counts above"
                                 : "%s: its corpora hold no sentences",
                          path);
    free(path);
    return status;
}

/* All of `prefixes` into DEST/NAME. */
static rd_status binarize(const pairs *p, const char *prefixes, const char *name,
                          const rd_filter_config *filter, bool keep_text, bool may_be_empty) {
    corpora c = {0};
    rd_status status = find_corpora(p, prefixes, &c);
    if (status == RD_OK && p->job->comm->rank == 0) status = rd_data_record_remove(p->dest);
    if (status == RD_OK) status = binarize_corpora(p, &c, name, filter, keep_text, may_be_empty);
    corpora_free(&c);
    return status;
}

static rd_status binarize_test_set(void *self, const char *prefix, const char *name) {
    return binarize(self, prefix, name, NULL, true, true);
}

static rd_status binarize_all(pairs *p) {
    const rd_data_config *d = &p->recipe->data;
    char vocabulary[RD_SHA256_HEX];
    RD_TRY(share_vocabulary(p->job, &p->vocabulary));
    RD_TRY(rd_comm_agree(p->job->comm,
                         rd_vocabularies_open(p->vocabulary, rd_recipe_vocabulary_kind(p->recipe),
                                              &p->source, &p->target)));
    RD_TRY(rd_vocabularies_fingerprint(p->vocabulary, rd_recipe_vocabulary_kind(p->recipe),
                                       vocabulary));
    RD_TRY(rd_identity_make(&p->identity, p->recipe->task, d->source_lang, d->target_lang,
                            vocabulary));
    if (p->job->comm->rank == 0) check_vocab_size(p->job, p->source, p->target);
    RD_TRY(rd_recipe_take_vocabularies(p->recipe, p->source, p->target, p->dest));
    rd_filter_config filter = {.min_src = d->min_source_len,
                               .max_src = d->max_source_len,
                               .min_tgt = d->min_target_len,
                               .max_tgt = d->max_target_len,
                               .max_ratio = d->max_ratio};
    /* A single encoder writes nothing: its lines are sources. */
    if (p->recipe->model.decoder.layers == 0 && is_one_text(d))
        filter.min_tgt = d->min_source_len, filter.max_tgt = d->max_source_len;
    RD_TRY(binarize(p, d->trainpref, "train.bin", &filter, d->sampling_alpha > 0.0f, false));
    /* BLEU compares with the text of the validation set. */
    RD_TRY(binarize(p, d->validpref, "valid.bin", NULL, true, false));
    return each_test_set(p->job, d->source_lang, binarize_test_set, p);
}

static rd_status make_shortlist(const pairs *p) {
    rd_shortlist_config config = rd_shortlist_defaults();
    config.stop = stop_requested();
    char *data_path = rd_path_join(p->dest, "train.bin"),
         *path = rd_path_join(p->dest, "shortlist.bin");
    rd_dataset *data = NULL;
    rd_status status = data_path && path ? rd_dataset_open(&data, data_path) : RD_ERR_MEMORY;
    double started = rd_seconds();
    if (status == RD_OK) status = rd_shortlist_build(&config, data, path);
    if (status == RD_OK)
        printf("%s: up to %d target pieces for each of %d source pieces; %.1f s\n", path,
               (int)config.per_piece, (int)rd_dataset_identity(data)->src_vocab,
               rd_seconds() - started);
    rd_dataset_close(data);
    free(data_path);
    free(path);
    return status;
}

static rd_status check_recipe(const preprocess_job *job) {
    const rd_data_config *d = &job->recipe->data;
    const needed_key keys[] = {{"source-lang", d->source_lang},
                               {"target-lang", d->target_lang},
                               {"trainpref", d->trainpref},
                               {"validpref", d->validpref},
                               {.name = NULL}};
    return need_keys(job, keys, "the corpora are files PREFIX.LANG");
}

/* DATA and DEST may be one directory, and a corpus of the language "bin" be train.bin. */
static rd_status refuse_all_corpora(const preprocess_job *job) {
    static const char *const datasets[] = {"train.bin", "valid.bin", NULL};
    const char *type = job->recipe->data.vocab_type;
    for (rd_vocab_side side = RD_VOCAB_JOINT; job->vocab && side <= RD_VOCAB_TARGET; side++)
        RD_TRY(refuse_corpora(job, rd_vocab_file(type, side)));
    for (int i = 0; job->binarize && datasets[i]; i++) RD_TRY(refuse_corpora(job, datasets[i]));
    return job->shortlist ? refuse_corpora(job, "shortlist.bin") : RD_OK;
}

/* All before binarizing, which the first rank does for the others. */
static rd_status prepare(const pairs *p) {
    const preprocess_job *job = p->job;
    const rd_data_config *d = &p->recipe->data;
    if (job->comm->rank > 0) return RD_OK;
    RD_TRY(refuse_all_corpora(job));
    bool trains = job->vocab && !*d->vocab_from;
    if (trains) RD_TRY(check_pairs(p, d->trainpref));
    if (trains && job->binarize) RD_TRY(check_pairs(p, d->validpref));
    return job->vocab ? make_vocabularies(p) : RD_OK;
}

static rd_status run(pairs *p) {
    const preprocess_job *job = p->job;
    RD_TRY(rd_comm_agree(job->comm, prepare(p)));
    stop_on_signals(); /* training a vocabulary leaves no half-written file */
    if (job->binarize) RD_TRY(binarize_all(p));
    return job->shortlist && job->comm->rank == 0 ? make_shortlist(p) : RD_OK;
}

rd_status preprocess_pairs(const preprocess_job *job) {
    pairs p = {.job = job, .recipe = job->recipe, .dest = job->dest};
    RD_TRY(check_recipe(job));
    rd_status status = run(&p);
    rd_vocabularies_close(p.source, p.target);
    remove_shared(job, p.vocabulary);
    return status;
}
