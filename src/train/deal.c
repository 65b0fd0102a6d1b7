#include "train/deal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct {
    int64_t batch, work;
    int worker;
} dealt;

/* The batches of one update, and each worker's share of them. */
typedef struct {
    dealt *items;  /* [per_update] */
    double *loads; /* [comm->size] seconds, in some unit */
} table;

static int most_work_first(const void *a, const void *b) {
    const dealt *x = a, *y = b;
    if (x->work != y->work) return x->work > y->work ? -1 : 1;
    return x->batch < y->batch ? -1 : 1;
}

static int in_order(const void *a, const void *b) {
    const dealt *x = a, *y = b;
    return (x->batch > y->batch) - (x->batch < y->batch);
}

static double speed_of(const double *speeds, int worker) {
    return speeds ? speeds[worker] : 1.0;
}

/* Each batch, the longest first, goes to the worker that would finish it first. */
static void deal_update(table *t, int64_t n, const rd_comm *comm, const double *speeds) {
    memset(t->loads, 0, sizeof *t->loads * (size_t)comm->size);
    qsort(t->items, (size_t)n, sizeof *t->items, most_work_first);
    for (int64_t i = 0; i < n; i++) {
        int best = 0;
        double earliest = 0.0;
        for (int w = 0; w < comm->size; w++) {
            double done = t->loads[w] + (double)t->items[i].work / speed_of(speeds, w);
            if (w == 0 || done < earliest) best = w, earliest = done;
        }
        t->items[i].worker = best;
        t->loads[best] = earliest;
    }
    qsort(t->items, (size_t)n, sizeof *t->items, in_order);
}

static void deal_all(rd_deal *d, table *t, const rd_comm *comm, const double *speeds,
                     int64_t total) {
    for (int64_t at = d->first; at < total; at += d->per_update) {
        int64_t n = total - at < d->per_update ? total - at : d->per_update;
        for (int64_t i = 0; i < n; i++) {
            bool equal = comm->size == 1 || !d->from.work;
            t->items[i] = (dealt){at + i, equal ? 1 : d->from.work(d->from.self, at + i), 0};
        }
        if (comm->size > 1) deal_update(t, n, comm, speeds);
        for (int64_t i = 0; i < n; i++)
            if (t->items[i].worker == comm->rank) d->mine[d->n_mine++] = t->items[i].batch;
        d->ends[d->n_updates++] = d->n_mine;
    }
}

rd_status rd_deal_make(rd_deal *deal, const rd_batch_source *from, const rd_comm *comm,
                       const double *speeds, int64_t first, int64_t per_update) {
    int64_t total = from->size(from->self), left = total > first ? total - first : 0;
    if (per_update > left) per_update = left > 0 ? left : 1;
    *deal = (rd_deal){.from = *from, .first = first, .per_update = per_update};
    deal->mine = rd_malloc((size_t)left, sizeof *deal->mine);
    deal->ends = rd_malloc((size_t)(left / per_update + 1), sizeof *deal->ends);
    table t = {.items = rd_malloc((size_t)per_update, sizeof *t.items),
               .loads = rd_malloc((size_t)comm->size, sizeof *t.loads)};
    bool ok = deal->mine && deal->ends && t.items && t.loads;
    if (ok) deal_all(deal, &t, comm, speeds, total);
    free(t.items);
    free(t.loads);
    return ok ? RD_OK : RD_ERR_MEMORY;
}

void rd_deal_free(rd_deal *deal) {
    free(deal->mine);
    free(deal->ends);
    *deal = (rd_deal){.per_update = 1};
}

void rd_deal_next(rd_deal *deal, int64_t *begin, int64_t *end) {
    *begin = deal->update > 0 ? deal->ends[deal->update - 1] : 0;
    *end = deal->ends[deal->update++];
}

static int64_t size(const void *self) {
    return ((const rd_deal *)self)->n_mine;
}

static rd_status get(const void *self, int64_t index, rd_batch *batch) {
    const rd_deal *deal = self;
    return deal->from.get(deal->from.self, deal->mine[index], batch);
}

rd_batch_source rd_deal_source(rd_deal *deal) {
    return (rd_batch_source){.self = deal, .size = size, .get = get, .threads = deal->from.threads};
}
