/* Packed batches: sequences laid end to end with offsets, no padding anywhere (DESIGN, principle
 * 1), and the batcher that deals a dataset into them. */
#ifndef RD_DATA_BATCH_H
#define RD_DATA_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/dataset.h"
#include "data/noise.h"
#include "rdrop/tokenizer.h"

typedef struct {
    int64_t n_seqs;
    int64_t n_src, n_tgt; /* tokens in all sequences */
    int32_t *src;         /* [n_src] sources, each ending with eos */
    int32_t
        *src_offsets; /* [n_seqs + 1]; sequence i is src[src_offsets[i] .. src_offsets[i + 1]) */
    int32_t *tgt_in;  /* [n_tgt] decoder input: eos, then the target without its last token */
    int32_t *tgt;     /* [n_tgt] what the decoder must predict: the target, ending with eos */
    int32_t *tgt_offsets; /* [n_seqs + 1], for both tgt_in and tgt */
    int64_t *ids;         /* [n_seqs] indices in the dataset */
    int64_t src_capacity, tgt_capacity, seq_capacity;
} rd_batch;

void rd_batch_clear(rd_batch *batch); /* empty, capacity kept; {0} is an empty batch */
void rd_batch_free(rd_batch *batch);
rd_status rd_batch_add(rd_batch *batch, int64_t id, const int32_t *src, int32_t n_src,
                       const int32_t *tgt, int32_t n_tgt); /* src and tgt end with eos */

typedef struct {
    int64_t max_tokens;    /* bound on the sum over sequences of max(n_src, n_tgt); 0: none */
    int64_t max_sentences; /* bound on the number of sequences; 0: none */
    uint64_t seed;
    /* Subword regularization: with alpha > 0 batches are re-tokenized from the dataset's text, one
     * fresh segmentation per sentence and epoch. */
    const rd_tokenizer *src_tokenizer, *tgt_tokenizer;
    float sampling_alpha;
    int32_t sampling_nbest;
    bool prepend_bos; /* freshly segmented sides begin with bos, as the dataset's do */
    /* Sources get noise, another one in every epoch: a pure function of (seed, epoch, sentence).
     * NULL: none. */
    const rd_noise *noise;
} rd_batcher_config;

typedef struct rd_batcher rd_batcher;

/* Buckets sentences of like length, cuts the buckets into batches, and shuffles: sentences among
 * equals, and the order of batches, by (seed, epoch). Epoch 0 is not shuffled: for validation.
 * A sentence longer than max_tokens makes a batch of its own. */
rd_status rd_batcher_new(rd_batcher **batcher, const rd_dataset *dataset,
                         const rd_batcher_config *config);
void rd_batcher_free(rd_batcher *batcher);
rd_status rd_batcher_set_epoch(rd_batcher *batcher, int64_t epoch);
int64_t rd_batcher_size(const rd_batcher *batcher); /* batches in this epoch */

/* Any batch of the epoch, in any order (that is how a resumed run finds its place). Thread-safe
 * between calls of set_epoch, with one rd_batch per thread. */
rd_status rd_batcher_get(const rd_batcher *batcher, int64_t index, rd_batch *batch);

/* Appends sentence `id` of the dataset as this epoch has it. Thread-safe likewise. */
rd_status rd_batcher_add(const rd_batcher *batcher, int64_t id, rd_batch *batch);

#endif
