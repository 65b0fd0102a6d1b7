/* Lexically constrained search by dynamic beam allocation (Post and Vilar 2018, arXiv:1804.06609).
 * Hypotheses are sorted into banks by how many tokens of their phrases they have, and the places of
 * the beam are given to the banks in turn (Hu et al. 2019), so hypotheses that have just begun an
 * unlikely phrase do not compete with those that have not. Each phrase is followed by itself,
 * as Knuth, Morris and Pratt do, so overlapping phrases share their tokens. */
#include "search/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "search/rules.h"

typedef struct {
    const int32_t *tokens; /* [length], the request's */
    int32_t length;
    int32_t times;   /* that it must appear */
    int32_t *border; /* [length + 1] of its first i tokens, how many both begin and end them */
} phrase;

/* How far a hypothesis is with a phrase. */
typedef struct {
    int32_t matched; /* first tokens of the phrase that the hypothesis ends with, not all */
    int32_t left;    /* times that it must still appear */
    bool ended, met; /* by the last token: once more, and that it had to appear */
} progress;

/* A continuation and its place in the order in which hypotheses continue. */
typedef struct {
    rd_candidate candidate;
    int32_t order;   /* in which it was met, for equal scores */
    int32_t missing; /* tokens of phrases: the fewer, the higher its bank */
    int32_t rank;    /* in its bank */
    bool in_time;    /* there is room for the tokens it lacks */
} ranked;

/* Those of one sentence. */
struct rd_constraints {
    int64_t n, capacity;
    phrase *phrases;            /* [n] */
    int32_t *borders;           /* of all phrases */
    progress *rows, *next_rows; /* [beam, n], of its rows */
};

/* in_word: the token goes on within a word, so no phrase begins with it. */
static progress follow(const phrase *p, progress at, int32_t token, bool in_word) {
    while (at.matched > 0 && p->tokens[at.matched] != token) at.matched = p->border[at.matched];
    if (p->tokens[at.matched] == token && !(in_word && at.matched == 0)) at.matched++;
    at.ended = at.met = false;
    if (at.matched < p->length) return at;
    return (progress){.matched = p->border[p->length],
                      .left = at.left > 0 ? at.left - 1 : 0,
                      .ended = true,
                      .met = at.left > 0};
}

static void find_borders(phrase *p) {
    int32_t length = 0;
    p->border[0] = p->border[1] = 0;
    for (int32_t i = 1; i < p->length; i++) {
        while (length > 0 && p->tokens[length] != p->tokens[i]) length = p->border[length];
        if (p->tokens[length] == p->tokens[i]) length++;
        p->border[i + 1] = length;
    }
}

static int32_t count_in(const rd_search_request *request, rd_token_span span) {
    int32_t n = 0;
    size_t bytes = (size_t)span.length * sizeof *span.tokens;
    for (int32_t i = 0; i + span.length <= request->prefix_length; i++)
        n += memcmp(request->prefix + i, span.tokens, bytes) == 0;
    return n;
}

/* Adds a phrase, if it fits after the others in *room tokens; tokens that the prefix already has
 * take none. */
static rd_status add_phrase(rd_constraints *c, const rd_search_request *request, rd_token_span span,
                            int32_t *room) {
    if (span.length < 1 || span.length > *room + request->prefix_length) return RD_OK;
    size_t bytes = (size_t)span.length * sizeof *span.tokens;
    int64_t i = 0;
    for (; i < c->n; i++)
        if (c->phrases[i].length == span.length &&
            memcmp(c->phrases[i].tokens, span.tokens, bytes) == 0)
            break;
    int32_t times = i < c->n ? c->phrases[i].times + 1 : 1;
    int32_t needs = count_in(request, span) < times ? span.length : 0;
    if (needs > 0 && needs > *room) return RD_OK;
    *room -= needs;
    if (i == c->n) {
        RD_TRY(rd_reserve(&c->phrases, &c->capacity, i + 1, sizeof *c->phrases));
        c->phrases[c->n++] = (phrase){.tokens = span.tokens, .length = span.length};
    }
    c->phrases[i].times = times;
    return RD_OK;
}

void rd_constraints_end(rd_sentence *sentence) {
    rd_constraints *c = sentence->constraints;
    if (!c) return;
    free(c->phrases);
    free(c->borders);
    free(c->rows);
    free(c->next_rows);
    free(c);
    sentence->constraints = NULL;
}

static rd_status make_borders(rd_constraints *c) {
    size_t tokens = 0;
    for (int64_t i = 0; i < c->n; i++) tokens += (size_t)c->phrases[i].length + 1;
    int32_t *border = c->borders = rd_malloc(tokens, sizeof *c->borders);
    if (!border) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < c->n; border += c->phrases[i++].length + 1) {
        c->phrases[i].border = border;
        find_borders(&c->phrases[i]);
    }
    return RD_OK;
}

