#include "data/bpe_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

rd_status rd_bpe_rules_new(rd_bpe_rules *rules, int64_t n) {
    RD_TRY(rd_pair_table_clear(&rules->pairs, n));
    rules->rules = rd_malloc((size_t)n + 1, sizeof *rules->rules);
    return rules->rules ? RD_OK : RD_ERR_MEMORY;
}

void rd_bpe_rules_add(rd_bpe_rules *rules, int32_t left, int32_t right, rd_bpe_rule rule) {
    rules->rules[rd_pair_add(&rules->pairs, (uint32_t)left, (uint32_t)right)] = rule;
}

const rd_bpe_rule *rd_bpe_rules_find(const rd_bpe_rules *rules, int32_t left, int32_t right) {
    int32_t id = rd_pair_find(&rules->pairs, (uint32_t)left, (uint32_t)right);
    return id < 0 ? NULL : &rules->rules[id];
}

void rd_bpe_rules_free(rd_bpe_rules *rules) {
    rd_pair_table_free(&rules->pairs);
    free(rules->rules);
}

void rd_bpe_scratch_free(rd_bpe_scratch *scratch) {
    free(scratch->symbols);
    free(scratch->queue);
    free(scratch->skipped);
}

/* A piece of the word, in a doubly linked list. */
typedef struct {
    int32_t id; /* -1: merged into the one before it */
    int32_t previous, next;
} symbol;

/* A merge of the symbol at `at` with its successor; out of date once either has changed. */
typedef struct {
    int32_t rank, at;
} candidate;

typedef struct {
    const rd_bpe_rules *rules;
    symbol *symbols;
    candidate *queue, *skipped; /* queue: a binary heap, first the lowest rank, then the leftmost */
    int64_t n_queue, n_skipped;
} merger;

static int before(candidate a, candidate b) {
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(merger *m, candidate c) {
    int64_t i = m->n_queue++;
    for (int64_t parent; i > 0 && before(c, m->queue[parent = (i - 1) / 2]); i = parent)
        m->queue[i] = m->queue[parent];
    m->queue[i] = c;
}

static candidate pop(merger *m) {
    candidate top = m->queue[0], c = m->queue[--m->n_queue];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < m->n_queue; i = child) {
        if (child + 1 < m->n_queue && before(m->queue[child + 1], m->queue[child])) child++;
        if (!before(m->queue[child], c)) break;
        m->queue[i] = m->queue[child];
    }
    m->queue[i] = c;
    return top;
}

static const rd_bpe_rule *rule_at(const merger *m, int32_t at) {
    const symbol *s = &m->symbols[at];
    return s->id < 0 || s->next < 0 ? NULL
                                    : rd_bpe_rules_find(m->rules, s->id, m->symbols[s->next].id);
}

static void consider(merger *m, int32_t at) {
    const rd_bpe_rule *rule = at < 0 ? NULL : rule_at(m, at);
    if (rule) push(m, (candidate){rule->rank, at});
}

static void join(merger *m, int32_t at, int32_t merged) {
    symbol *s = &m->symbols[at], *gone = &m->symbols[s->next];
    s->id = merged;
    s->next = gone->next;
    gone->id = -1;
    if (s->next >= 0) m->symbols[s->next].previous = at;
}

static void consider_around(merger *m, int32_t at) {
    consider(m, m->symbols[at].previous);
    consider(m, at);
}

static void merge_all(merger *m, float dropout, rd_rng *rng) {
    while (m->n_queue > 0) {
        candidate top = pop(m);
        if (rng && rd_rng_uniform(rng) < (double)dropout) {
            m->skipped[m->n_skipped++] = top;
            continue;
        }
        while (m->n_skipped > 0) push(m, m->skipped[--m->n_skipped]);
        const rd_bpe_rule *rule = rule_at(m, top.at);
        if (!rule || rule->rank != top.rank) continue;
        join(m, top.at, rule->merged);
        consider_around(m, top.at);
    }
}

/* A round: the places of one pair from left to right, and only then the pairs that this made. A
 * rank is one pair's, so a pair that is out of date never passes for another. */
static void merge_rounds(merger *m) {
    while (m->n_queue > 0) {
        int32_t rank = m->queue[0].rank;
        m->n_skipped = 0;
        while (m->n_queue > 0 && m->queue[0].rank == rank) {
            candidate top = pop(m);
            const rd_bpe_rule *rule = rule_at(m, top.at);
            if (!rule || rule->rank != rank) continue;
            join(m, top.at, rule->merged);
            m->skipped[m->n_skipped++] = top;
        }
        for (int64_t i = 0; i < m->n_skipped; i++) consider_around(m, m->skipped[i].at);
    }
}

/* A word has n - 1 neighbours at first, and each of at most n - 1 merges makes two new pairs. */
static rd_status reserve(rd_bpe_scratch *s, int64_t n) {
    RD_TRY(rd_reserve(&s->symbols, &s->symbols_capacity, n, sizeof(symbol)));
    RD_TRY(rd_reserve(&s->queue, &s->queue_capacity, 3 * n, sizeof(candidate)));
    return rd_reserve(&s->skipped, &s->skipped_capacity, 3 * n, sizeof(candidate));
}

rd_status rd_bpe_check_dropout(float dropout) {
    if (dropout >= 0.0f && dropout <= 1.0f) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "sentencepiece-alpha %g: of this vocabulary it is the share of merges that are "
                    "left out, at most 1",
                    (double)dropout);
}

rd_status rd_bpe_merge(const rd_bpe_rules *rules, rd_bpe_scratch *scratch, int32_t *ids, int64_t *n,
                       float dropout, rd_rng *rng) {
    RD_TRY(reserve(scratch, *n));
    merger m = {.rules = rules,
                .symbols = scratch->symbols,
                .queue = scratch->queue,
                .skipped = scratch->skipped};
    int32_t count = (int32_t)*n;
    for (int32_t i = 0; i < count; i++)
        m.symbols[i] = (symbol){ids[i], i - 1, i + 1 < count ? i + 1 : -1};
    for (int32_t i = 0; i < count; i++) consider(&m, i);
    if (rules->rounds && !rng)
        merge_rounds(&m);
    else
        merge_all(&m, dropout, rng);
    *n = 0;
    for (int32_t i = count > 0 ? 0 : -1; i >= 0; i = m.symbols[i].next)
        ids[(*n)++] = m.symbols[i].id;
    return RD_OK;
}
