/* A batch, packed, and the batcher that deals a dataset into them. */
#ifndef RD_DATA_BATCH_H
#define RD_DATA_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/dataset.h"
#include "data/ids.h"
#include "data/masking.h"
#include "data/noise.h"
#include "data/tokens.h"

/* As rd_ids. */
typedef struct {
    float *data;
    int64_t length, capacity;
} rd_floats;

rd_status rd_floats_add(rd_floats *floats, const float *items, int64_t n);

/* Examples; fields that their task does not have are empty. */
typedef struct {
    int64_t n;
    rd_tokens source; /* [n] for an encoder; of pairs, each ends with eos */
    rd_tokens target; /* [n] for a decoder to predict */
    rd_ids segments;  /* [source tokens] the segment that each is of */
    rd_ids starts;    /* [n] what the decoder reads before each target; empty: the model's start */
    /* [n] classes; or of tokens, [rows of the last stack]: what each is to predict, -1: it does not
     * count. Empty: the targets, which all count. */
    rd_ids labels;
    /* Of examples mixed from two, [n] or empty: the other's class, and the share of `labels`. */
    rd_ids other_labels;
    rd_floats shares;
    rd_floats values;   /* [n] numbers to predict */
    rd_floats pictures; /* [n, channels, height, width] */
    int64_t *ids;       /* [n] indices in the dataset */
    int64_t ids_capacity;
} rd_batch;

void rd_batch_clear(rd_batch *batch); /* empty, capacity kept; {0} is an empty batch */
void rd_batch_free(rd_batch *batch);
/* Either side may be empty. */
rd_status rd_batch_add(rd_batch *batch, int64_t id, const int32_t *source, int32_t n_source,
                       const int32_t *target, int32_t n_target);

/* Numbered batches, dealt anew in every epoch. */
typedef struct {
    void *self;
    /* Epoch 0 is not shuffled: for validation. */
    rd_status (*set_epoch)(void *self, int64_t epoch);
    int64_t (*size)(const void *self); /* batches in this epoch */
    /* Batch `index`, in any order. Thread-safe between calls of set_epoch, with one rd_batch per
     * thread. */
    rd_status (*get)(const void *self, int64_t index, rd_batch *batch);
    int threads; /* that make batches ahead of training; 0: 1 */
    /* How much work batch `index` is, in any unit; NULL: all are about the same. */
    int64_t (*work)(const void *self, int64_t index);
} rd_batch_source;

typedef struct {
    int64_t max_tokens;    /* bound on the sum over sequences of max(n_src, n_tgt); 0: none */
    int64_t max_sentences; /* bound on the number of sequences; 0: none */
    uint64_t seed;
    /* Subword regularization: with alpha > 0 batches are re-tokenized from the dataset's text, one
     * fresh segmentation per sentence and epoch. Texts of more than 64 KiB, or 64 times as many
     * bytes as tokens, keep the dataset's. */
    const rd_tokenizer *src_tokenizer, *tgt_tokenizer;
    float sampling_alpha;
    int32_t sampling_nbest;
    bool prepend_bos; /* freshly segmented sides begin with bos, as the dataset's do */
    /* Tokens of a side at most, 0: any number. A fresh segmentation that has more gives way to the
     * dataset's; a pair of the dataset that has more is RD_ERR_FORMAT. */
    int32_t max_src, max_tgt;
    int32_t n_classes; /* an example of another class is RD_ERR_FORMAT */
    /* Sources get noise, different in every epoch: a pure function of (seed, epoch, sentence).
     * NULL: none. */
    const rd_noise *noise;
    /* Sources are masked, differently in every epoch, and batches have labels instead of targets.
     * NULL: they are not. */
    const rd_masking *masking;
} rd_batcher_config;

typedef struct rd_batcher rd_batcher;

/* Of examples with a class or a number, both sentences are one source, and their parts its segments
 * 0 and 1. Buckets sentences of like length (those with an answer in epoch 0 alone), cuts the
 * buckets into batches, and shuffles: sentences among equals, and the order of batches, by (seed,
 * epoch). Epoch 0 is not shuffled: for validation. A sentence longer than max_tokens makes a batch
 * of its own. */
rd_status rd_batcher_new(rd_batcher **batcher, const rd_dataset *dataset,
                         const rd_batcher_config *config);
void rd_batcher_free(rd_batcher *batcher);
rd_status rd_batcher_set_epoch(rd_batcher *batcher, int64_t epoch);
int64_t rd_batcher_size(const rd_batcher *batcher); /* batches in this epoch */

/* Any batch of the epoch, in any order (a resumed run finds its place this way). Thread-safe
 * between calls of set_epoch, with one rd_batch per thread. */
rd_status rd_batcher_get(const rd_batcher *batcher, int64_t index, rd_batch *batch);

/* The same three as a source, which the batcher must outlive. */
rd_batch_source rd_batcher_source(rd_batcher *batcher);

/* Appends sentence `id` of the dataset as this epoch has it. Thread-safe likewise. */
rd_status rd_batcher_add(const rd_batcher *batcher, int64_t id, rd_batch *batch);

#endif
