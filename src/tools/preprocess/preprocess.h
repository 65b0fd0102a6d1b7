/* The inside of rdrop-preprocess: one file per kind of data, and shared code. */
#ifndef RD_TOOLS_PREPROCESS_PREPROCESS_H
#define RD_TOOLS_PREPROCESS_PREPROCESS_H

#include <stdbool.h>

#include "base/names.h"
#include "base/progress.h"
#include "base/text.h"
#include "data/chunk.h"
#include "data/vocab.h"
#include "data/vocab_files.h"
#include "dist/comm.h"
#include "recipe/recipe.h"
#include "tools/common/options.h"

typedef struct {
    rd_recipe *recipe;
    const char *recipe_path;
    const char *data, *dest;         /* directories: the raw corpora; the results */
    bool vocab, binarize, shortlist; /* the stages that are wanted */
    rd_comm *comm;                   /* ranks; the first one alone writes and prints */
    const options_program *program;
} preprocess_job;

/* Makes the files of `dest` for the tasks that read this kind of data. */
rd_status preprocess_pairs(const preprocess_job *job);
rd_status preprocess_text(const preprocess_job *job);
rd_status preprocess_pictures(const preprocess_job *job);
rd_status preprocess_tables(const preprocess_job *job);

/* A key that a recipe may leave out, although this program needs its text. */
typedef struct {
    const char *name, *text;
} needed_key;

/* Refuses a recipe without one of the keys, which a NULL name ends. expected: the text of the
 * message after "is not set". */
rd_status need_keys(const preprocess_job *job, const needed_key *keys, const char *expected);

/* Warns if the vocabulary has another size than the recipe says: an existing one cannot change its
 * size. */
void check_vocab_size(const preprocess_job *job, const rd_tokenizer *source,
                      const rd_tokenizer *target);

/* Watches how many of `unit` are read into the file `name`, until a signal comes. */
rd_watch start_progress(const preprocess_job *job, rd_progress *progress, const char *name,
                        const char *unit);

/* The raw corpora of comma-separated prefixes: DATA/PREFIX.LANG or, if that does not exist,
 * DATA/PREFIX.LANG.gz; absolute prefixes as they are. An empty `lang` adds nothing to a prefix. */
rd_status corpus_paths(const preprocess_job *job, const char *prefixes, const char *lang,
                       rd_names *list);
bool corpus_is_there(const preprocess_job *job, const char *prefix, const char *lang);

/* Refuses to write the file `name` of dest if it is, under any name, the recipe or a raw corpus of
 * either language by trainpref, validpref or testpref. */
rd_status refuse_corpora(const preprocess_job *job, const char *name);

/* Calls use(self, prefix) for each of comma-separated prefixes. */
rd_status each_prefix(const char *prefixes, rd_status (*use)(void *self, const char *prefix),
                      void *self);

/* A file about to be written. */
typedef struct {
    const preprocess_job *job;
    const char *path;
} written_file;

/* Refuses to write the file `name` of dest if it is the recipe, or if refuse(written_file, prefix)
 * refuses it for a prefix of trainpref, validpref or testpref. */
rd_status refuse_inputs(const preprocess_job *job, const char *name,
                        rd_status (*refuse)(void *file, const char *prefix));

/* Adds `name`, of a test set's file in dest, to those so far. Refuses it if another set of this job
 * has it. */
rd_status take_name(const preprocess_job *job, const char *prefix, const char *name,
                    rd_names *names);

/* Calls use(self, prefix, name) for each existing test set, with the name of its file in dest:
 * PREFIX.bin. The validation set, which is valid.bin, is left out. */
rd_status each_test_set(const preprocess_job *job, const char *lang,
                        rd_status (*use)(void *self, const char *prefix, const char *name),
                        void *self);

/* Copies the vocabulary of vocab-from to dest, and prints that. */
rd_status copy_vocabulary(const preprocess_job *job);

/* A directory with the vocabulary of the first rank's dest, for each of several ranks: dest itself
 * for the first, a temporary one for the others, which they remove in the end. */
rd_status share_vocabulary(const preprocess_job *job, char **directory);
void remove_shared(const preprocess_job *job, char *directory); /* NULL is fine */

/* Makes the vocabulary of one side, or of both, from these corpora, as a file of dest, and prints
 * that. size: of SentencePiece. */
rd_status train_vocabulary(const preprocess_job *job, const rd_names *corpora, rd_vocab_side side,
                           int32_t size);

#endif
