/* Transfers between ranks that are waited for together. */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "dist/rank.h"

enum { DATA = 0 /* the channel of all but signs of life */ };
enum { MOST_BYTES = 1 << 28 /* of one transfer, whose size an int holds */ };

static rd_status failed(const rd_ranks *r, int error) {
    char text[256];
    r->transport.explain(error, text, sizeof text);
    return rd_error(RD_ERR_IO, "the connection between ranks failed: %s", text);
}

static rd_status begin(rd_bundle *b, bool receive, int peer, void *data, size_t bytes) {
    const rd_transport *t = &b->ranks->transport;
    for (size_t at = 0; at < bytes; at += MOST_BYTES) {
        size_t n = bytes - at < MOST_BYTES ? bytes - at : MOST_BYTES;
        RD_TRY(rd_reserve(&b->transfers, &b->capacity, b->n + 1, sizeof *b->transfers));
        rd_transfer *transfer = &b->transfers[b->n];
        pthread_mutex_lock(&b->ranks->lock);
        int error = receive ? t->receive(peer, DATA, (char *)data + at, n, transfer)
                            : t->send(peer, DATA, (char *)data + at, n, transfer);
        pthread_mutex_unlock(&b->ranks->lock);
        if (error) return failed(b->ranks, error);
        b->n++;
    }
    return RD_OK;
}

rd_status rd_bundle_send(rd_bundle *bundle, int to, const void *data, size_t bytes) {
    return begin(bundle, false, to, (void *)data, bytes);
}

rd_status rd_bundle_receive(rd_bundle *bundle, int from, void *data, size_t bytes) {
    return begin(bundle, true, from, data, bytes);
}

rd_status rd_bundle_look(rd_bundle *bundle, int64_t *looks, bool *done) {
    enum { EAGER = 200, SHORT_US = 20, LONG_US = 200 };
    rd_ranks *r = bundle->ranks;
    *done = true;
    if (bundle->n == 0) return RD_OK;
    pthread_mutex_lock(&r->lock);
    int error = r->transport.test((int)bundle->n, bundle->transfers, done);
    pthread_mutex_unlock(&r->lock);
    if (error) return failed(r, error);
    *looks = *done ? 0 : *looks + 1;
    if (*done)
        bundle->n = 0;
    else if (*looks > EAGER)
        usleep(*looks < 2 * EAGER ? SHORT_US : LONG_US);
    return RD_OK;
}

rd_status rd_bundle_wait(rd_bundle *bundle) {
    int64_t looks = 0;
    bool done = false;
    while (!done) RD_TRY(rd_bundle_look(bundle, &looks, &done));
    return RD_OK;
}

void rd_bundle_free(rd_bundle *bundle) {
    free(bundle->transfers);
    *bundle = (rd_bundle){.ranks = bundle->ranks};
}
