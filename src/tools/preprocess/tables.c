/* Tables of sentences with classes or numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "data/binarize_table.h"
#include "recipe/data_record.h"
#include "recipe/tables.h"
#include "tools/common/stop.h"
#include "tools/preprocess/preprocess.h"

typedef struct {
    const preprocess_job *job;
    rd_tokenizer *tokenizer;
    rd_sentence_reader reader;
    rd_labels labels;     /* none where numbers are predicted */
    rd_identity identity; /* of the datasets */
} tables;

static rd_status find_labels(tables *t) {
    const rd_recipe *r = t->job->recipe;
    rd_names paths = {0};
    if (*r->table.labels) {
        rd_status status = rd_labels_add_list(&t->labels, r->table.labels);
        return status == RD_OK ? RD_OK : rd_error_prefix(status, "labels");
    }
    rd_table_config columns = rd_table_columns(&r->table, true);
    rd_status status = corpus_paths(t->job, r->data.trainpref, "", &paths);
    if (status == RD_OK)
        status =
            rd_collect_labels((const char *const *)paths.names, (int)paths.n, &columns, &t->labels);
    rd_names_free(&paths);
    return status;
}

static rd_status too_few_classes(const tables *t) {
    const rd_recipe *r = t->job->recipe;
    if (t->labels.n == 0)
        return rd_error(RD_ERR_FORMAT, "%s: no rows, so no classes", r->data.trainpref);
    return rd_error(RD_ERR_FORMAT,
                    "%s: only one class, '%s' (%s); a model needs at least two to choose from",
                    *r->table.labels ? t->job->recipe_path : r->data.trainpref, t->labels.names[0],
                    *r->table.labels ? "labels" : "label-column");
}

static rd_status make_vocabulary(tables *t) {
    if (!*t->job->recipe->data.vocab_from)
        return rd_error(RD_ERR_FORMAT,
                        "%s: neither vocab-from nor finetune-from-model is set; tables are read "
                        "with the vocabulary of a model that is there",
                        t->job->recipe_path);
    RD_TRY(copy_vocabulary(t->job));
    RD_TRY(rd_remove_file(t->job->dest, "labels.txt")); /* a model's, or of earlier data */
    if (t->job->recipe->table.regression) return RD_OK;
    RD_TRY(find_labels(t));
    if (t->labels.n < 2) return too_few_classes(t);
    return rd_labels_write(&t->labels, t->job->dest);
}

static void print_answers(const tables *t, const rd_table_statistics *s) {
    if (!s->classes) {
        printf("  numbers from %g to %g, mean %.3f\n", s->lowest, s->highest,
               s->examples > 0 ? s->sum / (double)s->examples : 0.0);
        return;
    }
    for (int64_t i = 0; i < t->labels.n && i < 20; i++)
        printf("  %-24s %8lld\n", t->labels.names[i], (long long)s->classes[i]);
}

static void print_statistics(const tables *t, const char *name, const rd_table_statistics *s,
                             double seconds) {
    const rd_side_statistics *side = &s->tokens;
    double n = s->examples > 0 ? (double)s->examples : 1.0;
    printf("%s: %lld examples", name, (long long)s->examples);
    if (s->cut > 0)
        printf(", %lld cut to %d tokens", (long long)s->cut, (int)t->job->recipe->table.longest);
    printf("; %.1f s\n", seconds);
    printf("  %lld tokens, %.3f%% unknown; an example: mean %.1f, median %lld, 99%% up to %lld, "
           "longest %lld\n",
           (long long)side->tokens,
           side->tokens > 0 ? 100.0 * (double)side->unknown / (double)side->tokens : 0.0,
           (double)side->tokens / n, (long long)rd_length_quantile(side, 0.5),
           (long long)rd_length_quantile(side, 0.99), (long long)side->longest);
    print_answers(t, s);
    fflush(stdout);
}

static rd_status binarize_paths(const tables *t, const rd_names *paths, const char *name) {
    const rd_recipe *r = t->job->recipe;
    char *dest = rd_path_join(t->job->dest, name);
    if (!dest) return RD_ERR_MEMORY;
    rd_progress progress;
    rd_binarize_table_config config = {.paths = (const char *const *)paths->names,
                                       .n_paths = (int)paths->n,
                                       .table = rd_table_columns(&r->table, true),
                                       .reader = t->reader,
                                       .labels = r->table.regression ? NULL : &t->labels,
                                       .identity = t->identity,
                                       .watch =
                                           start_progress(t->job, &progress, name, "examples")};
    rd_table_statistics statistics;
    double started = rd_seconds();
    rd_status status = rd_binarize_table(&config, dest, &statistics);
    rd_progress_finish(&progress);
    if (status == RD_OK) print_statistics(t, name, &statistics, rd_seconds() - started);
    free(statistics.classes);
    free(dest);
    return status;
}

/* All tables of a list into DEST/NAME. */
static rd_status binarize(void *self, const char *names, const char *name) {
    const tables *t = self;
    rd_names paths = {0};
    rd_status status = corpus_paths(t->job, names, "", &paths);
    if (status == RD_OK) status = rd_data_record_remove(t->job->dest);
    if (status == RD_OK) status = binarize_paths(t, &paths, name);
    rd_names_free(&paths);
    return status;
}

static rd_status binarize_all(tables *t) {
    rd_recipe *r = t->job->recipe;
    const rd_data_config *d = &r->data;
    char vocabulary[RD_SHA256_HEX];
    RD_TRY(rd_vocabularies_open_one(t->job->dest, &t->tokenizer));
    RD_TRY(rd_vocabularies_fingerprint(t->job->dest, RD_VOCABULARY_JOINT, vocabulary));
    RD_TRY(rd_identity_make(&t->identity, r->task, "", "", vocabulary));
    RD_TRY(rd_table_reader(r, t->tokenizer, &t->reader));
    r->table.longest = t->reader.longest; /* which the model limits, too */
    if (!r->table.regression && t->labels.n == 0) RD_TRY(rd_labels_read(&t->labels, t->job->dest));
    RD_TRY(binarize(t, d->trainpref, "train.bin"));
    RD_TRY(binarize(t, d->validpref, "valid.bin"));
    return each_test_set(t->job, "", binarize, t);
}

static rd_status run(tables *t) {
    const preprocess_job *job = t->job;
    const rd_data_config *d = &job->recipe->data;
    const needed_key keys[] = {
        {"trainpref", d->trainpref}, {"validpref", d->validpref}, {.name = NULL}};
    RD_TRY(need_keys(job, keys, "expected the name of a table"));
    if (job->shortlist)
        return rd_error(RD_ERR_ARGUMENT, "--shortlist is for translation; %s is of the task %s",
                        job->recipe_path, job->recipe->task);
    static const char *const written[] = {"labels.txt", "train.bin", "valid.bin"};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        RD_TRY(refuse_corpora(job, written[i]));
    if (job->vocab) RD_TRY(make_vocabulary(t));
    stop_on_signals(); /* the vocabulary does not ask for them */
    return job->binarize ? binarize_all(t) : RD_OK;
}

rd_status preprocess_tables(const preprocess_job *job) {
    tables t = {.job = job};
    rd_status status = run(&t);
    rd_tokenizer_close(t.tokenizer);
    rd_labels_free(&t.labels);
    return status;
}