/* Room for the candidates of the sentence's rows. */
static rd_status reserve(rd_search *s, int64_t n_phrases) {
    int32_t stride = s->n_candidates + (int32_t)n_phrases;
    if (stride > s->candidate_stride) s->candidate_stride = stride;
    return rd_reserve(&s->ranked, &s->ranked_capacity, (int64_t)s->config.beam * stride,
                      sizeof(ranked));
}

rd_status rd_constraints_begin(rd_search *s, rd_sentence *sentence) {
    const rd_search_request *request = &sentence->request;
    int32_t room = sentence->max_length - (s->config.forced_bos ? 1 : 0) - request->prefix_length;
    if (request->n_phrases == 0) return RD_OK;
    rd_constraints *c = sentence->constraints = rd_calloc(1, sizeof *c);
    if (!c) return RD_ERR_MEMORY;
    for (int32_t k = 0; k < request->n_phrases; k++)
        RD_TRY(add_phrase(c, request, request->phrases[k], &room));
    if (c->n == 0) { /* none fits */
        rd_constraints_end(sentence);
        return RD_OK;
    }
    size_t beam = (size_t)s->config.beam, n = (size_t)c->n;
    RD_TRY(make_borders(c));
    RD_TRY(reserve(s, c->n));
    c->rows = rd_malloc(beam, n * sizeof *c->rows);
    c->next_rows = rd_malloc(beam, n * sizeof *c->next_rows);
    if (!c->rows || !c->next_rows) return RD_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) c->rows[i] = (progress){.left = c->phrases[i].times};
    return RD_OK;
}

/* How far a row is with each of the phrases. */
static const progress *progress_of(const rd_search *s, const rd_constraints *c, int64_t row) {
    return c->rows + (row - s->rows[row].sentence->first) * c->n;
}

int32_t rd_constraints_unmet(const rd_search *s, int64_t row) {
    const rd_constraints *c = s->rows[row].sentence->constraints;
    int32_t unmet = 0;
    if (!c) return 0;
    const progress *at = progress_of(s, c, row);
    for (int64_t i = 0; i < c->n; i++) unmet += at[i].left;
    return unmet;
}

/* Whether the row's last token is followed by more of its word. */
static bool is_in_word(const rd_search *s, int64_t row) {
    const rd_sentence *sentence = s->rows[row].sentence;
    const uint8_t *edges = sentence->request.edges;
    int64_t node = s->rows[row].node;
    return edges && node >= 0 && edges[sentence->nodes[node].token] & RD_EDGE_JOINED;
}

/* The likeliest of the marks; -1: there is none. */
static int32_t best_mark(const int32_t *marks, const float *log_probs) {
    int32_t best = -1;
    for (int32_t i = 0; marks && i < RD_MOST_MARKS; i++)
        if (marks[i] >= 0 && (best < 0 || log_probs[marks[i]] > log_probs[best])) best = marks[i];
    return best;
}

float rd_constraints_close(const rd_search *s, int64_t row, float *log_probs) {
    const rd_sentence *sentence = s->rows[row].sentence;
    const rd_constraints *c = sentence->constraints;
    const rd_search_request *request = &sentence->request;
    if (!c || !request->edges || s->rows[row].node < 0) return 0.0f;
    const progress *at = progress_of(s, c, row);
    bool ended = false, met = false;
    for (int64_t i = 0; i < c->n; i++) {
        ended |= at[i].ended;
        met |= at[i].met;
    }
    uint8_t edge = ended ? request->edges[sentence->nodes[s->rows[row].node].token] : 0;
    float gone = 0.0f;
    for (int32_t i = 0; met && edge & RD_EDGE_WORD && i < s->scorer.vocab_size; i++)
        if (request->edges[i] & RD_EDGE_INNER) gone += rd_search_forbid(log_probs, i);
    int32_t mark = edge & RD_EDGE_MARKUP ? best_mark(request->marks, log_probs) : -1;
    int32_t eos = s->scorer.eos;
    if (mark < 0 || !(log_probs[eos] > log_probs[mark])) return gone;
    gone += rd_search_forbid(log_probs, mark);
    log_probs[mark] = log_probs[eos];
    log_probs[eos] = -INFINITY;
    return gone;
}

bool rd_constraints_want(const rd_search *s, int64_t row, int32_t token) {
    const rd_constraints *c = s->rows[row].sentence->constraints;
    if (!c) return false;
    const progress *at = progress_of(s, c, row);
    for (int64_t i = 0; i < c->n; i++)
        if (at[i].left > 0 && c->phrases[i].tokens[at[i].matched] == token) return true;
    return false;
}

