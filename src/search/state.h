/* A search under way, shared by the files that make it up. */
#ifndef RD_SEARCH_STATE_H
#define RD_SEARCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "search/search.h"

/* One way to go on: `token` after the hypothesis of row `row`. */
typedef struct {
    float score; /* log-probability of the whole hypothesis */
    int32_t row, token;
} rd_candidate;

/* Hypotheses share their beginnings, so they are paths in a tree; node -1 is the empty one. */
typedef struct {
    int32_t token, parent;
    int32_t aligned; /* source token, or -1 */
} rd_search_node;

/* Hypotheses that compete with each other: all of a sentence, with diverse beams a part of them,
 * and with sampling only one. */
typedef struct {
    rd_hypothesis *finished; /* [width], the best n_finished */
    int32_t n_finished;
    int32_t n_found; /* finished in all */
} rd_search_group;

/* Phrases that hypotheses must have, and how far each hypothesis is (constraints.c). */
typedef struct rd_constraints rd_constraints;

/* Rules over tokens (rules.h). */
typedef struct rd_rules rd_rules;

/* A sentence waits, is under way or is done. Only under way does it have groups, nodes and the
 * fields after them; its rows are then adjacent, and arrays of [beam] are indexed by a row's place
 * among them. */
typedef struct rd_sentence rd_sentence;
struct rd_sentence {
    rd_search_request request;
    int64_t id;
    int32_t slot;        /* its number for the scorer */
    int32_t max_length;  /* of its output */
    rd_sentence *next;   /* that waits or is done after it */
    rd_hypotheses found; /* when done */

    int64_t first, next_first; /* its first row, of this step (-1: it has none any more) and of the
                                * next */
    rd_search_group *groups;   /* [n_groups] */
    rd_hypothesis *finished;   /* [n_groups, width] */
    rd_search_node *nodes;     /* [n_nodes] */
    int64_t n_nodes, node_capacity;
    float *coverage, *next_coverage; /* [beam, source.length] attention summed over the steps so
                                      * far, of this step's rows and of the next's; or NULL */
    rd_constraints *constraints;     /* NULL: it has none */
};

/* A live hypothesis. The rows of one sentence are adjacent, as are those of one group, which are
 * ranked best first. */
typedef struct {
    rd_sentence *sentence;
    int32_t group, node;
    int32_t length; /* tokens so far */
    float score;    /* log P so far, minus penalties */
    float penalty;  /* of diverse beams, in score */
} rd_search_row;

typedef struct {
    rd_sentence *first, **end;
} rd_sentence_queue;

struct rd_search {
    rd_search_options config;
    rd_scorer scorer;
    rd_rules *rules;         /* NULL: there are none */
    int32_t n_per_beam;      /* candidates looked at for each of the beam: 2, more with more ends */
    int32_t n_candidates;    /* n_per_beam * beam */
    int32_t n_groups, width; /* of a sentence; hypotheses of a group: beam / n_groups */
    int32_t enough;          /* finished hypotheses that end a group: width * patience */
    rd_sentence_queue waiting, under_way, done;
    int32_t *free_slots; /* [n_free_slots], of n_slots */
    int64_t n_free_slots, n_slots, slot_capacity;
    int64_t tokens_at_once;   /* limit on the source tokens being searched */
    int64_t tokens_under_way; /* the current total */
    int64_t n_under_way;      /* sentences */
    int64_t n_rows, row_capacity;
    rd_search_row *rows, *next_rows;   /* [row_capacity], as the next four */
    int32_t *parents, *slots, *tokens; /* the scorer's arguments */
    int32_t *aligned;                  /* most attended source token, or -1 */
    float *eos_log_probs; /* after biases, penalties and temperature, before rules forbid */
    int32_t *candidate_counts;
    rd_candidate *candidates; /* [row_capacity, candidate_stride] */
    int64_t candidate_capacity;
    int32_t candidate_stride; /* room for those of a row: more where a sentence has constraints */
    rd_candidate *merged;     /* [n_candidates] */
    float *log_probs;         /* [RD_SCORER_ROWS, vocab_size] of some rows */
    rd_candidate *pools;      /* [threads, vocab_size], for sampling; else NULL */
    float *attention;         /* [attention_capacity] of one row; NULL where nothing asks for it */
    int64_t attention_capacity;
    void *ranked; /* for constraints (constraints.c) */
    int64_t ranked_capacity;
};

