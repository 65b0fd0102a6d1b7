/* Batches of pictures and their classes, of a dataset that rdrop-preprocess made: an example's
 * source text is the bytes of its file, its target text the file's name, its one target id the
 * class. */
#ifndef RD_DATA_PICTURE_BATCHES_H
#define RD_DATA_PICTURE_BATCHES_H

#include "data/batch.h"
#include "data/picture_input.h"

typedef struct {
    const rd_picture_input *input; /* changes pictures at random, except in epoch 0 */
    int64_t max_sentences;         /* pictures in a batch, above 0 */
    uint64_t seed;
    int threads; /* that make batches ahead; 0: 1 */
    /* Beta's parameter of the share with which each picture of a training batch is mixed with the
     * next one: sample by sample (mixup, Zhang et al. 2017), or a box of the other's (cutmix, Yun
     * et al. 2019); with both, either for half of the batches. 0: not. */
    float mixup, cutmix;
} rd_picture_batches_config;

typedef struct rd_picture_batches rd_picture_batches;

/* Deals pictures in an order of (seed, epoch), in epoch 0 their own. Each batch is a pure function
 * of (seed, epoch, its number). */
rd_status rd_picture_batches_new(rd_picture_batches **batches, const rd_dataset *dataset,
                                 const rd_picture_batches_config *config);
void rd_picture_batches_free(rd_picture_batches *batches); /* NULL is fine */

rd_batch_source rd_picture_batches_source(rd_picture_batches *batches);

/* Mixes in place the pictures [n, channels, size, size] and labels of a batch. */
rd_status rd_mix_pictures(rd_batch *batch, int64_t channels, int64_t size, double share,
                          bool as_boxes, rd_rng *rng);

#endif
