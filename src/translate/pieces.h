/* The target pieces that a batch may use, numbered anew, so that a search over a shortlist is a
 * search over a smaller vocabulary. */
#ifndef RD_TRANSLATE_PIECES_H
#define RD_TRANSLATE_PIECES_H

#include <stdint.h>

#include "base/memory.h"
#include "data/shortlist.h"
#include "rdrop/model.h"
#include "search/beam.h"

typedef struct {
    int32_t n;        /* 0: all pieces, whose numbers are their ids */
    int32_t *ids;     /* [n], ascending */
    int32_t *numbers; /* [vocab], -1: not among them */
    int32_t vocab;    /* all target pieces that there are */
    rd_arena arena;   /* has it all */
} rd_pieces;

/* Chooses the pieces that the shortlist gives for the sources, src: [n_src] tokens, and that the
 * requests: [n] (or NULL) name. Some more are taken in, for the sake of few different sizes; where
 * most pieces would be chosen, all are. Pieces and requests are then renumbered. */
rd_status rd_pieces_choose(rd_pieces *pieces, const rd_shortlist *shortlist,
                           const rd_model_config *config, int64_t n_src, const int32_t *src,
                           int64_t n, rd_search_request *requests);
void rd_pieces_free(rd_pieces *pieces);

/* The number of a chosen piece; of none (-1), -1. */
int32_t rd_pieces_number(const rd_pieces *pieces, int32_t id);
/* Turns the numbers of tokens: [n] back to ids. */
void rd_pieces_restore(const rd_pieces *pieces, int32_t *tokens, int64_t n);

#endif
