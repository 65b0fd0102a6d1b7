/* A stream cut into blocks, each a sequence to predict, and blocks dealt into batches. */
#ifndef RD_DATA_BLOCKS_H
#define RD_DATA_BLOCKS_H

#include "data/batch.h"
#include "data/stream.h"

/* fairseq's --sample-break-mode: exactly tokens_per_sample tokens a block, without regard to lines;
 * as many whole lines as fit; or a line each. AUTO, of a program's options: as the model was
 * trained. */
typedef enum { RD_BREAK_NONE, RD_BREAK_COMPLETE, RD_BREAK_EOS, RD_BREAK_AUTO } rd_break_mode;

typedef struct {
    rd_break_mode mode;
    int32_t tokens_per_sample;
    int32_t longest;                   /* tokens of a block at most, as the model has positions */
    int64_t max_tokens, max_sentences; /* of a batch: tokens, blocks; 0: no bound. A block of more
                                        * than max_tokens is a batch of its own */
    uint64_t seed;
    int32_t start; /* read before a block that begins with a line; others begin after the token
                    * before them */
} rd_blocks_config;

typedef struct rd_blocks rd_blocks;

/* The stream must last. RD_ERR_FORMAT for a line longer than `longest` that is not to be cut. */
rd_status rd_blocks_new(rd_blocks **blocks, const rd_stream *stream,
                        const rd_blocks_config *config);
void rd_blocks_free(rd_blocks *blocks); /* NULL is fine */
int64_t rd_blocks_size(const rd_blocks *blocks);

/* In epoch 0 blocks come in their order; in others by (seed, epoch). */
rd_batch_source rd_blocks_source(rd_blocks *blocks);

#endif
