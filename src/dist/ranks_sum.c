/* Sums over ranks. Each rank gets from all others what they have of its slice, a piece at a time,
 * adds in the order of ranks, and gives its sum to all: (size - 1) / size of the numbers go out
 * and come in for either, however many ranks there are. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "dist/rank.h"
#include "ops/ops.h"

enum { ROUND = 4 << 20 /* floats that come in a round, from all together */ };

typedef struct {
    rd_ranks *r;
    rd_bundle bundles[2]; /* two rounds are under way */
    float *x;
    int64_t n, piece, rounds;     /* floats of x; of a slice in a round */
    float *in[2];                 /* [size, piece] */
    uint16_t *in16[2], *out16[2]; /* likewise, where they travel rounded */
    float **rows;                 /* [size] */
} summing;

/* What of a rank's slice is in a round. */
static rd_slice piece_of(const summing *s, int rank, int64_t round) {
    rd_slice slice = rd_comm_slice(&s->r->comm, s->n, rank);
    int64_t begin = round * s->piece < slice.n ? round * s->piece : slice.n;
    int64_t n = slice.n - begin < s->piece ? slice.n - begin : s->piece;
    return (rd_slice){slice.begin + begin, n};
}

/* x rounded for its way, with what rounding lost before, and less what it loses now. */
static void round_numbers(const float *x, float *error, int64_t n, uint16_t *out) {
    for (int64_t i = 0; i < n; i++) {
        float wanted = x[i] + error[i];
        out[i] = rd_f32_to_bf16(wanted);
        error[i] = wanted - rd_bf16_to_f32(out[i]);
    }
}

static rd_status send_piece(summing *s, int to, int64_t round) {
    rd_bundle *b = &s->bundles[round % 2];
    rd_slice piece = piece_of(s, to, round);
    const float *x = s->x + piece.begin;
    if (!s->r->bf16) return rd_bundle_send(b, to, x, sizeof *x * (size_t)piece.n);
    uint16_t *out = s->out16[round % 2] + to * s->piece;
    round_numbers(x, s->r->error + piece.begin, piece.n, out);
    return rd_bundle_send(b, to, out, sizeof *out * (size_t)piece.n);
}

static rd_status begin_round(summing *s, int64_t round) {
    const rd_comm *c = &s->r->comm;
    rd_bundle *b = &s->bundles[round % 2];
    size_t own = (size_t)piece_of(s, c->rank, round).n;
    for (int i = 0; i < c->size; i++) {
        int64_t at = i * s->piece;
        if (i == c->rank) continue;
        RD_TRY(s->r->bf16 ? rd_bundle_receive(b, i, s->in16[round % 2] + at, sizeof(uint16_t) * own)
                          : rd_bundle_receive(b, i, s->in[round % 2] + at, sizeof(float) * own));
    }
    for (int i = 0; i < c->size; i++)
        if (i != c->rank) RD_TRY(send_piece(s, i, round));
    return RD_OK;
}

static rd_status end_round(summing *s, int64_t round) {
    const rd_comm *c = &s->r->comm;
    rd_slice own = piece_of(s, c->rank, round);
    RD_TRY(rd_bundle_wait(&s->bundles[round % 2]));
    for (int i = 0; i < c->size; i++) {
        rd_slice piece = piece_of(s, i, round);
        s->rows[i] = i == c->rank ? s->x + own.begin : s->in[round % 2] + i * s->piece;
        if (i == c->rank) continue;
        memset(s->x + piece.begin, 0, sizeof(float) * (size_t)piece.n);
        const uint16_t *in16 = s->in16[round % 2];
        for (int64_t k = 0; in16 && k < own.n; k++)
            s->rows[i][k] = rd_bf16_to_f32(in16[i * s->piece + k]);
    }
    rd_comm_add(s->rows, c->size, own.n, s->x + own.begin);
    return RD_OK;
}

