/* P(target piece | source piece) by expectation maximization over a table of the pairs of pieces
 * that occur in one sentence pair. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "base/pair_table.h"
#include "data/shortlist.h"
#include "data/shortlist_file.h"
#include "io/output.h"

enum { ITERATIONS = 4 };

/* Less likely pieces would make lists long and help nobody. */
static const float least_probability = 1e-3f;

typedef struct {
    int32_t src, tgt;
    float p, count;
} entry;

typedef struct {
    const rd_shortlist_config *config;
    const rd_dataset *data;
    int64_t n, step;     /* sentence pairs used: every step-th */
    rd_pair_table pairs; /* of pieces: their places in */
    entry *entries;      /* [capacity], pairs.n used */
    int64_t capacity;
    int32_t src_vocab, tgt_vocab;
    double *totals;       /* [src_vocab] */
    int64_t *occurrences; /* [tgt_vocab] */
    int32_t *starts, *ids;
    int32_t n_ids;
    rd_ids src, tgt; /* of the pair that is read */
} build;

static rd_status pair_at(build *b, int64_t i, rd_pair *pair) {
    RD_TRY(rd_dataset_read(b->data, i * b->step, &b->src, &b->tgt, pair));
    pair->n_tgt--; /* eos is always allowed */
    return RD_OK;
}

/* NULL where another program has changed the dataset, all of whose pairs were put into the table.
 */
static entry *entry_of(const build *b, int32_t src, int32_t tgt) {
    int32_t id = rd_pair_find(&b->pairs, (uint32_t)src, (uint32_t)tgt);
    return id < 0 ? NULL : &b->entries[id];
}

static rd_status add_pair(build *b, int32_t src, int32_t tgt) {
    int64_t n_before = b->pairs.n;
    int32_t id;
    RD_TRY(rd_pair_insert(&b->pairs, (uint32_t)src, (uint32_t)tgt, &id));
    RD_TRY(rd_reserve(&b->entries, &b->capacity, b->pairs.n, sizeof *b->entries));
    if (b->pairs.n > n_before) b->entries[id] = (entry){.src = src, .tgt = tgt, .p = 1.0f};
    return RD_OK;
}

static rd_status collect_pairs(build *b) {
    for (int64_t i = 0; i < b->n; i++) {
        RD_TRY(rd_check_stop(b->config->stop));
        rd_pair pair;
        RD_TRY(pair_at(b, i, &pair));
        for (int32_t j = 0; j < pair.n_tgt; j++) {
            b->occurrences[pair.tgt[j]]++;
            for (int32_t k = 0; k < pair.n_src; k++) RD_TRY(add_pair(b, pair.src[k], pair.tgt[j]));
        }
    }
    return RD_OK;
}

/* Shares each target piece out among the source pieces of its sentence pair. */
static rd_status expect(build *b) {
    for (int64_t i = 0; i < b->n; i++) {
        RD_TRY(rd_check_stop(b->config->stop));
        rd_pair pair;
        RD_TRY(pair_at(b, i, &pair));
        for (int32_t j = 0; j < pair.n_tgt; j++) {
            float sum = 0.0f;
            for (int32_t k = 0; k < pair.n_src; k++) {
                const entry *e = entry_of(b, pair.src[k], pair.tgt[j]);
                if (!e) return rd_error(RD_ERR_FORMAT, "the data changed while they were read");
                sum += e->p;
            }
            for (int32_t k = 0; sum > 0.0f && k < pair.n_src; k++) {
                entry *e = entry_of(b, pair.src[k], pair.tgt[j]);
                if (e) e->count += e->p / sum;
            }
        }
    }
    return RD_OK;
}

static void maximize(build *b) {
    memset(b->totals, 0, sizeof *b->totals * (size_t)b->src_vocab);
    for (int64_t i = 0; i < b->pairs.n; i++)
        b->totals[b->entries[i].src] += (double)b->entries[i].count;
    for (int64_t i = 0; i < b->pairs.n; i++) {
        entry *e = &b->entries[i];
        e->p = b->totals[e->src] > 0 ? (float)((double)e->count / b->totals[e->src]) : 0.0f;
        e->count = 0.0f;
    }
}

static int by_source_then_likelier(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->src != y->src) return x->src < y->src ? -1 : 1;
    if (x->p != y->p) return x->p > y->p ? -1 : 1;
    return x->tgt < y->tgt ? -1 : x->tgt > y->tgt;
}

/* The likely pairs at the front, sorted: their number. The table of their places is of no use then.
 */
