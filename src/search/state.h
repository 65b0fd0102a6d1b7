/* A search under way, shared by the files that make it up. */
#ifndef RD_SEARCH_STATE_H
#define RD_SEARCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "search/beam.h"
#include "search/candidates.h"

/* A live hypothesis; the rows of one sentence are adjacent and ranked best first. */
typedef struct {
    int32_t sentence, node;
    float score; /* log P so far, minus penalties */
} rd_search_row;

/* Hypotheses share their beginnings, so they are paths in a tree; node -1 is the empty one. */
typedef struct {
    int32_t token, parent;
} rd_search_node;

typedef struct {
    int32_t max_len;
    int32_t n_finished; /* kept */
    int32_t n_found;    /* finished in all */
} rd_search_sentence;

typedef struct {
    const rd_beam_config *config;
    const rd_scorer *scorer;
    const rd_search_request *requests; /* [n_sentences], or NULL */
    int32_t eos, pad, unk;
    int32_t step;         /* tokens in every live hypothesis */
    int32_t n_candidates; /* 2 * beam */
    int32_t enough;       /* finished hypotheses that end a search: beam * patience */
    int64_t n_sentences;
    rd_search_sentence *sentences; /* [n_sentences] */
    rd_hypothesis *finished;       /* [n_sentences, beam] */
    rd_search_node *nodes;
    int64_t n_nodes, node_capacity;
    int64_t n_rows;
    rd_search_row *rows, *next_rows;       /* [n_sentences * beam] */
    int32_t *parents, *row_sents, *tokens; /* the scorer's arguments, as many */
    float *eos_log_probs;                  /* before constraints, as many */
    float *log_probs;                      /* [n_sentences * beam, vocab_size] */
    rd_candidate *candidates;              /* [n_sentences * beam, n_candidates] */
    int32_t *candidate_counts;             /* [n_sentences * beam] */
    rd_candidate *merged;                  /* [n_candidates] */
} rd_search;

/* Each row's continuations, under the rules of the search (expand.c). */
rd_status rd_search_expand(rd_search *search);

/* Finishes and continues hypotheses: makes the rows of the next step (advance.c). */
rd_status rd_search_advance(rd_search *search);

#endif
