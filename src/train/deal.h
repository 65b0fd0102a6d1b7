/* The batches of an epoch that a worker takes: those of each update are dealt to all workers in
 * shares of about equal work, or in proportion to their speeds. Every worker deals, with the same
 * result. */
#ifndef RD_TRAIN_DEAL_H
#define RD_TRAIN_DEAL_H

#include "data/batch.h"
#include "dist/comm.h"

typedef struct {
    rd_batch_source from;
    int64_t first, per_update; /* batches before; batches that all workers take for an update */
    int64_t *mine;             /* [n_mine] of the epoch's batches, in order */
    int64_t *ends;             /* [n_updates] where each update's end in `mine` */
    int64_t n_mine, n_updates, update; /* the next one */
} rd_deal;

/* Deals the source's epoch from batch `first` on. speeds: [comm->size] of workers, in any unit;
 * NULL: all are the same. Free it in any case. */
rd_status rd_deal_make(rd_deal *deal, const rd_batch_source *from, const rd_comm *comm,
                       const double *speeds, int64_t first, int64_t per_update);
void rd_deal_free(rd_deal *deal);

/* Only the worker's batches, as a source, which the deal must outlive. */
rd_batch_source rd_deal_source(rd_deal *deal);

/* Sets *begin and *end to the worker's batches of the next update, and advances. */
void rd_deal_next(rd_deal *deal, int64_t *begin, int64_t *end);

/* The number of one of them within its update, among those of all workers. */
static inline int32_t rd_deal_micro_batch(const rd_deal *deal, int64_t i) {
    return (int32_t)((deal->mine[i] - deal->first) % deal->per_update);
}

#endif