static int64_t sort_pairs(build *b) {
    int64_t n = 0;
    for (int64_t i = 0; i < b->pairs.n; i++)
        if (b->entries[i].p >= least_probability) b->entries[n++] = b->entries[i];
    if (n) qsort(b->entries, (size_t)n, sizeof(entry), by_source_then_likelier);
    return n;
}

/* The most frequent target pieces, as entries of a source piece after the last. */
static rd_status add_frequent(build *b, entry *frequent) {
    int32_t vocab = b->tgt_vocab;
    for (int32_t i = 0; i < vocab; i++)
        frequent[i] = (entry){.tgt = i, .p = (float)b->occurrences[i]};
    qsort(frequent, (size_t)vocab, sizeof *frequent, by_source_then_likelier);
    int64_t capacity = b->n_ids;
    RD_TRY(rd_reserve(&b->ids, &capacity, (int64_t)b->n_ids + b->config->frequent, sizeof *b->ids));
    for (int32_t i = 0; i < vocab && i < b->config->frequent; i++)
        if (frequent[i].p > 0.0f) b->ids[b->n_ids++] = frequent[i].tgt;
    b->starts[b->src_vocab + 1] = b->n_ids;
    return RD_OK;
}

static rd_status make_lists(build *b) {
    int32_t per_piece = b->config->per_piece;
    int64_t n = sort_pairs(b), at = 0;
    b->ids = rd_malloc((size_t)n, sizeof *b->ids);
    if (!b->ids) return RD_ERR_MEMORY;
    for (int32_t src = 0; src <= b->src_vocab; src++) {
        b->starts[src] = b->n_ids;
        for (int32_t kept = 0; at < n && b->entries[at].src == src; at++, kept++)
            if (kept < per_piece) b->ids[b->n_ids++] = b->entries[at].tgt;
    }
    entry *frequent = rd_malloc((size_t)b->tgt_vocab, sizeof *frequent);
    rd_status status = frequent ? add_frequent(b, frequent) : RD_ERR_MEMORY;
    free(frequent);
    return status;
}

static rd_status write_lists(const build *b, const char *path) {
    size_t starts = sizeof *b->starts * ((size_t)b->src_vocab + 2);
    size_t ids = sizeof *b->ids * (size_t)b->n_ids;
    rd_shortlist_header head = {.identity = *rd_dataset_identity(b->data), .n_ids = b->n_ids};
    memcpy(head.magic, RD_SHORTLIST_MAGIC, sizeof head.magic);
    head.crc = rd_crc32(0, &head, offsetof(rd_shortlist_header, crc));
    head.crc = rd_crc32(rd_crc32(head.crc, b->starts, starts), b->ids, ids);
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    fwrite(&head, sizeof head, 1, file.stream);
    fwrite(b->starts, 1, starts, file.stream);
    fwrite(b->ids, 1, ids, file.stream);
    return rd_atomic_commit(&file); /* which tells of failed writes */
}

static rd_status run(build *b, const char *path) {
    b->totals = rd_calloc((size_t)b->src_vocab, sizeof *b->totals);
    b->occurrences = rd_calloc((size_t)b->tgt_vocab, sizeof *b->occurrences);
    b->starts = rd_calloc((size_t)b->src_vocab + 2, sizeof *b->starts);
    if (!b->totals || !b->occurrences || !b->starts) return RD_ERR_MEMORY;
    RD_TRY(collect_pairs(b));
    for (int i = 0; i < ITERATIONS; i++) {
        RD_TRY(expect(b));
        maximize(b);
    }
    RD_TRY(make_lists(b));
    return write_lists(b, path);
}

rd_shortlist_config rd_shortlist_defaults(void) {
    return (rd_shortlist_config){.per_piece = 100, .frequent = 100, .pairs = 500000};
}

rd_status rd_shortlist_build(const rd_shortlist_config *config, const rd_dataset *data,
                             const char *path) {
    const rd_identity *identity = rd_dataset_identity(data);
    build b = {.config = config,
               .data = data,
               .step = 1,
               .n = rd_dataset_size(data),
               .src_vocab = identity->src_vocab,
               .tgt_vocab = identity->tgt_vocab};
    if (config->per_piece < 1 || config->frequent < 0 || config->pairs < 1)
        return rd_error(RD_ERR_ARGUMENT, "a shortlist needs a piece and a sentence pair at least");
    if (b.n > config->pairs) {
        b.step = (b.n + config->pairs - 1) / config->pairs;
        b.n = (b.n + b.step - 1) / b.step;
    }
    rd_status status = run(&b, path);
    rd_pair_table_free(&b.pairs);
    free(b.entries);
    free(b.totals);
    free(b.occurrences);
    free(b.starts);
    free(b.ids);
    free(b.src.data);
    free(b.tgt.data);
    return status;
}
