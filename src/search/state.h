/* A search under way, shared by the files that make it up. */
#ifndef RD_SEARCH_STATE_H
#define RD_SEARCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "search/beam.h"
#include "search/candidates.h"

/* A live hypothesis. The rows of one sentence are adjacent, as are those of one group, which are
 * ranked best first. */
typedef struct {
    int32_t sentence, group, node;
    int32_t length; /* tokens so far */
    float score;    /* log P so far, minus penalties */
    float penalty;  /* of diverse beams, in score */
} rd_search_row;

/* Hypotheses share their beginnings, so they are paths in a tree; node -1 is the empty one. */
typedef struct {
    int32_t token, parent;
    int32_t aligned; /* source token, or -1 */
} rd_search_node;

/* Hypotheses that compete with each other: all of a sentence, but with diverse beams a part of
 * them, and with sampling only one. */
typedef struct {
    rd_hypothesis *finished; /* [width], the best n_finished */
    int32_t n_finished;
    int32_t n_found; /* finished in all */
} rd_search_group;

/* Phrases that hypotheses must have, and how far each is with them (constraints.c). */
typedef struct rd_constraints rd_constraints;

typedef struct {
    const rd_beam_config *config;
    const rd_scorer *scorer;
    const rd_backend_ops *ops;
    const rd_search_request *requests; /* [n_sentences], or NULL */
    int32_t bos, eos, pad, unk;
    int32_t n_candidates;     /* 2 * beam */
    int32_t candidate_stride; /* room for those of a row: more where it has constraints */
    int32_t n_groups, width;  /* of a sentence; hypotheses of a group: beam / n_groups */
    int32_t enough;           /* finished hypotheses that end a group: width * patience */
    int64_t n_sentences;
    const int32_t *src_lengths; /* [n_sentences] */
    int64_t n_begun;            /* the sentences before it */
    int64_t tokens_at_once;     /* source tokens of the sentences under way: no more than this, */
    int64_t tokens_under_way;   /* and so many at present */
    int64_t most_rows;          /* of a step */
    int32_t *max_lens;          /* [n_sentences] */
    rd_search_group *groups;    /* [n_sentences, n_groups] */
    rd_hypothesis *finished;    /* [n_sentences, n_groups, width] */
    rd_search_node *nodes;
    int64_t n_nodes, node_capacity;
    int64_t n_live_nodes; /* when last looked at */
    int32_t *moved_nodes; /* [n_nodes] (nodes.c) */
    int64_t moved_capacity;
    int64_t n_rows;
    rd_search_row *rows, *next_rows;       /* [most_rows] */
    int32_t *parents, *row_sents, *tokens; /* the scorer's arguments, as many */
    float *eos_log_probs;                  /* before any rules, as many */
    float *log_probs;                      /* [RD_SCORER_ROWS, vocab_size] of some rows */
    rd_candidate *candidates;              /* [most_rows, candidate_stride] */
    int32_t *candidate_counts;             /* [most_rows] */
    rd_candidate *merged;                  /* [n_candidates] */
    /* NULL where nothing asks for it: attention of this step; summed over the steps so far. */
    int64_t src_stride;              /* longest source */
    float *attention;                /* [most_rows, src_stride] */
    float *coverage, *next_coverage; /* as many, of rows and next_rows */
    int32_t *aligned;                /* [most_rows] most attended source token, or -1 */
    rd_candidate *pools;             /* [threads, vocab_size], for sampling */
    rd_constraints *constraints;     /* NULL: no sentence has any */
} rd_search;

/* Reads the attention of all rows, where it is asked for (attend.c). */
rd_status rd_search_attend(rd_search *search);
/* Row `row` begins a sentence; row `next_row` of the next step goes on from `row`. */
void rd_coverage_start(rd_search *search, int64_t row);
void rd_coverage_continue(rd_search *search, int64_t row, int64_t next_row);
/* What a hypothesis that ends in `row` scores beside its log P. */
float rd_coverage_score(const rd_search *search, int64_t row);

/* Each row's continuations, under the rules of the search (expand.c). */
rd_status rd_search_expand(rd_search *search);

/* Draws the continuation of row r, or those of all samples from the first, into its candidates
 * (sample.c); log_probs: [vocab_size] of the row, base: what is added to their log P. */
rd_status rd_search_sample(const rd_search *search, int thread, int64_t r, const float *log_probs,
                           float base);

/* Finishes and continues hypotheses: makes the rows of the next step (advance.c). */
rd_status rd_search_advance(rd_search *search);

/* The tree (nodes.c): adds a node, whose index is *node; and forgets those that no live hypothesis
 * has, once they may be as many as the others. */
rd_status rd_nodes_add(rd_search *search, rd_search_node item, int32_t *node);
rd_status rd_nodes_collect(rd_search *search);

/* What a token costs because the rows start .. end - 1 of the next step have it (diverse.c). */
float rd_diverse_penalty(const rd_search *search, int64_t start, int64_t end, int32_t token);

/* Constraints (constraints.c); where there are none, all of these do nothing. */
rd_status rd_constraints_begin(rd_search *search); /* max_lens and n_candidates are set */
void rd_constraints_end(rd_search *search);
void rd_constraints_start(rd_search *search, int64_t row); /* it begins its sentence */
/* Whether a sentence has any. */
bool rd_constraints_bind(const rd_search *search, int32_t sentence);
/* How many phrases a live hypothesis still lacks. */
int32_t rd_constraints_unmet(const rd_search *search, int64_t row);
/* After a phrase that the row's last token ends: forbids to go on within its word, and to end
 * before a final mark (see rd_search_request). Gives the probability that is gone. */
float rd_constraints_close(const rd_search *search, int64_t row, float *log_probs);
/* Whether `token` is the next one of a phrase that is still lacking. */
bool rd_constraints_want(const rd_search *search, int64_t row, int32_t token);
/* Adds these tokens to the row's candidates, of which there are at most n_candidates. */
void rd_constraints_add_wanted(rd_search *search, int64_t row, const float *log_probs, float base);
/* The candidates of the rows of one group, first .. end - 1, in the order in which they go on, into
 * `merged`; start, n_next: the rows that the sentence has in the next step so far. */
int32_t rd_constraints_merge(rd_search *search, int64_t first, int64_t end, int64_t start,
                             int64_t n_next);
/* Row `next_row` of the next step goes on with `candidate`. */
void rd_constraints_continue(rd_search *search, const rd_candidate *candidate, int64_t next_row);
void rd_constraints_advance(rd_search *search); /* the next step's rows become this step's */

/* Copies a live hypothesis, now ended by eos with log P `score`, to its group's finished ones
 * (finish.c). */
rd_status rd_search_finish(rd_search *search, rd_search_group *group, int64_t row, float score);

/* Whether a group whose hypotheses have `length` tokens looks no further; `best` is the log P of
 * its best one that goes on. */
bool rd_search_is_done(const rd_search *search, const rd_search_group *group, int32_t length,
                       int32_t max_len, float best);

#endif