/* Reads the attention of all rows, if the settings need it, and each row's continuations, under the
 * rules of the search (expand.c). */
rd_status rd_search_expand(rd_search *search);

/* Whether a token ends an output (rules.c). */
bool rd_search_ends(const rd_search *search, int32_t token);

/* The one token that may follow a row, or -1 when it may choose (expand.c). */
int32_t rd_search_forced_token(const rd_search *search, const rd_search_row *row);

/* The k best continuations of one row, best first, in best[0..*n): base + log_probs[token], equal
 * scores by smaller token. Tokens of probability zero (-inf) are never chosen, so *n may be below
 * k. log_probs: [vocab_size]. NaN or +inf among them: RD_ERR_NUMERIC (expand.c). */
rd_status rd_candidates_select(const float *log_probs, int32_t vocab_size, float base, int32_t row,
                               int32_t k, rd_candidate *best, int32_t *n);

/* Puts the k best of `more` (sorted) and best[0..*n) (sorted) into best; equal scores keep those
 * already there before the others. best has room for k (expand.c). */
void rd_candidates_merge(rd_candidate *best, int32_t *n, int32_t k, const rd_candidate *more,
                         int32_t n_more);

/* Finishes and continues hypotheses: makes the rows of the next step (advance.c). */
rd_status rd_search_advance(rd_search *search);

/* Draws the continuation of row r, or those of all samples from the first, into its candidates
 * (sample.c); log_probs: [vocab_size] of the row, base: added to their log P. */
rd_status rd_search_sample(const rd_search *search, int thread, int64_t r, const float *log_probs,
                           float base);

/* The penalty that a diverse beam subtracts from a continuation's score because earlier groups have
 * the token at this step; a sentence's next rows before `others` are theirs (advance.c). */
float rd_search_penalty(const rd_search *search, const rd_candidate *candidate, int64_t others);
/* Whether a group before `group` has the whole hypothesis: finished, if the continuation finishes,
 * else among the sentence's next rows before `others` (advance.c). */
bool rd_search_is_taken(const rd_search *search, const rd_candidate *candidate, int32_t group,
                        int64_t others);

/* Constraints (constraints.c); for sentences without any, most of these do nothing. */
rd_status rd_constraints_begin(rd_search *search, rd_sentence *sentence);
void rd_constraints_end(rd_sentence *sentence);
/* How many phrases a live hypothesis still lacks. */
int32_t rd_constraints_unmet(const rd_search *search, int64_t row);
/* After a phrase that the row's last token ends: forbids tokens that continue its word, and an end
 * before a final mark (see rd_search_request). Returns the probability that they had. */
float rd_constraints_close(const rd_search *search, int64_t row, float *log_probs);
/* Whether `token` is the next one of a phrase that is still lacking. */
bool rd_constraints_want(const rd_search *search, int64_t row, int32_t token);
/* Adds these tokens to the row's candidates, at most n_candidates. */
void rd_constraints_add_wanted(rd_search *search, int64_t row, const float *log_probs, float base);
/* The candidates of the rows of one group of a sentence with constraints, first .. end - 1, in the
 * order in which they continue, into `merged`; others: as of rd_search_penalty. */
int32_t rd_constraints_merge(rd_search *search, int32_t group, int64_t first, int64_t end,
                             int64_t others);
/* Row `next_row` of the next step continues `candidate`. */
void rd_constraints_continue(rd_search *search, const rd_candidate *candidate, int64_t next_row);
void rd_constraints_advance(rd_sentence *sentence); /* the next step's rows become this step's */

#endif
