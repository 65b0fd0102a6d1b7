/* Texts: streams of tokens, for language models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "data/binarize_text.h"
#include "recipe/data_record.h"
#include "recipe/model_dir.h"
#include "recipe/special_ids.h"
#include "tools/common/stop.h"
#include "tools/preprocess/preprocess.h"

typedef struct {
    const preprocess_job *job;
    rd_recipe *recipe;
    rd_tokenizer *tokenizer, *target; /* the same one */
    rd_line_end end;
    rd_identity identity;
} text;

static rd_status make_vocabulary(const text *t) {
    const rd_data_config *d = &t->recipe->data;
    if (*d->vocab_from) return copy_vocabulary(t->job);
    rd_names list = {0};
    rd_status status = corpus_paths(t->job, d->trainpref, d->target_lang, &list);
    if (status == RD_OK)
        status = train_vocabulary(t->job, &list, RD_VOCAB_JOINT, d->vocab_size_tgt);
    rd_names_free(&list);
    return status;
}

static void print_counts(const char *name, const rd_stream_counts *c, double seconds) {
    double unknown = c->tokens > 0 ? 100.0 * (double)c->unknown / (double)c->tokens : 0.0;
    printf("%s: %lld tokens, %.3f%% unknown; %lld lines, %lld words with ends of lines; %.1f s\n",
           name, (long long)c->tokens, unknown, (long long)c->lines, (long long)c->words, seconds);
    fflush(stdout);
}

static rd_status binarize_files(const text *t, const rd_names *list, const char *name) {
    char *path = rd_path_join(t->job->dest, name);
    if (!path) return RD_ERR_MEMORY;
    rd_progress progress;
    rd_binarize_text_config config = {.paths = (const char *const *)list->names,
                                      .n_paths = (int)list->n,
                                      .tokenizer = t->tokenizer,
                                      .end = t->end,
                                      .identity = t->identity,
                                      .watch = start_progress(t->job, &progress, name, "lines")};
    rd_stream_counts counts;
    double started = rd_seconds();
    rd_status status = rd_binarize_text(&config, path, &counts);
    rd_progress_finish(&progress);
    if (status == RD_OK) print_counts(name, &counts, rd_seconds() - started);
    free(path);
    return status;
}

static rd_status binarize(void *self, const char *prefixes, const char *name) {
    const text *t = self;
    rd_names list = {0};
    rd_status status = corpus_paths(t->job, prefixes, t->recipe->data.target_lang, &list);
    if (status == RD_OK) status = rd_data_record_remove(t->job->dest);
    if (status == RD_OK) status = binarize_files(t, &list, name);
    rd_names_free(&list);
    return status;
}

static rd_status binarize_all(text *t) {
    const rd_data_config *d = &t->recipe->data;
    const char *dest = t->job->dest;
    char fingerprint[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_open(dest, RD_VOCABULARY_JOINT, &t->tokenizer, &t->target));
    RD_TRY(rd_vocabularies_fingerprint(dest, RD_VOCABULARY_JOINT, fingerprint));
    RD_TRY(rd_identity_make(&t->identity, t->recipe->task, d->source_lang, d->target_lang,
                            fingerprint));
    check_vocab_size(t->job, t->tokenizer, t->tokenizer);
    RD_TRY(rd_recipe_take_vocabularies(t->recipe, t->tokenizer, t->tokenizer, dest));
    t->end = d->line_end;
    rd_status status = rd_line_end_choose(&t->end, t->tokenizer);
    if (status != RD_OK) return rd_error_prefix(status, "%s", dest);
    t->recipe->data.line_end = t->end;
    RD_TRY(binarize(t, d->trainpref, "train.bin"));
    RD_TRY(binarize(t, d->validpref, "valid.bin"));
    return each_test_set(t->job, d->target_lang, binarize, t);
}

static rd_status check_recipe(const preprocess_job *job) {
    const rd_data_config *d = &job->recipe->data;
    const needed_key keys[] = {{"target-lang", d->target_lang},
                               {"trainpref", d->trainpref},
                               {"validpref", d->validpref},
                               {.name = NULL}};
    RD_TRY(need_keys(job, keys, "texts are files PREFIX.LANG, LANG is target-lang"));
    if (rd_recipe_vocabulary_kind(job->recipe) != RD_VOCABULARY_JOINT)
        return rd_error(RD_ERR_FORMAT,
                        "%s: a language model has no encoder; set an arch such as transformer-lm, "
                        "or encoder-layers: 0",
                        job->recipe_path);
    if (job->shortlist)
        return rd_error(RD_ERR_ARGUMENT, "a shortlist is of translations; language models have "
                                         "none");
    return RD_OK;
}

/* DATA and DEST may be one directory. */
static rd_status refuse_all_corpora(const preprocess_job *job) {
    const char *type = job->recipe->data.vocab_type;
    if (job->vocab) RD_TRY(refuse_corpora(job, rd_vocab_file(type, RD_VOCAB_JOINT)));
    if (!job->binarize) return RD_OK;
    RD_TRY(refuse_corpora(job, "train.bin"));
    return refuse_corpora(job, "valid.bin");
}

rd_status preprocess_text(const preprocess_job *job) {
    text t = {.job = job, .recipe = job->recipe};
    RD_TRY(check_recipe(job));
    RD_TRY(refuse_all_corpora(job));
    if (job->vocab) RD_TRY(make_vocabulary(&t));
    stop_on_signals();
    rd_status status = job->binarize ? binarize_all(&t) : RD_OK;
    rd_vocabularies_close(t.tokenizer, t.target);
    return status;
}
