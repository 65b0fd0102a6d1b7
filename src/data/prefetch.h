/* Separate threads (source->threads) make the next batches ready while the current one is trained
 * on. This pays when making one takes work, as with subword regularization. The order is that of
 * the indices, so results are the same as if each batch were made when needed. */
#ifndef RD_DATA_PREFETCH_H
#define RD_DATA_PREFETCH_H

#include <stdint.h>

#include "base/error.h"
#include "data/batch.h"

typedef struct rd_prefetch rd_prefetch;

/* Starts making the batches of the source's epoch from number `first` on, at most `depth` (>= 1)
 * ahead of the one in use. Stop before the source's set_epoch. */
rd_status rd_prefetch_start(rd_prefetch **prefetch, const rd_batch_source *source, int64_t first,
                            int depth);

/* The next batch, valid until the next call on `prefetch`; *batch = NULL after the last. If the
 * source failed on it: its status and message, at this and every later call. */
rd_status rd_prefetch_next(rd_prefetch *prefetch, const rd_batch **batch);

/* Ends the threads once they have made their current batches, and releases everything; NULL is
 * fine. */
void rd_prefetch_stop(rd_prefetch *prefetch);

#endif
