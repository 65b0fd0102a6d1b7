/* The next batches made ready by a thread of their own while the current one is trained on: worth
 * it when making one takes work, as with subword regularization. The order is that of the indices,
 * so the results are those of getting each batch when it is needed. */
#ifndef RD_DATA_PREFETCH_H
#define RD_DATA_PREFETCH_H

#include <stdint.h>

#include "base/error.h"
#include "data/batch.h"

typedef struct rd_prefetch rd_prefetch;

/* Makes batch `index`; called on the thread, one index after another. */
typedef rd_status (*rd_batch_source)(const void *self, int64_t index, rd_batch *batch);

/* Starts making batches first .. end - 1, at most `depth` (>= 1) ahead of the one in use. */
rd_status rd_prefetch_start(rd_prefetch **prefetch, rd_batch_source source, const void *self,
                            int64_t first, int64_t end, int depth);

/* The same for the batches of a batcher's epoch. Stop before rd_batcher_set_epoch. */
rd_status rd_prefetch_batches(rd_prefetch **prefetch, const rd_batcher *batcher, int64_t first,
                              int depth);

/* The next batch, valid until the next call on `prefetch`; *batch = NULL after the last. When the
 * source failed on it: its status and message, at this and every later call. */
rd_status rd_prefetch_next(rd_prefetch *prefetch, const rd_batch **batch);

/* Ends the thread after the batch it is making, if any, and releases everything; NULL is fine. */
void rd_prefetch_stop(rd_prefetch *prefetch);

#endif