static rd_status make_room(summing *s) {
    size_t size = (size_t)s->r->comm.size, room = size * (size_t)s->piece;
    bool ok = (s->rows = rd_malloc(size, sizeof *s->rows)) != NULL;
    for (int i = 0; i < 2; i++) {
        ok &= (s->in[i] = rd_malloc(room, sizeof(float))) != NULL;
        if (!s->r->bf16) continue;
        ok &= (s->in16[i] = rd_malloc(room, sizeof(uint16_t))) != NULL;
        ok &= (s->out16[i] = rd_malloc(room, sizeof(uint16_t))) != NULL;
    }
    if (s->r->bf16 && !s->r->error)
        ok &= (s->r->error = rd_calloc((size_t)s->n, sizeof(float))) != NULL;
    return ok ? RD_OK : RD_ERR_MEMORY;
}

static rd_status sum_all(summing *s) {
    RD_TRY(make_room(s));
    if (s->rounds > 0) RD_TRY(begin_round(s, 0));
    for (int64_t round = 0; round < s->rounds; round++) {
        if (round + 1 < s->rounds) RD_TRY(begin_round(s, round + 1));
        RD_TRY(end_round(s, round));
    }
    return RD_OK;
}

rd_status rd_ranks_sum(rd_comm *comm, float *x, int64_t n) {
    summing s = {.r = (rd_ranks *)comm, .x = x, .n = n, .piece = ROUND / comm->size};
    int64_t longest = 0;
    for (int i = 0; i < comm->size; i++) {
        rd_slice slice = rd_comm_slice(comm, n, i);
        if (slice.n > longest) longest = slice.n;
    }
    if (s.piece > longest) s.piece = longest;
    s.rounds = longest > 0 ? (longest + s.piece - 1) / s.piece : 0;
    for (int i = 0; i < 2; i++) s.bundles[i].ranks = s.r;
    rd_status status = sum_all(&s);
    for (int i = 0; i < 2; i++) {
        rd_bundle_free(&s.bundles[i]);
        free(s.in[i]);
        free(s.in16[i]);
        free(s.out16[i]);
    }
    free(s.rows);
    return status;
}

/* Each slice, `width` bytes a number, from its rank to all others. */
static rd_status spread(rd_comm *comm, void *numbers, size_t width, int64_t n) {
    rd_bundle b = {.ranks = (rd_ranks *)comm};
    rd_slice own = rd_comm_slice(comm, n, comm->rank);
    rd_status status = RD_OK;
    for (int i = 0; status == RD_OK && i < comm->size; i++) {
        rd_slice slice = rd_comm_slice(comm, n, i);
        if (i != comm->rank)
            status = rd_bundle_receive(&b, i, (char *)numbers + width * (size_t)slice.begin,
                                       width * (size_t)slice.n);
    }
    for (int i = 0; status == RD_OK && i < comm->size; i++)
        if (i != comm->rank)
            status = rd_bundle_send(&b, i, (const char *)numbers + width * (size_t)own.begin,
                                    width * (size_t)own.n);
    if (status == RD_OK) status = rd_bundle_wait(&b);
    rd_bundle_free(&b);
    return status;
}

rd_status rd_ranks_collect(rd_comm *comm, float *x, int64_t n) {
    return spread(comm, x, sizeof *x, n);
}

/* What is rounded for the others is rounded for this rank, too. */
rd_status rd_ranks_collect_sum(rd_comm *comm, float *x, int64_t n) {
    const rd_ranks *r = (const rd_ranks *)comm;
    if (!r->bf16) return spread(comm, x, sizeof *x, n);
    rd_slice own = rd_comm_slice(comm, n, comm->rank);
    uint16_t *rounded = rd_malloc((size_t)n, sizeof *rounded);
    if (!rounded) return RD_ERR_MEMORY;
    round_numbers(x + own.begin, r->error + own.begin, own.n, rounded + own.begin);
    rd_status status = spread(comm, rounded, sizeof *rounded, n);
    for (int64_t i = 0; status == RD_OK && i < n; i++) x[i] = rd_bf16_to_f32(rounded[i]);
    free(rounded);
    return status;
}
