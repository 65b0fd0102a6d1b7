/* Drawing the next token instead of choosing the best. */
#include "search/state.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

static int likelier_first(const void *a, const void *b) {
    const rd_candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->token < y->token ? -1 : x->token > y->token;
}

static double mass_of(const rd_candidate *pool, int32_t n) {
    double mass = 0;
    for (int32_t i = 0; i < n; i++) mass += exp((double)pool[i].score);
    return mass;
}

/* All tokens, and their probability together. With top_p only the likely ones, likeliest first:
 * tokens below (1 - top_p) / vocab_size of it have less than 1 - top_p together, so the nucleus can
 * do without them. */
static rd_status gather(const rd_search *s, const float *log_probs, rd_candidate *pool, int32_t *n,
                        double *mass) {
    int32_t vocab_size = s->scorer.vocab_size;
    double rest = s->config.top_p > 0 ? 1 - (double)s->config.top_p : 0;
    *mass = 0;
    for (int32_t v = 0; v < vocab_size; v++) *mass += exp((double)log_probs[v]);
    if (!isfinite(*mass)) return RD_ERR_NUMERIC; /* the caller says so */
    double least = log(rest * *mass / vocab_size);
    *n = 0;
    for (int32_t v = 0; v < vocab_size; v++)
        if (log_probs[v] > -INFINITY && (double)log_probs[v] >= least)
            pool[(*n)++] = (rd_candidate){.score = log_probs[v], .token = v};
    if (rest > 0 && *n) qsort(pool, (size_t)*n, sizeof *pool, likelier_first);
    return RD_OK;
}

/* The fewest of the tokens, likeliest first, that have the wanted probability together; *mass: what
 * they have. */
static int32_t nucleus_size(const rd_candidate *pool, int32_t n, double wanted, double *mass) {
    *mass = 0;
    for (int32_t i = 0; i < n; i++) {
        *mass += exp((double)pool[i].score);
        if (*mass >= wanted) return i + 1;
    }
    return n;
}

/* The tokens to draw from: the top_k likeliest tokens, and of these the nucleus; *mass: their
 * probability together. */
static rd_status shortlist(const rd_search *s, const float *log_probs, rd_candidate *pool,
                           int32_t *n, double *mass) {
    const rd_search_options *c = &s->config;
    if (c->top_k > 0) {
        RD_TRY(rd_candidates_select(log_probs, s->scorer.vocab_size, 0, 0, c->top_k, pool, n));
        *mass = mass_of(pool, *n);
    } else {
        RD_TRY(gather(s, log_probs, pool, n, mass));
    }
    if (c->top_p > 0 && c->top_p < 1) *n = nucleus_size(pool, *n, (double)c->top_p * *mass, mass);
    return RD_OK;
}

static int32_t draw(const rd_candidate *pool, int32_t n, double mass, double uniform) {
    double left = uniform * mass;
    for (int32_t i = 0; i + 1 < n; i++) {
        left -= exp((double)pool[i].score);
        if (left < 0) return i;
    }
    return n - 1;
}

rd_status rd_search_sample(const rd_search *s, int thread, int64_t r, const float *log_probs,
                           float base) {
    const rd_search_row *row = &s->rows[r];
    int32_t vocab_size = s->scorer.vocab_size, n;
    rd_candidate *drawn = s->candidates + r * s->candidate_stride;
    rd_candidate *pool = s->pools + (int64_t)thread * vocab_size;
    double mass;
    RD_TRY(shortlist(s, log_probs, pool, &n, &mass));
    /* The one row that begins a sentence draws for all samples. */
    int32_t first = row->length ? row->group : 0, end = row->length ? first + 1 : s->n_groups;
    uint64_t number = (uint64_t)row->sentence->request.number;
    s->candidate_counts[r] = n > 0 ? end - first : 0;
    for (int32_t sample = first; n > 0 && sample < end; sample++) {
        double uniform = rd_rng_at(s->config.seed, number, (uint32_t)sample, (uint32_t)row->length);
        rd_candidate chosen = pool[draw(pool, n, mass, uniform)];
        drawn[sample - first] = (rd_candidate){base + chosen.score, (int32_t)r, chosen.token};
    }
    return RD_OK;
}
