/* Shared by tasks on pairs of token sequences: vocabularies, datasets, batches, and the model's
 * output for the validation set. */
#ifndef RD_TASK_PAIRS_H
#define RD_TASK_PAIRS_H

#include "rdrop/metrics.h"
#include "rdrop/tokenizer.h"
#include "task/task.h"

typedef struct {
    rd_recipe *recipe;
    const char *data_dir;
    rd_tokenizer *source, *target; /* the same one when the vocabulary is joint */
    struct {
        rd_dataset *data;
        rd_batcher *batches;
    } splits[2];                            /* by rd_split */
    rd_noise *noise;                        /* of all sources; NULL: none */
    rd_masking *masking;                    /* of a masked language model's; NULL: none */
    rd_metric_tokenizer *scored_words;      /* of BLEU; NULL: none are opened */
    const rd_metric_tokenizer *rouge_words; /* that, or NULL: rouge-score's */
} rd_pairs;

/* rd_task's functions on rd_pairs. */
rd_status rd_pairs_open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings);
void rd_pairs_close(void *self);
rd_status rd_pairs_open_data(void *self);
rd_batch_source rd_pairs_batches(void *self, rd_split split);
int64_t rd_pairs_n_examples(const void *self, rd_split split);
uint64_t rd_pairs_checksum(const void *self, rd_split split);

/* Validation sentences and their translations; all strings malloc'ed. */
typedef struct {
    int64_t n;
    char **sources, **references, **hypotheses; /* [n] */
} rd_pairs_answers;

/* Translates the validation set (eval-bleu-sentences of it) if `all`, else a handful for the
 * samples; release with rd_pairs_answers_free in any case. The first of several workers has the
 * hypotheses; the others have none. */
rd_status rd_pairs_generate(const rd_pairs *pairs, const rd_validation *validation, bool all,
                            rd_pairs_answers *answers);
void rd_pairs_answers_free(rd_pairs_answers *answers);

/* The same handful at every validation; NULL without memory. */
json_t *rd_pairs_samples(const rd_pairs_answers *answers);

#endif