static bool has_token(const rd_candidate *candidates, int32_t n, int32_t token) {
    for (int32_t i = 0; i < n; i++)
        if (candidates[i].token == token) return true;
    return false;
}

void rd_constraints_add_wanted(rd_search *s, int64_t row, const float *log_probs, float base) {
    const rd_constraints *c = s->rows[row].sentence->constraints;
    if (!c) return;
    const progress *at = progress_of(s, c, row);
    rd_candidate *candidates = s->candidates + row * s->candidate_stride;
    int32_t *count = &s->candidate_counts[row];
    for (int64_t i = 0; i < c->n; i++) {
        int32_t token = c->phrases[i].tokens[at[i].matched];
        float score = base + log_probs[token];
        if (at[i].left > 0 && score > -INFINITY && !has_token(candidates, *count, token))
            candidates[(*count)++] = (rd_candidate){score, (int32_t)row, token};
    }
}

/* Tokens that a hypothesis still needs at most: its phrases one after another, the one that it is
 * furthest with first. The next token of that one makes them fewer, so a hypothesis that has room
 * for them meets its constraints. */
static int32_t missing_after(const rd_search *s, const rd_candidate *candidate) {
    const rd_constraints *c = s->rows[candidate->row].sentence->constraints;
    const progress *at = progress_of(s, c, candidate->row);
    int32_t missing = 0, furthest = 0;
    bool in_word = is_in_word(s, candidate->row);
    for (int64_t i = 0; i < c->n; i++) {
        progress next = rd_search_ends(s, candidate->token)
                            ? at[i]
                            : follow(&c->phrases[i], at[i], candidate->token, in_word);
        missing += next.left * c->phrases[i].length;
        if (next.left > 0 && next.matched > furthest) furthest = next.matched;
    }
    return missing - furthest;
}

static int by_bank(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->in_time != y->in_time) return x->in_time ? -1 : 1;
    if (x->missing != y->missing) return x->missing < y->missing ? -1 : 1;
    if (x->candidate.score != y->candidate.score)
        return x->candidate.score > y->candidate.score ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int in_turn(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->in_time != y->in_time) return x->in_time ? -1 : 1;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->missing < y->missing ? -1 : x->missing > y->missing;
}

int32_t rd_constraints_merge(rd_search *s, int32_t group, int64_t first, int64_t end,
                             int64_t others) {
    ranked *all = s->ranked;
    int32_t n = 0;
    int32_t room = s->rows[first].sentence->max_length - s->rows[first].length - 1;
    for (int64_t r = first; r < end; r++)
        for (int32_t i = 0; i < s->candidate_counts[r]; i++) {
            rd_candidate candidate = s->candidates[r * s->candidate_stride + i];
            int32_t missing = missing_after(s, &candidate);
            if (group > 0 && rd_search_is_taken(s, &candidate, group, others)) continue;
            candidate.score -= rd_search_penalty(s, &candidate, others);
            all[n] = (ranked){.candidate = candidate,
                              .order = n,
                              .missing = missing,
                              .in_time = missing <= room || missing == 0};
            n++;
        }
    if (n == 0) return 0;
    qsort(all, (size_t)n, sizeof *all, by_bank);
    for (int32_t i = 1; i < n; i++)
        if (all[i].missing == all[i - 1].missing && all[i].in_time == all[i - 1].in_time)
            all[i].rank = all[i - 1].rank + 1;
    qsort(all, (size_t)n, sizeof *all, in_turn);
    if (n > s->n_per_beam * s->width) n = s->n_per_beam * s->width;
    for (int32_t i = 0; i < n; i++) s->merged[i] = all[i].candidate;
    return n;
}

void rd_constraints_continue(rd_search *s, const rd_candidate *candidate, int64_t next_row) {
    const rd_sentence *sentence = s->rows[candidate->row].sentence;
    rd_constraints *c = sentence->constraints;
    if (!c) return;
    const progress *at = progress_of(s, c, candidate->row);
    progress *next = c->next_rows + (next_row - sentence->next_first) * c->n;
    bool in_word = is_in_word(s, candidate->row);
    for (int64_t i = 0; i < c->n; i++)
        next[i] = follow(&c->phrases[i], at[i], candidate->token, in_word);
}

void rd_constraints_advance(rd_sentence *sentence) {
    rd_constraints *c = sentence->constraints;
    if (!c) return;
    progress *swap = c->rows;
    c->rows = c->next_rows;
    c->next_rows = swap;
}
