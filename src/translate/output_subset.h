/* The target pieces that a batch may use, renumbered, so a search over a shortlist is a search over
 * a smaller vocabulary. */
#ifndef RD_TRANSLATE_OUTPUT_SUBSET_H
#define RD_TRANSLATE_OUTPUT_SUBSET_H

#include <stdint.h>

#include "base/memory.h"
#include "data/shortlist.h"
#include "rdrop/model.h"
#include "search/search.h"

typedef struct {
    int32_t n;        /* 0: all pieces, whose numbers are their ids */
    int32_t *ids;     /* [n], ascending */
    int32_t *numbers; /* [vocab], -1: not among them */
    int32_t vocab;    /* all target pieces that there are */
    rd_arena arena;   /* has it all */
} rd_output_subset;

/* Chooses the pieces that the shortlist gives for the sources of the requests: [n], and those that
 * the requests and the options of the search name. Some more are added, to have only a few
 * different sizes; if most pieces would be chosen, all are. The prefixes and phrases of the
 * requests are then renumbered. */
rd_status rd_output_subset_choose(rd_output_subset *subset, const rd_shortlist *shortlist,
                                  const rd_model_config *config, const rd_search_options *search,
                                  int64_t n, rd_search_request *requests);
void rd_output_subset_free(rd_output_subset *subset);

/* The number of a chosen piece; of none (-1), -1. */
int32_t rd_output_subset_number(const rd_output_subset *subset, int32_t id);
/* Turns the numbers of tokens: [n] back to ids. */
void rd_output_subset_restore(const rd_output_subset *subset, int32_t *tokens, int64_t n);

#endif
